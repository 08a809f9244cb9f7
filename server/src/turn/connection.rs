use std::io::{self, Read as _, Write as _};
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use super::Client;
use super::stream::{FIRST_FRAME, SILENCE};
use crate::limits::Admission;
use visavis_turn_framing::{Deframer, Garbage, framed};

/// What waits for a client that reads slowly: a second of a call. What comes beyond is lost, as on any path.
const MOST_WAITING_BYTES: usize = 1 << 18;

/// A client's TCP connection that the relay's thread reads and writes itself.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) socket: TcpStream,
    deframer: Deframer,
    waiting: Vec<u8>,
    opened_at: Instant,
    heard_at: Option<Instant>,
    /// Its place among those that its address may have.
    _admission: Admission,
}

/// Whether there may be more to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    More,
    Drained,
}

impl Connection {
    pub(super) fn new(client: Client, socket: TcpStream, admission: Admission, now: Instant) -> Self {
        Self {
            client,
            socket,
            deframer: Deframer::default(),
            waiting: Vec::new(),
            opened_at: now,
            heard_at: None,
            _admission: admission,
        }
    }

    /// Reads once, by way of `bytes`. An error is the end of it.
    pub(super) fn read(&mut self, bytes: &mut [u8]) -> io::Result<Progress> {
        match self.socket.read(bytes) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                self.deframer.push(bytes.get(..read).unwrap_or_default());
                Ok(Progress::More)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Progress::Drained),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Progress::More),
            Err(error) => Err(error),
        }
    }

    /// The next frame of what was read.
    pub(super) fn next(&mut self, now: Instant) -> Result<Option<Vec<u8>>, Garbage> {
        let frame = self.deframer.next()?;
        if frame.is_some() {
            self.heard_at = Some(now);
        }
        Ok(frame)
    }

    /// Sends a packet whole, or not at all.
    pub(super) fn send(&mut self, packet: &[u8]) {
        if self.waiting.len() + packet.len() > MOST_WAITING_BYTES {
            return;
        }
        let frame = framed(packet);
        // Behind what waits there is nothing to be written at once.
        let written = if self.waiting.is_empty() { self.write(&frame) } else { 0 };
        self.waiting.extend_from_slice(frame.get(written..).unwrap_or_default());
    }

    /// Goes on with what waits.
    pub(super) fn flush(&mut self) {
        while !self.waiting.is_empty() {
            let waiting = std::mem::take(&mut self.waiting);
            let written = self.write(&waiting);
            self.waiting = waiting;
            self.waiting.drain(..written);
            if written == 0 {
                return;
            }
        }
    }

    /// Whether nothing has come that shows that somebody is there.
    pub(super) fn is_dead(&self, now: Instant) -> bool {
        let since = |at: Instant| -> Duration { now.saturating_duration_since(at) };
        match self.heard_at {
            Some(heard_at) => since(heard_at) >= SILENCE,
            None => since(self.opened_at) >= FIRST_FRAME,
        }
    }

    /// How much the system takes; that a connection has broken is noticed by reading.
    fn write(&mut self, bytes: &[u8]) -> usize {
        self.socket.write(bytes).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;
    use crate::config::LimitsConfig;
    use crate::limits::Gate;
    use crate::turn::{ConnectionId, Via};

    const SECOND: Duration = Duration::from_secs(1);

    /// A connection, and its other end.
    fn connection(now: Instant) -> (Connection, std::net::TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let client = std::net::TcpStream::connect(address).expect("it listens");
        let (socket, address) = listener.accept().expect("a connection");
        socket.set_nonblocking(true).expect("a mode");
        let admission = Gate::new(LimitsConfig::default(), Vec::new()).admit(address.ip(), "");
        let by = Client { via: Via::Connection(ConnectionId(1)), address };
        let socket = TcpStream::from_std(socket);
        (Connection::new(by, socket, admission.expect("the first one"), now), client)
    }

    #[test]
    fn who_says_nothing_is_not_waited_for() {
        let now = Instant::now();
        let (mut connection, mut client) = connection(now);
        assert!(!connection.is_dead(now + 9 * SECOND));
        assert!(connection.is_dead(now + 10 * SECOND));

        client.write_all(b"\x40\x00\x00\x00").expect("it is sent");
        while connection.read(&mut [0; 64]).expect("it is open") == Progress::Drained {}
        assert_eq!(connection.next(now), Ok(Some(b"\x40\x00\x00\x00".to_vec())));
        assert!(!connection.is_dead(now + 659 * SECOND));
        assert!(connection.is_dead(now + 660 * SECOND));
    }

    #[test]
    fn who_does_not_read_costs_no_more_and_finds_whole_packets() {
        const PACKETS: usize = 20_000;
        let (mut connection, mut client) = connection(Instant::now());
        let packet = [&b"\x40\x00\x03\xe5"[..], &[7; 997]].concat();
        for _ in 0..PACKETS {
            connection.send(&packet);
            assert!(connection.waiting.len() <= MOST_WAITING_BYTES);
        }
        assert!(!connection.waiting.is_empty());
        let reading = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            client.read_to_end(&mut bytes).expect("it is read");
            bytes
        });
        while !connection.waiting.is_empty() {
            connection.flush();
        }
        drop(connection);
        let bytes = reading.join().expect("it ends");
        assert!(bytes.len() < PACKETS * 1004);
        assert!(
            bytes.chunks(1004).all(|frame| frame.len() == 1004 && frame.starts_with(b"\x40\x00\x03\xe5"))
        );
    }
}
