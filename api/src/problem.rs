//! What a refusal looks like on the wire: RFC 9457, with a stable `code`.
//!
//! The one place that maps refusals to HTTP. A fault of ours is logged with its cause and told to
//! the caller without it.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Every refusal: name, status, `code` on the wire, title.
macro_rules! codes {
    ($($name:ident $status:ident $code:literal $title:literal;)*) => {
        /// Why a request is refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Code {
            $(
                #[doc = $title]
                $name,
            )*
        }

        impl Code {
            #[cfg(test)]
            const ALL: &[Code] = &[$(Code::$name),*];

            pub(crate) fn status(self) -> StatusCode {
                match self {
                    $(Code::$name => StatusCode::$status,)*
                }
            }

            pub(crate) fn as_str(self) -> &'static str {
                match self {
                    $(Code::$name => $code,)*
                }
            }

            fn title(self) -> &'static str {
                match self {
                    $(Code::$name => $title,)*
                }
            }
        }
    };
}

codes! {
    BodyInvalid BAD_REQUEST "body_invalid" "The request body cannot be read";
    CursorInvalid BAD_REQUEST "cursor_invalid" "The list cursor is not one that was given out";
    IdempotencyKeyInvalid BAD_REQUEST "idempotency_key_invalid" "The Idempotency-Key is empty, too long or not plain text";
    Unauthenticated UNAUTHORIZED "unauthenticated" "Sign in first";
    CredentialsWrong UNAUTHORIZED "credentials_wrong" "The address or the password is wrong";
    RefreshInvalid UNAUTHORIZED "refresh_invalid" "The sign-in has ended";
    RejoinInvalid UNAUTHORIZED "rejoin_invalid" "The place in the room is not kept any more";
    OriginRefused FORBIDDEN "origin_refused" "The request comes from another site";
    RegistrationClosed FORBIDDEN "registration_closed" "New accounts are not open here";
    SetupClosed FORBIDDEN "setup_closed" "The first owner exists already";
    SetupTokenInvalid FORBIDDEN "setup_token_invalid" "The setup link is not the one that was printed";
    NotAllowed FORBIDDEN "not_allowed" "Your role does not allow this";
    Removed FORBIDDEN "removed" "A host has sent you out of this meeting";
    NotFound NOT_FOUND "not_found" "There is nothing here";
    InviteInvalid NOT_FOUND "invite_invalid" "The invite link is not valid";
    MethodNotAllowed METHOD_NOT_ALLOWED "method_not_allowed" "This address does not take this method";
    Timeout REQUEST_TIMEOUT "timeout" "The request took too long";
    EmailTaken CONFLICT "email_taken" "There is an account with this address";
    RoomNotLive CONFLICT "room_not_live" "Nobody is in the room";
    RecordingRunning CONFLICT "recording_running" "The room is being recorded already";
    IdempotencyInProgress CONFLICT "idempotency_in_progress" "The same request is still being carried out";
    KeyLimit CONFLICT "key_limit" "There are too many API keys; delete one first";
    RoomEnded GONE "room_ended" "The meeting has been ended";
    BodyTooLarge PAYLOAD_TOO_LARGE "body_too_large" "The request body is too large";
    BodyNotJson UNSUPPORTED_MEDIA_TYPE "body_not_json" "The request body must be application/json";
    RangeUnsatisfiable RANGE_NOT_SATISFIABLE "range_unsatisfiable" "The range lies outside the file";
    Invalid UNPROCESSABLE_ENTITY "invalid" "Some fields are not as they should be";
    IdempotencyKeyReused UNPROCESSABLE_ENTITY "idempotency_key_reused" "The Idempotency-Key belongs to another request";
    TooManyRequests TOO_MANY_REQUESTS "too_many_requests" "Too many requests";
    TooManyAttempts TOO_MANY_REQUESTS "too_many_attempts" "Too many wrong attempts";
    Internal INTERNAL_SERVER_ERROR "internal" "A fault on our side";
    RecorderUnavailable SERVICE_UNAVAILABLE "recorder_unavailable" "The recorder cannot be reached";
    DemoUnavailable SERVICE_UNAVAILABLE "demo_unavailable" "The demo participants cannot be started";
    Stopping SERVICE_UNAVAILABLE "stopping" "The server is restarting";
    Busy SERVICE_UNAVAILABLE "busy" "Too much is going on";
    DatabaseUnavailable SERVICE_UNAVAILABLE "database_unavailable" "The database cannot be used now: its disk may be full";
}

/// A refusal (RFC 9457).
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// Always `about:blank`: the code says it all.
    #[serde(rename = "type")]
    kind: &'static str,
    /// What a person reads.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What a program acts on. Stable.
    code: &'static str,
    /// More about this very refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// With `invalid`: each field that is not as it should be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

/// A field that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct FieldError {
    /// The field's name in the body.
    pub(crate) field: &'static str,
    /// What it should be.
    pub(crate) message: String,
}

/// A refusal on its way out.
#[derive(Debug)]
pub(crate) struct Problem {
    code: Code,
    detail: Option<String>,
    errors: Vec<FieldError>,
    retry_after_s: Option<u64>,
}

impl Problem {
    /// A refusal that its code explains.
    pub(crate) fn of(code: Code) -> Problem {
        Problem {
            code,
            detail: None,
            errors: Vec::new(),
            retry_after_s: None,
        }
    }

    /// The same, with more about this very refusal.
    pub(crate) fn with_detail(code: Code, detail: impl Into<String>) -> Problem {
        Problem {
            detail: Some(detail.into()),
            ..Problem::of(code)
        }
    }

    /// Fields that are not as they should be.
    pub(crate) fn invalid(errors: Vec<FieldError>) -> Problem {
        let each = errors
            .iter()
            .map(|error| format!("{}: {}", error.field, error.message));
        let detail = each.collect::<Vec<_>>().join("; ");
        Problem {
            errors,
            ..Problem::with_detail(Code::Invalid, detail)
        }
    }

    /// A refusal that ends by waiting.
    pub(crate) fn retry_after(code: Code, wait_ms: i64) -> Problem {
        let seconds = u64::try_from(wait_ms.max(1)).unwrap_or(1).div_ceil(1_000);
        Problem {
            retry_after_s: Some(seconds),
            ..Problem::with_detail(code, format!("{}. Wait {seconds} s.", code.title()))
        }
    }

    /// A fault of ours.
    pub(crate) fn internal(cause: &dyn std::fmt::Display) -> Problem {
        tracing::error!(%cause, "a request failed by a fault of ours");
        Problem::of(Code::Internal)
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Problem::of(code)
    }
}

/// When to ask again while the database cannot be used: somebody has to make room first.
const DATABASE_RETRY_MS: i64 = 5_000;

impl From<api_store::StoreError> for Problem {
    fn from(error: api_store::StoreError) -> Self {
        if error.is_unavailable() {
            tracing::error!(%error, "the database cannot be used");
            return Problem::retry_after(Code::DatabaseUnavailable, DATABASE_RETRY_MS);
        }
        Problem::internal(&error)
    }
}

impl From<crate::passwords::Busy> for Problem {
    fn from(_: crate::passwords::Busy) -> Self {
        Problem::retry_after(Code::Busy, 1_000)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.code.status();
        let body = ProblemBody {
            kind: "about:blank",
            title: self.code.title(),
            status: status.as_u16(),
            code: self.code.as_str(),
            detail: self.detail,
            errors: self.errors,
        };
        let text = serde_json::to_string(&body).expect("plain fields serialise");
        let mut response = (status, text).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_in_snake_case() {
        let mut codes: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        codes.sort_unstable();
        let count = codes.len();
        codes.dedup();
        assert_eq!(codes.len(), count);
        let plain = |code: &&str| {
            code.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        };
        assert!(codes.iter().all(plain));
    }

    #[tokio::test]
    async fn a_fault_of_ours_does_not_tell_its_cause() {
        let response = Problem::internal(&"the table users is missing").into_response();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "application/problem+json"
        );
        let bytes = axum::body::to_bytes(response.into_body(), 10_000)
            .await
            .expect("a body");
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        assert!(!text.contains("users"), "{text}");
        assert!(text.contains("\"code\":\"internal\""), "{text}");
    }

    #[test]
    fn waiting_is_told_in_whole_seconds_rounded_up() {
        let response = Problem::retry_after(Code::TooManyAttempts, 1_001).into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
    }
}
