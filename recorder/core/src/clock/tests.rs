use std::collections::BTreeMap;
use std::sync::Arc;

use sfu_protocol::ids::{ParticipantId, TapeId};
use sfu_protocol::media::{Codec, MediaTime};
use uuid::Uuid;

use super::*;
use crate::reorder::{Ordered, Packet};

const START_US: i64 = 1_700_000_000_000_000;
const NTP_AHEAD_US: i64 = 3_600_000_000;

/// A publisher whose clock runs off by `ppm` and an hour ahead.
struct Publisher {
    ppm: i64,
    reports: bool,
}

impl Publisher {
    fn ntp_us(&self, at_us: i64) -> i64 {
        START_US + NTP_AHEAD_US + at_us + at_us * self.ppm / 1_000_000
    }

    /// Timestamps by the publisher's clock, arrivals by ours with a delay.
    fn tape(&self, codec: Codec, first: u32, seconds: i64, delay_us: fn(i64) -> i64) -> TapeClock {
        let mut clock = TapeClock::new(codec);
        for at_us in (0..seconds * 1_000_000).step_by(20_000) {
            let arrived = MediaTime((START_US + at_us + delay_us(at_us)) as u64);
            let timestamp = self.timestamp(codec, first, at_us);
            if self.reports && at_us % 1_000_000 == 0 {
                clock.observe(&Ordered::SenderReport {
                    layer: 0,
                    arrived,
                    ntp: as_ntp(self.ntp_us(at_us)),
                    timestamp,
                });
            }
            clock.observe(&packet(timestamp, arrived));
        }
        clock
    }

    fn timestamp(&self, codec: Codec, first: u32, at_us: i64) -> u32 {
        let own_us = at_us + at_us * self.ppm / 1_000_000;
        let ticks = i128::from(own_us) * i128::from(codec.clock_rate_hz()) / 1_000_000;
        first.wrapping_add(ticks as u32)
    }
}

fn as_ntp(unix_us: i64) -> u64 {
    let seconds = (unix_us / 1_000_000 + 2_208_988_800) as u64;
    let fraction = (((unix_us % 1_000_000) as u64) << 32) / 1_000_000;
    seconds << 32 | fraction
}

fn packet(timestamp: u32, arrived: MediaTime) -> Ordered {
    Ordered::Packet(Packet {
        layer: 0,
        arrived,
        timestamp,
        marker: true,
        after_loss: false,
        payload: Arc::from([]),
    })
}

fn place(tapes: Vec<TapeClock>) -> Vec<TapeMapping> {
    let participant = ParticipantId(Uuid::from_u128(1));
    let tapes: BTreeMap<TapeId, (ParticipantId, TapeClock)> = tapes
        .into_iter()
        .enumerate()
        .map(|(at, clock)| (TapeId(at as u64), (participant, clock)))
        .collect();
    place_tapes(&tapes).into_values().collect()
}

/// The media time, minus `START_US`, that a mapping gives to what was captured at `at_us`.
fn mapped(
    mapping: &TapeMapping,
    publisher: &Publisher,
    codec: Codec,
    first: u32,
    at_us: i64,
) -> i64 {
    let mut unwrap = Unwrap::new(codec);
    let mut place = None;
    for step in (0..=at_us).step_by(1_000_000) {
        let arrived = MediaTime((START_US + step) as u64);
        place = Some(unwrap.place(publisher.timestamp(codec, first, step), arrived));
    }
    let place = place.expect("at least one step");
    mapping.media_us(0, place).expect("known") - START_US
}

#[test]
fn sound_and_picture_stay_together_although_their_paths_differ_and_clocks_drift() {
    for ppm in [-200, 0, 200] {
        let publisher = Publisher { ppm, reports: true };
        let sound = publisher.tape(Codec::Opus, u32::MAX - 1_000, 1_200, |_| 30_000);
        let picture = publisher.tape(Codec::Vp8, 77, 1_200, |at| 120_000 + at % 7 * 9_000);
        let mappings = place(vec![sound, picture]);
        for at_us in [0, 5_000_000, 600_000_000, 1_199_000_000] {
            let heard = mapped(
                &mappings[0],
                &publisher,
                Codec::Opus,
                u32::MAX - 1_000,
                at_us,
            );
            let seen = mapped(&mappings[1], &publisher, Codec::Vp8, 77, at_us);
            assert!((heard - seen).abs() <= 2_000, "{ppm} ppm: {heard} {seen}");
            let error = heard - at_us - 30_000;
            assert!(error.abs() <= 5_000, "{ppm} ppm at {at_us}: {error}");
        }
    }
}

#[test]
fn without_sender_reports_the_arrivals_place_a_track() {
    let publisher = Publisher {
        ppm: 100,
        reports: false,
    };
    let clock = publisher.tape(Codec::Opus, 5, 60, |at| 40_000 + at % 11 * 20_000);
    let mappings = place(vec![clock]);
    let at = mapped(&mappings[0], &publisher, Codec::Opus, 5, 30_000_000);
    assert!((at - 30_040_000).abs() < 25_000, "{at}");
    assert!(mappings[0].residuals().is_empty());
}

#[test]
fn timestamps_that_jump_midway_are_placed_anew() {
    let mut clock = TapeClock::new(Codec::Opus);
    for at in 0..500i64 {
        let first = if at < 250 { 1_000 } else { 3_000_000_000 };
        let arrived = MediaTime((START_US + at * 20_000) as u64);
        clock.observe(&packet(first + at as u32 * 960, arrived));
    }
    let mappings = place(vec![clock]);
    let mut unwrap = Unwrap::new(Codec::Opus);
    for at in 0..500i64 {
        let first = if at < 250 { 1_000 } else { 3_000_000_000 };
        let arrived = MediaTime((START_US + at * 20_000) as u64);
        let place = unwrap.place(first + at as u32 * 960, arrived);
        assert_eq!(
            mappings[0].media_us(0, place),
            Some(START_US + at * 20_000),
            "packet {at}"
        );
    }
}

#[test]
fn a_network_that_stands_still_and_then_delivers_does_not_shift_anything() {
    let publisher = Publisher {
        ppm: 0,
        reports: false,
    };
    let mut clock = TapeClock::new(Codec::Opus);
    let mut places = Vec::new();
    let mut unwrap = Unwrap::new(Codec::Opus);
    for at_us in (0..60_000_000i64).step_by(20_000) {
        let held = if (20_000_000..30_000_000).contains(&at_us) {
            30_000_000
        } else {
            at_us
        };
        let arrived = MediaTime((START_US + held) as u64);
        let timestamp = publisher.timestamp(Codec::Opus, 9, at_us);
        clock.observe(&packet(timestamp, arrived));
        places.push((at_us, unwrap.place(timestamp, arrived)));
    }
    let mappings = place(vec![clock]);
    for (at_us, place) in places {
        let at = mappings[0].media_us(0, place).expect("known") - START_US;
        assert!((at - at_us).abs() <= 3_000, "{at_us}: {at}");
    }
}

#[test]
fn a_publisher_whose_clock_is_set_midway_is_placed_by_its_arrivals() {
    let mut clock = TapeClock::new(Codec::Opus);
    for at_us in (0..20_000_000i64).step_by(20_000) {
        let arrived = MediaTime((START_US + at_us) as u64);
        let timestamp = (at_us / 1_000 * 48) as u32;
        let set_us = if at_us < 10_000_000 { 0 } else { 3_600_000_000 };
        if at_us % 1_000_000 == 0 {
            clock.observe(&Ordered::SenderReport {
                layer: 0,
                arrived,
                ntp: as_ntp(START_US + set_us + at_us),
                timestamp,
            });
        }
        clock.observe(&packet(timestamp, arrived));
    }
    let mappings = place(vec![clock]);
    let at = Place {
        epoch: 0,
        us: 15_000_000,
    };
    assert_eq!(mappings[0].media_us(0, at), Some(START_US + 15_000_000));
}

#[test]
fn a_participant_who_comes_back_from_another_device_has_another_clock() {
    let first = Publisher {
        ppm: 0,
        reports: true,
    };
    let clock = first.tape(Codec::Opus, 1, 10, |_| 10_000);
    let mut other = TapeClock::new(Codec::Opus);
    for at_us in (20_000_000..30_000_000i64).step_by(20_000) {
        let arrived = MediaTime((START_US + at_us) as u64);
        let timestamp = (at_us / 1_000 * 48) as u32;
        if at_us % 1_000_000 == 0 {
            other.observe(&Ordered::SenderReport {
                layer: 0,
                arrived,
                ntp: as_ntp(START_US - 500_000_000 + at_us),
                timestamp,
            });
        }
        other.observe(&packet(timestamp, arrived));
    }
    let mappings = place(vec![clock, other]);
    let mut unwrap = Unwrap::new(Codec::Opus);
    let at = unwrap.place(25_000 * 48, MediaTime(0));
    assert_eq!(mappings[1].media_us(0, at), Some(START_US + 25_000_000));
}

#[test]
fn a_layer_that_was_never_seen_has_no_place() {
    let mapping = TapeMapping::default();
    assert_eq!(mapping.media_us(0, Place { epoch: 0, us: 0 }), None);
}
