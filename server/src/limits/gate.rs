use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ipnet::IpNet;

use super::{Share, Shares, Source, TooMany};
use crate::access::Identity;
use crate::config::LimitsConfig;

/// Lets sockets, and connections over them, in, as many as each address may have.
#[derive(Debug)]
pub(crate) struct Gate {
    addresses: Counter<Source>,
    /// The same, of sockets.
    sockets: Counter<Source>,
    trusted_proxies: Vec<IpNet>,
}

/// Lets connections begin, as many as each person may have, wherever they are.
#[derive(Debug)]
pub(crate) struct Identities(Counter<Identity>);

/// A connection or a socket that was let in, until it is dropped.
#[derive(Debug)]
pub(crate) struct Admission<K: Hash + Eq = Source> {
    /// `None` for who cannot be told from others.
    place: Option<(Counter<K>, K)>,
}

/// Held for a look-up, never across an await.
#[derive(Debug)]
struct Counter<K>(Arc<Mutex<Shares<K>>>);

impl Gate {
    pub(crate) fn new(limits: LimitsConfig, trusted_proxies: Vec<IpNet>) -> Self {
        let sockets = Share {
            open: limits.sockets_per_address,
            openings_per_s: limits.socket_openings_per_s,
            openings_burst: limits.socket_openings_burst,
        };
        Self {
            addresses: Counter::new(connections(limits, limits.connections_per_address)),
            sockets: Counter::new(sockets),
            trusted_proxies,
        }
    }

    /// Lets in whoever is behind this connection (`forwarded`: its `X-Forwarded-For`, empty without).
    pub(crate) fn admit(&self, peer: IpAddr, forwarded: &str) -> Result<Admission, TooMany> {
        self.addresses.admit_source(Source::behind(peer, forwarded, &self.trusted_proxies))
    }

    /// Lets a socket of this address in, before anything was said on it. A trusted proxy has as many as it likes.
    pub(crate) fn admit_socket(&self, peer: IpAddr) -> Result<Admission, TooMany> {
        self.sockets.admit_source(Source::behind(peer, "", &self.trusted_proxies))
    }

    /// Whether this is a proxy that is believed.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        Source::behind(peer, "", &self.trusted_proxies).is_none()
    }
}

impl Identities {
    pub(crate) fn new(limits: LimitsConfig) -> Self {
        Self(Counter::new(connections(limits, limits.connections_per_identity)))
    }

    pub(crate) fn admit(&self, identity: Identity) -> Result<Admission<Identity>, TooMany> {
        self.0.admit(identity)
    }
}

fn connections(limits: LimitsConfig, open: u32) -> Share {
    let LimitsConfig { openings_per_s, openings_burst, .. } = limits;
    Share { open, openings_per_s, openings_burst }
}

impl<K: Hash + Eq + Clone> Counter<K> {
    fn new(share: Share) -> Self {
        Self(Arc::new(Mutex::new(Shares::new(share))))
    }

    fn admit(&self, holder: K) -> Result<Admission<K>, TooMany> {
        self.with(|shares| shares.open(Instant::now(), holder.clone()))?;
        Ok(Admission { place: Some((Self(Arc::clone(&self.0)), holder)) })
    }
}

impl Counter<Source> {
    /// Who cannot be told from others is let in uncounted.
    fn admit_source(&self, source: Option<Source>) -> Result<Admission, TooMany> {
        source.map_or(Ok(Admission { place: None }), |source| self.admit(source))
    }
}

impl<K: Hash + Eq> Counter<K> {
    /// Counters are whole at any time, whatever panicked.
    fn with<T>(&self, change: impl FnOnce(&mut Shares<K>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Admission {
    /// Who was let in, if that is known.
    pub(crate) fn source(&self) -> Option<Source> {
        self.place.as_ref().map(|(_, source)| *source)
    }
}

impl<K: Hash + Eq> Drop for Admission<K> {
    fn drop(&mut self) {
        if let Some((counter, holder)) = self.place.take() {
            counter.with(|shares| shares.close(&holder));
        }
    }
}
