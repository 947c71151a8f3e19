//! Where a request comes from on the network, for counting tries.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use deploy_process::source;

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
        let source = source::Source::of_request(peer, &parts.headers, &app.config.trusted_proxies);
        Ok(Source(source.to_string()))
    }
}
