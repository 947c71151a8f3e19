//! A recorder and a node made of channels: whole recordings from the command to the files.

mod crash;
mod meeting;
mod node;
mod refusals;
mod scene;
mod whole;
