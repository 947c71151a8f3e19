//! Cameras that are one stream built of layers, as VP9 and AV1 have them: each viewer gets the
//! part that it has room for, every frame of which it can decode.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sfu_core::shard::Limits;
use sfu_protocol::media::Source;
use sfu_protocol::signal::{ClientMessage, Role, Show, SlotId, Want};
use sfu_rtp::dependency::{Frame, Pattern, Stream, Structure};
use str0m::format::Codec;
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite};

use crate::world::{DescriptorValue, Publish, World, camera};

/// A camera of three spatial and three temporal layers, two packets a frame.
struct Camera {
    codec: Codec,
    key_only: bool,
    pattern: Pattern,
    structure: Structure,
    seq: u64,
    pictures: u32,
    tl0_pic_idx: u8,
    picture_id: u16,
    /// By the number that is in every payload.
    frames: BTreeMap<u16, Frame>,
}

/// What a payload ends with.
const TRAILER_BYTES: usize = 3;

impl Camera {
    fn new(codec: Codec, key_only: bool, start: u16) -> Self {
        let pattern = Pattern::new(3, 3, key_only, start);
        Camera {
            codec,
            key_only,
            structure: pattern.structure(0, &[(320, 180), (640, 360), (1280, 720)]),
            pattern,
            seq: u64::from(start) + 7,
            pictures: 0,
            tl0_pic_idx: start as u8,
            picture_id: start & 0x7fff,
            frames: BTreeMap::new(),
        }
    }

    /// Sends a picture, a keyframe when one is asked for.
    fn show(&mut self, world: &mut World, at: usize) {
        let wanted = &mut world.clients[at].senders[0].keyframe_wanted[0];
        if std::mem::take(wanted) {
            self.pattern.restart();
        }
        let is_key = self.pattern.is_key();
        let frames = self.pattern.picture();
        self.pictures += 1;
        self.picture_id = (self.picture_id + 1) & 0x7fff;
        self.tl0_pic_idx = self
            .tl0_pic_idx
            .wrapping_add(u8::from(frames[0].temporal_id == 0));
        let payload_type = world.clients[at].payload_type(self.codec);
        for frame in frames {
            self.frames.insert(frame.number, frame);
            for last in [false, true] {
                let half = Frame {
                    begins: !last,
                    ends: last,
                    ..frame
                };
                self.seq += 1;
                let payload = self.payload(&half, is_key);
                let timestamp = self.pictures * 3_000;
                let write =
                    RtpWrite::new(payload_type, self.seq.into(), timestamp, world.now, payload)
                        .marker(last && frame.spatial_id == 2)
                        .nackable(true)
                        .ext_vals(self.extensions(&half, is_key));
                world.send_one(at, Source::Camera, write);
            }
        }
        world.run(Duration::from_millis(33));
    }

    fn extensions(&self, half: &Frame, is_key: bool) -> ExtensionValues {
        let mut values = ExtensionValues::default();
        if self.codec == Codec::Av1 {
            let first = is_key && half.spatial_id == 0 && half.begins;
            let value = self.structure.write(half, first, None);
            values
                .user_values
                .set(DescriptorValue(value.expect("it can be said")));
        }
        values
    }

    fn payload(&self, half: &Frame, is_key: bool) -> Vec<u8> {
        let first = is_key && half.spatial_id == 0 && half.begins;
        let mut payload = match self.codec {
            Codec::Av1 => vec![0x10 | u8::from(first) << 3],
            _ => self.vp9_descriptor(half, is_key, first),
        };
        payload.extend_from_slice(&half.number.to_be_bytes());
        payload.push(u8::from(half.ends));
        payload
    }

    /// RFC 9628, section 4.2, without flexible mode.
    fn vp9_descriptor(&self, half: &Frame, is_key: bool, first: bool) -> Vec<u8> {
        let between = is_key || !self.key_only;
        let flags = 0xa0
            | u8::from(!is_key) << 6
            | u8::from(half.begins) << 3
            | u8::from(half.ends) << 2
            | u8::from(first) << 1
            | u8::from(!between || half.spatial_id == 2);
        let layer = half.temporal_id << 5
            | 0x10
            | half.spatial_id << 1
            | u8::from(between && half.spatial_id > 0);
        let [high, low] = (self.picture_id | 0x8000).to_be_bytes();
        let mut descriptor = vec![flags, high, low, layer, self.tl0_pic_idx];
        if first {
            descriptor.push(2 << 5 | 0x10);
            for (width, height) in [(320u16, 180u16), (640, 360), (1280, 720)] {
                descriptor.extend_from_slice(&width.to_be_bytes());
                descriptor.extend_from_slice(&height.to_be_bytes());
            }
        }
        descriptor
    }
}

fn look(world: &mut World, at: usize, whom: u128, max_height: u16) {
    let want = Want {
        slot: SlotId(world.clients[at].slots[0].to_string()),
        show: Show::Track(camera(whom)),
        max_height,
        priority: 0,
    };
    world.say(at, ClientMessage::Want { wants: vec![want] });
}

fn in_order(world: &World, at: usize) -> Vec<&RtpPacket> {
    let mut packets: Vec<_> = world.clients[at].packets.iter().collect();
    packets.sort_by_key(|packet| *packet.seq_no);
    packets
}

/// What a viewer got of a camera, in the order of sequence numbers.
fn got<'a>(world: &'a World, at: usize, camera: &Camera) -> Vec<(&'a RtpPacket, Frame)> {
    let read = |packet: &'a RtpPacket| {
        let trailer = packet.payload.last_chunk::<TRAILER_BYTES>()?;
        let number = u16::from_be_bytes([trailer[0], trailer[1]]);
        let frame = *camera.frames.get(&number)?;
        Some((packet, frame))
    };
    in_order(world, at).into_iter().filter_map(read).collect()
}

/// Whole frames, and of every frame what it refers to.
fn assert_decodable(got: &[(&RtpPacket, Frame)], name: &str) {
    let mut halves: BTreeMap<u16, usize> = BTreeMap::new();
    for (packet, frame) in got {
        let half = halves.entry(frame.number).or_default();
        *half += 1;
        assert!(*half <= 2, "{name}: once");
        for distance in frame.references.as_slice() {
            let needed = frame.number.wrapping_sub(*distance);
            assert_eq!(
                halves.get(&needed),
                Some(&2),
                "{name}: {frame:?} has what it needs"
            );
        }
        assert!(packet.payload.len() > TRAILER_BYTES);
    }
    let pictures: BTreeSet<u32> = got
        .iter()
        .map(|(packet, _)| packet.header.timestamp)
        .collect();
    let mut marked = 0;
    for &picture in &pictures {
        let of_it = |(packet, _): &&(&RtpPacket, Frame)| packet.header.timestamp == picture;
        let markers: Vec<bool> = got
            .iter()
            .filter(of_it)
            .map(|(p, _)| p.header.marker)
            .collect();
        // The last of a picture may be lost for good; none before it is marked.
        let before = &markers[..markers.len() - 1];
        assert!(!before.contains(&true), "{name}: {markers:?}");
        marked += usize::from(markers.ends_with(&[true]));
    }
    assert!(marked * 100 > pictures.len() * 95, "{name}: {marked}");
}

/// The highest spatial layer of the last pictures.
fn highest(got: &[(&RtpPacket, Frame)]) -> u8 {
    let last = got.iter().rev().take(8);
    last.map(|(_, frame)| frame.spatial_id).max().unwrap_or(9)
}

#[test]
fn a_viewer_of_a_camera_built_of_layers_gets_what_fits_and_can_decode_all_of_it() {
    for (codec, key_only) in [
        (Codec::Vp9, false),
        (Codec::Vp9, true),
        (Codec::Av1, false),
        (Codec::Av1, true),
    ] {
        let name = format!("{codec:?} {key_only}");
        let mut world = World::new(Limits::default());
        let ann = world.join(1, Role::Host, &[Publish::Camera { layers: 1 }], (0, 0));
        let ben = world.join(2, Role::Guest, &[], (0, 1));
        let cleo = world.join(3, Role::Guest, &[], (0, 1));
        let mut camera = Camera::new(codec, key_only, 65_500);
        look(&mut world, ben, 1, 180);
        look(&mut world, cleo, 1, 720);
        world.lose_every = 41;
        for (of_ben, of_cleo) in [(180, 720), (720, 180), (360, 720), (90, 360)] {
            look(&mut world, ben, 1, of_ben);
            look(&mut world, cleo, 1, of_cleo);
            (0..60).for_each(|_| camera.show(&mut world, ann));
            let layer = |height: u16| [180, 360, 720].iter().position(|h| *h >= height);
            for (at, height) in [(ben, of_ben), (cleo, of_cleo)] {
                let seen = usize::from(highest(&got(&world, at, &camera)));
                assert_eq!(Some(seen), layer(height), "{name}: {height}");
            }
        }
        world.lose_every = 0;
        world.run(Duration::from_secs(1));
        for at in [ben, cleo] {
            let got = got(&world, at, &camera);
            assert!(got.len() > 400, "{name}: {}", got.len());
            assert_decodable(&got, &name);
            // What was lost and left out when it came again is there as padding.
            let packets = in_order(&world, at);
            let is_open = |pair: &&[&RtpPacket]| *pair[1].seq_no != *pair[0].seq_no + 1;
            let open = packets.windows(2).filter(is_open).count();
            assert!(open * 100 < packets.len(), "{name}: {open} holes");
        }
        // Down in the three layers of VP9 and AV1 costs no keyframe where all is passed on.
        let asked = world.clients[ann].senders[0].keyframe_requests;
        assert!(asked < 40, "{name}: {asked}");
    }
}

#[test]
fn descriptors_go_on_from_one_camera_to_the_next_and_say_what_is_left() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Camera { layers: 1 }], (0, 0));
    let ben = world.join(2, Role::Guest, &[], (0, 1));
    let cleo = world.join(3, Role::Member, &[Publish::Camera { layers: 1 }], (0, 0));
    let mut cameras = [
        (ann, Camera::new(Codec::Av1, false, 100)),
        (cleo, Camera::new(Codec::Av1, true, 40_000)),
    ];
    for (whom, height) in [(1, 720), (3, 360), (1, 180), (3, 720)] {
        look(&mut world, ben, whom, height);
        for _ in 0..40 {
            for (at, camera) in &mut cameras {
                camera.show(&mut world, *at);
            }
        }
    }
    let packets = in_order(&world, ben);
    let mut stream = Stream::default();
    let mut came: BTreeMap<u16, (usize, Frame)> = BTreeMap::new();
    let mut newest = None;
    let mut structures = 0;
    for packet in &packets {
        let value = packet.header.ext_vals.user_values.get::<DescriptorValue>();
        let value = &value.expect("every packet has one").0;
        let (read, structure, active) = stream.read(value, false).expect("it can be read");
        structures += usize::from(read.brings_structure());
        let frame = read.frame;
        let step = newest.map_or(1, |newest| frame.number.wrapping_sub(newest));
        assert!(step < 12, "numbers go on: {newest:?} {}", frame.number);
        newest = Some(frame.number);
        came.entry(frame.number).or_insert((0, frame)).0 += 1;
        for distance in frame.references.as_slice() {
            let needed = frame.number.wrapping_sub(*distance);
            let needed = came.get(&needed).map(|(halves, _)| *halves);
            assert_eq!(needed, Some(2), "{frame:?}");
        }
        let target = structure.targets.iter().enumerate();
        let of_layer = target.filter(|(index, _)| active >> index & 1 == 1);
        let highest = of_layer.map(|(_, target)| target.spatial_id).max();
        assert!(highest >= Some(frame.spatial_id), "{active:b} {frame:?}");
    }
    assert!(structures >= 4, "one for each look");
    assert!(packets.len() > 400, "{}", packets.len());
}
