//! JSON over plain HTTP: as much of a client as a bench needs.

use std::time::Duration;

use anyhow::Context;
use aws_lc_rs::digest::{self, SHA256};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, Response, Uri, header};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest answer that is read.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Longest wait for an answer, far more than one takes: a server that hangs ends the run.
const PATIENCE: Duration = Duration::from_secs(60);

/// One deployment's HTTP side.
pub(crate) struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
    bearer: Option<String>,
}

impl Http {
    /// For URLs below `base`, such as `http://127.0.0.1:8080`.
    pub(crate) fn new(base: &str) -> anyhow::Result<Self> {
        anyhow::ensure!(
            base.starts_with("http://"),
            "{base:?}: the bench speaks plain http://, so measure behind the TLS proxy"
        );
        Ok(Http {
            client: Client::builder(TokioExecutor::new()).build_http(),
            base: base.trim_end_matches('/').to_owned(),
            bearer: None,
        })
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Signs every later request.
    pub(crate) fn sign_with(&mut self, access_token: String) {
        self.bearer = Some(access_token);
    }

    /// Whether a GET is answered with success.
    pub(crate) async fn is_ok(&self, path: &str) -> bool {
        self.ask(Method::GET, path, None, false).await.is_ok()
    }

    /// Whether somebody listens there.
    pub(crate) async fn reach(&self) -> anyhow::Result<()> {
        let uri: Uri = self.base.parse().context("no URL")?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let connecting = TcpStream::connect((host, uri.port_u16().unwrap_or(80)));
        let connected = timeout(PATIENCE, connecting).await;
        let connected = connected.map_err(anyhow::Error::from);
        connected
            .and_then(|tried| tried.map_err(anyhow::Error::from))
            .with_context(|| format!("{} cannot be reached", self.base))?;
        Ok(())
    }

    /// The text of a GET.
    pub(crate) async fn text(&self, path: &str) -> anyhow::Result<String> {
        let answer = self.ask(Method::GET, path, None, false).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// Gets as whoever signed in.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let answer = self.ask(Method::GET, path, None, true).await?;
        serde_json::from_slice(&answer).with_context(|| format!("the answer of GET {path}"))
    }

    /// Length and SHA-256, in hexadecimal, of what is behind a link: its own credentials are in it.
    pub(crate) async fn digest(&self, url: &str) -> anyhow::Result<(u64, String)> {
        let url = match url.strip_prefix('/') {
            Some(path) => format!("{}/{path}", self.base),
            None => url.to_owned(),
        };
        let request = Request::builder().uri(url).body(Full::default())?;
        let response = timeout(PATIENCE, self.client.request(request)).await;
        let response = response.context("a file does not come")??;
        let status = response.status();
        anyhow::ensure!(status.is_success(), "a file is answered {status}");
        let mut body = response.into_body();
        let (mut bytes, mut hash) = (0, digest::Context::new(&SHA256));
        while let Some(frame) = timeout(PATIENCE, body.frame()).await? {
            if let Ok(piece) = frame?.into_data() {
                bytes += piece.len() as u64;
                hash.update(&piece);
            }
        }
        Ok((bytes, hex::encode(hash.finish())))
    }

    /// Posts as whoever signed in.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<T> {
        self.read(path, body, true).await
    }

    /// Posts as a stranger.
    pub(crate) async fn post_as_guest<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<T> {
        self.read(path, body, false).await
    }

    async fn read<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
        signed: bool,
    ) -> anyhow::Result<T> {
        let answer = self.ask(Method::POST, path, Some(body), signed).await?;
        serde_json::from_slice(&answer).with_context(|| format!("the answer of POST {path}"))
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        signed: bool,
    ) -> anyhow::Result<Bytes> {
        let what = format!("{method} {}{path}", self.base);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = self.bearer.as_ref().filter(|_| signed) {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let exchange = self.exchange(request.body(Full::from(body))?);
        let answer = timeout(PATIENCE, exchange)
            .await
            .map_err(anyhow::Error::from)
            .flatten()
            .with_context(|| what.clone())?;
        let (status, body) = (answer.status(), answer.into_body());
        anyhow::ensure!(
            status.is_success(),
            "{what}: {status}: {}",
            String::from_utf8_lossy(&body)
        );
        Ok(body)
    }

    /// Asks and reads the whole answer.
    pub(super) async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> anyhow::Result<Response<Bytes>> {
        let (head, body) = self.client.request(request).await?.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES)
            .collect()
            .await
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_server_that_never_answers_is_not_waited_for_without_end() {
        let hangs = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let address = hangs.local_addr().expect("bound");
        let http = Http::new(&format!("http://{address}")).expect("plain http");
        let error = http.text("/metrics").await.expect_err("nobody answers");
        assert!(error.to_string().contains("/metrics"), "{error}");
    }
}
