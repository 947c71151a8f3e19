//! What is counted. The only place of this crate where metric names exist.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

use crate::app::SharedApp;

/// The route of requests that no route takes.
const NO_ROUTE: &str = "none";

/// Seconds. Most requests take milliseconds; a sign-in takes tens of them; 30 s is the timeout.
const LATENCY_BUCKETS_S: [f64; 9] = [0.002, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0, 30.0];

/// The counters of the office.
pub(crate) struct Metrics {
    requests: IntCounterVec,
    latency: HistogramVec,
    /// By outcome: accepted, refused, limited.
    pub(crate) sign_ins: IntCounterVec,
    /// By outcome: taken, repeated, failed, missed.
    pub(crate) node_events: IntCounterVec,
    /// By outcome: taken, unknown, failed.
    pub(crate) recorder_reports: IntCounterVec,
}

impl Metrics {
    /// Makes the counters known to `registry`.
    pub(crate) fn register(registry: &Registry) -> Result<Metrics, prometheus::Error> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let latency = HistogramVec::new(
            HistogramOpts::new(
                "colloquy_api_request_seconds",
                "Time from a request's head to its answer's head.",
            )
            .buckets(LATENCY_BUCKETS_S.to_vec()),
            &["method", "route"],
        )?;
        registry.register(Box::new(latency.clone()))?;
        let outcome: &[&str] = &["outcome"];
        Ok(Metrics {
            requests: counter(
                "colloquy_api_requests_total",
                "Requests, by method, route and status.",
                &["method", "route", "status"],
            )?,
            latency,
            sign_ins: counter(
                "colloquy_api_sign_ins_total",
                "Sign-ins by password.",
                outcome,
            )?,
            node_events: with_losses(
                counter(
                    "colloquy_api_node_events_total",
                    "Events of nodes.",
                    outcome,
                )?,
                &["failed", "missed"],
            ),
            recorder_reports: with_losses(
                counter(
                    "colloquy_api_recorder_reports_total",
                    "Reports of recorders.",
                    outcome,
                )?,
                &["failed"],
            ),
        })
    }
}

/// Losses are there from the start, so that the first can be seen.
fn with_losses(counter: IntCounterVec, losses: &[&str]) -> IntCounterVec {
    for loss in losses {
        counter.with_label_values(&[loss]);
    }
    counter
}

#[cfg(test)]
impl Metrics {
    /// How many requests of a route had a status.
    pub(crate) fn requests_of(&self, method: &str, route: &str, status: &str) -> u64 {
        self.requests
            .with_label_values(&[method, route, status])
            .get()
    }
}

/// Counts a request and its time.
pub(crate) async fn measure(
    State(app): State<SharedApp>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or(NO_ROUTE, MatchedPath::as_str)
        .to_owned();
    // Methods are labels: a stranger's invention must not make a new series.
    let method = match request.method().as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PATCH" | "PUT" | "DELETE" | "OPTIONS") => known,
        _ => "other",
    }
    .to_owned();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    app.metrics
        .requests
        .with_label_values(&[&method, &route, &status])
        .inc();
    let seconds = begun.elapsed().as_secs_f64();
    app.metrics
        .latency
        .with_label_values(&[&method, &route])
        .observe(seconds);
    response
}
