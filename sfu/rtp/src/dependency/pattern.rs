//! How the usual scalable streams are built: so many spatial layers over each other, each picture
//! of one of so many temporal layers (Scalable Video Coding for WebRTC, section 5: `L3T3`,
//! `L3T3_KEY` and their like). For who makes streams, and for tests.

use super::{Chains, Frame, Indication, Indications, References, Structure, Target, Template};

/// Temporal layers of pictures that follow each other, for one, two and three of them.
const RHYTHMS: [&[u8]; 3] = [&[0], &[0, 1], &[0, 2, 1, 2]];

/// Spatial layers of a pattern.
pub const MAX_PATTERN_SPATIAL: u8 = 4;

/// What a stream's frames need of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pattern {
    spatial: u8,
    temporal: u8,
    /// Only in key pictures a spatial layer needs the one below.
    key: bool,
    pictures: u32,
    number: u16,
    /// The newest frame of each spatial and each temporal layer.
    newest: [[Option<u16>; RHYTHMS.len()]; MAX_PATTERN_SPATIAL as usize],
    /// The newest frame of each chain.
    chains: [u16; MAX_PATTERN_SPATIAL as usize],
}

impl Pattern {
    /// A pattern of 1 to 4 spatial and 1 to 3 temporal layers, of which the next picture is a key
    /// picture. `key`: in other pictures no spatial layer needs the one below.
    pub fn new(spatial: u8, temporal: u8, key: bool, number: u16) -> Self {
        Pattern {
            spatial: spatial.clamp(1, MAX_PATTERN_SPATIAL),
            temporal: temporal.clamp(1, RHYTHMS.len() as u8),
            key,
            pictures: 0,
            number,
            newest: Default::default(),
            chains: Default::default(),
        }
    }

    /// The next picture is a key picture.
    pub fn restart(&mut self) {
        self.pictures = 0;
    }

    /// Whether the next picture is a key picture.
    pub fn is_key(&self) -> bool {
        self.pictures == 0
    }

    /// The frames of the next picture, from the lowest spatial layer on, each in one packet.
    pub fn picture(&mut self) -> Vec<Frame> {
        let rhythm = RHYTHMS[usize::from(self.temporal) - 1];
        let temporal_id = rhythm[self.pictures as usize % rhythm.len()];
        if self.is_key() {
            self.newest = Default::default();
        }
        let frames = (0..self.spatial).map(|spatial_id| self.frame(spatial_id, temporal_id));
        let frames = frames.collect();
        self.pictures = self.pictures.wrapping_add(1).max(1);
        frames
    }

    fn frame(&mut self, spatial_id: u8, temporal_id: u8) -> Frame {
        let number = self.number;
        self.number = number.wrapping_add(1);
        let key = self.is_key();
        let own = &mut self.newest[usize::from(spatial_id)];
        // A picture needs the newest of a lower temporal layer, one of the lowest the one before.
        let below = usize::from(temporal_id).max(1);
        let before = own[..below].iter().flatten().copied();
        let before = before.min_by_key(|before| number.wrapping_sub(*before));
        let beneath = (spatial_id > 0 && (key || !self.key)).then(|| number.wrapping_sub(1));
        own[usize::from(temporal_id)] = Some(number);
        let mut references = References::default();
        for needed in before.filter(|_| !key).into_iter().chain(beneath) {
            references.push(number.wrapping_sub(needed));
        }
        let mut chains = Chains::default();
        for chain in 0..self.spatial {
            let newest = &mut self.chains[usize::from(chain)];
            let begins = key && spatial_id == 0;
            chains.push(if begins {
                0
            } else {
                number.wrapping_sub(*newest) as u8
            });
            let part = spatial_id == chain || spatial_id < chain && (key || !self.key);
            if temporal_id == 0 && part {
                *newest = number;
            }
        }
        let targets = self.targets();
        let indications = targets
            .iter()
            .map(|target| self.indication(target, spatial_id, temporal_id, key));
        Frame {
            begins: true,
            ends: true,
            number,
            spatial_id,
            temporal_id,
            indications: Indications::new(indications),
            references,
            chains,
        }
    }

    fn indication(
        &self,
        target: &Target,
        spatial_id: u8,
        temporal_id: u8,
        key: bool,
    ) -> Indication {
        let beneath = spatial_id < target.spatial_id;
        let above = spatial_id > target.spatial_id || temporal_id > target.temporal_id;
        match (above || beneath && self.key && !key, key, beneath) {
            (true, ..) => Indication::NotPresent,
            (_, true, _) => Indication::Switch,
            (_, _, true) => Indication::Required,
            _ if temporal_id > 0 && temporal_id == target.temporal_id => Indication::Discardable,
            _ => Indication::Switch,
        }
    }

    /// The best first.
    fn targets(&self) -> Vec<Target> {
        let spatial_ids = (0..self.spatial).rev();
        let of = |spatial_id| {
            let temporal_ids = (0..self.temporal).rev();
            temporal_ids.map(move |temporal_id| Target {
                spatial_id,
                temporal_id,
                chain: Some(spatial_id),
            })
        };
        spatial_ids.flat_map(of).collect()
    }

    /// The structure of the stream, with the sizes of its spatial layers or without.
    pub fn structure(&self, first_template: u8, resolutions: &[(u32, u32)]) -> Structure {
        // Two rounds of the rhythm have every kind of frame in them.
        let rounds = 2 * RHYTHMS[usize::from(self.temporal) - 1].len();
        let mut sample = Pattern::new(self.spatial, self.temporal, self.key, 0);
        let mut templates: Vec<Template> = Vec::new();
        for _ in 0..=rounds {
            for frame in sample.picture() {
                let template = Template {
                    spatial_id: frame.spatial_id,
                    temporal_id: frame.temporal_id,
                    indications: frame.indications,
                    references: frame.references,
                    chains: frame.chains,
                };
                if !templates.contains(&template) {
                    templates.push(template);
                }
            }
        }
        templates.sort_by_key(|template| (template.spatial_id, template.temporal_id));
        Structure {
            first_template,
            targets: self.targets(),
            chains: self.spatial,
            templates,
            resolutions: resolutions.to_vec(),
        }
    }
}
