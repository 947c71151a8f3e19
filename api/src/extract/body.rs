//! A JSON body, of bounded size.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use serde::de::DeserializeOwned;

use crate::problem::{Code, Problem};

/// Largest body of any endpoint: the largest that makes sense is a few hundred bytes.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;

/// A JSON body.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let content_type = request.headers().get(header::CONTENT_TYPE).cloned();
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|_| Problem::of(Code::BodyTooLarge))?;
        // An absent body is an empty object, so that endpoints without required fields take it.
        if bytes.is_empty() && content_type.is_none() {
            return read(b"{}");
        }
        let is_json = content_type
            .as_ref()
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
        if !is_json {
            return Err(Problem::of(Code::BodyNotJson));
        }
        read(&bytes)
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<JsonBody<T>, Problem> {
    serde_json::from_slice(bytes)
        .map(JsonBody)
        .map_err(|error| Problem::with_detail(Code::BodyInvalid, error.to_string()))
}
