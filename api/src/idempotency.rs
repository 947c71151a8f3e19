//! A request with an `Idempotency-Key` is carried out once; its repeats get the first answer.

use api_store::idempotency::{self, KeptRow, RequestKey};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::app::SharedApp;
use crate::extract::{Caller, IdempotencyKey};
use crate::problem::{Code, Problem};
use crate::tokens;

/// How long an answer is kept.
const KEPT_MS: i64 = 24 * 60 * 60 * 1_000;

/// Most answers kept for one organisation; the oldest are forgotten, and their repeats would be carried
/// out again.
const MAX_KEPT: i64 = 10_000;

/// A claim without an answer after this time belongs to a process that is gone.
const ABANDONED_MS: i64 = 60_000;

/// Carries `work` out, or answers what it answered before. A refusal is not kept: the request
/// changed nothing and may be tried again.
pub(crate) async fn once<T: Serialize>(
    app: &SharedApp,
    caller: &Caller,
    key: &IdempotencyKey,
    what: &str,
    work: impl Future<Output = Result<(StatusCode, T), Problem>>,
) -> Result<Response, Problem> {
    let Some(key) = &key.0 else {
        let (status, answer) = work.await?;
        return Ok((status, axum::Json(answer)).into_response());
    };
    let word = caller.word();
    let request = RequestKey {
        organisation: caller.organisation(),
        caller: &word,
        key,
    };
    if let Some(answer) = claim(app, &request, what).await? {
        return Ok(answer);
    }
    match work.await {
        Ok((status, answer)) => {
            let body = serde_json::to_string(&answer).map_err(|error| Problem::internal(&error))?;
            idempotency::keep(&app.store, &request, i32::from(status.as_u16()), &body).await?;
            Ok(json(status, body))
        }
        Err(problem) => {
            idempotency::release(&app.store, &request).await?;
            Err(problem)
        }
    }
}

/// None: the request is ours to carry out. Some: the answer of the first.
async fn claim(
    app: &SharedApp,
    request: &RequestKey<'_>,
    what: &str,
) -> Result<Option<Response>, Problem> {
    let now_ms = app.now_ms();
    let hash = tokens::hash(what);
    idempotency::trim(&app.store, request.organisation, now_ms - KEPT_MS, MAX_KEPT).await?;
    let Some(kept) = idempotency::claim(&app.store, request, &hash, now_ms).await? else {
        return Ok(None);
    };
    match judge(&kept, &hash, now_ms) {
        Verdict::Answer(status, body) => Ok(Some(json(status, body))),
        Verdict::Refuse(code) => Err(Problem::of(code)),
        Verdict::Abandoned => {
            idempotency::release(&app.store, request).await?;
            match idempotency::claim(&app.store, request, &hash, now_ms).await? {
                None => Ok(None),
                Some(_) => Err(Problem::of(Code::IdempotencyInProgress)),
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Answer(StatusCode, String),
    Refuse(Code),
    Abandoned,
}

fn judge(kept: &KeptRow, hash: &str, now_ms: i64) -> Verdict {
    if kept.request_hash != hash {
        return Verdict::Refuse(Code::IdempotencyKeyReused);
    }
    match &kept.answer {
        Some((status, body)) => {
            let status = u16::try_from(*status)
                .ok()
                .and_then(|code| StatusCode::from_u16(code).ok());
            Verdict::Answer(status.unwrap_or(StatusCode::OK), body.clone())
        }
        None if now_ms - kept.created_at_ms > ABANDONED_MS => Verdict::Abandoned,
        None => Verdict::Refuse(Code::IdempotencyInProgress),
    }
}

fn json(status: StatusCode, body: String) -> Response {
    let kind = HeaderValue::from_static("application/json");
    (status, [(header::CONTENT_TYPE, kind)], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claimed_key_answers_refuses_or_is_taken_over() {
        let kept = |answer: Option<(i32, String)>| KeptRow {
            request_hash: "h".to_owned(),
            created_at_ms: 0,
            answer,
        };
        let done = kept(Some((201, "{}".to_owned())));
        let cases = [
            (
                &done,
                "h",
                5,
                Verdict::Answer(StatusCode::CREATED, "{}".to_owned()),
            ),
            (&done, "x", 5, Verdict::Refuse(Code::IdempotencyKeyReused)),
            (
                &kept(None),
                "h",
                ABANDONED_MS,
                Verdict::Refuse(Code::IdempotencyInProgress),
            ),
            (&kept(None), "h", ABANDONED_MS + 1, Verdict::Abandoned),
        ];
        for (kept, hash, now_ms, verdict) in cases {
            assert_eq!(judge(kept, hash, now_ms), verdict);
        }
    }
}
