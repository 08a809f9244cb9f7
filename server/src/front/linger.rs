//! TCP connections that end without losing the last words.
//!
//! A socket that is closed with unread data in it is reset, and a reset destroys what the other side has not read yet:
//! a client that is told `message_too_large` while it still sends would only see a broken connection. So the
//! listener's streams half-close and read on for a while before they are closed.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// Listens for TCP connections that linger.
#[derive(Debug)]
pub(crate) struct LingeringListener {
    pub(crate) listener: TcpListener,
    /// How long a stream reads on after its owner is done with it.
    pub(crate) linger: Duration,
}

/// A TCP connection without Nagle's delay that, when dropped before the other side has closed, lingers.
#[derive(Debug)]
pub(crate) struct LingeringStream {
    /// Taken by `drop` only.
    stream: Option<TcpStream>,
    linger: Duration,
    state: ReadState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReadState {
    Open,
    /// The other side has closed, or the connection is broken.
    Ended,
}

impl Listener for LingeringListener {
    type Io = LingeringStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (LingeringStream, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // Only a connection that is broken already refuses it.
        stream.set_nodelay(true).ok();
        (LingeringStream { stream: Some(stream), linger: self.linger, state: ReadState::Open }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl LingeringStream {
    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl AsyncRead for LingeringStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled = buffer.filled().len();
        let result = ready!(self.stream()?.poll_read(context, buffer));
        let asked_for_some = filled < buffer.capacity();
        if result.is_err() || (asked_for_some && buffer.filled().len() == filled) {
            self.state = ReadState::Ended;
        }
        Poll::Ready(result)
    }
}

impl AsyncWrite for LingeringStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(context, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write_vectored(context, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }
}

impl Drop for LingeringStream {
    fn drop(&mut self) {
        let (Some(stream), ReadState::Open) = (self.stream.take(), self.state) else { return };
        // Outside of a runtime the server is over, and so is the patience.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(timeout(self.linger, read_to_end(stream)));
        }
    }
}

async fn read_to_end(mut stream: TcpStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut unheard = [0; 2048];
    while stream.read(&mut unheard).await.is_ok_and(|length| length > 0) {}
}
