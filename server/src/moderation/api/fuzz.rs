use axum::extract::Query;
use axum::http::Uri;
use serde::de::DeserializeOwned;

use super::bans::BanRequest;
use super::reports::Decision;
use super::request::{PartQuery, ReportsQuery};
use crate::moderation::Moment;

/// For fuzzing: reads a text as the target of a request and as its body; never panics, and what is taken is within bounds.
#[doc(hidden)]
pub fn fuzz_moderation(text: &str) {
    let now = Moment::from(std::time::SystemTime::UNIX_EPOCH);
    if let Some(PartQuery { after, limit }) = query(text) {
        check_part(PartQuery { after, limit });
    }
    if let Some(ReportsQuery { after, limit, .. }) = query(text) {
        check_part(PartQuery { after, limit });
    }
    if let Ok(request) = serde_json::from_str::<BanRequest>(text)
        && let Ok(ban) = request.read(now)
    {
        assert!(!ban.reason.is_empty());
    }
    if let Ok(decision) = serde_json::from_str::<Decision>(text) {
        decision.read(now).ok();
    }
}

fn check_part(query: PartQuery) {
    if let Ok(part) = query.part() {
        assert!((1..=200).contains(&part.limit));
    }
}

fn query<T: DeserializeOwned>(text: &str) -> Option<T> {
    let uri: Uri = format!("/?{text}").parse().ok()?;
    Query::try_from_uri(&uri).ok().map(|Query(query)| query)
}
