use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::State;
use axum::{Extension, Json};
use serde::Deserialize;
use utoipa::ToSchema;

use super::Office;
use super::bans::{LONGEST_REASON, end};
use super::failure::{Failure, FailureCode};
use super::guard::Moderator;
use super::request::{Asked, Body, Id, PartQuery, ReportsQuery, WhichReports, written};
use crate::moderation::Moment;
use crate::moderation::clerk::{BanBy, Verdict};
use crate::moderation::records::{Page, Report};

const LONGEST_NOTE: usize = 1000;

/// What to do about a report.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Decision {
    /// Nothing.
    Dismiss {
        /// For other moderators.
        #[serde(default)]
        note: String,
    },
    /// The one who is reported may not come any more.
    Ban {
        by: BanBy,
        /// What the banned person is told; 1 to 300 characters.
        reason: String,
        /// For how many seconds; for ever, if it is not there.
        seconds: Option<u64>,
        /// For other moderators.
        #[serde(default)]
        note: String,
    },
}

impl Decision {
    /// The verdict, and a note for other moderators.
    pub(super) fn read(self, now: Moment) -> Result<(Verdict, String), Failure> {
        let (verdict, note) = match self {
            Self::Dismiss { note } => (Verdict::Dismiss, note),
            Self::Ban { by, reason, seconds, note } => {
                let reason = written("reason", &reason, 1..=LONGEST_REASON)?;
                (Verdict::Ban { by, reason, until: end(now, seconds)? }, note)
            }
        };
        Ok((verdict, written("note", &note, 0..=LONGEST_NOTE)?))
    }
}

/// Lists reports.
#[utoipa::path(
    get, path = "/api/reports", params(ReportsQuery),
    responses(
        (status = 200, description = "Some reports", body = Page<Report>),
        (status = 400, description = "`invalid`", body = Failure),
        (status = 401, description = "`unauthorized`", body = Failure),
        (status = 503, description = "`unavailable`", body = Failure),
    )
)]
pub(super) async fn list_reports(
    State(office): State<Arc<Office>>,
    Asked(ReportsQuery { state, after, limit }): Asked<ReportsQuery>,
) -> Result<Json<Page<Report>>, Failure> {
    let part = PartQuery { after, limit }.part()?;
    Ok(Json(office.archive()?.reports(state == WhichReports::Open, part).await?))
}

/// Resolves a report that is open.
#[utoipa::path(
    post, path = "/api/reports/{id}/resolve", params(("id" = String, Path, description = "The report's id")),
    request_body = Decision,
    responses(
        (status = 200, description = "The report as it is then", body = Report),
        (status = 400, description = "`invalid`", body = Failure),
        (status = 401, description = "`unauthorized`", body = Failure),
        (status = 404, description = "`not_found`", body = Failure),
        (status = 409, description = "`already_resolved`, `address_unknown`", body = Failure),
        (status = 503, description = "`unavailable`", body = Failure),
    )
)]
pub(super) async fn resolve_report(
    State(office): State<Arc<Office>>,
    Extension(Moderator(moderator)): Extension<Moderator>,
    Id(id): Id,
    Body(decision): Body<Decision>,
) -> Result<Json<Report>, Failure> {
    let (verdict, note) = decision.read(Moment::from(SystemTime::now()))?;
    Ok(Json(office.archive()?.resolve(moderator, id, verdict, note).await?))
}

impl Office {
    pub(super) fn archive(&self) -> Result<&crate::moderation::ArchiveHandle, Failure> {
        let none =
            || Failure::new(FailureCode::Unavailable, "this server has no database: see moderation.database");
        self.archive.as_ref().ok_or_else(none)
    }
}
