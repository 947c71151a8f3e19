//! What must always hold, whatever the story.
//!
//! - A frame that comes out whole can be decoded: its chain is intact, or it begins one; of
//!   pictures that are built of layers each frame has all that it needs, by what it says itself
//!   and by its dependency descriptor.
//! - Within a slot, sequence numbers, timestamps and picture ids are one continuous line, also
//!   over switches of track and layer, and every packet says by CSRC whose it is.
//! - Nobody receives their own track.
//! - Whoever speaks is heard by all, without a long silence; a slot that shows somebody moves.
//! - Everyone's roster is right within a second of each change.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use sfu_client::peer::{ReceivedFrame, ReceivedPacket};
use sfu_protocol::media::Codec;
use sfu_rtp::dependency::Stream;

/// How patient the oracles are. It depends on the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// From a change until every roster shows it.
    pub roster: Duration,
    /// From joining until a path must stand.
    pub connect: Duration,
    /// From when a path stands undisturbed until media must flow both ways.
    pub settle: Duration,
    /// Longest silence of somebody who speaks.
    pub silence: Duration,
    /// Longest standstill of a picture, a new one's beginning included.
    pub freeze: Duration,
    /// Most that a slot's timestamps may differ from the time that passes.
    pub timestamp_slack: Duration,
    /// Whether the network loses nothing, so that no packet may be missing.
    pub lossless: bool,
}

impl Bounds {
    /// For paths that lose nothing.
    pub const STRICT: Bounds = Bounds {
        roster: Duration::from_secs(1),
        connect: Duration::from_millis(1_500),
        settle: Duration::from_millis(1_500),
        silence: Duration::from_millis(250),
        freeze: Duration::from_millis(700),
        timestamp_slack: Duration::from_millis(300),
        lossless: true,
    };

    /// For paths that lose 5 % each way: a handshake may need four of DTLS's timers, which begin with
    /// a quarter of a second and double; a keyframe and its request may be lost as well.
    pub const LOSSY: Bounds = Bounds {
        roster: Duration::from_secs(1),
        connect: Duration::from_secs(6),
        settle: Duration::from_secs(3),
        silence: Duration::from_millis(600),
        freeze: Duration::from_millis(2_000),
        timestamp_slack: Duration::from_millis(1_000),
        lossless: false,
    };

    /// For good paths that are cut, moved or crashed: what was under way is lost, the rest is as
    /// strict. A check of a silent path comes twice a second, a keyframe once.
    pub const BROKEN: Bounds = Bounds {
        settle: Duration::from_millis(2_000),
        freeze: Duration::from_millis(1_000),
        timestamp_slack: Duration::from_millis(500),
        lossless: false,
        ..Bounds::STRICT
    };

    /// For paths that lose 10 % with 100 ms of jitter, or more. A loss that no retransmission mends
    /// is waited for 0.8 s, the keyframe and its repair take as long; a request for it that is lost
    /// is said again after 0.3 s by the receiver, after 0.5 to 1 s by the node, and four may be
    /// lost in a row. A handshake may need six of DTLS's timers, the last of them 8 s.
    pub const BAD: Bounds = Bounds {
        silence: Duration::from_millis(1_500),
        freeze: Duration::from_millis(5_000),
        connect: Duration::from_secs(15),
        settle: Duration::from_secs(6),
        ..Bounds::LOSSY
    };
}

/// Every packet of one slot.
#[derive(Debug, Clone, Default)]
pub struct SlotLine {
    packets: BTreeMap<u64, Stamp>,
    twice: u64,
    unmarked: u64,
    last_at: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Stamp {
    timestamp: u64,
    codec: Option<Codec>,
    at: Instant,
}

impl SlotLine {
    /// Notes a packet.
    pub fn packet(&mut self, at: Instant, packet: &ReceivedPacket) {
        let stamp = Stamp {
            timestamp: packet.timestamp,
            codec: packet.codec,
            at,
        };
        self.twice += u64::from(self.packets.insert(packet.seq, stamp).is_some());
        self.unmarked += u64::from(packet.csrc.is_none());
        self.last_at = Some(at);
    }

    /// When the last packet came.
    pub fn last_at(&self) -> Option<Instant> {
        self.last_at
    }

    /// How many packets came.
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether none came.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// What is wrong with the line as a whole.
    pub fn faults(&self, bounds: &Bounds) -> Vec<String> {
        let mut faults = Vec::new();
        if self.twice > 0 {
            faults.push(format!("{} packets came twice", self.twice));
        }
        if self.unmarked > 0 {
            faults.push(format!("{} packets without CSRC", self.unmarked));
        }
        if bounds.lossless && self.missing() > 0 {
            faults.push(format!(
                "{} sequence numbers are missing on a path that loses nothing, the first after {:?}",
                self.missing(),
                self.first_before_a_hole()
            ));
        }
        faults.extend(self.jump(bounds));
        faults
    }

    fn first_before_a_hole(&self) -> Option<u64> {
        let pairs = self.packets.keys().zip(self.packets.keys().skip(1));
        pairs
            .filter(|(before, after)| **before + 1 != **after)
            .map(|(before, _)| *before)
            .next()
    }

    fn missing(&self) -> u64 {
        let ends = self
            .packets
            .keys()
            .next()
            .zip(self.packets.keys().next_back());
        ends.map_or(0, |(first, last)| {
            last - first + 1 - self.packets.len() as u64
        })
    }

    /// The first place where timestamps do not go on as time does. A packet that is late, because
    /// it was sent again or its path was dark, is nothing of the kind: those after it are not.
    fn jump(&self, bounds: &Bounds) -> Option<String> {
        let slack_us = bounds.timestamp_slack.as_micros() as i128;
        let lags: Vec<(u64, u64, i128)> = self.lags();
        // How late the least late of those that follow is.
        let mut settled = lags.clone();
        for index in (0..settled.len().saturating_sub(1)).rev() {
            settled[index].2 = settled[index].2.min(settled[index + 1].2);
        }
        let mut least_us = lags.first()?.2;
        for index in 1..lags.len() {
            let (before, after) = (lags[index - 1], lags[index]);
            let ahead_us = least_us - after.2;
            let behind_us = settled[index].2 - least_us;
            if after.1 < before.1 || ahead_us > slack_us || behind_us > slack_us {
                return Some(format!(
                    "from seq {} to {} the timestamp goes on by {} ticks and is {} ms ahead",
                    before.0,
                    after.0,
                    i128::from(after.1) - i128::from(before.1),
                    if ahead_us > slack_us {
                        ahead_us
                    } else {
                        -behind_us
                    } / 1_000,
                ));
            }
            least_us = least_us.min(after.2);
        }
        None
    }

    /// Each packet's number, timestamp, and how much later it came than its timestamp says, in
    /// microseconds and up to a constant.
    fn lags(&self) -> Vec<(u64, u64, i128)> {
        let Some(first) = self.packets.values().map(|stamp| stamp.at).min() else {
            return Vec::new();
        };
        let lags = self.packets.iter().filter_map(|(&seq, stamp)| {
            let clock_hz = i128::from(stamp.codec?.clock_rate_hz());
            let media_us = i128::from(stamp.timestamp) * 1_000_000 / clock_hz;
            let came_us = (stamp.at - first).as_micros() as i128;
            Some((seq, stamp.timestamp, came_us - media_us))
        });
        lags.collect()
    }
}

/// What two frames of a slot that follow each other without a hole owe each other.
pub fn frame_fault(before: &ReceivedFrame, after: &ReceivedFrame) -> Option<String> {
    if before.seqs.1 + 1 != after.seqs.0 {
        return None;
    }
    // VP9's references are distances between its numbers: what is left out leaves a gap.
    let most = match after.codec {
        Codec::Vp9 => MOST_LEFT_OUT,
        _ => 1,
    };
    let goes_on = |one: u16, two: u16| (1..=most).contains(&(two.wrapping_sub(one) & 0x7fff));
    let pictures = before.picture_id.zip(after.picture_id);
    if let Some((one, two)) = pictures.filter(|(one, two)| !goes_on(*one, *two)) {
        return Some(format!("picture id {two} follows {one}"));
    }
    // It counts the pictures of the lowest temporal layer.
    let counted = u8::from(after.temporal_id.unwrap_or(0) == 0);
    let counts = before.tl0_pic_idx.zip(after.tl0_pic_idx);
    if let Some((one, two)) = counts.filter(|(one, two)| one.wrapping_add(counted) != *two) {
        return Some(format!("TL0PICIDX {two} follows {one}"));
    }
    None
}

/// Frames whose numbers are remembered.
const REMEMBERED: usize = 512;

/// Most frames that may lie between two that follow each other without a hole: what a node leaves
/// out of pictures that are built of layers.
const MOST_LEFT_OUT: u16 = 24;

/// The dependency descriptors of one slot, as a receiver reads them.
#[derive(Debug, Default)]
pub struct DescribedLine {
    stream: Stream,
    came: VecDeque<u16>,
    last_seq: Option<u64>,
}

impl DescribedLine {
    /// What is wrong with the descriptors of a picture: each can be read, its number goes on, what
    /// it refers to came, and its layer is one that the receiver is told it has.
    pub fn faults(&mut self, picture: &ReceivedFrame) -> Option<String> {
        let follows = self.last_seq.replace(picture.seqs.1) == picture.seqs.0.checked_sub(1);
        for value in &picture.descriptors {
            let (read, structure, active) = match self.stream.read(value, false) {
                Ok(read) => read,
                Err(error) => return Some(format!("a descriptor: {error}")),
            };
            let frame = read.frame;
            if self.came.back() == Some(&frame.number) {
                continue;
            }
            let step = self
                .came
                .back()
                .map(|last| frame.number.wrapping_sub(*last));
            let goes_on =
                step.is_none_or(|step| step <= MOST_LEFT_OUT || !follows && step < 1 << 15);
            if !goes_on {
                return Some(format!("frame {} goes on by {step:?}", frame.number));
            }
            for distance in frame.references.as_slice() {
                let needed = frame.number.wrapping_sub(*distance);
                if !self.came.contains(&needed) {
                    return Some(format!("{frame:?} needs {needed}, which never came"));
                }
            }
            let targets = structure.targets.iter().enumerate();
            let has = targets.filter(|(index, _)| active >> index & 1 == 1);
            let highest = has.map(|(_, target)| target.spatial_id).max();
            if highest.is_none_or(|highest| highest < frame.spatial_id) {
                return Some(format!("{frame:?} is of none of the targets {active:b}"));
            }
            if self.came.len() == REMEMBERED {
                self.came.pop_front();
            }
            self.came.push_back(frame.number);
        }
        None
    }
}

/// What is wrong, by whom it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Milliseconds since the story began.
    pub at_ms: u64,
    /// The step of the story.
    pub step: String,
    /// Who saw it.
    pub who: String,
    /// What.
    pub what: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:>6} ms [{}] {}: {}",
            self.at_ms, self.step, self.who, self.what
        )
    }
}

#[cfg(test)]
mod tests {
    use sfu_protocol::signal::SlotId;

    use super::*;

    fn line(packets: &[(u64, u64, u64)]) -> SlotLine {
        let start = Instant::now();
        let mut line = SlotLine::default();
        for &(seq, timestamp, at_ms) in packets {
            let packet = ReceivedPacket {
                slot: SlotId("a".into()),
                seq,
                timestamp,
                marker: true,
                csrc: Some(1),
                codec: Some(Codec::Vp8),
                payload_bytes: 10,
            };
            line.packet(start + Duration::from_millis(at_ms), &packet);
        }
        line
    }

    #[test]
    fn a_line_is_continuous_or_its_fault_is_named() {
        type Packets = &'static [(u64, u64, u64)];
        let cases: [(&str, Packets, usize); 9] = [
            ("goes on", &[(1, 0, 0), (2, 9_000, 100), (3, 9_000, 101)], 0),
            ("a number is missing", &[(1, 0, 0), (3, 9_000, 100)], 1),
            (
                "a packet twice",
                &[(1, 0, 0), (1, 0, 0), (2, 9_000, 100)],
                1,
            ),
            ("time goes back", &[(1, 9_000, 0), (2, 0, 100)], 1),
            (
                "time stands still",
                &[
                    (1, 0, 0),
                    (2, 9_000, 100),
                    (3, 18_000, 5_000),
                    (4, 27_000, 5_100),
                ],
                1,
            ),
            (
                "a dark path whose packets were all sent again",
                &[
                    (1, 0, 0),
                    (2, 9_000, 500),
                    (3, 18_000, 500),
                    (4, 45_000, 500),
                ],
                0,
            ),
            ("time jumps", &[(1, 0, 0), (2, 900_000, 100)], 1),
            (
                "a packet that was sent again",
                &[(1, 0, 0), (2, 0, 900), (3, 9_000, 100)],
                0,
            ),
            (
                "a pause that the timestamps know of",
                &[(1, 0, 0), (2, 900_000, 10_000)],
                0,
            ),
        ];
        for (name, packets, faults) in cases {
            let found = line(packets).faults(&Bounds::STRICT);
            assert_eq!(found.len(), faults, "{name}: {found:?}");
        }
    }
}
