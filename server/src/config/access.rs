use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use axum::http::Uri;
use serde::{Deserialize, Serialize};

use super::seconds;
use super::secret::Secret;

/// Who may connect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccessConfig {
    /// Whether people may come without a token.
    pub anonymous: bool,
    /// What the tokens of guests are signed with; drawn at each start without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest_key: Option<Secret>,
    /// Who has to have issued a token; anybody with a key, without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// For whom a token has to be issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// How far apart the clocks of issuer and server may be.
    #[serde(rename = "leeway_s", with = "seconds::or_none")]
    pub leeway: Duration,
    /// Where further public keys are published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_url: Option<JwksUrl>,
    /// At least so long between two looks there.
    #[serde(rename = "jwks_pause_s", with = "seconds")]
    pub jwks_pause: Duration,
    /// Keys of those who sign with a shared secret.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretConfig>,
    /// Keys of those who sign with a private key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub public_keys: Vec<PublicKeyConfig>,
}

impl Default for AccessConfig {
    fn default() -> Self {
        Self {
            anonymous: true,
            guest_key: None,
            issuer: None,
            audience: None,
            leeway: Duration::from_secs(60),
            jwks_url: None,
            jwks_pause: Duration::from_secs(60),
            secrets: Vec::new(),
            public_keys: Vec::new(),
        }
    }
}

/// A shared secret that tokens are signed with (HS256).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "SecretTable", into = "SecretTable")]
pub struct SecretConfig {
    /// What tokens name it by (`kid`).
    pub id: String,
    pub source: SecretSource,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    Here(Secret),
    File(PathBuf),
}

/// The form that it has in a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretTable {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<Secret>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret_file: Option<PathBuf>,
}

/// A secret is to be in one place.
#[derive(Debug, thiserror::Error)]
#[error("either `secret` or `secret_file` is wanted")]
struct WhichSecret;

impl TryFrom<SecretTable> for SecretConfig {
    type Error = WhichSecret;

    fn try_from(table: SecretTable) -> Result<Self, WhichSecret> {
        let source = match (table.secret, table.secret_file) {
            (Some(secret), None) => SecretSource::Here(secret),
            (None, Some(file)) => SecretSource::File(file),
            (Some(_), Some(_)) | (None, None) => return Err(WhichSecret),
        };
        Ok(Self { id: table.id, source })
    }
}

impl From<SecretConfig> for SecretTable {
    fn from(config: SecretConfig) -> Self {
        let (secret, secret_file) = match config.source {
            SecretSource::Here(secret) => (Some(secret), None),
            SecretSource::File(file) => (None, Some(file)),
        };
        Self { id: config.id, secret, secret_file }
    }
}

/// The public half of a key that tokens are signed with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicKeyConfig {
    /// What tokens name it by (`kid`).
    pub id: String,
    pub algorithm: KeyAlgorithm,
    /// In PEM.
    pub file: PathBuf,
}

/// What a key signs with (RFC 7518 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum KeyAlgorithm {
    Rs256,
    Es256,
}

impl KeyAlgorithm {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }
}

/// Where public keys are published: over TLS, unless it is this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JwksUrl(Uri);

/// Why a text is no address of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the address of keys has the form https://HOST/PATH, or http:// for this machine alone")]
pub struct JwksUrlError;

impl FromStr for JwksUrl {
    type Err = JwksUrlError;

    fn from_str(text: &str) -> Result<Self, JwksUrlError> {
        let url: Uri = text.parse().map_err(|_| JwksUrlError)?;
        let host = url.host().unwrap_or_default();
        let is_here = host == "localhost"
            || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        match url.scheme_str() {
            Some("https") if !host.is_empty() => Ok(Self(url)),
            Some("http") if is_here => Ok(Self(url)),
            Some(_) | None => Err(JwksUrlError),
        }
    }
}

impl TryFrom<String> for JwksUrl {
    type Error = JwksUrlError;

    fn try_from(text: String) -> Result<Self, JwksUrlError> {
        text.parse()
    }
}

impl From<JwksUrl> for String {
    fn from(url: JwksUrl) -> Self {
        url.0.to_string()
    }
}

impl From<JwksUrl> for Uri {
    fn from(url: JwksUrl) -> Self {
        url.0
    }
}
