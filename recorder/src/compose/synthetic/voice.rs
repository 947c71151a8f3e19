//! What a synthetic participant sounds like: babble of vowels in spurts, and the beep.

use std::f32::consts::TAU;

use super::{FLASH_EVERY_US, FLASH_US};
use crate::compose::SAMPLE_RATE_HZ;

const RATE: f32 = SAMPLE_RATE_HZ as f32;
const FLASH_EVERY: u64 = FLASH_EVERY_US * SAMPLE_RATE_HZ as u64 / 1_000_000;
const FLASH: u64 = FLASH_US * SAMPLE_RATE_HZ as u64 / 1_000_000;

/// A syllable lasts 200 ms.
const SYLLABLE: u64 = 9_600;

/// A participant talks for three seconds of every seven and listens for the rest.
const TURN_SYLLABLES: u64 = 35;
const TALK_SYLLABLES: u64 = 15;

/// The first two resonances of five vowels, in hertz.
const VOWELS: [(f32, f32); 5] = [
    (730.0, 1090.0),
    (270.0, 2290.0),
    (300.0, 870.0),
    (530.0, 1840.0),
    (570.0, 840.0),
];

/// The pitch of each voice, in hertz.
const PITCHES_HZ: [f32; 6] = [118.0, 196.0, 147.0, 221.0, 104.0, 174.0];

const BEEP_LEVEL: f32 = 0.4;
const SPEECH_LEVEL: f32 = 0.16;

/// Speech steps back while the beep sounds.
const SPEECH_UNDER_BEEP: f32 = 0.15;

/// The pitch of a participant's beep. Voices have little there.
pub fn beep_hz(index: usize) -> u32 {
    1_000 + 400 * (index as u32 % 6)
}

/// A voice. Samples are asked for in order; the beep depends on nothing but its place.
pub(super) struct Voice {
    index: u64,
    pitch_hz: f32,
    beep_hz: f32,
    phase: f32,
    mouth: [Resonance; 2],
}

impl Voice {
    pub(super) fn new(index: usize) -> Self {
        Voice {
            index: index as u64,
            pitch_hz: PITCHES_HZ[index % PITCHES_HZ.len()],
            beep_hz: beep_hz(index) as f32,
            phase: 0.0,
            mouth: [Resonance::default(), Resonance::default()],
        }
    }

    /// The sample at a place; flashes begin `flash_phase` samples into each second.
    pub(super) fn sample(&mut self, at: u64, flash_phase: u64) -> f32 {
        let speech = self.speech(at) * SPEECH_LEVEL;
        match at.checked_sub(flash_phase).map(|since| since % FLASH_EVERY) {
            Some(since) if since < FLASH => {
                let turn = (since as f32 * self.beep_hz / RATE).fract() * TAU;
                BEEP_LEVEL * turn.sin() + speech * SPEECH_UNDER_BEEP
            }
            _ => speech,
        }
    }

    fn speech(&mut self, at: u64) -> f32 {
        let syllable = at / SYLLABLE;
        let within = at % SYLLABLE;
        let chance = scramble(syllable ^ (self.index << 40));
        if within == 0 {
            let (low, high) = VOWELS[(chance % VOWELS.len() as u64) as usize];
            self.mouth[0].tune(low, 80.0);
            self.mouth[1].tune(high, 120.0);
        }
        let turn = (syllable + self.index * TURN_SYLLABLES / 3) % TURN_SYLLABLES;
        // Every eighth syllable or so is a breath.
        let talking = turn < TALK_SYLLABLES && !(chance >> 8).is_multiple_of(8);
        let share = within as f32 / SYLLABLE as f32;
        let pitch = self.pitch_hz * (0.9 + 0.05 * ((chance >> 16) % 5) as f32 - 0.1 * share);
        self.phase += pitch / RATE;
        let pulse = if self.phase >= 1.0 {
            self.phase -= 1.0;
            1.0
        } else {
            0.0
        };
        let loudness = if talking {
            (share * std::f32::consts::PI).sin()
        } else {
            0.0
        };
        let driven = pulse * loudness;
        (self.mouth[0].step(driven) + 0.6 * self.mouth[1].step(driven)).clamp(-2.0, 2.0)
    }
}

/// A two-pole resonance.
#[derive(Debug, Default)]
struct Resonance {
    near: f32,
    far: f32,
    before: [f32; 2],
}

impl Resonance {
    fn tune(&mut self, centre_hz: f32, width_hz: f32) {
        let radius = (-std::f32::consts::PI * width_hz / RATE).exp();
        self.near = 2.0 * radius * (TAU * centre_hz / RATE).cos();
        self.far = -radius * radius;
    }

    fn step(&mut self, driven: f32) -> f32 {
        let next = driven + self.near * self.before[0] + self.far * self.before[1];
        // Below hearing it is silence: numbers close to zero are slow to add.
        let next = if next.abs() < 1e-9 { 0.0 } else { next };
        self.before = [next, self.before[0]];
        // A narrow resonance rings far above what drives it.
        next * 0.12
    }
}

/// Well mixed bits of a number, so that neighbouring syllables differ.
fn scramble(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beep_begins_with_its_second_to_the_sample() {
        let mut voice = Voice::new(0);
        let sound: Vec<f32> = (0..96_000).map(|at| voice.sample(at, 0)).collect();
        let mut quiet = Voice::new(0);
        let speech: Vec<f32> = (0..96_000)
            .map(|at| quiet.speech(at) * SPEECH_LEVEL)
            .collect();
        let differs = |at: usize| (sound[at] - speech[at]).abs() > 0.02;
        assert!(!(40_000..48_000).any(differs));
        assert!((48_001..48_010).any(differs));
        assert!(!(48_000 + FLASH as usize..90_000).any(differs));
    }

    #[test]
    fn a_voice_talks_and_pauses_and_never_clips() {
        for index in 0..6 {
            let mut voice = Voice::new(index);
            let sound: Vec<f32> = (0..7 * 48_000)
                .map(|at| voice.speech(at) * SPEECH_LEVEL)
                .collect();
            let loud = sound
                .chunks(SYLLABLE as usize)
                .filter(|syllable| syllable.iter().any(|s| s.abs() > 0.05))
                .count();
            assert!((8..=16).contains(&loud), "{index}: {loud}");
            assert!(sound.iter().all(|s| s.abs() <= 0.5));
        }
    }
}
