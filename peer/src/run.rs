use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use visavis_call::{CallErrorCode, CallEvent, CallState, Consent};
use visavis_engine::api::{Command, Event};
use visavis_engine::{Engine, EngineConfig, InviteLink};
use visavis_media::video::screen::Screen;
use visavis_media::{Device, DeviceChoice, DeviceList};

use crate::ages;
use crate::args::Args;
use crate::frames::{self, Recorded};
use crate::report::Report;
use crate::stays::stay_per_line;
use crate::stdin::Commands;

/// How long leaving may take.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(3);

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// The call could not go on.
    Failed(CallErrorCode),
}

impl Outcome {
    pub(crate) fn exit_code(self) -> ExitCode {
        match self {
            Self::Done => ExitCode::SUCCESS,
            Self::Failed(code) => {
                eprintln!("visavis-peer: the call failed: {}", code.as_str());
                ExitCode::from(2)
            }
        }
    }
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Outcome> {
    let (mut frames, mut recorders) = (frames::ignore(), Vec::new());
    let recordings = [(&args.record_video, Recorded::Camera), (&args.record_screen, Recorded::Screen)];
    for (path, recorded) in recordings {
        let Some(path) = path else { continue };
        let (sink, recorder) = frames::record(path, recorded, args.record_size)?;
        frames = frames::both(frames, sink);
        recorders.push(recorder);
    }
    let (frames, ages) = ages::measure(frames);
    let (engine, mut events) = Engine::spawn(EngineConfig {
        client: concat!("visavis-peer/", env!("CARGO_PKG_VERSION")).to_owned(),
        devices: DeviceChoice {
            camera: args.camera.clone(),
            microphone: args.microphone.clone(),
            speaker: args.speaker.clone(),
        },
        voice: args.voice_processing.settings(),
        frames,
    })
    .context("cannot start the engine")?;
    if args.list_devices {
        return list_devices(&engine, &mut events).await;
    }
    if args.list_screens {
        return list_screens(&engine, &mut events).await;
    }
    let Some(link) = args.invite_link.clone() else { bail!("an invite link is wanted") };
    let mut report = Report::new(args.stats.as_deref(), ages)?;
    let outcome = if args.stay_per_line {
        stay_per_line(&link, &args.name, &report, &engine, &mut events).await?;
        Outcome::Done
    } else {
        let token = args.token.clone().or(link.token);
        engine.send(InviteLink { token, ..link }.command(args.name.clone())).await;
        attend(&args, &mut report, &engine, &mut events).await?
    };
    drop(engine);
    // The engine holds the sink until it has ended.
    while events.recv().await.is_some() {}
    for recorder in recorders {
        tokio::task::spawn_blocking(|| recorder.finish()).await??;
    }
    Ok(outcome)
}

/// Stays in the call until it ends, the time is over, or somebody interrupts.
async fn attend(
    args: &Args,
    report: &mut Report,
    engine: &Engine,
    events: &mut mpsc::Receiver<Event>,
) -> anyhow::Result<Outcome> {
    let mut terminate = signal(SignalKind::terminate())?;
    let leave = async {
        tokio::select! {
            () = after(args.duration) => {}
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        engine.send(Command::Leave).await;
        tokio::time::sleep(LEAVE_TIMEOUT).await;
    };
    tokio::pin!(leave);
    let mut commands =
        args.commands.then(Commands::read).transpose().context("cannot read standard input")?;
    let mut failure = None;
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            command = next(&mut commands) => {
                engine.send(command?).await;
                continue;
            }
            () = &mut leave => bail!("the call did not end in time"),
        };
        let Some(event) = event else { bail!("the engine ended") };
        match &event {
            Event::Stats { stats } => {
                report.stats(stats)?;
                continue;
            }
            // A guest's identity is a secret, and nobody here keeps it.
            Event::MicrophoneLevel { .. } | Event::ParticipantLevels { .. } | Event::Guest { .. } => continue,
            Event::Call { event: CallEvent::Error { code } } => failure = Some(*code),
            Event::Call { event: CallEvent::State { state: CallState::InRoom { consent, .. } } } => {
                failure = None;
                if args.direct && matches!(consent, Some(Consent::Nobody | Consent::Other)) {
                    engine.send(Command::Consent).await;
                }
                if let Some(screen) = args.screen.clone() {
                    engine.send(Command::ShareScreen { screen, sound: args.screen_sound }).await;
                }
            }
            Event::Call { event: CallEvent::State { state: CallState::Ended } } => {
                report.event(&event)?;
                return Ok(failure.filter(|code| ends_call(*code)).map_or(Outcome::Done, Outcome::Failed));
            }
            Event::Call { .. }
            | Event::Devices { .. }
            | Event::DeviceFailed { .. }
            | Event::DeviceReturned { .. }
            | Event::DeviceStarted { .. }
            | Event::Screens { .. }
            | Event::ScreenStarted
            | Event::ScreenEnded { .. }
            | Event::ScreenSound { .. }
            | Event::VideoStarted { .. }
            | Event::VideoEnded { .. } => {}
        }
        report.event(&event)?;
    }
}

/// Whether a call that had this error last ended because of it.
fn ends_call(code: CallErrorCode) -> bool {
    match code {
        CallErrorCode::ServerUnreachable
        | CallErrorCode::ServerGarbage
        | CallErrorCode::UnsupportedProtocol
        | CallErrorCode::TooManyConnections
        | CallErrorCode::RoomFull
        | CallErrorCode::RoomLocked
        | CallErrorCode::MatchingOff
        | CallErrorCode::TurnedAway
        | CallErrorCode::Removed
        | CallErrorCode::EndedByHost
        | CallErrorCode::Unauthorized
        | CallErrorCode::Forbidden
        | CallErrorCode::Banned
        | CallErrorCode::MessageRefused => true,
        CallErrorCode::ServerLost
        | CallErrorCode::ServerClosing
        | CallErrorCode::NegotiationFailed
        | CallErrorCode::PathFailed => false,
    }
}

async fn next(commands: &mut Option<Commands>) -> anyhow::Result<Command> {
    match commands {
        Some(commands) => commands.next().await,
        None => std::future::pending().await,
    }
}

async fn after(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}

#[expect(clippy::print_stdout, reason = "the list is what was asked for")]
async fn list_devices(engine: &Engine, events: &mut mpsc::Receiver<Event>) -> anyhow::Result<Outcome> {
    engine.send(Command::ListDevices).await;
    let devices = loop {
        if let Event::Devices { devices } = events.recv().await.context("the engine ended")? {
            break devices;
        }
    };
    let DeviceList { cameras, microphones, speakers } = devices;
    for (kind, list) in [("camera", cameras), ("microphone", microphones), ("speaker", speakers)] {
        for Device { id, label } in list {
            println!("{kind}\t{id}\t{label}");
        }
    }
    Ok(Outcome::Done)
}

#[expect(clippy::print_stdout, reason = "the list is what was asked for")]
async fn list_screens(engine: &Engine, events: &mut mpsc::Receiver<Event>) -> anyhow::Result<Outcome> {
    engine.send(Command::ListScreens).await;
    let screens = loop {
        if let Event::Screens { screens, error, .. } = events.recv().await.context("the engine ended")? {
            match error {
                Some(error) => bail!(error),
                None => break screens,
            }
        }
    };
    for Screen { id, title, width, height, .. } in screens {
        println!("{id}\t{width}x{height}\t{title}");
    }
    Ok(Outcome::Done)
}
