//! A node made of channels: it has one room, keeps every entry until it is acknowledged, and
//! sends as much of the meeting as a test has let happen.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use recorder::LinkEnd;
use sfu_protocol::control::{NodeEvent, RoomEvent};
use sfu_protocol::ids::{RecordingId, RoomId, TapeId};
use sfu_protocol::link::{EndReason, FromNode, LINK_VERSION, ToNode};
use sfu_protocol::media::MediaTime;
use sfu_protocol::signal::Role;
use tokio::sync::{mpsc, watch};

use crate::meeting::{MadeTape, START_US, participant};

/// What has happened so far.
#[derive(Clone, Copy, Default)]
struct Happened {
    /// Microseconds of the meeting.
    until_us: u64,
    /// Links that were cut.
    cuts: u32,
}

/// What the node remembers.
#[derive(Default)]
struct Memory {
    acknowledged: BTreeMap<TapeId, u64>,
    ended: bool,
    dials: u32,
}

pub(crate) struct FakeNode {
    room: RoomId,
    tapes: Vec<MadeTape>,
    happened: watch::Sender<Happened>,
    memory: Mutex<Memory>,
    refuses: bool,
    /// When it begins to record, in microseconds of the meeting.
    begins_us: u64,
}

impl FakeNode {
    /// A node whose room is being recorded by another.
    pub(crate) fn taken(room: RoomId) -> Arc<Self> {
        Arc::new(FakeNode {
            room,
            tapes: Vec::new(),
            happened: watch::Sender::new(Happened::default()),
            memory: Mutex::default(),
            refuses: true,
            begins_us: 0,
        })
    }

    pub(crate) fn new(room: RoomId, tapes: Vec<MadeTape>) -> Arc<Self> {
        FakeNode::after(0, room, tapes)
    }

    /// One that takes the place of a node that was killed.
    pub(crate) fn after(begins_us: u64, room: RoomId, tapes: Vec<MadeTape>) -> Arc<Self> {
        Arc::new(FakeNode {
            room,
            tapes,
            happened: watch::Sender::new(Happened::default()),
            memory: Mutex::default(),
            refuses: false,
            begins_us,
        })
    }

    /// The meeting has gone on until here.
    pub(crate) fn reaches(&self, until_us: u64) {
        self.happened
            .send_modify(|happened| happened.until_us = until_us);
    }

    /// Every link is lost.
    pub(crate) fn cut(&self) {
        self.happened.send_modify(|happened| happened.cuts += 1);
    }

    pub(crate) fn dials(&self) -> u32 {
        self.memory().dials
    }

    /// Entries that are acknowledged, over all tapes.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.memory().acknowledged.values().sum()
    }

    /// Entries that there are in all.
    pub(crate) fn entries(&self) -> u64 {
        self.tapes
            .iter()
            .map(|tape| tape.entries.len() as u64)
            .sum()
    }

    pub(crate) fn dial(self: &Arc<Self>) -> LinkEnd {
        let (to_node, frames) = mpsc::channel(64);
        let (to_peer, from_node) = mpsc::channel(64);
        // Before anybody is told of this link: a cut that follows is one of this link.
        let cuts = self.happened.borrow().cuts;
        self.memory().dials += 1;
        let node = self.clone();
        tokio::spawn(async move {
            let mut happened = node.happened.subscribe();
            let cut = happened.wait_for(|happened| happened.cuts > cuts);
            tokio::select! {
                _ = node.serve(frames, to_peer) => {}
                _ = cut => {}
            }
        });
        LinkEnd { to_node, from_node }
    }

    async fn serve(
        &self,
        mut frames: mpsc::Receiver<ToNode>,
        to_peer: mpsc::Sender<FromNode>,
    ) -> Option<()> {
        let mut sending: Option<Sending> = None;
        let mut happened = self.happened.subscribe();
        loop {
            let frame = tokio::select! {
                frame = frames.recv() => frame?,
                _ = happened.changed() => {
                    if let Some(sending) = &mut sending {
                        self.send_rest(sending, &to_peer).await?;
                    }
                    continue;
                }
            };
            match frame {
                ToNode::Hello { .. } => {
                    let welcome = FromNode::Welcome {
                        version: LINK_VERSION,
                        now: MediaTime(START_US),
                    };
                    to_peer.send(welcome).await.ok()?;
                }
                // Whether tapes can be written is the room's affair.
                ToNode::Trouble { .. } => {}
                ToNode::Follow { after } => self.send_events(after, &to_peer).await?,
                ToNode::Record { recording, .. } if self.refuses => {
                    let ended = FromNode::RecordEnded {
                        recording,
                        at: MediaTime(START_US),
                        reason: EndReason::Unknown,
                    };
                    to_peer.send(ended).await.ok()?;
                }
                ToNode::Record {
                    recording, have, ..
                } => {
                    let at = MediaTime(START_US + self.begins_us);
                    to_peer
                        .send(FromNode::RecordStarted { recording, at })
                        .await
                        .ok()?;
                    let mut begun = Sending {
                        recording,
                        next: have.iter().map(|end| (end.tape, end.next_index)).collect(),
                        opened: false,
                    };
                    self.check_kept(&begun);
                    self.send_rest(&mut begun, &to_peer).await?;
                    sending = Some(begun);
                    if self.memory().ended {
                        self.send_end(recording, &to_peer).await?;
                    }
                }
                ToNode::StopRecord { recording } => {
                    self.memory().ended = true;
                    self.send_end(recording, &to_peer).await?;
                }
                ToNode::Ack { tape, through, .. } => {
                    self.memory().acknowledged.insert(tape, through + 1);
                }
            }
        }
    }

    /// Nothing that was acknowledged is asked for again.
    fn check_kept(&self, sending: &Sending) {
        for (tape, acknowledged) in &self.memory().acknowledged {
            let asked = sending.next.get(tape).copied().unwrap_or(0);
            assert!(
                asked >= *acknowledged,
                "tape {tape}: {asked} after {acknowledged}"
            );
        }
    }

    async fn send_rest(
        &self,
        sending: &mut Sending,
        to_peer: &mpsc::Sender<FromNode>,
    ) -> Option<()> {
        let until = START_US + self.happened.borrow().until_us;
        if until > START_US && !sending.opened {
            sending.opened = true;
            for tape in &self.tapes {
                to_peer
                    .send(FromNode::TapeOpened(tape.opened.clone()))
                    .await
                    .ok()?;
            }
        }
        for tape in &self.tapes {
            let next = sending.next.entry(tape.opened.tape).or_default();
            let rest = tape.entries.iter().enumerate().skip(*next as usize);
            for (index, entry) in rest.take_while(|(_, entry)| entry.arrived.0 < until) {
                let frame = FromNode::Entry {
                    recording: sending.recording,
                    tape: tape.opened.tape,
                    index: index as u64,
                    entry: entry.clone(),
                };
                to_peer.send(frame).await.ok()?;
                *next = index as u64 + 1;
            }
        }
        Some(())
    }

    async fn send_end(
        &self,
        recording: RecordingId,
        to_peer: &mpsc::Sender<FromNode>,
    ) -> Option<()> {
        let until_us = self.happened.borrow().until_us;
        let at = MediaTime(START_US + until_us);
        let reason = EndReason::Asked;
        for tape in self.tapes.iter().filter(|_| until_us > 0) {
            let sent = tape.entries.iter().filter(|entry| entry.arrived < at);
            let closed = FromNode::TapeClosed {
                recording,
                tape: tape.opened.tape,
                next_index: sent.count() as u64,
                at,
                reason,
            };
            to_peer.send(closed).await.ok()?;
        }
        let ended = FromNode::RecordEnded {
            recording,
            at,
            reason,
        };
        to_peer.send(ended).await.ok()
    }

    async fn send_events(&self, after: u64, to_peer: &mpsc::Sender<FromNode>) -> Option<()> {
        let mut people: Vec<_> = self.tapes.iter().map(|tape| &tape.opened).collect();
        people.dedup_by_key(|opened| opened.track.participant);
        for (number, opened) in (1..).zip(people) {
            let event = NodeEvent {
                number,
                room: self.room,
                at: MediaTime(START_US - 1_000_000),
                event: RoomEvent::ParticipantJoined {
                    participant: participant(number as usize - 1),
                    name: opened.name.clone(),
                    role: Role::Guest,
                },
            };
            if number > after {
                to_peer.send(FromNode::Event(event)).await.ok()?;
            }
        }
        Some(())
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().expect("nobody panics while holding it")
    }
}

/// What one peer has of one recording.
struct Sending {
    recording: RecordingId,
    next: BTreeMap<TapeId, u64>,
    opened: bool,
}
