//! One shard, a few clients, and the datagrams and messages between them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sfu_core::io::{Departures, Input, Output, PeerId, RequestId, SignalId};
use sfu_core::shard::{Limits, Shard, ShardConfig, make_certificate};
use sfu_core::stream::Advertise;
use sfu_protocol::control::{ControlReply, ControlRequest};
use sfu_protocol::grant::{GRANT_AUDIENCE, Grant, Rights};
use sfu_protocol::ids::{NodeId, OrganisationId, ParticipantId, RoomId, TrackId};
use sfu_protocol::link::{FromNode, ToNode};
use sfu_protocol::media::Source;
use sfu_protocol::signal::{ClientMessage, Envelope, NodeMessage, PublishLine, Role, TrackState};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::format::{Codec, PayloadParams};
use str0m::media::{Direction, MediaKind, Mid, Pt, Rid, Simulcast, SimulcastLayer};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{Extension, ExtensionSerializer, ExtensionValues, RtpPacket, RtpWrite};
use str0m::{Candidate, Event, Rtc};
use uuid::Uuid;

pub(crate) const NODE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7000);
const STEP: Duration = Duration::from_millis(5);

/// The number of dependency descriptors.
pub(crate) const DESCRIPTOR: u8 = 12;

/// What it is called (RTP payload format for AV1, A.9).
const DESCRIPTOR_URI: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

/// A dependency descriptor as it is on the wire.
#[derive(Debug, Clone)]
pub(crate) struct DescriptorValue(pub(crate) Vec<u8>);

/// The extension that has it.
pub(crate) fn descriptor_extension() -> Extension {
    Extension::with_serializer(DESCRIPTOR_URI, Verbatim)
}

#[derive(Debug)]
struct Verbatim;

impl ExtensionSerializer for Verbatim {
    fn write_to(&self, buffer: &mut [u8], values: &ExtensionValues) -> usize {
        let Some(DescriptorValue(value)) = values.user_values.get() else {
            return 0;
        };
        buffer[..value.len()].copy_from_slice(value);
        value.len()
    }

    fn parse_value(&self, value: &[u8], values: &mut ExtensionValues) -> bool {
        values.user_values.set(DescriptorValue(value.to_vec()));
        true
    }

    fn is_video(&self) -> bool {
        true
    }

    fn is_audio(&self) -> bool {
        false
    }

    fn requires_two_byte_form(&self, values: &ExtensionValues) -> bool {
        let value = values.user_values.get::<DescriptorValue>();
        value.is_some_and(|value| value.0.len() > 16)
    }
}

/// What a client publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Publish {
    Camera { layers: usize },
    Microphone,
}

pub(crate) struct Sender {
    pub(crate) mid: Mid,
    pub(crate) source: Source,
    rids: Vec<Option<Rid>>,
    seq: [u64; 3],
    pub(crate) keyframe_wanted: [bool; 3],
    pub(crate) keyframe_requests: usize,
}

pub(crate) struct Client {
    pub(crate) rtc: Rtc,
    pub(crate) signal: SignalId,
    pub(crate) address: SocketAddr,
    pub(crate) messages: Vec<Envelope>,
    pub(crate) closed: bool,
    /// Nothing that it sends arrives.
    pub(crate) unreachable: bool,
    pub(crate) packets: Vec<RtpPacket>,
    /// Binding requests that it made.
    pub(crate) checks: Vec<Vec<u8>>,
    pub(crate) senders: Vec<Sender>,
    pub(crate) slots: Vec<Mid>,
    pending: Option<SdpPendingOffer>,
    revision: u32,
}

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) shard: Shard,
    pub(crate) clients: Vec<Client>,
    pub(crate) frames: Vec<(PeerId, FromNode)>,
    pub(crate) replies: Vec<(RequestId, ControlReply)>,
    next_signal: u64,
    /// Whether clients that come from now on take and send sound redundantly (RFC 2198).
    pub(crate) redundant: bool,
    /// Every so many-th datagram of RTP to and from clients is lost; 0: none.
    pub(crate) lose_every: u64,
    carried: u64,
    /// Datagrams of clients on their way.
    sent: Vec<(SocketAddr, Vec<u8>)>,
    /// Where datagrams went that no client was waiting for.
    pub(crate) astray: Vec<SocketAddr>,
    /// What leaves: one buffer, as a worker has it.
    out: Departures,
    /// Says how many blocks of the heap the process has asked for.
    pub(crate) meter: fn() -> u64,
    /// How many of them the shard asked for.
    pub(crate) taken: u64,
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test needs one real Instant to count from"
)]
fn start() -> Instant {
    Instant::now()
}

pub(crate) fn room() -> RoomId {
    RoomId(Uuid::from_u128(42))
}

pub(crate) fn participant(n: u128) -> ParticipantId {
    ParticipantId(Uuid::from_u128(n))
}

pub(crate) fn camera(n: u128) -> TrackId {
    TrackId {
        participant: participant(n),
        source: Source::Camera,
    }
}

pub(crate) fn microphone(n: u128) -> TrackId {
    TrackId {
        participant: participant(n),
        source: Source::Microphone,
    }
}

pub(crate) fn grant(n: u128, role: Role) -> Box<Grant> {
    Box::new(Grant {
        aud: GRANT_AUDIENCE.to_owned(),
        iat: 0,
        exp: 1,
        jti: String::new(),
        node: NodeId("node".to_owned()),
        organisation: OrganisationId(Uuid::nil()),
        room: room(),
        participant: participant(n),
        name: format!("person {n}"),
        role,
        rights: Rights::of(role),
    })
}

impl World {
    pub(crate) fn new(limits: Limits) -> Self {
        let now = start();
        let shard = Shard::new(ShardConfig {
            shard: 0,
            advertise: Advertise {
                udp: vec![NODE],
                tcp: Vec::new(),
            },
            origin: now,
            origin_unix_us: 1_700_000_000_000_000,
            entropy: [7; 32],
            dtls: make_certificate(),
            limits,
        });
        World {
            now,
            shard,
            clients: Vec::new(),
            frames: Vec::new(),
            replies: Vec::new(),
            next_signal: 0,
            redundant: false,
            sent: Vec::new(),
            astray: Vec::new(),
            out: Departures::new(),
            meter: || 0,
            taken: 0,
            lose_every: 0,
            carried: 0,
        }
    }

    /// Opens a WebSocket without a transport; answers the client's place.
    pub(crate) fn open(&mut self, n: u128, role: Role, resume: Option<(String, u64)>) -> usize {
        self.open_with(grant(n, role), resume)
    }

    /// Opens a WebSocket with a grant of any kind.
    pub(crate) fn open_with(&mut self, grant: Box<Grant>, resume: Option<(String, u64)>) -> usize {
        self.come(|signal| Input::SignalOpened {
            signal,
            grant,
            resume,
        })
    }

    /// Comes without a WebSocket.
    pub(crate) fn post(&mut self, n: u128, role: Role) -> usize {
        let grant = grant(n, role);
        self.come(|signal| Input::Posted { signal, grant })
    }

    fn come(&mut self, input: impl FnOnce(SignalId) -> Input<'static>) -> usize {
        self.next_signal += 1;
        let signal = SignalId(self.next_signal);
        let address = SocketAddr::from(([127, 0, 0, 1], 20_000 + self.next_signal as u16));
        let mut rtc = Rtc::builder()
            .set_rtp_mode(true)
            .enable_opus(true, self.redundant)
            .set_extension(DESCRIPTOR, descriptor_extension())
            .build(self.now);
        rtc.add_local_candidate(Candidate::host(address, Protocol::Udp).expect("a host address"));
        self.clients.push(Client {
            rtc,
            signal,
            address,
            messages: Vec::new(),
            closed: false,
            unreachable: false,
            packets: Vec::new(),
            checks: Vec::new(),
            senders: Vec::new(),
            slots: Vec::new(),
            pending: None,
            revision: 0,
        });
        self.input(input(signal));
        self.clients.len() - 1
    }

    /// Joins with a transport and runs until it is connected.
    pub(crate) fn join(
        &mut self,
        n: u128,
        role: Role,
        publish: &[Publish],
        slots: (usize, usize),
    ) -> usize {
        let at = self.open(n, role, None);
        self.offer(at, publish, slots);
        self.connect(at);
        at
    }

    /// Runs until a client that has offered is connected.
    pub(crate) fn connect(&mut self, at: usize) {
        for _ in 0..400 {
            self.run(STEP);
            if self.clients[at].rtc.is_connected() {
                return;
            }
        }
        panic!(
            "client {at} did not connect: {:?}",
            self.clients[at].messages
        );
    }

    pub(crate) fn offer(&mut self, at: usize, publish: &[Publish], (audio, video): (usize, usize)) {
        let client = &mut self.clients[at];
        let mut api = client.rtc.sdp_api();
        for wanted in publish {
            let (kind, source, layers) = match wanted {
                Publish::Microphone => (MediaKind::Audio, Source::Microphone, 1),
                Publish::Camera { layers } => (MediaKind::Video, Source::Camera, *layers),
            };
            let names = &["q", "h", "f"][..layers];
            let simulcast = (layers > 1).then(|| {
                let mut simulcast = Simulcast::new();
                for name in names {
                    simulcast.add_send_layer(SimulcastLayer::new(name));
                }
                simulcast
            });
            let mid = api.add_media(kind, Direction::SendOnly, None, None, simulcast);
            let rids = match layers {
                1 => vec![None],
                _ => names.iter().map(|name| Some(Rid::from(*name))).collect(),
            };
            client.senders.push(Sender {
                mid,
                source,
                rids,
                seq: [100, 40_000, 65_500],
                keyframe_wanted: [false; 3],
                keyframe_requests: 0,
            });
        }
        for kind in [(MediaKind::Audio, audio), (MediaKind::Video, video)] {
            for _ in 0..kind.1 {
                client
                    .slots
                    .push(api.add_media(kind.0, Direction::RecvOnly, None, None, None));
            }
        }
        let (offer, pending) = api.apply().expect("something is new");
        client.pending = Some(pending);
        client.revision += 1;
        self.send_offer(at, offer.to_sdp_string());
    }

    /// Offers again with new ICE credentials, from a new address.
    pub(crate) fn restart_ice(&mut self, at: usize) {
        let client = &mut self.clients[at];
        client.address.set_port(client.address.port() + 10_000);
        let candidate = Candidate::host(client.address, Protocol::Udp).expect("a host address");
        let mut api = client.rtc.sdp_api();
        api.ice_restart(false);
        let (offer, pending) = api.apply().expect("something is new");
        client.pending = Some(pending);
        client.revision += 1;
        self.send_offer(at, offer.to_sdp_string());
        // The answer cleared the candidates of before.
        self.clients[at].rtc.add_local_candidate(candidate);
    }

    /// Offers again with a slot that receives, or no longer.
    pub(crate) fn turn_slot(&mut self, at: usize, slot: usize, direction: Direction) {
        let client = &mut self.clients[at];
        let mut api = client.rtc.sdp_api();
        api.set_direction(client.slots[slot], direction);
        let (offer, pending) = api.apply().expect("something is new");
        client.pending = Some(pending);
        client.revision += 1;
        self.send_offer(at, offer.to_sdp_string());
    }

    fn send_offer(&mut self, at: usize, sdp: String) {
        let client = &self.clients[at];
        let publish = client.senders.iter().map(|sender| PublishLine {
            mid: sender.mid.to_string(),
            source: sender.source,
            state: TrackState::Live,
        });
        let message = ClientMessage::Offer {
            revision: client.revision,
            sdp,
            publish: publish.collect(),
        };
        self.say(at, message);
    }

    /// Forgets a client's transport and begins another.
    pub(crate) fn new_transport(&mut self, at: usize) {
        let client = &mut self.clients[at];
        client.address.set_port(client.address.port() + 10_000);
        client.rtc = Rtc::builder().set_rtp_mode(true).build(self.now);
        let candidate = Candidate::host(client.address, Protocol::Udp).expect("a host address");
        client.rtc.add_local_candidate(candidate);
        client.senders.clear();
        client.slots.clear();
    }

    pub(crate) fn say(&mut self, at: usize, message: ClientMessage) {
        let signal = self.clients[at].signal;
        self.input(Input::Signal { signal, message });
    }

    pub(crate) fn link(&mut self, peer: PeerId, frame: ToNode) {
        self.input(Input::Link { peer, frame });
    }

    pub(crate) fn control(&mut self, body: ControlRequest) {
        let request = RequestId(self.replies.len() as u64);
        self.input(Input::Control { request, body });
    }

    pub(crate) fn input(&mut self, input: Input<'_>) {
        let mut out = std::mem::take(&mut self.out);
        self.handle(input, &mut out);
        self.settle(out);
    }

    fn handle(&mut self, input: Input<'_>, out: &mut Departures) {
        let before = (self.meter)();
        self.shard.handle(self.now, input, out);
        self.taken += (self.meter)() - before;
    }

    /// What is due at once happens, and what leaves arrives.
    fn settle(&mut self, mut out: Departures) {
        if self.shard.deadline().at <= self.now {
            self.handle(Input::Tick, &mut out);
        }
        self.deliver(&out);
        out.clear();
        self.out = out;
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(output) = self.shard.poll() {
            match output {
                Output::Signal { signal, envelope } => self.receive_message(signal, *envelope),
                Output::CloseSignal { signal } => {
                    let client = self
                        .clients
                        .iter_mut()
                        .find(|client| client.signal == signal);
                    client.expect("a signal that was opened").closed = true;
                }
                Output::Link { peer, frame } => self.frames.push((peer, frame)),
                Output::Shard { .. } => panic!("there is one shard"),
                Output::Control { request, reply } => self.replies.push((request, reply)),
            }
        }
    }

    fn receive_message(&mut self, signal: SignalId, envelope: Envelope) {
        let client = self
            .clients
            .iter_mut()
            .find(|client| client.signal == signal);
        let client = client.expect("a signal that was opened");
        if let NodeMessage::Answer { sdp, .. } = &envelope.message {
            let answer = SdpAnswer::from_sdp_string(sdp).expect("an answer that parses");
            if let Some(pending) = client.pending.take() {
                client
                    .rtc
                    .sdp_api()
                    .accept_answer(pending, answer)
                    .expect("an answer that fits");
            }
        }
        client.messages.push(envelope);
    }

    /// Whether the network loses this datagram.
    fn loses(&mut self, bytes: &[u8]) -> bool {
        let media =
            matches!(bytes, [128..=191, second, ..] if !(64..96).contains(&(second & 0x7f)));
        self.carried += u64::from(media);
        media && self.lose_every > 0 && self.carried.is_multiple_of(self.lose_every)
    }

    fn deliver(&mut self, out: &Departures) {
        for (destination, bytes) in out.iter() {
            if self.loses(bytes) {
                continue;
            }
            let Some(client) = self
                .clients
                .iter_mut()
                .find(|client| client.address == destination)
            else {
                self.astray.push(destination);
                continue;
            };
            let datagram =
                Receive::new(Protocol::Udp, NODE, destination, bytes).expect("ours parse");
            let input = str0m::Input::Receive(self.now, datagram);
            client.rtc.handle_input(input).expect("ours is taken");
            client.drain(self.now, &mut self.sent);
        }
    }

    /// Lets time pass; everything that is due happens, without loss or delay.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += Duration::from_millis(1);
            if self.shard.deadline().at <= self.now {
                self.input(Input::Tick);
            }
            self.drain_clients();
        }
    }

    pub(crate) fn drain_clients(&mut self) {
        for _ in 0..50 {
            let mut sent = std::mem::take(&mut self.sent);
            for client in &mut self.clients {
                client.drain(self.now, &mut sent);
            }
            if sent.is_empty() {
                return;
            }
            // One batch, as a worker reads it off its socket.
            let mut out = std::mem::take(&mut self.out);
            for (source, bytes) in sent {
                let gone = |client: &Client| client.address == source && client.unreachable;
                if self.clients.iter().any(gone) || self.loses(&bytes) {
                    continue;
                }
                let datagram = Input::Datagram {
                    source,
                    destination: NODE,
                    bytes: &bytes,
                };
                self.handle(datagram, &mut out);
            }
            self.settle(out);
        }
    }

    /// Sends a packet of a client's sound as it is given.
    pub(crate) fn send_sound(&mut self, at: usize, write: RtpWrite) {
        self.send_one(at, Source::Microphone, write);
    }

    /// Sends a packet of a client's track that has one layer.
    pub(crate) fn send_one(&mut self, at: usize, source: Source, write: RtpWrite) {
        let client = &mut self.clients[at];
        let is_it = |sender: &&Sender| sender.source == source;
        let sender = client.senders.iter().find(is_it).expect("published");
        let mut direct = client.rtc.direct_api();
        let stream = direct.stream_tx_by_mid(sender.mid, None);
        stream.expect("negotiated").write_rtp(write);
        client.drain(self.now, &mut self.sent);
        let time = str0m::Input::Timeout(self.now);
        client.rtc.handle_input(time).expect("time passes");
        self.drain_clients();
    }

    /// Sends one frame of a client's track in every layer, answering keyframe requests.
    pub(crate) fn send_frame(&mut self, at: usize, source: Source, layers: &[usize]) {
        let now = self.now;
        let client = &self.clients[at];
        let sender = client
            .senders
            .iter()
            .position(|sender| sender.source == source);
        let sender = sender.expect("it is published");
        for layer in layers {
            let client = &mut self.clients[at];
            client.write(sender, *layer, now, &mut self.sent);
            self.drain_clients();
        }
    }

    /// Sends 30 frames a second for a while.
    pub(crate) fn stream(&mut self, at: usize, source: Source, layers: &[usize], frames: usize) {
        for _ in 0..frames {
            self.send_frame(at, source, layers);
            self.run(Duration::from_millis(33));
        }
    }
}

impl Sender {
    /// Goes on with another sequence number.
    pub(crate) fn set_seq(&mut self, layer: usize, seq: u64) {
        self.seq[layer] = seq;
    }

    /// The next sequence number of a layer.
    pub(crate) fn seq_of(&self, layer: usize) -> u64 {
        self.seq[layer]
    }
}

impl Client {
    fn drain(&mut self, now: Instant, sent: &mut Vec<(SocketAddr, Vec<u8>)>) {
        for _ in 0..10_000 {
            let output = match self.rtc.poll_output() {
                // It gives up on its handshake.
                Err(_) if self.unreachable => return,
                output => output.expect("a client does not fail"),
            };
            match output {
                str0m::Output::Transmit(transmit) => {
                    if transmit.contents.starts_with(&[0, 1]) {
                        self.checks.push(transmit.contents.to_vec());
                    }
                    sent.push((self.address, transmit.contents.to_vec()));
                }
                str0m::Output::Event(Event::RtpPacket(packet)) => self.packets.push(packet),
                str0m::Output::Event(Event::KeyframeRequest(request)) => {
                    let sender = self
                        .senders
                        .iter_mut()
                        .find(|sender| sender.mid == request.mid);
                    let sender = sender.expect("one that we send");
                    let layer = sender.rids.iter().position(|rid| *rid == request.rid);
                    sender.keyframe_wanted[layer.expect("a layer of ours")] = true;
                    sender.keyframe_requests += 1;
                }
                str0m::Output::Event(_) => {}
                str0m::Output::Timeout(at) => {
                    if at > now {
                        return;
                    }
                    self.rtc
                        .handle_input(str0m::Input::Timeout(now))
                        .expect("time passes");
                }
            }
        }
    }

    pub(crate) fn payload_type(&self, codec: Codec) -> Pt {
        self.params(codec).pt()
    }

    /// The payload type of redundant sound, where it was agreed on.
    pub(crate) fn redundant_type(&self) -> Option<Pt> {
        self.params(Codec::Opus).red()
    }

    fn params(&self, codec: Codec) -> &PayloadParams {
        let params = self.rtc.codec_config().params();
        let params = params.iter().find(|params| params.spec().codec == codec);
        params.expect("enabled")
    }

    /// Two packets a video frame, one a piece of audio. Timestamps follow the clock.
    fn write(
        &mut self,
        sender: usize,
        layer: usize,
        now: Instant,
        sent: &mut Vec<(SocketAddr, Vec<u8>)>,
    ) {
        let vp8 = self.payload_type(Codec::Vp8);
        let opus = self.payload_type(Codec::Opus);
        let sender = &mut self.senders[sender];
        let rid = sender.rids[layer];
        let frame = sender.seq[layer];
        let keyframe = std::mem::take(&mut sender.keyframe_wanted[layer]);
        let audio = sender.source == Source::Microphone;
        let payloads = match audio {
            true => vec![vec![0xfc, frame as u8]],
            false => vec![
                vp8_packet(frame as u16, keyframe, 180 << layer),
                vec![
                    0x80,
                    0x80,
                    0x80 | (frame >> 8) as u8 & 0x7f,
                    frame as u8,
                    9,
                    9,
                ],
            ],
        };
        let mid = sender.mid;
        let mut writes = Vec::new();
        let count = payloads.len();
        for (index, payload) in payloads.into_iter().enumerate() {
            let pt = if audio { opus } else { vp8 };
            let seq = sender.seq[layer];
            sender.seq[layer] += 1;
            let mut write = RtpWrite::new(pt, seq.into(), (frame / 2) as u32 * 3_000, now, payload);
            write = write.marker(index + 1 == count).nackable(!audio);
            if audio {
                let extensions = str0m::rtp::ExtensionValues {
                    audio_level: Some(-20),
                    voice_activity: Some(true),
                    ..Default::default()
                };
                write = write.ext_vals(extensions);
            }
            writes.push(write);
        }
        for write in writes {
            let mut direct = self.rtc.direct_api();
            let stream = direct.stream_tx_by_mid(mid, rid).expect("negotiated");
            stream.write_rtp(write);
            self.drain(now, sent);
            let time = str0m::Input::Timeout(now);
            self.rtc.handle_input(time).expect("time passes");
            self.drain(now, sent);
        }
    }
}

fn vp8_packet(picture_id: u16, keyframe: bool, height: u16) -> Vec<u8> {
    let [high, low] = picture_id.to_be_bytes();
    let mut payload = vec![0x90, 0x80, 0x80 | high, low, u8::from(!keyframe), 0, 0];
    if keyframe {
        payload.extend_from_slice(&[0x9d, 0x01, 0x2a, 64, 0]);
        payload.extend_from_slice(&height.to_le_bytes());
    }
    payload.push(0);
    payload
}

/// The messages of a client after a place, without their numbers.
pub(crate) fn said(client: &Client) -> Vec<&NodeMessage> {
    client
        .messages
        .iter()
        .map(|envelope| &envelope.message)
        .collect()
}
