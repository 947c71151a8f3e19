//! Media through a whole node: two participants without a browser, over real sockets.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sfu_client::driver::{DriverReport, JoinTarget, Observer, Options, run};
use sfu_client::participant::{Event, Roster};
use sfu_client::synthetic::{Decoder, Shape, Synthetic};
use sfu_protocol::ids::{ParticipantId, TrackId};
use sfu_protocol::media::{Codec, Source};
use sfu_protocol::signal::SlotId;
use tokio::sync::watch;
use tokio::time::timeout;
use uuid::Uuid;

use crate::house::{House, PATIENCE, room};

/// How many pictures of the other each must decode before the meeting ends.
const ENOUGH_PICTURES: u32 = 30;

/// What a participant saw and heard.
#[derive(Debug, Default)]
struct Seen {
    decoders: BTreeMap<SlotId, Decoder>,
    pictures: BTreeMap<TrackId, u32>,
    sounds: BTreeMap<TrackId, u32>,
    faults: Vec<String>,
}

struct Eyes {
    seen: Arc<Mutex<Seen>>,
    enough: watch::Sender<bool>,
}

impl Observer for Eyes {
    fn happened(&mut self, _now: Instant, event: &Event, roster: &Roster) {
        let Event::Frame(frame) = event else { return };
        let mut seen = self.seen.lock().expect("not poisoned");
        let Some(track) = roster.track_in(&frame.slot, frame.csrc) else {
            seen.faults.push("a frame without a known CSRC".into());
            return;
        };
        if frame.codec == Codec::Opus {
            *seen.sounds.entry(track).or_default() += 1;
        } else {
            let decoder = seen.decoders.entry(frame.slot.clone()).or_default();
            match decoder.decode(&frame.data) {
                Ok(_) => *seen.pictures.entry(track).or_default() += 1,
                Err(fault) => seen.faults.push(fault.to_string()),
            }
        }
        let pictures = seen.pictures.values().copied().max().unwrap_or(0);
        let sounds = seen.sounds.values().copied().max().unwrap_or(0);
        if pictures >= ENOUGH_PICTURES && sounds >= ENOUGH_PICTURES {
            self.enough.send_replace(true);
        }
    }
}

/// One participant that leaves when `over`.
struct Guest {
    seen: Arc<Mutex<Seen>>,
    enough: watch::Receiver<bool>,
    task: tokio::task::JoinHandle<DriverReport>,
}

fn enter(house: &House, participant: u128, mut over: watch::Receiver<bool>) -> Guest {
    let seen = Arc::<Mutex<Seen>>::default();
    let (enough, enough_seen) = watch::channel(false);
    let eyes = Eyes {
        seen: Arc::clone(&seen),
        enough,
    };
    let target = JoinTarget {
        ws_url: house.url(),
        grant: house.office.sign(&house.grant(room(1), participant)),
    };
    let options = Options {
        observer: Some(Box::new(eyes)),
        ..Options::default()
    };
    let mut source = Synthetic::new(Shape::meeting(participant as u32));
    source.set_speaking(true);
    let task = tokio::spawn(async move {
        let over = async move {
            // The test holds the sender until the end.
            let _ = over.wait_for(|over| *over).await;
        };
        run(target, options, source, over)
            .await
            .expect("takes part until it leaves")
    });
    Guest {
        seen,
        enough: enough_seen,
        task,
    }
}

/// Two enter, and leave when each has seen and heard enough.
async fn meet(house: &House) -> [Guest; 2] {
    let (over, is_over) = watch::channel(false);
    let mut guests = [
        enter(house, 1, is_over.clone()),
        enter(house, 2, is_over.clone()),
    ];
    for guest in &mut guests {
        let seen = Arc::clone(&guest.seen);
        timeout(PATIENCE, guest.enough.wait_for(|enough| *enough))
            .await
            .unwrap_or_else(|_| panic!("too little arrived: {:?}", seen.lock()))
            .expect("the guest is here");
    }
    over.send_replace(true);
    guests
}

#[tokio::test]
async fn two_participants_see_and_hear_each_other_and_the_counters_add_up() {
    let house = House::open(|_| {}).await;
    claim_they_met(meet(&house).await).await;
    house.node.stop().await;
    claim_it_adds_up(&house);
    assert_eq!(house.metric("colloquy_sfu_shard_packets_total"), 0.0);
}

#[tokio::test]
async fn participants_on_two_shards_meet_and_each_packet_crosses_once() {
    let house = House::open(|config| {
        config.shards = 3;
        config.participants_per_shard = 1;
    })
    .await;
    claim_they_met(meet(&house).await).await;
    house.node.stop().await;
    claim_it_adds_up(&house);
    let metric = |name: &str, value| house.metric_with(&format!("colloquy_sfu_{name}"), value);
    let (out, came) = (
        metric("shard_packets_total", "out"),
        metric("shard_packets_total", "in"),
    );
    assert!(out > 0.0 && came > 0.0, "{out} and {came}");
    // What was on its way when both left is for nobody.
    assert!(came <= out, "{came} of {out}");
    assert!(
        out <= metric("packets_accepted_total", ""),
        "one copy: {out}"
    );
    assert_eq!(metric("shard_packets_lost_total", ""), 0.0);
}

async fn claim_they_met(guests: [Guest; 2]) {
    for (guest, other) in guests.into_iter().zip([2u128, 1]) {
        let report = guest.task.await.expect("no panic");
        let seen = guest.seen.lock().expect("not poisoned");
        assert_eq!(seen.faults, Vec::<String>::new());
        let track = |source| TrackId {
            participant: ParticipantId(Uuid::from_u128(other)),
            source,
        };
        assert_eq!(
            seen.pictures.keys().collect::<Vec<_>>(),
            [&track(Source::Camera)],
            "the other's camera only"
        );
        assert_eq!(
            seen.sounds.keys().collect::<Vec<_>>(),
            [&track(Source::Microphone)]
        );
        let connected = report.connected_after.expect("it was connected");
        assert!(connected < Duration::from_secs(5), "{connected:?}");
    }
}

fn claim_it_adds_up(house: &House) {
    let metric = |name: &str| house.metric(&format!("colloquy_sfu_{name}"));
    assert!(metric("packets_in_total") > 0.0);
    assert!(metric("packets_forwarded_total") > 0.0);
    assert_eq!(
        metric("packets_in_total"),
        metric("packets_accepted_total") + metric("packets_dropped_total")
    );
    assert_eq!(metric("socket_dropped_total"), 0.0);
    assert_eq!(metric("caught_panics_total"), 0.0);
}
