//! The routes for clients: `/ws`, `/features`, `/healthz` and `/readyz`, and the UI for everything else.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use ipnet::{IpNet, Ipv4Net};
use serde::Serialize;

use crate::admin::{self, Readiness};
use crate::assets::{Asset, Assets};
use crate::connection::{self, Shared, Upgrade};
use crate::front::Peer;
use crate::limits::{Gate, Source, TooMany};
use crate::origin::{self, Origin};
use crate::telemetry::spans;
use crate::tls;

/// For files whose name changes with their content.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// Sent with every answer. `'self'` in `connect-src` covers `ws:` and `wss:` to the same host (CSP level 3, section
/// 6.7.2.8).
const SECURITY_HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'self'; connect-src 'self'; img-src 'self' data: blob:; \
             media-src 'self' blob: mediastream:; object-src 'none'; base-uri 'none'; form-action 'self'; \
             frame-ancestors 'none'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    // An invite link is all it takes to enter a room: no other site may learn it.
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(
            "camera=(self), microphone=(self), display-capture=(self), fullscreen=(self), geolocation=()",
        ),
    ),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// Whoever opens the page from another site has no hold on its window, and shares no process with it. Browsers complain of it
/// where there is no TLS.
const OPENER_POLICY: (HeaderName, HeaderValue) =
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));

/// What the routes share.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) connections: Arc<Shared>,
    pub(crate) assets: Assets,
    pub(crate) allowed_origins: Vec<Origin>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) readiness: Readiness,
    pub(crate) transport: Transport,
    pub(crate) features: Features,
}

/// What the UI offers only where the server does.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Features {
    /// Whether strangers are brought together.
    pub(crate) strangers: bool,
    /// Whether reports and blocks are kept.
    pub(crate) reports: bool,
}

/// What carries the requests here.
#[derive(Debug, Clone)]
pub(crate) enum Transport {
    /// Perhaps a proxy has taken their TLS off.
    Plain,
    Tls {
        hsts: Option<HeaderValue>,
    },
}

/// The header that makes a browser come with TLS for so long, whatever it is told (RFC 6797); none for no time. It says nothing
/// of other hosts of the domain, which are not ours to speak for.
pub(crate) fn hsts(time: Duration) -> Option<HeaderValue> {
    let seconds = Some(time.as_secs()).filter(|seconds| *seconds > 0)?;
    HeaderValue::try_from(format!("max-age={seconds}")).ok()
}

pub(crate) fn router(site: Site) -> Router {
    Router::new()
        .route("/ws", any(websocket))
        .route("/healthz", get(admin::health))
        .route("/features", get(async |State(site): State<Arc<Site>>| Json(site.features)))
        .route("/readyz", get(async |State(site): State<Arc<Site>>| site.readiness.answer()))
        .route("/r/{room}", get(index))
        .route("/meet", get(index))
        .fallback(ui)
        .layer(from_fn_with_state(site.transport.clone(), with_security_headers))
        .layer(from_fn(spans::request))
        .with_state(Arc::new(site))
}

async fn websocket(
    State(site): State<Arc<Site>>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    mut request: Request,
) -> Response {
    let headers = request.headers();
    let Ok(origin) = headers.get(header::ORIGIN).map(HeaderValue::to_str).transpose() else {
        return StatusCode::FORBIDDEN.into_response();
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    if !origin::is_allowed(origin, host, &site.allowed_origins) {
        return (StatusCode::FORBIDDEN, "pages of this origin may not connect\n").into_response();
    }
    let (answer, upgrade) = Upgrade::answer(&mut request);
    let Some(upgrade) = upgrade else { return answer };
    match site.gate.admit(peer, &forwarded_for(request.headers())) {
        Ok(admission) => {
            tokio::spawn(connection::begin(upgrade, Arc::clone(&site.connections), admission));
            answer
        }
        Err(too_many) => {
            site.connections.metrics.connections_refused.inc();
            too_many.into_response()
        }
    }
}

/// All that proxies say of whom they forward for, in their order: some append to the header that they find, some add one
/// more. A client can write anything in front of that.
fn forwarded_for(headers: &HeaderMap) -> String {
    let lines = headers.get_all("x-forwarded-for").iter();
    lines.map(|line| String::from_utf8_lossy(line.as_bytes())).collect::<Vec<_>>().join(",")
}

impl IntoResponse for TooMany {
    fn into_response(self) -> Response {
        let seconds = self.retry_after.as_millis().div_ceil(1000).max(1);
        let retry_after = HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX));
        let why = "your address has too many connections\n";
        (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, retry_after)], why).into_response()
    }
}

async fn index(State(site): State<Arc<Site>>) -> Response {
    match site.assets.index() {
        Some(page) => file(page, ASK_AGAIN),
        None => (
            StatusCode::NOT_FOUND,
            [(header::CACHE_CONTROL, ASK_AGAIN)],
            Html(include_str!("not_built.html")),
        )
            .into_response(),
    }
}

/// A file of the UI; paths that name no file are places within the UI.
async fn ui(State(site): State<Arc<Site>>, method: Method, uri: Uri) -> Response {
    if !matches!(method, Method::GET | Method::HEAD) {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response();
    }
    let path = uri.path().trim_start_matches('/');
    match site.assets.file(path) {
        Some(page) if path == "index.html" => file(page, ASK_AGAIN),
        Some(asset) if path.starts_with("assets/") => file(asset, FOR_EVER),
        Some(asset) => file(asset, ASK_AGAIN),
        None if path.contains('.') => (StatusCode::NOT_FOUND, "there is no such file\n").into_response(),
        None => index(State(site)).await,
    }
}

fn file(asset: &Asset, cache: HeaderValue) -> Response {
    let headers = [(header::CONTENT_TYPE, asset.content_type.clone()), (header::CACHE_CONTROL, cache)];
    (headers, asset.content.clone()).into_response()
}

/// For fuzzing: path, `Origin`, `Host` and `X-Forwarded-For`, a line each; nothing panics, and nobody is believed who may not be.
#[doc(hidden)]
pub fn fuzz_request(text: &str) {
    let mut lines = text.split('\n');
    let mut next = || lines.next().unwrap_or_default();
    let (path, origin, host, forwarded) = (next(), next(), next(), next());
    let is_allowed = origin::is_allowed(Some(origin), Some(host), &[]);
    assert!(!is_allowed || origin.parse::<Origin>().is_ok());
    let stranger = IpAddr::from([192, 0, 2, 7]);
    let proxies = [IpNet::from(Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8).trunc())];
    assert_eq!(Source::behind(stranger, forwarded, &proxies), Some(Source::of(stranger)));
    Source::behind(Ipv4Addr::LOCALHOST.into(), forwarded, &proxies);
    if let Ok(uri) = path.parse::<Uri>() {
        tls::fuzz_redirect(host, &uri);
    }
}

async fn with_security_headers(State(transport): State<Transport>, request: Request, next: Next) -> Response {
    let proxied_tls = request.headers().get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.extend(SECURITY_HEADERS);
    match transport {
        Transport::Plain if !proxied_tls => {}
        Transport::Plain => headers.extend([OPENER_POLICY]),
        Transport::Tls { hsts } => {
            headers.extend([OPENER_POLICY]);
            headers.extend(hsts.map(|hsts| (header::STRICT_TRANSPORT_SECURITY, hsts)));
        }
    }
    response
}
