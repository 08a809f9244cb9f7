//! What the actor hears from the connections, and what they are given.

use std::sync::Arc;
use std::time::Instant;

use visavis_call::{Input, PathState};
use visavis_congestion::Estimate;
use visavis_media::audio::{AudioStreamId, Volume};
use visavis_protocol::ParticipantId;

use super::Actor;
use crate::api::{Event, StreamId};
use crate::inner::{Inner, tell};
use crate::peer::{IceConfig, PeerCommand, PeerContext, PeerEvent, VideoKind};

impl Actor {
    pub(super) fn on_peer(&mut self, peer: ParticipantId, generation: u64, event: PeerEvent) {
        if self.peers.get(&peer).is_none_or(|present| present.generation() != generation) {
            return;
        }
        let input = match event {
            PeerEvent::OfferCreated { sdp } => Input::OfferCreated { peer, sdp },
            PeerEvent::AnswerCreated { sdp } => Input::AnswerCreated { peer, sdp },
            PeerEvent::AnswerAccepted => Input::AnswerAccepted { peer },
            PeerEvent::NegotiationFailed => Input::NegotiationFailed { peer },
            PeerEvent::Candidate(candidate) => Input::LocalCandidate { peer, candidate },
            PeerEvent::CandidatesEnded { ufrag } => Input::LocalCandidatesEnded { peer, ufrag },
            PeerEvent::Path(state) => {
                self.on_path(&peer, state);
                Input::Path { peer, state }
            }
            PeerEvent::KeyFrameWanted(VideoKind::Camera) => return self.outgoing.handle_key_frame_wish(),
            PeerEvent::KeyFrameWanted(VideoKind::Screen) => return self.screen.handle_key_frame_wish(),
            PeerEvent::ReadsCopies(reads) => return self.outgoing.handle_reads_copies(&peer, reads),
            PeerEvent::Estimate(estimate) => return self.on_estimate(&peer, estimate),
            PeerEvent::Voice(stream) => {
                let volume = self.voices.begin(peer, stream);
                return self.apply_volume(stream, volume);
            }
            PeerEvent::ScreenSound(stream) => {
                let volume = self.voices.begin_screen(peer, stream);
                return self.apply_volume(stream, volume);
            }
            PeerEvent::FirstAudio => return self.reach(|milestones| &mut milestones.first_audio_ms),
            PeerEvent::FirstFrame(VideoKind::Screen) => {
                let event = self.others_screens.handle_first_frame(peer);
                return self.emit(event);
            }
            PeerEvent::FirstFrame(VideoKind::Camera) => {
                self.reach(|milestones| &mut milestones.first_frame_ms);
                return self.emit(Event::VideoStarted { stream: StreamId::Participant(peer) });
            }
        };
        self.feed(input);
    }

    fn apply_volume(&self, stream: AudioStreamId, volume: Option<Volume>) {
        if let Some(volume) = volume {
            self.devices.speaker().set_volume(stream, volume);
        }
    }

    pub(super) fn on_voice_levels(&self, levels: &[(AudioStreamId, f32)]) {
        let levels = self.voices.levels(levels);
        if !levels.is_empty() {
            self.emit(Event::ParticipantLevels { levels });
        }
    }

    pub(super) fn set_participant_volume(&mut self, participant: ParticipantId, volume: Volume) {
        for stream in self.voices.set_volume(participant, volume) {
            self.devices.speaker().set_volume(stream, volume);
        }
    }

    fn on_path(&mut self, peer: &ParticipantId, state: PathState) {
        match state {
            PathState::Connected => {
                self.reach(|milestones| &mut milestones.connected_ms);
                self.connected.insert(peer.clone());
                self.devices.set_sending(true);
                self.screen.set_sending(true);
                self.outgoing.handle_key_frame_wish();
                self.screen.handle_key_frame_wish();
            }
            PathState::Disconnected | PathState::Failed => {
                self.disconnect(peer);
                if let Some(signaling) = &self.signaling {
                    signaling.probe();
                }
            }
            // The restart that follows takes a moment; what is sent meanwhile is dropped on the way.
            PathState::Moved => {}
        }
    }

    pub(super) fn disconnect(&mut self, peer: &ParticipantId) {
        self.connected.remove(peer);
        self.outgoing.forget(peer);
        self.devices.set_sending(!self.connected.is_empty());
        self.screen.set_sending(!self.connected.is_empty());
    }

    fn on_estimate(&mut self, peer: &ParticipantId, estimate: Estimate) {
        if !self.connected.contains(peer) {
            return;
        }
        let (video, audio) =
            self.outgoing.handle_estimate(Instant::now(), peer, estimate, self.screen.shared());
        self.screen.handle_available(Instant::now(), self.outgoing.screen_bps(), self.outgoing.rtt());
        self.screen.set_sound_target(self.outgoing.screen_sound());
        if let Some(target) = video {
            self.devices.set_video_target(target);
        }
        if let Some(target) = audio {
            self.devices.set_audio_target(target);
        }
    }

    pub(super) fn peer_context(&mut self, id: &ParticipantId, ice: IceConfig) -> PeerContext {
        self.generation += 1;
        let generation = self.generation;
        let streams = (StreamId::Participant(id.clone()), StreamId::Screen(id.clone()));
        let (frames, inner, id) = (Arc::clone(&self.frames), self.inner.clone(), id.clone());
        PeerContext {
            generation,
            ice,
            media: self.media.clone(),
            speaker: self.devices.speaker(),
            sharing: self.screen.sharing(),
            on_frame: Arc::new(move |kind, frame| match kind {
                VideoKind::Camera => frames(&streams.0, frame),
                VideoKind::Screen => frames(&streams.1, frame),
            }),
            on_event: Arc::new(move |event| tell(&inner, Inner::Peer { id: id.clone(), generation, event })),
        }
    }

    pub(super) fn ask(&self, peer: &ParticipantId, command: PeerCommand) {
        if let Some(peer) = self.peers.get(peer) {
            peer.send(command);
        }
    }
}
