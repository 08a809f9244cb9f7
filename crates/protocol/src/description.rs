use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Which half of an offer/answer exchange a description is (RFC 9429 section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum DescriptionKind {
    Offer,
    Answer,
}

/// A session description on its way to another participant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Description {
    pub kind: DescriptionKind,
    /// Number of the exchange, counted by the side that offers; an answer repeats the offer's number.
    pub negotiation: u32,
    pub sdp: String,
}
