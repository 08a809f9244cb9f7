use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Office;
use super::failure::{Failure, FailureCode};

/// Who asks.
#[derive(Debug, Clone)]
pub(super) struct Moderator(pub(super) String);

/// Lets in who shows the token of a moderator (`Authorization: Bearer`, RFC 6750 section 2.1).
pub(super) async fn let_in(State(office): State<Arc<Office>>, mut request: Request, next: Next) -> Response {
    match moderator(&office, request.headers()) {
        Some(moderator) => {
            request.extensions_mut().insert(moderator);
            next.run(request).await
        }
        None => {
            Failure::new(FailureCode::Unauthorized, "this needs the token of a moderator").into_response()
        }
    }
}

fn moderator(office: &Office, headers: &HeaderMap) -> Option<Moderator> {
    let shown = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = shown.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    // All are compared, so that the time does not tell whose token it could be.
    let fitting = |found: Option<Moderator>, moderator: &crate::ModeratorConfig| {
        let fits = moderator.token.is(token);
        found.or_else(|| fits.then(|| Moderator(moderator.name.clone())))
    };
    office.moderators.iter().fold(None, fitting)
}
