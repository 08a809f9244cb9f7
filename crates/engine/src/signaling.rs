//! The WebSocket to the server: one task, messages in both directions, nothing remembered.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use tracing::debug;
use url::Url;
use visavis_protocol::{
    ClientMessage, MAX_SERVER_MESSAGE_BYTES, ServerMessage, parse_server_message, to_text,
};

/// Messages that may wait for the network; beyond it the connection counts as lost.
const QUEUE: usize = 256;
/// Without a word from the server for this long, not even a ping, it counts as lost.
const SILENCE: Duration = Duration::from_secs(45);

/// What happened on the connection. After `Closed` nothing follows.
#[derive(Debug)]
pub(crate) enum SignalingEvent {
    Opened,
    Received(Box<ServerMessage>),
    Garbage,
    Closed,
}

/// A connection, or the attempt at one. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct Signaling {
    outgoing: mpsc::Sender<ClientMessage>,
}

impl Signaling {
    /// Begins to connect to the server of this origin; what happens goes to `on_event`.
    pub(crate) fn open<F, R>(server: &str, on_event: F) -> Self
    where
        F: Fn(SignalingEvent) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send,
    {
        let (outgoing, queue) = mpsc::channel(QUEUE);
        let url = socket_url(server);
        tokio::spawn(async move {
            match url {
                Some(url) => run(url, queue, &on_event).await,
                None => debug!("the server's address is not a URL"),
            }
            on_event(SignalingEvent::Closed).await;
        });
        Self { outgoing }
    }

    /// Queues a message. A full queue means that the connection is as good as lost, which shows by its silence.
    pub(crate) fn send(&self, message: ClientMessage) {
        if self.outgoing.try_send(message).is_err() {
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

async fn run<F, R>(url: Url, mut queue: mpsc::Receiver<ClientMessage>, on_event: &F)
where
    F: Fn(SignalingEvent) -> R,
    R: Future<Output = ()>,
{
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .max_message_size(Some(MAX_SERVER_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_SERVER_MESSAGE_BYTES));
    let connected = tokio::select! {
        connected = connect_async_with_config(url.as_str(), Some(config), true) => connected,
        // Dropped before the connection was up.
        () = queue_closed(&mut queue) => return,
    };
    let mut socket = match connected {
        Ok((socket, _)) => socket,
        Err(error) => {
            debug!(%error, "no connection to the server");
            return;
        }
    };
    on_event(SignalingEvent::Opened).await;
    loop {
        tokio::select! {
            message = queue.recv() => match message {
                Some(message) => {
                    if let Err(error) = socket.send(Message::text(to_text(&message))).await {
                        debug!(%error, "sending to the server failed");
                        return;
                    }
                }
                None => return close(&mut socket).await,
            },
            frame = tokio::time::timeout(SILENCE, socket.next()) => match frame {
                Ok(Some(Ok(Message::Text(text)))) => on_event(read(&text)).await,
                Ok(Some(Ok(Message::Binary(_)))) => on_event(SignalingEvent::Garbage).await,
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)))) => {}
                Ok(Some(Ok(Message::Close(_))) | None) => return,
                Ok(Some(Err(error))) => {
                    debug!(%error, "the connection to the server broke");
                    return;
                }
                Err(_) => {
                    debug!("the server is silent");
                    return;
                }
            },
        }
    }
}

/// Ends when the handle was dropped; nothing is queued before the connection is up.
async fn queue_closed(queue: &mut mpsc::Receiver<ClientMessage>) {
    while queue.recv().await.is_some() {}
}

fn read(text: &str) -> SignalingEvent {
    match parse_server_message(text) {
        Ok(message) => SignalingEvent::Received(Box::new(message)),
        Err(error) => {
            debug!(%error, "not a message of this protocol");
            SignalingEvent::Garbage
        }
    }
}

async fn close(socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>) {
    if let Err(error) = socket.close(None).await {
        debug!(%error, "closing the connection to the server");
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
