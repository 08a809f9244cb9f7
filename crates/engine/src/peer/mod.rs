//! One peer connection: an actor that does what the call core asks of it, one thing after the other, and carries media
//! both ways meanwhile. It decides nothing about the call.

mod chain;
mod connection;
mod downlink;
mod follow;
mod handler;
mod lip_sync;
mod relay;
mod runtime;
mod sections;
mod stats;
mod uplink;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use rtc::shared::error::{Error, Result};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tracing::{debug, warn};
use visavis_call::PathState;
use visavis_congestion::Estimate;
use visavis_media::audio::{AudioSink, AudioStream, AudioStreamId};
use visavis_media::video::{Frame, VideoReceiver, VideoReceiverEvent};
use visavis_protocol::{Candidate, IceMode};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    RTCIceCandidateInit, RTCPeerConnectionIceEvent, RTCPeerConnectionState, RTCSessionDescription,
};

use crate::api::PeerStats;
use crate::network::Addresses;
pub use chain::fuzz_packets;
use chain::{CaptureClocks, Meter, RemoteReports, Wires};
pub(crate) use connection::IceConfig;
use connection::{Connection, Listeners};
use downlink::Destination;
use follow::Following;
pub use follow::fuzz_checks;
use handler::{Handler, Notice};
use lip_sync::Incoming;
use relay::Relays;
pub use sections::fuzz_description;
use stats::Sampler;

pub(crate) use uplink::Media;

/// Commands that may wait for the connection, and things that it may have to tell.
const QUEUE: usize = 256;

/// What the call wants of a connection; answered by [`PeerEvent`]s.
#[derive(Debug)]
pub(crate) enum PeerCommand {
    /// From the next ICE restart on media may take these paths.
    SetIceMode(IceMode),
    CreateOffer {
        ice_restart: bool,
    },
    AcceptOffer {
        sdp: String,
        rollback: bool,
    },
    AcceptAnswer {
        sdp: String,
    },
    AddCandidate(Candidate),
    EndCandidates {
        ufrag: String,
    },
    /// The addresses of this host are these now.
    NetworkChanged(Addresses),
    /// A sample of the statistics.
    Sample(oneshot::Sender<PeerStats>),
}

/// What happened on a connection.
#[derive(Debug)]
pub(crate) enum PeerEvent {
    OfferCreated {
        sdp: String,
    },
    AnswerCreated {
        sdp: String,
    },
    AnswerAccepted,
    NegotiationFailed,
    Candidate(Candidate),
    CandidatesEnded {
        ufrag: String,
    },
    Path(PathState),
    KeyFrameWanted(VideoKind),
    /// Whether the far side can read sound that carries older packets again.
    ReadsCopies(bool),
    /// The far side's estimate of what the path takes has moved.
    Estimate(Estimate),
    /// The far side's voice is this stream of the speaker.
    Voice(AudioStreamId),
    /// And its screen's sound is this one.
    ScreenSound(AudioStreamId),
    FirstAudio,
    FirstFrame(VideoKind),
}

/// What a video track shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VideoKind {
    Camera,
    Screen,
}

/// What a connection is given by its engine.
pub(crate) struct PeerContext {
    /// Tells the connection from others to the same peer.
    pub(crate) generation: u64,
    pub(crate) ice: IceConfig,
    pub(crate) media: broadcast::Sender<Media>,
    pub(crate) speaker: Arc<AudioSink>,
    /// Whether a screen is shared.
    pub(crate) sharing: watch::Receiver<bool>,
    /// Called on the decoder's thread with each picture of the far side.
    pub(crate) on_frame: Arc<dyn Fn(VideoKind, Arc<Frame>) + Send + Sync>,
    /// Called on whichever task an event comes from; never blocks.
    pub(crate) on_event: Arc<dyn Fn(PeerEvent) + Send + Sync>,
}

/// The handle of a connection. Dropping it closes the connection.
#[derive(Debug)]
pub(crate) struct Peer {
    generation: u64,
    commands: mpsc::Sender<PeerCommand>,
}

impl Peer {
    pub(crate) fn open(context: PeerContext) -> Self {
        let (commands, inbox) = mpsc::channel(QUEUE);
        let generation = context.generation;
        tokio::spawn(run(context, inbox));
        Self { generation, commands }
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Queues a command. The queue holds more than a call ever asks at once; a flood beyond it is dropped.
    pub(crate) fn send(&self, command: PeerCommand) {
        if self.commands.try_send(command).is_err() {
            debug!("a command to a peer connection was dropped");
        }
    }
}

async fn run(context: PeerContext, mut commands: mpsc::Receiver<PeerCommand>) {
    let (notices, mut inbox) = mpsc::channel(QUEUE);
    let meter = Arc::new(Meter::default());
    let (estimate, mut estimates) = watch::channel(chain::START);
    let (captured, clocks) = watch::channel(CaptureClocks::new());
    let (remote_reports, reports) = watch::channel(RemoteReports::new());
    let on_event = Arc::clone(&context.on_event);
    let on_lost = {
        let notices = notices.clone();
        move || {
            // A full queue has more to tell than this, which is told again, or shows by silence.
            let _ = notices.try_send(Notice::RouteLost);
        }
    };
    let following = Following::new(on_lost.clone());
    let relays = Relays::new(&context.ice.servers, on_lost);
    let listeners = Listeners {
        handler: Arc::new(Handler { notices }),
        relays,
        wires: Wires {
            following,
            meter: Arc::clone(&meter),
            estimate,
            sharing: context.sharing.clone(),
            captured: clocks,
            reports: remote_reports,
            on_key_frame_wish: move |kind| on_event(PeerEvent::KeyFrameWanted(kind)),
        },
    };
    let connection = match connection::open(&context.ice, listeners).await {
        Ok(connection) => connection,
        Err(error) => {
            warn!(%error, "no peer connection can be made");
            (context.on_event)(PeerEvent::NegotiationFailed);
            return;
        }
    };
    let mut actor = Actor::new(context, connection, meter, captured, reports);
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                Some(command) => actor.on_command(command).await,
                None => break,
            },
            Some(notice) = inbox.recv() => actor.on_notice(notice).await,
            Ok(()) = estimates.changed() => {
                let estimate = *estimates.borrow_and_update();
                actor.sampler.estimate = estimate;
                (actor.context.on_event)(PeerEvent::Estimate(estimate));
            }
        }
    }
    actor.close().await;
}

struct Actor {
    context: PeerContext,
    connection: Connection,
    connected: watch::Sender<bool>,
    /// The user name fragment of the local description, for candidates that come without one.
    ufrag: String,
    /// The payload type of redundant audio in the local description.
    redundant_audio: Option<u8>,
    tasks: JoinSet<()>,
    sampler: Sampler,
    /// For microphone and camera.
    lip_sync: mpsc::Sender<Incoming>,
    /// For the screen and its sound.
    screen_sync: mpsc::Sender<Incoming>,
}

impl Actor {
    fn new(
        context: PeerContext,
        connection: Connection,
        meter: Arc<Meter>,
        captured: watch::Sender<CaptureClocks>,
        reports: watch::Receiver<RemoteReports>,
    ) -> Self {
        let (connected, is_connected) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let on_event = Arc::clone(&context.on_event);
        tasks.spawn(uplink::run(
            connection.tracks.clone(),
            context.media.subscribe(),
            is_connected,
            captured,
            move |kind| on_event(PeerEvent::KeyFrameWanted(kind)),
        ));
        let (lip_sync, incoming) = mpsc::channel(QUEUE);
        tasks.spawn(lip_sync::run(incoming, reports.clone()));
        let (screen_sync, incoming) = mpsc::channel(QUEUE);
        tasks.spawn(lip_sync::run(incoming, reports));
        Self {
            context,
            connection,
            connected,
            ufrag: String::new(),
            redundant_audio: None,
            tasks,
            sampler: Sampler::new(meter),
            lip_sync,
            screen_sync,
        }
    }

    async fn on_command(&mut self, command: PeerCommand) {
        let answer = match command {
            PeerCommand::SetIceMode(mode) => return self.set_ice_mode(mode).await,
            PeerCommand::CreateOffer { ice_restart } => {
                self.create_offer(ice_restart).await.map(|sdp| PeerEvent::OfferCreated { sdp })
            }
            PeerCommand::AcceptOffer { sdp, rollback } => {
                self.accept_offer(sdp, rollback).await.map(|sdp| PeerEvent::AnswerCreated { sdp })
            }
            PeerCommand::AcceptAnswer { sdp } => {
                self.accept_answer(sdp).await.map(|()| PeerEvent::AnswerAccepted)
            }
            PeerCommand::AddCandidate(candidate) => return self.add_candidate(candidate).await,
            // The crate has no use for it: it goes on checking what it has.
            PeerCommand::EndCandidates { ufrag } => return debug!(ufrag, "no more remote candidates"),
            PeerCommand::NetworkChanged(addresses) => return self.on_network(&addresses).await,
            PeerCommand::Sample(reply) => {
                // Whoever asked may be gone.
                let _ = reply.send(self.sampler.sample(&self.connection, Instant::now()).await);
                return;
            }
        };
        (self.context.on_event)(answer.unwrap_or_else(|error| {
            warn!(%error, "the negotiation failed");
            PeerEvent::NegotiationFailed
        }));
    }

    async fn set_ice_mode(&mut self, mode: IceMode) {
        if let Err(error) = self.connection.set_ice_mode(mode).await {
            warn!(%error, "media keeps the paths that it may take");
        }
    }

    async fn create_offer(&mut self, ice_restart: bool) -> Result<String> {
        if ice_restart {
            self.check_restart()?;
            self.connection.pc.restart_ice().await?;
        }
        let offer = self.connection.pc.create_offer(None).await?;
        self.set_local(offer).await
    }

    async fn accept_offer(&mut self, sdp: String, rollback: bool) -> Result<String> {
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

    async fn accept_answer(&self, sdp: String) -> Result<()> {
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

    async fn add_candidate(&self, candidate: Candidate) {
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

    async fn on_network(&self, addresses: &Addresses) {
        let local = stats::local_address(&self.connection).await;
        if local.is_some_and(|address| !addresses.have(address)) {
            (self.context.on_event)(PeerEvent::Path(PathState::Moved));
        }
    }

    async fn on_notice(&mut self, notice: Notice) {
        match notice {
            Notice::Candidate(event) => self.on_candidate(&event),
            Notice::GatheringComplete => {
                (self.context.on_event)(PeerEvent::CandidatesEnded { ufrag: self.ufrag.clone() });
            }
            Notice::IceConnected => self.wake_driver().await,
            Notice::State(state) => self.on_state(state),
            Notice::RouteLost => (self.context.on_event)(PeerEvent::Path(PathState::Moved)),
            Notice::Track(track) => self.on_track(track).await,
        }
    }

    /// The crate leaves the media section and the generation empty: everything is bundled on the first section.
    fn on_candidate(&self, event: &RTCPeerConnectionIceEvent) {
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
    async fn wake_driver(&self) {
        if let Err(error) = self.connection.tracks.audio.track.write_rtcp(Vec::new()).await {
            debug!(%error, "the connection's driver was not woken");
        }
    }

    fn on_state(&mut self, state: RTCPeerConnectionState) {
        debug!(%state, "peer connection");
        let path = if state == RTCPeerConnectionState::Connected {
            PathState::Connected
        } else if state == RTCPeerConnectionState::Disconnected {
            PathState::Disconnected
        } else if state == RTCPeerConnectionState::Failed {
            PathState::Failed
        } else {
            return;
        };
        self.connected.send_replace(path == PathState::Connected);
        (self.context.on_event)(PeerEvent::Path(path));
    }

    async fn on_track(&mut self, track: Arc<dyn TrackRemote>) {
        let is_screen = track.ssrcs().await.iter().any(|ssrc| self.sampler.meter.is_remote_screen(*ssrc));
        let destination = if track.kind().await == RtpCodecKind::Video {
            self.receive_video(if is_screen { VideoKind::Screen } else { VideoKind::Camera })
        } else {
            let stream = self.receive_audio(is_screen);
            Some(Destination::Audio { stream, redundant: self.redundant_audio })
        };
        if let Some(destination) = destination {
            let on_event = Arc::clone(&self.context.on_event);
            let sync = if is_screen { self.screen_sync.clone() } else { self.lip_sync.clone() };
            self.tasks.spawn(downlink::run(track, destination, move |incoming| {
                if !is_screen && matches!(incoming, Incoming::Audio(..)) {
                    on_event(PeerEvent::FirstAudio);
                }
                // The streams of a connection fit the queue.
                let _ = sync.try_send(incoming);
            }));
        }
    }

    fn receive_audio(&mut self, is_screen: bool) -> Arc<AudioStream> {
        let stream = Arc::new(self.context.speaker.add_stream());
        let (event, sampled) = if is_screen {
            (PeerEvent::ScreenSound(stream.id()), &mut self.sampler.screen_sound)
        } else {
            (PeerEvent::Voice(stream.id()), &mut self.sampler.audio)
        };
        *sampled = Some(Arc::clone(&stream));
        (self.context.on_event)(event);
        stream
    }

    fn receive_video(&mut self, kind: VideoKind) -> Option<Destination> {
        let (key_frames, key_frame_needed) = mpsc::channel(1);
        let on_event = Arc::clone(&self.context.on_event);
        let on_frame = Arc::clone(&self.context.on_frame);
        let first = std::sync::Once::new();
        let receiver = VideoReceiver::spawn(move |event| match event {
            VideoReceiverEvent::Frame { frame, .. } => {
                first.call_once(|| on_event(PeerEvent::FirstFrame(kind)));
                on_frame(kind, frame);
            }
            VideoReceiverEvent::KeyFrameNeeded => {
                // One request at a time is enough.
                let _ = key_frames.try_send(());
            }
        });
        match receiver {
            Ok(receiver) => {
                let receiver = Arc::new(receiver);
                match kind {
                    VideoKind::Camera => self.sampler.video = Some(Arc::clone(&receiver)),
                    VideoKind::Screen => self.sampler.screen = Some(Arc::clone(&receiver)),
                }
                Some(Destination::Video { receiver, key_frame_needed })
            }
            Err(error) => {
                warn!(%error, "no decoder for the far side's picture");
                None
            }
        }
    }

    async fn close(mut self) {
        self.tasks.shutdown().await;
        if let Err(error) = self.connection.pc.close().await {
            debug!(%error, "closing a peer connection");
        }
    }
}
