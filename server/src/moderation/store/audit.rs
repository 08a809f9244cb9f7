use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::{Any, Row as _, Transaction};

use super::{BEHIND_ALL, Store, moment, one_more};
use crate::moderation::Moment;
use crate::moderation::records::{AuditAction, AuditLine, Page, Part};

const COLUMNS: &str = "id, at_ms, moderator, action, target, was, became";

impl Store {
    /// The newest first.
    pub(in crate::moderation) async fn audit(&self, part: &Part) -> sqlx::Result<Page<AuditLine>> {
        let text = format!("SELECT {COLUMNS} FROM audit WHERE id < $1 ORDER BY id DESC LIMIT $2");
        let start = part.after.as_deref().unwrap_or(BEHIND_ALL);
        let rows = sqlx::query(&text).bind(start).bind(one_more(part.limit)).fetch_all(&self.pool).await?;
        let lines = rows.iter().map(read).collect::<sqlx::Result<Vec<_>>>()?;
        Ok(Page::of(lines, part, |line| &line.id))
    }

    /// Deletes what is older than `end`.
    pub(in crate::moderation) async fn purge_audit(&self, end: Moment) -> sqlx::Result<u64> {
        let query = sqlx::query("DELETE FROM audit WHERE at_ms < $1").bind(end.as_ms());
        Ok(query.execute(&self.pool).await?.rows_affected())
    }
}

/// Writes down what a moderator does, about a person if it is about one.
pub(in crate::moderation) async fn append(
    transaction: &mut Transaction<'_, Any>,
    line: &AuditLine,
    person: Option<&str>,
) -> sqlx::Result<()> {
    let text = |value: &Option<Value>| value.as_ref().map(Value::to_string);
    sqlx::query(
        "INSERT INTO audit (id, at_ms, moderator, action, target, person, was, became) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&line.id)
    .bind(line.at_ms.as_ms())
    .bind(&line.moderator)
    .bind(line.action.as_str())
    .bind(&line.target)
    .bind(person)
    .bind(text(&line.before))
    .bind(text(&line.after))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn read(row: &AnyRow) -> sqlx::Result<AuditLine> {
    let action: String = row.try_get("action")?;
    let value = |column: &str| {
        let text = row.try_get::<Option<String>, _>(column)?;
        text.map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|error| sqlx::Error::Decode(error.into()))
    };
    Ok(AuditLine {
        id: row.try_get("id")?,
        at_ms: moment(row, "at_ms")?,
        moderator: row.try_get("moderator")?,
        action: AuditAction::of(&action)
            .ok_or_else(|| sqlx::Error::Decode(format!("there is no action {action}").into()))?,
        target: row.try_get("target")?,
        before: value("was")?,
        after: value("became")?,
    })
}
