//! Fuzz targets: every word of the signalling, and grants. See `corpus` for how they run.
//!
//! | target | what must hold |
//! |---|---|
//! | [`signal`] | what can be read can be written and read again as the same |
//! | [`grant`] | a grant that passes has our signature, its type, audience, node and time |

pub(crate) mod grant;
pub(crate) mod signal;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::replay;

    #[test]
    fn messages_of_the_corpus_are_refused_or_survive_a_round_trip() {
        replay("signal", signal::seeds(), signal::run);
    }

    #[test]
    fn grants_of_the_corpus_pass_only_when_every_claim_is_right() {
        replay("grant", grant::seeds(), grant::run);
    }
}
