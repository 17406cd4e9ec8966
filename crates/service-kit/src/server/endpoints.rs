//! What is at `/metrics`, `/healthz` and `/readyz`.

use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::health::{Health, Missing, Stalled};
use crate::metrics::Metrics;

/// <https://prometheus.io/docs/specs/om/open_metrics_spec/#protocol-negotiation>
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The routes that every job has:
///
/// - `/metrics`: OpenMetrics text.
/// - `/healthz`: 200 `{"status":"live"}`, or 503 with the threads that are stalled:
///   `{"status":"stalled","stalled":[{"thread":"consumer","silent_seconds":61.5,"limit_seconds":60.0}]}`;
///   `silent_seconds` is null for a thread that ended by a panic.
/// - `/readyz`: 200 `{"status":"ready"}`, or 503 with the conditions that do not hold:
///   `{"status":"not ready","missing":[{"condition":"assigned","why":"revoked"}]}`.
pub fn endpoints(health: &Health, metrics: &Metrics) -> Router {
    let (live, ready, metrics) = (health.clone(), health.clone(), metrics.clone());
    let writing = Arc::new(Mutex::new(()));
    Router::new()
        .route("/healthz", get(async move || healthz(&live.stalled())))
        .route("/readyz", get(async move || readyz(&ready.missing())))
        .route("/metrics", get(async move || write_metrics(metrics, writing).await))
}

fn healthz(stalled: &[Stalled]) -> Response {
    if stalled.is_empty() {
        return json(StatusCode::OK, &json!({"status": "live"}));
    }
    let describe = |stalled: &Stalled| {
        json!({
            "thread": stalled.thread,
            "silent_seconds": stalled.silent.map(|silent| silent.as_secs_f64()),
            "limit_seconds": stalled.limit.as_secs_f64(),
        })
    };
    let stalled: Vec<Value> = stalled.iter().map(describe).collect();
    json(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": "stalled", "stalled": stalled}))
}

fn readyz(missing: &[Missing]) -> Response {
    if missing.is_empty() {
        return json(StatusCode::OK, &json!({"status": "ready"}));
    }
    let describe = |missing: &Missing| json!({"condition": missing.condition, "why": missing.why});
    let missing: Vec<Value> = missing.iter().map(describe).collect();
    json(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": "not ready", "missing": missing}))
}

/// Collectors are the job's code and may take its locks: not on the thread that answers. One at a time, so that
/// scrapes of one that hangs do not pile up; those that wait are ended by the time limit of requests.
async fn write_metrics(metrics: Metrics, writing: Arc<Mutex<()>>) -> Response {
    let turn = writing.lock_owned().await;
    let written = tokio::task::spawn_blocking(move || {
        let text = metrics.encode();
        drop(turn);
        text
    });
    match written.await {
        Ok(Ok(text)) => respond(StatusCode::OK, OPEN_METRICS, text),
        Ok(Err(_)) | Err(_) => {
            tracing::error!("a collector of metrics failed");
            (StatusCode::INTERNAL_SERVER_ERROR, "a collector of metrics failed\n").into_response()
        }
    }
}

fn json(status: StatusCode, value: &Value) -> Response {
    respond(status, "application/json", format!("{value}\n"))
}

/// An answer about this very moment.
fn respond(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, body).into_response()
}
