//! A participant against a node made of nothing but str0m, and relays between sockets.

#[cfg(feature = "driver")]
mod driver;
#[cfg(feature = "driver")]
mod impair;
mod light;
mod node;
mod participant;
