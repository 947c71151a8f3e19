//! The recorder's end of the link: dials the node, asks for what sessions want recorded, hands
//! what comes to their tape writers, and acknowledges what those have on disk. A lost link is
//! dialled again with growing patience; each time every recording says where its tapes end.

mod link;
mod route;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use recorder_core::journal::JournalLine;
use recorder_core::timeline::Roster;
use sfu_protocol::control::NodeEvent;
use sfu_protocol::ids::{RecordingId, RoomId};
use sfu_protocol::link::{EndReason, FromNode, ToNode};
use tokio::sync::{Notify, mpsc};

use crate::Dial;
use crate::metrics::Metrics;
use crate::tape_writer::{TapeFrame, ToWriter};
use link::Link;
use route::Route;

pub(crate) use route::Order;

/// Orders waiting. Full only while the link is busy handing over; sessions wait.
pub(crate) const ORDERS: usize = 256;

/// First wait before a lost link is dialled again; doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// Longest wait before a lost link is dialled again. Short of the node's ring of 30 s, so that
/// a node that comes back is found before anything is lost.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Rooms whose people are remembered, for recordings that begin midway. Beyond, a room's
/// recording knows its people by their tapes and later events.
const MAX_ROOMS: usize = 4096;

pub(crate) struct Intake {
    dial: Dial,
    orders: mpsc::Receiver<Order>,
    /// Told whenever something is on disk.
    changed: Arc<Notify>,
    metrics: Metrics,
    routes: BTreeMap<RecordingId, Route>,
    rooms: BTreeMap<RoomId, Roster>,
    last_event: u64,
    link_number: u64,
}

/// Why a link is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// The node closed it or never answered.
    Lost,
    /// A tape writer wants to begin again.
    Anew,
    /// Nobody gives orders any more.
    Over,
}

impl Intake {
    pub(crate) fn new(
        dial: Dial,
        orders: mpsc::Receiver<Order>,
        changed: Arc<Notify>,
        metrics: Metrics,
    ) -> Self {
        Intake {
            dial,
            orders,
            changed,
            metrics,
            routes: BTreeMap::new(),
            rooms: BTreeMap::new(),
            last_event: 0,
            link_number: 0,
        }
    }

    /// Runs until nobody gives orders any more.
    pub(crate) async fn run(mut self) {
        let mut wait = FIRST_WAIT;
        loop {
            let (left, welcomed) = self.hold_link().await;
            match left {
                Left::Over => return,
                Left::Anew => continue,
                Left::Lost => {}
            }
            if welcomed {
                wait = FIRST_WAIT;
            }
            let wait_ms = wait.as_millis() as u64;
            // A node that stops or starts again is lost for a moment, which nobody can mend.
            if wait < LONGEST_WAIT {
                tracing::info!(wait_ms, "the link to the node is lost, dialling again");
            } else {
                tracing::warn!(wait_ms, "the node cannot be reached; is it running?");
            }
            if !self.wait(wait).await {
                return;
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Takes orders while there is no link.
    async fn wait(&mut self, wait: Duration) -> bool {
        let until = tokio::time::Instant::now() + wait;
        while let Ok(order) = tokio::time::timeout_at(until, self.orders.recv()).await {
            let Some(order) = order else { return false };
            self.note(order).await;
        }
        true
    }

    /// One link from dialling to its end. Says whether the node welcomed us.
    async fn hold_link(&mut self) -> (Left, bool) {
        self.link_number += 1;
        let dialled = (self.dial)();
        let Some(mut link) = Link::open(dialled).await else {
            return (Left::Lost, false);
        };
        self.metrics.links.inc();
        for route in self.routes.values_mut() {
            route.begin_link();
        }
        let greeted = self.greet(&link).await;
        let left = match greeted {
            Some(()) => self.serve(&mut link).await,
            None => Left::Lost,
        };
        (left, true)
    }

    async fn greet(&mut self, link: &Link) -> Option<()> {
        link.say(ToNode::Follow {
            after: self.last_event,
        })
        .await?;
        for route in self.routes.values_mut() {
            link.say(route.record()).await?;
            if let Some(trouble) = route.fresh_trouble() {
                link.say(trouble).await?;
            }
            if route.stopping {
                link.say(route.stop()).await?;
            }
        }
        Some(())
    }

    async fn serve(&mut self, link: &mut Link) -> Left {
        let changed = self.changed.clone();
        loop {
            let went_on = tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    Some(order) => self.carry_out(order, link).await,
                    None => return Left::Over,
                },
                () = changed.notified() => {
                    if self.a_writer_begins_anew() {
                        return Left::Anew;
                    }
                    self.tell_news(link).await
                }
                frame = link.hear() => match frame {
                    Some(frame) => self.take(frame).await,
                    None => None,
                },
            };
            if went_on.is_none() {
                return Left::Lost;
            }
        }
    }

    async fn carry_out(&mut self, order: Order, link: &Link) -> Option<()> {
        let recording = order.recording();
        let follow_anew = matches!(order, Order::Record { resumed: true, .. });
        let stop = matches!(order, Order::Stop { .. });
        let forget = matches!(order, Order::Forget { .. });
        let told = match forget {
            // What is on disk by now; the node then keeps nothing of it.
            true => self.tell_news(link).await,
            false => Some(()),
        };
        // A link that ends here does not take the order with it.
        self.note(order).await;
        told?;
        if follow_anew {
            // What happened while no recorder was there.
            link.say(ToNode::Follow { after: 0 }).await?;
        }
        match self.routes.get_mut(&recording) {
            Some(route) if stop => link.say(route.stop()).await,
            Some(route) => {
                link.say(route.record()).await?;
                match route.fresh_trouble() {
                    Some(trouble) => link.say(trouble).await,
                    None => Some(()),
                }
            }
            None => Some(()),
        }
    }

    /// Carries an order out as far as it needs no link.
    async fn note(&mut self, order: Order) {
        match order {
            Order::Record {
                assignment, writer, ..
            } => {
                let roster = self.rooms.get(&assignment.room);
                for event in roster.map(Roster::events).unwrap_or_default() {
                    writer
                        .put(ToWriter::Line(JournalLine::Event { event }))
                        .await;
                }
                let recording = assignment.recording;
                self.routes
                    .insert(recording, Route::new(assignment, writer));
            }
            Order::Stop { recording } => {
                if let Some(route) = self.routes.get_mut(&recording) {
                    route.stopping = true;
                }
            }
            Order::Forget { recording } => {
                self.routes.remove(&recording);
            }
        }
    }

    fn a_writer_begins_anew(&self) -> bool {
        let link = self.link_number;
        self.routes
            .values()
            .any(|route| route.writer.durable.wants_link_after(link))
    }

    /// What has reached the disk, and whether it takes more.
    async fn tell_news(&mut self, link: &Link) -> Option<()> {
        for route in self.routes.values_mut() {
            if let Some(trouble) = route.fresh_trouble() {
                link.say(trouble).await?;
            }
            for ack in route.fresh_acks() {
                link.say(ack).await?;
            }
        }
        Some(())
    }

    async fn take(&mut self, frame: FromNode) -> Option<()> {
        let link = self.link_number;
        match frame {
            FromNode::Welcome { .. } => {}
            FromNode::Event(event) => self.take_event(event).await,
            FromNode::RecordStarted { recording, at } => {
                let line = ToWriter::Line(JournalLine::Started { at });
                self.hand(recording, line).await;
            }
            FromNode::RecordEnded {
                recording,
                at,
                reason,
            } => {
                // A node that does not know the recording does not know when it ended either.
                let at = (reason != EndReason::Unknown).then_some(at);
                let end = ToWriter::End {
                    link: Some(link),
                    at,
                };
                self.hand(recording, end).await;
            }
            FromNode::TapeOpened(opened) => {
                let recording = opened.recording;
                self.hand_tape(recording, TapeFrame::Opened(opened)).await;
            }
            FromNode::Entry {
                recording,
                tape,
                index,
                entry,
            } => {
                let frame = TapeFrame::Entry { tape, index, entry };
                self.hand_tape(recording, frame).await;
            }
            FromNode::Gap {
                recording,
                tape,
                to_index,
                ..
            } => {
                self.hand_tape(recording, TapeFrame::Gap { tape, to_index })
                    .await;
            }
            FromNode::TapeClosed {
                recording,
                tape,
                next_index,
                at,
                reason,
            } => {
                let frame = TapeFrame::Closed {
                    tape,
                    next_index,
                    at,
                    reason,
                };
                self.hand_tape(recording, frame).await;
            }
        }
        Some(())
    }

    async fn hand_tape(&self, recording: RecordingId, frame: TapeFrame) {
        let link = self.link_number;
        self.hand(recording, ToWriter::Tape { link, frame }).await;
    }

    async fn hand(&self, recording: RecordingId, message: ToWriter) {
        if let Some(route) = self.routes.get(&recording) {
            route.writer.put(message).await;
        }
    }

    async fn take_event(&mut self, event: NodeEvent) {
        self.last_event = event.number;
        for route in self.routes.values() {
            if route.assignment.room == event.room {
                let line = JournalLine::Event {
                    event: event.clone(),
                };
                route.writer.put(ToWriter::Line(line)).await;
            }
        }
        if self.rooms.len() < MAX_ROOMS || self.rooms.contains_key(&event.room) {
            let roster = self.rooms.entry(event.room).or_default();
            roster.take(&event);
            if roster.is_empty() {
                self.rooms.remove(&event.room);
            }
        } else {
            self.metrics.rosters_left_out.inc();
        }
    }
}
