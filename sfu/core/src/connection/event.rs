//! What connections tell, and in which order.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Step;
use super::uplink::SenderReport;
use crate::io::ConnectionId;
use crate::media::packet::Packet;

/// What happened on a connection, in order.
#[derive(Debug)]
pub(crate) enum ConnectionEvent {
    /// A publisher's packet on a line.
    Packet { line: usize, packet: Arc<Packet> },
    /// A sender report for a layer of a line.
    SenderReport {
        line: usize,
        layer: u8,
        report: SenderReport,
    },
    /// The receiver lost a picture in a slot.
    KeyframeWanted { slot: usize },
    /// The receiver is reachable, for the first time or again: every slot begins anew.
    Reachable,
    /// What its path carries is another thing: it is time for another plan.
    Budget,
    /// The client no longer answers for its address, as far as ICE knows (RFC 7675).
    Silent,
    /// Nothing comes from the client, whose media was flowing.
    PathLost,
    /// Something authentic came again.
    PathBack,
    /// The transport ended.
    Closed,
    /// A step of it broke an invariant.
    Broke,
}

impl ConnectionEvent {
    /// The place among others of its kind that are told at the same moment; none where the order
    /// in which they are told is the order in which they happened.
    fn place(&self) -> Option<Place> {
        match *self {
            ConnectionEvent::KeyframeWanted { slot } => Some(Place::Slot(slot)),
            ConnectionEvent::SenderReport { line, layer, .. } => Some(Place::Layer(line, layer)),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Slot(usize),
    Layer(usize, u8),
}

impl Place {
    /// Whether this one comes before `other`, which was told first.
    fn overtakes(self, other: Place) -> bool {
        match (self, other) {
            (Place::Slot(mine), Place::Slot(theirs)) => mine < theirs,
            (Place::Layer(line, layer), Place::Layer(other, below)) => {
                (line, layer) < (other, below)
            }
            _ => false,
        }
    }
}

impl Step<'_> {
    /// Tells what a client said. It may name its streams in any order (`str0m` has another one in
    /// each process); what it says at one moment is told in the order of their places.
    pub(super) fn tell(&mut self, id: ConnectionId, event: ConnectionEvent) {
        let at = place_for(self.events, id, &event);
        self.events.insert(at, (id, event));
    }
}

fn place_for(
    told: &VecDeque<(ConnectionId, ConnectionEvent)>,
    id: ConnectionId,
    event: &ConnectionEvent,
) -> usize {
    let Some(place) = event.place() else {
        return told.len();
    };
    let overtaken = told.iter().rev().take_while(|(teller, earlier)| {
        *teller == id && earlier.place().is_some_and(|other| place.overtakes(other))
    });
    told.len() - overtaken.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_at_one_moment_is_in_the_order_of_its_slots() {
        // Who tells of which slot, in both orders; none is the end of the connection.
        type Told = &'static [(u16, Option<usize>)];
        let cases: [(Told, Told); 5] = [
            (&[(1, Some(2))], &[(1, Some(2))]),
            (&[(1, Some(2)), (1, Some(1))], &[(1, Some(1)), (1, Some(2))]),
            (
                &[(1, Some(2)), (1, Some(0)), (1, Some(1))],
                &[(1, Some(0)), (1, Some(1)), (1, Some(2))],
            ),
            (&[(1, Some(2)), (2, Some(1))], &[(1, Some(2)), (2, Some(1))]),
            (
                &[(1, Some(2)), (1, None), (1, Some(1))],
                &[(1, Some(2)), (1, None), (1, Some(1))],
            ),
        ];
        for (came, expected) in cases {
            let mut told = VecDeque::new();
            for &(place, slot) in came {
                let id = ConnectionId {
                    shard: 0,
                    place,
                    generation: 0,
                };
                let event = slot.map_or(ConnectionEvent::Closed, |slot| {
                    ConnectionEvent::KeyframeWanted { slot }
                });
                let at = place_for(&told, id, &event);
                told.insert(at, (id, event));
            }
            let seen = told.iter().map(|(id, event)| match event {
                ConnectionEvent::KeyframeWanted { slot } => (id.place, Some(*slot)),
                _ => (id.place, None),
            });
            assert_eq!(seen.collect::<Vec<_>>(), expected);
        }
    }
}
