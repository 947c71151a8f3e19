//! What holds over several endpoints.

mod objects;
mod refresh;
mod surface;
mod tenants;
