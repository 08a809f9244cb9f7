use sqlx::Row as _;

use super::Store;
use crate::moderation::Moment;

impl Store {
    /// Keeps a block; one that is there already stays as it is.
    pub(in crate::moderation) async fn insert_block(
        &self,
        now: Moment,
        blocker: &str,
        blocked: &str,
    ) -> sqlx::Result<()> {
        sqlx::query(
            "INSERT INTO blocks (blocker, blocked, at_ms) VALUES ($1, $2, $3) \
             ON CONFLICT (blocker, blocked) DO NOTHING",
        )
        .bind(blocker)
        .bind(blocked)
        .bind(now.as_ms())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// All that were made since then.
    pub(in crate::moderation) async fn blocks_since(
        &self,
        start: Moment,
    ) -> sqlx::Result<Vec<(String, String)>> {
        let query = sqlx::query("SELECT blocker, blocked FROM blocks WHERE at_ms >= $1").bind(start.as_ms());
        let rows = query.fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((row.try_get("blocker")?, row.try_get("blocked")?))).collect()
    }
}
