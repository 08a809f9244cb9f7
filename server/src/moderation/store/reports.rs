use sqlx::any::AnyRow;
use sqlx::{Any, Row as _, Transaction};

use super::{BEHIND_ALL, Store, moment, one_more, optional_moment};
use crate::moderation::Moment;
use crate::moderation::records::{NewReport, Page, Part, Party, Report, ReportState, Resolution};

const COLUMNS: &str = "id, at_ms, state, place, reason, words, reporter_identity, reporter_address, reporter_name, \
                       reported_identity, reported_address, reported_name, resolved_at_ms, resolved_by, note";

impl Store {
    pub(in crate::moderation) async fn insert_report(
        &self,
        id: &str,
        now: Moment,
        report: &NewReport,
    ) -> sqlx::Result<()> {
        let address = |party: &Party| party.address.map(|address| address.to_string());
        sqlx::query(
            "INSERT INTO reports (id, at_ms, state, place, reason, words, reporter_identity, reporter_address, \
             reporter_name, reported_identity, reported_address, reported_name) \
             VALUES ($1, $2, 'open', $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(id)
        .bind(now.as_ms())
        .bind(&report.place)
        .bind(report.reason.as_str())
        .bind(&report.words)
        .bind(&report.reporter.identity)
        .bind(address(&report.reporter))
        .bind(&report.reporter.name)
        .bind(&report.reported.identity)
        .bind(address(&report.reported))
        .bind(&report.reported.name)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    pub(in crate::moderation) async fn count_open(&self) -> sqlx::Result<u64> {
        let row = sqlx::query("SELECT COUNT(*) AS open FROM reports WHERE state = 'open'");
        let count: i64 = row.fetch_one(&self.pool).await?.try_get("open")?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// The open ones with the oldest first, as they wait; the others with the newest first.
    pub(in crate::moderation) async fn reports(&self, open: bool, part: &Part) -> sqlx::Result<Page<Report>> {
        let (state, beyond, order) = if open { ("=", ">", "ASC") } else { ("<>", "<", "DESC") };
        let start = part.after.as_deref().unwrap_or(if open { "" } else { BEHIND_ALL });
        let text = format!(
            "SELECT {COLUMNS} FROM reports WHERE state {state} 'open' AND id {beyond} $1 ORDER BY id {order} LIMIT $2"
        );
        let rows = sqlx::query(&text).bind(start).bind(one_more(part.limit)).fetch_all(&self.pool).await?;
        let reports = rows.iter().map(read).collect::<sqlx::Result<Vec<_>>>()?;
        Ok(Page::of(reports, part, |report| &report.id))
    }

    pub(in crate::moderation) async fn report(&self, id: &str) -> sqlx::Result<Option<Report>> {
        let text = format!("SELECT {COLUMNS} FROM reports WHERE id = $1");
        let row = sqlx::query(&text).bind(id).fetch_optional(&self.pool).await?;
        row.as_ref().map(read).transpose()
    }

    /// Deletes what was resolved before `end`.
    pub(in crate::moderation) async fn purge_reports(&self, end: Moment) -> sqlx::Result<u64> {
        let query = sqlx::query("DELETE FROM reports WHERE resolved_at_ms < $1").bind(end.as_ms());
        Ok(query.execute(&self.pool).await?.rows_affected())
    }
}

/// Resolves a report that is open; whether it was.
pub(in crate::moderation) async fn resolve(
    transaction: &mut Transaction<'_, Any>,
    id: &str,
    state: ReportState,
    resolution: &Resolution,
) -> sqlx::Result<bool> {
    let query = sqlx::query(
        "UPDATE reports SET state = $1, resolved_at_ms = $2, resolved_by = $3, note = $4 \
         WHERE id = $5 AND state = 'open'",
    )
    .bind(state.as_str())
    .bind(resolution.at_ms.as_ms())
    .bind(&resolution.by)
    .bind(&resolution.note)
    .bind(id);
    Ok(query.execute(&mut **transaction).await?.rows_affected() > 0)
}

fn read(row: &AnyRow) -> sqlx::Result<Report> {
    let state = ReportState::of(&row.try_get::<String, _>("state")?);
    let resolution = match (optional_moment(row, "resolved_at_ms")?, row.try_get("resolved_by")?) {
        (Some(at_ms), Some(by)) => {
            let note = row.try_get::<Option<String>, _>("note")?.unwrap_or_default();
            Some(Resolution { at_ms, by, note })
        }
        (None, _) | (_, None) => None,
    };
    Ok(Report {
        id: row.try_get("id")?,
        at_ms: moment(row, "at_ms")?,
        state,
        place: row.try_get("place")?,
        reason: row.try_get("reason")?,
        words: row.try_get("words")?,
        reporter: party(row, "reporter")?,
        reported: party(row, "reported")?,
        resolution,
    })
}

fn party(row: &AnyRow, role: &str) -> sqlx::Result<Party> {
    let column = |name: &str| format!("{role}_{name}");
    let address: Option<String> = row.try_get(&*column("address"))?;
    Ok(Party {
        identity: row.try_get(&*column("identity"))?,
        address: address.and_then(|address| address.parse().ok()),
        name: row.try_get(&*column("name"))?,
    })
}
