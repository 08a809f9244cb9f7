//! Tells the service manager how far the server is, where there is one that wants to know: systemd, by sd_notify(3).

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;

use tracing::warn;

/// What can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Clients are served.
    Ready,
    /// It was told to end.
    Stopping,
}

impl Notice {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "READY=1",
            Self::Stopping => "STOPPING=1",
        }
    }
}

/// Who is told.
#[derive(Debug)]
pub struct Supervisor {
    /// A path, or a name behind `@`.
    socket: Option<OsString>,
}

impl Supervisor {
    /// The one that `NOTIFY_SOCKET` names, or nobody.
    pub fn from_environment() -> Self {
        Self { socket: env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) }
    }

    /// Tells; that nobody listens is logged.
    pub fn tell(&self, notice: Notice) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = send(socket, notice.as_str()) {
            warn!(%error, "cannot tell the service manager {}", notice.as_str());
        }
    }
}

#[cfg(target_os = "linux")]
fn send(socket: &OsStr, state: &str) -> io::Result<()> {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn send(_socket: &OsStr, _state: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 64];
        let length = socket.recv(&mut buffer).expect("a datagram");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    #[test]
    fn a_socket_with_a_path_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("bind");
        Supervisor { socket: Some(path.into()) }.tell(Notice::Ready);
        assert_eq!(heard(&socket), "READY=1");
    }

    #[test]
    fn a_socket_with_an_abstract_name_is_told() {
        let name = format!("visavis-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let socket = UnixDatagram::bind_addr(&address).expect("bind");
        Supervisor { socket: Some(format!("@{name}").into()) }.tell(Notice::Stopping);
        assert_eq!(heard(&socket), "STOPPING=1");
    }

    #[test]
    fn nobody_has_to_listen() {
        Supervisor { socket: None }.tell(Notice::Ready);
        Supervisor { socket: Some("/nowhere/notify".into()) }.tell(Notice::Ready);
    }
}
