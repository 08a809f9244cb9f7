//! TLS: which certificate is shown, and how it stays fresh.
//!
//! It comes from files that are read anew when they change, or from an authority that speaks ACME. Whatever becomes of a new
//! one, the old one is shown until then, and connections that are open are not touched. TLS 1.2 and 1.3, with what rustls
//! takes for safe.

mod acme;
mod files;
mod pair;
mod redirect;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::server::ResolvesServerCert;
use tokio_rustls::rustls::{self, ServerConfig};

use crate::TlsConfig;
use crate::config::{CertificateSource, TlsConfigError};
use crate::front::{ACME_TLS, HTTP_1_1, STUN_TURN};
use crate::metrics::Metrics;
use acme::Acme;
use files::Files;
pub use pair::PairError;
pub(crate) use redirect::{fuzz as fuzz_redirect, router as redirect};

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error(transparent)]
    Config(#[from] TlsConfigError),
    #[error("cannot read {}", file.display())]
    Read { file: PathBuf, source: io::Error },
    #[error("{} and {} are no certificate with its key", certificate.display(), key.display())]
    Pair { certificate: PathBuf, key: PathBuf, source: PairError },
    #[error("cannot use the folder {} for certificates", folder.display())]
    Cache { folder: PathBuf, source: io::Error },
    #[error("{} has no certificates of authorities", file.display())]
    Roots { file: PathBuf },
    #[error("TLS cannot be set up")]
    Setup(#[from] rustls::Error),
}

/// TLS for clients.
#[derive(Debug)]
pub(crate) struct Tls {
    pub(crate) config: Arc<ServerConfig>,
    /// To be run as long as that is in use.
    pub(crate) keeper: Keeper,
}

/// What keeps the certificate fresh.
#[derive(Debug)]
pub(crate) enum Keeper {
    Files(Files),
    Acme(Acme),
}

impl Tls {
    /// What the configuration asks for, if it does. `stun` is whether connections may be for TURN.
    pub(crate) async fn load(
        config: &TlsConfig,
        stun: bool,
        metrics: &Arc<Metrics>,
    ) -> Result<Option<Self>, TlsError> {
        let Some(source) = config.source()? else { return Ok(None) };
        let mut protocols = vec![HTTP_1_1];
        if stun {
            protocols.push(STUN_TURN);
        }
        let (resolver, keeper): (Arc<dyn ResolvesServerCert>, Keeper) = match source {
            CertificateSource::Files { certificate, key } => {
                let (files, latest) = Files::load(certificate, key, Arc::clone(metrics)).await?;
                (Arc::new(latest), Keeper::Files(files))
            }
            CertificateSource::Acme { domains, cache } => {
                protocols.push(ACME_TLS);
                let acme = Acme::new(&config.acme, domains, cache, Arc::clone(metrics)).await?;
                (acme.resolver(), Keeper::Acme(acme))
            }
        };
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = protocols.into_iter().map(<[u8]>::to_vec).collect();
        Ok(Some(Self { config: Arc::new(config), keeper }))
    }
}

impl Keeper {
    /// Does not end by itself.
    pub(crate) async fn run(self) {
        match self {
            Self::Files(files) => files.run().await,
            Self::Acme(acme) => acme.run().await,
        }
    }
}

/// The one that webrtc builds on too.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
