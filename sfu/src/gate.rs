//! Who may come in, and how many: what `/rtc`, `/whip` and `/whep` share.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, header};
use deploy_process::shutdown::Shutdown;
use deploy_process::source::{self, Places, Source};
use sfu_core::io::SignalId;
use sfu_protocol::grant::GrantVerifier;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::inbox::ShardDoors;
use crate::metrics::Metrics;
use crate::strangers::Strangers;

/// What everybody at the door needs to know.
pub(crate) struct Gate {
    pub(crate) doors: ShardDoors,
    pub(crate) verifier: GrantVerifier,
    pub(crate) allowed_origins: Vec<String>,
    places: Arc<Semaphore>,
    max_sockets: u32,
    of_sources: Arc<Places>,
    trusted_proxies: Vec<IpAddr>,
    pub(crate) strangers: Arc<Strangers>,
    pub(crate) shutdown: Shutdown,
    pub(crate) metrics: Metrics,
    next_signal: AtomicU64,
    /// WebSockets now.
    pub(crate) open: AtomicUsize,
}

/// Room for one, free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _of_node: OwnedSemaphorePermit,
    _of_source: Option<source::Place>,
}

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// The node has as many as it takes.
    Node,
    /// The address has.
    Address,
}

impl Gate {
    pub(crate) fn new(
        doors: ShardDoors,
        verifier: GrantVerifier,
        config: &crate::Config,
        shutdown: Shutdown,
        metrics: Metrics,
    ) -> Self {
        Gate {
            doors,
            verifier,
            allowed_origins: config.allowed_origins.clone(),
            places: Arc::new(Semaphore::new(config.max_sockets as usize)),
            max_sockets: config.max_sockets,
            of_sources: Places::new(config.sockets_per_address as usize),
            trusted_proxies: config.trusted_proxies.clone(),
            strangers: Arc::default(),
            shutdown,
            metrics,
            next_signal: AtomicU64::new(1),
            open: AtomicUsize::new(0),
        }
    }

    /// Room for one more. Who serves HTTP without saying who its peers are is on its own machine:
    /// a test.
    pub(crate) fn take_place(
        &self,
        peer: Option<SocketAddr>,
        headers: &HeaderMap,
    ) -> Result<Place, Full> {
        let of_node = Arc::clone(&self.places).try_acquire_owned();
        let of_node = of_node.map_err(|_| Full::Node)?;
        let of_source = match peer {
            None => None,
            Some(peer) => {
                let source = Source::of_request(peer.ip(), headers, &self.trusted_proxies);
                Some(self.of_sources.take(source).ok_or(Full::Address)?)
            }
        };
        Ok(Place {
            _of_node: of_node,
            _of_source: of_source,
        })
    }

    /// Whether a page may come in. A request without `Origin` is not from a browser.
    pub(crate) fn lets_in(&self, headers: &HeaderMap) -> bool {
        may_open(&self.allowed_origins, headers)
    }

    /// The number of the next participant at the door. Never the same.
    pub(crate) fn next_signal(&self) -> SignalId {
        SignalId(self.next_signal.fetch_add(1, Ordering::Relaxed))
    }

    /// Returns once everybody has gone; nobody comes meanwhile.
    pub(crate) async fn emptied(&self) {
        // The semaphore is never closed.
        let _ = self.places.acquire_many(self.max_sockets).await;
    }
}

pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

fn may_open(allowed: &[String], headers: &HeaderMap) -> bool {
    allowed.is_empty()
        || headers.get(header::ORIGIN).is_none_or(|origin| {
            allowed
                .iter()
                .any(|one| one.as_bytes().eq_ignore_ascii_case(origin.as_bytes()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_let_through_when_listed_when_none_is_listed_or_when_there_is_none() {
        let listed = vec!["https://meet.example.org".to_owned()];
        let cases: [(&[String], Option<&str>, bool); 6] = [
            (&[], None, true),
            (&[], Some("https://evil.example"), true),
            (&listed, None, true),
            (&listed, Some("https://meet.example.org"), true),
            (
                &listed,
                Some("https://meet.example.org.evil.example"),
                false,
            ),
            (&listed, Some("null"), false),
        ];
        for (allowed, origin, expected) in cases {
            let mut headers = HeaderMap::new();
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().expect("a header value"));
            }
            assert_eq!(may_open(allowed, &headers), expected, "{origin:?}");
        }
    }
}
