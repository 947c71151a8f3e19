//! JSON over plain HTTP: as much of a client as a bench needs.

use std::time::Duration;

use anyhow::Context;
use aws_lc_rs::digest::{self, SHA256};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, Response, StatusCode, Uri, header};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest answer that is read.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// How often and how long is waited when a server says that it has too much to do: hundreds who join
/// from one address are more than most let in at once.
const MAX_WAITS: usize = 30;
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Most characters of a server's words in an error.
const MAX_QUOTED: usize = 200;

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
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut answer = self.ask_once(&method, path, &body, signed).await;
        for _ in 0..MAX_WAITS {
            let Some(wait) = answer.as_ref().ok().and_then(asked_to_wait) else {
                break;
            };
            tokio::time::sleep(wait).await;
            answer = self.ask_once(&method, path, &body, signed).await;
        }
        let (head, body) = answer.with_context(|| what.clone())?.into_parts();
        let status = head.status;
        anyhow::ensure!(status.is_success(), "{what}: {status}: {}", said(&body));
        Ok(body)
    }

    async fn ask_once(
        &self,
        method: &Method,
        path: &str,
        body: &str,
        signed: bool,
    ) -> anyhow::Result<Response<Bytes>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = self.bearer.as_ref().filter(|_| signed) {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let exchange = self.exchange(request.body(Full::from(body.to_owned()))?);
        timeout(PATIENCE, exchange).await?
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

/// How long a server that has too much to do asks to wait (RFC 6585, section 4), within reason.
fn asked_to_wait(answer: &Response<Bytes>) -> Option<Duration> {
    if answer.status() != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    let seconds = answer.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    let wait = Duration::from_secs(seconds.parse().ok()?);
    (wait <= LONGEST_WAIT).then_some(wait)
}

/// What a refusal says: the title of a problem (RFC 9457), else its first words on one line.
fn said(body: &[u8]) -> String {
    let problem: Option<Value> = serde_json::from_slice(body).ok();
    let title = problem
        .as_ref()
        .and_then(|problem| problem["title"].as_str());
    match title {
        Some(title) => quoted(title),
        None => quoted(&String::from_utf8_lossy(body)),
    }
}

/// What a server said, as one short line.
pub(super) fn quoted(text: &str) -> String {
    text.chars()
        .take(MAX_QUOTED)
        .flat_map(char::escape_debug)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_short_wait_that_was_asked_for_is_waited() {
        let cases = [
            (429, Some("1"), Some(1)),
            (429, Some("3600"), None),
            (429, Some("soon"), None),
            (429, None, None),
            (503, Some("1"), None),
        ];
        for (status, asked, seconds) in cases {
            let mut answer = Response::builder().status(status);
            if let Some(asked) = asked {
                answer = answer.header(header::RETRY_AFTER, asked);
            }
            let answer = answer.body(Bytes::new()).expect("an answer");
            let expected = seconds.map(Duration::from_secs);
            assert_eq!(asked_to_wait(&answer), expected, "{status} {asked:?}");
        }
    }

    #[test]
    fn a_refusal_is_one_short_line_that_says_its_title() {
        let problem = br#"{"type":"about:blank","title":"The password is wrong","status":401}"#;
        assert_eq!(said(problem), "The password is wrong");
        assert_eq!(said(b"no\n<html>\x1b"), "no\\n<html>\\u{1b}");
        assert_eq!(said(&[b'a'; 1_000]).len(), MAX_QUOTED);
    }

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
