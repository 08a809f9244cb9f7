//! Looks at the addresses of this host.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tracing::{debug, info};

use crate::inner::{Inner, tell};

/// How soon a change is noticed: no event of the system's says so everywhere, and looking takes some 50 us.
const INTERVAL: Duration = Duration::from_millis(200);

/// The addresses of this host that packets can leave from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addresses(Arc<BTreeSet<IpAddr>>);

impl Addresses {
    /// Whether a socket bound to this address can still send.
    pub(crate) fn have(&self, address: IpAddr) -> bool {
        address.is_unspecified() || self.0.contains(&address)
    }

    /// Those of interfaces that run: one that was pulled out or switched off may keep its addresses.
    fn present() -> std::io::Result<Self> {
        let running = if_addrs::get_if_addrs()?.into_iter().filter(if_addrs::Interface::is_oper_up);
        Ok(Self(Arc::new(running.map(|interface| interface.ip()).collect())))
    }
}

/// Tells the actor of the addresses whenever they change, while that is wanted. Ends with the sender of `wanted`.
pub(crate) async fn run(mut wanted: watch::Receiver<bool>, inner: mpsc::Sender<Inner>) {
    let mut known: Option<Addresses> = None;
    loop {
        if !*wanted.borrow_and_update() {
            known = None;
            if wanted.changed().await.is_err() {
                return;
            }
            continue;
        }
        match tokio::task::spawn_blocking(Addresses::present).await {
            Ok(Ok(addresses)) => {
                if known.replace(addresses.clone()).is_some_and(|before| before != addresses) {
                    info!("the addresses of this host have changed");
                    tell(&inner, Inner::Network(addresses));
                }
            }
            Ok(Err(error)) => debug!(%error, "addresses cannot be listed"),
            Err(panic) => debug!(%panic, "addresses cannot be listed"),
        }
        if let Ok(Err(_)) = timeout(INTERVAL, wanted.changed()).await {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn loopback_is_there_and_an_address_for_documentation_is_not() {
        let addresses = Addresses::present().expect("addresses");
        assert!(addresses.have(Ipv4Addr::LOCALHOST.into()));
        assert!(addresses.have(Ipv4Addr::UNSPECIFIED.into()));
        assert!(!addresses.have(Ipv4Addr::new(192, 0, 2, 1).into()));
    }
}
