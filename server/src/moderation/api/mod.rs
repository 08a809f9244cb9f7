//! What moderators ask for and change, over HTTP with JSON, and the page that does it for them. It is on the operators'
//! address, and only there if somebody may moderate.

mod audit;
mod bans;
mod failure;
mod fuzz;
mod guard;
mod page;
mod people;
mod reports;
mod request;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::HeaderValue;
use axum::http::header;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ArchiveHandle;
use crate::config::{AdminConfig, AdminToken, ModeratorConfig};
use failure::{Failure, FailureCode};
pub use fuzz::fuzz_moderation;

/// The largest body of a request, in bytes.
const LARGEST_BODY: usize = 64 * 1024;
/// What the moderator of `admin.token` is called.
const OPERATOR: &str = "operator";

/// Who may moderate, and what they work on.
#[derive(Debug)]
pub(crate) struct Office {
    archive: Option<ArchiveHandle>,
    moderators: Vec<ModeratorConfig>,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Visavis moderation",
        description = "Reports, bans and the audit log of a Visavis server. All times are milliseconds since 1970."
    ),
    components(schemas(Failure, FailureCode)),
    security(("token" = []))
)]
struct Document;

impl Office {
    pub(crate) fn new(config: &AdminConfig, archive: Option<ArchiveHandle>) -> Self {
        let operator =
            |token: &AdminToken| ModeratorConfig { name: OPERATOR.to_owned(), token: token.clone() };
        let moderators = config.token.iter().map(operator).chain(config.moderators.iter().cloned()).collect();
        Self { archive, moderators }
    }

    /// All that is for moderators; nothing, if there are none.
    pub(crate) fn router(self) -> Router {
        if self.moderators.is_empty() {
            return Router::new();
        }
        let office = Arc::new(self);
        let (api, document) = api().split_for_parts();
        let guarded = api.route_layer(from_fn_with_state(Arc::clone(&office), guard::let_in));
        let document = Arc::new(document);
        Router::new()
            .merge(guarded)
            .route("/api/openapi.json", get(async move || Json((*document).clone())))
            .merge(page::router())
            .layer(DefaultBodyLimit::max(LARGEST_BODY))
            .layer(map_response(never_kept))
            .with_state(office)
    }
}

/// The routes, and what describes them.
fn api() -> OpenApiRouter<Arc<Office>> {
    let mut document = Document::openapi();
    let token = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    document.components.get_or_insert_default().add_security_scheme("token", token);
    OpenApiRouter::with_openapi(document)
        .routes(routes!(reports::list_reports))
        .routes(routes!(reports::resolve_report))
        .routes(routes!(bans::list_bans, bans::make_ban))
        .routes(routes!(bans::lift_ban))
        .routes(routes!(audit::list_audit))
        .routes(routes!(people::forget_person))
}

/// It is about people: nothing on the way keeps it.
async fn never_kept(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
