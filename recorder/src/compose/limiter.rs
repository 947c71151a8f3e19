//! How loud voices together may be: turns the sum down just enough that it never clips.

use super::Stereo;

/// The highest sample that leaves. Leaves room for what AAC adds to a peak.
const CEILING: f32 = 0.89;

/// How much of full scale the gain recovers per block. With blocks of 1024 samples a full
/// recovery takes half a second: slow enough not to be heard as pumping.
const RELEASE_PER_BLOCK: f32 = 0.043;

/// A limiter with one block of foresight: within a block the gain moves in a straight line, and
/// both its ends are low enough for every sample between them.
#[derive(Debug)]
pub(super) struct Limiter {
    gain: f32,
}

impl Limiter {
    pub(super) fn new() -> Self {
        Limiter { gain: 1.0 }
    }

    /// Turns `block` down where it must be. `next_peak` is the [`peak`] of the block after it.
    pub(super) fn apply(&mut self, block: &mut [Stereo], next_peak: f32) {
        let now = ceiling_gain(peak(block));
        // Only the very first block can begin above what it allows: each later one begins where
        // the block before it had already made room.
        let from = self.gain.min(now);
        let to = (from + RELEASE_PER_BLOCK)
            .min(now)
            .min(ceiling_gain(next_peak));
        self.gain = to;
        if from >= 1.0 && to >= 1.0 {
            return;
        }
        let steps = block.len().max(1) as f32;
        for (index, sample) in block.iter_mut().enumerate() {
            let gain = from + (to - from) * (index as f32 / steps);
            sample[0] *= gain;
            sample[1] *= gain;
        }
    }
}

/// The largest sample of a block, either ear.
pub(super) fn peak(block: &[Stereo]) -> f32 {
    block.iter().fold(0.0, |peak, [left, right]| {
        peak.max(left.abs()).max(right.abs())
    })
}

fn ceiling_gain(peak: f32) -> f32 {
    if peak > CEILING { CEILING / peak } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(blocks: &mut [Vec<Stereo>]) {
        let mut limiter = Limiter::new();
        for index in 0..blocks.len() {
            let next = blocks.get(index + 1).map_or(0.0, |block| peak(block));
            limiter.apply(&mut blocks[index], next);
        }
    }

    #[test]
    fn what_is_below_the_ceiling_passes_untouched() {
        let mut blocks = vec![vec![[0.8, -0.8]; 1024]; 3];
        run(&mut blocks);
        assert!(blocks.iter().flatten().all(|sample| *sample == [0.8, -0.8]));
    }

    #[test]
    fn nothing_leaves_above_the_ceiling_however_sudden() {
        let mut blocks = vec![
            vec![[0.1, 0.1]; 1024],
            vec![[3.0, -2.0]; 1024],
            vec![[0.1, 0.1]; 1024],
            vec![[1.5, 1.5]; 1024],
        ];
        run(&mut blocks);
        let highest = blocks.iter().map(|block| peak(block)).fold(0.0, f32::max);
        assert!(highest <= CEILING + 1e-6, "{highest}");
    }

    #[test]
    fn gain_recovers_within_half_a_second_after_a_shout() {
        let mut blocks = vec![vec![[0.5, 0.5]; 1024]; 30];
        blocks[0] = vec![[8.0, 8.0]; 1024];
        run(&mut blocks);
        assert_eq!(blocks[29][1023], [0.5, 0.5]);
    }
}
