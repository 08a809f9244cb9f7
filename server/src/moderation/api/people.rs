use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};

use super::Office;
use super::failure::Failure;
use super::guard::Moderator;
use crate::access::Identity;
use crate::moderation::records::Forgotten;

/// Deletes all that is kept about a person: reports by and about them, blocks, bans, and lines of the audit log.
#[utoipa::path(
    delete, path = "/api/people/{identity}", params(("identity" = String, Path, description = "Whom")),
    responses(
        (status = 200, description = "How much was deleted", body = Forgotten),
        (status = 400, description = "`invalid`", body = Failure),
        (status = 401, description = "`unauthorized`", body = Failure),
        (status = 503, description = "`unavailable`", body = Failure),
    )
)]
pub(super) async fn forget_person(
    State(office): State<Arc<Office>>,
    Extension(Moderator(moderator)): Extension<Moderator>,
    Path(identity): Path<String>,
) -> Result<Json<Forgotten>, Failure> {
    let identity = Identity::try_from(identity).map_err(|error| Failure::invalid(error.to_string()))?;
    Ok(Json(office.archive()?.forget(moderator, identity.into()).await?))
}
