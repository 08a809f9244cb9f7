use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ipnet::IpNet;

use super::{Addresses, Source, TooMany};
use crate::config::LimitsConfig;

/// Lets connections in, as many as each address may have.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Held for a look-up, never across an await.
    addresses: Arc<Mutex<Addresses>>,
    trusted_proxies: Vec<IpNet>,
}

/// A connection that was let in, until it is dropped.
#[derive(Debug)]
pub(crate) struct Admission {
    /// `None` for who cannot be told from others.
    place: Option<(Arc<Mutex<Addresses>>, Source)>,
}

impl Gate {
    pub(crate) fn new(limits: LimitsConfig, trusted_proxies: Vec<IpNet>) -> Self {
        Self { addresses: Arc::new(Mutex::new(Addresses::new(limits))), trusted_proxies }
    }

    /// Lets in whoever is behind this connection (`forwarded`: its `X-Forwarded-For`, empty without).
    pub(crate) fn admit(&self, peer: IpAddr, forwarded: &str) -> Result<Admission, TooMany> {
        let Some(source) = Source::behind(peer, forwarded, &self.trusted_proxies) else {
            return Ok(Admission { place: None });
        };
        with(&self.addresses, |addresses| addresses.open(Instant::now(), source))?;
        Ok(Admission { place: Some((Arc::clone(&self.addresses), source)) })
    }
}

impl Admission {
    /// Who was let in, if that is known.
    pub(crate) fn source(&self) -> Option<Source> {
        self.place.as_ref().map(|(_, source)| *source)
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
