//! What others must not learn. It is written nowhere: not by `Debug`, and not by `--print-config`.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use crate::random::random_text;

/// What stands for a secret where the configuration is printed.
pub(super) const HIDDEN: &str = "(hidden)";

/// What stands for one in the sample of a configuration, and before whatever says more.
const SAMPLE: &str = "replace-this";

/// Whether a text is no secret, but what stands for one.
pub(super) fn stands_for_one(text: &str) -> bool {
    text == HIDDEN || text.starts_with(SAMPLE)
}

/// Fewest bytes of a secret: as many as its hash has (RFC 7518 section 3.2).
const MIN_SECRET_BYTES: usize = 32;

/// At least 32 bytes that others must not learn. It is written nowhere: not by `Debug`, and not by `--print-config`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Secret(String);

/// Why a text is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    #[error("a secret of less than {MIN_SECRET_BYTES} bytes; `visavis-server generate-keys` makes good ones")]
    Short,
    #[error(
        "no secret, but what stands for one in the sample or in a printed configuration: put the secret there"
    )]
    StandIn,
}

impl Secret {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl TryFrom<String> for Secret {
    type Error = SecretError;

    fn try_from(text: String) -> Result<Self, SecretError> {
        match text.len() {
            _ if stands_for_one(&text) => Err(SecretError::StandIn),
            0..MIN_SECRET_BYTES => Err(SecretError::Short),
            _ => Ok(Self(text)),
        }
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Characters of a random password, six bits each.
const DRAWN: usize = 43;

/// A secret that is shared with others, who may have chosen a short one.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Password(String);

/// Why a text is no password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    #[error("a secret must not be empty")]
    Empty,
    #[error(
        "no secret, but what stands for one in the sample or in a printed configuration: put the secret there"
    )]
    StandIn,
}

impl Password {
    /// One that nobody can guess.
    pub(crate) fn random() -> Self {
        Self(random_text(&mut rand::make_rng(), DRAWN))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<Secret> for Password {
    fn from(secret: Secret) -> Self {
        Self(secret.0)
    }
}

impl TryFrom<String> for Password {
    type Error = PasswordError;

    fn try_from(text: String) -> Result<Self, PasswordError> {
        match text.as_str() {
            "" => Err(PasswordError::Empty),
            text if stands_for_one(text) => Err(PasswordError::StandIn),
            _ => Ok(Self(text)),
        }
    }
}

impl Serialize for Password {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_is_shown() {
        let long = "0123456789abcdef0123456789abcdef";
        let secret = Secret::try_from(long.to_owned()).expect("a secret");
        let password = Password::try_from("north".to_owned()).expect("a password");
        assert_eq!(format!("{secret:?} {password:?}"), "Secret(…) Password(…)");
        for printed in [toml::Value::try_from(&secret), toml::Value::try_from(&password)] {
            assert_eq!(printed, Ok(HIDDEN.into()));
        }
        assert_eq!((secret.as_bytes(), password.reveal()), (long.as_bytes(), "north"));
    }

    #[test]
    fn what_stands_for_one_is_none() {
        for text in [HIDDEN, "replace-this-by-a-secret-of-your-own"] {
            assert_eq!(Secret::try_from(text.to_owned()), Err(SecretError::StandIn));
            assert_eq!(Password::try_from(text.to_owned()), Err(PasswordError::StandIn));
        }
        assert_eq!(Password::try_from(String::new()), Err(PasswordError::Empty));
    }
}
