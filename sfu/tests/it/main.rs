//! A whole node on loopback sockets.

mod control;
mod doors;
mod house;
mod links;
mod meeting;
mod posted;
mod poster;
mod streams;
#[path = "../../src/testing.rs"]
mod testing;
mod wire;
