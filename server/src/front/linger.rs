//! Connections that end without losing the last words.
//!
//! A socket that is closed with unread data in it is reset, and a reset destroys what the other side has not read yet:
//! a client that is told `message_too_large` while it still sends would only see a broken connection. So these streams
//! half-close and read on for a while before they are closed.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

/// What is read after the last words is thrown away, so much at a time, and others have their turn: 16 MB in a second, with a
/// read every 4 ms, so that whoever says something large by mistake reads why it was refused, and a flood costs nobody much.
const UNHEARD_BYTES: usize = 64 * 1024;
const UNHEARD_PAUSE: Duration = Duration::from_millis(4);

/// A stream that, when dropped before the other side has closed, lingers.
#[derive(Debug)]
pub(crate) struct Lingering<S: Stream> {
    /// Taken by `drop` only.
    stream: Option<S>,
    linger: Duration,
    state: ReadState,
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReadState {
    Open,
    /// The other side has closed, or the connection is broken.
    Ended,
}

impl<S: Stream> Lingering<S> {
    /// `linger` is how long the stream reads on after its owner is done with it.
    pub(crate) fn new(stream: S, linger: Duration) -> Self {
        Self { stream: Some(stream), linger, state: ReadState::Open }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut S>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl<S: Stream> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled = buffer.filled().len();
        let asked_for_some = buffer.remaining() > 0;
        let result = ready!(self.stream()?.poll_read(context, buffer));
        if result.is_err() || (asked_for_some && buffer.filled().len() == filled) {
            self.state = ReadState::Ended;
        }
        Poll::Ready(result)
    }
}

impl<S: Stream> AsyncWrite for Lingering<S> {
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

impl<S: Stream> Drop for Lingering<S> {
    fn drop(&mut self) {
        let (Some(stream), ReadState::Open) = (self.stream.take(), self.state) else { return };
        // Outside of a runtime the server is over, and so is the patience.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(timeout(self.linger, read_to_end(stream)));
        }
    }
}

async fn read_to_end<S: Stream>(mut stream: S) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut unheard = vec![0; UNHEARD_BYTES];
    while stream.read(&mut unheard).await.is_ok_and(|length| length > 0) {
        sleep(UNHEARD_PAUSE).await;
    }
}
