use sqlx::{Any, Transaction};

use crate::moderation::records::Forgotten;

/// Deletes all that is kept about an identity, and counts it.
pub(in crate::moderation) async fn forget(
    transaction: &mut Transaction<'_, Any>,
    identity: &str,
) -> sqlx::Result<Forgotten> {
    let mut deleted = [0; 4];
    let statements = [
        "DELETE FROM reports WHERE reporter_identity = $1 OR reported_identity = $1",
        "DELETE FROM blocks WHERE blocker = $1 OR blocked = $1",
        "DELETE FROM bans WHERE kind = 'identity' AND subject = $1",
        "DELETE FROM audit WHERE person = $1",
    ];
    for (statement, deleted) in statements.into_iter().zip(&mut deleted) {
        *deleted = sqlx::query(statement).bind(identity).execute(&mut **transaction).await?.rows_affected();
    }
    let [reports, blocks, bans, audit_lines] = deleted;
    Ok(Forgotten { reports, blocks, bans, audit_lines })
}
