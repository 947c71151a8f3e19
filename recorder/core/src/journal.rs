//! The recording's own journal beside its tapes: what was asked, when it ran, what happened in
//! the room. One line each, `crc32c json`, appended and fsynced with the tapes; a torn last line is
//! dropped.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sfu_protocol::control::NodeEvent;
use sfu_protocol::ids::{RecordingId, RoomId, SessionId};
use sfu_protocol::media::MediaTime;

/// Room events kept of one recording. Beyond, later ones are not in its timeline.
pub const MAX_EVENTS: usize = 200_000;

/// What a recording was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Made by `api`.
    pub recording: RecordingId,
    /// Which room.
    pub room: RoomId,
    /// Whose record it joins.
    pub session: SessionId,
    /// What the files are called for people.
    pub title: String,
    /// Who started it.
    pub started_by: String,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum JournalLine {
    /// The first line.
    Asked {
        /// What for.
        assignment: Assignment,
    },
    /// The node records from this moment.
    Started {
        /// On its media clock.
        at: MediaTime,
    },
    /// Something happened in the room.
    Event {
        /// What.
        event: NodeEvent,
    },
    /// The recording is to end.
    StopAsked {},
    /// All tapes are closed, or nothing more is expected.
    Ended {
        /// On the node's media clock; None when the node did not say.
        at: Option<MediaTime>,
    },
}

/// The line's bytes.
pub fn encode(line: &JournalLine) -> Vec<u8> {
    let json = serde_json::to_string(line).expect("a journal line is plain data");
    format!("{:08x} {json}\n", crc32c::crc32c(json.as_bytes())).into_bytes()
}

/// The whole lines and the length of all of them. Reading stops at the first line that is torn
/// or corrupt.
pub fn decode(bytes: &[u8]) -> (Vec<JournalLine>, usize) {
    let mut lines = Vec::new();
    let mut whole = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some(decoded) = decode_line(line) else {
            break;
        };
        whole += line.len();
        lines.push(decoded);
    }
    (lines, whole)
}

fn decode_line(line: &[u8]) -> Option<JournalLine> {
    let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let (crc, json) = line.split_once(' ')?;
    let crc = u32::from_str_radix(crc, 16).ok()?;
    if crc32c::crc32c(json.as_bytes()) != crc {
        return None;
    }
    serde_json::from_str(json).ok()
}

/// What a journal says in all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// What was asked; None when not even that was written.
    pub assignment: Option<Assignment>,
    /// When the node began.
    pub started_at: Option<MediaTime>,
    /// When each node began that took the place of one before.
    pub begun_again_at: Vec<MediaTime>,
    /// When it ended.
    pub ended_at: Option<MediaTime>,
    /// It is to end.
    pub stop_asked: bool,
    /// It has ended.
    pub ended: bool,
    /// In order.
    pub events: Vec<NodeEvent>,
}

/// Sums a journal up.
pub fn account(lines: Vec<JournalLine>) -> Account {
    let mut account = Account::default();
    let mut known: BTreeSet<(u64, MediaTime)> = BTreeSet::new();
    let mut begun_anew = false;
    for line in lines {
        match line {
            JournalLine::Asked { assignment } => account.assignment = Some(assignment),
            // A node that came back begins again; the recording began with the first.
            JournalLine::Started { at } => {
                let first = *account.started_at.get_or_insert(at);
                begun_anew = account.stop_asked && at != first;
                if at != first && account.begun_again_at.last() != Some(&at) {
                    account.begun_again_at.push(at);
                }
            }
            // What happened is told again to a recorder that comes back.
            JournalLine::Event { event } => {
                if account.events.len() < MAX_EVENTS && known.insert((event.number, event.at)) {
                    account.events.push(event);
                }
            }
            JournalLine::StopAsked {} => account.stop_asked = true,
            JournalLine::Ended { at } => {
                account.ended = true;
                // A node that began anew after the stop says when that ended: the recording ended
                // with the last that is on its tapes.
                account.ended_at = at.filter(|_| !begun_anew);
            }
        }
    }
    account
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sfu_protocol::control::RoomEvent;
    use uuid::Uuid;

    fn lines() -> Vec<JournalLine> {
        vec![
            JournalLine::Asked {
                assignment: Assignment {
                    recording: RecordingId(Uuid::from_u128(1)),
                    room: RoomId(Uuid::from_u128(2)),
                    session: SessionId(Uuid::from_u128(3)),
                    title: "Zoë's\nmeeting".to_owned(),
                    started_by: "Zoë".to_owned(),
                },
            },
            JournalLine::Started { at: MediaTime(5) },
            JournalLine::Started { at: MediaTime(9) },
            JournalLine::StopAsked {},
            JournalLine::Ended { at: None },
        ]
    }

    fn bytes() -> Vec<u8> {
        lines().iter().flat_map(encode).collect()
    }

    #[test]
    fn what_is_written_is_read_and_summed_up() {
        let (read, whole) = decode(&bytes());
        assert_eq!(read, lines());
        assert_eq!(whole, bytes().len());
        let account = account(read);
        assert_eq!(account.started_at, Some(MediaTime(5)));
        assert!(account.stop_asked && account.ended && account.ended_at.is_none());
        assert_eq!(account.begun_again_at, [MediaTime(9)]);
    }

    #[test]
    fn an_event_that_is_told_again_is_counted_once() {
        let event = |number, at| JournalLine::Event {
            event: NodeEvent {
                number,
                room: RoomId(Uuid::nil()),
                at: MediaTime(at),
                event: RoomEvent::RoomOpened {},
            },
        };
        // A node that starts again counts from 1 again.
        let told = [event(1, 10), event(2, 10), event(1, 10), event(1, 20)];
        let counted = account(told.to_vec()).events;
        let numbers: Vec<u64> = counted.iter().map(|event| event.number).collect();
        assert_eq!(numbers, [1, 2, 1]);
    }

    #[test]
    fn the_end_is_not_that_of_a_node_that_began_anew_after_the_stop() {
        let started = |at| JournalLine::Started { at: MediaTime(at) };
        let (stop, ended) = (
            JournalLine::StopAsked {},
            JournalLine::Ended {
                at: Some(MediaTime(90)),
            },
        );
        for (lines, ended_at) in [
            (vec![started(5), stop.clone(), ended.clone()], Some(90)),
            // A recorder that comes back to the same node.
            (
                vec![started(5), stop.clone(), started(5), ended.clone()],
                Some(90),
            ),
            // It ran on over a new node, and was then stopped.
            (
                vec![started(5), started(50), stop.clone(), ended.clone()],
                Some(90),
            ),
            (vec![started(5), stop, started(89), ended], None),
        ] {
            assert_eq!(account(lines).ended_at, ended_at.map(MediaTime));
        }
    }

    proptest! {
        #[test]
        fn a_torn_journal_yields_its_whole_lines(cut in 0usize..300) {
            let bytes = bytes();
            let cut = cut.min(bytes.len());
            let (read, whole) = decode(&bytes[..cut]);
            prop_assert!(whole <= cut);
            prop_assert_eq!(&read[..], &lines()[..read.len()]);
        }

        #[test]
        fn a_flipped_bit_ends_the_reading(at in 0usize..300, bit in 0u8..8) {
            let mut bytes = bytes();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            let (read, whole) = decode(&bytes);
            prop_assert!(whole <= at || read == lines());
        }
    }
}
