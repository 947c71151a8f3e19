use super::presence::{Arrival, LOST_GRACE};
use super::*;
use crate::io::SignalId;
use sfu_protocol::grant::{GRANT_AUDIENCE, Grant, Rights};
use sfu_protocol::ids::{NodeId, OrganisationId};
use sfu_protocol::link::shards::SlotWish;
use sfu_protocol::media::{Codec, Kind, MediaTime, Source};
use sfu_protocol::signal::{Role, Show, SlotId, Want};
use uuid::Uuid;

fn who(n: u128) -> ParticipantId {
    ParticipantId(Uuid::from_u128(n))
}

fn track(n: u128, source: Source) -> TrackId {
    let participant = who(n);
    TrackId {
        participant,
        source,
    }
}

struct Scene {
    room: Room,
    now: Instant,
    signals: u64,
}

impl Scene {
    fn new() -> Self {
        let now = crate::testing::start();
        Scene {
            room: Room::new(RoomId(Uuid::nil()), now, 25),
            now,
            signals: 0,
        }
    }

    fn join(&mut self, n: u128) -> Effects {
        let grant = Grant {
            aud: GRANT_AUDIENCE.to_owned(),
            iat: 0,
            exp: 0,
            jti: String::new(),
            node: NodeId(String::new()),
            organisation: OrganisationId(Uuid::nil()),
            room: self.room.id,
            participant: who(n),
            name: format!("{n}"),
            role: Role::Member,
            rights: Rights::of(Role::Member),
        };
        self.signals += 1;
        let arrival = Arrival {
            signal: SignalId(self.signals),
            grant: &grant,
            resume: None,
            new_key: format!("key {n}"),
            reconnect_within_ms: 300,
            now: self.now,
            at: MediaTime(0),
        };
        let mut effects = Effects::default();
        self.room.arrive(arrival, &mut effects);
        let place = n as u16;
        let connection = ConnectionId {
            shard: 0,
            place,
            generation: 0,
        };
        self.room.set_connection(who(n), connection);
        effects
    }

    fn publish(&mut self, n: u128, source: Source) -> Effects {
        let mut effects = Effects::default();
        let mut next = n as u64;
        let mut chance = || {
            next += 2;
            next
        };
        let lines = [(source, TrackState::Live)];
        self.room.publish(who(n), &lines, &mut chance, &mut effects);
        effects
    }

    fn video_slots(&mut self, n: u128, count: usize, codecs: &[Codec]) -> Effects {
        let mut effects = Effects::default();
        let slot = |index: usize| (index, SlotId(format!("{index}")), Kind::Video);
        let slots = (0..count).map(slot).collect();
        self.room
            .set_slots(who(n), slots, codecs.to_vec(), &mut effects);
        effects
    }
}

#[test]
fn a_slot_is_filled_when_a_track_appears_and_emptied_when_its_publisher_leaves() {
    let mut scene = Scene::new();
    scene.join(1);
    scene.join(2);
    scene.video_slots(1, 1, &[Codec::Vp8]);
    let placed = |track| Placement {
        participant: who(1),
        slot: 0,
        track,
    };
    let camera = track(2, Source::Camera);
    assert_eq!(
        scene.publish(2, Source::Camera).placements,
        [placed(Some(camera))]
    );
    assert_eq!(
        scene.publish(1, Source::Camera).placements,
        [],
        "nobody sees the own track"
    );
    let mut effects = Effects::default();
    let reason = sfu_protocol::signal::LeaveReason::Left;
    scene
        .room
        .leave(who(2), reason, None, scene.now, &mut effects);
    assert_eq!(effects.placements, [placed(None)]);
    assert_eq!(effects.dropped.len(), 1);
}

#[test]
fn a_track_in_a_codec_that_the_receiver_did_not_negotiate_leaves_the_slot_empty() {
    let mut scene = Scene::new();
    scene.join(1);
    scene.join(2);
    scene.video_slots(1, 1, &[Codec::Vp8]);
    let camera = track(2, Source::Camera);
    assert_eq!(
        scene.publish(2, Source::Camera).placements[0].track,
        Some(camera)
    );
    let mut effects = Effects::default();
    scene.room.set_codec(camera, Codec::Av1, &mut effects);
    assert_eq!(effects.placements[0].track, None);
    let mut effects = Effects::default();
    scene.room.set_codec(camera, Codec::Vp8, &mut effects);
    assert_eq!(effects.placements[0].track, Some(camera));
}

#[test]
fn a_wish_for_a_slot_that_is_not_there_changes_nothing() {
    let mut scene = Scene::new();
    scene.join(1);
    scene.join(2);
    scene.video_slots(1, 1, &[Codec::Vp8]);
    scene.publish(2, Source::Camera);
    let want = |slot: &str| Want {
        slot: SlotId(slot.to_owned()),
        show: Show::Nothing,
        max_height: 90,
        priority: 0,
    };
    let mut effects = Effects::default();
    let refused = scene
        .room
        .want(who(1), &[want("0"), want("9")], &mut effects);
    assert_eq!(
        refused.map_err(|refusal| refusal.code),
        Err(RefusedCode::NotFound)
    );
    assert_eq!(effects.placements, []);
    assert_eq!(
        scene.room.want(who(1), &[want("0")], &mut effects),
        Ok(vec![SlotWish {
            slot: 0,
            max_height: 90,
            priority: 0,
        }])
    );
    assert_eq!(effects.placements[0].track, None);
    assert_eq!(effects.mover, Mover::Receiver, "it is charged for");
    let published = scene.publish(2, Source::Screen);
    assert_eq!(published.mover, Mover::Node, "what the room does is not");
}

#[test]
fn a_track_that_a_host_muted_stays_muted_through_a_new_offer() {
    let mut scene = Scene::new();
    scene.join(1);
    scene.publish(1, Source::Camera);
    let mut effects = Effects::default();
    let muted = scene.room.set_track(
        who(1),
        Source::Camera,
        TrackState::Muted,
        scene.now,
        &mut effects,
    );
    assert_eq!(muted, Ok(()));
    let effects = scene.publish(1, Source::Camera);
    assert_eq!(effects.flows, [(track(1, Source::Camera), false)]);
}

#[test]
fn the_next_expiry_is_the_earliest_and_is_gone_with_its_cause() {
    let mut scene = Scene::new();
    scene.join(1);
    scene.join(2);
    assert_eq!(scene.room.expires_at(), None);
    let mut effects = Effects::default();
    scene
        .room
        .lose(who(2), (SignalId(2), LOST_GRACE), scene.now, &mut effects);
    scene
        .room
        .lose(who(1), (SignalId(9), LOST_GRACE), scene.now, &mut effects);
    assert_eq!(scene.room.expires_at(), Some(scene.now + LOST_GRACE));
    let later = scene.now + LOST_GRACE;
    scene.room.expire(later, &mut effects);
    assert_eq!(scene.room.len(), 1, "an old websocket's end loses nobody");
    assert_eq!(scene.room.expires_at(), None);
}

#[test]
fn a_room_is_over_only_after_it_was_empty_for_a_while() {
    let mut scene = Scene::new();
    scene.join(1);
    let mut effects = Effects::default();
    let reason = sfu_protocol::signal::LeaveReason::Left;
    scene
        .room
        .leave(who(1), reason, None, scene.now, &mut effects);
    assert!(!scene.room.is_over(scene.now));
    scene.join(1);
    assert!(!scene.room.is_over(scene.now + EMPTY_LINGER * 2));
    scene
        .room
        .leave(who(1), reason, None, scene.now, &mut effects);
    assert!(scene.room.is_over(scene.now + EMPTY_LINGER));
}
