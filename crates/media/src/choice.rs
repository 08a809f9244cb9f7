use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Where the picture comes from. As text: `default`, `none`, `pattern`, a path ending in `.y4m`, or a device id.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(try_from = "String", into = "String")]
#[ts(type = "string")]
pub enum CameraChoice {
    #[default]
    Default,
    None,
    /// The moving test picture with a readable frame number and send time.
    Pattern,
    File(PathBuf),
    Device(String),
}

/// Where the sound comes from. As text: `default`, `none`, `tone`, `pips`, a path ending in `.wav`, or a device id.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(try_from = "String", into = "String")]
#[ts(type = "string")]
pub enum MicrophoneChoice {
    #[default]
    Default,
    None,
    /// A steady 440 Hz tone.
    Tone,
    /// A time signal: a short pip at each half second of Unix time, so that whoever hears it knows how old it is.
    Pips,
    File(PathBuf),
    Device(String),
}

/// Where sound is played. As text: `default`, `none`, a path ending in `.wav`, or a device id.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(try_from = "String", into = "String")]
#[ts(type = "string")]
pub enum SpeakerChoice {
    #[default]
    Default,
    None,
    File(PathBuf),
    Device(String),
}

/// What is shared of the screen. As text: `screen`, `pattern`, `window:` and words of its title, or an id of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(try_from = "String", into = "String")]
#[ts(type = "string")]
pub enum ScreenChoice {
    /// The system's first monitor.
    Whole,
    /// The moving test picture at the size of a screen.
    Pattern,
    /// The first window whose title has these words.
    Window(String),
    /// See [`list`](crate::video::screen::list).
    Listed(String),
}

/// The three devices of a call.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct DeviceChoice {
    pub camera: CameraChoice,
    pub microphone: MicrophoneChoice,
    pub speaker: SpeakerChoice,
}

/// A choice that names nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a device choice cannot be empty")]
pub struct EmptyChoice;

macro_rules! choice_text {
    ($name:ident, $extension:literal, { $($word:literal => $variant:ident),+ }) => {
        impl FromStr for $name {
            type Err = EmptyChoice;

            fn from_str(text: &str) -> Result<Self, EmptyChoice> {
                match text {
                    "" => Err(EmptyChoice),
                    $($word => Ok(Self::$variant),)+
                    path if path.to_ascii_lowercase().ends_with($extension) => Ok(Self::File(PathBuf::from(path))),
                    id => Ok(Self::Device(id.to_owned())),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = EmptyChoice;

            fn try_from(text: String) -> Result<Self, EmptyChoice> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(choice: $name) -> Self {
                match choice {
                    $($name::$variant => $word.to_owned(),)+
                    $name::File(path) => path.to_string_lossy().into_owned(),
                    $name::Device(id) => id,
                }
            }
        }
    };
}

choice_text!(CameraChoice, ".y4m", { "default" => Default, "none" => None, "pattern" => Pattern });
choice_text!(MicrophoneChoice, ".wav", { "default" => Default, "none" => None, "tone" => Tone, "pips" => Pips });
choice_text!(SpeakerChoice, ".wav", { "default" => Default, "none" => None });

const WINDOW_PREFIX: &str = "window:";

impl FromStr for ScreenChoice {
    type Err = EmptyChoice;

    fn from_str(text: &str) -> Result<Self, EmptyChoice> {
        match (text, text.strip_prefix(WINDOW_PREFIX)) {
            ("", _) | (_, Some("")) => Err(EmptyChoice),
            ("screen", _) => Ok(Self::Whole),
            ("pattern", _) => Ok(Self::Pattern),
            (_, Some(title)) => Ok(Self::Window(title.to_owned())),
            (id, None) => Ok(Self::Listed(id.to_owned())),
        }
    }
}

impl TryFrom<String> for ScreenChoice {
    type Error = EmptyChoice;

    fn try_from(text: String) -> Result<Self, EmptyChoice> {
        text.parse()
    }
}

impl From<ScreenChoice> for String {
    fn from(choice: ScreenChoice) -> Self {
        match choice {
            ScreenChoice::Whole => "screen".to_owned(),
            ScreenChoice::Pattern => "pattern".to_owned(),
            ScreenChoice::Window(title) => format!("{WINDOW_PREFIX}{title}"),
            ScreenChoice::Listed(id) => id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_files_and_devices_are_told_apart_and_kept() {
        for text in ["default", "none", "pattern", "/tmp/Clip.Y4M", "0", "usb-cam"] {
            let choice: CameraChoice = text.parse().expect(text);
            assert_eq!(String::from(choice), text);
        }
        assert_eq!("pattern".parse(), Ok(CameraChoice::Pattern));
        assert_eq!("clip.y4m".parse(), Ok(CameraChoice::File("clip.y4m".into())));
        assert_eq!("2".parse(), Ok(CameraChoice::Device("2".to_owned())));
        assert_eq!("tone".parse(), Ok(MicrophoneChoice::Tone));
        assert_eq!("".parse::<SpeakerChoice>(), Err(EmptyChoice));
    }

    #[test]
    fn screens_and_windows_are_told_apart_and_kept() {
        for text in ["screen", "pattern", "window:Notes: draft", "monitor-HDMI-1"] {
            let choice: ScreenChoice = text.parse().expect(text);
            assert_eq!(String::from(choice), text);
        }
        assert_eq!("window:Notes".parse(), Ok(ScreenChoice::Window("Notes".to_owned())));
        assert_eq!("window:".parse::<ScreenChoice>(), Err(EmptyChoice));
    }
}
