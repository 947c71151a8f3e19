//! Whoever keeps to no rule: the seam that hostile stories stand on.

use sfu_protocol::media::Source;
use sfu_protocol::signal::{ClientMessage, NodeMessage, RefusedCode, TrackState};
use sfu_sim::network::{Datagram, Path};
use sfu_sim::oracle::Bounds;
use sfu_sim::plan::Plan;
use sfu_sim::world::node_address;

#[test]
fn strangers_send_what_they_like_and_are_told_so() {
    let mut plan = Plan::tell("strangers at the door", 1, Bounds::STRICT);
    plan.step("ada and ben meet, and somebody listens", |world| {
        world.join("ada");
        world.join("ben");
        world.run_ms(1_500);
        world.eavesdrop(true);
        world.run_ms(300);
        world.eavesdrop(false);
        world.claim(!world.overheard().is_empty(), "something was overheard");
    })
    .step("what was overheard comes again, from elsewhere", |world| {
        let elsewhere = std::net::SocketAddr::from(([192, 0, 2, 1], 666));
        let before = world.report().packets_dropped();
        let replayed: Vec<Datagram> = world
            .overheard()
            .iter()
            .filter(|datagram| datagram.destination == node_address())
            .map(|datagram| Datagram {
                source: elsewhere,
                ..datagram.clone()
            })
            .collect();
        for datagram in replayed {
            world.throw(datagram, Path::OFFICE);
        }
        world.run_ms(1_500);
        let after = world.report().packets_dropped();
        world.claim(before == after, "nothing of it was taken for media");
        world.claim_everyone_perceives_everyone();
    })
    .step("ben says what he may not, and hears no", |world| {
        world.turn_hostile("ben");
        let (signal, participant) = (world.guest("ben").signal, world.guest("ada").id);
        world.send_over(signal, ClientMessage::Remove { participant });
        world.run_ms(1_200);
        world.claim_everyone_perceives_everyone();
    })
    .step("somebody with eve's grant asks for too much", |world| {
        let mut grant = world.grant("ben");
        grant.room.0 = uuid::Uuid::from_u128(0xbad);
        let signal = world.open_signal("eve", grant, None);
        let source = Source::Camera;
        let state = TrackState::Live;
        world.send_over(signal, ClientMessage::SetTrack { source, state });
        world.run_ms(100);
        let refused = world.told(signal).iter().any(|envelope| {
            matches!(&envelope.message, NodeMessage::Refused { code, .. } if *code == RefusedCode::NotFound)
        });
        world.claim(refused, "eve has no such track");
        world.close_signal(signal);
        world.run_ms(1_200);
        world.claim_everyone_perceives_everyone();
    })
    .end();
}
