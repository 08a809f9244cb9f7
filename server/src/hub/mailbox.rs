//! What the hub says to one connection: messages, and at last why it has to end.
//!
//! There is one for each connection, nearly always empty, and every message goes through one. So it is a single small
//! allocation, which a channel for messages and another for the end are not.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use visavis_protocol::ServerMessage;

use super::handle::Dismissal;
use crate::sessions::MESSAGES_KEPT;

/// Messages that may wait for one client: those that it missed, and some more. A call's whole opening has about 30.
const CAPACITY: usize = MESSAGES_KEPT + 64;

/// The client has not read as many messages as there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// The hub's end of a connection. Dropped, it says that the server is going away.
#[derive(Debug)]
pub(super) struct Outbox(Shared);

/// A connection's end of its outbox.
#[derive(Debug)]
pub(crate) struct Inbox(Shared);

/// A mailbox of a new connection.
pub(super) fn mailbox() -> (Outbox, Inbox) {
    let shared = Shared(Arc::default());
    (Outbox(shared.clone()), Inbox(shared))
}

#[derive(Debug, Clone)]
struct Shared(Arc<Mutex<Mailbox>>);

#[derive(Debug, Default)]
struct Mailbox {
    messages: VecDeque<Arc<ServerMessage>>,
    fate: Fate,
    /// Of the connection's task, while that waits.
    waker: Option<Waker>,
}

#[derive(Debug, Default)]
enum Fate {
    #[default]
    Open,
    Dismissed(Dismissal),
    /// The connection knows, or is gone.
    Over,
}

impl Outbox {
    /// Puts a message behind the others. Nobody hears it whose connection is over.
    pub(super) fn post(&self, message: Arc<ServerMessage>) -> Result<(), Full> {
        let mut mailbox = self.0.lock();
        if matches!(mailbox.fate, Fate::Over) {
            return Ok(());
        }
        if mailbox.messages.len() == CAPACITY {
            return Err(Full);
        }
        mailbox.messages.push_back(message);
        wake(mailbox);
        Ok(())
    }

    /// Ends the connection, once it has said what is to be said before.
    pub(super) fn dismiss(self, dismissal: Dismissal) {
        self.0.close(dismissal);
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.0.close(Dismissal::ShuttingDown);
    }
}

impl Inbox {
    /// The next message, or after the last one, why the connection has to end.
    pub(crate) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Arc<ServerMessage>, Dismissal>> {
        let mut mailbox = self.0.lock();
        if let Some(message) = mailbox.messages.pop_front() {
            return Poll::Ready(Ok(message));
        }
        // With its memory, which is at hand for the next message to somebody.
        mailbox.messages = VecDeque::new();
        mailbox.poll_dismissal(context).map(Err)
    }

    #[cfg(test)]
    pub(super) async fn next(&mut self) -> Result<Arc<ServerMessage>, Dismissal> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// Why the connection has to end, as soon as it has to, whatever else there is to say.
    pub(crate) async fn dismissed(&mut self) -> Dismissal {
        poll_fn(|context| self.0.lock().poll_dismissal(context)).await
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let mut mailbox = self.0.lock();
        mailbox.fate = Fate::Over;
        mailbox.messages = VecDeque::new();
    }
}

impl Shared {
    /// It is right at every moment, so that nothing can be wrong after a panic either.
    fn lock(&self) -> MutexGuard<'_, Mailbox> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self, dismissal: Dismissal) {
        let mut mailbox = self.lock();
        if matches!(mailbox.fate, Fate::Open) {
            mailbox.fate = Fate::Dismissed(dismissal);
            wake(mailbox);
        }
    }
}

impl Mailbox {
    fn poll_dismissal(&mut self, context: &Context<'_>) -> Poll<Dismissal> {
        match mem::replace(&mut self.fate, Fate::Over) {
            Fate::Dismissed(dismissal) => Poll::Ready(dismissal),
            fate @ (Fate::Open | Fate::Over) => {
                self.fate = fate;
                match &mut self.waker {
                    Some(waker) => waker.clone_from(context.waker()),
                    none => *none = Some(context.waker().clone()),
                }
                Poll::Pending
            }
        }
    }
}

/// Wakes whoever waits for the mailbox, once it can be looked into.
fn wake(mut mailbox: MutexGuard<'_, Mailbox>) {
    let waker = mailbox.waker.take();
    drop(mailbox);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn message(place: u32) -> Arc<ServerMessage> {
        Arc::new(ServerMessage::Queued { place, waiting: place })
    }

    #[tokio::test]
    async fn messages_come_in_order_and_then_the_end() {
        let (outbox, mut inbox) = mailbox();
        assert_eq!(inbox.next().now_or_never(), None);
        let (first, second) = (message(1), message(2));
        outbox.post(Arc::clone(&first)).expect("room");
        outbox.post(Arc::clone(&second)).expect("room");
        outbox.dismiss(Dismissal::Superseded);
        assert_eq!(inbox.next().await, Ok(first));
        assert_eq!(inbox.next().await, Ok(second));
        assert_eq!(inbox.next().await, Err(Dismissal::Superseded));
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let (outbox, mut inbox) = mailbox();
        let waits = tokio::spawn(async move { (inbox.next().await, inbox.dismissed().await) });
        tokio::task::yield_now().await;
        outbox.post(message(1)).expect("room");
        tokio::task::yield_now().await;
        outbox.dismiss(Dismissal::TooSlow);
        assert_eq!(waits.await.expect("no panic"), (Ok(message(1)), Dismissal::TooSlow));
    }

    #[tokio::test]
    async fn the_end_overtakes_messages_for_who_cannot_say_them() {
        let (outbox, mut inbox) = mailbox();
        outbox.post(message(1)).expect("room");
        drop(outbox);
        assert_eq!(inbox.dismissed().await, Dismissal::ShuttingDown);
    }

    #[test]
    fn there_is_only_so_much_room_while_somebody_listens() {
        let (outbox, mut inbox) = mailbox();
        for _ in 0..CAPACITY {
            outbox.post(message(1)).expect("room");
        }
        assert_eq!(outbox.post(message(1)), Err(Full));
        while let Some(Ok(_)) = inbox.next().now_or_never() {}
        assert_eq!(inbox.0.lock().messages.capacity(), 0);
        drop(inbox);
        for _ in 0..=CAPACITY {
            assert_eq!(outbox.post(message(1)), Ok(()));
        }
        assert!(outbox.0.lock().messages.is_empty());
    }
}
