//! Hosts, their rooms' doors, and who waits there.

use visavis_protocol::{ClientMessage, Door, HostAction, Knock, ParticipantId};

use super::Call;
use crate::event::CallEvent;
use crate::peer::tell;
use crate::session::{Session, Stay};

impl Call {
    pub(super) fn act_as_host(&mut self, action: HostAction) {
        if self.session.is_in_room() {
            self.send(ClientMessage::Host(action));
        }
    }

    pub(super) fn on_door(&mut self, changed: Door) {
        if let Session::Staying(Stay::InRoom { door, .. }) = &mut self.session {
            *door = changed;
            self.tell_stay();
        }
    }

    pub(super) fn on_host(&mut self, participant: ParticipantId) {
        match &mut self.session {
            Session::Staying(Stay::InRoom { you, host, .. }) if *you == participant => {
                *host = true;
                self.tell_stay();
            }
            Session::Off | Session::Entering { .. } | Session::Staying(_) | Session::Pausing { .. } => {
                if self.peers.contains_key(&participant) {
                    tell(&mut self.out, CallEvent::Host { participant });
                }
            }
        }
    }

    pub(super) fn on_knock(&mut self, knock: Knock) {
        if self.session.is_in_room() && !self.is_known_knock(&knock.participant) {
            self.knocks.push(knock.clone());
            let Knock { participant, name } = knock;
            tell(&mut self.out, CallEvent::Knock { participant, name });
        }
    }

    pub(super) fn on_knock_ended(&mut self, participant: &ParticipantId) {
        if self.is_known_knock(participant) {
            self.knocks.retain(|knock| knock.participant != *participant);
            tell(&mut self.out, CallEvent::KnockEnded { participant: participant.clone() });
        }
    }

    pub(super) fn on_muted(&mut self, by: ParticipantId) {
        if self.session.is_in_room() {
            tell(&mut self.out, CallEvent::Muted { by });
        }
    }

    /// In another stay the server tells of those who wait anew.
    pub(super) fn forget_knocks(&mut self) {
        for Knock { participant, .. } in std::mem::take(&mut self.knocks) {
            tell(&mut self.out, CallEvent::KnockEnded { participant });
        }
    }

    fn is_known_knock(&self, participant: &ParticipantId) -> bool {
        self.knocks.iter().any(|knock| knock.participant == *participant)
    }
}
