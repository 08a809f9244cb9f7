//! The server goes away: at once, or when its rooms are empty.

use std::time::Instant;

use tokio::sync::oneshot;
use tracing::info;

use super::{Dismissal, Hub};

/// How far the server is on its way out.
#[derive(Debug)]
pub(super) enum Phase {
    Serving,
    /// Only who is in a room stays, until the last one is empty, which somebody may wait for.
    Draining {
        empty: Option<oneshot::Sender<()>>,
    },
    ShuttingDown,
}

impl Hub {
    pub(super) fn on_drain(&mut self, now: Instant, empty: oneshot::Sender<()>) {
        info!(rooms = self.rooms.len(), "going away when the rooms are empty");
        self.phase = Phase::Draining { empty: Some(empty) };
        let idle: Vec<_> = self
            .links
            .keys()
            .copied()
            .filter(|connection| self.sessions.session_of(*connection).is_some_and(|it| !self.rooms.hold(it)))
            .collect();
        // Nobody is brought together any more: who waits is idle too.
        if let Some(strangers) = &mut self.strangers {
            strangers.close();
        }
        self.publish_seekers(now);
        self.strangers = None;
        for connection in idle {
            self.dismiss(connection, Dismissal::ShuttingDown);
        }
        self.give_up_carried();
    }

    /// Says that the last room is empty, if somebody waits for it.
    pub(super) fn tell_if_empty(&mut self) {
        if let Phase::Draining { empty } = &mut self.phase
            && self.rooms.len() == 0
            && let Some(empty) = empty.take()
        {
            // Who asked may have lost patience.
            empty.send(()).ok();
        }
    }

    pub(super) fn is_leaving(&self) -> bool {
        !matches!(self.phase, Phase::Serving)
    }

    pub(super) fn on_shut_down(&mut self) {
        info!(connections = self.links.len(), "shutting down");
        self.phase = Phase::ShuttingDown;
        self.give_up_carried();
        let connections: Vec<_> = self.links.keys().copied().collect();
        for connection in connections {
            self.dismiss(connection, Dismissal::ShuttingDown);
        }
        // As long as its rooms are still there: others open them as they are.
        self.resign();
    }
}
