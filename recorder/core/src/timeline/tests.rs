use sfu_protocol::ids::RoomId;
use sfu_protocol::signal::LeaveReason;
use uuid::Uuid;

use super::*;

const START_MS: u64 = 1_000_000;

fn who(number: u128) -> ParticipantId {
    ParticipantId(Uuid::from_u128(number))
}

fn camera(number: u128) -> TrackId {
    TrackId {
        participant: who(number),
        source: Source::Camera,
    }
}

fn at(ms: i64) -> MediaTime {
    MediaTime((START_MS as i64 + ms) as u64 * 1_000)
}

fn event(number: u64, ms: i64, event: RoomEvent) -> NodeEvent {
    NodeEvent {
        number,
        room: RoomId(Uuid::nil()),
        at: at(ms),
        event,
    }
}

fn joined(number: u64, ms: i64, participant: u128) -> NodeEvent {
    let joined = RoomEvent::ParticipantJoined {
        participant: who(participant),
        name: format!("P{participant}"),
        role: Role::Guest,
    };
    event(number, ms, joined)
}

fn left(number: u64, ms: i64, participant: u128) -> NodeEvent {
    let left = RoomEvent::ParticipantLeft {
        participant: who(participant),
        reason: LeaveReason::Left,
    };
    event(number, ms, left)
}

fn changed(number: u64, ms: i64, participant: u128, state: TrackState) -> NodeEvent {
    let changed = RoomEvent::TrackChanged {
        track: camera(participant),
        state,
        codec: None,
    };
    event(number, ms, changed)
}

fn tape(participant: u128, from_ms: i64, to_ms: i64, mutes: &[(i64, bool)]) -> TapeFacts {
    TapeFacts {
        tape: TapeId(from_ms as u64),
        track: camera(participant),
        name: format!("P{participant}"),
        codec: Codec::Vp8,
        opened_at: at(from_ms),
        closed_at: at(to_ms),
        mutes: mutes.iter().map(|(ms, muted)| (at(*ms), *muted)).collect(),
        cut_off_until: None,
    }
}

fn ms(stretches: &[Stretch]) -> Vec<(i64, i64)> {
    stretches
        .iter()
        .map(|stretch| (stretch.from_us / 1_000, stretch.to_us / 1_000))
        .collect()
}

fn timeline(events: &[NodeEvent], tapes: &[TapeFacts]) -> Timeline {
    build(at(0), at(10_000), events, tapes, &BTreeMap::new())
}

#[test]
fn participants_are_there_from_joining_to_leaving_within_the_recording() {
    let built = timeline(
        &[
            joined(1, -9_000, 1),
            joined(2, -8_000, 2),
            left(3, -1_000, 2),
            joined(4, 2_000, 3),
            left(5, 4_000, 3),
            joined(6, 6_000, 3),
        ],
        &[],
    );
    let people: Vec<(String, Vec<(i64, i64)>)> = built
        .participants
        .iter()
        .map(|person| (person.name.clone(), ms(&person.present)))
        .collect();
    assert_eq!(
        people,
        [
            ("P1".to_owned(), vec![(0, 10_000)]),
            ("P3".to_owned(), vec![(2_000, 4_000), (6_000, 10_000)]),
        ]
    );
    assert_eq!(built.duration_us, 10_000_000);
}

#[test]
fn a_tape_alone_proves_that_its_participant_was_there() {
    let built = timeline(&[], &[tape(7, 1_000, 3_000, &[])]);
    assert_eq!(built.participants[0].name, "P7");
    assert_eq!(built.participants[0].role, None);
    assert_eq!(ms(&built.participants[0].present), [(1_000, 3_000)]);
}

#[test]
fn mutes_come_from_events_and_tapes_together() {
    let built = timeline(
        &[
            changed(1, -500, 1, TrackState::Muted),
            changed(2, 1_000, 1, TrackState::Live),
            changed(3, 4_000, 1, TrackState::Muted),
        ],
        &[tape(
            1,
            0,
            9_000,
            &[(4_010, true), (5_000, false), (8_000, true)],
        )],
    );
    assert_eq!(
        ms(&built.tracks[0].muted),
        [(0, 1_000), (4_000, 5_000), (8_000, 10_000)]
    );
    assert_eq!(
        ms(&built.tracks[0].live()),
        [(1_000, 4_000), (5_000, 8_000)]
    );
}

#[test]
fn a_closed_room_is_empty() {
    let built = timeline(
        &[joined(1, 0, 1), event(2, 3_000, RoomEvent::RoomClosed {})],
        &[],
    );
    assert_eq!(ms(&built.participants[0].present), [(0, 3_000)]);
}

#[test]
fn a_roster_keeps_who_is_there_and_what_they_publish() {
    let mut roster = Roster::default();
    for event in [
        joined(1, 0, 1),
        changed(2, 1, 1, TrackState::Live),
        joined(3, 2, 2),
        changed(4, 3, 2, TrackState::Live),
        changed(5, 4, 2, TrackState::Muted),
        left(6, 5, 1),
    ] {
        roster.take(&event);
    }
    let numbers: Vec<u64> = roster.events().iter().map(|event| event.number).collect();
    assert_eq!(numbers, [3, 5]);
    roster.take(&event(7, 6, RoomEvent::RoomClosed {}));
    assert!(roster.is_empty() && roster.events().is_empty());
}

#[test]
fn a_track_whose_node_was_gone_is_cut_off_until_it_is_there_again() {
    let cut = TapeFacts {
        cut_off_until: Some(at(6_000)),
        ..tape(1, 1_000, 4_000, &[])
    };
    let line = &timeline(&[], &[cut, tape(1, 6_000, 9_000, &[])]).tracks[0];
    assert_eq!(ms(&line.published), [(1_000, 4_000), (6_000, 9_000)]);
    assert_eq!(ms(&line.cut_off), [(4_000, 6_000)]);
}
