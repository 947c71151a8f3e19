//! Decides how counters leave the process: one registry, text format, `GET /metrics`.

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
pub use prometheus::{self, Registry};
use prometheus::{Encoder, TextEncoder};

/// A registry that already knows the process: memory, CPU time, open files.
pub fn registry() -> Registry {
    let registry = Registry::new();
    #[cfg(target_os = "linux")]
    registry
        .register(Box::new(
            prometheus::process_collector::ProcessCollector::for_self(),
        ))
        .expect("a new registry holds no collector of that name");
    registry
}

/// `GET /metrics`.
pub fn router(registry: &Registry) -> Router {
    let registry = registry.clone();
    Router::new().route("/metrics", get(move || async move { page(&registry) }))
}

fn page(registry: &Registry) -> Response {
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    match encoder.encode(&registry.gather(), &mut text) {
        Ok(()) => {
            let content_type = encoder.format_type().to_owned();
            ([(header::CONTENT_TYPE, content_type)], text).into_response()
        }
        Err(fault) => {
            tracing::error!(%fault, "metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_registered_counter_is_on_the_page_beside_those_of_the_process() {
        let registry = registry();
        let counter = prometheus::IntCounter::new("colloquy_example_total", "An example.")
            .expect("a valid name");
        registry
            .register(Box::new(counter.clone()))
            .expect("registered once");
        counter.inc_by(3);
        let request = Request::get("/metrics")
            .body(Body::empty())
            .expect("a valid path");
        let response = router(&registry)
            .oneshot(request)
            .await
            .expect("infallible");
        let body = response.into_body().collect().await.expect("a whole body");
        let text = String::from_utf8(body.to_bytes().to_vec()).expect("UTF-8");
        assert!(text.contains("colloquy_example_total 3"), "{text}");
        assert!(text.contains("process_resident_memory_bytes"), "{text}");
    }
}
