//! Stories of a whole world, each told with its committed seeds.

mod bandwidth;
mod crash;
mod crowd;
mod darkness;
mod determinism;
mod idle;
mod joining;
mod layers;
mod moving;
mod network;
mod oracles;
mod plans;
mod recording;
mod returning;
mod seeds;
mod spread;
mod strangers;
mod sweep;
mod tracks;
mod trouble;
mod wishes;
