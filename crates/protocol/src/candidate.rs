use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One ICE candidate, with the fields of `RTCIceCandidateInit` that another implementation needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// The `candidate:…` attribute value (RFC 8839 section 5.1).
    pub candidate: String,
    /// Identification of the media section, RFC 5888; never empty.
    pub mid: String,
    /// The ICE user name fragment this candidate belongs to: tells generations apart after an ICE restart.
    pub ufrag: String,
}
