use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ipnet::IpNet;

use super::{Addresses, Share, Source, TooMany};
use crate::config::LimitsConfig;

/// Lets sockets, and connections over them, in, as many as each address may have.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Held for a look-up, never across an await.
    addresses: Arc<Mutex<Addresses>>,
    /// The same, of sockets.
    sockets: Arc<Mutex<Addresses>>,
    trusted_proxies: Vec<IpNet>,
}

/// A connection or a socket that was let in, until it is dropped.
#[derive(Debug)]
pub(crate) struct Admission {
    /// `None` for who cannot be told from others.
    place: Option<(Arc<Mutex<Addresses>>, Source)>,
}

impl Gate {
    pub(crate) fn new(limits: LimitsConfig, trusted_proxies: Vec<IpNet>) -> Self {
        let connections = Share {
            open: limits.connections_per_address,
            openings_per_s: limits.openings_per_s,
            openings_burst: limits.openings_burst,
        };
        let sockets = Share {
            open: limits.sockets_per_address,
            openings_per_s: limits.socket_openings_per_s,
            openings_burst: limits.socket_openings_burst,
        };
        let [addresses, sockets] =
            [connections, sockets].map(|share| Arc::new(Mutex::new(Addresses::new(share))));
        Self { addresses, sockets, trusted_proxies }
    }

    /// Lets in whoever is behind this connection (`forwarded`: its `X-Forwarded-For`, empty without).
    pub(crate) fn admit(&self, peer: IpAddr, forwarded: &str) -> Result<Admission, TooMany> {
        Self::place(&self.addresses, Source::behind(peer, forwarded, &self.trusted_proxies))
    }

    /// Lets a socket of this address in, before anything was said on it. A trusted proxy has as many as it likes.
    pub(crate) fn admit_socket(&self, peer: IpAddr) -> Result<Admission, TooMany> {
        Self::place(&self.sockets, Source::behind(peer, "", &self.trusted_proxies))
    }

    /// Whether this is a proxy that is believed.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        Source::behind(peer, "", &self.trusted_proxies).is_none()
    }

    fn place(addresses: &Arc<Mutex<Addresses>>, source: Option<Source>) -> Result<Admission, TooMany> {
        let Some(source) = source else { return Ok(Admission { place: None }) };
        with(addresses, |addresses| addresses.open(Instant::now(), source))?;
        Ok(Admission { place: Some((Arc::clone(addresses), source)) })
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if let Some((addresses, source)) = self.place.take() {
            with(&addresses, |addresses| addresses.close(source));
        }
    }
}

/// Counters are whole at any time, whatever panicked.
fn with<T>(addresses: &Mutex<Addresses>, change: impl FnOnce(&mut Addresses) -> T) -> T {
    change(&mut addresses.lock().unwrap_or_else(PoisonError::into_inner))
}
