//! Session descriptions of a guest, several in a row, separated by a zero byte. The first byte of
//! the input says which sources are published, the second which m-lines they are said to be.

use std::time::Duration;

use sfu_core::io::Input;
use sfu_protocol::media::Source;
use sfu_protocol::signal::{ClientMessage, MAX_SLOTS, NodeMessage, PublishLine, Role, TrackState};

use super::stage::on_stage;

/// Most offers of one input.
const MAX_OFFERS: usize = 4;

pub(crate) fn run(input: &[u8]) {
    let Some((&[published, rotated], texts)) = input.split_first_chunk::<2>() else {
        return;
    };
    on_stage(false, |stage| {
        let stranger = stage.stranger();
        let world = &mut stage.world;
        let mal = world.open(stranger, Role::Guest, None);
        let offers = texts.split(|byte| *byte == 0).take(MAX_OFFERS);
        for (revision, text) in (1u32..).zip(offers) {
            world.clients[mal].messages.clear();
            let message = ClientMessage::Offer {
                revision,
                sdp: String::from_utf8_lossy(text).into_owned(),
                publish: publish(published, rotated),
            };
            world.say(mal, message);
            let client = &world.clients[mal];
            let answers = client
                .messages
                .iter()
                .filter(|envelope| check(&envelope.message, revision));
            assert!(
                answers.count() == 1 || client.closed,
                "one answer to one offer"
            );
            world.run(Duration::from_millis(5));
        }
        world.say(mal, ClientMessage::Leave {});
        let signal = world.clients[mal].signal;
        world.input(Input::SignalClosed { signal });
        world.clients.truncate(mal);
    });
}

/// Source by source, the m-line with the next number.
fn publish(published: u8, rotated: u8) -> Vec<PublishLine> {
    let chosen = |(bit, _): &(usize, Source)| published & 1 << bit != 0;
    let line = |(place, source): (usize, Source)| PublishLine {
        mid: ((place + usize::from(rotated & 7)) % 8).to_string(),
        source,
        state: TrackState::Live,
    };
    Source::ALL
        .into_iter()
        .enumerate()
        .filter(chosen)
        .map(line)
        .collect()
}

/// Whether it answers the offer; that it does so rightly.
fn check(message: &NodeMessage, offered: u32) -> bool {
    match message {
        NodeMessage::Answer {
            revision, slots, ..
        } => {
            assert_eq!(*revision, offered);
            assert!(slots.len() <= MAX_SLOTS);
            true
        }
        NodeMessage::Refused { about, .. } => about == "offer",
        _ => false,
    }
}

/// What browsers say, shortened.
#[cfg(test)]
pub(crate) fn browser_offer() -> String {
    let session = [
        "v=0",
        "o=- 46117317 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1 2 3",
        "a=extmap-allow-mixed",
        "a=msid-semantic: WMS *",
    ];
    let transport = [
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=ice-ufrag:EsAw",
        "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1",
        "a=ice-options:trickle",
        "a=fingerprint:sha-256 19:E2:1C:3B:4B:9F:81:E6:B8:5C:F4:A5:A8:D8:73:04:BB:05:2F:70:9F:04:A9:0E:05:E9:26:33:E8:70:88:A2",
        "a=setup:actpass",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
    ];
    let vp8 = [
        "a=rtpmap:96 VP8/90000",
        "a=rtcp-fb:96 nack",
        "a=rtcp-fb:96 nack pli",
        "a=rtcp-fb:96 transport-cc",
        "a=rtpmap:97 rtx/90000",
        "a=fmtp:97 apt=96",
    ];
    let camera = [
        "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
        "a=rid:q send",
        "a=rid:h send",
        "a=rid:f send",
        "a=simulcast:send q;h;f",
        "a=msid:- 9f",
    ];
    let opus = [
        "a=rtpmap:111 opus/48000/2",
        "a=rtcp-fb:111 transport-cc",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    ];
    let video = "m=video 9 UDP/TLS/RTP/SAVPF 96 97";
    let audio = "m=audio 9 UDP/TLS/RTP/SAVPF 111";
    let lines: Vec<&str> = [
        &session[..],
        &[video, "a=mid:0", "a=sendonly"],
        &transport,
        &vp8,
        &camera,
        &[audio, "a=mid:1", "a=sendonly"],
        &transport,
        &opus,
        &["a=ssrc:3570614608 cname:4TOk42mSjXCkVIa6"],
        &[video, "a=mid:2", "a=recvonly"],
        &transport,
        &vp8,
        &[audio, "a=mid:3", "a=recvonly"],
        &transport,
        &opus,
    ]
    .concat();
    lines.join("\r\n") + "\r\n"
}

#[cfg(test)]
pub(crate) fn seeds() -> Vec<crate::corpus::Seed> {
    const CAMERA_AND_MICROPHONE: u8 = 3;
    let of =
        |published: u8, texts: &[&str]| [&[published, 0][..], texts.join("\0").as_bytes()].concat();
    let offer = browser_offer();
    let stopped = offer.replace("a=sendonly", "a=inactive");
    let restarted = offer.replace("EsAw", "NewA").replace("P2uY", "Abcd");
    let few = &offer[..offer.find("m=audio").expect("it has one")];
    vec![
        ("browser", of(CAMERA_AND_MICROPHONE, &[&offer])),
        ("slots", of(0, &[&stopped])),
        ("restart", of(CAMERA_AND_MICROPHONE, &[&offer, &restarted])),
        ("stopped", of(0, &[&offer, &stopped])),
        ("fewer", of(1, &[&offer, few])),
        ("h264", of(0, &[&offer.replace("VP8", "H264")])),
        ("nothing", of(0, &["", "v=0\r\n"])),
        ("wrong-line", of(15, &[&offer])),
    ]
}
