//! Who receives a line, in which layer, and what that asks of its publisher. The slots' and
//! tapes' side of forwarding; the packets' side is `forward`.

use std::time::Instant;

use sfu_protocol::media::Kind;

use crate::bandwidth::share::Share;
use crate::connection::downlink::Feed;
use crate::connection::uplink::Subscriber;
use crate::deadlines::Wake;
use crate::io::{ConnectionId, Departures};
use crate::media::keyframe::{Asked, Mover};
use crate::media::packet::{MAX_LAYERS, Packet};
use crate::media::select::choose;
use crate::stage::Stage;
use crate::{share, span, wanted};

/// Chooses the layer of every receiver and tape of a line again.
pub(crate) fn choose_again(
    stage: &mut Stage,
    now: Instant,
    out: &mut Departures,
    from: (ConnectionId, usize),
) {
    wanted::changed(stage, now, from.0);
    let mut next = 0;
    while let Some(to) = subscriber(stage, from, next) {
        next += 1;
        aim(stage, now, out, to, Mover::Node);
    }
    let Some(line) = stage.line_mut(from) else {
        return;
    };
    let best = choose(&line.layers, u16::MAX).map(|best| line.layers.stream_of(best));
    let mut wanted = false;
    for feed in &mut line.tapes {
        wanted |= feed.selector.aim(best);
    }
    if let (true, Some(layer)) = (wanted, best) {
        want_keyframe(stage, now, out, from, layer);
    }
}

/// Aims a slot at the layer that fits what its client asked for, and has what its receiver gets
/// planned again. A client that cannot be reached is aimed for once it can: a keyframe now would be
/// for nobody.
pub(crate) fn aim(
    stage: &mut Stage,
    now: Instant,
    out: &mut Departures,
    to: Subscriber,
    mover: Mover,
) {
    share::changed(stage, now, to.connection);
    aim_within(stage, now, out, to, mover);
}

/// Aims a slot at the layer that fits what its client asked for, within its share.
pub(crate) fn aim_within(
    stage: &mut Stage,
    now: Instant,
    out: &mut Departures,
    to: Subscriber,
    mover: Mover,
) {
    let Some(receiver) = stage.get(to.connection) else {
        return;
    };
    let reachable = receiver.is_reachable();
    let Some(slot) = receiver.slot(to.slot) else {
        return;
    };
    let (Some(feed), height) = (slot.feed, slot.height()) else {
        return;
    };
    wanted::changed(stage, now, feed.publisher);
    if !reachable {
        return;
    }
    let line = stage.line(feed.from());
    let target = line.and_then(|line| choose(&line.layers, height?));
    let Some(slot) = stage
        .get_mut(to.connection)
        .and_then(|c| c.slot_mut(to.slot))
    else {
        return;
    };
    if height.is_none() {
        return slot.pause();
    }
    let moved = slot.selector.aim(target) && slot.credit.begin(mover, now);
    if let (true, Some(layer)) = (moved, target) {
        want_keyframe(stage, now, out, (feed.publisher, feed.line), layer);
    }
}

/// Aims every slot of a receiver.
pub(crate) fn aim_all(
    stage: &mut Stage,
    now: Instant,
    out: &mut Departures,
    receiver: ConnectionId,
) {
    let Some(connection) = stage.get(receiver) else {
        return;
    };
    let slots: Vec<usize> = connection.slots().map(|(index, _)| index).collect();
    for slot in slots {
        let connection = receiver;
        let to = Subscriber { connection, slot };
        aim(stage, now, out, to, Mover::Node);
    }
}

/// Puts a track, or nobody, into a slot.
pub(crate) fn put(
    stage: &mut Stage,
    now: Instant,
    out: &mut Departures,
    to: Subscriber,
    feed: Option<Feed>,
    mover: Mover,
) {
    let Some(connection) = stage.get_mut(to.connection) else {
        return;
    };
    let tight = connection.path().is_tight();
    let Some(slot) = connection.slot_mut(to.slot) else {
        return;
    };
    if slot.feed == feed {
        return;
    }
    let before = slot.feed;
    slot.put(feed);
    if tight {
        slot.share = Share::least();
    }
    if let Some(before) = before {
        unsubscribe(stage, now, to, before);
    }
    let Some(feed) = feed else {
        return;
    };
    let line = stage.line_mut(feed.from());
    if let Some(line) = line.filter(|line| line.take == feed.take) {
        line.subscribers.push(to);
        aim(stage, now, out, to, mover);
    }
}

/// Takes a slot off the line that filled it.
pub(crate) fn unsubscribe(stage: &mut Stage, now: Instant, to: Subscriber, feed: Feed) {
    wanted::changed(stage, now, feed.publisher);
    if let Some(line) = stage.line_mut(feed.from()) {
        line.subscribers.retain(|subscriber| *subscriber != to);
    }
}

/// Lets a line flow or stops it. Whoever receives it begins again at an entry point.
pub(crate) fn set_flowing(
    stage: &mut Stage,
    now: Instant,
    out: &mut Departures,
    from: (ConnectionId, usize),
    flowing: bool,
) {
    let Some(line) = stage.line_mut(from) else {
        return;
    };
    if line.flowing == flowing {
        return;
    }
    line.flowing = flowing;
    line.layers.reset();
    if let Some(mirrored) = &mut line.mirrored {
        mirrored.is_shaped = false;
    }
    for feed in &mut line.tapes {
        feed.selector.reset();
    }
    if let Some(connection) = stage.get_mut(from.0) {
        connection.lines_changed();
    }
    let mut next = 0;
    while let Some(to) = subscriber(stage, from, next) {
        next += 1;
        if let Some(slot) = stage
            .get_mut(to.connection)
            .and_then(|c| c.slot_mut(to.slot))
        {
            slot.pause();
        }
    }
    if flowing {
        choose_again(stage, now, out, from);
    } else {
        wanted::changed(stage, now, from.0);
    }
    span::tell_shape(stage, now, from);
}

/// A receiver lost a picture in a slot.
pub(crate) fn picture_lost(stage: &mut Stage, now: Instant, out: &mut Departures, to: Subscriber) {
    let Some(slot) = stage
        .get_mut(to.connection)
        .and_then(|c| c.slot_mut(to.slot))
    else {
        return;
    };
    if let (Some(feed), Some(layer), Kind::Video) = (slot.feed, slot.selector.wanted(), slot.kind)
        && slot.credit.wait(now)
    {
        want_keyframe(stage, now, out, (feed.publisher, feed.line), layer);
    }
}

/// Asks for a keyframe of a layer, through its gate.
pub(crate) fn want_keyframe(
    stage: &mut Stage,
    now: Instant,
    out: &mut Departures,
    from: (ConnectionId, usize),
    layer: u8,
) {
    let line = stage.line_mut(from);
    let Some(line) = line.filter(|line| line.source.kind() == Kind::Video) else {
        return;
    };
    let layer = line.layers.stream_of(layer);
    let asked = line.gates[usize::from(layer)].ask(now);
    match asked {
        Asked::Send => span::ask(stage, now, out, from, layer),
        Asked::Held(at) => {
            stage.report.keyframe_requests_held += 1;
            stage.deadlines.set_sooner(Wake::Keyframe(from.0), at);
        }
        Asked::Joined => stage.report.keyframe_requests_held += 1,
    }
}

/// Receivers of a layer still wait for a keyframe. When this very packet begins one and came too
/// late to begin with, another is needed at once.
pub(crate) fn still_waiting(
    stage: &mut Stage,
    now: Instant,
    out: &mut Departures,
    from: (ConnectionId, usize),
    packet: &Packet,
) {
    let layer = packet.layer;
    if packet.entry_point {
        return want_keyframe(stage, now, out, from, layer);
    }
    let line = stage.line_mut(from);
    if line.is_some_and(|line| line.gates[usize::from(layer)].still_waiting(now)) {
        span::ask(stage, now, out, from, layer);
    }
}

/// Sends the held keyframe requests of a publisher whose time has come.
pub(crate) fn release_keyframes(
    stage: &mut Stage,
    now: Instant,
    out: &mut Departures,
    publisher: ConnectionId,
) {
    let Some(uplink) = stage.uplink_mut(publisher) else {
        return;
    };
    let mut due = Vec::new();
    let mut later: Option<Instant> = None;
    for (index, line) in uplink.lines_mut() {
        for layer in 0..MAX_LAYERS {
            if line.gates[layer].release(now) {
                due.push((index, layer as u8));
            }
            later = [later, line.gates[layer].held_until()]
                .into_iter()
                .flatten()
                .min();
        }
    }
    for (index, layer) in due {
        span::ask(stage, now, out, (publisher, index), layer);
    }
    if let Some(at) = later {
        stage.deadlines.set_sooner(Wake::Keyframe(publisher), at);
    }
}

/// The receivers of a line, one after the other.
pub(crate) fn subscriber(
    stage: &Stage,
    from: (ConnectionId, usize),
    next: usize,
) -> Option<Subscriber> {
    let line = stage.line(from)?;
    line.subscribers.get(next).copied()
}
