//! The cryptography of tokens: ring's, as that of everything else here (ADR 9).

use std::fmt;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::hmac;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
    VerificationAlgorithm,
};

/// Nothing here makes keys from others, which is what the utilities would be for.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Has tokens signed and verified with what is here; to be called before any is.
pub(super) fn install() {
    // It is there already, but for the first time.
    PROVIDER.install_default().ok();
}

/// HMAC with SHA-256 (RFC 7518 section 3.2).
struct Hs256(hmac::Key);

/// RSASSA-PKCS1-v1_5 with SHA-256 and 2048 bits or more (RFC 7518 section 3.3).
struct Rs256(DecodingKey);

/// ECDSA with P-256 and SHA-256 (RFC 7518 section 3.4).
struct Es256(DecodingKey);

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    match (algorithm, key.family()) {
        (Algorithm::HS256, AlgorithmFamily::Hmac) => {
            Ok(Box::new(Hs256(hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()))))
        }
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    match (algorithm, key.family()) {
        (Algorithm::HS256, AlgorithmFamily::Hmac) => {
            Ok(Box::new(Hs256(hmac::Key::new(hmac::HMAC_SHA256, key.try_get_as_bytes()?))))
        }
        (Algorithm::RS256, AlgorithmFamily::Rsa) => Ok(Box::new(Rs256(key.clone()))),
        (Algorithm::ES256, AlgorithmFamily::Ec) => Ok(Box::new(Es256(key.clone()))),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, signature::Error> {
        Ok(hmac::sign(&self.0, message).as_ref().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], tag: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        hmac::verify(&self.0, message, tag).map_err(forged)
    }
}

impl Verifier<Vec<u8>> for Rs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        match self.0.kind() {
            DecodingKeyKind::SecretOrDer(der) => {
                verify_with(&RSA_PKCS1_2048_8192_SHA256, der, message, signature)
            }
            DecodingKeyKind::RsaModulusExponent { n, e } => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .map_err(forged),
        }
    }
}

impl Verifier<Vec<u8>> for Es256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        let point = self.0.try_get_as_bytes().map_err(forged)?;
        verify_with(&ECDSA_P256_SHA256_FIXED, point, message, signature)
    }
}

fn verify_with(
    algorithm: &'static dyn VerificationAlgorithm,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> std::result::Result<(), signature::Error> {
    UnparsedPublicKey::new(algorithm, key).verify(message, signature).map_err(forged)
}

fn forged(_: impl fmt::Debug) -> signature::Error {
    signature::Error::new()
}

macro_rules! is_algorithm {
    ($name:ident, $($role:ident),+; $algorithm:ident) => {
        $(impl $role for $name {
            fn algorithm(&self) -> Algorithm {
                Algorithm::$algorithm
            }
        })+
    };
}

is_algorithm!(Hs256, JwtSigner, JwtVerifier; HS256);
is_algorithm!(Rs256, JwtVerifier; RS256);
is_algorithm!(Es256, JwtVerifier; ES256);
