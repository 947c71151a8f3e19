//! What participants send: true to form, made up.

use std::time::Duration;

use sfu_client::synthetic::{LayerShape, Shape};

use crate::scenario::Part;

/// Width over height of every camera.
const ASPECT: (u32, u32) = (16, 9);

/// Heights of the three layers, smallest first.
pub(crate) const LAYER_HEIGHTS: [u16; 3] = [180, 360, 720];

/// What cameras send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Media {
    pub(crate) frames_per_second: u32,
    pub(crate) largest_layer_bps: u32,
}

impl Media {
    /// The shape of one publisher's media. Each smaller layer has a third of the next one's
    /// bitrate.
    pub(crate) fn shape(&self, author: u32, part: &Part) -> Shape {
        let layers = usize::from(part.camera_layers.unwrap_or(0)).min(LAYER_HEIGHTS.len());
        let heights = &LAYER_HEIGHTS[LAYER_HEIGHTS.len() - layers..];
        let camera = heights.iter().zip((0..layers as u32).rev());
        Shape {
            frames_per_second: self.frames_per_second,
            camera: camera
                .map(|(&height, smaller_than)| LayerShape {
                    width: (u32::from(height) * ASPECT.0 / ASPECT.1) as u16,
                    height,
                    bitrate_bps: self.largest_layer_bps / 3u32.pow(smaller_than),
                })
                .collect(),
            screen: Vec::new(),
            ..Shape::meeting(author)
        }
    }
}

/// How somebody talks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Talking {
    /// Without a pause.
    #[default]
    Always,
    /// In spurts of one to three seconds, and pauses three times as long, as people in a meeting
    /// of four.
    InTurns,
    /// Muted.
    Never,
}

/// When one speaks.
#[derive(Debug)]
pub(crate) struct Talk {
    talking: Talking,
    dice: fastrand::Rng,
    speaks: bool,
    until: Duration,
}

impl Talk {
    /// Somebody whose spurts are their own: `seed` decides them.
    pub(crate) fn new(seed: u32, talking: Talking) -> Self {
        Talk {
            talking,
            dice: fastrand::Rng::with_seed(seed.into()),
            speaks: talking == Talking::Always,
            until: Duration::ZERO,
        }
    }

    /// Whether a voice is heard so long after the media began. Times only grow.
    pub(crate) fn speaks(&mut self, at: Duration) -> bool {
        match self.talking {
            Talking::Always => return true,
            Talking::Never => return false,
            Talking::InTurns => {}
        }
        while self.until <= at {
            self.speaks = match self.until.is_zero() {
                true => self.dice.u8(0..4) == 0,
                false => !self.speaks,
            };
            let seconds = if self.speaks { 1..=3 } else { 3..=9 };
            self.until += Duration::from_secs(self.dice.u64(seconds));
        }
        self.speaks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_layer_has_the_whole_bitrate_and_each_smaller_one_a_third() {
        let media = Media {
            frames_per_second: 30,
            largest_layer_bps: 900_000,
        };
        let with = |layers| Part {
            camera_layers: layers,
            ..Part::default()
        };
        let three = media.shape(1, &with(Some(3)));
        let bitrates: Vec<u32> = three.camera.iter().map(|l| l.bitrate_bps).collect();
        assert_eq!(bitrates, [100_000, 300_000, 900_000]);
        let one = media.shape(1, &with(Some(1)));
        assert_eq!((one.camera[0].width, one.camera[0].height), (1280, 720));
        assert!(media.shape(1, &with(None)).camera.is_empty());
    }

    #[test]
    fn people_talk_a_quarter_of_the_time_and_not_all_at_once() {
        let mut people: Vec<Talk> = (0..40)
            .map(|seed| Talk::new(seed, Talking::InTurns))
            .collect();
        let mut spoken = 0;
        let mut most_at_once = 0;
        for tenth in 0..1_200 {
            let at = Duration::from_millis(tenth * 100);
            let now = people
                .iter_mut()
                .filter_map(|one| one.speaks(at).then_some(()));
            let now = now.count();
            spoken += now;
            most_at_once = most_at_once.max(now);
        }
        let share = spoken as f64 / (40.0 * 1_200.0);
        assert!((0.2..0.3).contains(&share), "{share}");
        assert!(most_at_once < 40);
        assert!(Talk::new(1, Talking::Always).speaks(Duration::ZERO));
        assert!(!Talk::new(1, Talking::Never).speaks(Duration::from_secs(60)));
    }
}
