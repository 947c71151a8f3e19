//! Every voice on one clock: where each packet's samples go, and the sum of all.
//!
//! A packet goes where its time says, to the sample. Packets of one track whose times nearly
//! meet are one unbroken sound: a difference of a few milliseconds (a sender's clock drifts, a
//! sender report corrects it) is taken up by stretching them unnoticeably. A real hole is silence.

use std::collections::VecDeque;
use std::iter::Peekable;

use ffmpeg_next as ffmpeg;
use recorder_core::frame::{Frame, TrackFrames};

use super::decode::SoundDecoder;
use super::limiter::{Limiter, peak};
use super::{OPUS_LOOKAHEAD_SAMPLES, SAMPLE_RATE_HZ, Stereo};

/// Samples per block: what one AAC frame holds.
pub(super) const BLOCK_SAMPLES: usize = 1024;

/// How far a packet may be from the end of the one before it and still continue it: 10 ms. Above
/// the jumps that sender reports cause, below half a packet.
const JOIN_SAMPLES: i64 = 480;

/// A difference this small is left alone: 1 ms. Below it lies the rounding of timestamps.
const LEAVE_SAMPLES: i64 = 48;

/// How many samples a packet is stretched or squeezed by to get nearer to its time. Six in a
/// packet of 20 ms are 0.6 %, a tenth of a semitone.
const STRETCH_SAMPLES: i64 = 6;

/// All audio tracks of a recording, pulled block by block.
pub(super) struct Mixer {
    lanes: Vec<Lane>,
    limiter: Limiter,
    /// The block after the last one given out: the limiter looks ahead by it.
    ahead: Vec<Stereo>,
    ahead_at: i64,
}

impl Mixer {
    /// A mixer at the recording's start.
    pub(super) fn new(sources: Vec<TrackFrames>) -> Result<Self, ffmpeg::Error> {
        let lanes = sources
            .into_iter()
            .map(|source| Ok(Lane::new(SoundDecoder::new()?, source.frames)))
            .collect::<Result<Vec<_>, ffmpeg::Error>>()?;
        let mut mixer = Mixer {
            lanes,
            limiter: Limiter::new(),
            ahead: Vec::new(),
            ahead_at: 0,
        };
        mixer.ahead = mixer.sum();
        Ok(mixer)
    }

    /// The next [`BLOCK_SAMPLES`] samples; silence without end after the last packet.
    pub(super) fn next_block(&mut self) -> Vec<Stereo> {
        self.ahead_at += BLOCK_SAMPLES as i64;
        let following = self.sum();
        let mut block = std::mem::replace(&mut self.ahead, following);
        self.limiter.apply(&mut block, peak(&self.ahead));
        block
    }

    fn sum(&mut self) -> Vec<Stereo> {
        let mut block = vec![[0.0; 2]; BLOCK_SAMPLES];
        for lane in &mut self.lanes {
            lane.add_into(self.ahead_at, &mut block);
        }
        block
    }
}

/// One audio track along the clock.
struct Lane {
    packets: Peekable<Box<dyn Iterator<Item = Frame> + Send>>,
    decoder: SoundDecoder,
    line: Line,
    decoded: Vec<Stereo>,
}

impl Lane {
    fn new(decoder: SoundDecoder, packets: Box<dyn Iterator<Item = Frame> + Send>) -> Self {
        Lane {
            packets: packets.peekable(),
            decoder,
            line: Line::default(),
            decoded: Vec::new(),
        }
    }

    fn add_into(&mut self, from: i64, block: &mut [Stereo]) {
        let until = from + block.len() as i64;
        while let Some(packet) = self
            .packets
            .next_if(|packet| sample_at(packet.at_us) < until + JOIN_SAMPLES)
        {
            self.decoded.clear();
            self.decoder.decode(&packet.data, &mut self.decoded);
            self.line.place(sample_at(packet.at_us), &self.decoded);
        }
        self.line.add_into(from, block);
    }
}

/// Where on the 48 kHz clock a packet's first decoded sample belongs.
fn sample_at(at_us: i64) -> i64 {
    (at_us * SAMPLE_RATE_HZ + 500_000).div_euclid(1_000_000) - OPUS_LOOKAHEAD_SAMPLES
}

/// Decoded sound of one track that has not been given out yet. Holds at most the packets of one
/// block and what of the last one reaches beyond it.
#[derive(Debug, Default)]
struct Line {
    samples: VecDeque<Stereo>,
    /// Where the first of `samples` is; None before the first packet.
    from: Option<i64>,
}

impl Line {
    /// Puts a packet's samples where they belong or where the packet before them ends.
    fn place(&mut self, at: i64, packet: &[Stereo]) {
        let from = *self.from.get_or_insert(at);
        let end = from + self.samples.len() as i64;
        let late = at - end;
        if late.abs() <= LEAVE_SAMPLES {
            self.samples.extend(packet);
        } else if late.abs() <= JOIN_SAMPLES {
            let by = late.clamp(-STRETCH_SAMPLES, STRETCH_SAMPLES);
            self.samples.extend(stretched(packet, by));
        } else if late > 0 {
            self.skip(at, late);
            self.samples.extend(packet);
        } else {
            // Overlap: what has been placed stays.
            self.samples
                .extend(packet.iter().skip(late.unsigned_abs() as usize));
        }
    }

    /// Leaves a hole of `late` samples before `at`.
    fn skip(&mut self, at: i64, late: i64) {
        if self.samples.is_empty() {
            self.from = Some(at);
        } else {
            // No longer than a block and the join: a packet is placed only when its block is due,
            // and what is waiting begins no earlier than that block.
            self.samples
                .extend(std::iter::repeat_n([0.0; 2], late as usize));
        }
    }

    /// Adds what lies in `block`, which begins at `from`, and forgets everything up to its end.
    fn add_into(&mut self, from: i64, block: &mut [Stereo]) {
        let Some(begins) = self.from else {
            return;
        };
        let until = from + block.len() as i64;
        let missed = (from - begins).clamp(0, self.samples.len() as i64);
        self.samples.drain(..missed as usize);
        let begins = begins + missed;
        if begins >= until {
            self.from = Some(begins);
            return;
        }
        let skip = (begins - from).max(0) as usize;
        let taken = (block.len() - skip).min(self.samples.len());
        for (sum, sample) in block[skip..].iter_mut().zip(self.samples.drain(..taken)) {
            sum[0] += sample[0];
            sum[1] += sample[1];
        }
        self.from = Some(begins + taken as i64);
    }
}

/// `packet` with `by` samples more (or fewer), by straight lines between its samples.
fn stretched(packet: &[Stereo], by: i64) -> impl Iterator<Item = Stereo> + '_ {
    let length = (packet.len() as i64 + by).max(0) as usize;
    let step = packet.len() as f64 / length.max(1) as f64;
    (0..length).filter_map(move |index| {
        let place = index as f64 * step;
        let left = packet.get(place as usize)?;
        let right = packet.get(place as usize + 1).unwrap_or(left);
        let share = place.fract() as f32;
        Some([
            left[0] + (right[0] - left[0]) * share,
            left[1] + (right[1] - left[1]) * share,
        ])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: usize = 960;

    fn play(packets: &[(i64, f32)], samples: usize) -> Vec<f32> {
        let mut line = Line::default();
        let mut heard = Vec::new();
        let mut packets = packets.iter().peekable();
        while heard.len() < samples {
            let from = heard.len() as i64;
            let until = from + BLOCK_SAMPLES as i64;
            while let Some((at, value)) = packets.next_if(|(at, _)| *at < until + JOIN_SAMPLES) {
                line.place(*at, &[[*value; 2]; PACKET]);
            }
            let mut block = vec![[0.0; 2]; BLOCK_SAMPLES];
            line.add_into(from, &mut block);
            heard.extend(block.iter().map(|sample| sample[0]));
        }
        heard
    }

    fn first_at(heard: &[f32], value: f32) -> Option<usize> {
        heard.iter().position(|sample| *sample == value)
    }

    #[test]
    fn a_packet_is_heard_at_its_time_to_the_sample() {
        for at in [0, 1, 1023, 1024, 1500, 1_000_003] {
            let heard = play(&[(at, 0.5)], at as usize + 2000);
            assert_eq!(first_at(&heard, 0.5), Some(at as usize));
            assert_eq!(heard.iter().filter(|s| **s == 0.5).count(), PACKET);
        }
    }

    #[test]
    fn a_hole_is_silence_of_its_own_length() {
        for hole in [2_000, 50_000] {
            let second = PACKET as i64 + hole;
            let heard = play(&[(0, 0.5), (second, 0.25)], second as usize + 2000);
            assert_eq!(first_at(&heard, 0.25), Some(second as usize));
            assert!(heard[PACKET..second as usize].iter().all(|s| *s == 0.0));
        }
    }

    #[test]
    fn what_comes_before_the_start_is_cut_and_the_rest_stays_in_place() {
        let heard = play(&[(-300, 0.5)], 2000);
        assert_eq!(heard.iter().filter(|s| **s == 0.5).count(), PACKET - 300);
        assert_eq!(first_at(&heard, 0.5), Some(0));
    }

    #[test]
    fn a_jump_of_a_few_milliseconds_is_absorbed_without_a_hole() {
        for jump in [-400, -100, 100, 400] {
            let packets: Vec<(i64, f32)> = (0..200)
                .map(|n| (n * PACKET as i64 + if n >= 20 { jump } else { 0 }, 0.5))
                .chain([(203 * PACKET as i64, 0.25)])
                .collect();
            let heard = play(&packets, 210 * PACKET);
            let end = first_at(&heard, 0.0).expect("the sound ends before the last packet");
            let late = end as i64 - (200 * PACKET as i64 + jump);
            assert!(
                late.abs() <= LEAVE_SAMPLES + STRETCH_SAMPLES,
                "{jump}: {late}"
            );
        }
    }

    #[test]
    fn packets_on_top_of_each_other_are_heard_once() {
        let heard = play(&[(0, 0.5), (0, 0.25), (960, 0.5)], 4000);
        assert_eq!(heard.iter().filter(|s| **s == 0.5).count(), 2 * PACKET);
        assert_eq!(first_at(&heard, 0.25), None);
    }

    #[test]
    fn a_line_holds_no_more_than_a_few_blocks_however_long_the_holes() {
        let mut line = Line::default();
        for n in 0..100_i64 {
            let at = n * 5_000_000;
            line.place(at, &[[0.5; 2]; PACKET]);
            assert!(line.samples.len() <= 2 * PACKET);
            line.add_into(at, &mut vec![[0.0; 2]; BLOCK_SAMPLES]);
        }
    }
}
