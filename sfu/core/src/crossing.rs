//! What is on its way between two shards, both ways: queues with bounds, the same inside a node as
//! in the simulation.
//!
//! Media that finds its queue full is lost and counted, as on a network: receivers see a hole and a
//! keyframe mends it. Nothing else may be lost: when that finds no room, or an end is gone, all that
//! is on its way is dropped, each end is told once that the other cannot be reached, and what it
//! says before it has heard that goes nowhere. Then they begin anew.

use std::collections::VecDeque;

use sfu_protocol::link::shards::ShardFrame;

/// Media that waits for one shard, from one other, at most: a quarter of a second of all that a
/// shard can bear.
pub const MEDIA_WAITING: usize = 16_384;

/// Everything else that waits, at most: half a minute of a room that never rests.
pub const CONTROL_WAITING: usize = 4_096;

/// One of the two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The shard with the lower number.
    Lower,
    /// The other.
    Higher,
}

impl End {
    fn other(self) -> End {
        match self {
            End::Lower => End::Higher,
            End::Higher => End::Lower,
        }
    }
}

/// What has come.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Arrived {
    /// The other end could not be reached, as far as this one knew it; before everything else.
    pub closed: bool,
    /// It can be, from now on.
    pub opened: bool,
    /// What it said since.
    pub frames: VecDeque<ShardFrame>,
}

/// What waits for an end, and what it does not know yet.
#[derive(Debug, Default)]
struct Way {
    frames: VecDeque<ShardFrame>,
    media: usize,
    /// It believes that the other end can be reached, and that is over.
    is_over: bool,
    /// It has heard of the other end.
    is_open: bool,
    has_ended: bool,
}

/// Two shards, and what is on its way between them.
#[derive(Debug)]
pub struct Crossing {
    lower: Way,
    higher: Way,
    media_waiting: usize,
    control_waiting: usize,
}

impl Default for Crossing {
    fn default() -> Self {
        Self::with_room(MEDIA_WAITING, CONTROL_WAITING)
    }
}

impl Crossing {
    /// Two that begin, with room for so much that waits, each way.
    pub fn with_room(media_waiting: usize, control_waiting: usize) -> Self {
        Crossing {
            lower: Way::default(),
            higher: Way::default(),
            media_waiting,
            control_waiting,
        }
    }

    /// An end says something. False when it is media and lost.
    pub fn put(&mut self, from: End, frame: ShardFrame) -> bool {
        let is_media = frame.is_media();
        let (media_waiting, control_waiting) = (self.media_waiting, self.control_waiting);
        let speaks = self.way(from);
        if speaks.is_over || !speaks.is_open {
            return !is_media;
        }
        let to = self.way(from.other());
        let control = to.frames.len() - to.media;
        match is_media {
            true if to.media >= media_waiting => return false,
            false if control >= control_waiting => self.part(),
            _ => {
                to.media += usize::from(is_media);
                to.frames.push_back(frame);
            }
        }
        true
    }

    /// What has come for an end, the first frames of it at most, and none after an offer: that takes
    /// some milliseconds, and whoever sends and receives has a turn first.
    pub fn take(&mut self, to: End, frames: usize) -> Arrived {
        let other_ended = self.way(to.other()).has_ended;
        let way = self.way(to);
        if std::mem::take(&mut way.is_over) {
            way.is_open = false;
            return Arrived {
                closed: true,
                ..Arrived::default()
            };
        }
        let opened = !way.is_open && !other_ended;
        way.is_open |= opened;
        let is_offer = |frame: &ShardFrame| matches!(frame, ShardFrame::Offer(_));
        let offer = way.frames.iter().take(frames).position(is_offer);
        let frames = offer.map_or(way.frames.len().min(frames), |at| at + 1);
        let frames: VecDeque<ShardFrame> = way.frames.drain(..frames).collect();
        way.media -= frames.iter().filter(|frame| frame.is_media()).count();
        Arrived {
            closed: false,
            opened,
            frames,
        }
    }

    /// An end is no more.
    pub fn end(&mut self, end: End) {
        self.way(end).has_ended = true;
        self.part();
    }

    /// Whether something waits for an end.
    pub fn has_news(&mut self, to: End) -> bool {
        let other_ended = self.way(to.other()).has_ended;
        let way = self.way(to);
        way.is_over || !way.frames.is_empty() || !way.is_open && !other_ended
    }

    /// All that is on its way is lost, and both are to know.
    fn part(&mut self) {
        for way in [&mut self.lower, &mut self.higher] {
            way.frames.clear();
            way.media = 0;
            way.is_over = way.is_open;
        }
    }

    fn way(&mut self, of: End) -> &mut Way {
        match of {
            End::Lower => &mut self.lower,
            End::Higher => &mut self.higher,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sfu_protocol::ids::RoomId;

    const ALL: usize = usize::MAX;

    fn media() -> ShardFrame {
        ShardFrame::Levels {
            room: RoomId(uuid::Uuid::nil()),
            voices: Vec::new(),
        }
    }

    fn control() -> ShardFrame {
        ShardFrame::Hello { version: 1 }
    }

    fn open(media_waiting: usize, control_waiting: usize) -> Crossing {
        let mut crossing = Crossing::with_room(media_waiting, control_waiting);
        for end in [End::Lower, End::Higher] {
            let arrived = crossing.take(end, ALL);
            assert!(arrived.opened && !arrived.closed);
        }
        crossing
    }

    #[test]
    fn what_is_said_arrives_in_order_and_only_at_the_other_end() {
        let mut crossing = open(9, 9);
        for frame in [control(), media(), control()] {
            assert!(crossing.put(End::Lower, frame));
        }
        assert!(!crossing.has_news(End::Lower) && crossing.has_news(End::Higher));
        assert_eq!(crossing.take(End::Lower, ALL), Arrived::default());
        let arrived = crossing.take(End::Higher, ALL);
        assert_eq!(arrived.frames, [control(), media(), control()]);
        assert!(!arrived.opened && !arrived.closed);
        assert!(!crossing.has_news(End::Higher));
    }

    #[test]
    fn what_is_not_taken_at_once_waits_and_counts() {
        let mut crossing = open(2, 9);
        for frame in [media(), control(), media()] {
            crossing.put(End::Lower, frame);
        }
        assert_eq!(crossing.take(End::Higher, 2).frames, [media(), control()]);
        assert!(crossing.has_news(End::Higher));
        assert!(crossing.put(End::Lower, media()));
        assert!(!crossing.put(End::Lower, media()));
        assert_eq!(crossing.take(End::Higher, 9).frames, [media(), media()]);
    }

    #[test]
    fn media_beyond_the_bound_is_lost_and_nothing_else_is() {
        let mut crossing = open(2, 2);
        let taken: Vec<bool> = (0..4).map(|_| crossing.put(End::Lower, media())).collect();
        assert_eq!(taken, [true, true, false, false]);
        assert!(crossing.put(End::Lower, control()));
        assert_eq!(crossing.take(End::Higher, ALL).frames.len(), 3);
        assert!(crossing.put(End::Lower, media()));
    }

    #[test]
    fn control_beyond_the_bound_parts_both_ends_which_then_begin_anew() {
        let mut crossing = open(2, 2);
        for _ in 0..3 {
            crossing.put(End::Lower, control());
        }
        // What an end says before it knows is of the time before.
        crossing.put(End::Higher, control());
        assert!(crossing.take(End::Lower, ALL).closed);
        crossing.put(End::Higher, control());
        let arrived = crossing.take(End::Lower, ALL);
        assert!(arrived.opened && arrived.frames.is_empty());
        crossing.put(End::Lower, control());
        let arrived = crossing.take(End::Higher, ALL);
        assert!(arrived.closed && arrived.frames.is_empty());
        let arrived = crossing.take(End::Higher, ALL);
        assert!(arrived.opened);
        assert_eq!(arrived.frames, [control()]);
    }

    #[test]
    fn an_end_that_is_gone_is_told_once_and_not_waited_for() {
        let mut crossing = open(2, 2);
        crossing.end(End::Higher);
        assert!(crossing.take(End::Lower, ALL).closed);
        assert_eq!(crossing.take(End::Lower, ALL), Arrived::default());
        assert!(!crossing.has_news(End::Lower));
        assert!(!crossing.put(End::Lower, media()));
    }
}
