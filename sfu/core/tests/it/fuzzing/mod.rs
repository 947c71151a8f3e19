//! Fuzz targets at a shard with a live room: Ann shows her camera to Ben, and whoever sends the
//! input may disturb neither. See `corpus` for how they run, [`stage`] for what is checked after
//! each input.
//!
//! | target | who sends |
//! |---|---|
//! | [`demux`] | strangers, and strangers who write Ann's or Ben's address into their datagrams |
//! | [`offer`] | a guest: session descriptions |
//! | [`signalling`] | a guest, a member, an observer, or the host of another room: messages |
//! | [`established`] | a guest with live keys: RTP and RTCP changed before sealing, bytes after |
//! | [`link`] | link peers beside a recorder that keeps to the rules |

pub(crate) mod demux;
pub(crate) mod established;
pub(crate) mod link;
pub(crate) mod offer;
mod panics;
pub(crate) mod seal;
pub(crate) mod signalling;
mod stage;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::replay;

    #[test]
    fn datagrams_of_the_corpus_disturb_nobody_and_are_not_answered() {
        replay("demux", demux::seeds(), demux::run);
    }

    #[test]
    fn offers_of_the_corpus_are_answered_or_refused_and_disturb_nobody() {
        replay("offer", offer::seeds(), offer::run);
    }

    #[test]
    fn messages_of_the_corpus_disturb_nobody() {
        replay("signalling", signalling::seeds(), signalling::run);
    }

    #[test]
    fn link_frames_of_the_corpus_leave_the_recorder_without_an_unnamed_hole() {
        replay("link", link::seeds(), link::run);
    }

    #[test]
    fn packets_of_the_corpus_under_live_keys_disturb_nobody() {
        replay("established", established::seeds(), established::run);
    }
}
