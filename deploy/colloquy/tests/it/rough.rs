//! A participant on a bad network, in a meeting of the real program: it stays and heals, and the
//! others lose nothing of each other.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sfu_client::driver::{DriverReport, Observer, Options};
use sfu_client::impair::path::{LineChange, PathChange};
use sfu_client::impair::relay::{Impairment, Route, Which};
use sfu_client::participant::{Event, Roster};
use sfu_protocol::media::Source;
use sfu_protocol::signal::ByeReason;
use tokio::runtime::Runtime;

use crate::meeting::{owned_place, sign_in, text};
use crate::program::{Place, Serving, until};
use crate::strict::assert_not_lost;
use crate::visitor::Visitor;

/// How long nothing passes.
const DARK: Duration = Duration::from_secs(2);

/// Of so many packets Ben may miss one of Cem on a machine that stalls for a second; what the dark
/// costs Ann is more.
const LOST_ONE_OF: u64 = 10;

/// Ticks of the clock of Opus in a packet of 20 ms.
const PACKET_TICKS: u64 = 960;

/// Whom a participant heard, and when each packet was sent.
type Heard = Arc<Mutex<Vec<(String, u64)>>>;

struct Ear(Heard);

impl Observer for Ear {
    fn happened(&mut self, _: Instant, event: &Event, roster: &Roster) {
        if let Event::Frame(frame) = event
            && let Some(track) = roster.track_in(&frame.slot, frame.csrc)
            && track.source == Source::Microphone
        {
            let heard = (track.participant.to_string(), frame.timestamp);
            self.0.lock().expect("not poisoned").push(heard);
        }
    }
}

/// Somebody who listens.
struct Person {
    visitor: Visitor,
    heard: Heard,
}

impl Person {
    /// Comes from an address of its own, so that its line can be told from the others'.
    fn comes(answer: &Value, bind: Ipv4Addr) -> Person {
        let heard = Heard::default();
        let options = Options {
            bind: Some(IpAddr::V4(bind)),
            observer: Some(Box::new(Ear(heard.clone()))),
            ..Options::default()
        };
        let visitor = Visitor::comes(answer, options);
        Person { visitor, heard }
    }

    /// The timestamps of what was heard of another.
    fn heard_of(&self, other: &Person) -> Vec<u64> {
        let heard = self.heard.lock().expect("not poisoned");
        let theirs = heard.iter().filter(|(who, _)| *who == other.visitor.id);
        theirs.map(|(_, timestamp)| *timestamp).collect()
    }

    /// Waits until so many more packets of another were heard.
    #[track_caller]
    fn hears(&self, other: &Person, packets: usize) {
        let before = self.heard_of(other).len();
        until("what the other says", || {
            (self.heard_of(other).len() >= before + packets).then_some(())
        });
    }

    /// How many packets of another it missed between those that it heard, and how many were sent;
    /// one out of its turn counts as missed.
    fn missed_of(&self, other: &Person) -> (u64, u64) {
        let heard = self.heard_of(other);
        let jumps = heard.windows(2).map(|two| {
            let off = two[1].abs_diff(two[0] + PACKET_TICKS);
            off.div_ceil(PACKET_TICKS)
        });
        let missed = jumps.sum::<u64>();
        (missed, missed + heard.len() as u64)
    }

    fn leaves(self) -> DriverReport {
        self.visitor.leaves()
    }
}

/// A program whose media is reached only through a relay.
fn behind_a_relay(runtime: &Runtime) -> (Place, Serving, Impairment) {
    let mut place = owned_place();
    place.set("TURN__ENABLED", "false");
    place.set("SFU__ADVERTISE_IP", "127.0.0.2");
    let media = |ip| SocketAddr::from((ip, place.udp_port));
    let route = Route {
        listen: media([127, 0, 0, 2]),
        target: media([127, 0, 0, 1]),
    };
    let impairment = runtime
        .block_on(Impairment::open(&[route], &[], 1))
        .expect("a relay");
    let serving = place.serve();
    (place, serving, impairment)
}

fn both(path: PathChange) -> LineChange {
    LineChange {
        up: path,
        down: path,
    }
}

#[test]
fn who_is_on_a_bad_network_stays_and_heals_and_the_others_lose_nothing_of_each_other() {
    let runtime = Runtime::new().expect("a runtime");
    let (_place, serving, network) = behind_a_relay(&runtime);
    let token = sign_in(&serving);
    let token = Some(token.as_str());
    let room = serving.call("POST", "/api/rooms", token, &json!({ "title": "Rough" }));
    let (join, invite) = (
        format!("/api/rooms/{}/join", text(&room["id"])),
        text(&room["invite_url"]),
    );
    let invite = invite.rsplit('/').next().expect("a token");
    let comes = |name: &str, last: u8| {
        let who = json!({ "name": name, "invite": invite });
        let answer = serving.call("POST", &join, None, &who);
        Person::comes(&answer, Ipv4Addr::new(127, 0, 0, last))
    };
    let (ann, ben, cem) = (comes("Ann", 11), comes("Ben", 12), comes("Cem", 13));
    ann.hears(&ben, 20);
    ben.hears(&ann, 20);
    ben.hears(&cem, 20);

    let clients = runtime.block_on(network.clients()).expect("a report");
    assert_eq!(clients.len(), 3);
    let anns = clients
        .iter()
        .find(|client| client.client.ip() == Ipv4Addr::new(127, 0, 0, 11));
    let anns = Which::Client(anns.expect("Ann's line").client);
    let set = |path| {
        let set = runtime.block_on(network.set(anns, both(path)));
        set.expect("Ann's line is there");
    };
    set(PathChange {
        loss_ppm: Some(100_000),
        jitter_ms: Some(100),
        ..PathChange::default()
    });
    ann.hears(&ben, 150);
    ben.hears(&ann, 150);

    let dark = |blackout| PathChange {
        blackout: Some(blackout),
        ..PathChange::default()
    };
    set(dark(true));
    std::thread::sleep(DARK);
    set(dark(false));
    ann.hears(&ben, 50);
    ben.hears(&ann, 50);

    runtime
        .block_on(network.rebind(anns))
        .expect("another port");
    ann.hears(&ben, 50);
    ben.hears(&ann, 50);

    let (missed, sent) = ben.missed_of(&cem);
    assert_not_lost(missed, sent, LOST_ONE_OF);
    for person in [ann, ben, cem] {
        assert_eq!(person.leaves().bye, Some(ByeReason::Left));
    }
}
