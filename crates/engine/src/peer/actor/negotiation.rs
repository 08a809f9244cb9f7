//! Descriptions and candidates, ours and the far side's: offer and answer, trickle, ICE restarts.

use std::sync::atomic::Ordering;

use rtc::shared::error::{Error, Result};
use tracing::{debug, warn};
use visavis_protocol::{Candidate, IceMode};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::peer_connection::{RTCIceCandidateInit, RTCPeerConnectionIceEvent, RTCSessionDescription};

use super::Actor;
use crate::peer::relay::Relays;
use crate::peer::{PeerEvent, sections};

impl Actor {
    pub(super) async fn set_ice_mode(&mut self, mode: IceMode) {
        if let Err(error) = self.connection.set_ice_mode(mode).await {
            warn!(%error, "media keeps the paths that it may take");
        }
    }

    pub(super) async fn create_offer(&mut self, ice_restart: bool) -> Result<String> {
        if ice_restart {
            self.check_restart()?;
            self.connection.pc.restart_ice().await?;
        }
        let offer = self.connection.pc.create_offer(None).await?;
        self.set_local(offer).await
    }

    pub(super) async fn accept_offer(&mut self, sdp: String, rollback: bool) -> Result<String> {
        // With other credentials than before it restarts ICE (RFC 8839 section 4.4.1.1.1).
        let before = self.connection.pc.current_remote_description().await;
        if before.is_some_and(|before| sections::first_ufrag(&before.sdp) != sections::first_ufrag(&sdp)) {
            self.check_restart()?;
        }
        if rollback {
            self.connection.pc.set_local_description(RTCSessionDescription::rollback(None)?).await?;
        }
        self.note_remote(&sdp);
        self.connection.pc.set_remote_description(RTCSessionDescription::offer(sdp)?).await?;
        let answer = self.connection.pc.create_answer(None).await?;
        self.set_local(answer).await
    }

    /// A restart that would lose the connection fails before it begins, and is tried again by the call.
    fn check_restart(&self) -> Result<()> {
        if self.connection.can_restart() {
            Ok(())
        } else {
            Err(Error::Other("there is no network".to_owned()))
        }
    }

    pub(super) async fn accept_answer(&self, sdp: String) -> Result<()> {
        self.note_remote(&sdp);
        self.connection.pc.set_remote_description(RTCSessionDescription::answer(sdp)?).await
    }

    /// Notes which of the far side's tracks are its screen's, and what it answers checks with, before packets of it come;
    /// and tells what it can read.
    fn note_remote(&self, sdp: &str) {
        (self.context.on_event)(PeerEvent::ReadsCopies(sections::redundant_audio(sdp).is_some()));
        if let Some(password) = sections::first_password(sdp) {
            self.connection.following.handle_password(password);
        }
        let meter = &self.sampler.meter;
        meter.remote_screen_ssrc.store(sections::screen_ssrc(sdp).unwrap_or_default(), Ordering::Relaxed);
        let sound_ssrc = sections::screen_sound_ssrc(sdp).unwrap_or_default();
        meter.remote_screen_sound_ssrc.store(sound_ssrc, Ordering::Relaxed);
    }

    async fn set_local(&mut self, description: RTCSessionDescription) -> Result<String> {
        let sdp = sections::without_bases(&description.sdp);
        // Known before candidates of this generation are gathered.
        self.ufrag =
            sections::first_ufrag(&sdp).ok_or(Error::ErrSessionDescriptionMissingIceUfrag)?.to_owned();
        self.redundant_audio = sections::redundant_audio(&sdp);
        self.connection.pc.set_local_description(description).await?;
        Ok(sdp)
    }

    pub(super) async fn add_candidate(&self, candidate: Candidate) {
        if let Some(address) = sections::udp_address(&candidate.candidate) {
            if Relays::is_stand_in(address) {
                return debug!("a remote candidate has an address of nobody");
            }
            self.connection.following.handle_candidate(address);
        }
        let init = RTCIceCandidateInit {
            candidate: candidate.candidate,
            sdp_mid: Some(candidate.mid),
            username_fragment: Some(candidate.ufrag),
            ..Default::default()
        };
        match self.connection.pc.add_ice_candidate(init).await {
            Ok(()) => self.wake_driver().await,
            Err(error) => debug!(%error, "a remote candidate was not taken"),
        }
    }

    /// The crate leaves the media section and the generation empty: everything is bundled on the first section.
    pub(super) fn on_candidate(&self, event: &RTCPeerConnectionIceEvent) {
        match event.candidate.to_json() {
            Ok(init) if !init.candidate.is_empty() => {
                let candidate = sections::without_bases(&init.candidate);
                let candidate = Candidate { candidate, mid: "0".to_owned(), ufrag: self.ufrag.clone() };
                (self.context.on_event)(PeerEvent::Candidate(candidate));
            }
            Ok(_) => {}
            Err(error) => debug!(%error, "a local candidate cannot be written"),
        }
    }

    /// The crate's driver does not wake for a new remote candidate, and it writes before it handles events: checks of
    /// the candidate, and the DTLS ClientHello that a connected path brings forth, would wait for the next timer, up to
    /// 200 ms. A report of nothing makes it go round again, and is never sent.
    pub(super) async fn wake_driver(&self) {
        if let Err(error) = self.connection.tracks.audio.track.write_rtcp(Vec::new()).await {
            debug!(%error, "the connection's driver was not woken");
        }
    }
}
