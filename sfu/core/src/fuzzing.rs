//! Fuzz targets of what nobody outside reaches: the readers of payloads. Built for tests and for
//! fuzzing only; those of a live room are in the tests (`tests/it/fuzzing`).
//!
//! | target | what must hold |
//! |---|---|
//! | [`payload`] | whatever a payload says, no number is given twice, and what is written is read as it was meant |
//! | [`red`] | what is taken apart lies within the payload; what is put together is taken apart as it was |

#[path = "../../protocol/tests/it/corpus.rs"]
mod corpus;
mod payload;
mod red;

/// Payloads of one stream, or of the layers of one picture, to a slot that shows it.
pub fn payload(input: &[u8]) {
    payload::run(input);
}

/// Redundant sound (RFC 2198).
pub fn red(input: &[u8]) {
    red::run(input);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_of_the_corpus_are_read_and_no_number_is_given_twice() {
        corpus::replay("payload", payload::seeds(), payload);
    }

    #[test]
    fn redundant_sound_of_the_corpus_is_taken_apart_within_its_bounds() {
        corpus::replay("red", red::seeds(), red);
    }
}
