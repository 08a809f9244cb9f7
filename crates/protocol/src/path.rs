use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What those who run the server learn of one peer connection of a client: how media gets through, and nothing that says where
/// to or whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum PathReport {
    /// Media gets through for the first time.
    Connected {
        /// From when the client knew of the other one, at most [`MAX_CONNECT_MS`](crate::MAX_CONNECT_MS).
        connect_ms: u32,
        pair: SelectedPair,
    },
    /// Media takes another kind of pair than was told last.
    Changed { pair: SelectedPair },
    /// Nothing gets through, so this side restarts ICE.
    Restarted {},
    /// Media gets through again.
    Reconnected {},
    /// The path was given up.
    Failed {
        /// Whether media has ever got through.
        was_connected: bool,
    },
}

/// The candidate pair that ICE has selected (RFC 8445 section 2.3), without its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct SelectedPair {
    /// Of the two candidates' types the one that ICE prefers less, so that a pair with a relay at either end is one of `relay`.
    pub kind: CandidateType,
    /// What the client reaches its relay over, if it uses one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay_protocol: Option<RelayProtocol>,
    /// Of the candidates' addresses, if the client is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<AddressFamily>,
}

/// The type of a candidate (RFC 8445 section 4), in the order of preference (section 5.1.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum CandidateType {
    Host,
    Prflx,
    Srflx,
    Relay,
}

/// What carries TURN between a client and its relay (RFC 8656 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum RelayProtocol {
    Udp,
    Tcp,
    Tls,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum AddressFamily {
    Ipv4,
    Ipv6,
}

impl CandidateType {
    pub const ALL: [Self; 4] = [Self::Host, Self::Prflx, Self::Srflx, Self::Relay];

    /// The type as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Prflx => "prflx",
            Self::Srflx => "srflx",
            Self::Relay => "relay",
        }
    }
}

impl RelayProtocol {
    pub const ALL: [Self; 3] = [Self::Udp, Self::Tcp, Self::Tls];

    /// The protocol as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

impl AddressFamily {
    pub const ALL: [Self; 2] = [Self::Ipv4, Self::Ipv6];

    /// The family as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }
}
