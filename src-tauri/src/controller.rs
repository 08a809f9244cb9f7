//! The one owner of the engine.

use std::io;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};
use visavis_engine::api::{Command, Event};
use visavis_engine::{Engine, EngineConfig};
use visavis_media::DeviceChoice;
use visavis_media::audio::voice::{NoiseSuppression, VoiceSettings};

use crate::frames::FrameHub;

/// Requests that may wait for the controller: far more than a user makes.
const QUEUE: usize = 64;
/// How long leaving a call may hold up the end of the app.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// Hears what happens in the engine.
pub(crate) type OnEvent = Box<dyn Fn(&Event) + Send>;

/// The handle of the controller.
#[derive(Debug, Clone)]
pub(crate) struct Controller {
    requests: mpsc::Sender<Request>,
}

/// Why a request went nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NotTaken {
    #[error("the app has too many requests to carry out")]
    Busy,
    #[error("the engine has ended")]
    Ended,
}

impl Controller {
    /// Starts an engine and its controller on the present tokio runtime.
    pub(crate) fn spawn(devices: DeviceChoice, frames: FrameHub, on_event: OnEvent) -> io::Result<Self> {
        let (engine, events) = Engine::spawn(EngineConfig {
            client: concat!("visavis/", env!("CARGO_PKG_VERSION")).to_owned(),
            devices,
            // Without steady noise a voice sounds cleaner and duller; who wants that can ask for it.
            voice: VoiceSettings { noise_suppression: NoiseSuppression::Off, ..VoiceSettings::default() },
            frames: frames.sink(),
        })?;
        let (requests, inbox) = mpsc::channel(QUEUE);
        tokio::spawn(Actor { engine, events, frames, on_event }.run(inbox));
        Ok(Self { requests })
    }

    /// Passes a command on to the engine, in order.
    pub(crate) fn send(&self, command: Command) -> Result<(), NotTaken> {
        self.requests.try_send(Request::Engine(command)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => NotTaken::Busy,
            mpsc::error::TrySendError::Closed(_) => NotTaken::Ended,
        })
    }

    /// Leaves the call and ends the engine, within a bounded time.
    pub(crate) async fn shut_down(&self) {
        let (done, ended) = oneshot::channel();
        let shut_down = async {
            // An engine that has ended already needs no end.
            if self.requests.send(Request::ShutDown(done)).await.is_ok() {
                let _ = ended.await;
            }
        };
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, shut_down).await.is_err() {
            warn!("the engine did not end in time");
        }
    }
}

#[derive(Debug)]
enum Request {
    Engine(Command),
    ShutDown(oneshot::Sender<()>),
}

struct Actor {
    engine: Engine,
    events: mpsc::Receiver<Event>,
    frames: FrameHub,
    on_event: OnEvent,
}

impl Actor {
    async fn run(mut self, mut inbox: mpsc::Receiver<Request>) {
        loop {
            tokio::select! {
                request = inbox.recv() => match request {
                    Some(Request::Engine(command)) => self.engine.send(command).await,
                    Some(Request::ShutDown(done)) => {
                        self.shut_down().await;
                        // Before anybody hears of the end: what is asked for from then on is not taken.
                        drop(inbox);
                        // Whoever asked may have lost patience.
                        let _ = done.send(());
                        return;
                    }
                    None => return,
                },
                event = self.events.recv() => match event {
                    Some(event) => self.on_engine_event(&event),
                    None => {
                        error!("the engine ended by itself");
                        return;
                    }
                },
            }
        }
    }

    fn on_engine_event(&self, event: &Event) {
        match event {
            Event::VideoStarted { stream } => self.frames.start(stream),
            Event::VideoEnded { stream } => self.frames.end(stream),
            Event::Call { .. }
            | Event::Guest { .. }
            | Event::Devices { .. }
            | Event::DeviceFailed { .. }
            | Event::DeviceReturned { .. }
            | Event::DeviceStarted { .. }
            | Event::MicrophoneLevel { .. }
            | Event::ParticipantLevels { .. }
            | Event::Screens { .. }
            | Event::ScreenStarted
            | Event::ScreenEnded { .. }
            | Event::ScreenSound { .. }
            | Event::Stats { .. } => {}
        }
        (self.on_event)(event);
    }

    /// The engine's events end when it has left the call and closed everything.
    async fn shut_down(self) {
        let Self { engine, mut events, .. } = self;
        drop(engine);
        while events.recv().await.is_some() {}
    }
}
