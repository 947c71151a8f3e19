//! That a request which lives by a cookie comes from our own pages.
//!
//! The cookie is SameSite=Strict already; this is the second lock (OWASP ASVS 5.0.0, 3.5.1). A program
//! without a browser sends no `Origin` and has no cookie of somebody else to misuse.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use crate::app::SharedApp;
use crate::problem::{Code, Problem};
use crate::public_url::PublicUrl;

/// The request comes from our own pages, or from no page.
pub(crate) struct SameOrigin;

impl FromRequestParts<SharedApp> for SameOrigin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Problem> {
        if is_same_origin(&parts.headers, &app.public_url) {
            Ok(SameOrigin)
        } else {
            Err(Problem::of(Code::OriginRefused))
        }
    }
}

fn is_same_origin(headers: &HeaderMap, public_url: &PublicUrl) -> bool {
    let text = |name| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or("unreadable"))
    };
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site"))
        && site != "same-origin"
        && site != "none"
    {
        return false;
    }
    let Some(origin) = text(header::ORIGIN) else {
        return true;
    };
    // The page may be open under another name of this computer (localhost, 127.0.0.1): then
    // origin and host agree, and the browser keeps that name's cookies apart.
    let host = text(header::HOST).unwrap_or_default();
    let origin_host = origin.split_once("://").map(|(_, host)| host);
    origin == public_url.origin() || (!host.is_empty() && origin_host == Some(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_and_programs_pass() {
        let public_url = PublicUrl::parse("http://127.0.0.1:8080").expect("usable");
        let (origin, host, site) = ("origin", "host", "sec-fetch-site");
        let cases: [(&[(&'static str, &'static str)], bool); 8] = [
            (&[], true),
            (&[(origin, "http://127.0.0.1:8080")], true),
            (
                &[(origin, "http://localhost:8080"), (host, "localhost:8080")],
                true,
            ),
            (
                &[(origin, "https://evil.example"), (host, "127.0.0.1:8080")],
                false,
            ),
            (&[(origin, "null"), (host, "127.0.0.1:8080")], false),
            (&[(origin, "http://127.0.0.1:8081")], false),
            (&[(site, "cross-site")], false),
            (
                &[(site, "same-origin"), (origin, "http://127.0.0.1:8080")],
                true,
            ),
        ];
        for (pairs, passes) in cases {
            let headers = pairs
                .iter()
                .map(|(name, value)| {
                    let name = header::HeaderName::from_static(name);
                    (name, header::HeaderValue::from_static(value))
                })
                .collect();
            assert_eq!(is_same_origin(&headers, &public_url), passes, "{pairs:?}");
        }
    }
}
