//! The server as a whole: its sockets and its thread.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use mio::net::TcpListener;
use tokio::sync::mpsc;
use tracing::info;

use super::bell::Bell;
use super::clients::Clients;
use super::datagrams::Datagrams;
use super::ports::Ports;
use super::protocol::{Settings, Turn};
use super::relay::Relay;
use super::stream::TurnStreams;
use crate::config::{LimitsConfig, Password, TurnConfig};
use crate::limits::Gate;
use crate::metrics::Metrics;

/// What the streams have said and the thread has not heard.
const EVENTS: usize = 1024;

/// Pairs of ports to try where any port will do.
const TRIES: u32 = 16;

/// Why there is no TURN server.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    #[error("cannot listen for TURN on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error(
        "turn.public_addresses has to say how others reach this server, since turn.listen names no address"
    )]
    NoAddress,
    #[error("turn.public_addresses has more than one address of a family")]
    TooManyAddresses,
    #[error("cannot start the relay")]
    Start(#[source] io::Error),
}

/// The TURN server, from its start until it is dropped.
#[derive(Debug)]
pub(crate) struct TurnServer {
    address: SocketAddr,
    hosts: Vec<String>,
    secret: Password,
    streams: TurnStreams,
    bell: Arc<Bell>,
}

impl TurnServer {
    /// Listens, and relays from then on.
    pub(crate) fn start(
        config: &TurnConfig,
        limits: LimitsConfig,
        metrics: &Metrics,
    ) -> Result<Self, TurnError> {
        let announced = announced(config)?;
        let failed = |source| TurnError::Listen { address: config.listen, source };
        let (listener, datagrams) = listen(config.listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let secret = config.secret.clone().map_or_else(Password::random, Password::from);

        let interfaces = interfaces();
        let own = [&interfaces[..], &announced].concat();
        let settings = Settings::new(config, secret.clone(), announced.clone(), own);
        let turn = Turn::new(settings, metrics.turn.clone(), rand::make_rng(), Instant::now());
        let homes = homes(config.listen.ip(), &announced, &interfaces);
        let ports = Ports::new(config.relay_ports.ports(), homes, rand::make_rng());
        let clients = Clients::new(datagrams, listener, Gate::new(limits, Vec::new()));
        let (events, heard) = mpsc::channel(EVENTS);
        let (relay, bell) = Relay::new(clients, turn, ports, heard).map_err(TurnError::Start)?;
        thread::Builder::new().name("turn".to_owned()).spawn(|| relay.run()).map_err(TurnError::Start)?;

        let streams = TurnStreams::new(events, Arc::clone(&bell));
        info!(%address, "relaying for clients");
        let hosts = match &config.host {
            Some(host) => vec![host.clone()],
            None => announced.iter().copied().map(host_of).collect(),
        };
        Ok(Self { address, hosts, secret, streams, bell })
    }

    /// Where it listens.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What clients call it by: names and addresses as they stand in URLs.
    pub(crate) fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// The same, with its port.
    pub(crate) fn authorities(&self) -> impl Iterator<Item = String> {
        self.hosts.iter().map(|host| format!("{host}:{}", self.address.port()))
    }

    /// What credentials are made from.
    pub(crate) fn secret(&self) -> &Password {
        &self.secret
    }

    /// Takes clients that come over other listeners.
    pub(crate) fn streams(&self) -> TurnStreams {
        self.streams.clone()
    }
}

impl Drop for TurnServer {
    fn drop(&mut self) {
        self.bell.end();
    }
}

/// TCP and UDP on the same port.
fn listen(address: SocketAddr) -> io::Result<(TcpListener, Datagrams)> {
    let mut tries = TRIES;
    loop {
        let listener = TcpListener::bind(address)?;
        match Datagrams::bind(listener.local_addr()?) {
            Ok(datagrams) => return Ok((listener, datagrams)),
            // Another program may have the UDP port of a free TCP port.
            Err(error) if address.port() != 0 || tries == 0 => return Err(error),
            Err(_) => tries -= 1,
        }
    }
}

/// What relays are reached at from outside.
fn announced(config: &TurnConfig) -> Result<Vec<IpAddr>, TurnError> {
    let listen = config.listen.ip();
    let addresses = match &config.public_addresses[..] {
        [] if listen.is_unspecified() => return Err(TurnError::NoAddress),
        [] => vec![listen],
        public => public.to_vec(),
    };
    let of_ipv4 = addresses.iter().filter(|address| address.is_ipv4()).count();
    if of_ipv4 > 1 || addresses.len() - of_ipv4 > 1 {
        return Err(TurnError::TooManyAddresses);
    }
    Ok(addresses)
}

/// Addresses of this host, as far as it knows them.
fn interfaces() -> Vec<IpAddr> {
    if_addrs::get_if_addrs().unwrap_or_default().iter().map(if_addrs::Interface::ip).collect()
}

/// Addresses of this host that relays are on: the one that it listens at, or else one that is told, so that peers hear from no other.
fn homes(listen: IpAddr, announced: &[IpAddr], interfaces: &[IpAddr]) -> Vec<IpAddr> {
    let listen = (!listen.is_unspecified()).then_some(listen);
    let told = announced.iter().copied().filter(|address| interfaces.contains(address));
    listen.into_iter().chain(told).collect()
}

/// An address as it stands in a URL.
fn host_of(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relays_are_on_an_address_that_peers_are_told() {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let [own, other, told, inner] = ["10.0.0.1", "10.0.0.2", "203.0.113.7", "fd00::1"].map(address);
        let interfaces = [other, own, inner];
        let everywhere = address("0.0.0.0");
        // One of several that the host has, of each family.
        assert_eq!(homes(everywhere, &[own, inner], &interfaces), [own, inner]);
        // Behind a NAT the outer one is none of the host's.
        assert!(homes(everywhere, &[told], &interfaces).is_empty());
        assert_eq!(homes(other, &[told], &interfaces), [other]);
    }
}
