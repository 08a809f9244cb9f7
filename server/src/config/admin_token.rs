use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};
use subtle::ConstantTimeEq as _;

use super::secret::{HIDDEN, stands_for_one};

/// What a moderator shows to be let in. It is written nowhere: not by `Debug`, and not by `--print-config`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct AdminToken(String);

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token has 32 characters or more, of visible ASCII; `openssl rand -base64 33` makes one")]
pub struct AdminTokenError;

/// What cannot be guessed, if it is drawn by chance.
const SHORTEST: usize = 32;

impl AdminToken {
    /// Whether somebody shows this token. How long that takes says nothing about it but its length.
    pub(crate) fn is(&self, shown: &str) -> bool {
        self.0.as_bytes().ct_eq(shown.as_bytes()).into()
    }
}

impl FromStr for AdminToken {
    type Err = AdminTokenError;

    fn from_str(text: &str) -> Result<Self, AdminTokenError> {
        let fits = text.len() >= SHORTEST && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits && !stands_for_one(text) { Ok(Self(text.to_owned())) } else { Err(AdminTokenError) }
    }
}

impl TryFrom<String> for AdminToken {
    type Error = AdminTokenError;

    fn try_from(text: String) -> Result<Self, AdminTokenError> {
        text.parse()
    }
}

impl Serialize for AdminToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_and_not_shown() {
        let text = "0123456789abcdef0123456789abcdef";
        let token: AdminToken = text.parse().expect("a token");
        assert!(token.is(text));
        assert!(!token.is(&text[1..]) && !token.is("") && !token.is("0123456789abcdef0123456789abcdeF"));
        assert!(!format!("{token:?}").contains(text));
        for weak in [
            &text[1..],
            "",
            HIDDEN,
            "replace-this-by-a-secret-of-your-own",
            "0123456789abcdef 0123456789abcdef",
            "0123456789abcdef0123456789abcdé",
        ] {
            assert_eq!(weak.parse::<AdminToken>(), Err(AdminTokenError), "{weak}");
        }
    }
}
