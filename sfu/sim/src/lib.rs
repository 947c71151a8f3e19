//! A whole world in one thread, decided by one seed.
//!
//! One [`sfu_core::shard::Shard`] that may die and begin anew, any number of participants who come
//! back as a browser does, strangers, a recorder, and a network that delays, loses, doubles,
//! reorders, throttles and goes dark, on a virtual clock. A [`plan::Plan`] is a story of named
//! steps; while it is told, [`oracle`]s watch every participant; what they find is told with the
//! step, the time and the seed.
//!
//! # What one seed decides
//! Everything but the bytes of keys: DTLS draws them from the operating system, so ciphertext
//! differs from run to run. The fate of a datagram therefore depends on what is in the clear
//! (stream and sequence number, or its place in the order), never on its bytes, and str0m's own
//! small random source (names, SSRCs) is seeded, as are the timers of DTLS (`sfu_core::handshake`), and every
//! story begins at the same wall clock time (`moment`): str0m reckons round trips from it.
//! [`chronicle::Chronicle`] hashes decisions and events; the same seed gives the same hash.
//!
//! # Seeds
//! Every plan is told with seeds of its own (`tests/it/committed.rs`; a seed that found a fault
//! stays there). `make sim-sweep SEEDS=n FROM=m` tells `n` new ones, run `k` with seed `m + k` by
//! plan `k` modulo their number, on every core that it may use, and prints for each failure the
//! command that replays it; without `make`, the range is in `SFU_SIM_SWEEP=from..to`.
//!
//! | module | what it decides |
//! |---|---|
//! | [`plan`] | nothing: a story, and what is told when it fails |
//! | [`world`] | who is next on the virtual clock |
//! | [`network`] | the fate of each datagram |
//! | [`guest`] | a participant, its source, what it saw, and how it comes back |
//! | [`keeper`] | a link peer that keeps tapes, forgets what was not durable, and comes back |
//! | [`oracle`] | what must always hold |
//! | [`chronicle`] | what happened, and its hash |

pub mod chronicle;
pub mod guest;
pub mod keeper;
mod moment;
pub mod network;
pub mod oracle;
pub mod plan;
pub mod world;
