use clap::Parser;
use visavis_media::{CameraChoice, DeviceChoice, MicrophoneChoice, SpeakerChoice};

use visavis_protocol::DisplayName;

use crate::launch::LaunchLink;

/// Video calls, face to face.
///
/// What is chosen here counts for this run only; without it the app uses what the user chose last.
#[derive(Debug, Clone, Default, Parser)]
#[command(version, about, max_term_width = 110)]
pub(crate) struct Args {
    /// Where to go: http(s)://HOST/r/ROOM, or visavis://HOST/r/ROOM
    pub(crate) invite_link: Option<LaunchLink>,

    /// Picture to send: default, none, pattern (the moving test picture), a .y4m file, or the id of a device
    #[arg(long, env = "VISAVIS_CAMERA")]
    pub(crate) camera: Option<CameraChoice>,

    /// Sound to send: default, none, tone (440 Hz), a .wav file, or the id of a device
    #[arg(long, env = "VISAVIS_MICROPHONE")]
    pub(crate) microphone: Option<MicrophoneChoice>,

    /// Where to play: default, none, a .wav file to write, or the id of a device
    #[arg(long, env = "VISAVIS_SPEAKER")]
    pub(crate) speaker: Option<SpeakerChoice>,

    /// What the others see
    #[arg(long)]
    pub(crate) name: Option<DisplayName>,

    /// Enter the room of the invite link at once; needs a name, here or from an earlier call
    #[arg(long, requires = "invite_link")]
    pub(crate) join: bool,

    /// What to log on standard error, such as info or visavis_engine=debug
    #[arg(long, default_value = visavis_engine::DEFAULT_LOG, env = "VISAVIS_LOG")]
    pub(crate) log: String,
}

impl Args {
    /// The devices that the engine begins with.
    pub(crate) fn devices(&self) -> DeviceChoice {
        DeviceChoice {
            camera: self.camera.clone().unwrap_or_default(),
            microphone: self.microphone.clone().unwrap_or_default(),
            speaker: self.speaker.clone().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_in_the_words_of_the_headless_peer() {
        let args = Args::try_parse_from([
            "visavis",
            "--camera=pattern",
            "--microphone=tone",
            "--speaker=out.wav",
            "https://calls.example.org/r/blue-owl",
        ])
        .expect("valid options");
        let expected = DeviceChoice {
            camera: CameraChoice::Pattern,
            microphone: MicrophoneChoice::Tone,
            speaker: SpeakerChoice::File("out.wav".into()),
        };
        assert_eq!(args.devices(), expected);
        assert!(args.invite_link.is_some());
    }

    #[test]
    fn what_is_not_a_link_is_refused() {
        let error = Args::try_parse_from(["visavis", "blue-owl"]).expect_err("no link");
        assert!(error.to_string().contains("https://HOST/r/ROOM"), "{error}");
    }
}
