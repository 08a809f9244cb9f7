use std::sync::Arc;

use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use x509_parser::parse_x509_certificate;

use super::provider;

/// A chain of certificates and a private key, in PEM. Has no `Debug`: the key is a secret.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) certificate: Vec<u8>,
    pub(super) key: Vec<u8>,
}

/// A certificate that can be shown.
#[derive(Debug, Clone)]
pub(super) struct Certificate {
    pub(super) key: Arc<CertifiedKey>,
    /// When it ends, in seconds since 1970.
    pub(super) expiry: i64,
}

/// Why two texts are no certificate and its key.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    #[error("the certificate is not in PEM")]
    CertificatePem(#[source] pem::Error),
    #[error("there is no certificate")]
    NoCertificate,
    #[error("the certificate is none of X.509")]
    X509,
    #[error("the key is not in PEM")]
    KeyPem(#[source] pem::Error),
    #[error("the key cannot be used, or is not that of the certificate")]
    Key(#[source] rustls::Error),
}

impl Pair {
    pub(super) fn parse(&self) -> Result<Certificate, PairError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .map_err(PairError::CertificatePem)?;
        let expiry = expiry(chain.first().ok_or(PairError::NoCertificate)?).ok_or(PairError::X509)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(PairError::KeyPem)?;
        let key = CertifiedKey::from_der(chain, key, &provider()).map_err(PairError::Key)?;
        Ok(Certificate { key: Arc::new(key), expiry })
    }
}

/// When the first certificate of a text in PEM ends.
pub(super) fn pem_expiry(pem: &[u8]) -> Option<i64> {
    expiry(&CertificateDer::from_pem_slice(pem).ok()?)
}

fn expiry(certificate: &CertificateDer<'_>) -> Option<i64> {
    let (_, certificate) = parse_x509_certificate(certificate).ok()?;
    Some(certificate.validity().not_after.timestamp())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::tls) fn pair(name: &str) -> Pair {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
        Pair { certificate: made.cert.pem().into_bytes(), key: made.key_pair.serialize_pem().into_bytes() }
    }

    fn refusal(certificate: &[u8], key: &[u8]) -> PairError {
        let pair = Pair { certificate: certificate.to_vec(), key: key.to_vec() };
        pair.parse().expect_err("it is no pair")
    }

    #[test]
    fn a_certificate_and_its_key_can_be_shown_until_it_ends() {
        let certificate = pair("calls.example").parse().expect("a pair");
        assert_eq!(certificate.key.cert.len(), 1);
        assert!(certificate.expiry > 1_800_000_000, "{}", certificate.expiry);
    }

    #[test]
    fn what_is_wrong_is_told_apart() {
        let (one, other) = (pair("calls.example"), pair("calls.example"));
        assert!(matches!(refusal(b"", &one.key), PairError::NoCertificate));
        assert!(matches!(refusal(&one.key, &one.key), PairError::NoCertificate));
        let half = &one.certificate[..one.certificate.len() / 2];
        assert!(matches!(refusal(half, &one.key), PairError::CertificatePem(_)));
        let nonsense = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(refusal(nonsense, &one.key), PairError::X509));
        assert!(matches!(refusal(&one.certificate, b""), PairError::KeyPem(_)));
        assert!(matches!(refusal(&one.certificate, &other.key), PairError::Key(_)));
    }
}
