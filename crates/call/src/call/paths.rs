//! How media gets through to the others, which the server's operator may want to know.

use std::time::Instant;

use visavis_protocol::{ClientMessage, ParticipantId, PathReport};

use super::Call;
use crate::input::{CandidatePair, PathState};

impl Call {
    pub(super) fn on_path(&mut self, now: Instant, id: &ParticipantId, state: PathState) {
        if let Some(peer) = self.peers.get_mut(id) {
            let report = peer.handle_path(now, state, &mut self.out);
            self.report(report);
        }
    }

    /// Nothing is noted that cannot be told: the pair comes again when the server is back.
    pub(super) fn on_selected_pair(&mut self, now: Instant, id: &ParticipantId, pair: CandidatePair) {
        if self.is_to_report()
            && let Some(peer) = self.peers.get_mut(id)
        {
            let report = peer.handle_selected_pair(now, pair);
            self.report(report);
        }
    }

    pub(super) fn report(&mut self, report: Option<PathReport>) {
        if let Some(report) = report
            && self.is_to_report()
        {
            self.send(ClientMessage::Path(report));
        }
    }

    /// Whether the server wants to know, and is there to be told.
    fn is_to_report(&self) -> bool {
        self.path_reports && self.session.is_in_room()
    }
}
