//! A whole node on loopback sockets.

mod control;
mod doors;
mod house;
mod links;
mod meeting;
#[path = "../../src/testing.rs"]
mod testing;
