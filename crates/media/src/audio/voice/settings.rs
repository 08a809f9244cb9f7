use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What is done to the voice of a microphone; each part can be switched on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct VoiceSettings {
    /// Takes out what the own speaker plays. It works on what is free of rumble, so it has the high-pass with it.
    pub echo_cancellation: bool,
    pub noise_suppression: NoiseSuppression,
    /// Brings quiet and loud voices to a like level, and limits.
    pub automatic_gain: bool,
    /// Takes out what is below 100 Hz: steps, wind, hum.
    pub high_pass: bool,
}

/// How much of the steady noise goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum NoiseSuppression {
    Off,
    /// About 12 dB, hardly to be heard in a voice.
    #[default]
    Standard,
    /// About 21 dB, for loud places; it costs some of the voice.
    Strong,
}

impl VoiceSettings {
    /// The voice as the microphone hears it, to the bit.
    pub const OFF: Self = Self {
        echo_cancellation: false,
        noise_suppression: NoiseSuppression::Off,
        automatic_gain: false,
        high_pass: false,
    };

    pub fn is_off(self) -> bool {
        self == Self::OFF
    }
}

/// What suits a call over loudspeakers.
impl Default for VoiceSettings {
    fn default() -> Self {
        Self {
            echo_cancellation: true,
            noise_suppression: NoiseSuppression::Standard,
            automatic_gain: true,
            high_pass: true,
        }
    }
}
