mod peers;

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{broadcast, mpsc, watch};
use tracing::{debug, warn};
use visavis_call::{Call, CallErrorCode, CallEvent, CallState, Input, Output};
use visavis_media::audio::system;
use visavis_media::audio::voice::VoiceSettings;
use visavis_media::video::Frame;
use visavis_media::video::screen::{self as screens, ScreenError};
use visavis_media::{DeviceChoice, DeviceKind, DeviceList, ScreenChoice};
use visavis_protocol::{MatchKind, MediaState, Participant, ParticipantId, Report, Seek};

use crate::api::{CallStats, Command, Event, Milestones, StreamId};
use crate::devices::{self, Devices};
use crate::inner::{Inner, tell};
use crate::network::{self, Addresses};
use crate::outgoing::Outgoing;
use crate::peer::{IceConfig, Media, Peer, PeerCommand};
use crate::sampling;
use crate::screen::{OthersScreens, OwnScreen, ScreenEvent};
use crate::signaling::{Closing, Signaling, SignalingEvent};
use crate::voices::Voices;

/// Things that may wait for the actor.
const QUEUE: usize = 1024;
/// Encoded packets that may wait for a peer: about a second.
const MEDIA_QUEUE: usize = 144;
const STATS_INTERVAL: Duration = Duration::from_secs(1);

/// Takes pictures, each on the thread that made it; it must not block.
pub type FrameSink = Arc<dyn Fn(&StreamId, Arc<Frame>) + Send + Sync>;

/// What an engine begins with.
pub struct EngineConfig {
    /// Name and version of the program, told to servers.
    pub client: String,
    pub devices: DeviceChoice,
    /// What is done to the voice of a microphone, to begin with.
    pub voice: VoiceSettings,
    pub frames: FrameSink,
}

/// The handle of an engine. Dropping it leaves the call and closes everything.
#[derive(Debug, Clone)]
pub struct Engine {
    commands: mpsc::Sender<Command>,
}

impl Engine {
    /// Starts the engine on the present tokio runtime. Fails only if the system has no threads to give.
    pub fn spawn(config: EngineConfig) -> io::Result<(Self, mpsc::Receiver<Event>)> {
        let (commands, command_inbox) = mpsc::channel(QUEUE);
        let (events, event_inbox) = mpsc::channel(QUEUE);
        let (inner, inner_inbox) = mpsc::channel(QUEUE);
        let actor = Actor::new(config, events, inner)?;
        tokio::spawn(actor.run(command_inbox, inner_inbox));
        Ok((Self { commands }, event_inbox))
    }

    /// Queues a command; what comes of it is told by events.
    pub async fn send(&self, command: Command) {
        if self.commands.send(command).await.is_err() {
            warn!("the engine has ended");
        }
    }
}

struct Actor {
    call: Call,
    /// Where to connect to: the origin of the invite link.
    server: String,
    signaling: Option<Signaling>,
    /// An earlier connection.
    closing: Option<Closing>,
    /// Tells the present connection to the server from earlier ones.
    attempt: u64,
    peers: BTreeMap<ParticipantId, Peer>,
    /// Of the last connection that was opened.
    generation: u64,
    connected: HashSet<ParticipantId>,
    devices: Devices,
    voices: Voices,
    preview: bool,
    screen: OwnScreen,
    others_screens: OthersScreens,
    outgoing: Outgoing,
    media: broadcast::Sender<Media>,
    frames: FrameSink,
    joined_at: Option<Instant>,
    /// Whether the addresses of this host are watched: during a call.
    watch_network: watch::Sender<bool>,
    milestones: Milestones,
    events: mpsc::Sender<Event>,
    inner: mpsc::Sender<Inner>,
}

impl Actor {
    fn new(
        config: EngineConfig,
        events: mpsc::Sender<Event>,
        inner: mpsc::Sender<Inner>,
    ) -> io::Result<Self> {
        let (media, _) = broadcast::channel(MEDIA_QUEUE);
        let outgoing = Outgoing::new(Instant::now());
        let devices =
            Devices::open(config.devices, config.voice, &config.frames, &media, outgoing.counters(), &inner)?;
        let (watch_network, network_watched) = watch::channel(false);
        tokio::spawn(network::run(network_watched, inner.clone()));
        Ok(Self {
            call: Call::new(config.client),
            server: String::new(),
            signaling: None,
            closing: None,
            attempt: 0,
            peers: BTreeMap::new(),
            generation: 0,
            connected: HashSet::new(),
            devices,
            voices: Voices::default(),
            preview: false,
            screen: OwnScreen::new(media.clone(), inner.clone()),
            others_screens: OthersScreens::default(),
            outgoing,
            media,
            frames: config.frames,
            joined_at: None,
            watch_network,
            milestones: Milestones::default(),
            events,
            inner,
        })
    }

    async fn run(mut self, mut commands: mpsc::Receiver<Command>, mut inbox: mpsc::Receiver<Inner>) {
        let mut stats = tokio::time::interval(STATS_INTERVAL);
        stats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let wakes = [self.call.poll_timeout(), self.outgoing.poll_timeout(), self.screen.poll_timeout()];
            let wake = wakes.into_iter().flatten().min();
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.on_command(command),
                    None => break,
                },
                Some(inner) = inbox.recv() => self.on_inner(inner),
                () = sleep_until(wake) => self.call.handle_timeout(Instant::now()),
                _ = stats.tick(), if self.joined_at.is_some() => self.sample(),
            }
            self.drain();
        }
        self.feed(Input::Leave);
        self.drain();
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Join { server, room, name, token } => {
                self.begin(server, |media| Input::Join { room, name, media, token });
            }
            Command::Seek { server, name, interests, region, token } => self.begin(server, |media| {
                let kind = MatchKind::Video;
                Input::Seek { seek: Seek { name, media, kind, interests, region }, token }
            }),
            Command::Next => self.feed(Input::Next),
            Command::Leave => self.feed(Input::Leave),
            Command::Consent => self.feed(Input::Consent),
            Command::Report { participant, reason, words } => {
                self.feed(Input::Report { report: Report { participant, reason, words } });
            }
            Command::Block { participant } => self.feed(Input::Block { participant }),
            Command::Host { action } => self.feed(Input::Host { action }),
            Command::SetMicrophone { on } => {
                self.devices.set_microphone(on);
                self.tell_media();
            }
            Command::SetCamera { on } => {
                self.devices.set_camera(on);
                if !on {
                    self.emit(Event::VideoEnded { stream: StreamId::Own });
                }
                self.tell_media();
            }
            Command::SelectCamera { camera } => {
                self.devices.select_camera(camera);
                self.tell_media();
            }
            Command::SelectMicrophone { microphone } => {
                self.devices.select_microphone(microphone);
                self.tell_media();
            }
            Command::SelectSpeaker { speaker } => self.devices.select_speaker(speaker),
            Command::SetOutputVolume { volume } => self.devices.set_output_volume(volume),
            Command::SetParticipantVolume { participant, volume } => {
                self.set_participant_volume(participant, volume);
            }
            Command::SetVoiceProcessing { settings } => self.devices.set_voice(settings),
            Command::SetPreview { on } => {
                self.preview = on;
                self.apply_active();
            }
            Command::ShareScreen { screen, sound } => self.share_screen(screen, sound),
            Command::StopScreen => self.stop_screen(None),
            Command::ListScreens => self.list_screens(),
            Command::ListDevices => self.list_devices(),
        }
    }

    fn on_inner(&mut self, inner: Inner) {
        match inner {
            Inner::Signaling { attempt, event } if attempt == self.attempt => self.on_signaling(event),
            Inner::Signaling { .. } => {}
            Inner::Peer { id, generation, event } => self.on_peer(id, generation, event),
            Inner::DeviceStarted(device) => {
                self.devices.handle_started(device);
                self.emit(Event::DeviceStarted { device });
                self.tell_media();
            }
            Inner::DeviceFailed(error) => {
                let stand_in = self.devices.handle_failure(error.kind, error.code);
                if error.kind == DeviceKind::Camera {
                    self.emit(Event::VideoEnded { stream: StreamId::Own });
                }
                self.emit(Event::DeviceFailed { error, stand_in });
                self.tell_media();
            }
            Inner::Level(level) => self.emit(Event::MicrophoneLevel { level }),
            Inner::CameraLimits(limits) => self.outgoing.handle_source(limits),
            Inner::EncoderBusy(busy) => self.outgoing.handle_busy(Instant::now(), busy),
            Inner::VoiceLevels(levels) => self.on_voice_levels(&levels),
            Inner::OwnVideoStarted => self.emit(Event::VideoStarted { stream: StreamId::Own }),
            Inner::Screen { generation, event } if self.screen.is_present(generation) => {
                self.on_screen(event);
            }
            Inner::Screen { .. } => {}
            Inner::Screens { screens: Ok(screens), sound } => {
                self.emit(Event::Screens { screens, sound, error: None });
            }
            Inner::Screens { screens: Err(error), sound } => {
                self.emit(Event::Screens { screens: Vec::new(), sound, error: Some(error) });
            }
            Inner::Devices(devices) => self.on_devices(devices),
            Inner::Network(addresses) => self.on_network(&addresses),
            Inner::Stats(stats) => self.emit(Event::Stats { stats }),
        }
    }

    /// Begins a call that is wanted with the own media.
    fn begin(&mut self, server: String, wanted: impl FnOnce(MediaState) -> Input) {
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

    fn on_signaling(&mut self, event: SignalingEvent) {
        match event {
            SignalingEvent::Opened => self.feed(Input::SignalingOpened),
            SignalingEvent::Received(message) => self.feed(Input::Received { message: *message }),
            SignalingEvent::Unknown => self.feed(Input::ReceivedUnknown),
            SignalingEvent::Garbage => self.feed(Input::ReceivedGarbage),
            SignalingEvent::Closed => self.feed(Input::SignalingClosed),
            SignalingEvent::Stranded => {
                self.feed(Input::SignalingClosed);
                self.feed(Input::NetworkChanged);
            }
        }
    }

    fn on_network(&mut self, addresses: &Addresses) {
        for peer in self.peers.values() {
            peer.send(PeerCommand::NetworkChanged(addresses.clone()));
        }
        if let Some(signaling) = &self.signaling {
            signaling.handle_network_change(addresses.clone());
        }
        self.feed(Input::NetworkChanged);
    }

    fn feed(&mut self, input: Input) {
        self.call.handle(Instant::now(), input);
    }

    fn drain(&mut self) {
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

    fn open_signaling(&mut self) {
        self.attempt += 1;
        let (attempt, inner) = (self.attempt, self.inner.clone());
        self.signaling = Some(Signaling::open(&self.server, self.closing.take(), move |event| {
            let inner = inner.clone();
            async move {
                // The actor may have ended.
                let _ = inner.send(Inner::Signaling { attempt, event }).await;
            }
        }));
    }

    fn apply_active(&mut self) {
        self.devices.set_active(self.preview || self.joined_at.is_some());
        self.watch_network.send_replace(self.joined_at.is_some());
    }

    fn own_media(&self) -> MediaState {
        MediaState { screen: self.screen.is_shown(), ..self.devices.media() }
    }

    fn tell_media(&mut self) {
        let media = self.own_media();
        self.feed(Input::SetMedia { media });
    }

    fn share_screen(&mut self, choice: ScreenChoice, with_sound: bool) {
        if self.joined_at.is_none() {
            debug!("there is nobody to share a screen with");
            return;
        }
        if let Err(error) = self.screen.start(choice, with_sound) {
            self.stop_screen(Some(error));
        }
    }

    fn stop_screen(&mut self, error: Option<ScreenError>) {
        if self.screen.stop() || error.is_some() {
            self.emit(Event::ScreenEnded { error });
            self.tell_media();
        }
    }

    fn on_screen(&mut self, event: ScreenEvent) {
        match event {
            ScreenEvent::Started => {
                self.screen.handle_started();
                self.emit(Event::ScreenStarted);
                self.tell_media();
            }
            ScreenEvent::Failed(error) => self.stop_screen(Some(error)),
            ScreenEvent::Sound { on } => self.emit(Event::ScreenSound { on }),
        }
    }

    fn list_screens(&self) {
        let inner = self.inner.clone();
        tokio::task::spawn_blocking(move || {
            let (screens, sound) = (screens::list(), system::is_available());
            tell(&inner, Inner::Screens { screens, sound });
        });
    }

    /// Notes the time of a milestone, the first time.
    fn reach(&mut self, milestone: impl FnOnce(&mut Milestones) -> &mut Option<u64>) {
        if let Some(joined_at) = self.joined_at {
            milestone(&mut self.milestones).get_or_insert(millis(joined_at.elapsed()));
        }
    }

    fn list_devices(&self) {
        let inner = self.inner.clone();
        tokio::task::spawn_blocking(move || tell(&inner, Inner::Devices(devices::list())));
    }

    fn on_devices(&mut self, devices: DeviceList) {
        for device in self.devices.handle_present(&devices) {
            self.emit(Event::DeviceReturned { device });
        }
        self.emit(Event::Devices { devices });
        self.tell_media();
    }

    /// Asks every connection for a sample; they are put together off the actor.
    fn sample(&mut self) {
        let Some(joined_at) = self.joined_at else { return };
        let mut own = self.outgoing.describe(Instant::now());
        (own.screen, own.screen_sound_target_bps) = self.screen.describe(Instant::now());
        let stats = CallStats {
            time_ms: millis(joined_at.elapsed()),
            milestones: self.milestones,
            peers: Vec::new(),
        };
        sampling::sample(&self.peers, own, stats, self.inner.clone());
    }

    fn emit(&self, event: Event) {
        if let Err(error) = self.events.try_send(event) {
            debug!(%error, "an event was not heard");
        }
    }
}

fn report(code: CallErrorCode) {
    warn!(code = code.as_str(), "the call");
}

async fn sleep_until(wake: Option<Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake.into()).await,
        None => std::future::pending().await,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
