//! Coming back as a browser does: over another WebSocket, over another path, or with everything
//! new when the node knows nothing of it any more.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sfu_client::participant::Input;
use sfu_core::io::SignalId;
use sfu_protocol::signal::{ClientMessage, Envelope, NodeMessage, RefusedCode, Want};

use super::{Guest, participant};

/// A path that is interrupted often heals itself within this; then new candidates are tried.
const HEAL_AFTER: Duration = Duration::from_secs(1);

/// A path that new candidates do not heal within this is given up, and everything made anew.
const REBUILD_AFTER: Duration = Duration::from_secs(10);

/// How a broken path heals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Healing {
    Well,
    /// New candidates are tried then.
    Waits(Instant),
    /// They were tried; everything is made anew then.
    Tries(Instant),
}

impl Healing {
    pub(super) fn due(self) -> Option<Instant> {
        match self {
            Healing::Well => None,
            Healing::Waits(at) | Healing::Tries(at) => Some(at),
        }
    }
}

/// Whether the node has lost a client's connection and says so.
pub(crate) fn is_asked_for_another(message: &NodeMessage) -> bool {
    let NodeMessage::Refused { about, code, .. } = message else {
        return false;
    };
    about == "offer" && *code == RefusedCode::Internal
}

impl Guest {
    /// Hears the node.
    pub fn hear(&mut self, now: Instant, envelope: Envelope) {
        if self.is_posted() && !is_answered(&envelope.message) {
            return;
        }
        self.caller.heard(now);
        let answers = matches!(envelope.message, NodeMessage::Answer { .. });
        if is_asked_for_another(&envelope.message) {
            self.healing = Healing::Tries(now);
        }
        let mut joined = None;
        if let NodeMessage::Joined {
            resumed,
            reconnect_within_ms,
            ..
        } = envelope.message
        {
            joined = Some(resumed);
            self.let_in(now, resumed, reconnect_within_ms);
        }
        let draining = match envelope.message {
            NodeMessage::Bye {
                reason: sfu_protocol::signal::ByeReason::Draining,
                retry_after_ms,
            } => Some(retry_after_ms.unwrap_or(0)),
            _ => None,
        };
        self.participant.handle(now, Input::Node(envelope));
        if let Some(retry_after_ms) = draining {
            self.forgotten = true;
            self.calm_since = None;
            self.caller.lost(now, Some(retry_after_ms));
        }
        if joined == Some(true) {
            self.catch_up(now);
        }
        if answers && std::mem::take(&mut self.begins_anew) {
            self.want_again();
        }
    }

    /// Its WebSocket is gone: it will try again.
    pub fn signal_lost(&mut self, now: Instant) {
        self.caller.lost(now, None);
    }

    /// Its WebSocket is gone, and only the story brings it back.
    pub fn stay_away(&mut self) {
        self.caller.stay_away();
    }

    /// Joins again over another WebSocket, to go on where it was.
    pub fn return_over(&mut self, now: Instant, signal: SignalId) {
        self.signal = signal;
        self.caller.knock(now);
        if self.participant.is_over() {
            self.make_anew(now);
        }
        self.participant.join(self.name.clone());
    }

    /// It is on another network: another address, and new candidates at once.
    pub fn move_to(&mut self, now: Instant, address: SocketAddr) {
        self.address = address;
        self.appear_at(address);
        let moved = self.participant.restart_ice(Some(address));
        moved.expect("the address of a guest is a candidate");
        self.healing = Healing::Tries(now + REBUILD_AFTER);
    }

    /// What of its messages can go out; what must survive a loss is said again later.
    pub(super) fn sendable(&mut self, message: ClientMessage) -> Option<ClientMessage> {
        let posts = self.is_posted();
        if posts || self.caller.is_open() || matches!(message, ClientMessage::Join { .. }) {
            return Some(message);
        }
        if matches!(message, ClientMessage::SetTrack { .. }) {
            self.unsaid.push(message);
        }
        None
    }

    pub(super) fn remember(&mut self, wants: &[Want]) {
        let slots = self.participant.offered_slots();
        for want in wants {
            if let Some(place) = slots.iter().position(|slot| *slot == want.slot) {
                self.wants.insert(place, want.clone());
            }
        }
    }

    pub(super) fn path_lost(&mut self, now: Instant, lost: bool) {
        self.healing = match (lost, self.healing) {
            (false, _) => Healing::Well,
            (true, Healing::Well) => Healing::Waits(now + HEAL_AFTER),
            (true, healing) => healing,
        };
    }

    /// Tries new candidates, or gives the path up, when it is time to. True when it wants another
    /// WebSocket for everything new.
    pub(super) fn heal(&mut self, now: Instant) -> bool {
        if self.healing.due().is_none_or(|at| at > now) {
            return false;
        }
        if matches!(self.healing, Healing::Waits(_)) {
            self.restart(now);
            return false;
        }
        if self.caller.is_knocking() {
            // The node may let it in this moment: to hang up now would leave it there with nothing.
            self.healing = Healing::Tries(now + HEAL_AFTER);
            return false;
        }
        self.make_anew(now);
        self.caller.lost(now, None);
        true
    }

    fn restart(&mut self, now: Instant) {
        let restarted = self.participant.restart_ice(None);
        restarted.expect("no address is named");
        self.healing = Healing::Tries(now + REBUILD_AFTER);
    }

    fn let_in(&mut self, now: Instant, resumed: bool, within_ms: u32) {
        self.caller.let_in(now, within_ms);
        if !resumed {
            let fresh = self.participant.roster().you().is_none();
            if !fresh {
                self.make_anew(now);
            }
            self.unsaid.clear();
        }
    }

    /// Another peer connection with the tracks as they are.
    fn make_anew(&mut self, now: Instant) {
        let invite = self.invite();
        self.participant = participant(now, self.address, &invite, &self.certificate);
        self.sight.begin_anew();
        self.begins_anew = true;
        self.healing = Healing::Well;
    }

    /// The place was kept: says what could not be said, and mends the path at once.
    fn catch_up(&mut self, now: Instant) {
        for message in std::mem::take(&mut self.unsaid) {
            self.participant.say(message);
        }
        let wants: Vec<Want> = self.wants.values().cloned().collect();
        if !wants.is_empty() {
            self.participant.want(wants);
        }
        if matches!(self.healing, Healing::Waits(_)) {
            self.restart(now);
        }
    }

    /// Wants the same of the new slots as of the old ones.
    fn want_again(&mut self) {
        let slots = self.participant.offered_slots();
        for (place, want) in &mut self.wants {
            if let Some(slot) = slots.get(*place) {
                want.slot = slot.clone();
            }
        }
        let wants: Vec<Want> = self.wants.values().cloned().collect();
        if !wants.is_empty() {
            self.participant.want(wants);
        }
    }
}

/// What of the node's words somebody hears who came with an offer over HTTP: that it is in, the
/// answer, and the end.
fn is_answered(message: &NodeMessage) -> bool {
    matches!(
        message,
        NodeMessage::Joined { .. } | NodeMessage::Answer { .. } | NodeMessage::Bye { .. }
    )
}
