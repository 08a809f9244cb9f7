use std::fmt;

use serde::{Deserialize, Serialize};

use crate::random::random_text;

/// Of a random one, six bits each.
const CHARACTERS: usize = 43;

/// A text that is nobody else's business: it stands in the configuration, and never in a log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Secret(String);

/// Why a text is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret must not be empty")]
pub struct SecretError;

impl Secret {
    /// One that nobody can guess.
    pub(crate) fn random() -> Self {
        Self(random_text(&mut rand::make_rng(), CHARACTERS))
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Secret {
    type Error = SecretError;

    fn try_from(text: String) -> Result<Self, SecretError> {
        if text.is_empty() { Err(SecretError) } else { Ok(Self(text)) }
    }
}

impl From<Secret> for String {
    fn from(secret: Secret) -> Self {
        secret.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_not_shown() {
        let secret = Secret::try_from("north".to_owned()).expect("a secret");
        assert_eq!((format!("{secret:?}").as_str(), secret.reveal()), ("Secret(…)", "north"));
        assert_eq!(Secret::try_from(String::new()), Err(SecretError));
    }
}
