//! What a room wants of slots, carried out or told to the shard that has them.

use std::collections::BTreeMap;
use std::time::Instant;

use sfu_protocol::ids::{ParticipantId, RoomId, TrackId};
use sfu_protocol::link::shards::{Fill, Put, ShardFrame, SlotWish};
use sfu_protocol::media::Source;

use super::Shard;
use super::signal::Sayer;
use crate::io::{ConnectionId, Departures};
use crate::media::keyframe::Mover;
use crate::room::Placement;
use crate::span;

impl Shard {
    /// Puts what belongs there into slots, wherever their connections are.
    pub(super) fn put_all(
        &mut self,
        now: Instant,
        out: &mut Departures,
        room: RoomId,
        placements: Vec<Placement>,
        mover: Mover,
    ) {
        let mut by_shard: BTreeMap<u16, Vec<Put>> = BTreeMap::new();
        for placement in placements {
            let seat = self.seat_of((room, placement.participant));
            let Some(connection) = seat.and_then(|seat| seat.connection) else {
                continue;
            };
            let track = placement.track;
            let put = Put {
                connection,
                slot: placement.slot as u16,
                fill: track.and_then(|track| self.fill_with(room, track)),
            };
            by_shard.entry(connection.shard).or_default().push(put);
        }
        let charged = mover == Mover::Receiver;
        for (shard, puts) in by_shard {
            if shard == self.stage.shard() {
                self.on_put(now, out, &puts, charged);
            } else {
                self.stage
                    .tell_shard(shard, ShardFrame::Put { puts, charged });
            }
        }
    }

    /// How a client wants its slots, wherever its connection is.
    pub(super) fn serve_at(
        &mut self,
        now: Instant,
        out: &mut Departures,
        connection: ConnectionId,
        wishes: Vec<SlotWish>,
    ) {
        if self.stage.is_here(connection) {
            return self.serve(now, out, connection, &wishes);
        }
        let frame = ShardFrame::Want { connection, wishes };
        self.stage.tell_shard(connection.shard, frame);
    }

    /// Tells the branches of a room who speaks.
    pub(super) fn tell_speaking(&mut self, room: RoomId, participants: &[ParticipantId]) {
        let Some(known) = self.rooms.get(&room) else {
            return;
        };
        let mut shards: Vec<u16> = known.shards().collect();
        shards.sort_unstable();
        shards.dedup();
        shards.retain(|shard| *shard != self.stage.shard());
        for shard in shards {
            let participants = participants.to_vec();
            let frame = ShardFrame::Speaking { room, participants };
            self.stage.tell_shard(shard, frame);
        }
    }

    /// What fills a slot that shows a track.
    fn fill_with(&self, room: RoomId, track: TrackId) -> Option<Fill> {
        let from = self.line_of(room, track)?;
        let line = self.stage.line(from)?;
        let seat = self.rooms.get(&room)?.seat(track.participant)?;
        Some(Fill {
            line: span::id_of(from, line),
            participant: track.participant,
            source: track.source,
            csrc: seat.tracks.get(&track.source)?.csrc,
        })
    }

    /// Fills again the slots that show sources of somebody whose lines ended, wherever those come
    /// from now.
    pub(super) fn put_again(
        &mut self,
        now: Instant,
        out: &mut Departures,
        (room, participant): Sayer,
        sources: &[Source],
    ) {
        if sources.is_empty() {
            return;
        }
        let Some(known) = self.rooms.get(&room) else {
            return;
        };
        let shown = known
            .showing(|track| track.participant == participant && sources.contains(&track.source));
        self.put_all(now, out, room, shown, Mover::Node);
    }
}
