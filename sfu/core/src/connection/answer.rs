//! An offer, once it is planned: applied to the transport, its slots and lines taken over.

use sfu_protocol::media::Kind;
use str0m::change::SdpOffer;
use str0m::media::Mid;
use str0m::{IceCreds, Rtc};

use super::downlink::{Accepted, Feed, Slot, Streams};
use super::negotiate::{self, OfferError, Plan};
use super::recover::Redundant;
use super::uplink::{self, Line};
use super::wording;
use super::{Connection, MAX_PARKED, Step};

/// What an offer led to.
pub(crate) struct Negotiated {
    pub(crate) answer: String,
    /// Lines that are no longer published, with their places.
    pub(crate) ended: Vec<(usize, Line)>,
    /// What filled the slots that are gone, with the slots' places.
    pub(crate) unfed: Vec<(usize, Feed)>,
}

impl Connection {
    /// Applies an offer that was planned, and answers.
    pub(crate) fn negotiate(
        &mut self,
        step: &mut Step<'_>,
        sdp: &str,
        plan: &Plan,
        next_credentials: IceCreds,
        chance: &mut dyn FnMut() -> u64,
    ) -> Result<Negotiated, OfferError> {
        let extensions = self.extensions.agree(&plan.extensions)?;
        let before = self.rtc.direct_api().local_ice_credentials();
        let offer = SdpOffer::from_sdp_string(&negotiate::for_transport(sdp, plan));
        let accepted = offer.map_err(|_| OfferError::Unusable).and_then(|offer| {
            self.rtc
                .sdp_api()
                .accept_offer(offer)
                .map_err(|_| OfferError::Unusable)
        });
        self.settle(step);
        let mut answer = wording::as_offered(&accepted?.to_sdp_string(), sdp);
        answer = wording::without_silence(&answer);
        let after = self.rtc.direct_api().local_ice_credentials();
        if after != before {
            // An ICE restart: str0m made up credentials that name no connection of ours.
            answer = answer
                .replace(&after.ufrag, &next_credentials.ufrag)
                .replace(&after.pass, &next_credentials.pass);
            self.rtc
                .direct_api()
                .set_local_ice_credentials(next_credentials);
            self.settle(step);
            self.way.restarts();
        }
        self.extensions = extensions;
        self.fingerprint = plan.fingerprint.clone();
        self.reach.answered(step.now);
        let ended = self.uplink.apply(&plan.lines, self.rtc.codec_config());
        self.lines_changed();
        let unfed = self.apply_slots(plan, chance);
        self.outgoing.agree(&self.extensions);
        self.incoming
            .agree(&mut self.rtc, &self.extensions, &self.uplink);
        self.settle(step);
        Ok(Negotiated {
            answer: with_streams(&answer, self.slots.iter().flatten(), &self.talk.name),
            ended,
            unfed,
        })
    }

    /// Keeps the slots that are still planned, in their places; answers what filled the others.
    fn apply_slots(&mut self, plan: &Plan, chance: &mut dyn FnMut() -> u64) -> Vec<(usize, Feed)> {
        let planned = |slot: &Slot| plan.slots.iter().any(|planned| planned.slot == slot.id);
        let mut unfed = Vec::new();
        for (index, place) in self.slots.iter_mut().enumerate() {
            let Some(mut slot) = place.take_if(|slot| !planned(slot)) else {
                continue;
            };
            unfed.extend(slot.feed.map(|feed| (index, feed)));
            slot.put(None);
            if self.parked.len() == MAX_PARKED {
                self.parked.pop_front();
            }
            self.parked.push_back(slot);
        }
        for planned in &plan.slots {
            let mid = Mid::from(planned.slot.0.as_str());
            if self.slots.iter().flatten().any(|slot| slot.mid == mid) {
                continue;
            }
            let formats = formats_of(&self.rtc, mid);
            if formats.is_empty() {
                continue;
            }
            // The stream of an m-line that comes back is the same to its receiver, so its
            // numbers go on.
            let known = self.parked.iter().position(|slot| slot.mid == mid);
            let slot = known.and_then(|at| self.parked.remove(at));
            let slot = Some(slot.unwrap_or_else(|| {
                let streams = Streams {
                    media: ssrc(chance),
                    repair: (planned.kind == Kind::Video).then(|| ssrc(chance)),
                };
                Slot::new(planned.slot.clone(), planned.kind, mid, streams, chance())
            }));
            match self.slots.iter_mut().find(|place| place.is_none()) {
                Some(place) => *place = slot,
                None => self.slots.push(slot),
            }
        }
        let redundant = Redundant::of(self.rtc.codec_config());
        for slot in self.slots.iter_mut().flatten() {
            slot.formats = formats_of(&self.rtc, slot.mid);
            let planned = plan.slots.iter().find(|planned| planned.slot == slot.id);
            let offered = planned.map_or(0, |planned| planned.payload_types);
            slot.redundant = redundant
                .map(|redundant| redundant.payload_type)
                .filter(|pt| slot.kind == Kind::Audio && offered & 1 << (*pt & 0x7f) != 0);
        }
        unfed
    }
}

/// A number that is nobody's: zero is for probes.
fn ssrc(chance: &mut dyn FnMut() -> u64) -> u32 {
    (chance() as u32).max(1)
}

/// An answer that says of each slot what is sent on it: its streams (RFC 5576), which are ours.
fn with_streams<'a>(
    answer: &str,
    slots: impl Iterator<Item = &'a Slot> + Clone,
    name: &str,
) -> String {
    let mut spoken = String::with_capacity(answer.len());
    for section in negotiate::sections(answer) {
        let slot = negotiate::mid_of(section);
        let slot = slot.and_then(|mid| slots.clone().find(|slot| *slot.mid == *mid));
        let Some(slot) = slot else {
            spoken.push_str(section);
            continue;
        };
        spoken.push_str(&section.replace("a=inactive\r\n", "a=sendonly\r\n"));
        let Streams { media, repair } = slot.streams;
        if let Some(repair) = repair {
            spoken.push_str(&format!("a=ssrc-group:FID {media} {repair}\r\n"));
        }
        for ssrc in [Some(media), repair].into_iter().flatten() {
            spoken.push_str(&format!("a=ssrc:{ssrc} cname:{name}\r\n"));
        }
    }
    // It is kept for a client that comes back.
    spoken.shrink_to_fit();
    spoken
}

/// What the client can take on an m-line.
fn formats_of(rtc: &Rtc, mid: Mid) -> Vec<Accepted> {
    let media = rtc.media(mid);
    let Some(media) = media.filter(|media| !media.disabled() && !media.stopped()) else {
        return Vec::new();
    };
    let params = rtc.codec_config().params().iter();
    let accepted = params.filter(|params| media.remote_pts().contains(&params.pt()));
    let accepted = accepted.filter_map(|params| {
        Some(Accepted {
            format: uplink::format_of(&params.spec())?,
            payload_type: *params.pt(),
            repair_type: params.resend().map(|repair| *repair),
        })
    });
    accepted.collect()
}
