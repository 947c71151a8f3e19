//! Fuzz targets: every reader of this crate. See `corpus` for how they run.
//!
//! | target | what must hold |
//! |---|---|
//! | [`dependency`] | a descriptor that is read is within its bounds, and what is rewritten is read as it was meant |
//! | [`packet`] | what is sealed is opened once, as it was; what is bent is not; headers and extensions stay within the packet |
//! | [`control`] | no RTCP says more than it holds; what is sealed is opened once; feedback is bounded |

pub(crate) mod control;
pub(crate) mod dependency;
pub(crate) mod packet;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::replay;

    #[test]
    fn descriptors_of_the_corpus_are_read_within_bounds_and_rewritten_as_meant() {
        replay("dependency", dependency::seeds(), dependency::run);
    }

    #[test]
    fn packets_of_the_corpus_are_opened_once_and_only_unbent() {
        replay("packet", packet::seeds(), packet::run);
    }

    #[test]
    fn control_of_the_corpus_says_no_more_than_it_holds() {
        replay("control", control::seeds(), control::run);
    }
}
