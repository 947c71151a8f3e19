//! Recordings as the shard keeps them: which tapes there are, what of them is not yet durable,
//! and what a recorder that comes back is sent.

mod again;

use std::collections::{BTreeMap, VecDeque};

use sfu_protocol::ids::{RecordingId, RoomId, TapeId, TrackId};
use sfu_protocol::link::{EndReason, FromNode, TapeBody, TapeEnd, TapeEntry, TapeOpened};
use sfu_protocol::media::{Codec, MediaTime};

use super::ring::Ring;
use crate::clock::MediaClock;
use crate::io::PeerId;
use crate::report::Report;

/// Tapes of one recording: a tape for each time somebody's track begins or changes its codec.
/// Beyond it a track is not recorded: the log names it and its packets are counted.
const MAX_TAPES: usize = 4096;

/// Tapes of one track after which the open one is kept while the track is switched off and on.
/// In another codec nothing is recorded then: those packets are counted, and the tape's length
/// tells the recorder that it lacks them.
const SHARE_OF_A_TRACK: usize = 16;

/// Tapes of one track, each from another connection once it had its share. Beyond it the track is
/// not recorded, as above: nobody can use up the tapes of the others.
const MAX_TAPES_OF_A_TRACK: usize = 64;

/// Ended recordings that are remembered, so that a recorder that missed the end is told again.
const MAX_ENDED: usize = 64;

/// Ended recordings whose entries are still held for a recorder that is away.
const MAX_ENDED_RINGS: usize = 4;

#[derive(Debug)]
struct Tape {
    opened: TapeOpened,
    /// With the number of its entries.
    closed: Option<(u64, MediaTime, EndReason)>,
    /// Packets that could not be put on it.
    missed: u64,
    /// The index of the first entry that is not known to be durable.
    durable: u64,
}

#[derive(Debug)]
struct Recording {
    room: RoomId,
    started_at: MediaTime,
    peer: Option<PeerId>,
    tapes: BTreeMap<TapeId, Tape>,
    /// How many tapes each track has had.
    shares: BTreeMap<TrackId, usize>,
    ring: Ring,
    ended: Option<(MediaTime, EndReason)>,
}

/// What a wish to record led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// It runs from now on.
    New,
    /// It is known; the rest was sent, as far as it was kept.
    Again {
        /// Whether entries were lost: a picture is whole again only from its next keyframe.
        gaps: bool,
    },
    /// The room is recorded already under another name.
    Refused,
}

/// Every recording of a shard.
#[derive(Debug)]
pub(crate) struct Tapes {
    pub(crate) clock: MediaClock,
    recordings: BTreeMap<RecordingId, Recording>,
    /// Ended ones, oldest first.
    ended: VecDeque<RecordingId>,
    last_tape: u64,
    ring_limit_bytes: usize,
    frames: VecDeque<(PeerId, FromNode)>,
    entries: u64,
    packets: u64,
    lost: u64,
    unrecorded: u64,
}

impl Tapes {
    pub(crate) fn new(clock: MediaClock, ring_limit_bytes: usize) -> Self {
        Tapes {
            clock,
            recordings: BTreeMap::new(),
            ended: VecDeque::new(),
            last_tape: 0,
            ring_limit_bytes,
            frames: VecDeque::new(),
            entries: 0,
            packets: 0,
            lost: 0,
            unrecorded: 0,
        }
    }

    /// The next frame to send.
    pub(crate) fn next_frame(&mut self) -> Option<(PeerId, FromNode)> {
        self.frames.pop_front()
    }

    /// A peer wants a room recorded, or comes back to a recording.
    pub(crate) fn start(
        &mut self,
        recording: RecordingId,
        room: RoomId,
        peer: PeerId,
        have: &[TapeEnd],
        now: MediaTime,
    ) -> Start {
        if let Some(known) = self.recordings.get_mut(&recording) {
            known.peer = Some(peer);
            let gaps = self.send_again(recording, peer, have);
            return Start::Again { gaps };
        }
        if self.of_room(room).is_some() {
            self.repeat_end(recording, peer, now);
            return Start::Refused;
        }
        let ring = Ring::new(self.ring_limit_bytes);
        self.recordings.insert(
            recording,
            Recording {
                room,
                started_at: now,
                peer: Some(peer),
                tapes: BTreeMap::new(),
                shares: BTreeMap::new(),
                ring,
                ended: None,
            },
        );
        self.frames
            .push_back((peer, FromNode::RecordStarted { recording, at: now }));
        Start::New
    }

    /// Whether this recording runs or ran here.
    pub(crate) fn knows(&self, recording: RecordingId) -> bool {
        self.recordings.contains_key(&recording)
    }

    /// The running recording of a room.
    pub(crate) fn of_room(&self, room: RoomId) -> Option<RecordingId> {
        let mut running = self
            .recordings
            .iter()
            .filter(|(_, recording)| recording.ended.is_none());
        running
            .find(|(_, recording)| recording.room == room)
            .map(|(id, _)| *id)
    }

    /// The room of a running recording.
    pub(crate) fn room_of(&self, recording: RecordingId) -> Option<RoomId> {
        let known = self.recordings.get(&recording)?;
        known.ended.is_none().then_some(known.room)
    }

    /// The room of a running recording that this peer holds.
    pub(crate) fn room_held_by(&self, recording: RecordingId, peer: PeerId) -> Option<RoomId> {
        let known = self.recordings.get(&recording)?;
        (known.ended.is_none() && known.peer == Some(peer)).then_some(known.room)
    }

    pub(crate) fn open_tape(
        &mut self,
        recording: RecordingId,
        track: TrackId,
        name: &str,
        codec: Codec,
        at: MediaTime,
    ) -> Option<TapeId> {
        let known = self.recordings.get_mut(&recording)?;
        if known.ended.is_some() {
            return None;
        }
        let share = known.shares.entry(track).or_default();
        if known.tapes.len() >= MAX_TAPES || *share >= MAX_TAPES_OF_A_TRACK {
            return None;
        }
        *share += 1;
        self.last_tape = at.0.max(self.last_tape + 1);
        let tape = TapeId(self.last_tape);
        let opened = TapeOpened {
            tape,
            recording,
            track,
            name: name.to_owned(),
            codec,
            at,
        };
        if let Some(peer) = known.peer {
            self.frames
                .push_back((peer, FromNode::TapeOpened(opened.clone())));
        }
        let fresh = Tape {
            opened,
            closed: None,
            missed: 0,
            durable: 0,
        };
        known.tapes.insert(tape, fresh);
        Some(tape)
    }

    /// Whether a track had so many tapes that it keeps the one it has.
    pub(crate) fn had_its_share(&self, recording: RecordingId, track: TrackId) -> bool {
        let known = self.recordings.get(&recording);
        let share = known.and_then(|known| known.shares.get(&track));
        share.is_some_and(|share| *share >= SHARE_OF_A_TRACK)
    }

    /// Counts a packet that no tape has a place for.
    pub(crate) fn miss(&mut self) {
        self.unrecorded += 1;
    }

    /// Counts a packet that its open tape cannot take.
    pub(crate) fn miss_on(&mut self, recording: RecordingId, tape: TapeId) {
        self.miss();
        let known = self.recordings.get_mut(&recording);
        if let Some(tape) = known.and_then(|known| known.tapes.get_mut(&tape)) {
            tape.missed += 1;
        }
    }

    pub(crate) fn write(&mut self, recording: RecordingId, tape: TapeId, entry: TapeEntry) {
        let Some(known) = self.recordings.get_mut(&recording) else {
            return;
        };
        self.entries += 1;
        self.packets += u64::from(matches!(entry.body, TapeBody::Rtp { .. }));
        let frame = known.peer.map(|peer| (peer, entry.clone()));
        let (index, dropped) = known.ring.push(tape, entry);
        self.lost += dropped;
        if let Some((peer, entry)) = frame {
            let frame = FromNode::Entry {
                recording,
                tape,
                index,
                entry,
            };
            self.frames.push_back((peer, frame));
        }
    }

    pub(crate) fn close_tape(
        &mut self,
        recording: RecordingId,
        tape: TapeId,
        at: MediaTime,
        reason: EndReason,
    ) {
        let Some(known) = self.recordings.get_mut(&recording) else {
            return;
        };
        let written = known.ring.next_index(tape);
        let Some(open) = known
            .tapes
            .get_mut(&tape)
            .filter(|tape| tape.closed.is_none())
        else {
            return;
        };
        let next_index = written + open.missed;
        open.closed = Some((next_index, at, reason));
        known.forget_if_settled(tape);
        if let Some(peer) = known.peer {
            let frame = FromNode::TapeClosed {
                recording,
                tape,
                next_index,
                at,
                reason,
            };
            self.frames.push_back((peer, frame));
        }
    }

    /// Closes every tape and the recording.
    pub(crate) fn end(&mut self, recording: RecordingId, at: MediaTime, reason: EndReason) {
        let open: Vec<TapeId> = match self.recordings.get(&recording) {
            Some(known) if known.ended.is_none() => known.tapes.keys().copied().collect(),
            _ => return,
        };
        for tape in open {
            self.close_tape(recording, tape, at, reason);
        }
        let Some(known) = self.recordings.get_mut(&recording) else {
            return;
        };
        known.ended = Some((at, reason));
        if let Some(peer) = known.peer {
            self.frames.push_back((
                peer,
                FromNode::RecordEnded {
                    recording,
                    at,
                    reason,
                },
            ));
        }
        self.ended.push_back(recording);
        self.forget_old();
    }

    pub(crate) fn ack(&mut self, recording: RecordingId, tape: TapeId, through: u64) {
        let Some(known) = self.recordings.get_mut(&recording) else {
            return;
        };
        known.ring.trim(tape, through);
        if let Some(acked) = known.tapes.get_mut(&tape) {
            acked.durable = acked.durable.max(through.saturating_add(1));
        }
        known.forget_if_settled(tape);
    }

    pub(crate) fn peer_gone(&mut self, peer: PeerId) {
        for known in self.recordings.values_mut() {
            known.peer.take_if(|holder| *holder == peer);
        }
    }

    /// Adds what this shard recorded to its counters.
    pub(crate) fn count(&self, report: &mut Report) {
        report.tape_entries = self.entries;
        report.packets_recorded = self.packets;
        report.tape_entries_lost = self.lost;
        report.packets_unrecorded = self.unrecorded;
        let running = self
            .recordings
            .values()
            .filter(|recording| recording.ended.is_none());
        report.recordings = running.count() as u64;
        report.ring_bytes = self
            .recordings
            .values()
            .map(|known| known.ring.bytes() as u64)
            .sum();
    }

    fn forget_old(&mut self) {
        while self.ended.len() > MAX_ENDED {
            if let Some(oldest) = self.ended.pop_front() {
                self.recordings.remove(&oldest);
            }
        }
        let full = |recording: &RecordingId| {
            self.recordings
                .get(recording)
                .is_some_and(|known| known.ring.bytes() > 0)
        };
        let holding: Vec<RecordingId> = self.ended.iter().copied().filter(full).collect();
        let spare = holding.len().saturating_sub(MAX_ENDED_RINGS);
        for recording in &holding[..spare] {
            if let Some(known) = self.recordings.get_mut(recording) {
                self.lost += known.ring.drop_all();
            }
        }
    }
}

impl Recording {
    /// A closed tape that is durable to its last entry needs no place in the ring.
    fn forget_if_settled(&mut self, tape: TapeId) {
        let Some(known) = self.tapes.get(&tape) else {
            return;
        };
        if known.closed.is_some() && known.durable >= self.ring.next_index(tape) {
            self.ring.forget(tape);
        }
    }
}

#[cfg(test)]
mod tests;
