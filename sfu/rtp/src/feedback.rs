//! Reads transport-wide feedback: which packets came, and when
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1). Nothing is copied: the
//! arrivals are read out of the packet one after the other.

/// Of the base, the count, the reference and the feedback's own number.
const FIXED_BYTES: usize = 8;

/// Most packets that one feedback may speak of. Few bytes can claim 65,535 losses, and nobody has
/// so many packets underway: feedback that speaks of more is refused.
pub const MAX_TOLD: u16 = 8_192;

/// One transport-wide feedback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feedback<'a> {
    /// The first number that it speaks of.
    pub base: u16,
    /// How many it speaks of, one after the other.
    pub count: u16,
    /// A time of the receiver's clock, in 64 ms, of which it has 24 bits.
    pub reference: u32,
    /// The feedback's own number.
    pub number: u8,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

/// One packet that feedback speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Its number.
    pub seq: u16,
    /// When it came, in 250 µs since the feedback's reference. `None`: it did not come.
    pub arrival: Option<i32>,
}

impl<'a> Feedback<'a> {
    /// Reads what follows the header and the two SSRCs of an RTCP packet. `None` when it says more
    /// than it holds, or speaks of more than [`MAX_TOLD`].
    pub fn read(control: &'a [u8]) -> Option<Self> {
        let (fixed, rest) = control.split_first_chunk::<FIXED_BYTES>()?;
        let count = u16::from_be_bytes([fixed[2], fixed[3]]);
        if count == 0 || count > MAX_TOLD {
            return None;
        }
        let chunks = chunk_bytes(rest, count)?;
        let (chunks, deltas) = rest.split_at(chunks);
        Some(Feedback {
            base: u16::from_be_bytes([fixed[0], fixed[1]]),
            count,
            reference: u32::from_be_bytes([0, fixed[4], fixed[5], fixed[6]]),
            number: fixed[7],
            chunks,
            deltas,
        })
    }

    /// The packets in the order of their numbers. They end early where a time is missing.
    pub fn told(&self) -> impl Iterator<Item = Told> + use<'a> {
        let statuses = self
            .chunks
            .chunks_exact(2)
            .flat_map(|chunk| Chunk::of(chunk[0], chunk[1]));
        let (base, mut deltas, mut at) = (self.base, self.deltas, 0_i32);
        statuses
            .take(usize::from(self.count))
            .enumerate()
            .map_while(move |(place, status)| {
                let seq = base.wrapping_add(place as u16);
                let Some(delta) = status.take(&mut deltas)? else {
                    return Some(Told { seq, arrival: None });
                };
                // At most MAX_TOLD deltas of 16 bits: no overflow.
                at += delta;
                let arrival = Some(at);
                Some(Told { seq, arrival })
            })
    }
}

/// What is said of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    NotReceived,
    /// With a delta of 8 bits, not negative.
    Small,
    /// With a delta of 16 bits.
    Large,
}

impl Status {
    fn of(symbol: u16) -> Status {
        match symbol {
            1 => Status::Small,
            2 => Status::Large,
            // 3 is reserved and has no time.
            _ => Status::NotReceived,
        }
    }

    /// The delta of a packet that came, taken from the rest of them. `None`: there is none left.
    fn take(self, deltas: &mut &[u8]) -> Option<Option<i32>> {
        let (delta, rest) = match self {
            Status::NotReceived => return Some(None),
            Status::Small => {
                let (delta, rest) = deltas.split_first()?;
                (i32::from(*delta), rest)
            }
            Status::Large => {
                let (delta, rest) = deltas.split_first_chunk()?;
                (i32::from(i16::from_be_bytes(*delta)), rest)
            }
        };
        *deltas = rest;
        Some(Some(delta))
    }
}

/// What two bytes say of a row of packets.
#[derive(Debug, Clone, Copy)]
struct Chunk {
    bits: u16,
    symbol_bits: u16,
    left: u16,
    /// Whether all symbols are one.
    run: bool,
}

impl Chunk {
    fn of(high: u8, low: u8) -> Chunk {
        let bits = u16::from_be_bytes([high, low]);
        let (run, symbol_bits, left) = match bits >> 14 {
            0 | 1 => (true, 0, bits & 0x1fff),
            2 => (false, 1, 14),
            _ => (false, 2, 7),
        };
        Chunk {
            bits,
            symbol_bits,
            left,
            run,
        }
    }
}

impl Iterator for Chunk {
    type Item = Status;

    fn next(&mut self) -> Option<Status> {
        self.left = self.left.checked_sub(1)?;
        let symbol = match self.run {
            true => self.bits >> 13 & 3,
            false => self.bits >> (self.left * self.symbol_bits) & ((1 << self.symbol_bits) - 1),
        };
        Some(Status::of(symbol))
    }
}

/// How many bytes of chunks it takes to speak of so many packets.
fn chunk_bytes(rest: &[u8], count: u16) -> Option<usize> {
    let mut spoken_of = 0_usize;
    for (place, chunk) in rest.chunks_exact(2).enumerate() {
        spoken_of += usize::from(Chunk::of(chunk[0], chunk[1]).left);
        if spoken_of >= usize::from(count) {
            return Some(2 * (place + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    /// Of the RTCP header and the two SSRCs.
    const HEADER_BYTES: usize = 12;

    use crate::rtcp::{Arrival, transport_wide};

    fn control(count: u16, chunks: &[u16], deltas: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0xff, 0xfe];
        bytes.extend_from_slice(&count.to_be_bytes());
        bytes.extend_from_slice(&[0, 0, 9, 3]);
        bytes.extend(chunks.iter().flat_map(|chunk| chunk.to_be_bytes()));
        bytes.extend_from_slice(deltas);
        bytes
    }

    #[test]
    fn every_form_of_a_chunk_is_read() {
        type Case<'a> = (u16, &'a [u16], &'a [u8], &'a [Option<i32>]);
        let cases: [Case<'_>; 6] = [
            // Runs: three came, two did not.
            (
                5,
                &[0x2003, 0x0002],
                &[1, 2, 3],
                &[Some(1), Some(3), Some(6), None, None],
            ),
            // One bit each: came, not, came.
            (3, &[0xa800], &[4, 4], &[Some(4), None, Some(8)]),
            // Two bits each: small, large, not, reserved.
            (
                4,
                &[0xd8c0],
                &[8, 0xff, 0xfc],
                &[Some(8), Some(4), None, None],
            ),
            // A run that says more than the count.
            (1, &[0x2fff], &[7], &[Some(7)]),
            // A run of large ones.
            (
                2,
                &[0x4002],
                &[0x7f, 0xff, 0x80, 0],
                &[Some(32_767), Some(-1)],
            ),
            // Times that are missing end it.
            (3, &[0x2003], &[1, 2], &[Some(1), Some(3)]),
        ];
        for (count, chunks, deltas, expected) in cases {
            let bytes = control(count, chunks, deltas);
            let feedback = Feedback::read(&bytes).expect("feedback");
            let seen: Vec<_> = feedback.told().collect();
            let arrivals: Vec<_> = seen.iter().map(|told| told.arrival).collect();
            assert_eq!(arrivals, expected, "{chunks:x?}");
            let numbers = (0..).map(|place| 0xfffe_u16.wrapping_add(place));
            assert!(
                seen.iter()
                    .map(|told| told.seq)
                    .eq(numbers.take(seen.len()))
            );
            assert_eq!((feedback.reference, feedback.number), (9, 3));
        }
    }

    #[test]
    fn what_says_more_than_it_holds_is_refused() {
        let whole = control(3, &[0x2003], &[1, 2, 3]);
        for bytes in 0..10 {
            assert_eq!(Feedback::read(&whole[..bytes]), None, "{bytes}");
        }
        assert_eq!(Feedback::read(&control(0, &[0x2003], &[])), None);
        let many = control(MAX_TOLD + 1, &[0x1fff, 0x1fff], &[]);
        assert_eq!(Feedback::read(&many), None);
        let most = control(MAX_TOLD, &[0x1fff, 0x1fff], &[]);
        let feedback = Feedback::read(&most).expect("feedback");
        assert_eq!(feedback.told().count(), usize::from(MAX_TOLD));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            base in any::<u16>(),
            reference in 0_u32..1 << 24,
            arrivals in prop::collection::vec(prop::option::of(-300_i16..600), 1..80),
        ) {
            let written: Vec<Arrival> = arrivals
                .iter()
                .map(|delta| match delta {
                    Some(delta) => Arrival::Received { delta: *delta },
                    None => Arrival::NotReceived,
                })
                .collect();
            let (packet, count) = transport_wide((1, 2), (base, reference, 5), &written);
            prop_assert_eq!(count, arrivals.len());
            let mut at = 0;
            let expected: Vec<_> = arrivals
                .iter()
                .map(|delta| delta.map(|delta| { at += i32::from(delta); at }))
                .collect();
            let feedback = Feedback::read(&packet[HEADER_BYTES..]).expect("feedback");
            prop_assert_eq!((feedback.base, feedback.reference), (base, reference));
            let told: Vec<_> = feedback.told().map(|told| told.arrival).collect();
            prop_assert_eq!(told, expected);
        }

        #[test]
        fn any_bytes_are_read_within_the_bound(control in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(feedback) = Feedback::read(&control) {
                prop_assert!(feedback.told().count() <= usize::from(MAX_TOLD));
            }
        }
    }
}
