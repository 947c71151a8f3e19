//! Carries out what rooms want: messages, events, slots, tracks, transports, tapes.

use std::time::Instant;

use sfu_protocol::control::RoomEvent;
use sfu_protocol::ids::{RecordingId, RoomId, TrackId};
use sfu_protocol::link::shards::ShardFrame;
use sfu_protocol::link::{EndReason, TapeBody, TapeEntry};

use super::Shard;
use crate::connection::uplink::{Subscriber, TapeFeed};
use crate::deadlines::Wake;
use crate::io::{ConnectionId, Departures, Output};
use crate::media::select::StreamSelector;
use crate::room::Effects;
use crate::{span, subscribe, wanted};

impl Shard {
    pub(super) fn carry_out(
        &mut self,
        now: Instant,
        out: &mut Departures,
        room: RoomId,
        effects: Effects,
    ) {
        for output in effects.outputs {
            if let Output::CloseSignal { signal } = &output {
                self.signals.remove(signal);
            }
            self.outputs.push_back(output);
        }
        for event in effects.events {
            self.tell_followers(now, room, event);
        }
        for (participant, granted_at_s) in effects.removed {
            let at = self.clock.at(now);
            self.removed
                .remember(room, participant, Some(granted_at_s), at);
        }
        for connection in effects.dropped {
            self.end_connection(now, out, connection);
        }
        for (track, flows) in effects.flows {
            self.set_flowing(now, out, room, track, flows);
        }
        self.put_all(now, out, room, effects.placements, effects.mover);
        if let Some(speaking) = effects.speaking {
            self.tell_speaking(room, &speaking);
        }
        self.after_room(now, room);
    }

    pub(super) fn tell_followers(&mut self, now: Instant, room: RoomId, event: RoomEvent) {
        let frames = self.followers.tell(room, self.clock.at(now), event);
        let outputs = frames
            .into_iter()
            .map(|(peer, frame)| Output::Link { peer, frame });
        self.outputs.extend(outputs);
    }

    /// Sets a room's deadline, or closes it when it is over.
    fn after_room(&mut self, now: Instant, id: RoomId) {
        let Some(room) = self.rooms.get(&id) else {
            return;
        };
        if room.is_over(now) {
            return self.close_room(now, id, EndReason::RoomClosed);
        }
        match room.expires_at() {
            Some(at) => self.stage.deadlines.set(Wake::Expiry(id), at),
            None => self.stage.deadlines.clear(Wake::Expiry(id)),
        }
        match room.speakers_at() {
            Some(at) => self.stage.deadlines.set(Wake::Speakers(id), at),
            None => self.stage.deadlines.clear(Wake::Speakers(id)),
        }
    }

    /// Ends an empty room.
    pub(super) fn close_room(&mut self, now: Instant, id: RoomId, reason: EndReason) {
        let Some(room) = self.rooms.remove(&id) else {
            return;
        };
        self.stage.deadlines.clear(Wake::Expiry(id));
        self.stage.deadlines.clear(Wake::Speakers(id));
        if let Some(recording) = self.tapes.of_room(id) {
            self.tapes.end(recording, self.clock.at(now), reason);
            self.tell_followers(now, id, RoomEvent::RecordingEnded { recording });
        }
        if room.was_opened() {
            self.tell_followers(now, id, RoomEvent::RoomClosed {});
        }
    }

    /// The line that publishes a track.
    pub(super) fn line_of(&self, room: RoomId, track: TrackId) -> Option<(ConnectionId, usize)> {
        let connection = self.rooms.get(&room)?.seat(track.participant)?.connection?;
        let line = self.stage.uplink(connection)?.index_of(track.source)?;
        Some((connection, line))
    }

    fn set_flowing(
        &mut self,
        now: Instant,
        out: &mut Departures,
        room: RoomId,
        track: TrackId,
        flows: bool,
    ) {
        let Some(from) = self.line_of(room, track) else {
            return;
        };
        let line = self.stage.line(from);
        let changed = line.is_some_and(|line| line.flowing != flows);
        if let (true, Some(line), false) = (changed, line, self.stage.is_here(from.0)) {
            let line = span::id_of(from, line);
            let frame = ShardFrame::Flow { line, flows };
            self.stage.tell_shard(from.0.shard, frame);
        }
        subscribe::set_flowing(&mut self.stage, now, out, from, flows);
        let seat = self.seat_of((room, track.participant));
        if seat.is_some_and(|seat| seat.track(track.source).is_none()) {
            return self.track_off(now, from);
        }
        if changed {
            self.write_muted(now, from, !flows);
        }
    }

    /// A track is off: its tapes end, and what comes after is a new one. A track that had its
    /// share of tapes keeps the last, which says that it is muted.
    fn track_off(&mut self, now: Instant, from: (ConnectionId, usize)) {
        if self.keeps_tapes(from) {
            return self.write_muted(now, from, true);
        }
        let Some(line) = self.stage.line_mut(from) else {
            return;
        };
        line.codec = None;
        let feeds = std::mem::take(&mut line.tapes);
        self.close_tapes(now, &feeds);
    }

    /// Whether a line's tapes are the last that its track gets for now.
    fn keeps_tapes(&self, from: (ConnectionId, usize)) -> bool {
        let line = self.stage.line(from);
        let track = self.track_of(from).map(|(_, track)| track);
        line.zip(track).is_some_and(|(line, track)| {
            line.tapes
                .iter()
                .any(|feed| self.tapes.had_its_share(feed.recording, track))
        })
    }

    pub(super) fn close_tapes(&mut self, now: Instant, feeds: &[TapeFeed]) {
        let at = self.clock.at(now);
        for feed in feeds {
            self.tapes
                .close_tape(feed.recording, feed.tape, at, EndReason::TrackEnded);
        }
    }

    fn write_muted(&mut self, now: Instant, from: (ConnectionId, usize), muted: bool) {
        let Some(line) = self.stage.line(from) else {
            return;
        };
        for feed in &line.tapes {
            let entry = TapeEntry {
                arrived: self.clock.at(now),
                layer: 0,
                body: TapeBody::Muted { muted },
            };
            self.tapes.write(feed.recording, feed.tape, entry);
        }
    }

    /// Ends a transport: its tracks leave every slot and tape, its slots leave every track.
    pub(super) fn end_connection(&mut self, now: Instant, out: &mut Departures, id: ConnectionId) {
        if !self.stage.is_here(id) {
            let connection = id;
            let frame = ShardFrame::Close { connection };
            self.stage.tell_shard(id.shard, frame);
            return self.forget_publisher(now, id);
        }
        self.stage
            .step(id, now, out, |connection, step| connection.close(step));
        let Some(mut connection) = self.stage.remove(id) else {
            return;
        };
        for (index, slot) in connection.slots() {
            let Some(feed) = slot.feed else {
                continue;
            };
            let gone = Subscriber {
                connection: id,
                slot: index,
            };
            subscribe::unsubscribe(&mut self.stage, now, gone, feed);
        }
        for (_, line) in connection.uplink.lines_mut() {
            self.close_tapes(now, &line.tapes);
            span::unfeed(&mut self.stage, Some(line));
        }
    }

    /// Records a line, where its room is being recorded and its codec is known.
    pub(super) fn record_line(
        &mut self,
        now: Instant,
        out: &mut Departures,
        room: RoomId,
        from: (ConnectionId, usize),
        track: TrackId,
    ) {
        let at = self.clock.at(now);
        let Some(recording) = self.tapes.of_room(room) else {
            return;
        };
        let seat = self.seat_of((room, track.participant));
        let name = seat.map(|seat| seat.name.clone()).unwrap_or_default();
        let Some(line) = self.stage.line_mut(from) else {
            return;
        };
        let Some(codec) = line.codec else {
            return;
        };
        let recorded = line.tapes.iter().any(|feed| feed.recording == recording);
        if recorded && self.tapes.had_its_share(recording, track) {
            return;
        }
        let (before, others): (Vec<_>, Vec<_>) = line
            .tapes
            .iter()
            .copied()
            .partition(|feed| feed.recording == recording);
        line.tapes = others;
        let flowing = line.flowing;
        self.close_tapes(now, &before);
        let tape = self.tapes.open_tape(recording, track, &name, codec, at);
        let feed = tape.map(|tape| TapeFeed {
            recording,
            tape,
            codec,
            selector: StreamSelector::default(),
        });
        if let Some(line) = self.stage.line_mut(from) {
            if feed.is_none() && !line.unrecorded {
                tracing::error!(%recording, %track, "no tape is left: this track is not recorded");
            }
            line.unrecorded = feed.is_none();
            line.tapes.extend(feed);
        }
        if feed.is_none() {
            return;
        }
        if !flowing {
            self.write_muted(now, from, true);
        }
        subscribe::choose_again(&mut self.stage, now, out, from);
    }

    /// Asks for keyframes of everything recorded after a gap: until one comes nothing that is put
    /// on the tapes can be shown.
    pub(super) fn refresh_tapes(
        &mut self,
        now: Instant,
        out: &mut Departures,
        recording: RecordingId,
    ) {
        let Some(room) = self.tapes.room_of(recording) else {
            return;
        };
        for id in self.connections_of(room) {
            let Some(uplink) = self.stage.uplink_mut(id) else {
                continue;
            };
            let lines = uplink.lines_mut().filter_map(|(index, line)| {
                let mut feeds = line.tapes.iter();
                let feed = feeds.find(|feed| feed.recording == recording)?;
                Some((index, feed.selector.wanted()?))
            });
            let wanted: Vec<(usize, u8)> = lines.collect();
            for (index, layer) in wanted {
                subscribe::want_keyframe(&mut self.stage, now, out, (id, index), layer);
            }
        }
    }

    /// Ends a recording that runs.
    pub(super) fn end_recording(
        &mut self,
        now: Instant,
        out: &mut Departures,
        recording: RecordingId,
        reason: EndReason,
    ) {
        let Some(id) = self.tapes.room_of(recording) else {
            return;
        };
        self.tapes.end(recording, self.clock.at(now), reason);
        let publishers = self.connections_of(id);
        for publisher in publishers {
            let Some(uplink) = self.stage.uplink_mut(publisher) else {
                continue;
            };
            for (_, line) in uplink.lines_mut() {
                line.tapes.retain(|feed| feed.recording != recording);
                line.unrecorded = false;
            }
            wanted::changed(&mut self.stage, now, publisher);
        }
        self.in_room(id, now, out, |room, effects| {
            room.set_recording(None, effects)
        });
    }

    pub(super) fn connections_of(&self, room: RoomId) -> Vec<ConnectionId> {
        let Some(room) = self.rooms.get(&room) else {
            return Vec::new();
        };
        room.participants()
            .filter_map(|id| room.seat(id)?.connection)
            .collect()
    }
}
