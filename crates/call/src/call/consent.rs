//! Strangers are relayed until both would let the other know their addresses.

use visavis_protocol::{ClientMessage, IceMode, ParticipantId};

use super::Call;
use crate::event::Consent;
use crate::peer::Ice;
use crate::session::{Session, Stay};

impl Call {
    /// Whether a room with such paths asks for consent. Where the welcome has everybody relayed, nothing else is to be had.
    pub(super) fn asked_for(&self, ice_mode: Option<IceMode>) -> Option<Consent> {
        match (ice_mode, self.ice.mode) {
            (Some(IceMode::Relay), Some(IceMode::All) | None) => Some(Consent::Nobody),
            (Some(IceMode::All) | None, _) | (Some(IceMode::Relay), Some(IceMode::Relay)) => None,
        }
    }

    /// Where paths are found in this room, and which of them media may take.
    pub(super) fn ice_here(&self) -> Ice {
        let mode = match self.session.consent() {
            Some(Consent::Nobody | Consent::Own | Consent::Other) => Some(IceMode::Relay),
            Some(Consent::Both) | None => self.ice.mode,
        };
        Ice { mode, ..self.ice.clone() }
    }

    /// What holds in a stay that goes on, of which the server has forgotten who consented: all say so again.
    pub(super) fn consent_kept(&self, asked_for: Option<Consent>) -> Option<Consent> {
        match self.session.consent() {
            Some(Consent::Nobody | Consent::Other) => Some(Consent::Nobody),
            Some(kept @ (Consent::Own | Consent::Both)) => Some(kept),
            None => asked_for,
        }
    }

    pub(super) fn consent(&mut self) {
        if self.change_consent(|consent| match consent {
            Consent::Nobody | Consent::Other => Some(Consent::Own),
            Consent::Own | Consent::Both => None,
        }) {
            self.send(ClientMessage::Consent);
        }
    }

    pub(super) fn on_consent(&mut self, from: &ParticipantId) {
        if self.peers.contains_key(from) {
            self.change_consent(|consent| match consent {
                Consent::Nobody => Some(Consent::Other),
                Consent::Own | Consent::Other | Consent::Both => None,
            });
        }
    }

    /// Both would: the offerer restarts ICE, with candidates of all kinds. A server cannot have the user's addresses told
    /// who has not consented.
    pub(super) fn on_direct(&mut self) {
        if self.change_consent(|consent| match consent {
            Consent::Own => Some(Consent::Both),
            Consent::Nobody | Consent::Other | Consent::Both => None,
        }) {
            let mode = self.ice_here().mode;
            for peer in self.peers.values_mut() {
                peer.widen(mode, &mut self.out);
            }
        }
    }

    /// Whether it has changed.
    fn change_consent(&mut self, change: impl FnOnce(Consent) -> Option<Consent>) -> bool {
        let Session::Staying(Stay::InRoom { consent: Some(consent), .. }) = &mut self.session else {
            return false;
        };
        let Some(changed) = change(*consent) else { return false };
        *consent = changed;
        self.tell_stay();
        true
    }
}
