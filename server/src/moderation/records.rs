//! What is kept, and shown to moderators.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use visavis_protocol::ReportReason;

use super::Moment;
use super::person::Subject;

/// One of the two whom a report is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Party {
    pub(crate) identity: String,
    /// Without it, the address is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) address: Option<IpAddr>,
    /// What this person was called in the room; a claim.
    pub(crate) name: String,
}

/// A report on its way to the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewReport {
    pub(crate) reporter: Party,
    pub(crate) reported: Party,
    pub(crate) place: String,
    pub(crate) reason: ReportReason,
    pub(crate) words: String,
}

/// A report as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Report {
    pub(crate) id: String,
    pub(crate) at_ms: Moment,
    pub(crate) state: ReportState,
    /// The room, or the match.
    pub(crate) place: String,
    /// `nudity`, `harassment`, `minor`, `violence`, `spam` or `other`.
    pub(crate) reason: String,
    /// What the reporter wrote; anything but control characters, line feed and tab aside.
    pub(crate) words: String,
    pub(crate) reporter: Party,
    pub(crate) reported: Party,
    /// There once it is not open any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resolution: Option<Resolution>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReportState {
    Open,
    Dismissed,
    Banned,
}

impl ReportState {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Dismissed => "dismissed",
            Self::Banned => "banned",
        }
    }

    pub(super) fn of(text: &str) -> Self {
        match text {
            "dismissed" => Self::Dismissed,
            "banned" => Self::Banned,
            _ => Self::Open,
        }
    }
}

/// How a report was resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Resolution {
    pub(crate) at_ms: Moment,
    pub(crate) by: String,
    pub(crate) note: String,
}

/// A ban on its way to the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewBan {
    pub(crate) subject: Subject,
    pub(crate) reason: String,
    pub(crate) until: Option<Moment>,
    pub(crate) report: Option<String>,
}

/// A change that a moderator made.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct AuditLine {
    pub(crate) id: String,
    pub(crate) at_ms: Moment,
    pub(crate) moderator: String,
    pub(crate) action: AuditAction,
    /// The report or the ban that was changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<String>,
    /// What it was before, and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuditAction {
    ReportResolved,
    BanMade,
    BanLifted,
    PersonForgotten,
}

impl AuditAction {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::ReportResolved => "report_resolved",
            Self::BanMade => "ban_made",
            Self::BanLifted => "ban_lifted",
            Self::PersonForgotten => "person_forgotten",
        }
    }

    pub(super) fn of(text: &str) -> Option<Self> {
        [Self::ReportResolved, Self::BanMade, Self::BanLifted, Self::PersonForgotten]
            .into_iter()
            .find(|action| action.as_str() == text)
    }
}

/// How much was deleted with a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
pub(crate) struct Forgotten {
    /// By this person, and about it.
    pub(crate) reports: u64,
    pub(crate) blocks: u64,
    pub(crate) bans: u64,
    pub(crate) audit_lines: u64,
}

/// Some of many, and where to go on.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// What to ask for with `after` to get the following ones, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// Which part of many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// The last one that is known.
    pub(crate) after: Option<String>,
    /// How many at most.
    pub(crate) limit: u32,
}

impl<T> Page<T> {
    /// A page of `part`, from one item more than that has room for.
    pub(super) fn of(mut items: Vec<T>, part: &Part, id: impl Fn(&T) -> &str) -> Self {
        let limit = usize::try_from(part.limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|item| id(item).to_owned());
        Self { items, next }
    }
}
