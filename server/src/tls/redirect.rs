//! The answer to browsers that come without TLS: come with it.

use axum::Router;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

const HTTPS: u16 = 443;

/// Sends everybody to the same host and path with TLS, at this port. 308 keeps the method and is kept by browsers.
pub(crate) fn router(port: u16) -> Router {
    Router::new().fallback(async move |headers: HeaderMap, uri: Uri| answer(&headers, &uri, port))
}

fn answer(headers: &HeaderMap, uri: &Uri, port: u16) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    match host.and_then(|host| location(host, uri, port)) {
        Some(location) => (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, location)]).into_response(),
        None => (StatusCode::BAD_REQUEST, "which host is meant?\n").into_response(),
    }
}

fn location(host: &str, uri: &Uri, port: u16) -> Option<String> {
    // A name that is shown in place of another is nothing that browsers send.
    let authority: Authority = host.parse().ok().filter(|_| !host.contains('@'))?;
    let (host, path) = (authority.host(), uri.path_and_query().map_or("/", |path| path.as_str()));
    let path = if path.starts_with('/') { path } else { "/" };
    let location = match port {
        _ if host.is_empty() => return None,
        HTTPS => format!("https://{host}{path}"),
        port => format!("https://{host}:{port}{path}"),
    };
    // A name may have brackets where nobody can read them.
    location.parse::<Uri>().is_ok().then_some(location)
}

/// For fuzzing: whoever is sent anywhere is sent to the host that was named.
pub(crate) fn fuzz(host: &str, uri: &Uri) {
    if let Some(location) = location(host, uri, HTTPS) {
        let target: Uri = location.parse().expect("a place that browsers can read");
        let named: Authority = host.parse().expect("a host");
        assert_eq!(target.host(), Some(named.host()), "{location}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_to(host: &str, uri: &str, port: u16) -> Option<String> {
        location(host, &uri.parse().expect("a URI"), port)
    }

    #[test]
    fn the_same_page_with_tls() {
        let page = sent_to("calls.example", "/r/owl?a=b", 443);
        assert_eq!(page.as_deref(), Some("https://calls.example/r/owl?a=b"));
        let page = sent_to("calls.example:8080", "/", 8443);
        assert_eq!(page.as_deref(), Some("https://calls.example:8443/"));
        assert_eq!(sent_to("[::1]:80", "/r/owl", 443).as_deref(), Some("https://[::1]/r/owl"));
        assert_eq!(sent_to("calls.example", "*", 443).as_deref(), Some("https://calls.example/"));
    }

    #[test]
    fn nobody_is_sent_where_nobody_wanted_to_go() {
        for host in ["", ":80", "calls.example@evil.example", "a b", "a/b", "a\r\nb", "a[::1]:80"] {
            assert_eq!(sent_to(host, "/", 443), None, "{host:?}");
        }
        let page = sent_to("calls.example", "//evil.example/", 443);
        assert_eq!(page.as_deref(), Some("https://calls.example//evil.example/"));
        let page = sent_to("calls.example", "http://evil.example/x", 443);
        assert_eq!(page.as_deref(), Some("https://calls.example/x"));
    }
}
