//! What the call core is told, and what is done of what it gives out.

use std::time::Instant;

use tracing::{debug, warn};
use visavis_call::{CallErrorCode, CallEvent, CallState, Input, Output};
use visavis_protocol::{MediaState, Participant};

use super::Actor;
use crate::api::{Event, Milestones, StreamId};
use crate::peer::{IceConfig, Peer, PeerCommand};
use crate::signaling::Signaling;

impl Actor {
    /// Begins a call that is wanted with the own media.
    pub(super) fn begin(&mut self, server: String, wanted: impl FnOnce(MediaState) -> Input) {
        if self.joined_at.is_some() {
            debug!("a join during a call is ignored");
            return;
        }
        self.server = server;
        self.joined_at = Some(Instant::now());
        self.milestones = Milestones::default();
        self.apply_active();
        let media = self.own_media();
        self.feed(wanted(media));
    }

    pub(super) fn feed(&mut self, input: Input) {
        self.call.handle(Instant::now(), input);
    }

    pub(super) fn drain(&mut self) {
        while let Some(output) = self.call.poll_output() {
            self.carry_out(output);
        }
        if self.outgoing.poll_key_frame(Instant::now()) {
            self.devices.request_key_frame();
        }
        self.screen.make_key_frame(Instant::now());
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::OpenSignaling => self.open_signaling(),
            Output::CloseSignaling => self.closing = self.signaling.take().map(Signaling::close),
            Output::Send { message } => {
                if let Some(signaling) = &self.signaling {
                    signaling.send(message);
                }
            }
            Output::KeepGuest { token } => {
                self.emit(Event::Guest { server: self.server.clone(), token });
            }
            Output::OpenPeer { peer, ice_servers, ice_mode } => {
                self.reach(|milestones| &mut milestones.peer_present_ms);
                let context = self.peer_context(&peer, IceConfig { servers: ice_servers, mode: ice_mode });
                self.peers.insert(peer, Peer::open(context));
            }
            Output::SetIceMode { peer, ice_mode } => self.ask(&peer, PeerCommand::SetIceMode(ice_mode)),
            Output::ClosePeer { peer } => {
                self.peers.remove(&peer);
                self.voices.end(&peer);
                self.disconnect(&peer);
                self.outgoing.end(&peer);
                if let Some(event) = self.others_screens.end(&peer) {
                    self.emit(event);
                }
                self.emit(Event::VideoEnded { stream: StreamId::Participant(peer) });
            }
            Output::CreateOffer { peer, ice_restart } => {
                self.ask(&peer, PeerCommand::CreateOffer { ice_restart })
            }
            Output::AcceptOffer { peer, sdp, rollback } => {
                self.ask(&peer, PeerCommand::AcceptOffer { sdp, rollback });
            }
            Output::AcceptAnswer { peer, sdp } => self.ask(&peer, PeerCommand::AcceptAnswer { sdp }),
            Output::AddCandidate { peer, candidate } => self.ask(&peer, PeerCommand::AddCandidate(candidate)),
            Output::EndCandidates { peer, ufrag } => self.ask(&peer, PeerCommand::EndCandidates { ufrag }),
            Output::Event { event } => self.on_call_event(event),
        }
    }

    fn on_call_event(&mut self, event: CallEvent) {
        match &event {
            CallEvent::State { state: CallState::InRoom { .. } } => {
                self.reach(|milestones| &mut milestones.joined_ms);
            }
            CallEvent::State { state: CallState::Ended } => {
                self.joined_at = None;
                self.voices.clear();
                self.others_screens.clear();
                self.stop_screen(None);
                self.apply_active();
            }
            CallEvent::State {
                state:
                    CallState::Idle
                    | CallState::Joining
                    | CallState::Queued { .. }
                    | CallState::Waiting { .. }
                    | CallState::Reconnecting,
            }
            | CallEvent::ParticipantJoined { .. }
            | CallEvent::ParticipantLeft { .. }
            | CallEvent::Peer { .. }
            | CallEvent::Host { .. }
            | CallEvent::Knock { .. }
            | CallEvent::KnockEnded { .. }
            | CallEvent::Reported { .. }
            | CallEvent::Blocked { .. }
            | CallEvent::NotKept { .. }
            | CallEvent::Notice { .. } => {}
            CallEvent::Muted { .. } => {
                self.devices.set_microphone(false);
                self.tell_media();
            }
            CallEvent::Media { participant, media }
            | CallEvent::ParticipantChanged { participant: Participant { id: participant, media, .. } } => {
                if let Some(event) = self.others_screens.handle_shared(participant, media.screen) {
                    self.emit(event);
                }
            }
            CallEvent::Error { code } => report(*code),
        }
        self.emit(Event::Call { event });
    }
}

fn report(code: CallErrorCode) {
    warn!(code = code.as_str(), "the call");
}
