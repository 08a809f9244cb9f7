use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::seconds;

/// How clients are spoken to in secret. Without a certificate and without domains, they are not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate and those that vouch for it, in PEM, its own first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// Its private key, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// Where to tell browsers that come without TLS to come with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect: Option<SocketAddr>,
    /// For how long a browser that was here comes with TLS only; zero does not ask for that (RFC 6797).
    #[serde(rename = "hsts_s", with = "seconds::or_none")]
    pub hsts: Duration,
    pub acme: AcmeConfig,
}

/// A certificate that is asked for, and renewed, by itself (RFC 8555, RFC 8737).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AcmeConfig {
    /// The names to ask for; none asks for nothing.
    pub domains: Vec<String>,
    /// E-mail addresses that the authority may write to.
    pub contact: Vec<String>,
    /// The authority.
    pub directory: String,
    /// Where account and certificate are kept: authorities give only so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<PathBuf>,
    /// Who vouches for the authority's own server, in PEM, besides those whom the system trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roots: Option<PathBuf>,
}

/// Where a certificate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateSource<'a> {
    Files { certificate: &'a PathBuf, key: &'a PathBuf },
    Acme { domains: &'a [String], cache: &'a PathBuf },
}

/// Settings of TLS that make no sense together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsConfigError {
    #[error("tls.certificate and tls.key are only of use together")]
    HalfAPair,
    #[error("a certificate comes from tls.certificate or from tls.acme, not from both")]
    TwoSources,
    #[error("tls.acme.cache is missing, the folder where account and certificate are kept")]
    NoCache,
    #[error("tls.redirect sends browsers to TLS, and there is none")]
    NothingToRedirectTo,
}

impl TlsConfig {
    /// Where the certificate comes from; `None` without TLS.
    pub fn source(&self) -> Result<Option<CertificateSource<'_>>, TlsConfigError> {
        let domains = self.acme.domains.as_slice();
        match (&self.certificate, &self.key, domains, &self.acme.cache) {
            (None, None, [], _) if self.redirect.is_some() => Err(TlsConfigError::NothingToRedirectTo),
            (None, None, [], _) => Ok(None),
            (Some(certificate), Some(key), [], _) => Ok(Some(CertificateSource::Files { certificate, key })),
            (None, None, _, Some(cache)) => Ok(Some(CertificateSource::Acme { domains, cache })),
            (None, None, _, None) => Err(TlsConfigError::NoCache),
            (Some(_), Some(_), _, _) => Err(TlsConfigError::TwoSources),
            (Some(_), None, _, _) | (None, Some(_), _, _) => Err(TlsConfigError::HalfAPair),
        }
    }
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self {
            certificate: None,
            key: None,
            redirect: None,
            hsts: Duration::from_secs(365 * 24 * 60 * 60),
            acme: AcmeConfig::default(),
        }
    }
}

impl Default for AcmeConfig {
    fn default() -> Self {
        Self {
            domains: Vec::new(),
            contact: Vec::new(),
            directory: "https://acme-v02.api.letsencrypt.org/directory".to_owned(),
            cache: None,
            roots: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> TlsConfig {
        toml::from_str(text).expect(text)
    }

    #[test]
    fn there_is_no_tls_unless_it_is_asked_for() {
        assert_eq!(config("").source(), Ok(None));
        assert_eq!(config("[acme]\ncache = '/c'").source(), Ok(None));
    }

    #[test]
    fn a_certificate_has_one_source() {
        let files = config("certificate = '/c.pem'\nkey = '/k.pem'");
        assert!(matches!(files.source(), Ok(Some(CertificateSource::Files { .. }))));
        let acme = config("[acme]\ndomains = ['calls.example']\ncache = '/c'");
        assert!(matches!(acme.source(), Ok(Some(CertificateSource::Acme { .. }))));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (text, error) in [
            ("certificate = '/c.pem'", TlsConfigError::HalfAPair),
            ("key = '/k.pem'", TlsConfigError::HalfAPair),
            ("key = '/k.pem'\n[acme]\ndomains = ['a.example']\ncache = '/c'", TlsConfigError::HalfAPair),
            ("certificate = '/c'\nkey = '/k'\n[acme]\ndomains = ['a.example']", TlsConfigError::TwoSources),
            ("[acme]\ndomains = ['a.example']", TlsConfigError::NoCache),
            ("redirect = '0.0.0.0:80'", TlsConfigError::NothingToRedirectTo),
        ] {
            assert_eq!(config(text).source(), Err(error), "{text}");
        }
    }
}
