use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ring::hmac;

/// What a client proves itself with to a TURN server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) username: String,
    pub(crate) password: String,
}

/// Why a username is none of ours, or not any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadUsername {
    Malformed,
    Expired,
}

/// Time-limited credentials from a shared secret, as in draft-uberti-behave-turn-rest-00 section 2.2, which coturn knows as
/// `use-auth-secret`: `username` is `EXPIRY:ID` with seconds of the Unix epoch, `password` base64(HMAC-SHA1(secret, username)).
pub(crate) fn mint(secret: &str, id: &str, expires_unix_s: u64) -> Credentials {
    let username = format!("{expires_unix_s}:{id}");
    Credentials { password: password(secret, &username), username }
}

pub(super) fn password(secret: &str, username: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
    BASE64_STANDARD.encode(hmac::sign(&key, username.as_bytes()))
}

/// What a session is called in usernames: the same each time, and nothing that can be traced back.
pub(crate) fn id_of(secret: &str, session: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, session.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(tag.as_ref().get(..12).unwrap_or_default())
}

/// Whom the credentials were made for, if their time has not run out.
pub(super) fn id_in(username: &str, now_unix_s: u64) -> Result<&str, BadUsername> {
    let (expiry, id) = username.split_once(':').ok_or(BadUsername::Malformed)?;
    let expiry: u64 = expiry.parse().map_err(|_| BadUsername::Malformed)?;
    if expiry > now_unix_s { Ok(id) } else { Err(BadUsername::Expired) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_those_of_coturn() {
        // printf 1767225600:owl | openssl dgst -sha1 -hmac north -binary | base64
        let Credentials { username, password } = mint("north", "owl", 1_767_225_600);
        assert_eq!(username, "1767225600:owl");
        assert_eq!(password, "txzNCgeIY+E9JomyT6yjdkGKICs=");
    }

    #[test]
    fn they_hold_until_their_second_comes() {
        assert_eq!(id_in("100:owl", 99), Ok("owl"));
        assert_eq!(id_in("100:owl", 100), Err(BadUsername::Expired));
        for malformed in ["", "owl", "owl:100", "-1:owl", "99999999999999999999:owl"] {
            assert_eq!(id_in(malformed, 0), Err(BadUsername::Malformed), "{malformed}");
        }
    }

    #[test]
    fn a_session_has_one_id_that_does_not_give_it_away() {
        let id = id_of("north", "token");
        assert_eq!(id, id_of("north", "token"));
        assert_ne!(id, id_of("south", "token"));
        assert_ne!(id, id_of("north", "other"));
        assert!(id.len() == 16 && !id.contains("token"), "{id}");
    }
}
