//! The WebSocket to the server: one task, messages in both directions, nothing remembered.

use std::net::IpAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use tracing::debug;
use url::Url;
use visavis_protocol::{
    ClientMessage, MAX_SERVER_MESSAGE_BYTES, ParseError, ServerMessage, parse_server_message, to_text,
};

use crate::network::Addresses;

/// Messages that may wait for the network; beyond it the connection counts as lost.
const QUEUE: usize = 256;
/// Without a word from the server for this long, not even a ping, it counts as lost.
const SILENCE: Duration = Duration::from_secs(45);
/// How long the server may take to answer a ping when there is reason to doubt that it can.
const PROBE: Duration = Duration::from_secs(3);
/// How long the farewell may take: the path may be gone.
const FAREWELL: Duration = Duration::from_secs(2);

/// What happened on the connection. After `Closed` and `Stranded` nothing follows.
#[derive(Debug)]
pub(crate) enum SignalingEvent {
    Opened,
    Received(Box<ServerMessage>),
    /// A message of a type that only later servers know.
    Unknown,
    Garbage,
    Closed,
    /// It was left from an address that this host has lost; another connection may work at once.
    Stranded,
}

/// What the connection's task is told.
#[derive(Debug)]
enum Order {
    Say(ClientMessage),
    /// The host's addresses are these now.
    Network(Addresses),
    /// There is reason to doubt that the server can be reached.
    Probe,
}

/// A connection, or the attempt at one. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct Signaling {
    orders: mpsc::Sender<Order>,
    task: JoinHandle<()>,
}

/// A connection that says goodbye.
#[derive(Debug)]
pub(crate) struct Closing(JoinHandle<()>);

impl Signaling {
    /// Begins to connect to the server of this origin; what happens goes to `on_event`. An earlier connection has its say
    /// first, so that the server hears in order what both say.
    pub(crate) fn open<F, R>(server: &str, earlier: Option<Closing>, on_event: F) -> Self
    where
        F: Fn(SignalingEvent) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send,
    {
        let (orders, queue) = mpsc::channel(QUEUE);
        let url = socket_url(server);
        let task = tokio::spawn(async move {
            let last = match url {
                Some(url) => run(url, earlier, queue, &on_event).await,
                None => {
                    debug!("the server's address is not a URL");
                    SignalingEvent::Closed
                }
            };
            on_event(last).await;
        });
        Self { orders, task }
    }

    /// Says goodbye, and hears what the server has to say to that; it takes at most two seconds.
    pub(crate) fn close(self) -> Closing {
        Closing(self.task)
    }

    /// Queues a message. A full queue means that the connection is as good as lost, which shows by its silence.
    pub(crate) fn send(&self, message: ClientMessage) {
        self.order(Order::Say(message));
    }

    /// The host's addresses have changed.
    pub(crate) fn handle_network_change(&self, addresses: Addresses) {
        self.order(Order::Network(addresses));
    }

    /// Media does not get through; perhaps messages don't either.
    pub(crate) fn probe(&self) {
        self.order(Order::Probe);
    }

    fn order(&self, order: Order) {
        if self.orders.try_send(order).is_err() {
            debug!("a signaling message was not queued");
        }
    }
}

/// The WebSocket address of an origin.
fn socket_url(server: &str) -> Option<Url> {
    let mut url = Url::parse(server).ok()?;
    let scheme = match url.scheme() {
        "http" => "ws",
        "https" => "wss",
        _ => return None,
    };
    url.set_scheme(scheme).ok()?;
    url.set_path("/ws");
    url.set_query(None);
    Some(url)
}

/// Connects and converses until either side ends it; gives the last event.
async fn run<F, R>(
    url: Url,
    earlier: Option<Closing>,
    mut orders: mpsc::Receiver<Order>,
    on_event: &F,
) -> SignalingEvent
where
    F: Fn(SignalingEvent) -> R,
    R: Future<Output = ()>,
{
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .max_message_size(Some(MAX_SERVER_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_SERVER_MESSAGE_BYTES));
    let connect = async {
        if let Some(Closing(task)) = earlier {
            // It may have panicked, which is told elsewhere.
            task.await.ok();
        }
        connect_async_with_config(url.as_str(), Some(config), true).await
    };
    let connected = tokio::select! {
        connected = connect => connected,
        // Dropped before the connection was up.
        () = dropped(&mut orders) => return SignalingEvent::Closed,
    };
    let socket = match connected {
        Ok((socket, _)) => socket,
        Err(error) => {
            debug!(%error, "no connection to the server");
            return SignalingEvent::Closed;
        }
    };
    on_event(SignalingEvent::Opened).await;
    let mut conversation =
        Conversation { left_from: local_address(&socket), socket, deadline: Instant::now() + SILENCE };
    loop {
        let step = tokio::select! {
            order = orders.recv() => match order {
                Some(order) => conversation.carry_out(order).await,
                None => {
                    conversation.close().await;
                    return SignalingEvent::Closed;
                }
            },
            frame = conversation.socket.next() => match conversation.on_frame(frame) {
                Ok(Some(event)) => {
                    on_event(event).await;
                    Ok(())
                }
                Ok(None) => Ok(()),
                Err(last) => Err(last),
            },
            () = sleep_until(conversation.deadline) => {
                debug!("the server is silent");
                Err(SignalingEvent::Closed)
            }
        };
        if let Err(last) = step {
            return last;
        }
    }
}

/// A connection that is up. What ends it is given as an error: the last event.
struct Conversation {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The own end's address, if the system tells it.
    left_from: Option<IpAddr>,
    /// When the server has to have said something.
    deadline: Instant,
}

impl Conversation {
    async fn carry_out(&mut self, order: Order) -> Result<(), SignalingEvent> {
        match order {
            Order::Say(message) => self.send(Message::text(to_text(&message))).await,
            Order::Network(addresses) => {
                if self.left_from.is_some_and(|address| !addresses.have(address)) {
                    return Err(SignalingEvent::Stranded);
                }
                self.probe().await
            }
            Order::Probe => self.probe().await,
        }
    }

    /// Asks for a sign of life.
    async fn probe(&mut self) -> Result<(), SignalingEvent> {
        self.deadline = self.deadline.min(Instant::now() + PROBE);
        self.send(Message::Ping(Default::default())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), SignalingEvent> {
        match timeout(SILENCE, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                debug!(%error, "sending to the server failed");
                Err(SignalingEvent::Closed)
            }
            Err(_) => Err(SignalingEvent::Closed),
        }
    }

    fn on_frame(
        &mut self,
        frame: Option<tungstenite::Result<Message>>,
    ) -> Result<Option<SignalingEvent>, SignalingEvent> {
        self.deadline = Instant::now() + SILENCE;
        match frame {
            Some(Ok(Message::Text(text))) => Ok(Some(read(&text))),
            Some(Ok(Message::Binary(_))) => Ok(Some(SignalingEvent::Garbage)),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(None),
            Some(Ok(Message::Close(_))) | None => Err(SignalingEvent::Closed),
            Some(Err(error)) => {
                debug!(%error, "the connection to the server broke");
                Err(SignalingEvent::Closed)
            }
        }
    }

    /// Without a code, which would say that this client does not come back. The server's answer says that it has taken in
    /// what was said before.
    async fn close(&mut self) {
        let farewell = async {
            self.socket.close(None).await?;
            while self.socket.next().await.transpose()?.is_some() {}
            Ok::<(), tungstenite::Error>(())
        };
        match timeout(FAREWELL, farewell).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(%error, "closing the connection to the server"),
            Err(_) => debug!("the server does not take the farewell"),
        }
    }
}

/// Ends when the handle was dropped; what is ordered before the connection is up has nothing to act on.
async fn dropped(orders: &mut mpsc::Receiver<Order>) {
    while orders.recv().await.is_some() {}
}

fn local_address(socket: &WebSocketStream<MaybeTlsStream<TcpStream>>) -> Option<IpAddr> {
    let stream = match socket.get_ref() {
        MaybeTlsStream::Plain(stream) => stream,
        MaybeTlsStream::Rustls(stream) => stream.get_ref().0,
        _ => return None,
    };
    stream.local_addr().ok().map(|address| address.ip())
}

fn read(text: &str) -> SignalingEvent {
    match parse_server_message(text) {
        Ok(message) => SignalingEvent::Received(Box::new(message)),
        Err(ParseError::UnknownType) => SignalingEvent::Unknown,
        Err(error) => {
            debug!(%error, "not a message of this protocol");
            SignalingEvent::Garbage
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_stands_beside_the_page() {
        let address = |server| socket_url(server).map(String::from);
        assert_eq!(address("http://127.0.0.1:8080").as_deref(), Some("ws://127.0.0.1:8080/ws"));
        assert_eq!(
            address("https://calls.example.org/r/x?y=1").as_deref(),
            Some("wss://calls.example.org/ws")
        );
        assert_eq!(address("calls.example.org"), None);
        assert_eq!(address("file:///etc"), None);
    }
}
