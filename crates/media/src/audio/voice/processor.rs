use std::time::{Duration, Instant};

use sonora::config::{
    AdaptiveDigital, GainController2, MaxProcessingRate, NoiseSuppression as Suppression,
    NoiseSuppressionLevel, Pipeline,
};
use sonora::{AudioProcessing, Config, StreamConfig};

use super::canceller::{self, Canceller};
use super::feed::RenderedBlock;
use super::gain::{Gain, power};
use super::high_pass::HighPass;
use super::reference::EchoReference;
use super::settings::{NoiseSuppression, VoiceSettings};
use super::suppressor::Suppressor;
use crate::audio::{Block, SAMPLE_RATE};

/// How far a voice is lifted before its level is known. What lies between the words of the far side is lifted too.
const INITIAL_GAIN_DB: f32 = 8.0;

/// Processes one microphone's voice: high-pass, echo, noise, gain, in this order. Pure: time comes with the blocks.
///
/// Where the echo is in the microphone's sound is found out by listening, up to half a second after the speaker was
/// given it; the times of the blocks only keep the two devices' clocks together, and give a first guess.
pub struct VoiceProcessor {
    settings: VoiceSettings,
    reference: EchoReference,
    high_pass: Option<HighPass>,
    canceller: Option<Box<Canceller>>,
    suppressor: Option<Box<Suppressor>>,
    gain: Option<Gain>,
}

impl VoiceProcessor {
    pub fn new(settings: VoiceSettings) -> Self {
        let mut processor = Self {
            settings,
            reference: EchoReference::default(),
            high_pass: None,
            canceller: None,
            suppressor: None,
            gain: None,
        };
        processor.build(VoiceSettings::OFF);
        processor
    }

    pub fn settings(&self) -> VoiceSettings {
        self.settings
    }

    /// Applies from the next block on. What is switched on begins to learn: the room takes the echo canceller about a
    /// second.
    pub fn set_settings(&mut self, settings: VoiceSettings) {
        let last = std::mem::replace(&mut self.settings, settings);
        self.build(last);
    }

    /// Takes what the speaker was given; as much as there is, before the captured blocks.
    pub fn handle_render(&mut self, rendered: &RenderedBlock) {
        self.reference.push(rendered);
    }

    /// Processes the 10 ms whose first sample was captured at `captured`; tells when the first sample of what comes out of it
    /// was.
    pub fn handle_capture(&mut self, captured: Instant, block: &mut Block) -> Instant {
        let (reference, ahead) = self.reference.pull(captured);
        if let Some(high_pass) = &mut self.high_pass {
            high_pass.process(&mut block[..]);
        }
        if let Some(canceller) = &mut self.canceller {
            if let Some(ahead) = ahead {
                canceller.set_expected_delay(ahead);
            }
            let heard = power(block);
            canceller.process(&reference, block);
            if let Some(gain) = &mut self.gain {
                gain.on_cancelled(heard, power(block));
            }
        }
        if let Some(suppressor) = &mut self.suppressor {
            suppressor.process(block);
        }
        if let Some(gain) = &mut self.gain {
            gain.process(block);
        }
        let latency = if self.canceller.is_some() { canceller::LATENCY } else { Duration::ZERO };
        captured.checked_sub(latency).unwrap_or(captured)
    }

    /// Another microphone, which may stand in another room.
    pub fn restart(&mut self) {
        *self = Self { reference: std::mem::take(&mut self.reference), ..Self::new(self.settings) };
        self.reference.interrupt();
    }

    /// Captured sound is missing: what was played meanwhile is no reference for what follows.
    pub fn interrupt(&mut self) {
        self.reference.interrupt();
    }

    /// How long after it was given as a reference the echo is found in the microphone's sound; `None` if it is not looked
    /// for.
    pub fn echo_delay(&self) -> Option<Duration> {
        self.canceller.as_ref()?.delay()
    }

    /// Blocks of what was played that never came here.
    pub fn lost_render_blocks(&self) -> u64 {
        self.reference.lost_blocks()
    }

    /// Makes what the settings ask for and is not there, and drops what they do not.
    fn build(&mut self, last: VoiceSettings) {
        let VoiceSettings { echo_cancellation, noise_suppression, automatic_gain, high_pass } = self.settings;
        keep(&mut self.high_pass, high_pass, || HighPass::new(SAMPLE_RATE));
        keep(&mut self.canceller, echo_cancellation, || Box::new(Canceller::new()));
        if let Some(canceller) = &mut self.canceller {
            canceller.set_rumble_gone(high_pass);
        }
        keep(&mut self.gain, automatic_gain, gain);
        if noise_suppression != last.noise_suppression {
            self.suppressor = suppressor(noise_suppression);
        }
    }
}

fn keep<T>(part: &mut Option<T>, wanted: bool, make: impl FnOnce() -> T) {
    if !wanted {
        *part = None;
    } else if part.is_none() {
        *part = Some(make());
    }
}

pub(super) fn gain() -> Gain {
    let gain_controller2 = Some(GainController2 {
        adaptive_digital: Some(AdaptiveDigital {
            initial_gain_db: INITIAL_GAIN_DB,
            ..AdaptiveDigital::default()
        }),
        ..GainController2::default()
    });
    Gain::new(build(Config { gain_controller2, ..Config::default() }))
}

pub(super) fn suppressor(strength: NoiseSuppression) -> Option<Box<Suppressor>> {
    let level = match strength {
        NoiseSuppression::Off => return None,
        NoiseSuppression::Standard => NoiseSuppressionLevel::Moderate,
        NoiseSuppression::Strong => NoiseSuppressionLevel::VeryHigh,
    };
    let noise_suppression = Some(Suppression { level, ..Suppression::default() });
    Some(Box::new(Suppressor::new(build(Config { noise_suppression, ..Config::default() }))))
}

fn build(config: Config) -> Box<AudioProcessing> {
    let pipeline = Pipeline {
        maximum_internal_processing_rate: MaxProcessingRate::Rate48kHz,
        multi_channel_render: false,
        multi_channel_capture: false,
        ..Pipeline::default()
    };
    let mono = StreamConfig::new(SAMPLE_RATE, 1);
    let builder = AudioProcessing::builder().config(Config { pipeline, ..config });
    Box::new(builder.capture_config(mono).render_config(mono).build())
}
