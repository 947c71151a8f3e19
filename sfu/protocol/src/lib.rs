//! The words that processes and browsers say to each other, and nothing else.
//!
//! Plain values with serde: no clock, no socket, no runtime. Every program of the house may
//! import this crate; it imports none of ours.
//!
//! | module | who speaks |
//! |---|---|
//! | [`ids`] | everyone: the identities, one newtype each |
//! | [`media`] | everyone: sources, kinds, codecs, media time |
//! | [`signal`] | a browser and a node, over a WebSocket |
//! | [`grant`] | `api` signs, a node verifies: the right to enter a room |
//! | [`control`] | `api` and a node: wishes, reports, room events |
//! | [`link`] | a node and its link peers: tapes, events, acknowledgements |
//! | [`link::shards`] | the shards of one room: transports, and media that is received on another |
//! | [`recording`] | `api` and a recorder: commands and reports |
//! | [`turn`] | `api` makes, a relay checks: short-lived TURN credentials |
//!
//! # Compatibility
//! Names on the wire are `snake_case`. Every message has one committed golden example under
//! `tests/golden`, compared byte for byte; a changed byte is a failed test and therefore a
//! decision. Unknown fields are ignored, unknown message types are refused with a code.

pub mod control;
pub mod grant;
pub mod ids;
pub mod link;
pub mod media;
pub mod recording;
pub mod signal;
pub mod turn;
