use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Message, WebSocket};
use visavis_protocol::{
    ClientMessage, Hello, PROTOCOL_VERSION, ServerMessage, parse_server_message, to_text,
};

/// What arrives is small; a thousand clients with the library's own buffers would have gigabytes.
const BUFFER_BYTES: usize = 2048;
const EVENTS: usize = 1024;
const TIMER: Token = Token(usize::MAX);
/// For a connection to come about, and for its welcome.
const PATIENCE: Duration = Duration::from_secs(10);

/// Clients of one server, which may have several nodes, numbered in the order they connected; a client's name is its number.
pub(crate) struct Swarm {
    nodes: Vec<Node>,
    poll: Poll,
    events: Events,
    /// `Poll` itself waits in whole milliseconds.
    timer: OwnedFd,
    clients: Vec<WebSocket<mio::net::TcpStream>>,
}

#[derive(Debug)]
struct Node {
    url: String,
    address: SocketAddr,
}

impl Node {
    fn at(url: &str) -> anyhow::Result<Self> {
        let host = url.strip_prefix("ws://").and_then(|rest| rest.split('/').next());
        let address = host.and_then(|host| host.parse().ok()).context("--url is not ws://ADDRESS:PORT/ws")?;
        Ok(Self { url: url.to_owned(), address })
    }
}

impl Swarm {
    pub(crate) fn new(urls: &[String]) -> anyhow::Result<Self> {
        let nodes = urls.iter().map(|url| Node::at(url)).collect::<anyhow::Result<Vec<_>>>()?;
        ensure!(!nodes.is_empty(), "there is no --url");
        let poll = Poll::new()?;
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        poll.registry().register(&mut SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE)?;
        let events = Events::with_capacity(EVENTS);
        Ok(Self { nodes, poll, events, timer, clients: Vec::new() })
    }

    pub(crate) fn len(&self) -> usize {
        self.clients.len()
    }

    /// Lets so many more clients connect and be welcomed, one after the other.
    pub(crate) fn connect(&mut self, count: usize) -> anyhow::Result<()> {
        for _ in 0..count {
            let client = self.connect_one().with_context(|| {
                format!("client {} cannot connect (each side has a file open for each)", self.clients.len())
            })?;
            self.clients.push(client);
        }
        Ok(())
    }

    fn connect_one(&self) -> anyhow::Result<WebSocket<mio::net::TcpStream>> {
        let node = &self.nodes[self.clients.len() % self.nodes.len()];
        let stream = TcpStream::connect_timeout(&node.address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let config = WebSocketConfig::default().read_buffer_size(BUFFER_BYTES).write_buffer_size(0);
        let (mut socket, _) = tungstenite::client::client_with_config(&node.url, stream, Some(config))
            .map_err(|error| anyhow!("{error}"))?;
        let client = "signaling-load/1".to_owned();
        let hello = Hello { protocol: PROTOCOL_VERSION, client, resume: None, token: None };
        socket.send(Message::text(to_text(&ClientMessage::Hello(hello))))?;
        let answer = parse_server_message(socket.read()?.to_text()?)?;
        ensure!(matches!(answer, ServerMessage::Welcome { .. }), "no welcome, but {answer:?}");

        // Nothing follows a welcome by itself, so nothing is left behind in a buffer here.
        let stream = socket.into_inner();
        stream.set_nonblocking(true)?;
        let mut stream = mio::net::TcpStream::from_std(stream);
        let token = Token(self.clients.len());
        self.poll.registry().register(&mut stream, token, Interest::READABLE)?;
        Ok(WebSocket::from_raw_socket(stream, Role::Client, Some(config)))
    }

    pub(crate) fn say(&mut self, client: usize, message: &ClientMessage) -> anyhow::Result<()> {
        let socket = self.clients.get_mut(client).context("there is no such client")?;
        socket.send(Message::text(to_text(message))).context("a client cannot send")
    }

    /// Waits until `until`, or until something has come, which `hear` is told with the number of its client.
    pub(crate) fn wait(
        &mut self,
        until: Instant,
        mut hear: impl FnMut(usize, ServerMessage),
    ) -> anyhow::Result<()> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            self.poll.poll(&mut self.events, Some(Duration::ZERO))?;
        } else {
            self.set_timer(left)?;
            self.poll.poll(&mut self.events, None)?;
        }
        for event in &self.events {
            let Token(number) = event.token();
            let Some(client) = self.clients.get_mut(number) else { continue };
            loop {
                match client.read() {
                    Ok(Message::Text(text)) => {
                        let message = parse_server_message(&text)?;
                        ensure!(
                            !matches!(message, ServerMessage::Error { .. }),
                            "client {number} was refused: {message:?}"
                        );
                        hear(number, message);
                    }
                    // The library has answered.
                    Ok(Message::Ping(_) | Message::Pong(_)) => client.flush()?,
                    Ok(other) => return Err(anyhow!("client {number} was sent {other:?}")),
                    Err(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error).context(format!("client {number} was cut off")),
                }
            }
        }
        Ok(())
    }

    fn set_timer(&self, after: Duration) -> anyhow::Result<()> {
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let once = Itimerspec { it_interval: never, it_value: after.try_into()? };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }
}
