//! The mind of the recorder. Bytes, entries and events in; frames, scenes, health and the
//! manifest out. It opens no file and knows no ffmpeg.
//!
//! | module | decides |
//! |---|---|
//! | [`tape`] | the bytes of a tape, and where they can no longer be believed |
//! | [`journal`] | what is noted beside the tapes |
//! | [`reorder`] | the order of sequence numbers, losses, duplicates |
//! | [`depacketise`] | RTP payloads to whole, decodable frames |
//! | [`clock`] | every timestamp on one clock |
//! | [`survey`] | the first reading of a tape: counts and clocks |
//! | [`assemble`] | the second reading: frames on the clock |
//! | [`stretch`] | arithmetic of stretches of time |
//! | [`timeline`] | who was there when, muted when |
//! | [`layout`] | who is shown where when |
//! | [`health`] | how whole a recording is |
//! | [`manifest`] | the parts, their keys and hashes |
//!
//! A recording is read twice: [`survey::survey`] for each tape, then [`clock::place_tapes`] for
//! all, then [`assemble::Assemble`] for each tape as often as frames are wanted.

pub mod assemble;
pub mod clock;
pub mod depacketise;
pub mod frame;
pub mod health;
pub mod journal;
pub mod layout;
pub mod manifest;
pub mod reorder;
pub mod stretch;
pub mod survey;
pub mod tape;
pub mod timeline;
