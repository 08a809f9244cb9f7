use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use utoipa::ToSchema;

use super::Office;
use super::failure::Failure;
use super::guard::Moderator;
use super::request::{Asked, Body, Id, PartQuery, written};
use crate::moderation::Moment;
use crate::moderation::ban::Ban;
use crate::moderation::person::Subject;
use crate::moderation::records::{NewBan, Page};

pub(super) const LONGEST_REASON: usize = 300;
/// Ten years; what is longer is for ever.
const LONGEST_BAN_S: u64 = 10 * 365 * 24 * 60 * 60;

/// Whom to keep out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BanRequest {
    subject: Subject,
    /// What the banned person is told; 1 to 300 characters.
    reason: String,
    /// For how many seconds; for ever, if it is not there.
    seconds: Option<u64>,
}

impl BanRequest {
    pub(super) fn read(self, now: Moment) -> Result<NewBan, Failure> {
        let Self { subject, reason, seconds } = self;
        let reason = written("reason", &reason, 1..=LONGEST_REASON)?;
        Ok(NewBan { subject, reason, until: end(now, seconds)?, report: None })
    }
}

/// Lists the bans that hold, with the newest first.
#[utoipa::path(
    get, path = "/api/bans", params(PartQuery),
    responses(
        (status = 200, description = "Some bans", body = Page<Ban>),
        (status = 400, description = "`invalid`", body = Failure),
        (status = 401, description = "`unauthorized`", body = Failure),
        (status = 503, description = "`unavailable`", body = Failure),
    )
)]
pub(super) async fn list_bans(
    State(office): State<Arc<Office>>,
    Asked(query): Asked<PartQuery>,
) -> Result<Json<Page<Ban>>, Failure> {
    Ok(Json(office.archive()?.bans(query.part()?).await?))
}

/// Keeps somebody out, at once and in place of an earlier ban of the same subject.
#[utoipa::path(
    post, path = "/api/bans", request_body = BanRequest,
    responses(
        (status = 201, description = "The ban", body = Ban),
        (status = 400, description = "`invalid`", body = Failure),
        (status = 401, description = "`unauthorized`", body = Failure),
        (status = 503, description = "`unavailable`", body = Failure),
    )
)]
pub(super) async fn make_ban(
    State(office): State<Arc<Office>>,
    Extension(Moderator(moderator)): Extension<Moderator>,
    Body(request): Body<BanRequest>,
) -> Result<(StatusCode, Json<Ban>), Failure> {
    let ban = request.read(Moment::from(SystemTime::now()))?;
    let ban = office.archive()?.ban(moderator, ban).await?;
    Ok((StatusCode::CREATED, Json(ban)))
}

/// Lets somebody in again.
#[utoipa::path(
    delete, path = "/api/bans/{id}", params(("id" = String, Path, description = "The ban's id")),
    responses(
        (status = 204, description = "The ban is lifted"),
        (status = 401, description = "`unauthorized`", body = Failure),
        (status = 404, description = "`not_found`", body = Failure),
        (status = 503, description = "`unavailable`", body = Failure),
    )
)]
pub(super) async fn lift_ban(
    State(office): State<Arc<Office>>,
    Extension(Moderator(moderator)): Extension<Moderator>,
    Id(id): Id,
) -> Result<StatusCode, Failure> {
    office.archive()?.lift(moderator, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// When a ban ends that is made now.
pub(super) fn end(now: Moment, seconds: Option<u64>) -> Result<Option<Moment>, Failure> {
    match seconds {
        None => Ok(None),
        Some(seconds @ 1..=LONGEST_BAN_S) => Ok(Some(now.after(Duration::from_secs(seconds)))),
        Some(_) => Err(Failure::invalid(format!("seconds is 1 to {LONGEST_BAN_S}, or not there"))),
    }
}
