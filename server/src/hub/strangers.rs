//! What the hub does for those who seek strangers.

use std::time::Instant;

use visavis_protocol::ClientMessage;

use super::Hub;
use crate::access::Identity;
use crate::cluster::SessionKey;
use crate::matchmaking::{Meeting, Sought, Strangers};
use crate::moderation::Register;
use crate::rooms::{Delivery, Refusal, Rooms};
use crate::sessions::{SessionId, Speaker};
use crate::telemetry::spans;

/// What follows from a message, for whoever hears of it: what somebody who seeks a stranger says is for the queue, and
/// everything else for the rooms.
pub(super) fn handle(
    strangers: Option<&mut Strangers>,
    rooms: &mut Rooms,
    register: &Register,
    now: Instant,
    speaker: Speaker<'_>,
    message: ClientMessage,
) -> (Vec<Delivery>, Option<Meeting>) {
    let Speaker { session, token, grant } = speaker;
    let Some(strangers) = strangers else {
        return (rooms.handle(speaker, message), None);
    };
    let is_blocked = |one: &Identity, other: &Identity| register.is_blocked(one, other);
    let list = |strangers: &mut Strangers| {
        strangers.list(now, session, SessionKey::of(token), register.blocks_of(&grant.identity));
    };
    match message {
        ClientMessage::Seek(seek) => {
            let sought = if rooms.hold(session) {
                Err(Refusal::AlreadyInRoom)
            } else {
                strangers.seek(now, session, grant, seek, &is_blocked)
            };
            if matches!(sought, Ok(Sought::Shared)) {
                list(strangers);
            }
            sought_by(session, sought)
        }
        ClientMessage::Next if strangers.waits(session) => (Vec::new(), None),
        ClientMessage::Next if !strangers.seeks(session) => (refused(session, Refusal::NotInRoom), None),
        ClientMessage::Next => {
            let mut deliveries = rooms.handle_leave(session);
            let sought = strangers.next(now, session, &is_blocked);
            if matches!(sought, Ok(Sought::Shared)) {
                list(strangers);
            }
            let (more, meeting) = sought_by(session, sought);
            deliveries.extend(more);
            (deliveries, meeting)
        }
        ClientMessage::Join(_) if strangers.waits(session) => {
            (refused(session, Refusal::AlreadyInRoom), None)
        }
        ClientMessage::Leave if strangers.leave(now, session) => (Vec::new(), None),
        ClientMessage::Media(media) if strangers.set_media(session, media) => (Vec::new(), None),
        ClientMessage::Hello(_)
        | ClientMessage::Join(_)
        | ClientMessage::Leave
        | ClientMessage::Description { .. }
        | ClientMessage::Candidates { .. }
        | ClientMessage::EndOfCandidates { .. }
        | ClientMessage::Media(_)
        | ClientMessage::Consent
        | ClientMessage::Host(_)
        | ClientMessage::Report(_)
        | ClientMessage::Block { .. }
        | ClientMessage::Path(_) => (rooms.handle(speaker, message), None),
    }
}

fn sought_by(session: SessionId, sought: Result<Sought, Refusal>) -> (Vec<Delivery>, Option<Meeting>) {
    match sought {
        Ok(Sought::Met(meeting)) => (Vec::new(), Some(meeting)),
        Ok(Sought::Queued(delivery)) => (vec![delivery], None),
        // It is told by the queue of all nodes.
        Ok(Sought::Shared) => (Vec::new(), None),
        Err(refusal) => (refused(session, refusal), None),
    }
}

fn refused(to: SessionId, refusal: Refusal) -> Vec<Delivery> {
    vec![Delivery { to, message: refusal.into_message() }]
}

impl Hub {
    pub(super) fn on_meeting(&mut self, now: Instant, meeting: Meeting) {
        self.metrics.matches.inc();
        self.metrics.match_wait.observe(meeting.waited.as_secs_f64());
        spans::ended("match", meeting.waited, None);
        self.open_for(now, meeting);
    }

    /// Puts two who meet into a room of their own.
    pub(super) fn open_for(&mut self, now: Instant, meeting: Meeting) {
        let Self { sessions, rooms, .. } = self;
        let [first, second] =
            [&meeting.first, &meeting.second].map(|stranger| sessions.speaker(stranger.session));
        let (Some(first), Some(second)) = (first, second) else { return };
        let deliveries = rooms.open_for([(meeting.first, first.token), (meeting.second, second.token)]);
        self.deliver(now, deliveries);
    }

    /// Somebody who may have waited is there again.
    pub(super) fn on_stranger_back(&mut self, now: Instant, session: SessionId) {
        let Self { strangers: Some(strangers), register, .. } = self else { return };
        let is_blocked = |one: &Identity, other: &Identity| register.is_blocked(one, other);
        if let Some(meeting) = strangers.handle_return(now, session, &is_blocked) {
            self.on_meeting(now, meeting);
        }
    }

    /// Brings together who has waited for long, and tells places.
    pub(super) fn on_strangers_time(&mut self, now: Instant) {
        let Some(strangers) = &mut self.strangers else { return };
        let places = strangers.poll_places(now);
        self.deliver(now, places);
        while let Some(meeting) = self.poll_meeting(now) {
            self.on_meeting(now, meeting);
        }
    }

    fn poll_meeting(&mut self, now: Instant) -> Option<Meeting> {
        let Self { strangers, register, .. } = self;
        strangers.as_mut()?.poll_meeting(now, &|one, other| register.is_blocked(one, other))
    }
}
