//! What every endpoint and job stands on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use api_store::Store;
use sfu_protocol::ids::{NodeId, ParticipantId};
use uuid::Uuid;

use crate::clock::Clock;
use crate::config::{Config, IceServer};
use crate::metrics::Metrics;
use crate::passwords::Passwords;
use crate::ports::{Demo, Limits, Nodes, Objects, Recorders};
use crate::problem::{Code, Problem};
use crate::public_url::PublicUrl;
use crate::random;
use crate::secrets::KEY_BYTES;
use crate::tokens::{self, Keys};

/// When those who come while the server stops may try again: about how long a restart takes.
const COME_BACK_AFTER_MS: i64 = 3_000;

/// The office: its books, keys and neighbours.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) turn: Relay,
    pub(crate) public_url: PublicUrl,
    pub(crate) node: NodeId,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keys: Keys,
    pub(crate) passwords: Passwords,
    pub(crate) nodes: Arc<dyn Nodes>,
    pub(crate) recorders: Arc<dyn Recorders>,
    pub(crate) demo: Arc<dyn Demo>,
    pub(crate) objects: Arc<dyn Objects>,
    pub(crate) limits: Arc<dyn Limits>,
    pub(crate) metrics: Metrics,
    /// Set once, when the server is about to stop: nobody is let in any more.
    pub(crate) stopping: AtomicBool,
    /// When it opened, milliseconds since the Unix epoch. Who was somewhere before may be on
    /// their way back.
    pub(crate) opened_at_ms: i64,
}

/// The deployment's TURN relay, for participants whose network lets nothing else through.
pub(crate) struct Relay {
    /// Empty when none runs.
    pub(crate) urls: Vec<String>,
    /// Shared with the relay, which checks credentials and asks nobody.
    pub(crate) key: [u8; KEY_BYTES],
}

impl Relay {
    /// A participant's own short-lived credential; nothing when no relay runs.
    fn server_for(&self, participant: ParticipantId, now_ms: i64) -> Option<IceServer> {
        if self.urls.is_empty() {
            return None;
        }
        let now_s = u64::try_from(now_ms.div_euclid(1_000)).unwrap_or_default();
        let credential = sfu_protocol::turn::mint(&self.key, participant, now_s);
        Some(IceServer {
            urls: self.urls.clone(),
            username: Some(credential.username),
            credential: Some(credential.password),
        })
    }
}

/// One office, many hands.
pub(crate) type SharedApp = Arc<App>;

impl App {
    /// Milliseconds since the Unix epoch.
    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Refuses whoever comes while the server stops.
    ///
    /// # Errors
    /// With when to try again.
    pub(crate) fn lets_in(&self) -> Result<(), Problem> {
        if self.stopping.load(Ordering::Relaxed) {
            return Err(Problem::retry_after(Code::Stopping, COME_BACK_AFTER_MS));
        }
        Ok(())
    }

    /// A fresh UUIDv7.
    pub(crate) fn new_id(&self) -> Uuid {
        random::id(self.now_ms())
    }

    /// The STUN and TURN servers that a participant is told.
    pub(crate) fn ice_servers(&self, participant: ParticipantId) -> Vec<IceServer> {
        let relay = self.turn.server_for(participant, self.now_ms());
        self.config
            .ice_servers
            .iter()
            .cloned()
            .chain(relay)
            .collect()
    }

    /// The link by which the first owner is made.
    pub(crate) fn setup_url(&self) -> String {
        let token = tokens::setup::token(&self.keys.setup);
        self.public_url.join(&format!("/setup#token={token}"))
    }

    /// The link by which guests come.
    pub(crate) fn invite_url(&self, invite: Uuid) -> String {
        let token = tokens::invite::token(&self.keys.invite, invite);
        self.public_url.join(&format!("/j/{token}"))
    }
}
