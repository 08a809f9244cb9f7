//! What a client says over its connection, and how much of it.

use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::Instant;
use tungstenite::Message;
use visavis_protocol::{ErrorCode, Hello};

use super::Connection;
use super::ending::{Ending, closing, hub_gone};
use super::keep_alive::KeepAlive;
use crate::conversation::{Complaint, Conversation, Reaction};
use crate::hub::Place;
use crate::sessions::ConnectionId;

/// How often a client is told at most that it says too much.
const LEAST_BETWEEN_TELLS: Duration = Duration::from_secs(1);

/// What is left to do for a frame.
pub(super) enum RestOfFrame {
    /// It was heard early, which the client is told first.
    Heard(Complaint, Message),
    /// The hub has no room for what it says.
    Unheard(Message),
    Welcome(Hello),
    Refuse(Complaint),
}

impl Connection {
    /// Does with a frame what can be done at once, which is nearly always everything.
    pub(super) fn on_frame(&mut self, frame: Message) -> Result<Option<RestOfFrame>, Ending> {
        self.last_heard = Instant::now();
        match self.keep_pace() {
            None => self.hear(frame),
            Some(complaint) => Ok(Some(RestOfFrame::Heard(complaint, frame))),
        }
    }

    fn hear(&mut self, frame: Message) -> Result<Option<RestOfFrame>, Ending> {
        match self.shared.hub.try_reserve().map_err(hub_gone)? {
            Some(place) => react(place, self.id, &mut self.conversation, &mut self.keep_alive, frame),
            None => Ok(Some(RestOfFrame::Unheard(frame))),
        }
    }

    /// Does what has to be waited for.
    pub(super) async fn hear_on(&mut self, rest: RestOfFrame) -> Result<(), Ending> {
        let mut next = Some(rest);
        while let Some(rest) = next.take() {
            match rest {
                RestOfFrame::Heard(complaint, frame) => {
                    self.complain(complaint).await?;
                    next = self.hear(frame)?;
                }
                RestOfFrame::Unheard(frame) => {
                    let place = self.shared.hub.reserve().await.map_err(hub_gone)?;
                    next = react(place, self.id, &mut self.conversation, &mut self.keep_alive, frame)?;
                }
                RestOfFrame::Welcome(hello) => self.on_hello(hello).await?,
                RestOfFrame::Refuse(complaint) => {
                    self.complain(complaint).await?;
                    // Whoever says one such thing may have many more ready.
                    yield_now().await;
                }
            }
        }
        Ok(())
    }

    /// Stops reading for a while from a client that says too much: nothing is lost, and it waits for itself alone. What it is
    /// told of that, if that is news.
    fn keep_pace(&mut self) -> Option<Complaint> {
        let wait = self.pace.count(self.last_heard.into_std());
        if wait.is_zero() {
            return None;
        }
        // A pause that follows another at once is the same one to the client.
        let is_news = self.told_to_wait.is_none_or(|at| self.last_heard >= at + LEAST_BETWEEN_TELLS);
        self.unheard_until = Some(self.last_heard + wait);
        if !is_news {
            return None;
        }
        self.told_to_wait = Some(self.last_heard);
        Some(Complaint {
            retry_after: Some(wait),
            ..Complaint::new(ErrorCode::RateLimited, "you say more than you may; you are read on later")
        })
    }

    async fn complain(&mut self, complaint: Complaint) -> Result<(), Ending> {
        self.shared.metrics.error(complaint.code);
        self.say(&complaint.into()).await
    }
}

/// Tells the hub what a client says, and what is left to do for it.
fn react(
    place: Place<'_>,
    id: ConnectionId,
    conversation: &mut Conversation,
    keep_alive: &mut KeepAlive,
    frame: Message,
) -> Result<Option<RestOfFrame>, Ending> {
    if !frame.is_pong() {
        keep_alive.hear();
    }
    let reaction = match frame {
        Message::Text(text) => conversation.handle_text(&text),
        Message::Binary(_) => conversation.handle_binary(),
        Message::Pong(_) => {
            if let Some(count) = keep_alive.hear_pong() {
                place.read(id, count);
            }
            return Ok(None);
        }
        Message::Close(frame) => return Err(closing(frame)),
        // Answered by the library, as RFC 6455 section 5.5.2 asks; a frame by itself comes of no reading.
        Message::Ping(_) | Message::Frame(_) => return Ok(None),
    };
    match reaction {
        Reaction::Pass(message) => {
            place.say(id, message);
            Ok(None)
        }
        Reaction::Welcome(hello) => Ok(Some(RestOfFrame::Welcome(hello))),
        Reaction::Refuse(complaint) => {
            place.babble(id);
            Ok(Some(RestOfFrame::Refuse(complaint)))
        }
        Reaction::Close(complaint) => Err(Ending::Told(complaint)),
    }
}
