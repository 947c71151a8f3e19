//! What of a publisher's lines is wanted by those who receive them, and since when that is another
//! thing: the side of `media::demand` that knows slots and tapes.

use std::time::Instant;

use sfu_protocol::media::{Kind, Source};

use crate::connection::uplink::{Line, Subscriber};
use crate::deadlines::Wake;
use crate::io::ConnectionId;
use crate::media::demand::{LayerSet, needed};
use crate::span;
use crate::stage::Stage;

/// Somebody who receives from this publisher wants something else now, or nothing: it is weighed
/// with the next tick, once for all who do.
pub(crate) fn changed(stage: &mut Stage, now: Instant, publisher: ConnectionId) {
    stage.deadlines.set_sooner(Wake::Layers(publisher), now);
}

/// The same for everyone whom this connection receives from.
pub(crate) fn changed_by(stage: &mut Stage, now: Instant, receiver: ConnectionId) {
    let Some(connection) = stage.get(receiver) else {
        return;
    };
    let feeds = connection.slots().filter_map(|(_, slot)| slot.feed);
    let publishers: Vec<ConnectionId> = feeds.map(|feed| feed.publisher).collect();
    for publisher in publishers {
        changed(stage, now, publisher);
    }
}

/// Weighs what is wanted of each picture that a connection publishes. Answers those of which
/// something else is to be sent from now on, with the names of the layers.
pub(crate) fn weigh(
    stage: &mut Stage,
    now: Instant,
    publisher: ConnectionId,
) -> Vec<(Source, Vec<String>)> {
    let Some(connection) = stage.get(publisher) else {
        return Vec::new();
    };
    let lines = connection.uplink.lines();
    let pictures = lines.filter(|(_, line)| line.source.kind() == Kind::Video);
    let wanted: Vec<(usize, LayerSet)> = pictures
        .map(|(index, line)| (index, wanted_of(stage, line)))
        .collect();
    let (mut told, mut switched) = (Vec::new(), Vec::new());
    let mut next_at: Option<Instant> = None;
    let Some(connection) = stage.get_mut(publisher) else {
        return Vec::new();
    };
    for (index, wanted) in wanted {
        let Some(line) = connection.uplink.line_mut(index) else {
            continue;
        };
        if !line.flowing {
            line.demand.rest();
            continue;
        }
        let comes = line.layers.live().next().is_some();
        if line.demand.want(wanted, comes, now) {
            line.layers.switch(line.demand.on());
            told.push((line.source, line.wanted()));
            switched.push(index);
        }
        next_at = next_at.into_iter().chain(line.demand.next_at()).min();
    }
    if !told.is_empty() {
        connection.lines_changed();
    }
    if let Some(at) = next_at {
        stage.deadlines.set_sooner(Wake::Layers(publisher), at);
    }
    for index in switched {
        span::tell_shape(stage, now, (publisher, index));
    }
    told
}

/// What a publisher was told of its lines, for one that may have missed it.
pub(crate) fn told(stage: &Stage, publisher: ConnectionId) -> Vec<(Source, Vec<String>)> {
    let Some(connection) = stage.get(publisher) else {
        return Vec::new();
    };
    let lines = connection.uplink.lines();
    let told = lines.filter(|(_, line)| line.demand.was_told());
    told.map(|(_, line)| (line.source, line.wanted())).collect()
}

/// What slots, tapes and other shards want of a line. Before anything has come of it nobody knows
/// what that can be: everything.
fn wanted_of(stage: &Stage, line: &Line) -> LayerSet {
    if line.codec.is_none() {
        let all = line.layers.all().fold(LayerSet::NONE, LayerSet::with);
        return line.layers.streams_of(all);
    }
    of(stage, line).and(pulled(line))
}

/// What slots and tapes of this shard want of a line.
pub(crate) fn of(stage: &Stage, line: &Line) -> LayerSet {
    let slots = line.subscribers.iter();
    let slots = slots.map(|to| wanted_in(stage, line, *to));
    let tapes = line.tapes.iter().map(|_| needed(&line.layers, u16::MAX));
    slots.chain(tapes).fold(LayerSet::NONE, LayerSet::and)
}

/// What other shards want of it.
fn pulled(line: &Line) -> LayerSet {
    let pulls = line.pulls.iter().map(|pull| pull.layers);
    pulls.fold(LayerSet::NONE, LayerSet::and)
}

/// Whoever cannot be reached yet is about to be; who is lost is not.
fn wanted_in(stage: &Stage, line: &Line, to: Subscriber) -> LayerSet {
    let receiver = stage.get(to.connection).filter(|c| !c.is_lost());
    let slot = receiver.and_then(|c| c.slot(to.slot));
    let height = slot.and_then(|slot| slot.height());
    height.map_or(LayerSet::NONE, |height| needed(&line.layers, height))
}
