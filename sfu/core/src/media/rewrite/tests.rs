use super::super::closed::REMEMBERED;
use super::*;
use std::time::Duration;

fn numbers(seq: u64, timestamp: u32, picture_id: u16) -> Input {
    Input {
        seq,
        timestamp,
        frame: None,
        picture: PictureNumbers {
            picture_id: Some(PictureId::Long(picture_id)),
            tl0_pic_idx: Some(picture_id as u8),
            key_idx: Some((picture_id & 0x1f) as u8),
        },
    }
}

fn run(timeline: &mut Timeline, inputs: &[(u64, u32, u16)], now: Instant) -> Vec<Numbers> {
    inputs
        .iter()
        .filter_map(|(seq, timestamp, id)| timeline.map(&numbers(*seq, *timestamp, *id), now))
        .collect()
}

#[test]
fn a_switch_goes_on_by_one_and_by_the_time_that_passed() {
    let t0 = crate::testing::start();
    let mut timeline = Timeline::new(90_000, 0);
    timeline.begin(&numbers(5_000, 777, 40), t0);
    let first = run(
        &mut timeline,
        &[(5_000, 777, 40), (5_001, 777, 40), (5_002, 3_777, 41)],
        t0,
    );
    assert_eq!(first.iter().map(|n| n.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(first[2].timestamp.wrapping_sub(first[0].timestamp), 3_000);

    let t1 = t0 + Duration::from_millis(100);
    timeline.begin(&numbers(90, 1_000_000, 9_000), t1);
    let second = run(
        &mut timeline,
        &[(90, 1_000_000, 9_000), (91, 1_000_000, 9_000)],
        t1,
    );
    assert_eq!(second.iter().map(|n| n.seq).collect::<Vec<_>>(), [4, 5]);
    assert_eq!(second[0].timestamp.wrapping_sub(first[2].timestamp), 9_000);
    let id = |n: &Numbers| n.picture.picture_id.expect("it has one").number();
    assert_eq!(id(&second[0]), id(&first[2]) + 1);
    let tl0 = |n: &Numbers| n.picture.tl0_pic_idx.expect("it has one");
    assert_eq!(tl0(&second[0]), tl0(&first[2]).wrapping_add(1));
}

#[test]
fn every_number_wraps_and_goes_on() {
    let t0 = crate::testing::start();
    let mut timeline = Timeline::new(90_000, u64::MAX);
    // Output begins at 2^15, timestamp 2^32 - 1, picture id 2^15 - 1 + 1.
    timeline.begin(&numbers(65_534, u32::MAX - 10, 0x7ffe), t0);
    let out = run(
        &mut timeline,
        &[
            (65_534, u32::MAX - 10, 0x7ffe),
            (65_535, 2_989, 0x7fff),
            (65_536, 5_989, 0),
        ],
        t0,
    );
    assert_eq!(
        out.iter().map(|n| n.seq).collect::<Vec<_>>(),
        [32_768, 32_769, 32_770]
    );
    assert_eq!(out[1].timestamp.wrapping_sub(out[0].timestamp), 3_000);
    assert_eq!(out[2].timestamp.wrapping_sub(out[1].timestamp), 3_000);
    let ids: Vec<_> = out
        .iter()
        .filter_map(|n| n.picture.picture_id.map(PictureId::number))
        .collect();
    assert_eq!(ids, [0, 1, 2]);
    assert!(
        out.iter()
            .all(|n| n.picture.key_idx.is_some_and(|index| index < 32))
    );
}

#[test]
fn losses_and_reordering_inside_a_segment_keep_their_distance() {
    let t0 = crate::testing::start();
    let mut timeline = Timeline::new(90_000, 0);
    timeline.begin(&numbers(100, 0, 0), t0);
    let out = run(
        &mut timeline,
        &[(100, 0, 0), (103, 30, 1), (101, 0, 0), (99, 0, 0)],
        t0,
    );
    assert_eq!(
        out.iter().map(|n| n.seq).collect::<Vec<_>>(),
        [1, 4, 2],
        "what lies before the segment is dropped"
    );
}

#[test]
fn a_packet_left_out_leaves_no_hole_and_late_ones_keep_their_place() {
    let t0 = crate::testing::start();
    let mut timeline = Timeline::new(90_000, 0);
    timeline.begin(&numbers(10, 0, 0), t0);
    let mut seqs: Vec<u64> = run(&mut timeline, &[(10, 0, 0), (12, 0, 0)], t0)
        .iter()
        .map(|n| n.seq)
        .collect();
    timeline.skip(13);
    timeline.skip(12);
    seqs.extend(
        run(&mut timeline, &[(14, 1, 1), (11, 0, 0)], t0)
            .iter()
            .map(|n| n.seq),
    );
    assert_eq!(seqs, [1, 3, 4, 2]);
}

#[test]
fn a_stream_of_which_most_is_left_out_goes_on_by_one_and_late_packets_find_their_place() {
    let t0 = crate::testing::start();
    let mut timeline = Timeline::new(90_000, 0);
    timeline.begin(&numbers(0, 0, 0), t0);
    let mut expected = 0;
    for seq in 0..3 * REMEMBERED {
        // Every fourth is passed on, and every hundredth of those is held back.
        match (seq % 4, seq % 400) {
            (0, 0) if seq > 0 => expected += 1,
            (0, _) => {
                expected += 1;
                let out = timeline.map(&numbers(seq, 0, 0), t0);
                assert_eq!(out.map(|n| n.seq), Some(expected));
            }
            _ => timeline.skip(seq),
        }
    }
    for seq in (0..3 * REMEMBERED).step_by(400).skip(1) {
        let remembered = 3 * REMEMBERED - 1 - seq < REMEMBERED;
        let late = timeline.map(&numbers(seq, 0, 0), t0).map(|n| n.seq);
        assert_eq!(late, remembered.then_some(seq / 4 + 1), "{seq}");
    }
}

#[test]
fn nothing_is_mapped_without_a_segment() {
    let t0 = crate::testing::start();
    let mut timeline = Timeline::new(48_000, 5);
    assert_eq!(timeline.map(&numbers(1, 1, 1), t0), None);
    timeline.begin(&numbers(1, 1, 1), t0);
    assert!(timeline.runs());
    timeline.end();
    assert_eq!(timeline.map(&numbers(2, 1, 1), t0), None);
}

#[test]
fn a_late_packet_of_the_segment_before_gets_the_place_that_waits_for_it() {
    let t0 = crate::testing::start();
    let mut timeline = Timeline::new(90_000, 0);
    timeline.begin(&numbers(500, 0, 7), t0);
    run(&mut timeline, &[(500, 0, 7), (502, 3_000, 8)], t0);
    assert_eq!(
        timeline.map_former(&numbers(501, 0, 7)),
        None,
        "it runs yet"
    );
    timeline.begin(&numbers(90, 0, 1), t0);
    let next = run(&mut timeline, &[(90, 0, 1)], t0);
    let late = timeline.map_former(&numbers(501, 0, 7)).expect("a place");
    assert_eq!((late.seq, next[0].seq), (2, 4));
    for (seq, what) in [(499, "before its first"), (503, "after its last")] {
        assert_eq!(timeline.map_former(&numbers(seq, 0, 7)), None, "{what}");
    }
    timeline.end();
    assert_eq!(
        timeline.map_former(&numbers(501, 0, 7)),
        None,
        "another feed"
    );
}

#[test]
fn no_output_number_is_given_twice_when_a_segment_ends_with_what_was_left_out() {
    let t0 = crate::testing::start();
    let mut timeline = Timeline::new(90_000, 0);
    timeline.begin(&numbers(500, 0, 1), t0);
    let sent = run(&mut timeline, &[(500, 0, 1)], t0);
    // 501 is held back; 502 carries nothing.
    timeline.skip(502);
    timeline.begin(&numbers(90, 0, 1), t0);
    let next = run(&mut timeline, &[(90, 0, 1)], t0);
    assert_eq!(next[0].seq, sent[0].seq + 1);
    assert_eq!(timeline.map_former(&numbers(501, 0, 1)), None);
}

#[test]
fn pictures_that_are_left_out_close_up_where_they_are_closed_in_both_lengths() {
    let t0 = crate::testing::start();
    for (first, mask) in [(0x7ffe_u16, 0x7fff_u16), (0x7e, 0x7f)] {
        let id = |number: u16| match mask {
            0x7f => PictureId::Short(number as u8 & 0x7f),
            _ => PictureId::Long(number & mask),
        };
        let input = |seq: u64, number: u16| Input {
            picture: PictureNumbers {
                picture_id: Some(id(number)),
                ..PictureNumbers::default()
            },
            ..numbers(seq, 0, 0)
        };
        let out = |timeline: &mut Timeline, seq: u64, number: u16| {
            let placed = timeline.map(&input(seq, number), t0)?;
            placed.picture.picture_id.map(PictureId::number)
        };
        let mut timeline = Timeline::new(90_000, 0);
        timeline.begin(&input(10, first), t0);
        assert_eq!(out(&mut timeline, 10, first), Some(1));
        timeline.skip(11);
        timeline.skip_picture(id(first + 1));
        // The third is held back.
        assert_eq!(out(&mut timeline, 13, first + 3), Some(3));
        assert_eq!(out(&mut timeline, 12, first + 2), Some(2));
        assert_eq!(out(&mut timeline, 14, first + 1), None, "left out");
        assert_eq!(out(&mut timeline, 15, first + 4), Some(4));
    }
}

#[test]
fn frame_numbers_and_templates_go_on_and_decode_targets_are_told_once_they_are_fewer() {
    let t0 = crate::testing::start();
    let input = |seq: u64, number: u16, targets: u32| Input {
        frame: Some(FrameNumbers {
            number,
            first_template: 60,
            templates: 5,
            all_targets: 0b111,
            targets,
        }),
        ..numbers(seq, 0, 0)
    };
    let mut timeline = Timeline::new(90_000, 0);
    let change = |timeline: &mut Timeline, seq, number, targets| {
        let out = timeline.map(&input(seq, number, targets), t0);
        let change = out.and_then(|out| out.change).expect("a change");
        (
            change.number,
            change.template_shift % 64,
            change.active_targets,
        )
    };
    timeline.begin(&input(1, 65_535, 0b111), t0);
    assert_eq!(change(&mut timeline, 1, 65_535, 0b111), (1, 4, None));
    assert_eq!(change(&mut timeline, 2, 4, 0b110), (6, 4, Some(0b110)));
    assert_eq!(change(&mut timeline, 3, 5, 0b111), (7, 4, Some(0b111)));
    // Templates 0 to 4 were used.
    timeline.begin(&input(70, 900, 0b111), t0);
    assert_eq!(change(&mut timeline, 70, 900, 0b111), (8, 9, None));
    assert_eq!((60 + 9) % 64, 5, "after those that were used");
}
