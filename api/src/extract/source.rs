//! Where a request comes from on the network, for counting tries.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::app::SharedApp;
use crate::ports::{Budget, Wait};
use crate::problem::{Code, Problem};

/// The network source as one word: an IPv4 address, or the /64 of an IPv6 address, which one
/// person has to themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source(pub(crate) String);

impl Source {
    /// Counts a request of somebody who is not signed in.
    pub(crate) async fn as_stranger(&self, app: &SharedApp) -> Result<(), Problem> {
        app.limits
            .attempt(Budget::Strangers, &self.0, app.now_ms())
            .await
            .map_err(|Wait { wait_ms }| Problem::retry_after(Code::TooManyRequests, wait_ms))
    }
}

impl FromRequestParts<SharedApp> for Source {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        app: &SharedApp,
    ) -> Result<Self, Self::Rejection> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|info| info.0.ip());
        let Some(peer) = peer else {
            return Ok(Source("unknown".to_owned()));
        };
        Ok(Source(word(believed(
            peer,
            &parts.headers,
            &app.config.trusted_proxies,
        ))))
    }
}

/// The peer, or whom a trusted proxy names: the last address in `X-Forwarded-For` that is not a
/// trusted proxy itself.
fn believed(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let peer = peer.to_canonical();
    if !trusted.contains(&peer) {
        return peer;
    }
    let named = headers
        .get_all("x-forwarded-for")
        .iter()
        .rev()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.rsplit(','))
        .map_while(|part| part.trim().parse::<IpAddr>().ok())
        .map(|address| address.to_canonical())
        .find(|address| !trusted.contains(address));
    named.unwrap_or(peer)
}

fn word(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_trusted_proxy_names_somebody_else() {
        let proxy: IpAddr = "10.0.0.1".parse().expect("an address");
        let cases = [
            ("203.0.113.5", "1.1.1.1", "203.0.113.5"),
            ("10.0.0.1", "1.1.1.1", "1.1.1.1"),
            ("::ffff:10.0.0.1", "9.9.9.9, 1.1.1.1", "1.1.1.1"),
            ("10.0.0.1", "1.1.1.1, 10.0.0.1", "1.1.1.1"),
            ("10.0.0.1", "1.1.1.1, forged", "10.0.0.1"),
            ("10.0.0.1", "2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ];
        for (peer, forwarded, source) in cases {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", forwarded.parse().expect("a header"));
            let peer = peer.parse().expect("an address");
            assert_eq!(
                word(believed(peer, &headers, &[proxy])),
                source,
                "{forwarded}"
            );
        }
    }
}
