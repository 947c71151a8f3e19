//! One client of a relay (RFC 8656): allocates, lets its peer through, binds a channel, keeps it
//! all alive, gives it back. Without a socket or a clock: requests leave by [`Client::poll`].

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::message::{Class, Key, Message, Writer, attribute, channel_payload, method};

/// The channel of the one peer (RFC 8656, section 12).
pub(super) const CHANNEL: u16 = 0x4000;

/// When a request is sent again, the first time; each further time it is twice as long (RFC 8489,
/// section 6.2.1).
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// How often a request is sent over UDP.
const MOST_SENDS: u32 = 5;

/// How long an answer may take: over UDP after the last send, over a stream after the only one.
const LAST_WAIT: Duration = Duration::from_secs(8);

/// How often in a row a nonce may be stale.
const MOST_STALE: u32 = 3;

/// Permissions end after 300 seconds and channels after 600 (RFC 8656, sections 9 and 12).
const RENEW_PEER_EVERY: Duration = Duration::from_secs(240);

/// How long before its end an allocation is refreshed (RFC 8656, section 3.2).
const REFRESH_BEFORE: Duration = Duration::from_secs(60);

/// The life of an allocation that names none (RFC 8656, section 3.2).
const LIFETIME_S: u32 = 600;

/// A user name and its password.
#[derive(Debug, Clone, Default)]
pub(super) struct Credential {
    pub(super) username: String,
    pub(super) password: String,
}

/// What is asked of the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Allocate,
    Permit,
    Bind,
    Refresh,
    Release,
}

/// Why a client has no relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// No answer to the last send.
    Silence(Step),
    /// An error's code.
    Refused(Step, u16, SocketAddr),
    /// The nonces that it gives are stale at once.
    Stale,
    /// An allocation without an address.
    Nowhere,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not yet bound.
    Asking,
    /// Channel data flows.
    Bound,
    /// The allocation was given back.
    Released,
    /// It is over.
    Failed(Failure),
}

struct Pending {
    step: Step,
    transaction: [u8; 12],
    bytes: Vec<u8>,
    sends: u32,
    due: Instant,
}

/// What the relay wants to see in a request.
struct Challenge {
    realm: String,
    nonce: String,
    key: Key,
}

/// See the module's head.
pub(super) struct Client {
    who: Credential,
    peer: SocketAddr,
    /// Over a stream nothing is sent twice.
    stream: bool,
    random: fastrand::Rng,
    stage: Stage,
    challenge: Option<Challenge>,
    pending: Option<Pending>,
    stale: u32,
    refresh_at: Option<Instant>,
    renew_peer_at: Option<Instant>,
    outgoing: VecDeque<Vec<u8>>,
    allocated_at: Option<Instant>,
}

impl Client {
    /// Begins with the request for an allocation.
    pub(super) fn new(
        now: Instant,
        who: Credential,
        peer: SocketAddr,
        stream: bool,
        seed: u64,
    ) -> Self {
        let mut client = Client {
            who,
            peer,
            stream,
            random: fastrand::Rng::with_seed(seed),
            stage: Stage::Asking,
            challenge: None,
            pending: None,
            stale: 0,
            refresh_at: None,
            renew_peer_at: None,
            outgoing: VecDeque::new(),
            allocated_at: None,
        };
        client.ask(now, Step::Allocate);
        client
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage
    }

    /// When the relay granted the allocation.
    pub(super) fn allocated_at(&self) -> Option<Instant> {
        self.allocated_at
    }

    /// The next message for the relay.
    pub(super) fn poll(&mut self) -> Option<Vec<u8>> {
        self.outgoing.pop_front()
    }

    /// When [`Client::handle_timeout`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match (&self.pending, self.stage) {
            (Some(pending), _) => Some(pending.due),
            (None, Stage::Bound) => self.refresh_at.into_iter().chain(self.renew_peer_at).min(),
            (None, _) => None,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.deadline().is_none_or(|due| due > now) {
            return;
        }
        if let Some(pending) = &mut self.pending {
            let most = if self.stream { 1 } else { MOST_SENDS };
            if pending.sends == most {
                let step = pending.step;
                return self.fail(step, Failure::Silence(step));
            }
            pending.sends += 1;
            pending.due = now + wait(pending.sends, most);
            self.outgoing.push_back(pending.bytes.clone());
        } else if self.refresh_at.is_some_and(|at| at <= now) {
            self.ask(now, Step::Refresh);
        } else {
            self.ask(now, Step::Permit);
        }
    }

    /// A message of the relay; answers what the peer sent, if it is that.
    pub(super) fn handle<'a>(&mut self, now: Instant, bytes: &'a [u8]) -> Option<&'a [u8]> {
        if let Some((channel, payload)) = channel_payload(bytes) {
            return (channel == CHANNEL).then_some(payload);
        }
        let message = Message::parse(bytes)?;
        let pending = self.pending.as_ref()?;
        let answers = (message.transaction, message.method);
        if (pending.transaction, pending.step.method()) != answers {
            return None;
        }
        let step = pending.step;
        match message.class {
            Class::Success => {
                let key = self.challenge.as_ref().map(|challenge| &challenge.key);
                if key.is_none_or(|key| message.is_signed(key)) {
                    self.succeed(now, step, &message);
                }
            }
            Class::Error => self.refused(now, step, &message),
            Class::Request | Class::Indication => {}
        }
        None
    }

    /// Gives the allocation back; whatever is under way is not waited for.
    pub(super) fn release(&mut self, now: Instant) {
        match self.stage {
            Stage::Released | Stage::Failed(_) => {}
            _ if self.allocated_at.is_none() => self.stage = Stage::Released,
            _ => self.ask(now, Step::Release),
        }
    }

    fn succeed(&mut self, now: Instant, step: Step, message: &Message<'_>) {
        self.pending = None;
        self.stale = 0;
        match step {
            Step::Allocate | Step::Refresh => {
                let lifetime_s = message.number(attribute::LIFETIME).unwrap_or(LIFETIME_S);
                let lifetime = Duration::from_secs(lifetime_s.into());
                let early = REFRESH_BEFORE.min(lifetime / 2);
                self.refresh_at = Some(now + (lifetime - early));
                if step == Step::Allocate {
                    if message.address(attribute::XOR_RELAYED_ADDRESS).is_none() {
                        return self.fail(step, Failure::Nowhere);
                    }
                    self.allocated_at = Some(now);
                    self.ask(now, Step::Permit);
                }
            }
            Step::Permit => self.ask(now, Step::Bind),
            Step::Bind => {
                self.renew_peer_at = Some(now + RENEW_PEER_EVERY);
                self.stage = Stage::Bound;
            }
            Step::Release => self.stage = Stage::Released,
        }
    }

    fn refused(&mut self, now: Instant, step: Step, message: &Message<'_>) {
        let code = message.error_code().unwrap_or(0);
        let refused = Failure::Refused(step, code, self.peer);
        let learns = match code {
            401 => self.challenge.is_none(),
            438 => true,
            _ => false,
        };
        if !learns {
            return self.fail(step, refused);
        }
        self.stale += u32::from(code == 438);
        if self.stale > MOST_STALE {
            return self.fail(step, Failure::Stale);
        }
        let realm = message.text(attribute::REALM);
        let (Some(realm), Some(nonce)) = (realm, message.text(attribute::NONCE)) else {
            return self.fail(step, refused);
        };
        self.challenge = Some(Challenge {
            key: Key::derive(&self.who.username, realm, &self.who.password),
            realm: realm.to_owned(),
            nonce: nonce.to_owned(),
        });
        self.ask(now, step);
    }

    fn fail(&mut self, step: Step, failure: Failure) {
        self.pending = None;
        self.stage = match step {
            // It ends by itself then.
            Step::Release => Stage::Released,
            _ => Stage::Failed(failure),
        };
    }

    fn ask(&mut self, now: Instant, step: Step) {
        let transaction: [u8; 12] = std::array::from_fn(|_| self.random.u8(..));
        let begun = Writer::new(Class::Request, step.method(), transaction);
        let asked = match step {
            Step::Allocate => {
                // UDP is relayed, whatever is spoken with the relay.
                let asked = begun.attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
                match self.peer.is_ipv6() {
                    true => asked.attribute(attribute::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0]),
                    false => asked,
                }
            }
            Step::Permit => begun.address(attribute::XOR_PEER_ADDRESS, self.peer),
            Step::Bind => {
                let [high, low] = CHANNEL.to_be_bytes();
                begun
                    .attribute(attribute::CHANNEL_NUMBER, &[high, low, 0, 0])
                    .address(attribute::XOR_PEER_ADDRESS, self.peer)
            }
            Step::Refresh => begun,
            Step::Release => begun.attribute(attribute::LIFETIME, &[0; 4]),
        };
        let bytes = match &self.challenge {
            Some(challenge) => asked
                .attribute(attribute::USERNAME, self.who.username.as_bytes())
                .attribute(attribute::REALM, challenge.realm.as_bytes())
                .attribute(attribute::NONCE, challenge.nonce.as_bytes())
                .signed(&challenge.key),
            None => asked.plain(),
        };
        self.outgoing.push_back(bytes.clone());
        let most = if self.stream { 1 } else { MOST_SENDS };
        self.pending = Some(Pending {
            step,
            transaction,
            bytes,
            sends: 1,
            due: now + wait(1, most),
        });
    }
}

/// How long after a send the next one follows, or the end.
fn wait(sends: u32, most: u32) -> Duration {
    match sends == most {
        true => LAST_WAIT,
        false => FIRST_WAIT * 2u32.pow(sends - 1),
    }
}

impl Step {
    fn method(self) -> u16 {
        match self {
            Step::Allocate => method::ALLOCATE,
            Step::Permit => method::CREATE_PERMISSION,
            Step::Bind => method::CHANNEL_BIND,
            Step::Refresh | Step::Release => method::REFRESH,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Step::Allocate => "an allocation",
            Step::Permit => "a permission",
            Step::Bind => "a channel",
            Step::Refresh => "a refresh",
            Step::Release => "the end of an allocation",
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Silence(step) => write!(out, "the relay does not answer: asked for {step}"),
            Failure::Nowhere => write!(out, "the relay grants an allocation without an address"),
            Failure::Stale => write!(out, "the relay calls each nonce that it gives stale (438)"),
            Failure::Refused(step, code, peer) => match (code, step) {
                (300, _) => write!(out, "the relay sends its clients to another one (300)"),
                (401 | 441, _) => write!(out, "wrong credentials: the relay says {code}"),
                (403, Step::Permit | Step::Bind) => write!(
                    out,
                    "the relay refuses the peer {peer} (403): it has to be let through to it \
                     (turn.further_peers of Colloquy and --peer-port here, \
                     allow-loopback-peers of coturn)"
                ),
                (442, _) => write!(out, "the relay relays no UDP (442)"),
                (486, _) => write!(out, "this user may have no further allocation (486)"),
                (508, _) => write!(out, "the relay has no room for {step} (508)"),
                _ => write!(out, "the relay refuses {step}: error {code}"),
            },
        }
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
