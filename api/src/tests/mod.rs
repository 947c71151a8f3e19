//! What holds over several endpoints.

mod crash;
mod jobs;
mod objects;
mod people;
mod refresh;
mod rights;
mod surface;
mod tenants;
