//! The UDP socket of all clients. A client takes only what comes from where it sent to for an answer, so that one that was asked
//! at one of several addresses of the host's has to be answered from there, which the system does not see to by itself.

use std::io;
use std::net::{IpAddr, SocketAddr};

use mio::net::UdpSocket;

use super::ports;

/// A datagram that came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) bytes: usize,
    pub(super) from: SocketAddr,
    /// The address of the host's that it came to, if there may be several.
    pub(super) to: Option<IpAddr>,
}

#[derive(Debug)]
pub(super) struct Datagrams {
    pub(super) socket: UdpSocket,
    /// Whether it is at all addresses of the host's.
    is_everywhere: bool,
}

impl Datagrams {
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = ports::bind(address, false, ports::CLIENTS_BUFFER_BYTES)?;
        let is_everywhere = address.ip().is_unspecified();
        if is_everywhere {
            arrival::ask(&socket, address)?;
        }
        Ok(Self { socket, is_everywhere })
    }

    pub(super) fn receive(&self, room: &mut [u8]) -> io::Result<Received> {
        if self.is_everywhere {
            return self.socket.try_io(|| arrival::receive(&self.socket, room));
        }
        let (bytes, from) = self.socket.recv_from(room)?;
        Ok(Received { bytes, from, to: None })
    }

    /// Sends from one of the host's addresses, or from the one that the system chooses.
    pub(super) fn send(&self, packet: &[u8], to: SocketAddr, from: Option<IpAddr>) -> io::Result<()> {
        match from {
            Some(from) => self.socket.try_io(|| arrival::send(&self.socket, packet, to, from)),
            None => self.socket.send_to(packet, to).map(|_| ()),
        }
    }
}

/// With what RFC 3542 section 6 says of a packet, and its like for IPv4.
#[cfg(any(target_os = "linux", target_os = "macos"))]
mod arrival {
    use std::io::{self, IoSlice, IoSliceMut};
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
    use std::os::fd::AsRawFd as _;

    use mio::net::UdpSocket;
    use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
    use nix::sys::socket::{
        ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt, sockopt,
    };

    use super::Received;

    pub(super) fn ask(socket: &UdpSocket, address: SocketAddr) -> io::Result<()> {
        match address {
            SocketAddr::V4(_) => setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?,
            SocketAddr::V6(_) => setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?,
        }
        Ok(())
    }

    pub(super) fn receive(socket: &UdpSocket, room: &mut [u8]) -> io::Result<Received> {
        let mut parts = [IoSliceMut::new(room)];
        // For either of them: that of IPv6 is the larger one.
        let mut control = nix::cmsg_space!(in6_pktinfo);
        let message = recvmsg::<SockaddrStorage>(
            socket.as_raw_fd(),
            &mut parts,
            Some(&mut control),
            MsgFlags::empty(),
        )?;
        let from = message.address.and_then(|address| {
            let of_ipv4 = address.as_sockaddr_in().map(|it| SocketAddr::V4((*it).into()));
            of_ipv4.or_else(|| address.as_sockaddr_in6().map(|it| SocketAddr::V6((*it).into())))
        });
        let from = from.ok_or(io::ErrorKind::InvalidData)?;
        let to = message.cmsgs()?.find_map(|control| {
            if let ControlMessageOwned::Ipv4PacketInfo(info) = control {
                Some(IpAddr::V4(Ipv4Addr::from_bits(u32::from_be(info.ipi_addr.s_addr))))
            } else if let ControlMessageOwned::Ipv6PacketInfo(info) = control {
                Some(IpAddr::V6(Ipv6Addr::from_octets(info.ipi6_addr.s6_addr)))
            } else {
                None
            }
        });
        Ok(Received { bytes: message.bytes, from, to })
    }

    pub(super) fn send(socket: &UdpSocket, packet: &[u8], to: SocketAddr, from: IpAddr) -> io::Result<()> {
        let none = in_addr { s_addr: 0 };
        let (of_ipv4, of_ipv6);
        let control = match from {
            IpAddr::V4(from) => {
                let from = in_addr { s_addr: from.to_bits().to_be() };
                of_ipv4 = in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: from, ipi_addr: none };
                ControlMessage::Ipv4PacketInfo(&of_ipv4)
            }
            IpAddr::V6(from) => {
                let from = in6_addr { s6_addr: from.octets() };
                of_ipv6 = in6_pktinfo { ipi6_addr: from, ipi6_ifindex: 0 };
                ControlMessage::Ipv6PacketInfo(&of_ipv6)
            }
        };
        let (parts, to) = ([IoSlice::new(packet)], SockaddrStorage::from(to));
        sendmsg(socket.as_raw_fd(), &parts, &[control], MsgFlags::empty(), Some(&to))?;
        Ok(())
    }
}

/// Elsewhere the system chooses where an answer comes from.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
mod arrival {
    use std::io;
    use std::net::{IpAddr, SocketAddr};

    use mio::net::UdpSocket;

    use super::Received;

    pub(super) fn ask(_: &UdpSocket, _: SocketAddr) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn receive(socket: &UdpSocket, room: &mut [u8]) -> io::Result<Received> {
        let (bytes, from) = socket.recv_from(room)?;
        Ok(Received { bytes, from, to: None })
    }

    pub(super) fn send(socket: &UdpSocket, packet: &[u8], to: SocketAddr, _: IpAddr) -> io::Result<()> {
        socket.send_to(packet, to).map(|_| ())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::Duration;

    use super::*;

    /// What a client hears from, that has asked at an address of this host's, and what the socket says of it.
    fn asked(at: &str, asking: &str) -> (SocketAddr, SocketAddr, Received) {
        let datagrams = Datagrams::bind(at.parse().expect("an address")).expect("bind");
        let port = datagrams.socket.local_addr().expect("an address").port();
        let client = std::net::UdpSocket::bind("127.0.0.1:0").expect("bind");
        client.set_read_timeout(Some(Duration::from_secs(5))).expect("a time");
        let asked = SocketAddr::new(asking.parse().expect("an address"), port);
        client.send_to(b"who?", asked).expect("send");
        let mut room = [0; 64];
        let received = datagrams.receive(&mut room).expect("what loopback delivers at once");
        assert_eq!(&room[..received.bytes], b"who?");
        datagrams.send(b"me", received.from, received.to).expect("send");
        let (_, heard_from) = client.recv_from(&mut room).expect("an answer");
        (asked, heard_from, received)
    }

    #[test]
    fn an_answer_comes_from_where_it_was_asked_for() {
        for at in ["0.0.0.0:0", "[::]:0"] {
            let (asked, heard_from, received) = asked(at, "127.0.0.2");
            assert_eq!(asked, heard_from, "{at}");
            assert_eq!(received.to.map(|to| to.to_canonical()), Some(asked.ip()));
        }
    }

    #[test]
    fn a_socket_at_one_address_does_not_say_which() {
        let (asked, heard_from, received) = asked("127.0.0.2:0", "127.0.0.2");
        assert_eq!((asked, received.to), (heard_from, None));
    }

    #[test]
    fn nothing_yet_is_no_failure() {
        for at in ["0.0.0.0:0", "127.0.0.1:0"] {
            let datagrams = Datagrams::bind(at.parse().expect("an address")).expect("bind");
            let error = datagrams.receive(&mut [0; 64]).expect_err("nothing came");
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        }
    }
}
