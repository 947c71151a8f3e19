//! Fuzz targets: tapes, as a failing disk or a hostile publisher would leave them, and the
//! payloads of every codec. See `corpus` for how they run.
//!
//! | target | what must hold |
//! |---|---|
//! | [`tape`] | what is read can be written and read again, indices have no hole that is not named, frames rise |
//! | [`depacketise`] | frames are well formed, no larger than what they are made of, and a keyframe follows every broken one |

pub(crate) mod depacketise;
pub(crate) mod tape;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::replay;

    #[test]
    fn tapes_of_the_corpus_are_read_as_far_as_they_are_whole() {
        replay("tape", tape::seeds(), tape::run);
    }

    #[test]
    fn payloads_of_the_corpus_become_whole_frames_or_none() {
        replay("depacketise_vp8", depacketise::seeds(), depacketise::vp8);
        replay("depacketise_vp9", depacketise::seeds(), depacketise::vp9);
        replay("depacketise_h264", depacketise::seeds(), depacketise::h264);
        replay("depacketise_av1", depacketise::seeds(), depacketise::av1);
        replay("depacketise_opus", depacketise::seeds(), depacketise::opus);
    }
}
