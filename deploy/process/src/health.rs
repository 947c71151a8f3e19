//! Decides what `GET /healthz` and `GET /readyz` answer.
//!
//! Alive means: the process answers. Ready means: everything that a part has named as needed is
//! usable. What a meeting can do without is named too, and never takes a server out of service.
//! The answer names each one with its problem, so that an operator reads what to mend.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

/// What every part says about what it needs. Names are literals, so the map is as bounded as
/// the program's text.
#[derive(Debug, Clone, Default)]
pub struct Health {
    dependencies: Arc<Mutex<BTreeMap<&'static str, Named>>>,
}

/// The last word about a dependency.
#[derive(Debug)]
struct Named {
    needed: bool,
    state: Result<(), String>,
}

/// The body of `/readyz`.
#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    dependencies: BTreeMap<&'static str, Dependency>,
}

/// One line of it.
#[derive(Debug, Serialize)]
struct Dependency {
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl Health {
    /// No dependency named yet: ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says how a dependency is without which nobody can be let in. The last word counts.
    pub fn set(&self, name: &'static str, state: Result<(), String>) {
        self.name(name, true, state);
    }

    /// Says how a dependency is without which meetings go on. The last word counts.
    pub fn set_dispensable(&self, name: &'static str, state: Result<(), String>) {
        self.name(name, false, state);
    }

    fn name(&self, name: &'static str, needed: bool, state: Result<(), String>) {
        self.dependencies
            .lock()
            .expect("nobody panics while holding the map")
            .insert(name, Named { needed, state });
    }

    /// Whether everything needed is usable.
    pub fn is_ready(&self) -> bool {
        self.readiness().ready
    }

    /// `GET /healthz` and `GET /readyz`.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .with_state(self.clone())
    }

    fn readiness(&self) -> Readiness {
        let named = self
            .dependencies
            .lock()
            .expect("nobody panics while holding the map");
        Readiness {
            ready: named
                .values()
                .all(|named| !named.needed || named.state.is_ok()),
            dependencies: named
                .iter()
                .map(|(name, named)| (*name, Dependency::from(&named.state)))
                .collect(),
        }
    }
}

impl From<&Result<(), String>> for Dependency {
    fn from(state: &Result<(), String>) -> Self {
        Self {
            ready: state.is_ok(),
            problem: state.as_ref().err().cloned(),
        }
    }
}

async fn ready(State(health): State<Health>) -> Response {
    let readiness = health.readiness();
    let status = if readiness.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(readiness)).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn answer(health: &Health, path: &str) -> (StatusCode, String) {
        let request = Request::get(path)
            .body(Body::empty())
            .expect("a valid path");
        let response = health.router().oneshot(request).await.expect("infallible");
        let status = response.status();
        let body = response.into_body().collect().await.expect("a whole body");
        let text = String::from_utf8(body.to_bytes().to_vec()).expect("UTF-8");
        (status, text)
    }

    #[tokio::test]
    async fn readiness_names_the_dependency_that_is_missing_and_recovers() {
        let health = Health::new();
        health.set("database", Ok(()));
        health.set("objects", Err("directory is not writable".to_owned()));
        let (status, body) = answer(&health, "/readyz").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            body,
            r#"{"ready":false,"dependencies":{"database":{"ready":true},"objects":{"ready":false,"problem":"directory is not writable"}}}"#
        );
        assert_eq!(answer(&health, "/healthz").await.0, StatusCode::OK);
        health.set("objects", Ok(()));
        assert_eq!(answer(&health, "/readyz").await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn what_meetings_can_do_without_is_named_and_takes_nobody_out_of_service() {
        let health = Health::new();
        health.set("database", Ok(()));
        health.set_dispensable("recorder", Err("nearly full".to_owned()));
        let (status, body) = answer(&health, "/readyz").await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(
            body,
            r#"{"ready":true,"dependencies":{"database":{"ready":true},"recorder":{"ready":false,"problem":"nearly full"}}}"#
        );
        health.set("database", Err("away".to_owned()));
        let (status, _) = answer(&health, "/readyz").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    }
}
