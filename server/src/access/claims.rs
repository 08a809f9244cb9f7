//! What stands in a token (RFC 7519 section 4).

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use visavis_protocol::{DisplayName, RoomName};

use super::grant::{Rooms, Standing};
use super::{Grant, Identity, Permission, TokenError};

/// Claims of a token, as far as they matter here; others may be there. Times are seconds since 1970, fractions allowed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) sub: Identity,
    pub(super) exp: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) nbf: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) iat: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<DisplayName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) room: Option<RoomClaim>,
    /// Words that this server does not know allow nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) can: Vec<Can>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum RoomClaim {
    One(RoomName),
    Several(Vec<RoomName>),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Can {
    Known(Permission),
    Other(String),
}

impl Claims {
    /// What follows at this time.
    pub(super) fn grant(
        self,
        now: SystemTime,
        leeway: Duration,
        standing: Standing,
    ) -> Result<Grant, TokenError> {
        let expires = instant(self.exp)?;
        if expires + leeway <= now {
            return Err(TokenError::Expired);
        }
        if self.nbf.map(instant).transpose()?.is_some_and(|from| from > now + leeway) {
            return Err(TokenError::NotYet);
        }
        let rooms = match self.room {
            None => Rooms::All,
            Some(RoomClaim::One(room)) => Rooms::These(vec![room]),
            Some(RoomClaim::Several(rooms)) => Rooms::These(rooms),
        };
        let permissions = self.can.into_iter().filter_map(|can| match can {
            Can::Known(permission) => Some(permission),
            Can::Other(_) => None,
        });
        let permissions = permissions.collect();
        Ok(Grant { identity: self.sub, name: self.name, rooms, permissions, expires, standing })
    }
}

/// The latest time that a token may name, in seconds since 1970: the year 9999, as a date in RFC 3339 may have at most.
const LATEST_S: f64 = 253_402_300_799.0;

fn instant(seconds: f64) -> Result<SystemTime, TokenError> {
    if !(0.0..=LATEST_S).contains(&seconds) {
        return Err(TokenError::Claims);
    }
    Ok(SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds))
}

pub(super) fn fuzz(text: &str) {
    if let Ok(claims) = serde_json::from_str::<Claims>(text) {
        claims.grant(SystemTime::UNIX_EPOCH, Duration::from_secs(60), Standing::Invited).ok();
    }
}
