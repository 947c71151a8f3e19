//! The smallest node: one `Rtc` that answers one participant, ICE-lite, in RTP mode.

use std::net::SocketAddr;
use std::time::Instant;

use sfu_protocol::ids::{ParticipantId, RoomId};
use sfu_protocol::media::Kind;
use sfu_protocol::signal::{ClientMessage, Envelope, NodeMessage, Slot, SlotId};
use str0m::change::SdpOffer;
use str0m::media::{KeyframeRequestKind, Mid, Rid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, Input, Output, Rtc};
use uuid::Uuid;

pub(crate) struct FakeNode {
    pub(crate) rtc: Rtc,
    address: SocketAddr,
    pub(crate) timeout: Instant,
    pub(crate) datagrams: Vec<(SocketAddr, Vec<u8>)>,
    pub(crate) events: Vec<Event>,
    pub(crate) slots: Vec<(Mid, Kind)>,
    camera: Option<Mid>,
    seq: u64,
}

impl FakeNode {
    pub(crate) fn new(address: SocketAddr, now: Instant) -> Self {
        let mut rtc = Rtc::builder()
            .set_rtp_mode(true)
            .set_ice_lite(true)
            .build(now);
        rtc.add_local_candidate(Candidate::host(address, "udp").expect("a host address"));
        FakeNode {
            rtc,
            address,
            timeout: now,
            datagrams: Vec::new(),
            events: Vec::new(),
            slots: Vec::new(),
            camera: None,
            seq: 0,
        }
    }

    pub(crate) fn hear(&mut self, message: &ClientMessage) -> Vec<Envelope> {
        let answers = match message {
            ClientMessage::Join { .. } => vec![NodeMessage::Joined {
                you: ParticipantId(Uuid::from_u128(1)),
                room: RoomId(Uuid::from_u128(2)),
                participants: Vec::new(),
                recording: None,
                resume_key: "key".to_owned(),
                resumed: false,
                server_time_ms: 0,
                reconnect_within_ms: 300,
            }],
            ClientMessage::Offer { revision, sdp, .. } => vec![self.answer(*revision, sdp)],
            ClientMessage::Leave {} => vec![NodeMessage::Bye {
                reason: sfu_protocol::signal::ByeReason::Left,
                retry_after_ms: None,
            }],
            _ => Vec::new(),
        };
        let mut envelopes = Vec::new();
        for message in answers {
            self.seq += 1;
            envelopes.push(Envelope {
                seq: self.seq,
                message,
            });
        }
        envelopes
    }

    fn answer(&mut self, revision: u32, sdp: &str) -> NodeMessage {
        let offer = SdpOffer::from_sdp_string(sdp).expect("the offer parses");
        let answer = self
            .rtc
            .sdp_api()
            .accept_offer(offer)
            .expect("the offer is usable");
        self.drain();
        self.slots = lines(sdp, "a=recvonly");
        self.camera = lines(sdp, "a=simulcast").first().map(|&(mid, _)| mid);
        let slot = |&(mid, kind): &(Mid, Kind)| Slot {
            slot: SlotId(mid.to_string()),
            kind,
        };
        NodeMessage::Answer {
            revision,
            sdp: answer.to_sdp_string(),
            slots: self.slots.iter().map(slot).collect(),
        }
    }

    pub(crate) fn receive(&mut self, now: Instant, source: SocketAddr, bytes: &[u8]) {
        let receive = Receive::new(Protocol::Udp, source, self.address, bytes).expect("readable");
        self.rtc
            .handle_input(Input::Receive(now, receive))
            .expect("taken");
        self.drain();
    }

    pub(crate) fn tick(&mut self, now: Instant) {
        self.rtc.handle_input(Input::Timeout(now)).expect("taken");
        self.drain();
    }

    /// Writes packets of one frame into a slot.
    pub(crate) fn write(&mut self, now: Instant, mid: Mid, first_seq: u64, payloads: &[Vec<u8>]) {
        let media = self.rtc.media(mid).expect("a slot");
        let pts = media.remote_pts().to_vec();
        let pt = self
            .rtc
            .codec_config()
            .iter()
            .find(|p| pts.contains(&p.pt()))
            .expect("a codec")
            .pt();
        for (index, payload) in payloads.iter().enumerate() {
            let packet = RtpWrite::new(
                pt,
                (first_seq + index as u64).into(),
                90_000 + first_seq as u32 * 3_000,
                now,
                payload.clone(),
            )
            .marker(index + 1 == payloads.len())
            .nackable(true)
            .csrc(&[77]);
            let mut api = self.rtc.direct_api();
            let stream = api.stream_tx_by_mid(mid, None).expect("a stream");
            stream.write_rtp(packet);
            self.drain();
        }
        self.tick(now);
    }

    pub(crate) fn ask_for_keyframe(&mut self, rid: &str) {
        let mid = self.camera.expect("a camera");
        let mut api = self.rtc.direct_api();
        let stream = api.stream_rx_by_mid(mid, Some(Rid::from(rid)));
        stream
            .expect("the layer flows")
            .request_keyframe(KeyframeRequestKind::Pli);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            match self.rtc.poll_output().expect("no broken transport") {
                Output::Timeout(at) => {
                    self.timeout = at;
                    return;
                }
                Output::Transmit(t) => self.datagrams.push((t.destination, t.contents.into())),
                Output::Event(event) => self.events.push(event),
            }
        }
    }
}

/// The m-lines of an offer that have an attribute.
fn lines(sdp: &str, attribute: &str) -> Vec<(Mid, Kind)> {
    let mut found = Vec::new();
    for section in sdp.split("\nm=").skip(1) {
        let kind = if section.starts_with("audio") {
            Kind::Audio
        } else {
            Kind::Video
        };
        let mid = section.lines().find_map(|line| line.strip_prefix("a=mid:"));
        if let Some(mid) = mid
            && section.contains(attribute)
        {
            found.push((Mid::from(mid.trim()), kind));
        }
    }
    found
}
