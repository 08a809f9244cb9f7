use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, StrExt as _};
use ts_rs::TS;

use crate::limits::{MAX_ACCESS_TOKEN_BYTES, MAX_NAME_CHARS, MAX_REPORT_CHARS, MAX_ROOM_NAME_CHARS};

/// Why a text is not a valid id or name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("it is empty")]
    Empty,
    #[error("it is longer than {0} characters")]
    TooLong(usize),
    #[error("it is larger than {0} bytes")]
    TooLarge(usize),
    #[error("it holds the character {0:?}; letters, digits, '-', '_' and '.' are allowed")]
    Character(char),
    #[error("it holds a control character")]
    Control,
}

/// Name of a room: 1 to 64 letters, digits, `-`, `_`, `.`; it stands in invite links as `/r/ROOM`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(try_from = "SmolStr")]
#[ts(type = "string")]
pub struct RoomName(SmolStr);

/// A participant's identity in one stay in one room, given by the server; opaque to clients.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(try_from = "SmolStr")]
#[ts(type = "string")]
pub struct ParticipantId(SmolStr);

/// What a person wants to be called: 1 to 64 characters without control characters, trimmed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(try_from = "SmolStr")]
#[ts(type = "string")]
pub struct DisplayName(SmolStr);

/// What two strangers may have in common: like a display name, and in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(try_from = "SmolStr")]
#[ts(type = "string")]
pub struct Interest(SmolStr);

/// Where somebody is, in the operator's words; like a room name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(try_from = "SmolStr")]
#[ts(type = "string")]
pub struct Region(SmolStr);

/// What names a session when it is resumed: 1 to 64 characters of the alphabet of room names. Whoever has it can take
/// the session over, so it is never shown.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(try_from = "SmolStr")]
#[ts(type = "string")]
pub struct SessionToken(SmolStr);

/// What names a report, in the form of a UUID; those who made it may quote it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(try_from = "SmolStr")]
#[ts(type = "string")]
pub struct ReportId(SmolStr);

/// A reporter's own words: at most 1000 characters, trimmed, with no control characters but those that end a line or
/// indent it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(try_from = "SmolStr")]
#[ts(type = "string")]
pub struct ReportWords(SmolStr);

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(…)")
    }
}

/// Says who a client is and what it may do: 1 to 4096 bytes, opaque to clients (to the server a JSON Web Token, RFC 7519).
/// Whoever has it is that person, so it is never shown.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(try_from = "SmolStr")]
#[ts(type = "string")]
pub struct AccessToken(SmolStr);

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(…)")
    }
}

fn token(text: SmolStr) -> Result<SmolStr, IdError> {
    let length = text.chars().count();
    if length == 0 {
        return Err(IdError::Empty);
    }
    if length > MAX_ROOM_NAME_CHARS {
        return Err(IdError::TooLong(MAX_ROOM_NAME_CHARS));
    }
    match text.chars().find(|c| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))) {
        Some(character) => Err(IdError::Character(character)),
        None => Ok(text),
    }
}

fn display(text: SmolStr) -> Result<SmolStr, IdError> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(IdError::Empty);
    }
    if trimmed.chars().count() > MAX_NAME_CHARS {
        return Err(IdError::TooLong(MAX_NAME_CHARS));
    }
    if trimmed.chars().any(char::is_control) {
        return Err(IdError::Control);
    }
    Ok(if trimmed.len() == text.len() { text } else { trimmed.into() })
}

fn credential(text: SmolStr) -> Result<SmolStr, IdError> {
    match text.len() {
        0 => Err(IdError::Empty),
        1..=MAX_ACCESS_TOKEN_BYTES => Ok(text),
        _ => Err(IdError::TooLarge(MAX_ACCESS_TOKEN_BYTES)),
    }
}

fn interest(text: SmolStr) -> Result<SmolStr, IdError> {
    display(text.to_lowercase().into())
}

fn words(text: SmolStr) -> Result<SmolStr, IdError> {
    let text = text.trim().replace_smolstr("\r\n", "\n");
    if text.chars().count() > MAX_REPORT_CHARS {
        return Err(IdError::TooLong(MAX_REPORT_CHARS));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        return Err(IdError::Control);
    }
    Ok(text)
}

macro_rules! text_newtype {
    ($name:ident, $check:path) => {
        impl $name {
            /// Checks the text and wraps it; the error says what is wrong with it.
            pub fn new(text: impl Into<SmolStr>) -> Result<Self, IdError> {
                $check(text.into()).map(Self)
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<SmolStr> for $name {
            type Error = IdError;

            fn try_from(text: SmolStr) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_newtype!(RoomName, token);
text_newtype!(ParticipantId, token);
text_newtype!(DisplayName, display);
text_newtype!(Interest, interest);
text_newtype!(Region, token);
text_newtype!(SessionToken, token);
text_newtype!(AccessToken, credential);
text_newtype!(ReportId, token);
text_newtype!(ReportWords, words);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_names_are_safe_in_a_path() {
        assert!(RoomName::new("blue-owl_7.b").is_ok());
        assert!(RoomName::new("Küche").is_ok());
        assert_eq!(RoomName::new(""), Err(IdError::Empty));
        assert_eq!(RoomName::new("a/b"), Err(IdError::Character('/')));
        assert_eq!(RoomName::new("a b"), Err(IdError::Character(' ')));
        assert_eq!(RoomName::new("x".repeat(65)), Err(IdError::TooLong(64)));
    }

    #[test]
    fn interests_are_the_same_in_any_case() {
        assert_eq!(Interest::new(" Chess"), Interest::new("CHESS "));
        assert_eq!(Interest::new("  "), Err(IdError::Empty));
    }

    #[test]
    fn words_of_a_report_may_be_none_or_several_lines() {
        assert_eq!(ReportWords::new(" ").map(String::from), Ok(String::new()));
        assert_eq!(ReportWords::new("a\r\n\tb\n").map(String::from), Ok("a\n\tb".to_owned()));
        assert!(ReportWords::new("🦉".repeat(1000)).is_ok());
        assert_eq!(ReportWords::new("x".repeat(1001)), Err(IdError::TooLong(1000)));
        for control in ['\0', '\r', '\u{1b}', '\u{7f}', '\u{9b}'] {
            assert_eq!(ReportWords::new(format!("a{control}b")), Err(IdError::Control), "{control:?}");
        }
    }

    #[test]
    fn display_names_are_trimmed_and_bounded() {
        assert_eq!(DisplayName::new("  Ada Lovelace ").map(String::from), Ok("Ada Lovelace".to_owned()));
        assert_eq!(DisplayName::new(" \n "), Err(IdError::Empty));
        assert_eq!(DisplayName::new("a\u{7}b"), Err(IdError::Control));
        assert_eq!(DisplayName::new("é".repeat(65)), Err(IdError::TooLong(64)));
    }

    #[test]
    fn access_tokens_are_bounded_and_not_shown() {
        assert_eq!(AccessToken::new(""), Err(IdError::Empty));
        assert_eq!(AccessToken::new("x".repeat(4097)), Err(IdError::TooLarge(4096)));
        let token = AccessToken::new("x".repeat(4096)).expect("as large as may be");
        assert!(!format!("{token:?}").contains('x'));
    }
}
