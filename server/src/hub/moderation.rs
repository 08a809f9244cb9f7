//! What people say of each other, and what the moderators make of it.

use std::time::Instant;

use visavis_protocol::{ClientMessage, ParticipantId, Report};

use super::{Dismissal, Hub, strangers};
use crate::matchmaking::Meeting;
use crate::moderation::{ArchiveHandle, Moment, Notice, Refusal};
use crate::rooms::Delivery;
use crate::sessions::SessionId;

impl Hub {
    /// What follows from a message that a session said at `now`.
    pub(super) fn handle(
        &mut self,
        from: SessionId,
        message: ClientMessage,
        now: Instant,
    ) -> (Vec<Delivery>, Option<Meeting>) {
        if let Some(archive) = self.archive.clone() {
            if let ClientMessage::Report(report) = message {
                return (refused(from, self.on_report(&archive, from, report, now)), None);
            }
            if let ClientMessage::Block { participant } = message {
                return (refused(from, self.on_block(&archive, from, participant, now)), None);
            }
        }
        let Self { sessions, strangers, rooms, register, .. } = self;
        let Some(speaker) = sessions.speaker(from) else { return (Vec::new(), None) };
        let outcome = strangers::handle(strangers.as_mut(), rooms, register, now, speaker, message);
        self.note_partings(now);
        outcome
    }

    pub(super) fn on_notice(&mut self, now: Instant, notice: Notice, at: Moment) {
        match notice {
            Notice::Answer { to, message } => self.deliver(now, vec![Delivery { to, message }]),
            Notice::Blocks(blocks) => self.register.add_blocks(&blocks),
            Notice::Forget(identity) => self.register.forget(&identity),
            Notice::Bans(bans) => {
                for (session, complaint) in self.register.set_bans(at, bans) {
                    if let Some(connection) = self.sessions.connection_of(session) {
                        self.dismiss(connection, Dismissal::Banned(Box::new(complaint)));
                    }
                    self.end(now, session);
                }
            }
        }
    }

    /// Remembers who was together until `now`, if that may be asked for.
    pub(super) fn note_partings(&mut self, now: Instant) {
        let partings = self.rooms.take_partings();
        if self.archive.is_some() {
            partings.into_iter().for_each(|meeting| self.register.part(now, meeting));
        }
    }

    fn on_report(
        &mut self,
        archive: &ArchiveHandle,
        from: SessionId,
        report: Report,
        now: Instant,
    ) -> Result<(), Refusal> {
        let present = self.rooms.meeting(from, &report.participant);
        let report = self.register.report(now, from, report, present)?;
        archive.file(from, report)
    }

    fn on_block(
        &mut self,
        archive: &ArchiveHandle,
        from: SessionId,
        participant: ParticipantId,
        now: Instant,
    ) -> Result<(), Refusal> {
        let present = self.rooms.meeting(from, &participant);
        let pair = self.register.block(now, from, &participant, present)?;
        archive.block(from, participant, pair)
    }
}

/// What somebody is told of whom nothing is kept; the archive has the answer else.
fn refused(to: SessionId, outcome: Result<(), Refusal>) -> Vec<Delivery> {
    let refusal = outcome.err().map(|refusal| Delivery { to, message: refusal.into_message() });
    refusal.into_iter().collect()
}
