use std::collections::HashMap;
use std::fs;
use std::path::Path;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use super::{AccessError, guests};
use crate::config::{
    AccessConfig, KeyAlgorithm as Configured, PublicKeyConfig, Secret, SecretConfig, SecretSource,
};

/// Keys of one document that are looked at.
const MAX_FETCHED: usize = 64;

/// What tokens are verified with, by the id that their header names (`kid`).
#[derive(Debug, Default)]
pub(super) struct Keys(HashMap<String, Key>);

/// A key, and the one algorithm that it is for: what a token says of that is not believed.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// A document is no set of keys.
#[derive(Debug, thiserror::Error)]
#[error("it is no JSON Web Key Set")]
pub(super) struct NoJwks(#[from] serde_json::Error);

impl Keys {
    /// The keys of the configuration, read from their files.
    pub(super) fn configured(config: &AccessConfig) -> Result<Self, AccessError> {
        let mut keys = Self::default();
        for secret in &config.secrets {
            let key = DecodingKey::from_secret(read_secret(secret)?.as_bytes());
            keys.add(&secret.id, Key { algorithm: Algorithm::HS256, key })?;
        }
        for public in &config.public_keys {
            keys.add(&public.id, read_public(public)?)?;
        }
        Ok(keys)
    }

    /// The keys of a JSON Web Key Set (RFC 7517 section 5) that are for signatures of an algorithm spoken here; others are
    /// passed over, as that section asks. Secrets are: what everybody can fetch is none.
    pub(super) fn from_jwks(document: &[u8]) -> Result<Self, NoJwks> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let set: Set = serde_json::from_slice(document)?;
        let keys = set.keys.into_iter().take(MAX_FETCHED).filter_map(fetched);
        Ok(Self(keys.collect()))
    }

    /// The key of this id; without one, the only key there is.
    pub(super) fn find(&self, id: Option<&str>) -> Option<&Key> {
        match id {
            Some(id) => self.0.get(id),
            None if self.0.len() == 1 => self.0.values().next(),
            None => None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn add(&mut self, id: &str, key: Key) -> Result<(), AccessError> {
        if id.is_empty() || id == guests::KEY_ID {
            return Err(AccessError::BadId(id.to_owned()));
        }
        match self.0.insert(id.to_owned(), key) {
            None => Ok(()),
            Some(_) => Err(AccessError::SameId(id.to_owned())),
        }
    }
}

/// The secret, from wherever it is.
pub(super) fn read_secret(config: &SecretConfig) -> Result<Secret, AccessError> {
    match &config.source {
        SecretSource::Here(secret) => Ok(secret.clone()),
        SecretSource::File(file) => {
            let text = String::from_utf8_lossy(&read(file)?).trim_end().to_owned();
            Secret::try_from(text).map_err(|source| AccessError::Secret { file: file.clone(), source })
        }
    }
}

fn read_public(config: &PublicKeyConfig) -> Result<Key, AccessError> {
    let pem = read(&config.file)?;
    let (key, algorithm) = match config.algorithm {
        Configured::Rs256 => (DecodingKey::from_rsa_pem(&pem).ok(), Algorithm::RS256),
        Configured::Es256 => (DecodingKey::from_ec_pem(&pem).ok().filter(is_p256), Algorithm::ES256),
    };
    let unusable =
        || AccessError::NoPublicKey { file: config.file.clone(), algorithm: config.algorithm.as_str() };
    Ok(Key { algorithm, key: key.ok_or_else(unusable)? })
}

fn read(file: &Path) -> Result<Vec<u8>, AccessError> {
    fs::read(file).map_err(|source| AccessError::Read { file: file.to_owned(), source })
}

/// A point of P-256 has 65 bytes, uncompressed (SEC 1 section 2.3.3).
fn is_p256(key: &DecodingKey) -> bool {
    key.try_get_as_bytes().is_ok_and(|point| point.len() == 65)
}

fn fetched(key: serde_json::Value) -> Option<(String, Key)> {
    let key: Jwk = serde_json::from_value(key).ok()?;
    let for_signatures =
        key.common.public_key_use.as_ref().is_none_or(|wanted| *wanted == PublicKeyUse::Signature);
    let id =
        key.common.key_id.clone().filter(|id| for_signatures && !id.is_empty() && id != guests::KEY_ID)?;
    let is_for = |algorithm| key.common.key_algorithm.as_ref().is_none_or(|wanted| *wanted == algorithm);
    let algorithm = if matches!(key.algorithm, AlgorithmParameters::RSA(_)) && is_for(KeyAlgorithm::RS256) {
        Algorithm::RS256
    } else if is_on_p256(&key.algorithm) && is_for(KeyAlgorithm::ES256) {
        Algorithm::ES256
    } else {
        return None;
    };
    let key = DecodingKey::from_jwk(&key).ok()?;
    Some((id, Key { algorithm, key }))
}

fn is_on_p256(parameters: &AlgorithmParameters) -> bool {
    matches!(parameters, AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256)
}
