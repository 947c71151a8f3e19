//! How clients that lost this node at the same moment are spread over time when they come back.
//!
//! Coming back costs a grant's signature, a handshake and an answer, done by one thread for all
//! participants of a shard. A client is told the span while it is connected, for when the node
//! falls silent it is too late.

/// The least span. A handful of clients comes back at once, and two that came at the same moment
/// still differ.
const LEAST_SPAN_MS: u32 = 300;

/// The longest span. Beyond it a client seems broken to the person before it.
const LONGEST_SPAN_MS: u32 = 10_000;

/// How much longer the span is for each participant: two hundred come back in a second.
const SPAN_MS_PER_PARTICIPANT: u32 = 5;

/// How long a client waits at least before it comes back to a node that is stopping, which takes
/// a moment.
const LEAST_WAIT_MS: u32 = 1_000;

/// In how many milliseconds a client makes its first try, at a random moment, when it loses a
/// shard that holds so many participants.
pub fn reconnect_within_ms(participants: usize) -> u32 {
    u32::try_from(participants)
        .unwrap_or(u32::MAX)
        .saturating_mul(SPAN_MS_PER_PARTICIPANT)
        .clamp(LEAST_SPAN_MS, LONGEST_SPAN_MS)
}

/// After how many milliseconds one of so many participants that are sent away comes back.
/// `chance` is any random number, another one for each of them.
pub fn retry_after_ms(participants: usize, chance: u64) -> u32 {
    let span = u64::from(reconnect_within_ms(participants));
    // The remainder is below the span, which fits.
    LEAST_WAIT_MS + u32::try_from(chance % span).unwrap_or(LONGEST_SPAN_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_span_grows_with_the_participants_between_its_two_ends() {
        let table = [
            (0, 300),
            (1, 300),
            (60, 300),
            (61, 305),
            (200, 1_000),
            (1_999, 9_995),
            (2_000, 10_000),
            (50_000, 10_000),
            (usize::MAX, 10_000),
        ];
        for (participants, span_ms) in table {
            assert_eq!(reconnect_within_ms(participants), span_ms, "{participants}");
        }
    }

    #[test]
    fn who_is_sent_away_waits_a_moment_and_then_some_part_of_the_span() {
        let table = [
            (1, 0, 1_000),
            (1, 299, 1_299),
            (1, 300, 1_000),
            (200, 999, 1_999),
            (200, u64::MAX, 1_000 + 615),
            (usize::MAX, 9_999, 10_999),
        ];
        for (participants, chance, wait_ms) in table {
            assert_eq!(retry_after_ms(participants, chance), wait_ms);
        }
    }
}
