//! Which layer a receiver gets: layers offered x height wanted -> forward, drop, or switch here.
//! A switch happens only where a receiver can begin; until then the layer it has goes on. What is
//! left out within a stream is the `scale` module's.

use super::layer::Layers;
use super::packet::Packet;
use super::piece::Dependency;
use super::scale::{Passage, Quality, Scaler};

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
    /// Pass it on as the first of a new stream.
    Switch,
    /// It is of the wanted layer, which cannot begin here: a keyframe is needed.
    Wait,
    /// It is of another layer.
    Drop,
    /// It is of the stream that is passed on, and left out of it. `waits`: what is wanted cannot
    /// begin without a keyframe.
    LeaveOut { waits: bool },
}

/// Which of a track's streams somebody has, and which is to come: whole, for a tape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct StreamSelector {
    current: Option<u8>,
    target: Option<u8>,
}

impl StreamSelector {
    /// Aims at a layer. True when a keyframe of it is needed.
    pub(crate) fn aim(&mut self, target: Option<u8>) -> bool {
        let moved = self.target != target;
        self.target = target;
        moved && target.is_some() && target != self.current
    }

    /// Starts over: whatever comes next has to begin at an entry point.
    pub(crate) fn reset(&mut self) {
        *self = StreamSelector::default();
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

/// The layer that one receiver has, and the one it is to have: a stream of several, or a spatial
/// layer of one stream with those below it.
#[derive(Debug, Clone)]
pub(crate) struct Selector {
    layers: StreamSelector,
    /// The track is one stream, in which its layers are parts.
    is_layered: bool,
    max_temporal_id: u8,
    /// What of the stream is passed on.
    scaler: Scaler,
    /// The stream before it, and what was passed on of that.
    former: Option<Box<(u8, Scaler)>>,
}

impl Default for Selector {
    fn default() -> Self {
        Selector {
            layers: StreamSelector::default(),
            is_layered: false,
            max_temporal_id: u8::MAX,
            scaler: Scaler::default(),
            former: None,
        }
    }
}

impl Selector {
    /// Aims at a layer. True when a keyframe of it is needed.
    pub(crate) fn aim(&mut self, target: Option<u8>) -> bool {
        let below = target < self.layers.current;
        let descends = self.is_layered && below && self.scaler.may_descend();
        self.layers.aim(target) && !descends
    }

    /// Passes on no temporal layer above this one, where the stream says how it is built.
    pub(crate) fn thin(&mut self, max_temporal_id: u8) {
        self.max_temporal_id = max_temporal_id;
    }

    /// The highest temporal layer that is passed on.
    pub(crate) fn max_temporal_id(&self) -> u8 {
        self.max_temporal_id
    }

    /// Starts over: whatever comes next has to begin at an entry point.
    pub(crate) fn reset(&mut self) {
        *self = Selector {
            max_temporal_id: self.max_temporal_id,
            ..Selector::default()
        };
    }

    /// The layer that a receiver who lost a picture needs a keyframe of.
    pub(crate) fn wanted(&self) -> Option<u8> {
        self.layers.wanted()
    }

    /// The layer that is passed on now.
    pub(crate) fn current(&self) -> Option<u8> {
        self.layers.current()
    }

    /// Whether what is wanted is what is passed on.
    pub(crate) fn is_settled(&self) -> bool {
        self.layers.wanted() == self.layers.current()
    }

    /// Whether a packet is of the stream that is passed on.
    pub(crate) fn has_stream(&self, packet: &Packet) -> bool {
        match packet.simulcast {
            true => self.current() == Some(packet.layer),
            false => self.current().is_some(),
        }
    }

    /// Whether a late packet belongs to what was passed on before.
    pub(crate) fn had(&mut self, packet: &Packet) -> bool {
        let Some(former) = self.former.as_mut() else {
            return false;
        };
        let (layer, scaler) = &mut **former;
        packet.simulcast
            && *layer == packet.layer
            && scaler.admit(packet, Quality::WHOLE) == Passage::Pass
    }

    pub(crate) fn admit(&mut self, packet: &Packet) -> Admission {
        // Only the stream's newest packets move a switch: a repaired old keyframe is no place to
        // begin, what follows it has been dropped.
        let entry_point = packet.entry_point && !packet.late;
        let before = self.layers;
        let admission = match packet.simulcast {
            true => self.layers.admit(packet.layer, entry_point),
            false => self.admit_only(entry_point),
        };
        match admission {
            Admission::Forward => {}
            Admission::Switch => {
                let former = std::mem::take(&mut self.scaler);
                self.former = before.current.map(|layer| Box::new((layer, former)));
                self.scaler.begin(packet);
            }
            _ => return admission,
        }
        let passage = self.scaler.admit(packet, self.quality(packet));
        self.follow(packet);
        match (passage, admission) {
            (Passage::Pass, _) => admission,
            (_, Admission::Switch) => {
                self.layers = before;
                Admission::Wait
            }
            (passage, _) => Admission::LeaveOut {
                waits: passage == Passage::Wait,
            },
        }
    }

    /// Whether a picture ends for the receiver where this packet ends.
    pub(crate) fn ends_picture(&self, packet: &Packet) -> bool {
        !packet.simulcast && self.scaler.ends_picture(packet)
    }

    /// The decode targets that the receiver has of the packet's stream.
    pub(crate) fn active_targets(&self, dependency: &Dependency) -> u32 {
        self.scaler.active_targets(dependency)
    }

    /// A packet of the one stream of its track.
    fn admit_only(&mut self, entry_point: bool) -> Admission {
        match (self.layers.current, self.layers.target) {
            (Some(_), _) => Admission::Forward,
            (None, None) => Admission::Drop,
            (None, Some(_)) if !entry_point => Admission::Wait,
            (None, target) => {
                self.layers.current = target;
                Admission::Switch
            }
        }
    }

    fn quality(&self, packet: &Packet) -> Quality {
        let layer = self.layers.wanted().filter(|_| !packet.simulcast);
        Quality {
            spatial_id: layer.unwrap_or(u8::MAX),
            temporal_id: self.max_temporal_id,
        }
    }

    /// In one stream the layer that is passed on is what the scaler has come to.
    fn follow(&mut self, packet: &Packet) {
        if packet.simulcast {
            return;
        }
        let spatial_id = self.scaler.spatial_id(packet);
        self.is_layered = spatial_id.is_some();
        self.layers.current = spatial_id.or(self.layers.wanted());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(live: &[u8]) -> Layers {
        let mut layers = Layers::new(3);
        for layer in live {
            layers.observe(&packet(*layer, true), crate::testing::start());
        }
        layers
    }

    fn packet(layer: u8, entry_point: bool) -> Packet {
        Packet {
            entry_point,
            ..crate::testing::of_layer(layer)
        }
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
        assert_eq!(selector.admit(&packet(0, false)), Admission::Wait);
        assert_eq!(selector.admit(&packet(0, true)), Admission::Switch);
        assert!(selector.aim(Some(2)));
        assert_eq!(selector.admit(&packet(0, false)), Admission::Forward);
        assert_eq!(selector.admit(&packet(2, false)), Admission::Wait);
        assert_eq!(selector.admit(&packet(1, true)), Admission::Drop);
        assert_eq!(selector.admit(&packet(2, true)), Admission::Switch);
        assert_eq!(selector.admit(&packet(0, true)), Admission::Drop);
        assert_eq!(selector.admit(&packet(2, false)), Admission::Forward);
    }

    #[test]
    fn going_back_before_the_switch_needs_no_keyframe() {
        let mut selector = Selector::default();
        selector.aim(Some(1));
        selector.admit(&packet(1, true));
        assert!(selector.aim(Some(2)));
        assert!(!selector.aim(Some(1)));
        assert_eq!(selector.admit(&packet(1, false)), Admission::Forward);
        assert_eq!(selector.admit(&packet(2, true)), Admission::Drop);
    }

    #[test]
    fn after_a_reset_nothing_passes_before_an_entry_point() {
        let mut selector = Selector::default();
        selector.aim(Some(0));
        selector.admit(&packet(0, true));
        selector.reset();
        assert_eq!(selector.admit(&packet(0, true)), Admission::Drop);
        assert!(selector.aim(Some(0)));
        assert_eq!(selector.admit(&packet(0, false)), Admission::Wait);
    }
}
