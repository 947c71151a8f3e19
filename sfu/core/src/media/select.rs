//! Which layer a receiver gets: layers offered x height wanted -> forward, drop, or switch here.
//! A switch happens only where a receiver can begin; until then the layer it has goes on.

use super::layer::Layers;

/// The smallest live layer that covers `max_height` pixels, else the largest live one.
pub(crate) fn choose(layers: &Layers, max_height: u16) -> Option<u8> {
    layers
        .live()
        .find(|layer| layers.height(*layer) >= max_height)
        .or_else(|| layers.live().next_back())
}

/// The smallest layer that covers `max_height` pixels, else the largest, whether it flows or not.
pub(crate) fn fitting(layers: &Layers, max_height: u16) -> u8 {
    let mut all = layers.all();
    all.find(|layer| layers.height(*layer) >= max_height)
        .unwrap_or_else(|| layers.largest())
}

/// What to do with one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Pass it on.
    Forward,
    /// Pass it on as the first of a new layer.
    Switch,
    /// It is of the wanted layer, which cannot begin here: a keyframe is needed.
    Wait,
    /// It is of another layer.
    Drop,
}

/// The layer that one receiver has, and the one it is to have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Selector {
    current: Option<u8>,
    target: Option<u8>,
}

impl Selector {
    /// Aims at a layer. True when a keyframe of it is needed.
    pub(crate) fn aim(&mut self, target: Option<u8>) -> bool {
        let moved = self.target != target;
        self.target = target;
        moved && target.is_some() && target != self.current
    }

    /// Starts over: whatever comes next has to begin at an entry point.
    pub(crate) fn reset(&mut self) {
        *self = Selector::default();
    }

    /// The layer that a receiver who lost a picture needs a keyframe of.
    pub(crate) fn wanted(&self) -> Option<u8> {
        self.target.or(self.current)
    }

    /// The layer that is passed on now.
    pub(crate) fn current(&self) -> Option<u8> {
        self.current
    }

    pub(crate) fn admit(&mut self, layer: u8, entry_point: bool) -> Admission {
        let layer = Some(layer);
        if layer == self.target && layer != self.current {
            if !entry_point {
                return Admission::Wait;
            }
            self.current = layer;
            return Admission::Switch;
        }
        if layer == self.current {
            Admission::Forward
        } else {
            Admission::Drop
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(live: &[u8]) -> Layers {
        let mut layers = Layers::new(3);
        for layer in live {
            layers.observe(*layer, crate::testing::start(), None);
        }
        layers
    }

    #[test]
    fn the_smallest_live_layer_that_covers_the_height_is_chosen() {
        // Heights are 180, 360 and 720.
        let cases: [(&[u8], u16, Option<u8>); 9] = [
            (&[], 720, None),
            (&[0, 1, 2], 0, Some(0)),
            (&[0, 1, 2], 180, Some(0)),
            (&[0, 1, 2], 181, Some(1)),
            (&[0, 1, 2], 720, Some(2)),
            (&[0, 1, 2], 2160, Some(2)),
            (&[0, 2], 300, Some(2)),
            (&[0, 1], 720, Some(1)),
            (&[2], 90, Some(2)),
        ];
        for (live, height, expected) in cases {
            assert_eq!(choose(&layers(live), height), expected, "{live:?} {height}");
        }
    }

    #[test]
    fn the_old_layer_goes_on_until_the_new_one_can_begin() {
        let mut selector = Selector::default();
        assert!(selector.aim(Some(0)));
        assert!(!selector.aim(Some(0)), "asked for once");
        assert_eq!(selector.admit(0, false), Admission::Wait);
        assert_eq!(selector.admit(0, true), Admission::Switch);
        assert!(selector.aim(Some(2)));
        assert_eq!(selector.admit(0, false), Admission::Forward);
        assert_eq!(selector.admit(2, false), Admission::Wait);
        assert_eq!(selector.admit(1, true), Admission::Drop);
        assert_eq!(selector.admit(2, true), Admission::Switch);
        assert_eq!(selector.admit(0, true), Admission::Drop);
        assert_eq!(selector.admit(2, false), Admission::Forward);
    }

    #[test]
    fn going_back_before_the_switch_needs_no_keyframe() {
        let mut selector = Selector::default();
        selector.aim(Some(1));
        selector.admit(1, true);
        assert!(selector.aim(Some(2)));
        assert!(!selector.aim(Some(1)));
        assert_eq!(selector.admit(1, false), Admission::Forward);
        assert_eq!(selector.admit(2, true), Admission::Drop);
    }

    #[test]
    fn after_a_reset_nothing_passes_before_an_entry_point() {
        let mut selector = Selector::default();
        selector.aim(Some(0));
        selector.admit(0, true);
        selector.reset();
        assert_eq!(selector.admit(0, true), Admission::Drop);
        assert!(selector.aim(Some(0)));
        assert_eq!(selector.admit(0, false), Admission::Wait);
    }
}
