use std::time::{Duration, Instant};

use sonora::config::{
    AdaptiveDigital, EchoCanceller, GainController2, HighPassFilter, MaxProcessingRate,
    NoiseSuppression as Suppression, NoiseSuppressionLevel, Pipeline,
};
use sonora::{AudioProcessing, Config, Error, StreamConfig};

use super::feed::RenderedBlock;
use super::reference::EchoReference;
use super::settings::{NoiseSuppression, VoiceSettings};
use super::suppressor::Suppressor;
use crate::audio::{Block, SAMPLE_RATE, SILENCE};

/// Processes one microphone's voice. Pure: time comes with the blocks.
///
/// Where the echo is in the microphone's sound is found out by listening, up to half a second after the speaker was
/// given it; the times of the blocks only keep the two devices' clocks together, and give a first guess.
pub struct VoiceProcessor {
    settings: VoiceSettings,
    reference: EchoReference,
    /// Echo, gain and high-pass; `None` while they are off.
    processing: Option<Box<AudioProcessing>>,
    suppressor: Option<Box<Suppressor>>,
}

impl VoiceProcessor {
    pub fn new(settings: VoiceSettings) -> Self {
        Self {
            settings,
            reference: EchoReference::default(),
            processing: processing(settings),
            suppressor: suppressor(settings.noise_suppression),
        }
    }

    pub fn settings(&self) -> VoiceSettings {
        self.settings
    }

    /// Applies from the next block on. Whatever but noise suppression is changed, the echo canceller has to learn the room
    /// anew, which takes it about a second.
    pub fn set_settings(&mut self, settings: VoiceSettings) {
        let last = std::mem::replace(&mut self.settings, settings);
        if last.noise_suppression != settings.noise_suppression {
            self.suppressor = suppressor(settings.noise_suppression);
        }
        let others = |settings| VoiceSettings { noise_suppression: NoiseSuppression::Off, ..settings };
        if others(last) != others(settings) {
            self.processing = processing(settings);
        }
    }

    /// Takes what the speaker was given; as much as there is, before the captured blocks.
    pub fn handle_render(&mut self, rendered: &RenderedBlock) {
        self.reference.push(rendered);
    }

    /// Processes the 10 ms whose first sample was captured at `captured`.
    pub fn handle_capture(&mut self, captured: Instant, block: &mut Block) {
        let (reference, ahead) = self.reference.pull(captured);
        let outcome = self.process(&reference, ahead, block).and_then(|()| match &mut self.suppressor {
            Some(suppressor) => suppressor.process(block),
            None => Ok(()),
        });
        if let Err(error) = outcome {
            tracing::debug!(%error, "a voice was left unprocessed");
        }
    }

    fn process(
        &mut self,
        reference: &Block,
        ahead: Option<Duration>,
        block: &mut Block,
    ) -> Result<(), Error> {
        let Some(processing) = &mut self.processing else { return Ok(()) };
        if self.settings.echo_cancellation {
            if let Some(ahead) = ahead {
                // The only error is that it was out of range, and clamped.
                let _ = processing.set_stream_delay_ms(ahead.as_millis() as i32);
            }
            let mut unused = SILENCE;
            processing.process_render_f32(&[reference], &mut [&mut unused])?;
        }
        let input = *block;
        processing.process_capture_f32(&[&input], &mut [block])
    }

    /// Another microphone, which may stand in another room.
    pub fn restart(&mut self) {
        self.reference.interrupt();
        self.processing = processing(self.settings);
        self.suppressor = suppressor(self.settings.noise_suppression);
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

fn processing(settings: VoiceSettings) -> Option<Box<AudioProcessing>> {
    let VoiceSettings { echo_cancellation, noise_suppression: _, automatic_gain, high_pass } = settings;
    (echo_cancellation || automatic_gain || high_pass).then(|| {
        build(Config {
            high_pass_filter: high_pass.then(HighPassFilter::default),
            echo_canceller: echo_cancellation.then(EchoCanceller::default),
            gain_controller2: automatic_gain.then(|| GainController2 {
                adaptive_digital: Some(AdaptiveDigital::default()),
                ..GainController2::default()
            }),
            ..Config::default()
        })
    })
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
