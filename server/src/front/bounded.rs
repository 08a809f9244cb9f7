//! What one connection may take of the server by saying much in little, or by not taking what it asked for.
//!
//! Messages are counted where they are whole ([`Pace`]); what never becomes one, such as fragments without end, is only seen
//! here. And HTTP knows of no time in which an answer has to be taken.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::yield_now;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::limits::Pace;

/// So much is read before others get their turn: it can be hundreds of frames.
const READ_AT_ONCE: usize = 1024;

type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A stream that is read at a pace of bytes, and fails when nothing of what is written is taken for a while.
pub(crate) struct Bounded<S> {
    stream: S,
    pace: Pace,
    /// Bytes that were read since others had their turn.
    read_at_once: usize,
    /// Until others had their turn, it is not read. Not a wake-up at once: the runtime would not look meanwhile for what has come for
    /// them.
    others_turn: Option<Boxed>,
    /// Until when it is not read.
    unread_until: Option<Pin<Box<Sleep>>>,
    patience: Duration,
    /// Until when something has to be taken, while there is something to take.
    taken_until: Option<Pin<Box<Sleep>>>,
}

impl<S> Bounded<S> {
    /// `pace` is that of bytes; `patience` how long is waited for the other side to take one.
    pub(super) fn new(stream: S, pace: Pace, patience: Duration) -> Self {
        Self {
            stream,
            pace,
            read_at_once: 0,
            others_turn: None,
            unread_until: None,
            patience,
            taken_until: None,
        }
    }

    /// Passes on how a write went, or that its time is over.
    fn written<T>(&mut self, context: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.taken_until = None;
            return result;
        }
        let patience = self.patience;
        let until = self.taken_until.get_or_insert_with(|| Box::pin(sleep(patience)));
        until.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(until) = &mut self.unread_until {
            ready!(until.as_mut().poll(context));
            self.unread_until = None;
        }
        if self.read_at_once >= READ_AT_ONCE {
            self.read_at_once = 0;
            self.others_turn = Some(Box::pin(yield_now()));
        }
        if let Some(turn) = &mut self.others_turn {
            ready!(turn.as_mut().poll(context));
            self.others_turn = None;
        }
        let filled = buffer.filled().len();
        let Poll::Ready(result) = Pin::new(&mut self.stream).poll_read(context, buffer) else {
            self.read_at_once = 0;
            return Poll::Pending;
        };
        result?;
        let read = buffer.filled().len() - filled;
        self.read_at_once += read;
        let read = u32::try_from(read).unwrap_or(u32::MAX);
        let now = Instant::now();
        let wait = self.pace.count_many(now.into_std(), read);
        if !wait.is_zero() {
            self.unread_until = Some(Box::pin(sleep_until(now + wait)));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, data);
        self.written(context, result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(context);
        self.written(context, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_shutdown(context);
        self.written(context, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, data);
        self.written(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const RATE: NonZeroU32 = NonZeroU32::new(20_000).expect("it is not zero");
    const PATIENCE: Duration = Duration::from_millis(500);

    #[tokio::test]
    async fn what_is_said_at_once_is_read_at_its_pace_and_whole() {
        let (mut other, stream) = duplex(64 * 1024);
        let mut bounded = Bounded::new(stream, Pace::new(RATE, 2000), PATIENCE);
        other.write_all(&[7; 12_000]).await.expect("it fits");
        drop(other);
        let begun = Instant::now();
        let mut said = Vec::new();
        let mut piece = [0; 1000];
        while let Ok(read @ 1..) = bounded.read(&mut piece).await {
            said.extend_from_slice(&piece[..read]);
        }
        assert_eq!(said, [7; 12_000]);
        // 2000 at once, and the others in half a second.
        assert!(begun.elapsed() >= Duration::from_millis(490), "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn who_takes_little_is_waited_for_and_who_takes_nothing_is_not() {
        let (mut other, stream) = duplex(100);
        let mut bounded = Bounded::new(stream, Pace::new(RATE, 1), PATIENCE);
        let begun = Instant::now();
        let slow = tokio::spawn(async move {
            let mut taken = 0;
            while taken < 500 {
                sleep(PATIENCE / 2).await;
                taken += other.read(&mut [0; 100]).await.expect("it is open");
            }
            other
        });
        bounded.write_all(&[7; 500]).await.expect("it is taken");
        let other = slow.await.expect("it ends");
        assert!(begun.elapsed() > PATIENCE * 2, "{:?}", begun.elapsed());

        let begun = Instant::now();
        let ended = bounded.write_all(&[7; 500]).await.map_err(|error| error.kind());
        assert_eq!(ended, Err(io::ErrorKind::TimedOut));
        assert!(begun.elapsed() >= PATIENCE, "{:?}", begun.elapsed());
        drop(other);
    }
}
