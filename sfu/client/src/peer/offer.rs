//! The m-lines: what a peer sends, and the slots in which it receives.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sfu_protocol::media::{Kind, Source};
use sfu_protocol::signal::{ClientMessage, PublishLine, SlotId, TrackState};
use str0m::Candidate;
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::format::Codec as RtcCodec;
use str0m::media::{Direction, MediaKind, Mid, Rid, Simulcast, SimulcastLayer};

use super::transport::Transport;
use super::uplink::{Uplink, Wire};
use super::{Feedback, PeerConfig, PeerError, Publication};
use crate::coding::Coding;
use crate::media::MAX_LAYERS;

/// The names of simulcast layers, smallest first.
const RIDS: [&str; MAX_LAYERS as usize] = ["q", "h", "f"];

/// The stream that ties a participant's camera and microphone together for receivers.
const STREAM: &str = "colloquy";

/// One send m-line.
#[derive(Debug, Clone)]
pub(super) struct Line {
    mid: Mid,
    source: Source,
    layers: u8,
    state: TrackState,
}

/// An offer and what it stands for.
pub(super) struct Offered {
    revision: u32,
    sdp: String,
    lines: Vec<Line>,
    slots: Vec<Mid>,
    coding: Coding,
    feedback: Feedback,
    pending: Option<SdpPendingOffer>,
    /// The candidate that the answer to a restart brings into use.
    moved_to: Option<Candidate>,
}

impl std::fmt::Debug for Offered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Offered")
            .field("lines", &self.lines)
            .field("slots", &self.slots)
            .finish_non_exhaustive()
    }
}

/// Refuses what cannot be offered.
pub(super) fn check(publish: &[Publication]) -> Result<(), PeerError> {
    for (index, publication) in publish.iter().enumerate() {
        let most = match publication.source.kind() {
            Kind::Audio => 1,
            Kind::Video => MAX_LAYERS,
        };
        let again = publish[..index]
            .iter()
            .any(|before| before.source == publication.source);
        if again || publication.layers == 0 || publication.layers > most {
            return Err(PeerError::Publication(publication.source));
        }
    }
    Ok(())
}

/// Makes the offer.
pub(super) fn make(transport: &mut Transport, config: &PeerConfig) -> Result<Offered, PeerError> {
    let mut lines = Vec::new();
    let mut slots = Vec::new();
    let made = transport.change(|rtc| {
        let mut api = rtc.sdp_api();
        for publication in &config.publish {
            let mid = api.add_media(
                media_kind(publication.source.kind()),
                Direction::SendOnly,
                Some(STREAM.to_owned()),
                Some(publication.source.to_string()),
                simulcast(publication.layers),
            );
            lines.push(Line {
                mid,
                source: publication.source,
                layers: publication.layers,
                state: publication.state,
            });
        }
        let audio = (0..config.audio_slots).map(|_| MediaKind::Audio);
        let video = (0..config.video_slots).map(|_| MediaKind::Video);
        for kind in audio.chain(video) {
            slots.push(api.add_media(kind, Direction::RecvOnly, None, None, None));
        }
        api.apply()
    });
    let (offer, pending) = made.ok_or_else(|| PeerError::Offer("nothing to offer".into()))?;
    let feedback = config.dialect.feedback;
    Ok(Offered {
        revision: 1,
        sdp: spoken(&offer.to_sdp_string(), feedback),
        lines,
        slots,
        coding: config.dialect.coding,
        feedback,
        pending: Some(pending),
        moved_to: None,
    })
}

/// Answers an offer: every m-line on which something comes is a slot.
pub(super) fn answer(
    transport: &mut Transport,
    offer: &str,
) -> Result<(Offered, String), PeerError> {
    let unusable = |error: &dyn std::fmt::Display| PeerError::Offer(error.to_string());
    let parsed = SdpOffer::from_sdp_string(offer).map_err(|error| unusable(&error))?;
    let answered = transport.change(|rtc| rtc.sdp_api().accept_offer(parsed));
    let answer = answered.map_err(|error| unusable(&error))?.to_sdp_string();
    let mids = offer.lines().filter_map(|line| line.strip_prefix("a=mid:"));
    let mids = mids.map(|mid| Mid::from(mid.trim_end()));
    let receives = |mid: &Mid| {
        let media = transport.rtc().media(*mid);
        media.is_some_and(|media| media.direction().is_receiving())
    };
    let offered = Offered {
        revision: 0,
        sdp: String::new(),
        lines: Vec::new(),
        slots: mids.filter(receives).collect(),
        coding: Coding::default(),
        feedback: Feedback::default(),
        pending: None,
        moved_to: None,
    };
    Ok((offered, answer))
}

/// An offer without what the peer does not say.
fn spoken(sdp: &str, feedback: Feedback) -> String {
    let unsaid: &[&str] = match feedback {
        Feedback::TransportWide => &[],
        Feedback::Remb => &["transport-cc", "transport-wide-cc"],
        Feedback::Reports => &["transport-cc", "transport-wide-cc", "goog-remb"],
    };
    let lines = sdp.split_inclusive('\n');
    lines
        .filter(|line| !unsaid.iter().any(|word| line.contains(word)))
        .collect()
}

fn media_kind(kind: Kind) -> MediaKind {
    match kind {
        Kind::Audio => MediaKind::Audio,
        Kind::Video => MediaKind::Video,
    }
}

fn simulcast(layers: u8) -> Option<Simulcast> {
    let mut simulcast = Simulcast::new();
    for rid in RIDS.iter().take(usize::from(layers)) {
        simulcast.add_send_layer(SimulcastLayer::new(rid));
    }
    (layers > 1).then_some(simulcast)
}

impl Offered {
    /// The offer; none when it was answered.
    pub(super) fn waiting(&self) -> Option<&str> {
        self.pending.is_some().then_some(self.sdp.as_str())
    }

    /// Counts the offers.
    pub(super) fn revision(&self) -> u32 {
        self.revision
    }

    /// The message to the node; none when it was answered.
    pub(super) fn message(&self) -> Option<ClientMessage> {
        self.pending.as_ref().map(|_| ClientMessage::Offer {
            revision: self.revision,
            sdp: self.sdp.clone(),
            publish: self.lines.iter().map(Line::publish).collect(),
        })
    }

    /// Takes the answer. An answer to another offer is ignored.
    pub(super) fn accept(
        &mut self,
        transport: &mut Transport,
        revision: u32,
        sdp: &str,
    ) -> Result<(), String> {
        if revision != self.revision {
            return Ok(());
        }
        let Some(pending) = self.pending.take() else {
            return Ok(());
        };
        let answer = SdpAnswer::from_sdp_string(sdp).map_err(|error| error.to_string())?;
        let accepted = transport.change(|rtc| rtc.sdp_api().accept_answer(pending, answer));
        accepted.map_err(|error| error.to_string())?;
        if let Some(candidate) = self.moved_to.take() {
            transport.move_to(candidate);
        }
        Ok(())
    }

    /// Makes an offer with new ICE credentials, from another address or from the same.
    pub(super) fn restart(
        &mut self,
        transport: &mut Transport,
        moved_to: Option<SocketAddr>,
    ) -> Result<(), PeerError> {
        let candidate = moved_to.map(|to| transport.candidate(to)).transpose()?;
        let keeps_candidates = candidate.is_none();
        let made = transport.change(|rtc| {
            let mut api = rtc.sdp_api();
            api.ice_restart(keeps_candidates);
            api.apply()
        });
        let (offer, pending) = made.ok_or_else(|| PeerError::Offer("nothing to offer".into()))?;
        self.revision += 1;
        self.sdp = spoken(&offer.to_sdp_string(), self.feedback);
        self.pending = Some(pending);
        self.moved_to = candidate;
        Ok(())
    }

    /// The streams that the answer lets it send.
    pub(super) fn uplinks(&self, transport: &mut Transport) -> BTreeMap<Source, Uplink> {
        self.lines
            .iter()
            .filter_map(|line| Some((line.source, line.uplink(transport, self.coding)?)))
            .collect()
    }

    pub(super) fn slots(&self) -> Vec<SlotId> {
        self.slots
            .iter()
            .map(|mid| SlotId(mid.to_string()))
            .collect()
    }

    pub(super) fn state(&self, source: Source) -> Option<TrackState> {
        self.line(source).map(|line| line.state)
    }

    pub(super) fn set_state(&mut self, source: Source, state: TrackState) {
        if let Some(line) = self.lines.iter_mut().find(|line| line.source == source) {
            line.state = state;
        }
    }

    /// Which own layer a keyframe request means.
    pub(super) fn layer_of(&self, mid: Mid, rid: Option<Rid>) -> Option<(Source, u8)> {
        let line = self.lines.iter().find(|line| line.mid == mid)?;
        let layer = match rid {
            None => 0,
            Some(rid) => {
                (0u8..)
                    .zip(RIDS)
                    .find(|(_, name)| Rid::from(*name) == rid)?
                    .0
            }
        };
        Some((line.source, layer))
    }

    /// How the node names an own layer.
    pub(super) fn layer_name(&self, source: Source, layer: u8) -> Option<String> {
        let line = self.line(source).filter(|line| layer < line.layers)?;
        Some(match line.layers {
            1 => layer.to_string(),
            _ => RIDS[usize::from(layer)].to_owned(),
        })
    }

    fn line(&self, source: Source) -> Option<&Line> {
        self.lines.iter().find(|line| line.source == source)
    }
}

impl Line {
    fn publish(&self) -> PublishLine {
        PublishLine {
            mid: self.mid.to_string(),
            source: self.source,
            state: self.state,
        }
    }

    fn uplink(&self, transport: &mut Transport, coding: Coding) -> Option<Uplink> {
        let wanted = match self.source.kind() {
            Kind::Audio => RtcCodec::Opus,
            Kind::Video => coding.rtc_codec(),
        };
        let rtc = transport.rtc();
        let media = rtc.media(self.mid)?;
        let params = rtc
            .codec_config()
            .iter()
            .find(|p| p.spec().codec == wanted && media.remote_pts().contains(&p.pt()))?;
        let wire = Wire {
            pt: params.pt(),
            redundant: params.red(),
            coding,
        };
        let rids: Vec<Option<Rid>> = match self.layers {
            1 => vec![None],
            layers => RIDS[..usize::from(layers)]
                .iter()
                .map(|&rid| Some(Rid::from(rid)))
                .collect(),
        };
        let streams = transport.change(|rtc| {
            let mut api = rtc.direct_api();
            rids.into_iter()
                .map(|rid| Some(api.stream_tx_by_mid(self.mid, rid)?.ssrc()))
                .collect::<Option<Vec<_>>>()
        })?;
        Some(Uplink::new(self.source, wire, self.state, &streams))
    }
}
