//! The engine: an actor that owns the call core and all that the call needs. What happens anywhere is a message to it, and
//! what the call core decides it has carried out.

mod call;
mod media;
mod peers;
mod sampling;
mod signaling;

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{broadcast, mpsc, watch};
use tracing::{debug, warn};
use visavis_call::{Call, Input};
use visavis_media::audio::voice::VoiceSettings;
use visavis_media::video::Frame;
use visavis_media::{DeviceChoice, DeviceKind};
use visavis_protocol::{MatchKind, ParticipantId, Report, Seek};

use crate::api::{Command, Event, Milestones, StreamId};
use crate::devices::Devices;
use crate::inner::Inner;
use crate::network::{self, Addresses};
use crate::outgoing::Outgoing;
use crate::peer::{Media, Peer, PeerCommand};
use crate::screen::{OthersScreens, OwnScreen};
use crate::signaling::{Closing, Signaling};
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
            Inner::Stats(stats) => self.on_stats(stats),
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

    fn emit(&self, event: Event) {
        if let Err(error) = self.events.try_send(event) {
            debug!(%error, "an event was not heard");
        }
    }
}

async fn sleep_until(wake: Option<Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake.into()).await,
        None => std::future::pending().await,
    }
}
