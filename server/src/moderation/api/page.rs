use std::sync::Arc;

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::{self, HeaderName};
use axum::routing::get;

use super::Office;

/// Nothing from elsewhere, nothing inline, and no text that becomes markup.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
);

/// The page of the moderators. There is nothing in it that is not public: it asks for a token.
pub(super) fn router() -> Router<Arc<Office>> {
    let file = |content_type: &'static str, content: &'static str| {
        get(async move || {
            let headers: [(HeaderName, HeaderValue); 3] = [
                (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
                (header::CONTENT_SECURITY_POLICY, POLICY),
                (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            ];
            (headers, content)
        })
    };
    Router::new()
        .route("/", file("text/html; charset=utf-8", include_str!("page/index.html")))
        .route("/moderation.css", file("text/css; charset=utf-8", include_str!("page/moderation.css")))
        .route("/moderation.js", file("text/javascript; charset=utf-8", include_str!("page/moderation.js")))
}
