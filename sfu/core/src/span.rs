//! Lines that are received on several shards. The shard of the publisher sends one copy of each
//! packet to every other shard where somebody receives its layer, straight from where it came in;
//! what came from another shard goes to nobody but those who are here. So nothing goes in a circle,
//! and nothing crosses twice.
//!
//! A shard that receives a line pulls the layers that its slots and tapes need, and is told how the
//! line is: it chooses among the layers as the publisher's own shard would.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sfu_protocol::ids::RoomId;
use sfu_protocol::link::shards::{Fill, LineId, Shape, ShardFrame, ShardPacket};

use crate::connection::ConnectionEvent;
use crate::connection::downlink::Feed;
use crate::connection::uplink::{Line, Pull, SenderReport};
use crate::deadlines::Wake;
use crate::io::{ConnectionId, Departures};
use crate::media::demand::LayerSet;
use crate::media::packet::{MAX_LAYERS, Packet};
use crate::mirror::Mirror;
use crate::stage::Stage;
use crate::{subscribe, wanted};

/// How often it is looked whether a layer still has receivers who are to have another.
const LOOKED_EVERY: Duration = Duration::from_millis(50);

/// How often shards that receive a line are told what its layers bring.
const SHAPED_EVERY: Duration = Duration::from_secs(1);

/// Sends packets of a line, which came together, to the shards that receive their layers.
pub(crate) fn to_shards(
    stage: &mut Stage,
    now: Instant,
    from: (ConnectionId, usize),
    packets: &[Arc<Packet>],
) {
    let Some(line) = stage.line_mut(from).filter(|line| !line.pulls.is_empty()) else {
        return;
    };
    let pulls = std::mem::take(&mut line.pulls);
    let id = id_of(from, line);
    for packet in packets {
        for pull in pulls.iter().filter(|pull| pull.layers.has(packet.layer)) {
            let packet = passed_on(stage, packet);
            if stage.tell_shard(pull.shard, ShardFrame::Packet { line: id, packet }) {
                stage.report.shard_packets_out += 1;
            }
        }
    }
    if let Some(line) = stage.line_mut(from) {
        line.pulls = pulls;
    }
    tell_shape_again(stage, now, from);
}

/// A sender report goes to the shards that receive its layer.
pub(crate) fn report_to_shards(
    stage: &mut Stage,
    from: (ConnectionId, usize),
    layer: u8,
    report: SenderReport,
) {
    let Some(line) = stage.line(from).filter(|line| !line.pulls.is_empty()) else {
        return;
    };
    let id = id_of(from, line);
    let pulls = line.pulls.iter().filter(|pull| pull.layers.has(layer));
    let shards: Vec<u16> = pulls.map(|pull| pull.shard).collect();
    for shard in shards {
        let frame = ShardFrame::SenderReport {
            line: id,
            layer,
            ntp: report.ntp,
            timestamp: report.timestamp,
        };
        stage.tell_shard(shard, frame);
    }
}

/// Tells the shards that receive a line how it is.
pub(crate) fn tell_shape(stage: &mut Stage, now: Instant, from: (ConnectionId, usize)) {
    let Some(line) = stage.line_mut(from).filter(|line| !line.pulls.is_empty()) else {
        return;
    };
    line.shaped_at = Some(now);
    let (id, shape) = (id_of(from, line), shape_of(line, now));
    let shards: Vec<u16> = line.pulls.iter().map(|pull| pull.shard).collect();
    for shard in shards {
        let shape = shape.clone();
        stage.tell_shard(shard, ShardFrame::Shape { line: id, shape });
    }
}

/// The same, when they have not been told for a while.
fn tell_shape_again(stage: &mut Stage, now: Instant, from: (ConnectionId, usize)) {
    let over = |at: Option<Instant>| at.is_none_or(|at| now >= at + SHAPED_EVERY);
    let line = stage.line(from);
    if line.is_some_and(|line| !line.pulls.is_empty() && over(line.shaped_at)) {
        tell_shape(stage, now, from);
    }
}

/// Another shard receives these layers of a line from now on, or none of it any more.
pub(crate) fn pulled(
    stage: &mut Stage,
    now: Instant,
    shard: u16,
    id: LineId,
    layers: Option<LayerSet>,
) {
    let from = place_of(id);
    let line = stage.line_mut(from);
    // Its publisher is another shard's, or the line another one by now.
    let own = |line: &&mut Line| line.mirrored.is_none() && line.take == id.take;
    let Some(line) = line.filter(own) else {
        return;
    };
    let known = line.pulls.iter().position(|pull| pull.shard == shard);
    match (known, layers) {
        (Some(at), Some(layers)) => line.pulls[at].layers = layers,
        (Some(at), None) => drop(line.pulls.remove(at)),
        (None, Some(layers)) => line.pulls.push(Pull { shard, layers }),
        (None, None) => {}
    }
    let shape = shape_of(line, now);
    if known.is_none() && layers.is_some() {
        stage.tell_shard(shard, ShardFrame::Shape { line: id, shape });
    }
    wanted::changed(stage, now, from.0);
}

/// A shard is gone: it receives nothing any more.
pub(crate) fn forget_shard(stage: &mut Stage, now: Instant, shard: u16) {
    for publisher in stage.connections() {
        let lines = stage.uplink_mut(publisher).into_iter();
        for (_, line) in lines.flat_map(|uplink| uplink.lines_mut()) {
            line.pulls.retain(|pull| pull.shard != shard);
        }
        wanted::changed(stage, now, publisher);
    }
    for publisher in stage.mirrors_of(shard) {
        let lines = stage.uplink_mut(publisher).into_iter();
        for (_, line) in lines.flat_map(|uplink| uplink.lines_mut()) {
            // It pulls again once the shard is back.
            line.mirrored = line.mirrored.map(|_| Default::default());
        }
    }
}

/// What fills a slot here: a line of a connection of ours, or a mirror of another's.
pub(crate) fn feed_of(stage: &mut Stage, now: Instant, room: RoomId, fill: Fill) -> Feed {
    let (publisher, line) = place_of(fill.line);
    if !stage.is_here(publisher) {
        let mirror = stage.mirror(publisher, || Mirror::new(room, fill.participant, false));
        let known = mirror.uplink.line(line).map(|line| line.take);
        if known != Some(fill.line.take) {
            let fresh = Line::mirror(fill.source, fill.line.take);
            let ended = mirror.uplink.replace(line, Some(fresh));
            unfeed(stage, ended.as_ref());
            // Should the slot be gone by now, nobody receives it.
            wanted::changed(stage, now, publisher);
        }
    }
    Feed {
        publisher,
        line,
        take: fill.line.take,
        csrc: fill.csrc,
    }
}

/// Nobody is in the slots that a line filled.
pub(crate) fn unfeed(stage: &mut Stage, ended: Option<&Line>) {
    for to in ended.into_iter().flat_map(|line| &line.subscribers) {
        let receiver = stage.get_mut(to.connection);
        if let Some(slot) = receiver.and_then(|receiver| receiver.slot_mut(to.slot)) {
            slot.put(None);
        }
    }
}

/// Pulls of a publisher on another shard what is wanted here, and lets go of what is not.
pub(crate) fn pull(stage: &mut Stage, now: Instant, publisher: ConnectionId) {
    let Some(mirror) = stage.find_mirror(publisher) else {
        return;
    };
    let is_kept = mirror.is_kept;
    let wanted: Vec<_> = mirror
        .uplink
        .lines()
        .map(|(index, line)| (index, wanted_here(stage, line)))
        .collect();
    let waits = |(_, wanted): &(usize, Option<Wanted>)| {
        wanted.is_some_and(|wanted| wanted.now != wanted.with_held())
    };
    if wanted.iter().any(waits) {
        let at = now + LOOKED_EVERY;
        stage.deadlines.set_sooner(Wake::Layers(publisher), at);
    }
    let reached = stage.reaches(publisher.shard);
    for (index, wanted) in wanted.into_iter().filter(|_| reached) {
        let from = (publisher, index);
        let Some(line) = stage.line_mut(from) else {
            continue;
        };
        let wanted = wanted.map(Wanted::with_held);
        let asked = line.mirrored.and_then(|mirrored| mirrored.asked);
        if asked == wanted {
            continue;
        }
        let id = id_of(from, line);
        let mirrored = line.mirrored.get_or_insert_default();
        mirrored.asked = wanted;
        mirrored.is_shaped &= wanted.is_some();
        let frame = match wanted {
            Some(layers) => ShardFrame::Pull {
                line: id,
                layers: layers.bits(),
            },
            None => ShardFrame::Release { line: id },
        };
        stage.tell_shard(publisher.shard, frame);
    }
    if !is_kept {
        stage.tidy_mirror(publisher);
    }
}

/// Layers of a mirrored line.
#[derive(Debug, Clone, Copy, Default)]
struct Wanted {
    /// Those that receivers here are to have.
    now: LayerSet,
    /// Those that they have until then: one that broke off within a picture would be a loss.
    held: LayerSet,
}

impl Wanted {
    fn with_held(self) -> LayerSet {
        self.now.and(self.held)
    }
}

/// What of a mirrored line is received here; none when nobody receives it.
fn wanted_here(stage: &Stage, line: &Line) -> Option<Wanted> {
    let received = !line.subscribers.is_empty() || !line.tapes.is_empty();
    let shaped = line.mirrored.is_some_and(|mirrored| mirrored.is_shaped);
    received.then(|| match shaped && line.flowing {
        true => Wanted {
            now: wanted::of(stage, line),
            held: held(stage, line),
        },
        false => Wanted::default(),
    })
}

fn held(stage: &Stage, line: &Line) -> LayerSet {
    let in_slots = line.subscribers.iter().filter_map(|to| {
        let slot = stage.get(to.connection)?.slot(to.slot)?;
        slot.selector.current()
    });
    let on_tapes = line.tapes.iter().filter_map(|feed| feed.selector.current());
    let layers = in_slots
        .chain(on_tapes)
        .fold(LayerSet::NONE, LayerSet::with);
    line.layers.streams_of(layers)
}

/// How a mirrored line is where its publisher is. Whether it flows is `told`, unless the room is
/// here, which decides that.
pub(crate) fn shaped(
    stage: &mut Stage,
    now: Instant,
    out: &mut Departures,
    id: LineId,
    shape: &Shape,
) {
    let from = place_of(id);
    let Some(is_kept) = stage.find_mirror(from.0).map(|mirror| mirror.is_kept) else {
        return;
    };
    if !mirrors(stage, id) {
        return;
    }
    if !is_kept {
        subscribe::set_flowing(stage, now, out, from, shape.flowing);
    }
    let Some(line) = stage.line_mut(from) else {
        return;
    };
    line.codec = shape.codec.or(line.codec);
    line.layers.take_over(shape.is_simulcast, &shape.layers);
    for (index, layer) in shape.layers.iter().enumerate() {
        line.rates.tell(index, layer.bps);
    }
    if let Some(mirrored) = line.mirrored.as_mut().filter(|known| known.asked.is_some()) {
        mirrored.is_shaped = true;
    }
    subscribe::choose_again(stage, now, out, from);
}

/// A packet of a mirrored line came. It goes on with the others of its batch.
pub(crate) fn came(stage: &mut Stage, now: Instant, id: LineId, packet: ShardPacket) {
    let from = place_of(id);
    let arrived = stage.clock().moment(packet.arrived, now);
    if !mirrors(stage, id) {
        return;
    }
    let line = stage.line_mut(from);
    let fits = |line: &&mut Line| line.source.kind() == packet.codec.kind();
    let Some(line) = line.filter(fits) else {
        return;
    };
    if let Some(packet) = line.read_mirrored(arrived, packet) {
        stage.report.shard_packets_in += 1;
        let packet = Arc::new(packet);
        let event = ConnectionEvent::Packet {
            line: from.1,
            packet,
        };
        stage.events.push_back((from.0, event));
    }
}

/// Asks the publisher of a line for a keyframe, wherever it is.
pub(crate) fn ask(
    stage: &mut Stage,
    now: Instant,
    out: &mut Departures,
    from: (ConnectionId, usize),
    layer: u8,
) {
    if stage.is_here(from.0) {
        stage.step(from.0, now, out, |connection, step| {
            connection.request_keyframe(step, from.1, layer)
        });
    } else if let Some(line) = stage.line(from).map(|line| id_of(from, line)) {
        stage.tell_shard(from.0.shard, ShardFrame::Keyframe { line, layer });
    }
}

/// Another shard asks for a keyframe. The gate of the layer is one for all who do.
pub(crate) fn asked(stage: &mut Stage, now: Instant, out: &mut Departures, id: LineId, layer: u8) {
    let from = place_of(id);
    let line = stage.line(from);
    let is_it = line.is_some_and(|line| line.take == id.take && line.mirrored.is_none());
    if is_it && usize::from(layer) < MAX_LAYERS {
        subscribe::want_keyframe(stage, now, out, from, layer);
    }
}

/// A shard can be reached: what is wanted of its publishers is asked for.
pub(crate) fn reached(stage: &mut Stage, now: Instant, shard: u16) {
    for publisher in stage.mirrors_of(shard) {
        stage.deadlines.set_sooner(Wake::Layers(publisher), now);
    }
}

/// Whether a line is mirrored here, and is still the one that another shard means.
pub(crate) fn mirrors(stage: &Stage, id: LineId) -> bool {
    let line = stage.line(place_of(id));
    line.is_some_and(|line| line.mirrored.is_some() && line.take == id.take)
}

/// As other shards name it.
pub(crate) fn id_of((publisher, index): (ConnectionId, usize), line: &Line) -> LineId {
    LineId {
        publisher,
        line: index as u8,
        take: line.take,
    }
}

/// Where a line is that another shard names.
pub(crate) fn place_of(id: LineId) -> (ConnectionId, usize) {
    (id.publisher, usize::from(id.line))
}

fn shape_of(line: &Line, now: Instant) -> Shape {
    let layers = line.layers.shape().zip(0..).map(|(mut shape, layer)| {
        shape.bps = line.rates.bps(layer, now);
        shape
    });
    Shape {
        flowing: line.flowing,
        codec: line.codec,
        is_simulcast: line.layers.is_simulcast(),
        layers: layers.collect(),
    }
}

fn passed_on(stage: &Stage, packet: &Packet) -> ShardPacket {
    let dependency = packet.piece.dependency();
    ShardPacket {
        layer: packet.layer,
        codec: packet.format.codec,
        profile: packet.format.profile,
        seq: packet.seq,
        timestamp: packet.timestamp,
        marker: packet.marker,
        late: packet.late,
        arrived: stage.clock().at(packet.arrived),
        audio_level: packet.audio_level,
        orientation: packet.orientation,
        dependency: dependency.map(|dependency| dependency.value.clone()),
        payload: Arc::clone(&packet.payload),
    }
}
