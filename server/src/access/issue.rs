//! Tokens and keys for operators to give away: `visavis-server token`, `visavis-server generate-keys`.

use std::time::{Duration, SystemTime};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rand::rngs::StdRng;
use serde::Serialize;
use visavis_protocol::{AccessToken, DisplayName, RoomName};

use super::claims::{Can, Claims, RoomClaim};
use super::keys::read_secret;
use super::{AccessError, Identity, Permission, crypto};
use crate::config::AccessConfig;
use crate::random::random_text;

/// Characters of a secret: 288 random bits.
const SECRET_LENGTH: usize = 48;
/// The same of a key's id, which only has to be another one than before: 48 bits.
const ID_LENGTH: usize = 8;

/// A token that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub identity: Identity,
    /// What others see; without it the owner chooses.
    pub name: Option<DisplayName>,
    /// All, if there is none.
    pub rooms: Vec<RoomName>,
    pub can: Vec<Permission>,
    pub lifetime: Duration,
    /// Id of the secret to sign with; the first one without.
    pub key: Option<String>,
}

/// Signs a token with a secret of the configuration, for this server's issuer and audience.
pub fn issue(config: &AccessConfig, order: Order, now: SystemTime) -> Result<AccessToken, AccessError> {
    #[derive(Serialize)]
    struct Issued<'a> {
        #[serde(flatten)]
        claims: Claims,
        #[serde(skip_serializing_if = "Option::is_none")]
        iss: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        aud: Option<&'a str>,
    }
    crypto::install();
    let secret = match &order.key {
        Some(id) => config
            .secrets
            .iter()
            .find(|secret| secret.id == *id)
            .ok_or_else(|| AccessError::NoSuchSecret(id.clone()))?,
        None => config.secrets.first().ok_or(AccessError::NoSecret)?,
    };
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let claims = Claims {
        sub: order.identity,
        exp: (now + order.lifetime).as_secs_f64().floor(),
        nbf: None,
        iat: Some(now.as_secs()),
        name: order.name,
        room: match <[RoomName; 1]>::try_from(order.rooms) {
            Ok([room]) => Some(RoomClaim::One(room)),
            Err(rooms) if rooms.is_empty() => None,
            Err(rooms) => Some(RoomClaim::Several(rooms)),
        },
        can: order.can.into_iter().map(Can::Known).collect(),
    };
    let issued = Issued { claims, iss: config.issuer.as_deref(), aud: config.audience.as_deref() };
    let header = Header { kid: Some(secret.id.clone()), ..Header::new(Algorithm::HS256) };
    let key = EncodingKey::from_secret(read_secret(secret)?.as_bytes());
    let text = encode(&header, &issued, &key).map_err(AccessError::Sign)?;
    AccessToken::new(text).map_err(|_| AccessError::TooLarge)
}

/// A fresh `[access]` for a configuration file.
pub fn generate_keys() -> String {
    let mut rng: StdRng = rand::make_rng();
    let rng = &mut rng;
    let [guest_key, secret] = [(); 2].map(|()| random_text(rng, SECRET_LENGTH));
    let id = random_text(rng, ID_LENGTH);
    format!(
        "[access]\nguest_key = \"{guest_key}\"\n\n[[access.secrets]]\nid = \"key-{id}\"\nsecret = \"{secret}\"\n"
    )
}
