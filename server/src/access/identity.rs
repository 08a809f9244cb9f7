use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Longest identity, in characters.
const MAX_CHARS: usize = 128;

/// Who somebody is, from one visit to the next: 1 to 128 characters without control characters, chosen by who invites. Shared by
/// all who know it.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String)]
pub struct Identity(Arc<str>);

/// Why a text is no identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an identity has 1 to {MAX_CHARS} characters, and no control characters")]
pub struct IdentityError;

impl Identity {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// It may be somebody's address or name: not for the log.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(…)")
    }
}

impl TryFrom<String> for Identity {
    type Error = IdentityError;

    fn try_from(text: String) -> Result<Self, IdentityError> {
        let is_one = (1..=MAX_CHARS).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if is_one { Ok(Self(text.into())) } else { Err(IdentityError) }
    }
}

impl FromStr for Identity {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        text.to_owned().try_into()
    }
}

impl From<Identity> for String {
    fn from(identity: Identity) -> Self {
        identity.as_str().to_owned()
    }
}
