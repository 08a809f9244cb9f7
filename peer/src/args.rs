use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use visavis_engine::InviteLink;
use visavis_media::audio::voice::VoiceSettings;
use visavis_media::video::Size;
use visavis_media::{CameraChoice, MicrophoneChoice, ScreenChoice, SpeakerChoice};
use visavis_protocol::{AccessToken, DisplayName};

/// A headless participant of a call: joins a room, sends what it is told to, records what it receives.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 110)]
pub(crate) struct Args {
    /// Where to go: http(s)://HOST/r/ROOM[#token=TOKEN], or http(s)://HOST/meet to meet a stranger
    #[arg(required_unless_present_any = ["list_devices", "list_screens"])]
    pub(crate) invite_link: Option<InviteLink>,

    /// Picture to send: default, none, pattern (the moving test picture), a .y4m file, or a device of --list-devices
    #[arg(long, default_value = "default", env = "VISAVIS_CAMERA")]
    pub(crate) camera: CameraChoice,

    /// Sound to send: default, none, tone (440 Hz), pips (at each half second), a .wav file, or a device of --list-devices
    #[arg(long, default_value = "default", env = "VISAVIS_MICROPHONE")]
    pub(crate) microphone: MicrophoneChoice,

    /// Where to play: default, none, a .wav file to write, or a device of --list-devices
    #[arg(long, default_value = "default", env = "VISAVIS_SPEAKER")]
    pub(crate) speaker: SpeakerChoice,

    /// Screen to share: screen, window:TITLE, pattern (the moving test picture), or an entry of --list-screens
    #[arg(long, env = "VISAVIS_SCREEN")]
    pub(crate) screen: Option<ScreenChoice>,

    /// Share what this computer plays with the screen, but for the call
    #[arg(long, requires = "screen", env = "VISAVIS_SCREEN_SOUND")]
    pub(crate) screen_sound: bool,

    /// Whether echo, noise and level of a microphone's voice are seen to
    #[arg(long, value_enum, default_value = "off", env = "VISAVIS_VOICE_PROCESSING")]
    pub(crate) voice_processing: VoiceProcessing,

    /// Write the decoded pictures of the first other participant, as received
    #[arg(long, value_name = "FILE.y4m")]
    pub(crate) record_video: Option<PathBuf>,

    /// Scale recorded pictures to this size, else to the size of the first one
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = size)]
    pub(crate) record_size: Option<Size>,

    /// Write the decoded pictures of the screen that the first participant shares, as received
    #[arg(long, value_name = "FILE.y4m")]
    pub(crate) record_screen: Option<PathBuf>,

    /// What the others see
    #[arg(long, default_value = "Visavis peer")]
    pub(crate) name: DisplayName,

    /// Who this peer is to a server that wants to know, instead of what the invite link says
    #[arg(long, value_name = "TOKEN", env = "VISAVIS_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<AccessToken>,

    /// Let strangers know this peer's addresses, for a direct path, if they would do so too
    #[arg(long, env = "VISAVIS_DIRECT")]
    pub(crate) direct: bool,

    /// Leave after this many seconds; stays until interrupted without it
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) duration: Option<Duration>,

    /// Write one line of statistics a second
    #[arg(long, value_name = "FILE.jsonl")]
    pub(crate) stats: Option<PathBuf>,

    /// Carry out the commands of standard input: a line of JSON each, in the form of ui/src/generated/Command.ts
    #[arg(long, conflicts_with = "stay_per_line")]
    pub(crate) commands: bool,

    /// Say what cameras, microphones and speakers there are, and end
    #[arg(long)]
    pub(crate) list_devices: bool,

    /// Say what screens and windows there are, and end
    #[arg(long)]
    pub(crate) list_screens: bool,

    /// Enter, see somebody, and leave, once for each line of standard input; for tests of what a stay leaves behind
    #[arg(long, hide = true)]
    pub(crate) stay_per_line: bool,

    /// What to log on standard error, such as info or visavis_engine=debug
    #[arg(long, default_value = visavis_engine::DEFAULT_LOG, env = "VISAVIS_LOG")]
    pub(crate) log: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum VoiceProcessing {
    On,
    Off,
}

impl VoiceProcessing {
    pub(crate) fn settings(self) -> VoiceSettings {
        match self {
            Self::On => VoiceSettings::default(),
            Self::Off => VoiceSettings::OFF,
        }
    }
}

fn size(text: &str) -> Result<Size, String> {
    let sides =
        text.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    let (width, height) = sides.ok_or_else(|| "a size like 1280x720 is wanted".to_owned())?;
    Size::new(width, height).map_err(|error| error.to_string())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds is wanted".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
