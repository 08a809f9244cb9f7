use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// What is counted of sockets and TLS.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Above the limit of an address, or of those that are half open.
    pub(crate) sockets_refused: Counter,
    pub(crate) tls_handshakes: Counter,
    pub(crate) tls_handshakes_failed: Counter,
    /// Certificates that are in use since, the first one too.
    pub(crate) certificates_loaded: Counter,
    /// Certificates that could not be read, or were not given; the old one is in use still.
    pub(crate) certificates_failed: Counter,
    /// When the certificate ends, in seconds since 1970; 0 without one.
    pub(crate) certificate_expiry: Gauge,
}

impl Counts {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let refused = self.sockets_refused.clone();
        registry.register("sockets_refused", "Sockets above a limit", refused);
        registry.register("tls_handshakes", "TLS handshakes that succeeded", self.tls_handshakes.clone());
        let failed = self.tls_handshakes_failed.clone();
        registry.register("tls_handshakes_failed", "TLS handshakes that did not", failed);
        let loaded = self.certificates_loaded.clone();
        registry.register("certificates_loaded", "Certificates that came into use", loaded);
        let failed = self.certificates_failed.clone();
        registry.register("certificates_failed", "Certificates that could not be had", failed);
        let expiry = self.certificate_expiry.clone();
        let help = "When the certificate ends, since 1970";
        registry.register_with_unit("certificate_expiry_timestamp", help, Unit::Seconds, expiry);
    }
}
