use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Moment;
use super::person::Subject;
use crate::conversation::Complaint;
use visavis_protocol::ErrorCode;

/// That somebody may not be here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Ban {
    pub(crate) id: String,
    pub(crate) subject: Subject,
    /// What the banned person is told.
    pub(crate) reason: String,
    pub(crate) since_ms: Moment,
    /// Its end; none if it is for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until_ms: Option<Moment>,
    /// Who made it.
    pub(crate) moderator: String,
    /// The report that led to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) report: Option<String>,
}

impl Ban {
    pub(crate) fn holds(&self, now: Moment) -> bool {
        self.until_ms.is_none_or(|until| now < until)
    }

    /// What the banned person is told: why, until when, and what to do about it (`appeal`, which may be empty).
    pub(crate) fn complaint(&self, now: Moment, appeal: &str) -> Complaint {
        let until = self.until_ms.map(|until| format!(" until {until}")).unwrap_or_default();
        let appeal = if appeal.is_empty() { String::new() } else { format!(" {appeal}") };
        let reason = self.reason.trim_end_matches('.');
        Complaint {
            retry_after: self
                .until_ms
                .map(|until| now.until(until))
                .filter(|after| after.as_millis() < u32::MAX.into()),
            ..Complaint::new(
                ErrorCode::Banned,
                format!("you are banned from this server{until}: {reason}.{appeal}"),
            )
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;

    pub(crate) const NOW: Moment = Moment::from_ms(1_795_867_200_000);

    pub(crate) fn ban(kind: &str, subject: &str, until: Option<Moment>) -> Ban {
        Ban {
            id: format!("ban of {subject}"),
            subject: Subject::of(kind, subject).expect("a subject"),
            reason: "spam".to_owned(),
            since_ms: NOW,
            until_ms: until,
            moderator: "mo".to_owned(),
            report: None,
        }
    }

    #[test]
    fn who_is_banned_learns_why_until_when_and_what_to_do() {
        let hour = Duration::from_secs(3600);
        let told = ban("identity", "eve", Some(NOW.after(hour))).complaint(NOW, "Write to mo@example.org.");
        assert_eq!(told.code, ErrorCode::Banned);
        assert_eq!(
            told.text,
            "you are banned from this server until Sat, 28 Nov 2026 13:00:00 GMT: spam. Write to mo@example.org."
        );
        assert_eq!(told.retry_after, Some(hour));
    }

    #[test]
    fn a_reason_may_be_a_sentence() {
        let ban = Ban { reason: "It was spam.".to_owned(), ..ban("identity", "eve", None) };
        assert_eq!(ban.complaint(NOW, "").text, "you are banned from this server: It was spam.");
    }

    #[test]
    fn what_is_for_ever_or_nearly_has_no_time_to_come_again() {
        let told = ban("identity", "eve", None).complaint(NOW, "");
        assert_eq!((told.text.as_str(), told.retry_after), ("you are banned from this server: spam.", None));
        let years = Duration::from_secs(400 * 24 * 3600);
        assert_eq!(ban("identity", "eve", Some(NOW.after(years))).complaint(NOW, "").retry_after, None);
    }
}
