//! A participant with live keys who does what no browser does. Whatever he sends is sealed
//! rightly, so that it is believed to be his.

use std::time::Duration;

use sfu_core::report::{DropReason, Report};
use sfu_core::shard::Limits;
use sfu_protocol::media::Source;
use sfu_protocol::signal::{
    ClientMessage, NodeMessage, RefusedCode, Role, Show, SlotId, TrackState, Want,
};
use str0m::format::Codec;
use str0m::media::Direction;

use super::datagram;
use crate::fuzzing::established::{Line, MID, REPAIRED_RID, RID, TRANSPORT_WIDE, lines, rtp};
use crate::fuzzing::seal::{self, Seal};
use crate::world::{Publish, World, camera, participant, said};

/// Ann shows her camera to Ben and to Mal, who shows his to both.
struct Meeting {
    world: World,
    ann: usize,
    ben: usize,
    mal: usize,
    seal: Seal,
    lines: Vec<Line>,
    seq: u16,
}

struct Repairs {
    ssrc: u32,
    payload_type: u8,
    mid: String,
}

impl Meeting {
    fn new() -> Meeting {
        let mut world = World::new(Limits::default());
        let ann = world.join(1, Role::Host, &[Publish::Camera { layers: 1 }], (0, 1));
        let ben = world.join(2, Role::Guest, &[], (0, 1));
        let mal = world.open(3, Role::Guest, None);
        let client = &mut world.clients[mal];
        client.rtc = seal::listening_transport(world.now, client.address);
        world.offer(mal, &[Publish::Camera { layers: 3 }], (0, 1));
        world.run(Duration::from_secs(2));
        assert!(world.clients[mal].rtc.is_connected());
        world.stream(mal, Source::Camera, &[0, 1, 2], 2);
        world.stream(ann, Source::Camera, &[0], 10);
        let lines = lines(&mut world, mal);
        let seal = Seal::new(&seal::overheard().expect("the handshake is over"));
        let slot = SlotId(world.clients[ben].slots[0].to_string());
        let want = Want {
            slot,
            show: Show::Track(camera(1)),
            max_height: 720,
            priority: 255,
        };
        world.say(ben, ClientMessage::Want { wants: vec![want] });
        world.stream(ann, Source::Camera, &[0], 10);
        Meeting {
            world,
            ann,
            ben,
            mal,
            seal,
            lines,
            seq: 1_000,
        }
    }

    fn show_mal_to_ann(&mut self, max_height: u16) {
        let slot = SlotId(self.world.clients[self.ann].slots[0].to_string());
        let want = Want {
            slot,
            show: Show::Track(camera(3)),
            max_height,
            priority: 1,
        };
        let wants = vec![want];
        self.world.say(self.ann, ClientMessage::Want { wants });
    }

    fn send_rtp(&mut self, plain: &[u8], roc: u32) {
        let sealed = self.seal.rtp(roc, plain).expect("a packet");
        let source = self.world.clients[self.mal].address;
        self.world.input(datagram(source, &sealed));
    }

    /// A good packet of one of his layers.
    fn send_layer(&mut self, layer: usize, payload: &[u8]) {
        self.seq = self.seq.wrapping_add(1);
        let line = &self.lines[layer];
        let stamps = (self.seq, u32::from(self.seq) * 3_000, line.ssrc);
        let (plain, roc) = (rtp(line.payload_type, stamps, &[], payload), line.roc);
        self.send_rtp(&plain, roc);
    }

    /// A good packet of his with a transport-wide number of his choice.
    fn send_numbered(&mut self, number: u16, payload: &[u8]) {
        self.seq = self.seq.wrapping_add(1);
        let line = &self.lines[0];
        let stamps = (self.seq, u32::from(self.seq) * 3_000, line.ssrc);
        let numbered = [(TRANSPORT_WIDE, &number.to_be_bytes()[..])];
        let plain = rtp(line.payload_type, stamps, &numbered, payload);
        self.send_rtp(&plain, self.lines[0].roc);
    }

    /// Where repairs of his largest layer go.
    fn repairs(&mut self) -> Repairs {
        let client = &mut self.world.clients[self.mal];
        let mid = client.senders[0].mid;
        let mut direct = client.rtc.direct_api();
        let stream = direct.stream_tx_by_mid(mid, Some("f".into()));
        let ssrc = *stream.and_then(|stream| stream.rtx()).expect("negotiated");
        let vp8 = client.payload_type(Codec::Vp8);
        let mut params = client.rtc.codec_config().params().iter();
        let repairs = params
            .find(|params| params.pt() == vp8)
            .and_then(|p| p.resend());
        Repairs {
            ssrc,
            payload_type: *repairs.expect("negotiated"),
            mid: mid.to_string(),
        }
    }

    fn send_padding(&mut self, repairs: &Repairs, seq: u16, also: &[(u8, &[u8])]) {
        let named = [(MID, repairs.mid.as_bytes()), (REPAIRED_RID, &b"f"[..])];
        let named = [&named, also].concat();
        let padding = rtp(repairs.payload_type, (seq, 0, repairs.ssrc), &named, &[]);
        self.send_rtp(&padding, 0);
    }

    /// Feedback of his about a stream that he is sent.
    fn send_rtcp(&mut self, plain: &[u8]) {
        let sealed = self.seal.rtcp(plain).expect("a packet");
        let source = self.world.clients[self.mal].address;
        self.world.input(datagram(source, &sealed));
    }

    /// The SSRC of what he is sent.
    fn heard_ssrc(&self) -> [u8; 4] {
        let packets = &self.world.clients[self.mal].packets;
        let last = packets.last().expect("he is sent something");
        (*last.header.ssrc).to_be_bytes()
    }

    /// Ann's frames while something else happens before each; Ben has to get every packet.
    fn through(&mut self, frames: usize, mut meanwhile: impl FnMut(&mut Meeting)) {
        self.world.clients[self.ben].packets.clear();
        for _ in 0..frames {
            meanwhile(self);
            self.world.stream(self.ann, Source::Camera, &[0], 1);
        }
        let packets = &self.world.clients[self.ben].packets;
        assert_eq!(packets.len(), 2 * frames, "every packet of Ann's, once");
        for pair in packets.windows(2) {
            let step = pair[0].header.sequence_number.wrapping_add(1);
            assert_eq!(pair[1].header.sequence_number, step, "in order");
        }
        let report = self.world.shard.report();
        assert_eq!(report.panics, 0);
        assert!(report.connections >= 2);
        for at in [self.ann, self.ben] {
            assert!(!self.world.clients[at].closed);
            assert!(self.world.clients[at].rtc.is_connected());
        }
    }
}

#[test]
fn a_flood_of_picture_losses_costs_a_publisher_a_keyframe_a_second_at_most() {
    let mut meeting = Meeting::new();
    let heard = meeting.heard_ssrc();
    let pli = [&[0x81, 206, 0, 2, 0, 0, 0, 9][..], &heard].concat();
    let fir = [&[0x84, 206, 0, 4, 0, 0, 0, 9, 0, 0, 0, 0][..], &heard].concat();
    let before = meeting.world.clients[meeting.ann].senders[0].keyframe_requests;
    let mut number = 0;
    meeting.through(300, |meeting| {
        for _ in 0..20 {
            number = (number + 1) % 256;
            meeting.send_rtcp(&pli);
            meeting.send_rtcp(&[&fir[..], &[number as u8, 0, 0, 0]].concat());
        }
    });
    let asked = meeting.world.clients[meeting.ann].senders[0].keyframe_requests - before;
    // Ten seconds: his credit of four, and one each two seconds.
    assert!(
        (2..=4 + 5).contains(&asked),
        "{asked} keyframe requests in 10 s"
    );
}

#[test]
fn a_flood_of_requests_for_retransmission_is_answered_within_the_budget() {
    let mut meeting = Meeting::new();
    let heard = meeting.heard_ssrc();
    let before = meeting.world.shard.report();
    meeting.through(150, |meeting| {
        let packets = &meeting.world.clients[meeting.mal].packets;
        let last = packets.last().expect("he is sent something");
        let newest = last.header.sequence_number;
        // 300 entries of 17 packets each, over and over the newest hundred.
        let mut nack = [&[0x81, 205, 1, 0x2e, 0, 0, 0, 9][..], &heard].concat();
        for n in 0..300u16 {
            nack.extend_from_slice(&newest.wrapping_sub(n % 100).to_be_bytes());
            nack.extend_from_slice(&[0xff, 0xff]);
        }
        for _ in 0..10 {
            meeting.send_rtcp(&nack);
        }
    });
    let after = meeting.world.shard.report();
    let sent_again = after.retransmissions_out - before.retransmissions_out;
    let forwarded = after.packets_forwarded - before.packets_forwarded;
    assert!(sent_again > 0, "what he seals is believed");
    // Half of the half that went to him, and the 8 KiB of the beginning in packets of fifty bytes.
    assert!(
        sent_again <= forwarded / 4 + 8 * 1_024 / 50,
        "{sent_again} of {forwarded}"
    );
    assert!(after.retransmissions_refused > before.retransmissions_refused);
}

#[test]
fn feedback_of_every_kind_disturbs_nobody() {
    let mut meeting = Meeting::new();
    let heard = meeting.heard_ssrc();
    let remb = [
        &b"\x8f\xce\0\x05\0\0\0\x09\0\0\0\0REMB\x01\0\0\x01"[..],
        &heard,
    ]
    .concat();
    // 65,535 packets, of which none arrived.
    let runs = [0x1f, 0xff].repeat(8);
    let twcc = [
        &[0x8f, 205, 0, 8, 0, 0, 0, 9][..],
        &heard,
        &[0, 1, 0xff, 0xff, 0, 0, 0, 1],
        &runs,
    ]
    .concat();
    let bye = [&[0x81, 203, 0, 1][..], &heard].concat();
    let foreign_bye = [0x81, 203, 0, 1, 0, 0, 0, 1];
    let before = meeting.world.shard.report();
    meeting.through(60, |meeting| {
        for plain in [&remb, &twcc, &bye, &foreign_bye.to_vec()] {
            for _ in 0..25 {
                meeting.send_rtcp(plain);
            }
        }
    });
    let after = meeting.world.shard.report();
    assert!(after.dropped.get(&DropReason::Feedback) > Some(&1_000));
    assert_eq!(after.keyframe_requests_sent, before.keyframe_requests_sent);
}

#[test]
fn two_hundred_megabits_a_second_cost_the_others_nothing() {
    let mut meeting = Meeting::new();
    meeting.show_mal_to_ann(720);
    let mut keyframe = vec![0x90, 0x80, 0x80, 1, 0, 0, 0, 0x9d, 1, 0x2a, 64, 0, 0xd0, 2];
    keyframe.resize(1_250, 7);
    let before = meeting.world.shard.report();
    // Two seconds of 660 packets a frame: 20,000 a second.
    meeting.through(60, |meeting| {
        for _ in 0..660 {
            meeting.send_layer(2, &keyframe);
        }
    });
    let after = meeting.world.shard.report();
    let over = after.dropped[&DropReason::OverRate] + after.dropped[&DropReason::Flood];
    let forwarded = after.packets_forwarded - before.packets_forwarded;
    assert!(over > 60 * 660 - 4_700, "{over} over the rate");
    // Ann's to Ben and to Mal, and 2.2 seconds of 20 Mbit/s of his.
    assert!(forwarded <= 2 * 120 + 4_700, "{forwarded} forwarded");
    // What no track of his could bring is not even opened.
    let opened = after.packets_in - before.packets_in;
    assert!(opened <= 120 + 3 * 6_600_000 / 1_250, "{opened} opened");
}

/// Whoever forges a client's address has no keys: what it sends in the client's name must not use
/// up what the client may say.
#[test]
fn what_is_forged_under_a_clients_address_uses_up_nothing_of_its_budgets() {
    let mut meeting = Meeting::new();
    let source = meeting.world.clients[meeting.mal].address;
    let heard = meeting.heard_ssrc();
    let pli = [&[0x81, 206, 0, 2, 0, 0, 0, 9][..], &heard].concat();
    let ssrc = meeting.lines[0].ssrc.to_be_bytes();
    let forged_media = [&[0x80, 96, 0, 9, 0, 0, 0, 0][..], &ssrc, &[7; 1_200]].concat();
    let forged_control = [&[0x80, 201, 0, 1][..], &ssrc, &[9; 600]].concat();
    let before = meeting.world.shard.report();
    meeting.through(60, |meeting| {
        for _ in 0..400 {
            meeting.world.input(datagram(source, &forged_media));
            meeting.world.input(datagram(source, &forged_control));
        }
        meeting.send_layer(0, &[0x10, 0, 7]);
    });
    meeting.world.run(Duration::from_secs(2));
    let asked = meeting.world.shard.report().keyframe_requests_sent;
    meeting.send_rtcp(&pli);
    let after = meeting.world.shard.report();
    assert!(
        after.keyframe_requests_sent > asked,
        "he is heard all the same"
    );
    let came = after.packets_in - before.packets_in;
    assert_eq!(came, 120 + 60, "every packet of Ann's and of his");
}

#[test]
fn everything_at_once_costs_nobody_else_anything() {
    let mut meeting = Meeting::new();
    meeting.show_mal_to_ann(720);
    let heard = meeting.heard_ssrc();
    let pli = [&[0x81, 206, 0, 2, 0, 0, 0, 9][..], &heard].concat();
    let mut nack = [&[0x81, 205, 0, 102, 0, 0, 0, 9][..], &heard].concat();
    (0..100_u16).for_each(|n| nack.extend([(n >> 8) as u8, n as u8, 0xff, 0xff]));
    let mut picture = vec![0x90, 0x80, 0x80, 1, 0, 0, 0, 0x9d, 1, 0x2a, 64, 0, 0xd0, 2];
    picture.resize(1_180, 7);
    let bomb = "v=0\r\n".to_owned() + &"m=video 9 UDP/TLS/RTP/SAVPF 96\r\n".repeat(5_000);
    let asked = |meeting: &Meeting| {
        let ann = &meeting.world.clients[meeting.ann];
        ann.senders[0].keyframe_requests
    };
    let before = asked(&meeting);
    let stranger = ([192, 0, 2, 66], 6_666).into();
    meeting.through(60, |meeting| {
        for n in 0..330 {
            meeting.send_rtcp(if n % 2 == 0 { &pli } else { &nack });
            meeting.send_layer(2, &picture);
            let again = meeting.seal.rtp(0, &[0x80; 40]).unwrap_or_default();
            meeting.world.input(datagram(stranger, &again));
        }
        for revision in 0..3 {
            if meeting.world.clients[meeting.mal].closed {
                continue;
            }
            let offer = ClientMessage::Offer {
                revision,
                sdp: bomb.clone(),
                publish: vec![],
            };
            meeting.world.say(meeting.mal, offer);
        }
    });
    // Two seconds: his credit of four, and one each two seconds; and one that Ann's own view needs.
    assert!(asked(&meeting) - before <= 6);
}

#[test]
fn payloads_longer_than_any_network_carries_are_not_passed_on() {
    let mut meeting = Meeting::new();
    meeting.show_mal_to_ann(90);
    let mut payload = vec![0x90, 0x80, 0x80, 1, 0, 0, 0, 0x9d, 1, 0x2a, 64, 0, 180, 0];
    meeting.send_layer(0, &payload);
    for bytes in [1_472, 1_473, 1_900, 1_985, 2_005, 2_020] {
        payload.resize(bytes, 7);
        meeting.send_layer(0, &payload);
    }
    meeting.through(10, |_| {});
    let dropped = meeting.world.shard.report().dropped;
    assert_eq!(dropped.get(&DropReason::Oversized), Some(&5));
}

#[test]
fn ssrcs_without_end_are_not_remembered_without_end() {
    let mut meeting = Meeting::new();
    let mid = meeting.lines[0].mid.clone();
    let payload_type = meeting.lines[0].payload_type;
    let before = meeting.world.shard.report();
    let mut ssrc = 0x4000_0000;
    meeting.through(60, |meeting| {
        for rid in ["q", "h", "f", "never", "zz"] {
            for _ in 0..10 {
                ssrc += 1;
                let named = [(MID, mid.as_bytes()), (RID, rid.as_bytes())];
                let plain = rtp(payload_type, (1, 0, ssrc), &named, &[0x10, 0, 7]);
                meeting.send_rtp(&plain, 0);
            }
        }
    });
    let after = meeting.world.shard.report();
    let believed = after.packets_in - before.packets_in - 120;
    assert!(
        (10..=64).contains(&believed),
        "{believed} SSRCs were believed"
    );
    assert!(after.dropped.get(&DropReason::Untried) > Some(&1_000));
}

#[test]
fn repairs_that_only_pad_are_no_strangers() {
    let mut meeting = Meeting::new();
    let repairs = meeting.repairs();
    let before = meeting.world.shard.report();
    for seq in 1..=1_000_u16 {
        meeting.send_padding(&repairs, seq, &[]);
    }
    let untried = |report: &Report| report.dropped.get(&DropReason::Untried).copied();
    let after = meeting.world.shard.report();
    assert_eq!(untried(&after), untried(&before));
    assert_eq!(after.transport_errors, before.transport_errors);
    meeting.through(10, |meeting| meeting.send_layer(2, &[0x10, 0, 7]));
}

#[test]
fn what_he_says_without_end_is_refused_and_he_has_to_go() {
    let mut meeting = Meeting::new();
    let heard = |meeting: &Meeting, at: usize| meeting.world.clients[at].messages.len();
    let slot = SlotId(meeting.world.clients[meeting.mal].slots[0].to_string());
    let before = heard(&meeting, meeting.ben);
    let asked_before = meeting.world.clients[meeting.ann].senders[0].keyframe_requests;
    meeting.through(60, |meeting| {
        for n in 0..10u16 {
            let state = [TrackState::Muted, TrackState::Live][usize::from(n % 2)];
            let source = Source::Camera;
            let show = [Show::Nothing, Show::Track(camera(1))][usize::from(n % 2)];
            let want = Want {
                slot: slot.clone(),
                show,
                max_height: 90 << (n % 4),
                priority: 0,
            };
            let at = meeting.mal;
            if meeting.world.clients[at].closed {
                return;
            }
            meeting
                .world
                .say(at, ClientMessage::SetTrack { source, state });
            meeting.world.say(
                at,
                ClientMessage::Want {
                    wants: vec![want; 2],
                },
            );
        }
    });
    assert!(meeting.world.clients[meeting.mal].closed, "he had to go");
    let told = heard(&meeting, meeting.ben) - before;
    assert!(told <= 60, "{told} messages to Ben for a flood of Mal's");
    let asked = meeting.world.clients[meeting.ann].senders[0].keyframe_requests - asked_before;
    assert!(asked <= 5, "{asked} keyframe requests in two seconds");
}

#[test]
fn whoever_comes_and_goes_without_end_is_kept_out_for_a_while() {
    let mut world = World::new(Limits::default());
    let ann = world.open(1, Role::Host, None);
    let before = world.clients[ann].messages.len();
    for _ in 0..200 {
        world.open(2, Role::Guest, None);
    }
    let told = world.clients[ann].messages.len() - before;
    assert!(told <= 40, "{told} messages to Ann");
    let last = world.clients.len() - 1;
    assert!(matches!(
        said(&world.clients[last])[..],
        [NodeMessage::Refused { .. }, NodeMessage::Bye { .. }]
    ));
    world.run(Duration::from_secs(10));
    let again = world.open(2, Role::Guest, None);
    assert!(matches!(
        said(&world.clients[again])[0],
        NodeMessage::Joined { .. }
    ));
    assert!(world.clients[ann].messages.iter().any(|envelope| matches!(
        envelope.message,
        NodeMessage::ParticipantJoined { ref participant } if participant.id == self::participant(2)
    )));
}

/// A number below zero counts as one ahead: reports on all between would have no end.
#[test]
fn transport_wide_numbers_that_leap_are_not_reported_on_without_end() {
    let mut meeting = Meeting::new();
    let before = meeting.world.shard.report();
    for below in [65_535, 40_000] {
        for number in [1_000, 1_001, below] {
            meeting.send_numbered(number, &[0x10, 0, 7]);
        }
        meeting.world.run(Duration::from_secs(1));
    }
    let after = meeting.world.shard.report();
    let said = after.datagrams_out - before.datagrams_out;
    let bytes = after.bytes_out - before.bytes_out;
    assert!(
        said <= 40 && bytes <= 8_000,
        "{said} datagrams, {bytes} bytes"
    );
}

#[test]
fn sequence_numbers_below_zero_are_not_asked_for_without_end() {
    let mut meeting = Meeting::new();
    let (ssrc, payload_type) = (meeting.lines[0].ssrc, meeting.lines[0].payload_type);
    assert_eq!(meeting.lines[0].roc, 0, "there is a below");
    let before = meeting.world.shard.report().packets_in;
    for (seq, roc) in [(40_000, u32::MAX), (39_000, u32::MAX), (1_001, 0)] {
        let plain = rtp(payload_type, (seq, 0, ssrc), &[], &[0x10, 0, 7]);
        meeting.send_rtp(&plain, roc);
        meeting.through(10, |_| {});
    }
    let believed = meeting.world.shard.report().packets_in - before - 2 * 30;
    assert!(believed >= 1, "the keys are right");
}

#[test]
fn offers_that_confuse_header_extensions_are_refused() {
    let mut meeting = Meeting::new();
    let client = &mut meeting.world.clients[meeting.mal];
    let mut api = client.rtc.sdp_api();
    api.set_direction(client.slots[0], Direction::Inactive);
    let (offer, _never_answered) = api.apply().expect("something is new");
    let sdp = offer.to_sdp_string();
    let wide = "a=extmap:3 http://www.ietf.org";
    assert!(sdp.contains(wide));
    let moved = sdp.replace(wide, "a=extmap:5 http://www.ietf.org");
    let displaced = sdp.replace("a=extmap:4 ", "a=extmap:3 ");
    for (revision, sdp) in [(100, moved), (101, displaced)] {
        let offer = ClientMessage::Offer {
            revision,
            sdp,
            publish: vec![],
        };
        meeting.world.say(meeting.mal, offer);
        assert!(matches!(
            said(&meeting.world.clients[meeting.mal]).last(),
            Some(NodeMessage::Refused {
                code: RefusedCode::OfferUnusable,
                ..
            })
        ));
    }
    meeting.through(10, |meeting| meeting.send_layer(0, &[0x10, 0, 7]));
}

/// A report ends where neighbours came more than 8.19 s apart. Were every second number such a
/// neighbour, a report would say one number, and what waits for its report would only grow.
#[test]
fn numbers_that_came_long_apart_do_not_hold_up_the_reports() {
    let mut meeting = Meeting::new();
    let repairs = meeting.repairs();
    let mut seq = 0;
    let mut pad = |meeting: &mut Meeting, numbers: std::ops::Range<u16>| {
        for number in numbers.step_by(2) {
            seq += 1;
            let numbered = [(TRANSPORT_WIDE, &number.to_be_bytes()[..])];
            meeting.send_padding(&repairs, seq, &numbered);
        }
    };
    let wait_ms = |meeting: &mut Meeting, ms| meeting.world.run(Duration::from_millis(ms));
    meeting.send_numbered(2_000, &[0x10, 0, 7]);
    wait_ms(&mut meeting, 7_000);
    meeting.send_numbered(2_001, &[0x10, 0, 7]);
    pad(&mut meeting, 2_003..2_402);
    wait_ms(&mut meeting, 8_900);
    pad(&mut meeting, 2_204..2_402);
    pad(&mut meeting, 3_000..30_000);
    wait_ms(&mut meeting, 8_400);
    pad(&mut meeting, 3_001..30_000);
    wait_ms(&mut meeting, 3_000);
    let before = meeting.world.shard.report().datagrams_out;
    wait_ms(&mut meeting, 20_000);
    let a_second = (meeting.world.shard.report().datagrams_out - before) / 20;
    assert!(
        a_second <= 7,
        "{a_second} datagrams a second, where nothing happens"
    );
    assert_eq!(meeting.world.shard.report().panics, 0);
}
