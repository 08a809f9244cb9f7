use sqlx::any::AnyRow;
use sqlx::{Any, Row as _, Transaction};

use super::{BEHIND_ALL, Store, moment, one_more, optional_moment};
use crate::moderation::Moment;
use crate::moderation::ban::Ban;
use crate::moderation::person::Subject;
use crate::moderation::records::{Page, Part};

const COLUMNS: &str = "id, kind, subject, reason, since_ms, until_ms, moderator, report";

impl Store {
    /// All that hold at `now`.
    pub(in crate::moderation) async fn bans_in_force(&self, now: Moment) -> sqlx::Result<Vec<Ban>> {
        let text = format!("SELECT {COLUMNS} FROM bans WHERE until_ms IS NULL OR until_ms > $1");
        let rows = sqlx::query(&text).bind(now.as_ms()).fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }

    /// Those that hold, with the newest first.
    pub(in crate::moderation) async fn bans(&self, now: Moment, part: &Part) -> sqlx::Result<Page<Ban>> {
        let text = format!(
            "SELECT {COLUMNS} FROM bans WHERE (until_ms IS NULL OR until_ms > $1) AND id < $2 \
             ORDER BY id DESC LIMIT $3"
        );
        let query = sqlx::query(&text)
            .bind(now.as_ms())
            .bind(part.after.as_deref().unwrap_or(BEHIND_ALL))
            .bind(one_more(part.limit));
        let rows = query.fetch_all(&self.pool).await?;
        let bans = rows.iter().map(read).collect::<sqlx::Result<Vec<_>>>()?;
        Ok(Page::of(bans, part, |ban| &ban.id))
    }

    /// Deletes what ended before `now`.
    pub(in crate::moderation) async fn purge_bans(&self, now: Moment) -> sqlx::Result<u64> {
        let query = sqlx::query("DELETE FROM bans WHERE until_ms <= $1").bind(now.as_ms());
        Ok(query.execute(&self.pool).await?.rows_affected())
    }
}

/// Makes a ban, in place of one of the same subject; that one.
pub(in crate::moderation) async fn insert(
    transaction: &mut Transaction<'_, Any>,
    ban: &Ban,
) -> sqlx::Result<Option<Ban>> {
    let text = format!("SELECT {COLUMNS} FROM bans WHERE kind = $1 AND subject = $2");
    let (kind, subject) = (ban.subject.kind(), ban.subject.value());
    let row = sqlx::query(&text).bind(kind).bind(&subject).fetch_optional(&mut **transaction).await?;
    let old = row.as_ref().map(read).transpose()?;
    sqlx::query(
        "INSERT INTO bans (id, kind, subject, reason, since_ms, until_ms, moderator, report) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (kind, subject) DO UPDATE SET id = excluded.id, reason = excluded.reason, \
         since_ms = excluded.since_ms, until_ms = excluded.until_ms, moderator = excluded.moderator, \
         report = excluded.report",
    )
    .bind(&ban.id)
    .bind(kind)
    .bind(&subject)
    .bind(&ban.reason)
    .bind(ban.since_ms.as_ms())
    .bind(ban.until_ms.map(Moment::as_ms))
    .bind(&ban.moderator)
    .bind(&ban.report)
    .execute(&mut **transaction)
    .await?;
    Ok(old)
}

/// Lifts a ban; the ban, if there was one.
pub(in crate::moderation) async fn delete(
    transaction: &mut Transaction<'_, Any>,
    id: &str,
) -> sqlx::Result<Option<Ban>> {
    let text = format!("DELETE FROM bans WHERE id = $1 RETURNING {COLUMNS}");
    let row = sqlx::query(&text).bind(id).fetch_optional(&mut **transaction).await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &AnyRow) -> sqlx::Result<Ban> {
    let (kind, subject): (String, String) = (row.try_get("kind")?, row.try_get("subject")?);
    let subject = Subject::of(&kind, &subject).map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok(Ban {
        id: row.try_get("id")?,
        subject,
        reason: row.try_get("reason")?,
        since_ms: moment(row, "since_ms")?,
        until_ms: optional_moment(row, "until_ms")?,
        moderator: row.try_get("moderator")?,
        report: row.try_get("report")?,
    })
}
