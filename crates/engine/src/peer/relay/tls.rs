//! TLS to a relay, which has to show a certificate that the system trusts.

use std::io;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tracing::debug;

/// Reads the system's roots, which takes some milliseconds, beside the tasks of connections.
pub(super) async fn connector() -> io::Result<TlsConnector> {
    let config = tokio::task::spawn_blocking(client_config).await??;
    Ok(TlsConnector::from(Arc::new(config)))
}

fn client_config() -> io::Result<ClientConfig> {
    let found = rustls_native_certs::load_native_certs();
    for error in found.errors {
        debug!(%error, "some of the system's certificates cannot be read");
    }
    let mut roots = RootCertStore::empty();
    let (taken, _) = roots.add_parsable_certificates(found.certs);
    debug!(taken, "certificates that the system trusts");
    Ok(ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
