//! Packets that left together are looked at together: a frame leaves as a burst, and what the
//! queue did to it is known once all of it is there (draft-ietf-rmcat-gcc-02, section 5.2).

/// Packets that left within this time of the first are one group.
const GROUP_US: i64 = 5_000;

/// A packet that comes this soon after the one before was held back with it.
const BURST_US: i64 = 5_000;

/// A group that is held back ends here nevertheless.
const LONGEST_BURST_US: i64 = 100_000;

/// Arrivals further apart than what was sent by this much: the receiver's clock was set.
const CLOCK_SET_US: i64 = 3_000_000;

/// Groups that arrive before the one before them until the receiver's clock is believed.
const BACKWARDS: u8 = 3;

#[derive(Debug, Clone, Copy)]
struct Group {
    first_sent: i64,
    last_sent: i64,
    first_arrival: i64,
    last_arrival: i64,
}

/// From one group to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// How much later it was sent, in µs.
    pub(super) sent: i64,
    /// How much later it came, in µs.
    pub(super) arrival: i64,
    /// When it had come, in µs of the receiver's clock.
    pub(super) at: i64,
}

/// What a packet tells of the groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing yet.
    Nothing,
    /// A group is complete.
    Step(Step),
    /// Times do not go on from those before: whoever compares them begins anew.
    Anew,
}

/// The group that comes in, and the one before it.
#[derive(Debug, Default)]
pub(super) struct Groups {
    current: Option<Group>,
    before: Option<Group>,
    backwards: u8,
}

impl Groups {
    /// A packet that was sent and came at these times, in the order in which they were sent.
    pub(super) fn add(&mut self, sent: i64, arrival: i64) -> Told {
        let fresh = Group {
            first_sent: sent,
            last_sent: sent,
            first_arrival: arrival,
            last_arrival: arrival,
        };
        let Some(current) = &mut self.current else {
            self.current = Some(fresh);
            return Told::Nothing;
        };
        if sent < current.first_sent {
            return Told::Nothing;
        }
        if current.takes(sent, arrival) {
            current.last_sent = current.last_sent.max(sent);
            current.last_arrival = current.last_arrival.max(arrival);
            return Told::Nothing;
        }
        let complete = *current;
        let Some(before) = self.before else {
            (self.before, self.current) = (Some(complete), Some(fresh));
            return Told::Nothing;
        };
        let step = Step {
            sent: complete.last_sent - before.last_sent,
            arrival: complete.last_arrival.saturating_sub(before.last_arrival),
            at: complete.last_arrival,
        };
        if step.arrival.saturating_sub(step.sent).saturating_abs() > CLOCK_SET_US {
            return self.begin_anew(fresh);
        }
        if step.arrival < 0 {
            self.backwards += 1;
            if self.backwards >= BACKWARDS {
                return self.begin_anew(fresh);
            }
            self.current = Some(fresh);
            return Told::Nothing;
        }
        self.backwards = 0;
        (self.before, self.current) = (Some(complete), Some(fresh));
        Told::Step(step)
    }

    fn begin_anew(&mut self, group: Group) -> Told {
        *self = Groups {
            current: Some(group),
            before: None,
            backwards: 0,
        };
        Told::Anew
    }
}

impl Group {
    fn takes(&self, sent: i64, arrival: i64) -> bool {
        if sent - self.first_sent <= GROUP_US {
            return true;
        }
        let since_arrival = arrival.saturating_sub(self.last_arrival);
        let caught_up = since_arrival - (sent - self.last_sent) < 0;
        let so_long = arrival.saturating_sub(self.first_arrival);
        let near = -LONGEST_BURST_US..=BURST_US;
        caught_up && near.contains(&since_arrival) && so_long < LONGEST_BURST_US
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(packets: &[(i64, i64)]) -> Vec<(i64, i64)> {
        let mut groups = Groups::default();
        let mut steps = Vec::new();
        for &(sent_ms, arrival_ms) in packets {
            if let Told::Step(step) = groups.add(sent_ms * 1_000, arrival_ms * 1_000) {
                steps.push((step.sent / 1_000, step.arrival / 1_000));
            }
        }
        steps
    }

    #[test]
    fn what_left_together_is_one_group() {
        let packets = [
            (0, 50),
            (2, 52),
            (4, 55),
            (20, 70),
            (21, 75),
            (40, 90),
            (60, 110),
        ];
        assert_eq!(steps(&packets), [(17, 20), (19, 15)]);
    }

    #[test]
    fn what_was_held_back_and_let_go_at_once_is_one_group() {
        // Sent every 10 ms, let go at 100 ms.
        let packets = [
            (0, 20),
            (10, 100),
            (20, 101),
            (30, 102),
            (60, 103),
            (70, 130),
            (90, 150),
        ];
        assert_eq!(steps(&packets), [(60, 83), (10, 27)]);
    }

    #[test]
    fn a_clock_that_is_set_begins_anew() {
        let far = 1_000_000_000;
        let mut groups = Groups::default();
        for (sent, arrival) in [(0, 0), (10_000, 10_000), (20_000, far)] {
            assert_ne!(groups.add(sent, arrival), Told::Anew);
        }
        assert_eq!(groups.add(30_000, far + 10_000), Told::Anew);
        groups.add(40_000, far + 20_000);
        let step = groups.add(50_000, far + 30_000);
        assert!(matches!(step, Told::Step(_)), "{step:?}");
    }

    #[test]
    fn a_few_groups_out_of_order_are_passed_over_and_many_begin_anew() {
        let mut groups = Groups::default();
        let backwards = (0..6).map(|place| 2_000_000 - 150_000 * place);
        let arrivals = [0, 1_000_000, 2_300_000].into_iter().chain(backwards);
        let told = arrivals
            .zip(0..)
            .map(|(arrival, place)| groups.add(place * 10_000, arrival));
        let anew: Vec<_> = told
            .enumerate()
            .filter_map(|(place, told)| (told == Told::Anew).then_some(place))
            .collect();
        assert_eq!(anew, [6]);
    }

    #[test]
    fn no_times_overflow() {
        let mut groups = Groups::default();
        for arrival in [
            i64::MIN,
            i64::MAX,
            0,
            i64::MAX,
            i64::MIN,
            i64::MIN,
            i64::MAX,
        ] {
            for sent in [0, 10_000, 20_000] {
                groups.add(sent, arrival / 4);
            }
        }
    }
}
