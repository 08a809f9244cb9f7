use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a STUN server is (RFC 7064).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StunUrl(String);

/// Why a text is not the URL of a STUN server. TURN needs credentials, which a bare URL does not carry: browsers refuse it
/// without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a STUN URL has the form stun:HOST, stun:HOST:PORT or stuns:HOST:PORT")]
pub struct StunUrlError;

impl FromStr for StunUrl {
    type Err = StunUrlError;

    fn from_str(text: &str) -> Result<Self, StunUrlError> {
        let host = text.strip_prefix("stun:").or_else(|| text.strip_prefix("stuns:"));
        match host {
            Some(host) if !host.is_empty() && !host.contains(['/', ' ']) => Ok(Self(text.to_owned())),
            _ => Err(StunUrlError),
        }
    }
}

impl TryFrom<String> for StunUrl {
    type Error = StunUrlError;

    fn try_from(text: String) -> Result<Self, StunUrlError> {
        text.parse()
    }
}

impl From<StunUrl> for String {
    fn from(url: StunUrl) -> Self {
        url.0
    }
}

impl fmt::Display for StunUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
