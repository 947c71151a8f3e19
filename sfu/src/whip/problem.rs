//! How a post is refused: RFC 9457, with a stable `code`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sfu_protocol::signal::RefusedCode;

/// When to try again whom there was no room for, where nobody says otherwise.
const RETRY_AFTER_S: u32 = 5;

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    GrantMissing,
    GrantInvalid,
    GrantExpired,
    NotAllowed,
    OriginRefused,
    NotFound,
    MethodNotAllowed,
    TooSlow,
    TooLarge,
    NotSdp,
    Malformed,
    OfferUnusable,
    AddressLimit,
    LimitReached,
    Draining,
    Internal,
}

impl Code {
    pub(crate) const ALL: [Code; 16] = [
        Code::GrantMissing,
        Code::GrantInvalid,
        Code::GrantExpired,
        Code::NotAllowed,
        Code::OriginRefused,
        Code::NotFound,
        Code::MethodNotAllowed,
        Code::TooSlow,
        Code::TooLarge,
        Code::NotSdp,
        Code::Malformed,
        Code::OfferUnusable,
        Code::AddressLimit,
        Code::LimitReached,
        Code::Draining,
        Code::Internal,
    ];

    fn status(self) -> StatusCode {
        match self {
            Code::GrantMissing | Code::GrantInvalid | Code::GrantExpired => {
                StatusCode::UNAUTHORIZED
            }
            Code::NotAllowed | Code::OriginRefused => StatusCode::FORBIDDEN,
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Code::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Code::NotSdp => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Code::Malformed => StatusCode::BAD_REQUEST,
            Code::OfferUnusable => StatusCode::UNPROCESSABLE_ENTITY,
            Code::AddressLimit => StatusCode::TOO_MANY_REQUESTS,
            Code::LimitReached | Code::Draining => StatusCode::SERVICE_UNAVAILABLE,
            Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// On the wire, and in the figures.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Code::GrantMissing => "grant_missing",
            Code::GrantInvalid => "grant_invalid",
            Code::GrantExpired => "grant_expired",
            Code::NotAllowed => "not_allowed",
            Code::OriginRefused => "origin_refused",
            Code::NotFound => "not_found",
            Code::MethodNotAllowed => "method_not_allowed",
            Code::TooSlow => "too_slow",
            Code::TooLarge => "too_large",
            Code::NotSdp => "not_sdp",
            Code::Malformed => "malformed",
            Code::OfferUnusable => "offer_unusable",
            Code::AddressLimit => "address_limit",
            Code::LimitReached => "limit_reached",
            Code::Draining => "draining",
            Code::Internal => "internal",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Code::GrantMissing => "A grant is needed, as a bearer token",
            Code::GrantInvalid => "The grant is not valid here",
            Code::GrantExpired => "The grant has expired",
            Code::NotAllowed => "The grant does not allow this",
            Code::OriginRefused => "Pages of this site may not come in",
            Code::NotFound => "There is no such session",
            Code::MethodNotAllowed => "This cannot be done here",
            Code::TooSlow => "The offer did not come in time",
            Code::TooLarge => "The offer is too long",
            Code::NotSdp => "An offer is application/sdp",
            Code::Malformed => "The offer is not text",
            Code::OfferUnusable => "The offer cannot be used",
            Code::AddressLimit => "Too many come from this address",
            Code::LimitReached => "There is no room",
            Code::Draining => "This node is stopping",
            Code::Internal => "A fault of ours",
        }
    }
}

impl From<RefusedCode> for Code {
    fn from(code: RefusedCode) -> Self {
        match code {
            RefusedCode::Malformed | RefusedCode::UnsupportedVersion => Code::Malformed,
            RefusedCode::GrantInvalid => Code::GrantInvalid,
            RefusedCode::NotAllowed => Code::NotAllowed,
            RefusedCode::OfferUnusable => Code::OfferUnusable,
            RefusedCode::LimitReached => Code::LimitReached,
            RefusedCode::NotFound => Code::NotFound,
            RefusedCode::Draining => Code::Draining,
            RefusedCode::Internal => Code::Internal,
        }
    }
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    detail: Option<String>,
    retry_after_s: Option<u32>,
}

impl Problem {
    /// With what a person reads.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Problem {
            detail: Some(detail.into()),
            ..Problem::from(code)
        }
    }

    /// Says when to try again.
    pub(crate) fn retry_after_ms(mut self, wait_ms: u32) -> Self {
        self.retry_after_s = Some(wait_ms.div_ceil(1_000));
        self
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        let waits = matches!(
            code,
            Code::AddressLimit | Code::LimitReached | Code::Draining
        );
        Problem {
            code,
            detail: None,
            retry_after_s: waits.then_some(RETRY_AFTER_S),
        }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.code.status();
        let body = Body {
            r#type: "about:blank",
            title: self.code.title(),
            status: status.as_u16(),
            code: self.code.as_str(),
            detail: self.detail.as_deref(),
        };
        let text = serde_json::to_string(&body).expect("plain fields serialise");
        let mut response = (status, text).into_response();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, json);
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        // RFC 6750, section 3: without a token no error is named.
        let challenge = match self.code {
            Code::GrantMissing => Some("Bearer"),
            Code::GrantInvalid | Code::GrantExpired => Some("Bearer error=\"invalid_token\""),
            _ => None,
        };
        if let Some(challenge) = challenge {
            let challenge = HeaderValue::from_static(challenge);
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
