//! Who may connect, and what they may do: tokens that others sign ([`Verifier`]), guests that this server knows again
//! ([`Guests`]), and what follows from either ([`Grant`]). Time is an argument; only `jwks` does anything by itself: it
//! fetches keys.

mod claims;
mod crypto;
mod error;
mod grant;
mod guests;
mod identity;
mod issue;
mod jwks;
mod keys;
#[cfg(test)]
mod tests;
mod verifier;

use std::sync::Arc;
use std::time::SystemTime;

use visavis_protocol::AccessToken;

use crate::config::AccessConfig;
pub use error::{AccessError, TokenError};
pub(crate) use grant::Grant;
pub use grant::Permission;
use guests::Guests;
pub use identity::{Identity, IdentityError};
pub use issue::{Order, generate_keys, issue};
use jwks::Jwks;
use keys::Keys;
use verifier::Verifier;

/// What the hellos of all connections are checked with.
#[derive(Debug)]
pub(crate) struct Access {
    verifier: Verifier,
    /// `None` if a token is needed.
    guests: Option<Guests>,
    jwks: Option<Jwks>,
}

/// A client that may connect.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) grant: Grant,
    /// For a guest to keep.
    pub(crate) guest: Option<AccessToken>,
}

impl Access {
    /// Reads the keys that the configuration names, and begins to fetch those that it has an address of. To be called on a
    /// tokio runtime.
    pub(crate) fn new(config: AccessConfig) -> Result<Self, AccessError> {
        let verifier = Verifier::new(Keys::configured(&config)?, &config);
        if !config.anonymous && verifier.knows_no_key() && config.jwks_url.is_none() {
            return Err(AccessError::Nobody);
        }
        let guests = config.anonymous.then(|| Guests::new(config.guest_key.as_ref(), &mut rand::make_rng()));
        let jwks = config.jwks_url.map(|url| Jwks::spawn(url, config.jwks_pause)).transpose()?;
        Ok(Self { verifier, guests, jwks })
    }

    /// Who shows this token, or none. May wait for keys to be fetched, some seconds at most.
    pub(crate) async fn admit(
        &self,
        token: Option<&AccessToken>,
        now: SystemTime,
    ) -> Result<Admitted, TokenError> {
        let Some(token) = token else { return self.newcomer(now).ok_or(TokenError::Missing) };
        if guests::is_guest(token) {
            let guests = self.guests.as_ref().ok_or(TokenError::UnknownKey)?;
            return Ok(guests
                .recognise(token, now)
                .unwrap_or_else(|| guests.welcome(now, &mut rand::make_rng())));
        }
        let grant = match (self.verifier.verify(token, &self.fetched(), now), &self.jwks) {
            (Err(TokenError::UnknownKey), Some(jwks)) => {
                jwks.refresh().await;
                self.verifier.verify(token, &self.fetched(), now)
            }
            (result, _) => result,
        };
        grant.map(|grant| Admitted { grant, guest: None })
    }

    fn newcomer(&self, now: SystemTime) -> Option<Admitted> {
        self.guests.as_ref().map(|guests| guests.welcome(now, &mut rand::make_rng()))
    }

    fn fetched(&self) -> Arc<Keys> {
        self.jwks.as_ref().map(Jwks::keys).unwrap_or_default()
    }
}

/// For fuzzing: reads a token as a client may send it, with a key that it is not signed with; never panics.
#[doc(hidden)]
pub fn fuzz_token(text: &str) {
    let config = AccessConfig::default();
    let verifier = Verifier::new(Keys::default(), &config);
    let fetched = Keys::from_jwks(text.as_bytes()).unwrap_or_default();
    if let Ok(token) = AccessToken::new(text) {
        assert!(verifier.verify(&token, &fetched, SystemTime::UNIX_EPOCH).is_err());
        guests::is_guest(&token);
        claims::fuzz(text);
    }
}
