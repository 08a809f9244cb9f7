use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// Connections that the system keeps until they are accepted.
const BACKLOG: i32 = 1024;
/// What the system keeps for each connection of what is not read yet: more than a call's relay needs far away, and not the
/// megabytes that it would grow to for whoever says more than is read.
const UNREAD_BYTES: usize = 128 * 1024;

/// Listens at this address. An IPv6 socket takes IPv6 alone, whatever the system's default is, so that `0.0.0.0` and `[::]`
/// can be had side by side with one port.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // What the last run of the server has not quite ended holds the port otherwise. On Windows it would let two share it.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    // Before it listens: it is of its connections too, and decides about their windows.
    socket.set_recv_buffer_size(UNREAD_BYTES)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}
