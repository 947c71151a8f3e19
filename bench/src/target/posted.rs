//! What HTTP has to do for one who publishes by WHIP (RFC 9725) or watches by WHEP: an offer is
//! posted, and the session that this made is ended. The bearer goes to the origin that was named,
//! and nowhere else.

use anyhow::Context;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, LOCATION};
use hyper::{Method, Request, Response, StatusCode};
use url::Url;

use super::http::{Http, quoted};

/// What is said to end a session. It is answered with the same.
pub(crate) const GOODBYE: &str = "";

/// Most redirections of an offer: one leads to a less busy server, the others are to spare.
const MAX_REDIRECTIONS: usize = 5;

/// One participant's requests.
pub(crate) struct Posted {
    url: String,
    bearer: String,
    session: Option<Url>,
}

impl Posted {
    /// Offers go to `url`. No bearer is sent when it is empty.
    pub(crate) fn to(url: String, bearer: String) -> Self {
        Posted {
            url,
            bearer,
            session: None,
        }
    }

    /// Posts an offer and answers what was answered, or ends the session.
    ///
    /// # Errors
    /// When the server refuses, or leads to another origin.
    pub(crate) async fn say(&mut self, text: String) -> anyhow::Result<String> {
        match text.as_str() {
            GOODBYE => self.end().await.map(|()| GOODBYE.to_owned()),
            _ => self.offer(text).await,
        }
    }

    /// RFC 9725, section 4.2. Of redirections those are followed that leave a POST what it is
    /// (section 4.5).
    async fn offer(&mut self, offer: String) -> anyhow::Result<String> {
        let mut url: Url = self.url.parse().with_context(|| self.url.clone())?;
        for _ in 0..=MAX_REDIRECTIONS {
            let answer = self.ask(Method::POST, &url, offer.clone()).await?;
            let status = answer.status();
            match status {
                StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => {
                    let leads = led(&url, answer.headers())?;
                    url = leads
                        .with_context(|| format!("POST {}: {status} leads nowhere", shown(&url)))?;
                }
                _ => {
                    let text = String::from_utf8_lossy(answer.body()).into_owned();
                    anyhow::ensure!(
                        status.is_success(),
                        "POST {}: {status}: {}",
                        shown(&url),
                        quoted(&text)
                    );
                    self.session = led(&url, answer.headers())?;
                    return Ok(text);
                }
            }
        }
        anyhow::bail!(
            "POST {}: more than {MAX_REDIRECTIONS} redirections",
            self.url
        )
    }

    async fn end(&mut self) -> anyhow::Result<()> {
        // A server that names no session sees by itself that nothing comes any more.
        let Some(session) = self.session.take() else {
            return Ok(());
        };
        let answer = self.ask(Method::DELETE, &session, String::new()).await?;
        let status = answer.status();
        anyhow::ensure!(
            status.is_success(),
            "DELETE of a session at {}: {status}",
            session.origin().ascii_serialization()
        );
        Ok(())
    }

    /// Over a connection of its own: between its requests a participant keeps none open.
    async fn ask(
        &self,
        method: Method,
        url: &Url,
        offer: String,
    ) -> anyhow::Result<Response<Bytes>> {
        let http = Http::new(url.as_str())?;
        let mut request = Request::builder().method(method).uri(url.as_str());
        if !offer.is_empty() {
            request = request.header(CONTENT_TYPE, "application/sdp");
        }
        if !self.bearer.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {}", self.bearer));
        }
        http.exchange(request.body(Full::from(offer))?).await
    }
}

/// A URL without what may be secret in it.
fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

/// Where an answer leads, if it does. A Location may be relative to what was asked.
fn led(asked: &Url, headers: &HeaderMap) -> anyhow::Result<Option<Url>> {
    let Some(location) = headers.get(LOCATION) else {
        return Ok(None);
    };
    let location = location.to_str().ok().and_then(|to| asked.join(to).ok());
    let location = location.with_context(|| format!("{}: its Location is no URL", shown(asked)))?;
    anyhow::ensure!(
        location.origin() == asked.origin(),
        "{} leads to another origin, {}, which was not named and gets no bearer",
        shown(asked),
        location.origin().ascii_serialization()
    );
    Ok(Some(location))
}

#[cfg(test)]
#[path = "posted_tests.rs"]
mod tests;
