//! Sends traces to a collector (OTLP over HTTP, in protobuf). All that can be set is set by the variables of OpenTelemetry's
//! specification, which its library reads.

use std::env;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Key, KeyValue, global};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tracing::{Level, warn};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::{Layer, Registry};

use super::{TelemetryError, spans};

/// What made the spans.
pub(super) const SCOPE: &str = "visavis-server";

/// Used unless `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` has another.
const SERVICE: &str = "visavis-server";
const VERSION: &str = env!("CARGO_PKG_VERSION");
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
const TIMEOUTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];
/// The timeout that the specification has as default.
const PATIENCE: Duration = Duration::from_secs(10);
/// For what waits at the end.
const FLUSH: Duration = Duration::from_secs(5);
/// More of an answer is not read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// The way from spans to the collector.
#[derive(Debug)]
pub(super) struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// None, if the environment names no collector or wants no traces.
    pub(super) fn from_environment() -> Result<Option<Self>, TelemetryError> {
        if !is_wanted(|name| env::var(name).ok()) {
            return Ok(None);
        }
        let exporter = SpanExporter::builder().with_http().with_http_client(Transport::new()?).build()?;
        let provider =
            SdkTracerProvider::builder().with_resource(resource()).with_batch_exporter(exporter).build();
        global::set_tracer_provider(provider.clone());
        Ok(Some(Self { provider }))
    }

    /// Takes spans of ours, and no lines of the log: those may have in them what users wrote.
    pub(super) fn layer(&self) -> impl Layer<Registry> + use<> {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer(SCOPE))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(Targets::new().with_target(spans::TARGET, Level::INFO))
    }

    /// Sends what waits.
    pub(super) async fn flush(self) {
        // It waits for a thread of its own, which waits for this runtime.
        let flushed = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(FLUSH)).await;
        if !matches!(flushed, Ok(Ok(()))) {
            warn!("the last traces could not be sent");
        }
    }
}

/// What the spans are of. Its name, where nobody gave it one, would begin with `unknown_service`.
fn resource() -> Resource {
    let builder = || Resource::builder().with_attribute(KeyValue::new("service.version", VERSION));
    let resource = builder().build();
    match resource.get(&Key::from_static_str("service.name")) {
        Some(name) if !name.as_str().starts_with("unknown_service") => resource,
        Some(_) | None => builder().with_service_name(SERVICE).build(),
    }
}

/// Whether there is a collector that wants traces. Where the specification takes one on this machine for granted, that has to be
/// said here: few have one.
fn is_wanted(variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    if set("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return false;
    }
    match set("OTEL_TRACES_EXPORTER") {
        Some(exporters) => exporters.split(',').any(|exporter| exporter.trim() == "otlp"),
        None => ENDPOINTS.iter().any(|name| set(name).is_some()),
    }
}

/// How long to wait for an answer.
fn patience(variable: impl Fn(&str) -> Option<String>) -> Duration {
    let milliseconds = TIMEOUTS.iter().find_map(|name| variable(name)?.parse().ok());
    milliseconds.map_or(PATIENCE, Duration::from_millis)
}

/// The HTTP client that this program has, for the exporter's thread.
struct Transport {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Handle,
    patience: Duration,
}

impl Transport {
    fn new() -> Result<Self, TelemetryError> {
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()
            .map_err(TelemetryError::NoRoots)?
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, runtime: Handle::current(), patience: patience(|name| env::var(name).ok()) })
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("patience", &self.patience).finish_non_exhaustive()
    }
}

#[async_trait]
impl HttpClient for Transport {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (client, patience) = (self.client.clone(), self.patience);
        let asked = async move {
            let (head, body) = client.request(request.map(Full::new)).await?.into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await?.to_bytes();
            Ok::<_, HttpError>(Response::from_parts(head, body))
        };
        // What waits for time or sockets has to do so within the runtime, and the exporter's thread is outside.
        self.runtime.spawn(async move { timeout(patience, asked).await }).await??
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(variables: &[(&str, &str)]) -> bool {
        is_wanted(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn traces_go_where_the_environment_says_and_nowhere_without() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
        assert!(!wanted(&[]));
        assert!(!wanted(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]), "empty is as good as unset");
        assert!(wanted(&[endpoint]));
        assert!(wanted(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://collector:4318/v1/traces")]));
        assert!(wanted(&[("OTEL_TRACES_EXPORTER", "otlp")]), "to the collector on this machine");
        assert!(!wanted(&[endpoint, ("OTEL_TRACES_EXPORTER", "none")]));
        assert!(!wanted(&[endpoint, ("OTEL_SDK_DISABLED", "TRUE")]));
    }

    #[test]
    fn the_timeout_for_traces_stands_above_the_general_one() {
        let general = |name: &str| name.ends_with("OTLP_TIMEOUT").then(|| "200".to_owned());
        let both = |name: &str| Some(if name.contains("TRACES") { "100" } else { "200" }.to_owned());
        assert_eq!(patience(|_| None), PATIENCE);
        assert_eq!(patience(|_| Some("soon".to_owned())), PATIENCE);
        assert_eq!(patience(general), Duration::from_millis(200));
        assert_eq!(patience(both), Duration::from_millis(100));
    }
}
