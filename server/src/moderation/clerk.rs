#[cfg(test)]
mod tests;

use std::num::NonZeroU32;
use std::time::Duration;

use rand::rngs::StdRng;
use serde_json::{Value, json};
use sqlx::{Any, Transaction};
use tracing::warn;
use visavis_protocol::ReportId;

use super::Moment;
use super::ban::Ban;
use super::ids::Ids;
use super::person::{Network, Subject};
use super::records::{AuditAction, AuditLine, Forgotten, NewBan, NewReport, Report, ReportState, Resolution};
use super::store::{self, Store};
use crate::access::Identity;

/// Changes what is kept, by the rules, and writes down who did it. The time is an argument.
#[derive(Debug)]
pub(super) struct Clerk {
    pub(super) store: Store,
    ids: Ids,
    /// How long what is done with is kept.
    keep: Duration,
    /// Open reports; no more are taken.
    most_open: NonZeroU32,
}

/// What a moderator does about a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Dismiss,
    Ban { by: BanBy, reason: String, until: Option<Moment> },
}

/// By what a person is kept out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BanBy {
    Identity,
    Address,
    /// By both; by the identity alone, if the address is not known.
    Both,
}

/// Why something is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error("there is no such thing")]
    NotFound,
    #[error("the report is resolved already")]
    AlreadyResolved,
    #[error("the address of this person is not known")]
    AddressUnknown,
    #[error("too many reports wait for the moderators")]
    Full,
    #[error("the database does not answer")]
    Unavailable,
}

impl From<sqlx::Error> for ArchiveError {
    fn from(error: sqlx::Error) -> Self {
        warn!(%error, "the moderators' database failed");
        Self::Unavailable
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Clerk {
    pub(super) fn new(store: Store, keep_days: NonZeroU32, most_open: NonZeroU32, rng: StdRng) -> Self {
        Self { store, ids: Ids::new(rng), keep: DAY * keep_days.get(), most_open }
    }

    /// Puts a report into the queue.
    #[expect(clippy::expect_used, reason = "a UUID holds nothing that an id may not hold")]
    pub(super) async fn file(&mut self, now: Moment, report: &NewReport) -> Result<ReportId, ArchiveError> {
        if self.store.count_open().await? >= self.most_open.get().into() {
            return Err(ArchiveError::Full);
        }
        let id = self.ids.draw(now);
        self.store.insert_report(&id, now, report).await?;
        Ok(ReportId::new(id).expect("a UUID is an id"))
    }

    /// Resolves a report.
    pub(super) async fn resolve(
        &mut self,
        now: Moment,
        moderator: &str,
        id: &str,
        verdict: Verdict,
        note: String,
    ) -> Result<Report, ArchiveError> {
        let report = self.store.report(id).await?.ok_or(ArchiveError::NotFound)?;
        let (state, bans) = match verdict {
            Verdict::Dismiss => (ReportState::Dismissed, Vec::new()),
            Verdict::Ban { by, reason, until } => {
                let subjects = subjects(&report, by)?;
                let ban =
                    |subject| NewBan { subject, reason: reason.clone(), until, report: Some(id.to_owned()) };
                (ReportState::Banned, subjects.into_iter().map(ban).collect())
            }
        };
        let resolution = Resolution { at_ms: now, by: moderator.to_owned(), note };
        let mut transaction = self.store.begin().await?;
        if !store::resolve(&mut transaction, id, state, &resolution).await? {
            return Err(ArchiveError::AlreadyResolved);
        }
        let change = Change {
            action: AuditAction::ReportResolved,
            target: Some(id.to_owned()),
            before: Some(json!({"state": ReportState::Open})),
            after: Some(json!({"state": state, "note": resolution.note})),
        };
        let line = self.line(now, moderator, change);
        store::append(&mut transaction, &line, Some(&report.reported.identity)).await?;
        for ban in bans {
            self.insert_ban(&mut transaction, now, moderator, ban, Some(&report.reported.identity)).await?;
        }
        transaction.commit().await?;
        Ok(Report { state, resolution: Some(resolution), ..report })
    }

    /// Keeps somebody out, in place of an earlier ban of the same subject.
    pub(super) async fn ban(
        &mut self,
        now: Moment,
        moderator: &str,
        ban: NewBan,
    ) -> Result<Ban, ArchiveError> {
        let mut transaction = self.store.begin().await?;
        let ban = self.insert_ban(&mut transaction, now, moderator, ban, None).await?;
        transaction.commit().await?;
        Ok(ban)
    }

    /// Lets somebody in again.
    pub(super) async fn lift(&mut self, now: Moment, moderator: &str, id: &str) -> Result<(), ArchiveError> {
        let mut transaction = self.store.begin().await?;
        let ban = store::delete_ban(&mut transaction, id).await?.ok_or(ArchiveError::NotFound)?;
        let change = Change {
            action: AuditAction::BanLifted,
            target: Some(id.to_owned()),
            before: Some(value(&ban)),
            after: None,
        };
        let line = self.line(now, moderator, change);
        store::append(&mut transaction, &line, identity_of(&ban.subject)).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Deletes all that is kept about a person. Whom it was about is not written down.
    pub(super) async fn forget(
        &mut self,
        now: Moment,
        moderator: &str,
        identity: &str,
    ) -> Result<Forgotten, ArchiveError> {
        let mut transaction = self.store.begin().await?;
        let forgotten = store::forget(&mut transaction, identity).await?;
        let change = Change {
            action: AuditAction::PersonForgotten,
            target: None,
            before: None,
            after: Some(value(&forgotten)),
        };
        let line = self.line(now, moderator, change);
        store::append(&mut transaction, &line, None).await?;
        transaction.commit().await?;
        Ok(forgotten)
    }

    /// Deletes what was kept for long enough, and bans that are over.
    pub(super) async fn purge(&self, now: Moment) -> Result<(), ArchiveError> {
        let end = now.before(self.keep);
        self.store.purge_reports(end).await?;
        self.store.purge_audit(end).await?;
        self.store.purge_bans(now).await?;
        Ok(())
    }

    async fn insert_ban(
        &mut self,
        transaction: &mut Transaction<'_, Any>,
        now: Moment,
        moderator: &str,
        new: NewBan,
        person: Option<&str>,
    ) -> Result<Ban, ArchiveError> {
        let NewBan { subject, reason, until, report } = new;
        let (id, moderator_name) = (self.ids.draw(now), moderator.to_owned());
        let ban =
            Ban { id, subject, reason, since_ms: now, until_ms: until, moderator: moderator_name, report };
        let old = store::insert_ban(transaction, &ban).await?;
        let change = Change {
            action: AuditAction::BanMade,
            target: Some(ban.id.clone()),
            before: old.as_ref().map(value),
            after: Some(value(&ban)),
        };
        let line = self.line(now, moderator, change);
        store::append(transaction, &line, person.or_else(|| identity_of(&ban.subject))).await?;
        Ok(ban)
    }

    fn line(&mut self, now: Moment, moderator: &str, change: Change) -> AuditLine {
        let Change { action, target, before, after } = change;
        let (id, moderator) = (self.ids.draw(now), moderator.to_owned());
        AuditLine { id, at_ms: now, moderator, action, target, before, after }
    }
}

/// What an audit line tells.
struct Change {
    action: AuditAction,
    target: Option<String>,
    before: Option<Value>,
    after: Option<Value>,
}

/// Whom a ban by this report keeps out.
fn subjects(report: &Report, by: BanBy) -> Result<Vec<Subject>, ArchiveError> {
    // An identity that the server took is one that can be banned.
    let identity = || Identity::try_from(report.reported.identity.clone()).ok().map(Subject::Identity);
    let address = || report.reported.address.map(|address| Subject::Address(Network::from(address)));
    let (identity, address) = match by {
        BanBy::Identity => (identity(), None),
        BanBy::Address => (None, Some(address().ok_or(ArchiveError::AddressUnknown)?)),
        BanBy::Both => (identity(), address()),
    };
    Ok(identity.into_iter().chain(address).collect())
}

fn identity_of(subject: &Subject) -> Option<&str> {
    match subject {
        Subject::Identity(identity) => Some(identity.as_str()),
        Subject::Address(_) => None,
    }
}

/// Records are made of texts and numbers, which are JSON.
fn value(record: &impl serde::Serialize) -> Value {
    serde_json::to_value(record).unwrap_or_default()
}
