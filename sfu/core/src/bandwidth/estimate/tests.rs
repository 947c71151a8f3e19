//! The estimator against a model of a path: scenario -> how soon, how much, how long the queue.

use super::link::{OFFICE, Path, World};
use super::*;

/// Whatever the estimate says is sent, sound with it.
const ALL: super::link::Load = |estimate, _, _| (estimate - 48_000.0).max(0.0);

/// A publisher's layers, of which the highest that fits is sent; one that is sent stays while it
/// fits.
const LAYERS: super::link::Load = |estimate, _, before| {
    let fits = |bps: &f64| *bps <= estimate / if *bps > before { 1.15 } else { 1.0 };
    [2.4e6, 6e5, 1.5e5].into_iter().find(fits).unwrap_or(0.0)
};

const SOUND_ONLY: super::link::Load = |_, _, _| 0.0;

#[test]
fn a_sender_that_has_enough_to_send_uses_the_path_and_keeps_the_queue_short() {
    for (name, path, least_of_it) in [
        ("5M", OFFICE, 0.75),
        (
            "1M",
            Path {
                capacity: |_| 1e6,
                ..OFFICE
            },
            0.7,
        ),
        (
            "300k",
            Path {
                capacity: |_| 3e5,
                ..OFFICE
            },
            0.6,
        ),
        (
            "far",
            Path {
                delay_ms: 150,
                ..OFFICE
            },
            0.65,
        ),
        (
            "jitter",
            Path {
                jitter_ms: 15.0,
                ..OFFICE
            },
            0.65,
        ),
    ] {
        let capacity = (path.capacity)(0);
        let mut world = World::new(path, ALL, 10_000_000);
        world.run(60_000);
        let used = world.mean(20_000, 60_000, |seen| seen.came_bps) / capacity;
        let queue = world.mean(20_000, 60_000, |seen| seen.queue_ms);
        let above = world
            .between(10_000, 60_000)
            .filter(|seen| seen.estimate > 1.2 * capacity);
        let above_ms = 50 * above.count();
        println!("{name}: {used:.2} of it, queue {queue:.0} ms, above for {above_ms} ms of 50 s");
        assert!(used > least_of_it, "{name} {used}");
        assert!(queue < 100.0, "{name} {queue}");
        assert!(above_ms < 3_000, "{name} {above_ms}");
    }
}

/// 5 Mbit/s, from the 20th to the 50th second 300 kbit/s, then 5 Mbit/s again.
fn falls_and_comes_back(name: &str, path: Path) {
    let mut world = World::new(path, LAYERS, 2_500_000);
    world.run(90_000);
    let full = |from, to| {
        let full = world.between(from, to).filter(|seen| seen.sends > 2e6);
        full.count() as f64 / ((to - from) / 50) as f64
    };
    assert!(full(5_000, 20_000) > 0.93, "{name}: before");
    let fallen = world
        .between(20_000, 50_000)
        .find(|seen| seen.estimate < 3e5);
    let fell_after = fallen.map(|seen| seen.ms - 20_000);
    let queue = world.mean(30_000, 50_000, |seen| seen.queue_ms);
    let above = world
        .between(23_000, 50_000)
        .filter(|seen| seen.estimate > 4.2e5);
    let above_ms = 50 * above.count();
    let back = world.reaches(50_000, 2.4e6 * 1.15);
    println!(
        "{name}: fell after {fell_after:?}, queue {queue:.0} ms, above for {above_ms} ms, back after {back:?}"
    );
    assert!(
        fell_after.is_some_and(|ms| ms < 2_000),
        "{name} {fell_after:?}"
    );
    assert!(queue < 120.0, "{name} {queue}");
    assert!(above_ms < 3_000, "{name} {above_ms}");
    assert!(back.is_some_and(|ms| ms < 12_000), "{name} {back:?}");
    assert!(full(65_000, 90_000) > 0.95, "{name}: after");
}

#[test]
fn full_height_is_back_soon_after_the_path_is() {
    let path = Path {
        capacity: |ms| {
            if (20_000..50_000).contains(&ms) {
                3e5
            } else {
                5e6
            }
        },
        ..OFFICE
    };
    falls_and_comes_back("near", path);
    falls_and_comes_back(
        "far",
        Path {
            delay_ms: 120,
            ..path
        },
    );
    falls_and_comes_back(
        "jitter",
        Path {
            jitter_ms: 20.0,
            ..path
        },
    );
    falls_and_comes_back(
        "deep",
        Path {
            queue_ms: 1_000.0,
            ..path
        },
    );
    falls_and_comes_back("lossy", Path { loss: 0.02, ..path });
}

#[test]
fn constant_loss_does_not_collapse_it() {
    for loss in [0.02, 0.05, 0.1] {
        let path = Path {
            loss,
            jitter_ms: 5.0,
            ..OFFICE
        };
        let mut world = World::new(path, LAYERS, 2_500_000);
        world.run(60_000);
        let full = world
            .between(10_000, 60_000)
            .filter(|seen| seen.sends > 2e6)
            .count();
        println!("{loss}: full for {full} of 1000");
        assert!(full > 900, "{loss} {full}");
    }
    let mut world = World::new(
        Path {
            loss: 0.2,
            ..OFFICE
        },
        LAYERS,
        2_500_000,
    );
    world.run(60_000);
    let least = world.least(5_000, 60_000, |seen| seen.sends);
    println!("0.2: at least {least}");
    assert!(least >= 1.5e5, "a fifth lost leaves a picture: {least}");
}

#[test]
fn a_path_without_a_queue_is_found_by_its_loss() {
    let path = Path {
        capacity: |_| 1e6,
        queue_ms: 8.0,
        ..OFFICE
    };
    let mut world = World::new(path, ALL, 5_000_000);
    world.run(60_000);
    let sent = world.mean(20_000, 60_000, |seen| seen.sends);
    println!("sends {sent:.0} into 1M");
    assert!((5e5..1.5e6).contains(&sent), "{sent}");
}

#[test]
fn what_happens_to_feedback_does_not_collapse_it() {
    for (name, path) in [
        (
            "a third lost",
            Path {
                feedback_loss: 0.33,
                ..OFFICE
            },
        ),
        (
            "two thirds lost",
            Path {
                feedback_loss: 0.66,
                ..OFFICE
            },
        ),
        (
            "out of order",
            Path {
                late_feedback: Some((3, 120)),
                ..OFFICE
            },
        ),
        (
            "fast clock",
            Path {
                drift_ppm: 500.0,
                ..OFFICE
            },
        ),
        (
            "slow clock",
            Path {
                drift_ppm: -500.0,
                ..OFFICE
            },
        ),
    ] {
        let mut world = World::new(path, LAYERS, 2_500_000);
        world.run(60_000);
        let full = world
            .between(5_000, 60_000)
            .filter(|seen| seen.sends > 2e6)
            .count();
        println!("{name}: full for {full} of 1100");
        assert!(full > 1_000, "{name} {full}");
    }
}

#[test]
fn a_silent_sender_proves_nothing_and_loses_nothing() {
    let mut world = World::new(OFFICE, SOUND_ONLY, 50_000);
    world.run(120_000);
    let (least, most) = (
        world.least(0, 120_000, |seen| seen.estimate),
        world.most(0, 120_000, |seen| seen.estimate),
    );
    assert!(
        least >= 0.9 * FIRST_BPS && most <= FIRST_BPS,
        "{least} {most}"
    );
    assert_eq!(
        world.estimator.counts(),
        (0, 0),
        "nothing is probed that nobody wants"
    );
    assert_eq!(world.estimator.wake_at(), None);
}

#[test]
fn what_is_wanted_anew_is_probed_at_once() {
    let mut world = World::new(
        Path {
            capacity: |_| 12e6,
            ..OFFICE
        },
        SOUND_ONLY,
        50_000,
    );
    world.run(10_000);
    let now = world.now();
    world.estimator.want(now, 8_000_000);
    world.run(20_000);
    let after = world.reaches(10_000, 9.5e6);
    println!("after {after:?}");
    assert!(after.is_some_and(|ms| ms < 1_500), "{after:?}");
    assert!(world.estimator.counts().1 < 10);
}

#[test]
fn somebody_elses_traffic_is_left_its_part_and_what_it_leaves_is_found_again() {
    // 3 of 4 Mbit/s for ten seconds out of thirty.
    let path = Path {
        capacity: |ms| {
            if (20_000..30_000).contains(&(ms % 40_000)) {
                1e6
            } else {
                4e6
            }
        },
        ..OFFICE
    };
    let mut world = World::new(path, LAYERS, 2_500_000);
    world.run(80_000);
    for begins in [20_000, 60_000] {
        let queue = world.mean(begins + 3_000, begins + 10_000, |seen| seen.queue_ms);
        assert!(queue < 100.0, "{queue}");
        let back = world.reaches(begins + 10_000, 2.76e6);
        println!("queue {queue:.0}, back after {back:?}");
        assert!(back.is_some_and(|ms| ms < 10_000), "{back:?}");
    }
}

#[test]
fn when_nothing_is_said_any_more_less_is_taken_for_granted() {
    let path = Path {
        capacity: |_| 5e6,
        ..OFFICE
    };
    let mut world = World::new(path, LAYERS, 2_500_000);
    world.run(10_000);
    let before = world.estimator.estimate_bps();
    let now = world.now();
    for packet in 0..500_u64 {
        let at = now + Duration::from_millis(10 * packet);
        world
            .estimator
            .sent(at, 30_000 + packet as u16, 1_000, None);
        world.estimator.probe(at);
    }
    let after = world.estimator.estimate_bps();
    assert!(
        after < before / 2 && after > LEAST_BPS as u64,
        "{before} {after}"
    );
}

#[test]
fn a_connection_takes_little_memory_even_at_its_busiest() {
    let mut world = World::new(
        Path {
            capacity: |_| 20e6,
            delay_ms: 300,
            ..OFFICE
        },
        ALL,
        20_000_000,
    );
    world.run(30_000);
    let bytes = world.estimator.bytes();
    println!("{bytes} bytes");
    assert!(bytes < 20_000, "{bytes}");
}

#[test]
fn a_clients_own_estimate_is_followed_where_it_says_nothing_of_packets() {
    let t0 = crate::testing::start();
    let mut estimator = Estimator::new(t0);
    let mut sends = 2.4e6;
    let at = |ms| t0 + Duration::from_millis(ms);
    let mut run = |estimator: &mut Estimator, ms: std::ops::Range<u64>, capacity: f64| {
        for ms in ms.step_by(10) {
            estimator.left(at(ms), (sends / 800.0) as usize);
            if ms % 1_000 == 0 {
                estimator.remb(at(ms), (capacity.min(sends * 1.5)) as u64);
                estimator.receiver_report(at(ms), (200, 0), None);
            }
            let estimate = estimator.estimate_bps() as f64;
            let fits = |bps: &f64| *bps * 1.15 <= estimate;
            sends = [2.4e6, 6e5, 1.5e5].into_iter().find(fits).unwrap_or(4e4);
        }
        sends
    };
    assert_eq!(run(&mut estimator, 0..10_000, 5e6), 2.4e6);
    assert_eq!(run(&mut estimator, 10_000..20_000, 3e5), 1.5e5);
    assert_eq!(run(&mut estimator, 20_000..60_000, 5e6), 2.4e6);
}

#[test]
fn reports_are_judged_where_nothing_else_is_said() {
    let t0 = crate::testing::start();
    let mut estimator = Estimator::new(t0);
    let at = |ms| t0 + Duration::from_millis(ms);
    let mut sends = 2.4e6;
    for ms in (0..60_000).step_by(10) {
        estimator.left(at(ms), (sends / 800.0) as usize);
        let capacity = if ms < 20_000 { 1e6 } else { 5e6 };
        if ms % 1_000 == 0 {
            let lost = 256.0 * f64::max(0.0, 1.0 - capacity / sends);
            estimator.receiver_report(at(ms), (200, lost as u8), Some(Duration::from_millis(50)));
        }
        let estimate = estimator.estimate_bps() as f64;
        let fits = |bps: &f64| *bps * 1.15 <= estimate;
        sends = [2.4e6, 6e5, 1.5e5].into_iter().find(fits).unwrap_or(4e4);
        if ms == 10_000 {
            assert!(estimate < 2.4e6, "{estimate}");
        }
    }
    assert_eq!(sends, 2.4e6);
}

mod hostile {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Numbers that were never sent, times that jump, everything twice: the estimate stays
        /// within its bounds, and nothing overflows.
        #[test]
        fn whatever_is_said_stays_within_bounds(
            said in prop::collection::vec(
                (any::<u16>(), any::<u32>(), prop::collection::vec(prop::option::of(any::<i16>()), 0..40), 0_u64..3_000),
                1..60,
            ),
            remb in any::<u64>(),
            lost in any::<u8>(),
        ) {
            let mut now = crate::testing::start();
            let mut estimator = Estimator::new(now);
            estimator.want(now, u64::MAX);
            let mut seq = 0_u16;
            for (base, reference, ticks, wait) in said {
                now += Duration::from_millis(wait);
                for _ in 0..20 {
                    estimator.sent(now, seq, 1_200, None);
                    seq = seq.wrapping_add(1);
                }
                let base = seq.wrapping_sub(base % 64);
                let told = ticks.iter().zip(0..).map(|(ticks, place)| (base.wrapping_add(place), ticks.map(i32::from)));
                estimator.feedback(now, reference, told);
                estimator.remb(now, remb);
                estimator.receiver_report(now, (remb % 5_000, lost), None);
                while let Some(probe) = estimator.probe(now) {
                    estimator.sent(now, seq, probe.bytes, Some(probe.cluster));
                    seq = seq.wrapping_add(1);
                    now += Duration::from_millis(5);
                }
                let bounds = LEAST_BPS as u64..=MOST_BPS as u64;
                prop_assert!(bounds.contains(&estimator.estimate_bps()));
            }
        }
    }

    #[test]
    fn feedback_about_a_fantasy_costs_a_bounded_time() {
        let t0 = crate::testing::start();
        let mut estimator = Estimator::new(t0);
        estimator.sent(t0, 7, 1_000, None);
        let endless = (0..).map(|place: u32| (place as u16, Some(0)));
        estimator.feedback(t0, 0, endless);
        assert_eq!(estimator.estimate_bps(), FIRST_BPS as u64);
    }

    #[test]
    fn a_clock_that_leaps_for_a_day_overflows_nothing() {
        let mut now = crate::testing::start();
        let mut estimator = Estimator::new(now);
        for turn in 0..300_000_u32 {
            now += Duration::from_millis(1);
            estimator.sent(now, turn as u16, 100, None);
            let told = [(turn as u16, Some(0))];
            estimator.feedback(now, (turn % 2) << 22 | (turn % 3) << 22, told.into_iter());
        }
        assert!(estimator.estimate_bps() >= LEAST_BPS as u64);
    }
}

#[test]
fn what_was_sent_into_the_dark_says_nothing_of_the_path() {
    let mut world = World::new(OFFICE, LAYERS, 2_500_000);
    world.run(5_000);
    let before = world.estimator.estimate_bps();
    world.estimator.came_back();
    let (now, told) = (world.now(), (0..=u16::MAX).map(|seq| (seq, None)));
    world.estimator.feedback(now, 0, told);
    assert_eq!(world.estimator.estimate_bps(), before);
    world.run(10_000);
    assert!(world.estimator.estimate_bps() >= 2_700_000);
}
