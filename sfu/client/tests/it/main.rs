//! A participant against a node made of nothing but str0m.

#[cfg(feature = "driver")]
mod driver;
mod node;
mod participant;
