use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::Office;
use super::failure::Failure;
use super::request::{Asked, PartQuery};
use crate::moderation::records::{AuditLine, Page};

/// Lists what moderators did, with the newest first.
#[utoipa::path(
    get, path = "/api/audit", params(PartQuery),
    responses(
        (status = 200, description = "Some lines", body = Page<AuditLine>),
        (status = 400, description = "`invalid`", body = Failure),
        (status = 401, description = "`unauthorized`", body = Failure),
        (status = 503, description = "`unavailable`", body = Failure),
    )
)]
pub(super) async fn list_audit(
    State(office): State<Arc<Office>>,
    Asked(query): Asked<PartQuery>,
) -> Result<Json<Page<AuditLine>>, Failure> {
    Ok(Json(office.archive()?.audit(query.part()?).await?))
}
