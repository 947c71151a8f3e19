//! The media node: threads, sockets, signalling and links around [`sfu_core`].
//!
//! [`Node::start`] opens one UDP socket and one OS thread for each shard. A room lives on one
//! shard, chosen by its id; where it is larger than that, some of its connections are on others,
//! which get what they need of its media through queues (`neighbours`). The asynchronous half (WebSockets, links,
//! control) speaks to a shard through its bounded inbox and never touches a packet.
//!
//! ```text
//! browser --UDP--> worker (thread) --> Shard --> worker --UDP--> browsers
//!                                    Shard <--neighbours--> Shard
//! browser --/rtc-> signal --inbox----> Shard --outlet--> signal --> browser
//! encoder --/whip> whip ----inbox----> Shard --outlet--> whip ----> encoder, player (/whep)
//! recorder ------> link ----inbox----> Shard --outlet--> recorder
//! api -----------> control --inbox---> Shard --answer--> api
//! ```
//!
//! What the shell promises:
//! - Nothing waits for a slow reader. A WebSocket or link that falls a whole queue behind is cut
//!   off and comes back knowing where it stopped.
//! - Every queue is bounded; its constant says what filling it means.
//! - A shard that fails is loud: the log, [`Node::condition`], and the metric `shards_running`.
//! - [`Node::stop`] ends within [`STOP_DEADLINE`], whoever hangs.

mod clock;
mod config;
mod control;
mod events;
mod gate;
mod inbox;
mod link;
mod metrics;
mod neighbours;
mod net;
mod node;
mod outlet;
mod signal;
mod strangers;
#[cfg(test)]
mod testing;
mod whip;
mod worker;

pub use config::{Config, ConfigError, MAX_SHARDS};
pub use control::ControlError;
pub use link::LinkEnd;
pub use node::{Node, STOP_DEADLINE};
