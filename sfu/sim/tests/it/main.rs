//! Stories of a whole world, each told with ten committed seeds.

mod determinism;
mod joining;
mod layers;
mod network;
mod oracles;
mod recording;
mod seeds;
mod strangers;
mod tracks;
