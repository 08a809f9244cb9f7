//! The UDP sockets of the server.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;

use mio::net::UdpSocket;
use rand::RngExt as _;
use rand::rngs::StdRng;
use socket2::{Domain, Protocol, Socket, Type};
use stun_types::AddressFamily;

/// Draws for a free port before there is none; with three of four taken, one request in ten million finds none.
const DRAWS: u32 = 64;

/// For what comes while the processor does something else: 30 ms of a gigabit a second for all clients, which share a socket, and
/// 0.2 s of ten megabits for a relay. The system may give less, and takes memory only for what is there.
pub(super) const CLIENTS_BUFFER_BYTES: usize = 1 << 22;
const RELAY_BUFFER_BYTES: usize = 1 << 18;

/// Opens sockets that relay.
#[derive(Debug)]
pub(super) struct Ports {
    range: RangeInclusive<u16>,
    /// Where relays are, the first of a family; on all addresses where there is none.
    homes: Vec<IpAddr>,
    rng: StdRng,
}

impl Ports {
    pub(super) fn new(range: RangeInclusive<u16>, homes: Vec<IpAddr>, rng: StdRng) -> Self {
        Self { range, homes, rng }
    }

    /// A socket on a free port, drawn at random so that nobody can tell the next one (RFC 6056).
    pub(super) fn open(&mut self, family: AddressFamily, even: bool) -> Option<(UdpSocket, u16)> {
        let any = match family {
            AddressFamily::IPV4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            AddressFamily::IPV6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let home = self.homes.iter().copied().find(|home| AddressFamily::from(home) == family);
        let address = home.unwrap_or(any);
        (0..DRAWS).find_map(|_| {
            let port = self.rng.random_range(self.range.clone());
            let port = if even { port & !1 } else { port };
            let socket = self
                .range
                .contains(&port)
                .then(|| bind(SocketAddr::new(address, port), true, RELAY_BUFFER_BYTES).ok());
            Some((socket??, port))
        })
    }
}

/// A socket that does not block. One of IPv6 alone leaves the port of IPv4 to others.
pub(super) fn bind(address: SocketAddr, one_family: bool, buffer_bytes: usize) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(one_family)?;
    }
    socket.set_recv_buffer_size(buffer_bytes).ok();
    socket.set_send_buffer_size(buffer_bytes).ok();
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(UdpSocket::from_std(socket.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(range: RangeInclusive<u16>) -> Ports {
        Ports::new(range, vec![Ipv4Addr::LOCALHOST.into()], rand::make_rng())
    }

    #[test]
    fn a_port_is_taken_once_and_there_may_be_none() {
        let (_taken, port) = ports(20_000..=60_000).open(AddressFamily::IPV4, false).expect("a free port");
        assert!(ports(port..=port).open(AddressFamily::IPV4, false).is_none());
    }

    #[test]
    fn a_port_is_even_where_that_is_asked_for() {
        let mut ports = ports(20_000..=60_000);
        for _ in 0..8 {
            let (_socket, port) = ports.open(AddressFamily::IPV4, true).expect("a free port");
            assert_eq!(port % 2, 0);
        }
    }
}
