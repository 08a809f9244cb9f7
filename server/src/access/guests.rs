//! People whom nobody vouches for, but who are the same as yesterday.

use std::time::{Duration, SystemTime};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use rand::rngs::StdRng;
use visavis_protocol::AccessToken;

use super::claims::{Can, Claims};
use super::grant::{Rooms, Standing};
use super::{Admitted, Grant, Identity, Permission, crypto};
use crate::config::Secret;
use crate::random::random_text;

/// What the tokens of guests name as their key; no other key may be called so.
pub(super) const KEY_ID: &str = "guest";

/// What identities of guests begin with; no other may.
const PREFIX: &str = "guest:";

/// How long a guest may stay away. Who comes back when half of it is over gets a token for as long again.
const LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);

/// Characters of a guest's identity that are drawn: 132 bits.
const DRAWN: usize = 22;
/// The same of a key that the configuration does not name: 384 bits.
const KEY_LENGTH: usize = 64;

/// Makes guests of people, and knows them again.
pub(super) struct Guests {
    signing: EncodingKey,
    verifying: DecodingKey,
}

impl std::fmt::Debug for Guests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guests(…)")
    }
}

impl Guests {
    /// Guests whose tokens are signed with this key, or one that is drawn and lost when the server ends.
    pub(super) fn new(key: Option<&Secret>, rng: &mut StdRng) -> Self {
        crypto::install();
        let drawn = random_text(rng, KEY_LENGTH);
        let key = key.map_or(drawn.as_bytes(), Secret::as_bytes);
        Self { signing: EncodingKey::from_secret(key), verifying: DecodingKey::from_secret(key) }
    }

    /// Somebody who has shown nothing.
    pub(super) fn welcome(&self, now: SystemTime, rng: &mut StdRng) -> Admitted {
        let grant = grant(drawn_identity(rng), now + LIFETIME, Standing::Newcomer);
        Admitted { guest: self.token(&grant), grant }
    }

    /// Somebody who was welcomed before, and may have been for a while.
    pub(super) fn recognise(&self, token: &AccessToken, now: SystemTime) -> Option<Admitted> {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.validate_exp = false;
        rules.validate_aud = false;
        let claims = decode::<Claims>(token.as_str(), &self.verifying, &rules).ok()?.claims;
        let known =
            claims.grant(now, Duration::ZERO, Standing::Guest).ok().filter(|it| is_of_guest(&it.identity))?;
        if known.expires > now + LIFETIME / 2 {
            return Some(Admitted {
                grant: grant(known.identity, known.expires, Standing::Guest),
                guest: None,
            });
        }
        let renewed = grant(known.identity, now + LIFETIME, Standing::Guest);
        Some(Admitted { guest: self.token(&renewed), grant: renewed })
    }

    fn token(&self, grant: &Grant) -> Option<AccessToken> {
        let exp = grant.expires.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let claims = Claims {
            sub: grant.identity.clone(),
            exp,
            nbf: None,
            iat: None,
            name: None,
            room: None,
            can: Vec::<Can>::new(),
        };
        let header = Header { kid: Some(KEY_ID.to_owned()), ..Header::new(Algorithm::HS256) };
        encode(&header, &claims, &self.signing).ok().and_then(|text| AccessToken::new(text).ok())
    }
}

/// Guests may go anywhere, and open rooms.
fn grant(identity: Identity, expires: SystemTime, standing: Standing) -> Grant {
    Grant {
        identity,
        name: None,
        rooms: Rooms::All,
        permissions: vec![Permission::Create],
        expires,
        standing,
    }
}

#[expect(clippy::expect_used, reason = "the alphabet has no control characters, and the length is fixed")]
fn drawn_identity(rng: &mut StdRng) -> Identity {
    format!("{PREFIX}{}", random_text(rng, DRAWN)).try_into().expect("it is short and printable")
}

/// Whether a token says that it is a guest's.
pub(super) fn is_guest(token: &AccessToken) -> bool {
    decode_header(token.as_str()).is_ok_and(|header| header.kid.as_deref() == Some(KEY_ID))
}

pub(super) fn is_of_guest(identity: &Identity) -> bool {
    identity.as_str().starts_with(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(number: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(number * 24 * 3600)
    }

    fn guests() -> Guests {
        Guests::new(None, &mut rand::make_rng())
    }

    #[test]
    fn a_guest_is_known_again_and_others_are_others() {
        let (guests, mut rng) = (guests(), rand::make_rng());
        let [ada, bob] = [guests.welcome(day(0), &mut rng), guests.welcome(day(0), &mut rng)];
        assert_ne!(ada.grant.identity, bob.grant.identity);
        let token = ada.guest.expect("a token");
        assert!(is_guest(&token));
        let again = guests.recognise(&token, day(1)).expect("known");
        assert_eq!(again.grant.identity, ada.grant.identity);
        assert_eq!(again.guest, None, "the token is good for long");
        assert!(!again.grant.is_newcomer() && ada.grant.is_newcomer());
    }

    #[test]
    fn who_comes_now_and_then_stays_the_same_for_ever() {
        let guests = guests();
        let ada = guests.welcome(day(0), &mut rand::make_rng());
        let mut token = ada.guest.expect("a token");
        for visit in 1..10 {
            let again = guests.recognise(&token, day(200 * visit)).expect("known");
            assert_eq!(again.grant.identity, ada.grant.identity);
            token = again.guest.expect("a new one");
        }
        assert!(guests.recognise(&token, day(200 * 9 + 366)).is_none(), "away for too long");
    }

    #[test]
    fn another_key_knows_nobody() {
        let token = guests().welcome(day(0), &mut rand::make_rng()).guest.expect("a token");
        assert!(guests().recognise(&token, day(0)).is_none());
    }
}
