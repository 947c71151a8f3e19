//! A participant without a browser: bench, tests and the guests of a demo meeting.
//!
//! The mind is [`participant::Participant`], sans-IO over str0m in RTP mode: it makes the offer,
//! follows the node's messages, sends encoded frames, puts received packets in order and says
//! what it saw. It has no clock, socket or thread; whoever drives it passes time in.
//!
//! ```text
//! participant.join(now, grant)                            // ClientMessage::Join waits in the queue
//! participant.handle(now, Input::Datagram { .. } | Input::Node(envelope) | Input::Tick)
//! participant.send_video(now, captured, source, &frame)
//! while let Some(output) = participant.poll() { .. }      // messages, datagrams, events
//! let wake = participant.deadline();
//! ```
//!
//! | module | what it decides |
//! |---|---|
//! | [`participant`] | one end of a meeting: what it says to the node, who is there, what is in which slot |
//! | [`peer`] | one peer connection: its media, whoever is at the other end; `light`, a receiver past str0m |
//! | [`media`] | what a source of encoded frames is |
//! | [`coding`] | how pictures are coded: VP8, H.264, VP9 and AV1, cut into payloads |
//! | [`vp8`] | RFC 7741: a frame cut into payloads, and put together again |
//! | [`synthetic`] | frames that carry a mark, and a decoder that proves a chain of them intact |
//! | [`impair`] | what a bad network does; relays that do it (feature `driver`) |
//! | `driver` | (feature `driver`) a tokio WebSocket and UDP socket around a participant |

pub mod coding;
#[cfg(feature = "driver")]
pub mod driver;
pub mod impair;
pub mod media;
pub mod participant;
pub mod peer;
pub mod synthetic;
pub mod vp8;
