use std::time::{Duration, Instant};

use sonora::config::{
    AdaptiveDigital, EchoCanceller, GainController2, HighPassFilter, MaxProcessingRate,
    NoiseSuppression as Suppression, NoiseSuppressionLevel, Pipeline,
};
use sonora::{AudioProcessing, Config, StreamConfig};

use super::feed::RenderedBlock;
use super::reference::EchoReference;
use super::settings::{NoiseSuppression, VoiceSettings};
use crate::audio::{Block, SAMPLE_RATE};

/// Processes one microphone's voice. Pure: time comes with the blocks.
///
/// Where the echo is in the microphone's sound is found out by listening, up to half a second after the speaker was
/// given it; the times of the blocks only keep the two devices' clocks together, and give a first guess.
pub struct VoiceProcessor {
    settings: VoiceSettings,
    reference: EchoReference,
    /// `None` while there is nothing to do.
    processing: Option<Box<AudioProcessing>>,
}

impl VoiceProcessor {
    pub fn new(settings: VoiceSettings) -> Self {
        Self { settings, reference: EchoReference::default(), processing: build(settings) }
    }

    pub fn settings(&self) -> VoiceSettings {
        self.settings
    }

    /// Applies from the next block on. Whatever is changed, the echo canceller has to learn the room anew, which takes it
    /// about a second.
    pub fn set_settings(&mut self, settings: VoiceSettings) {
        if self.settings == settings {
            return;
        }
        self.settings = settings;
        self.processing = build(settings);
    }

    /// Takes what the speaker was given; as much as there is, before the captured blocks.
    pub fn handle_render(&mut self, rendered: &RenderedBlock) {
        self.reference.push(rendered);
    }

    /// Processes the 10 ms whose first sample was captured at `captured`.
    pub fn handle_capture(&mut self, captured: Instant, block: &mut Block) {
        let (reference, ahead) = self.reference.pull(captured);
        let Some(processing) = &mut self.processing else { return };
        let mut unused = reference;
        if self.settings.echo_cancellation {
            if let Some(ahead) = ahead {
                // The only error is that it was out of range, and clamped.
                let _ = processing.set_stream_delay_ms(ahead.as_millis() as i32);
            }
            if let Err(error) = processing.process_render_f32(&[&reference], &mut [&mut unused]) {
                tracing::debug!(%error, "no reference for the echo canceller");
            }
        }
        let input = *block;
        if let Err(error) = processing.process_capture_f32(&[&input], &mut [block]) {
            tracing::debug!(%error, "a voice was left unprocessed");
            *block = input;
        }
    }

    /// Another microphone, which may stand in another room.
    pub fn restart(&mut self) {
        self.reference.interrupt();
        self.processing = build(self.settings);
    }

    /// Captured sound is missing: what was played meanwhile is no reference for what follows.
    pub fn interrupt(&mut self) {
        self.reference.interrupt();
    }

    /// How long after it was given as a reference the echo is found in the microphone's sound; `None` if it is not, or
    /// is not looked for.
    pub fn echo_delay(&self) -> Option<Duration> {
        let delay_ms = self.processing.as_ref()?.statistics().delay_ms?;
        u64::try_from(delay_ms).ok().map(Duration::from_millis)
    }

    /// Blocks of what was played that never came here.
    pub fn lost_render_blocks(&self) -> u64 {
        self.reference.lost_blocks()
    }
}

fn build(settings: VoiceSettings) -> Option<Box<AudioProcessing>> {
    if settings.is_off() {
        return None;
    }
    let mono = StreamConfig::new(SAMPLE_RATE, 1);
    let processing =
        AudioProcessing::builder().config(config(settings)).capture_config(mono).render_config(mono).build();
    Some(Box::new(processing))
}

fn config(settings: VoiceSettings) -> Config {
    let level = match settings.noise_suppression {
        NoiseSuppression::Off => None,
        NoiseSuppression::Standard => Some(NoiseSuppressionLevel::Moderate),
        NoiseSuppression::Strong => Some(NoiseSuppressionLevel::VeryHigh),
    };
    Config {
        pipeline: Pipeline {
            maximum_internal_processing_rate: MaxProcessingRate::Rate48kHz,
            multi_channel_render: false,
            multi_channel_capture: false,
            ..Pipeline::default()
        },
        high_pass_filter: settings.high_pass.then(HighPassFilter::default),
        echo_canceller: settings.echo_cancellation.then(EchoCanceller::default),
        noise_suppression: level.map(|level| Suppression { level, ..Suppression::default() }),
        gain_controller2: settings.automatic_gain.then(|| GainController2 {
            adaptive_digital: Some(AdaptiveDigital::default()),
            ..GainController2::default()
        }),
        ..Config::default()
    }
}
