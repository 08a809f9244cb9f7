//! Connections that end without losing the last words.
//!
//! A socket that is closed with unread data in it is reset, and a reset destroys what the other side has not read yet:
//! a client that is told `message_too_large` while it still sends would only see a broken connection. So these streams
//! half-close and read on for a while before they are closed.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// What is read after the last words is thrown away, so much at a time: 16 MB in a second, so that whoever says something large
/// by mistake reads why it was refused.
const UNHEARD_BYTES: usize = 64 * 1024;
const UNHEARD_PAUSE: Duration = Duration::from_millis(4);

/// How streams linger. They take turns in reading on, so that however many there are, what they say costs nobody much.
#[derive(Debug)]
pub(crate) struct Linger {
    patience: Duration,
    turn: Semaphore,
}

impl Linger {
    /// `patience` is how long a stream reads on after its owner is done with it.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { patience, turn: Semaphore::new(1) }
    }

    async fn read_to_end(self: Arc<Self>, stream: impl Stream) {
        timeout(self.patience, self.read_in_turns(stream)).await.ok();
    }

    async fn read_in_turns(&self, mut stream: impl Stream) {
        if stream.shutdown().await.is_err() {
            return;
        }
        // Waits for what there is with little memory, and takes all of it when it is its turn.
        let mut first = [0; 256];
        while stream.read(&mut first).await.is_ok_and(|length| length > 0) {
            let Ok(_turn) = self.turn.acquire().await else { return };
            let mut unheard = vec![0; UNHEARD_BYTES];
            stream.read(&mut unheard).now_or_never();
            drop(unheard);
            sleep(UNHEARD_PAUSE).await;
        }
    }
}

/// A stream that, when dropped before the other side has closed, lingers.
#[derive(Debug)]
pub(crate) struct Lingering<S: Stream> {
    /// Taken by `drop` only.
    stream: Option<S>,
    linger: Arc<Linger>,
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
    pub(crate) fn new(stream: S, linger: Arc<Linger>) -> Self {
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
            runtime.spawn(Arc::clone(&self.linger).read_to_end(stream));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;
    use tokio::task::JoinSet;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(400);

    #[tokio::test]
    async fn however_many_say_more_they_are_heard_at_one_pace() {
        const MANY: usize = 20;
        let linger = Arc::new(Linger::new(PATIENCE));
        let mut others = JoinSet::new();
        for _ in 0..MANY {
            let (mut other, stream) = duplex(UNHEARD_BYTES);
            drop(Lingering::new(stream, Arc::clone(&linger)));
            others.spawn(async move {
                let mut said = 0;
                while let Ok(length @ 1..) = other.write(&[7; 1024]).await {
                    said += length;
                }
                said
            });
        }
        let said: usize = others.join_all().await.into_iter().sum();
        let turns = usize::try_from(PATIENCE.as_millis() / UNHEARD_PAUSE.as_millis()).expect("a few");
        // One has its turn at the beginning, and what waits to be read was taken too.
        let most = (turns + 1 + MANY) * (UNHEARD_BYTES + 1024);
        assert!(said > MANY * UNHEARD_BYTES && said <= most, "{said} of {most}");
    }
}
