//! What the actor hears from the server, over one connection at a time.

use visavis_call::Input;

use super::Actor;
use crate::inner::Inner;
use crate::signaling::{Signaling, SignalingEvent};

impl Actor {
    pub(super) fn open_signaling(&mut self) {
        self.attempt += 1;
        let (attempt, inner) = (self.attempt, self.inner.clone());
        self.signaling = Some(Signaling::open(&self.server, self.closing.take(), move |event| {
            let inner = inner.clone();
            async move {
                // The actor may have ended.
                let _ = inner.send(Inner::Signaling { attempt, event }).await;
            }
        }));
    }

    pub(super) fn on_signaling(&mut self, event: SignalingEvent) {
        match event {
            SignalingEvent::Opened => self.feed(Input::SignalingOpened),
            SignalingEvent::Received(message) => self.feed(Input::Received { message: *message }),
            SignalingEvent::Unknown => self.feed(Input::ReceivedUnknown),
            SignalingEvent::Garbage => self.feed(Input::ReceivedGarbage),
            SignalingEvent::Closed => self.feed(Input::SignalingClosed),
            SignalingEvent::Stranded => {
                self.feed(Input::SignalingClosed);
                self.feed(Input::NetworkChanged);
            }
        }
    }
}
