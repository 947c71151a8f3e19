//! On which shards the transports of a room's participants are. The room itself is at home.

use sfu_protocol::ids::{ParticipantId, TrackId};

use super::{Placement, Room};
use crate::io::ConnectionId;

impl Room {
    /// The shard that a participant's transport is or is to be on, one of `shards`: the home and
    /// those that can be reached, in the order in which they are filled.
    pub(crate) fn shard_for(&mut self, id: ParticipantId, shards: &[u16], per_shard: usize) -> u16 {
        let chosen = self.seats.get(&id).and_then(|seat| seat.at);
        if let Some(at) = chosen.filter(|at| shards.contains(at)) {
            return at;
        }
        let seated = |shard: u16| {
            let seats = self.seats.values();
            seats.filter(|seat| seat.at == Some(shard)).count()
        };
        let at = match shards {
            [only] => *only,
            _ => choose(
                shards.iter().map(|&shard| (shard, seated(shard))),
                per_shard,
            ),
        };
        if let Some(seat) = self.seats.get_mut(&id) {
            seat.at = Some(at);
        }
        at
    }

    /// The shards on which transports are, each as often as it has some.
    pub(crate) fn shards(&self) -> impl Iterator<Item = u16> + '_ {
        self.seats.values().filter_map(|seat| seat.at)
    }

    /// A shard is gone. Answers whose transports were there, or were to be.
    pub(crate) fn leave_shard(&mut self, shard: u16) -> Vec<(ParticipantId, Option<ConnectionId>)> {
        let seats = self.seats.values_mut();
        let left = seats.filter_map(|seat| {
            seat.at.take_if(|at| *at == shard)?;
            Some((seat.id, seat.connection))
        });
        left.collect()
    }

    /// The slots that show such tracks.
    pub(crate) fn showing(&self, such: impl Fn(TrackId) -> bool) -> Vec<Placement> {
        let slots = self.seats.values().flat_map(|seat| {
            let slots = seat.slots.iter().enumerate();
            slots.map(|(slot, known)| (seat.id, slot, known.as_ref().and_then(|s| s.content)))
        });
        let shown = slots.filter(|(_, _, track)| track.is_some_and(&such));
        shown
            .map(|(participant, slot, track)| Placement {
                participant,
                slot,
                track,
            })
            .collect()
    }

    /// Whether somebody is here whose voice counts.
    pub(crate) fn hears(&self, id: ParticipantId) -> bool {
        let seat = self.seats.get(&id);
        seat.is_some_and(|seat| seat.connection.is_some())
    }

    /// Who speaks, the loudest first.
    pub(crate) fn speaking(&self) -> &[ParticipantId] {
        &self.speaking
    }
}

/// The first that has room, else the one that has the fewest: a packet goes once to each shard,
/// so few are used as long as they can bear it.
fn choose(shards: impl Iterator<Item = (u16, usize)> + Clone, per_shard: usize) -> u16 {
    let mut with_room = shards.clone().filter(|(_, seated)| *seated < per_shard);
    let chosen = with_room
        .next()
        .or_else(|| shards.min_by_key(|(_, seated)| *seated));
    chosen.map_or(0, |(shard, _)| shard)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_filled_in_order_and_then_evenly() {
        // Who has how many, home first, and where the next one goes; four fit.
        type Case<'a> = (&'a [(u16, usize)], u16);
        let cases: [Case<'_>; 7] = [
            (&[(2, 0)], 2),
            (&[(2, 9)], 2),
            (&[(2, 3), (3, 0), (0, 0)], 2),
            (&[(2, 4), (3, 0), (0, 0)], 3),
            (&[(2, 4), (3, 4), (0, 1)], 0),
            (&[(2, 3), (3, 4), (0, 4)], 2),
            (&[(2, 6), (3, 5), (0, 5)], 3),
        ];
        for (shards, expected) in cases {
            assert_eq!(choose(shards.iter().copied(), 4), expected, "{shards:?}");
        }
    }
}
