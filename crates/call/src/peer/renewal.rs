//! Connections that go on, or begin anew.

use std::collections::VecDeque;
use std::time::Instant;

use visavis_protocol::{Description, DescriptionKind, Participant};

use super::{Ice, Peer, tell};
use crate::event::CallEvent;
use crate::negotiation::Offer;
use crate::output::Output;
use crate::path::Path;
use crate::remote_end::RemoteEnd;
use crate::trickle::Trickle;

/// How often a connection to one peer may begin anew; beyond that somebody plays with it.
const MOST_RENEWALS: u32 = 8;

impl Peer {
    /// The server, which had forgotten both, knows both again: the connection goes on. It is negotiated anew only if it is
    /// down, or if what was said of it may be lost.
    pub(crate) fn go_on(
        &mut self,
        now: Instant,
        participant: Participant,
        ice: &Ice,
        out: &mut VecDeque<Output>,
    ) {
        self.missing_until = None;
        self.negotiation.set_role(participant.role);
        self.path.handle_return(now, participant.role);
        self.is_ice_old |= self.ice != *ice;
        tell(out, CallEvent::ParticipantChanged { participant: participant.clone() });
        self.participant = participant;
        if !self.is_open() {
            self.offer_anew(now, ice, out);
        } else if self.negotiation.is_unanswered() {
            let steps = self.negotiation.want(Offer::IceRestart);
            self.take(steps, out);
        }
    }

    /// The far side has another connection than before: what there is here is of no use to it.
    pub(super) fn handle_other_end(
        &mut self,
        now: Instant,
        description: Description,
        ice: &Ice,
        out: &mut VecDeque<Output>,
    ) {
        match description.kind {
            DescriptionKind::Offer => {
                if self.begin_anew(now, ice, out) {
                    self.remote_end.handle_description(&description.sdp);
                    self.negotiate(description, out);
                }
            }
            // It answers to the old connection.
            DescriptionKind::Answer => self.offer_anew(now, ice, out),
        }
    }

    pub(super) fn offer_anew(&mut self, now: Instant, ice: &Ice, out: &mut VecDeque<Output>) {
        if self.begin_anew(now, ice, out) {
            let steps = self.negotiation.want(Offer::Media);
            self.take(steps, out);
        }
    }

    /// Opens another connection in place of the present one. Whether that may be.
    fn begin_anew(&mut self, now: Instant, ice: &Ice, out: &mut VecDeque<Output>) -> bool {
        if self.renewals == MOST_RENEWALS {
            return false;
        }
        self.renewals += 1;
        self.close(out);
        self.negotiation = self.negotiation.anew();
        self.path = Path::new(now, self.participant.role);
        self.reporter.begin_anew(now);
        (self.local, self.remote) = (Trickle::default(), Trickle::default());
        self.remote_end = RemoteEnd::default();
        self.ice = ice.clone();
        self.is_ice_old = false;
        self.open_connection(out);
        self.tell_state(out);
        true
    }
}
