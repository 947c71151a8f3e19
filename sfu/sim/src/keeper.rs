//! A link peer that keeps tapes: it makes them durable in groups, forgets what was not durable
//! when it dies, and gets the rest when it comes back.

use std::collections::BTreeMap;

use sfu_client::synthetic::{DecodeFault, Decoder, MarkFault, read_audio};
use sfu_client::vp8::read_payload;
use sfu_core::io::PeerId;
use sfu_protocol::control::NodeEvent;
use sfu_protocol::ids::{RecordingId, RoomId, TapeId, TrackId};
use sfu_protocol::link::{
    FromNode, LINK_VERSION, TapeBody, TapeEnd, TapeEntry, TapeOpened, ToNode,
};
use sfu_protocol::media::Kind;

/// A tape as the keeper has it.
#[derive(Debug, Clone)]
pub struct Tape {
    /// What is on it.
    pub opened: TapeOpened,
    /// Every entry.
    pub entries: Vec<TapeEntry>,
    /// How many are durable.
    pub durable: usize,
    /// How many the node said it has, once it is closed.
    pub closed: Option<u64>,
    /// Whether the node died while it was open: its end is missing.
    pub cut_off: bool,
}

/// The keeper.
#[derive(Debug)]
pub struct Keeper {
    /// Its link now.
    pub peer: PeerId,
    /// Whether the link stands.
    pub online: bool,
    recording: RecordingId,
    room: RoomId,
    started_by: String,
    started: bool,
    ended: bool,
    tapes: BTreeMap<TapeId, Tape>,
    last_event: u64,
    faults: Vec<String>,
}

impl Keeper {
    /// A keeper that has nothing.
    pub fn new(peer: PeerId, recording: RecordingId, room: RoomId, started_by: &str) -> Self {
        Keeper {
            peer,
            online: true,
            recording,
            room,
            started_by: started_by.to_owned(),
            started: false,
            ended: false,
            tapes: BTreeMap::new(),
            last_event: 0,
            faults: Vec::new(),
        }
    }

    /// What it says when a link stands: who it is and where its tapes end.
    pub fn greeting(&self) -> Vec<ToNode> {
        let going_on = self.tapes.iter().filter(|(_, kept)| !kept.cut_off);
        let ends = going_on.map(|(&tape, kept)| TapeEnd {
            tape,
            next_index: kept.entries.len() as u64,
        });
        vec![
            ToNode::Hello {
                version: LINK_VERSION,
                peer: "keeper".to_owned(),
            },
            ToNode::Follow {
                after: self.last_event,
            },
            ToNode::Record {
                recording: self.recording,
                room: self.room,
                started_by: self.started_by.clone(),
                have: ends.collect(),
            },
        ]
    }

    /// Makes durable what it has; says so.
    pub fn sync(&mut self) -> Vec<ToNode> {
        let recording = self.recording;
        let fresh = self
            .tapes
            .iter_mut()
            .filter(|(_, tape)| tape.durable < tape.entries.len());
        fresh
            .map(|(&id, tape)| {
                tape.durable = tape.entries.len();
                ToNode::Ack {
                    recording,
                    tape: id,
                    through: tape.durable as u64 - 1,
                }
            })
            .collect()
    }

    /// Stops.
    pub fn stop(&self) -> ToNode {
        ToNode::StopRecord {
            recording: self.recording,
        }
    }

    /// Dies: what was not durable is gone.
    pub fn die(&mut self) {
        self.online = false;
        for tape in self.tapes.values_mut() {
            tape.entries.truncate(tape.durable);
        }
    }

    /// The link is gone; what came over it is kept.
    pub fn lose_link(&mut self) {
        self.online = false;
    }

    /// The node at the other end is another one: it counts its events anew, and tapes that were
    /// open have lost their end.
    pub fn meet_another_node(&mut self) {
        self.last_event = 0;
        for tape in self.tapes.values_mut() {
            tape.cut_off |= tape.closed.is_none();
        }
    }

    /// Comes back on another link.
    pub fn return_as(&mut self, peer: PeerId) {
        self.peer = peer;
        self.online = true;
    }

    /// Takes a frame of the node; answers what the chronicle is to know.
    pub fn hear(&mut self, frame: FromNode) -> String {
        match frame {
            FromNode::Welcome { now, .. } => format!("is welcome at {}", now.0),
            FromNode::Event(event) => self.event(event),
            FromNode::RecordStarted { at, .. } => {
                self.started = true;
                format!("records since {}", at.0)
            }
            FromNode::TapeOpened(opened) => self.open(opened),
            FromNode::Entry {
                tape, index, entry, ..
            } => self.entry(tape, index, entry),
            FromNode::Gap {
                tape,
                from_index,
                to_index,
                ..
            } => {
                self.fault(format!("tape {tape} lost {from_index}..{to_index}"));
                format!("tape {tape} has a gap")
            }
            FromNode::TapeClosed {
                tape, next_index, ..
            } => {
                match self.tapes.get_mut(&tape) {
                    Some(kept) => kept.closed = Some(next_index),
                    None => self.fault(format!("tape {tape} closes and was never opened")),
                }
                format!("tape {tape} closes with {next_index}")
            }
            FromNode::RecordEnded { reason, .. } => {
                self.ended = true;
                format!("recording ended: {reason:?}")
            }
        }
    }

    /// Whether the node has said that the recording runs.
    pub fn has_started(&self) -> bool {
        self.started
    }

    /// Whether the node has said that the recording ended.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Every tape.
    pub fn tapes(&self) -> &BTreeMap<TapeId, Tape> {
        &self.tapes
    }

    /// The tapes of a track.
    pub fn tapes_of(&self, track: TrackId) -> impl Iterator<Item = &Tape> {
        self.tapes
            .values()
            .filter(move |tape| tape.opened.track == track)
    }

    /// How many RTP packets it has.
    pub fn packets(&self) -> u64 {
        let entries = self.tapes.values().flat_map(|tape| &tape.entries);
        entries
            .filter(|entry| matches!(entry.body, TapeBody::Rtp { .. }))
            .count() as u64
    }

    /// How many entries it has.
    pub fn entries(&self) -> u64 {
        self.tapes
            .values()
            .map(|tape| tape.entries.len() as u64)
            .sum()
    }

    /// Takes the faults found since the last call.
    pub fn take_faults(&mut self) -> Vec<String> {
        std::mem::take(&mut self.faults)
    }

    fn fault(&mut self, what: String) {
        self.faults.push(what);
    }

    fn event(&mut self, event: NodeEvent) -> String {
        if event.number != self.last_event + 1 {
            let after = self.last_event;
            self.fault(format!("event {} follows {after}", event.number));
        }
        self.last_event = event.number;
        format!("event {} {:?}", event.number, event.event)
    }

    fn open(&mut self, opened: TapeOpened) -> String {
        let line = format!("tape {} of {}", opened.tape, opened.track);
        let tape = self.tapes.entry(opened.tape).or_insert_with(|| Tape {
            opened: opened.clone(),
            entries: Vec::new(),
            durable: 0,
            closed: None,
            cut_off: false,
        });
        if tape.opened != opened {
            self.fault(format!("{line} is opened again as something else"));
        }
        line
    }

    fn entry(&mut self, id: TapeId, index: u64, entry: TapeEntry) -> String {
        let line = describe(id, index, &entry);
        match self.tapes.get_mut(&id) {
            Some(tape) if tape.entries.len() as u64 == index => tape.entries.push(entry),
            Some(tape) => {
                let expected = tape.entries.len();
                self.fault(format!(
                    "tape {id}: entry {index} comes when {expected} is next"
                ));
            }
            None => self.fault(format!("an entry for tape {id}, which was never opened")),
        }
        line
    }
}

fn describe(tape: TapeId, index: u64, entry: &TapeEntry) -> String {
    match &entry.body {
        TapeBody::Rtp { seq, timestamp, .. } => {
            format!(
                "tape {tape} {index}: layer {} seq {seq} time {timestamp}",
                entry.layer
            )
        }
        TapeBody::SenderReport { .. } => format!("tape {tape} {index}: {:?}", entry.body),
        TapeBody::Muted { muted } => format!("tape {tape} {index}: muted {muted}"),
    }
}

impl Tape {
    /// Whether every entry is here and the node has closed it, or died before it could.
    pub fn is_whole(&self) -> bool {
        self.cut_off || self.closed == Some(self.entries.len() as u64)
    }

    /// How many frames can be decoded, and the first that cannot.
    pub fn play(&self) -> (u64, Option<String>) {
        match self.opened.codec.kind() {
            Kind::Audio => self.play_audio(),
            Kind::Video => self.play_video(),
        }
    }

    /// The numbers of the Opus packets, in the order of their sequence numbers.
    pub fn audio_numbers(&self) -> Vec<u32> {
        let packets = self.packets();
        let marks = packets
            .values()
            .filter_map(|(_, payload)| read_audio(payload).ok());
        marks.map(|mark| mark.number).collect()
    }

    fn play_audio(&self) -> (u64, Option<String>) {
        let packets = self.packets();
        let marks: Vec<Result<_, MarkFault>> = packets
            .values()
            .map(|(_, payload)| read_audio(payload))
            .collect();
        let good = marks.iter().filter(|mark| mark.is_ok()).count() as u64;
        let fault = marks.into_iter().find_map(Result::err);
        (good, fault.map(|fault| fault.to_string()))
    }

    fn play_video(&self) -> (u64, Option<String>) {
        let mut decoder = Decoder::new();
        let mut good = 0;
        let mut fault = None;
        for frame in self.frames() {
            match decoder.decode(&frame) {
                Ok(_) => good += 1,
                // Before the first keyframe there is nothing to refer to.
                Err(DecodeFault::MissingReference { has: None, .. }) if good == 0 => {}
                Err(found) => fault = fault.or(Some(found.to_string())),
            }
        }
        (good, fault)
    }

    /// Whole frames in the order in which they were captured by their layer.
    fn frames(&self) -> Vec<Vec<u8>> {
        let mut frames: Vec<Vec<u8>> = Vec::new();
        for (_, payload) in self.packets().values() {
            let Some(read) = read_payload(payload) else {
                continue;
            };
            match frames.last_mut() {
                Some(frame) if !read.starts_frame => frame.extend_from_slice(read.piece),
                _ => frames.push(read.piece.to_vec()),
            }
        }
        frames
    }

    /// Packets by layer stretch and sequence number: a late packet takes its place.
    fn packets(&self) -> BTreeMap<(u32, u64), (u8, &[u8])> {
        let mut packets = BTreeMap::new();
        let mut stretch = 0;
        let mut layer = None;
        for entry in &self.entries {
            let TapeBody::Rtp { seq, payload, .. } = &entry.body else {
                continue;
            };
            if layer != Some(entry.layer) {
                layer = Some(entry.layer);
                stretch += 1;
            }
            packets.insert((stretch, *seq), (entry.layer, payload.as_ref()));
        }
        packets
    }
}
