//! What operators ask for, on an address of its own that clients do not reach: `/metrics`, `/stats`, `/healthz`, `/readyz`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio::sync::watch;

use crate::metrics::{Metrics, Stats};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the routes share.
#[derive(Debug)]
struct Desk {
    metrics: Arc<Metrics>,
    ready: watch::Receiver<bool>,
}

pub(crate) fn router(metrics: Arc<Metrics>, ready: watch::Receiver<bool>) -> Router {
    Router::new()
        .route("/metrics", get(metrics_text))
        .route("/stats", get(stats))
        .route("/healthz", get(health))
        .route("/readyz", get(async |State(desk): State<Arc<Desk>>| readiness(&desk.ready)))
        .with_state(Arc::new(Desk { metrics, ready }))
}

/// The process runs.
pub(crate) async fn health() -> &'static str {
    "ok\n"
}

/// Whether new clients are to be sent here.
pub(crate) fn readiness(ready: &watch::Receiver<bool>) -> Response {
    if *ready.borrow() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "going away\n").into_response()
    }
}

async fn metrics_text(State(desk): State<Arc<Desk>>) -> Response {
    ([(header::CONTENT_TYPE, OPEN_METRICS)], desk.metrics.to_text()).into_response()
}

async fn stats(State(desk): State<Arc<Desk>>) -> Json<Stats> {
    Json(desk.metrics.stats())
}
