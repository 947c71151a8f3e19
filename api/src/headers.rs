//! Headers that every answer carries.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

use crate::app::SharedApp;
use crate::public_url::PublicUrl;
use crate::random;

/// Where the documentation pages are; their styles are inline.
pub(crate) const DOCS_PATH: &str = "/api/docs";

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a page may load (CSP Level 3). Styles may be inline: accessible component libraries place
/// their overlays so. Scripts may not.
fn content_security_policy(public_url: &PublicUrl) -> String {
    let (origin, websocket) = (public_url.origin(), public_url.websocket_origin());
    format!(
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data: blob: {origin}; media-src 'self' blob: {origin}; font-src 'self' data:; \
         connect-src 'self' {origin} {websocket}; worker-src 'self' blob:; object-src 'none'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
}

/// Adds the headers, a request id, and a span that carries it into the log.
pub(crate) async fn dress(State(app): State<SharedApp>, request: Request, next: Next) -> Response {
    let id = random::id(app.now_ms()).to_string();
    let is_api = request.uri().path().starts_with("/api/");
    let span = tracing::info_span!("request", method = %request.method(), id = %id);
    let mut response = next.run(request).instrument(span).await;
    let headers = response.headers_mut();
    set_if_absent(headers, REQUEST_ID.clone(), &id);
    if is_api {
        set_if_absent(headers, header::CACHE_CONTROL, "no-store");
    }
    set_if_absent(
        headers,
        header::CONTENT_SECURITY_POLICY,
        &content_security_policy(&app.public_url),
    );
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // The setup link carries its token in the fragment, the invite link in the path.
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=()",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        set_if_absent(headers, name, value);
    }
    if app.public_url.is_secure() {
        set_if_absent(
            headers,
            header::STRICT_TRANSPORT_SECURITY,
            "max-age=31536000",
        );
    }
    response
}

fn set_if_absent(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.entry(name).or_insert(value);
    }
}
