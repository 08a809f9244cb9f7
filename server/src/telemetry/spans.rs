//! The spans of traces: what took how long, for operators. They hold nothing that a user chose or is known by, so no address, name,
//! room, identity or text. Without the feature `otel` they cost a comparison.

use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use tracing::field::Empty;
use tracing::{Instrument as _, Span, info_span};

/// What tells them from the log.
pub(crate) const TARGET: &str = "visavis_server::spans";

/// One request, by the semantic conventions of HTTP. A WebSocket's ends with its upgrade. The trace context of the client
/// (`traceparent`) is not taken: anybody could have everything traced.
pub(crate) async fn request(request: Request, next: Next) -> Response {
    let span = info_span!(
        target: TARGET,
        "request",
        otel.name = Empty,
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method(request.method()),
        http.route = Empty,
        http.response.status_code = Empty,
    );
    if span.is_disabled() {
        return next.run(request).await;
    }
    let method = method(request.method());
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    match route {
        Some(route) => {
            span.record("otel.name", format!("{method} {route}"));
            span.record("http.route", route);
        }
        None => {
            span.record("otel.name", method);
        }
    }
    let response = next.run(request).instrument(span.clone()).await;
    span.record("http.response.status_code", response.status().as_u16());
    if response.status().is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    response
}

/// From a client's first words to its welcome.
pub(crate) fn hello() -> Span {
    info_span!(target: TARGET, "hello", otel.status_code = Empty, "error.type" = Empty)
}

/// What is asked of the database, in the trace of who asks.
pub(crate) fn database(operation: &'static str) -> Span {
    info_span!(target: TARGET, "database", otel.kind = "client", db.operation.name = operation)
}

/// Says of a span that it came to no good, and by which code.
pub(crate) fn fail(span: &Span, code: &'static str) {
    span.record("otel.status_code", "ERROR");
    span.record("error.type", code);
}

/// A span that ends now, of something that `lasted` so long; with the `code` that somebody was refused with.
#[cfg(feature = "otel")]
pub(crate) fn ended(name: &'static str, lasted: Duration, code: Option<&'static str>) {
    use std::time::SystemTime;

    use opentelemetry::trace::{Span as _, Status, Tracer as _};
    use opentelemetry::{KeyValue, global};

    let tracer = global::tracer(super::otlp::SCOPE);
    let now = SystemTime::now();
    let mut span = tracer.span_builder(name).with_start_time(now - lasted).start(&tracer);
    if let Some(code) = code {
        span.set_status(Status::error(""));
        span.set_attribute(KeyValue::new("error.type", code));
    }
    span.end_with_timestamp(now);
}

/// Nobody listens.
#[cfg(not(feature = "otel"))]
pub(crate) fn ended(_name: &'static str, _lasted: Duration, _code: Option<&'static str>) {}

/// The method, if it is one that HTTP has: a client can make up any.
fn method(method: &Method) -> &'static str {
    const KNOWN: [(Method, &str); 9] = [
        (Method::GET, "GET"),
        (Method::HEAD, "HEAD"),
        (Method::POST, "POST"),
        (Method::PUT, "PUT"),
        (Method::DELETE, "DELETE"),
        (Method::CONNECT, "CONNECT"),
        (Method::OPTIONS, "OPTIONS"),
        (Method::TRACE, "TRACE"),
        (Method::PATCH, "PATCH"),
    ];
    KNOWN.iter().find(|(known, _)| known == method).map_or("_OTHER", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_that_somebody_made_up_is_no_name() {
        assert_eq!(method(&Method::PATCH), "PATCH");
        assert_eq!(method(&Method::from_bytes(b"ADA").expect("a token")), "_OTHER");
    }
}
