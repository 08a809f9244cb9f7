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
    readiness: Readiness,
}

/// Whether new clients are to be sent here.
#[derive(Debug, Clone)]
pub(crate) struct Readiness {
    /// It is not going away.
    pub(crate) stays: watch::Receiver<bool>,
    /// It reaches the other nodes, if there are to be any.
    pub(crate) reaches: watch::Receiver<bool>,
}

pub(crate) fn router(metrics: Arc<Metrics>, readiness: Readiness) -> Router {
    Router::new()
        .route("/metrics", get(metrics_text))
        .route("/stats", get(stats))
        .route("/healthz", get(health))
        .route("/readyz", get(async |State(desk): State<Arc<Desk>>| desk.readiness.answer()))
        .with_state(Arc::new(Desk { metrics, readiness }))
}

/// The process runs.
pub(crate) async fn health() -> &'static str {
    "ok\n"
}

impl Readiness {
    pub(crate) fn answer(&self) -> Response {
        match (*self.stays.borrow(), *self.reaches.borrow()) {
            (true, true) => "ready\n".into_response(),
            (true, false) => (StatusCode::SERVICE_UNAVAILABLE, "cut off from the others\n").into_response(),
            (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "going away\n").into_response(),
        }
    }
}

async fn metrics_text(State(desk): State<Arc<Desk>>) -> Response {
    ([(header::CONTENT_TYPE, OPEN_METRICS)], desk.metrics.to_text()).into_response()
}

async fn stats(State(desk): State<Arc<Desk>>) -> Json<Stats> {
    Json(desk.metrics.stats())
}
