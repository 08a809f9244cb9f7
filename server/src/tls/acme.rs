//! A certificate from an authority that speaks ACME (RFC 8555), which looks at the server's own port for the proof that the
//! name is ours (RFC 8737). When to ask, what to prove and when to renew (after two thirds of its time) is `rustls_acme`'s.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use rustls_acme::caches::DirCache;
use rustls_acme::{AccountCache, AcmeState, CertCache, EventOk, ResolvesServerCertAcme};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tracing::{error, info};

use super::pair::pem_expiry;
use super::{TlsError, provider};
use crate::config::AcmeConfig;
use crate::metrics::Metrics;

/// Asks for a certificate, and for the next one when it is time.
pub(crate) struct Acme {
    state: AcmeState<io::Error>,
    metrics: Arc<Metrics>,
}

impl Acme {
    pub(super) async fn new(
        config: &AcmeConfig,
        domains: &[String],
        cache: &Path,
        metrics: Arc<Metrics>,
    ) -> Result<Self, TlsError> {
        make_private(cache).await.map_err(|source| TlsError::Cache { folder: cache.to_owned(), source })?;
        let client = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots(config.roots.as_deref()).await?)
            .with_no_client_auth();
        let cache = Watched { cache: DirCache::new(cache.to_owned()), metrics: Arc::clone(&metrics) };
        let state = rustls_acme::AcmeConfig::new_with_client_config(domains, Arc::new(client))
            .contact(config.contact.iter().map(|contact| as_url(contact)))
            .directory(&config.directory)
            .cache(cache)
            .state();
        Ok(Self { state, metrics })
    }

    /// Shows the certificate, or the proof to the authority.
    pub(super) fn resolver(&self) -> Arc<ResolvesServerCertAcme> {
        self.state.resolver()
    }

    pub(super) async fn run(mut self) {
        while let Some(event) = self.state.next().await {
            match event {
                Ok(EventOk::DeployedCachedCert) => info!("the certificate of the last time is in use"),
                Ok(EventOk::DeployedNewCert) => info!("a new certificate is in use"),
                Ok(EventOk::CertCacheStore | EventOk::AccountCacheStore) => continue,
                Err(error) => {
                    error!(%error, "no new certificate yet");
                    self.metrics.front.certificates_failed.inc();
                    continue;
                }
            }
            self.metrics.front.certificates_loaded.inc();
        }
    }
}

impl fmt::Debug for Acme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acme").finish_non_exhaustive()
    }
}

/// A cache that tells when what passes through it ends.
struct Watched {
    cache: DirCache<std::path::PathBuf>,
    metrics: Arc<Metrics>,
}

impl Watched {
    fn note(&self, pem: &[u8]) {
        if let Some(expiry) = pem_expiry(pem) {
            self.metrics.front.certificate_expiry.set(expiry);
        }
    }
}

#[async_trait]
impl CertCache for Watched {
    type EC = io::Error;

    async fn load_cert(&self, domains: &[String], directory: &str) -> io::Result<Option<Vec<u8>>> {
        let loaded = self.cache.load_cert(domains, directory).await?;
        if let Some(pem) = &loaded {
            self.note(pem);
        }
        Ok(loaded)
    }

    async fn store_cert(&self, domains: &[String], directory: &str, pem: &[u8]) -> io::Result<()> {
        self.note(pem);
        self.cache.store_cert(domains, directory, pem).await
    }
}

#[async_trait]
impl AccountCache for Watched {
    type EA = io::Error;

    async fn load_account(&self, contact: &[String], directory: &str) -> io::Result<Option<Vec<u8>>> {
        self.cache.load_account(contact, directory).await
    }

    async fn store_account(&self, contact: &[String], directory: &str, key: &[u8]) -> io::Result<()> {
        self.cache.store_account(contact, directory, key).await
    }
}

/// The folder holds private keys, which the cache writes for everybody to read: the folder itself is closed to others.
async fn make_private(folder: &Path) -> io::Result<()> {
    tokio::fs::create_dir_all(folder).await?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        tokio::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).await?;
    }
    Ok(())
}

/// Whom the system trusts, and who is in the file.
async fn roots(file: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = file {
        let pem =
            tokio::fs::read(file).await.map_err(|source| TlsError::Read { file: file.to_owned(), source })?;
        let (added, _) = roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).flatten());
        if added == 0 {
            return Err(TlsError::Roots { file: file.to_owned() });
        }
    }
    Ok(roots)
}

/// A contact as ACME wants it (RFC 8555 section 7.3).
fn as_url(contact: &str) -> String {
    if contact.contains(':') { contact.to_owned() } else { format!("mailto:{contact}") }
}

#[cfg(test)]
mod tests {
    use super::super::pair::tests::pair;
    use super::*;

    fn config(roots: Option<&Path>) -> AcmeConfig {
        AcmeConfig {
            domains: vec!["calls.example".to_owned()],
            roots: roots.map(Path::to_owned),
            ..AcmeConfig::default()
        }
    }

    #[test]
    fn an_address_is_a_contact() {
        assert_eq!(as_url("ada@calls.example"), "mailto:ada@calls.example");
        assert_eq!(as_url("mailto:ada@calls.example"), "mailto:ada@calls.example");
    }

    #[tokio::test]
    async fn a_certificate_of_the_last_time_is_in_use_again_and_nobody_else_reads_its_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let (config, cache, metrics) = (config(None), folder.path().join("acme"), Arc::new(Metrics::new()));
        let made = pair("calls.example");
        let pem = [made.key, made.certificate].concat();
        let mut acme =
            Acme::new(&config, &config.domains, &cache, Arc::clone(&metrics)).await.expect("a state");
        let stored = DirCache::new(cache.clone());
        stored.store_cert(&config.domains, &config.directory, &pem).await.expect("store it");

        let event = acme.state.next().await.expect("it does not end");
        assert!(matches!(event, Ok(EventOk::DeployedCachedCert)), "{event:?}");
        assert!(metrics.front.certificate_expiry.get() > 1_800_000_000);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&cache).expect("a folder").permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
    }

    #[tokio::test]
    async fn roots_that_are_none_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("roots.pem");
        std::fs::write(&file, "nothing").expect("write it");
        let config = config(Some(&file));
        let refused = Acme::new(&config, &config.domains, folder.path(), Arc::new(Metrics::new())).await;
        assert!(matches!(refused, Err(TlsError::Roots { .. })), "{refused:?}");
    }
}
