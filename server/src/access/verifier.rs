use std::time::{Duration, SystemTime};

use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Validation, decode, decode_header};
use visavis_protocol::AccessToken;

use super::claims::Claims;
use super::grant::Standing;
use super::keys::{Key, Keys};
use super::{Grant, TokenError, crypto, guests};
use crate::config::AccessConfig;

/// Tells tokens that others have signed for this server from all others.
#[derive(Debug)]
pub(super) struct Verifier {
    keys: Keys,
    issuer: Option<String>,
    audience: Option<String>,
    leeway: Duration,
}

impl Verifier {
    pub(super) fn new(keys: Keys, config: &AccessConfig) -> Self {
        crypto::install();
        Self { keys, issuer: config.issuer.clone(), audience: config.audience.clone(), leeway: config.leeway }
    }

    pub(super) fn knows_no_key(&self) -> bool {
        self.keys.len() == 0
    }

    /// What a token allows at this time. Its key is one of the configuration, or else one that was `fetched`.
    pub(super) fn verify(
        &self,
        token: &AccessToken,
        fetched: &Keys,
        now: SystemTime,
    ) -> Result<Grant, TokenError> {
        let header = decode_header(token.as_str()).map_err(|_| TokenError::Malformed)?;
        // Extensions that have to be understood (RFC 7515 section 4.1.11); none are.
        if header.crit.is_some() {
            return Err(TokenError::Malformed);
        }
        let id = header.kid.as_deref();
        let alone = id.is_some() || self.keys.len() + fetched.len() == 1;
        let key = self.keys.find(id).or_else(|| fetched.find(id)).filter(|_| alone);
        let key = key.ok_or(TokenError::UnknownKey)?;
        let claims = decode::<Claims>(token.as_str(), &key.key, &self.rules(key))
            .map_err(|error| refusal(&error))?
            .claims;
        if guests::is_of_guest(&claims.sub) {
            return Err(TokenError::Claims);
        }
        claims.grant(now, self.leeway, Standing::Invited)
    }

    /// Times are looked at elsewhere, with the time as an argument.
    fn rules(&self, key: &Key) -> Validation {
        let mut rules = Validation::new(key.algorithm);
        rules.validate_exp = false;
        rules.validate_nbf = false;
        let mut required = vec!["exp", "sub"];
        if let Some(issuer) = &self.issuer {
            rules.set_issuer(&[issuer]);
            required.push("iss");
        }
        match &self.audience {
            Some(audience) => {
                rules.set_audience(&[audience]);
                required.push("aud");
            }
            None => rules.validate_aud = false,
        }
        rules.set_required_spec_claims(&required);
        rules
    }
}

pub(super) fn refusal(error: &Error) -> TokenError {
    let kind = error.kind();
    if matches!(kind, ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm) {
        TokenError::Forged
    } else if matches!(kind, ErrorKind::InvalidIssuer) || is_missing(kind, "iss") {
        TokenError::ForeignIssuer
    } else if matches!(kind, ErrorKind::InvalidAudience) || is_missing(kind, "aud") {
        TokenError::WrongAudience
    } else if matches!(kind, ErrorKind::Json(_) | ErrorKind::MissingRequiredClaim(_)) {
        TokenError::Claims
    } else {
        TokenError::Malformed
    }
}

fn is_missing(kind: &ErrorKind, claim: &str) -> bool {
    matches!(kind, ErrorKind::MissingRequiredClaim(missing) if missing == claim)
}
