//! The `Idempotency-Key` header.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::problem::{Code, Problem};

/// Longest key; a UUID has 36 characters.
const MAX_KEY_BYTES: usize = 128;

/// The key, if the caller gave one.
pub(crate) struct IdempotencyKey(pub(crate) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get("idempotency-key") else {
            return Ok(IdempotencyKey(None));
        };
        let key = value.to_str().unwrap_or_default();
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            return Err(Problem::of(Code::IdempotencyKeyInvalid));
        }
        Ok(IdempotencyKey(Some(key.to_owned())))
    }
}
