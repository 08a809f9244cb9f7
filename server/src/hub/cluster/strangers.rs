//! Strangers, who wait in one queue for all nodes.

use std::time::{Duration, Instant};

use crate::cluster::{Command, Held, Mail, NodeId, Party, Rendezvous, SessionKey, Then, Ticket};
use crate::hub::{Dismissal, Hub};
use crate::matchmaking::Strangers;
use crate::sessions::SessionId;

/// How often places are asked for.
const BETWEEN_PLACES: Duration = Duration::from_secs(2);

impl Hub {
    pub(super) fn on_queued(
        &mut self,
        now: Instant,
        session: &SessionKey,
        ticket: Ticket,
        place: u32,
        waiting: u32,
    ) {
        let Some(strangers) = &mut self.strangers else { return };
        let told = strangers.handle_queued(session, ticket, place, waiting);
        self.deliver(now, told.into_iter().collect());
        if let Some(cluster) = &mut self.cluster {
            cluster.places_at.get_or_insert(now + BETWEEN_PLACES);
        }
    }

    /// The one who waited less goes to the node of the one who waited longer, who is promised to it meanwhile.
    pub(super) fn on_matched(&mut self, now: Instant, first: Party, second: Party, waited: Duration) {
        if self.is_me(&first.node) {
            self.metrics.matches.inc();
            self.metrics.match_wait.observe(waited.as_secs_f64());
            if let Some(strangers) = &mut self.strangers {
                strangers.promise(now, &first, &second);
            }
        }
        if !self.is_me(&second.node) {
            return;
        }
        let taken = self.strangers.as_mut().and_then(|strangers| strangers.take_matched(&second));
        let carried = taken.and_then(|session| Some((session, self.sessions.connection_of(session)?)));
        match carried {
            Some((session, _)) if self.is_me(&first.node) => self.on_arrival(now, session, &first.session),
            Some((_, connection)) => {
                let node = first.node.clone();
                let meeting = Rendezvous { session: first.session, node: first.node };
                self.move_to(now, connection, &node, Then::Meet(meeting), (Held::default(), None));
            }
            None => self.decline(now, second.session, &first),
        }
    }

    /// Somebody of this node was to meet the other, and is not there.
    pub(super) fn decline(&mut self, now: Instant, by: SessionKey, other: &Party) {
        if self.is_me(&other.node) {
            self.on_declined(now, &other.session, &by);
        } else {
            self.mail(&other.node, &Mail::Declined { seeker: other.session.clone(), by });
        }
    }

    pub(super) fn on_declined(&mut self, now: Instant, seeker: &SessionKey, by: &SessionKey) {
        if let Some(strangers) = &mut self.strangers {
            strangers.break_promise(now, seeker, by);
        }
    }

    /// Somebody has come to meet the first, or waits on if that one is not there any more.
    pub(super) fn on_arrival(&mut self, now: Instant, session: SessionId, first: &SessionKey) {
        let token = self.sessions.token(session);
        let Some((strangers, key)) = self.strangers.as_mut().zip(token.map(SessionKey::of)) else {
            if let Some(connection) = self.sessions.connection_of(session) {
                self.dismiss(connection, Dismissal::Interrupted);
            }
            return;
        };
        match strangers.keep_promise(first, session, &key) {
            Some(meeting) => self.open_for(now, meeting),
            None => self.list(now, session),
        }
        self.settle(session);
    }

    /// Has somebody wait with the others, as long as it has by now.
    pub(in crate::hub) fn list(&mut self, now: Instant, session: SessionId) {
        let Some(speaker) = self.sessions.speaker(session) else { return };
        let (key, blocks) = (SessionKey::of(speaker.token), self.register.blocks_of(&speaker.grant.identity));
        if let Some(strangers) = &mut self.strangers {
            strangers.list(now, session, key, blocks);
        }
    }

    pub(super) fn lose_promises(&mut self, now: Instant, node: &NodeId) {
        if let Some(strangers) = &mut self.strangers {
            strangers.lose_promises(now, node);
        }
    }

    /// Tells the broker who seeks and who does not any more; refuses those of whom it does not take note.
    pub(in crate::hub) fn publish_seekers(&mut self, now: Instant) {
        let Some(strangers) = self.strangers.as_mut().filter(|_| self.cluster.is_some()) else { return };
        let (commands, unheard) = (strangers.take_commands(), strangers.take_unheard());
        commands.into_iter().for_each(|command| self.tell_broker(command));
        for session in unheard {
            self.refuse_for_now(now, session);
        }
    }

    pub(super) fn ask_for_places(&mut self, now: Instant) {
        let Some(cluster) = self.cluster.as_mut().filter(|it| it.places_at.is_some_and(|at| at <= now))
        else {
            return;
        };
        let sessions = self.strangers.as_ref().map(Strangers::longest_waiting).unwrap_or_default();
        cluster.places_at = Some(now + BETWEEN_PLACES).filter(|_| !sessions.is_empty());
        if !sessions.is_empty() {
            cluster.tell(Command::Places { sessions });
        }
    }

    pub(super) fn on_places(&mut self, now: Instant, places: Vec<(SessionKey, u32)>, waiting: u32) {
        let Some(strangers) = &mut self.strangers else { return };
        let told = strangers.handle_places(places, waiting);
        self.deliver(now, told);
    }
}
