use std::time::{Duration, Instant};

use super::hardware::{Closing, MicrophoneEnd, OwnedDevice, Report};
use super::resample::Resampler;
use super::{BLOCK_SAMPLES, Block, SAMPLE_RATE};
use crate::{DeviceError, DeviceErrorCode, DeviceKind};

/// A microphone that is silent for so long, not even delivering silence, is stalled.
const STALL_TIMEOUT: Duration = Duration::from_secs(2);

/// But when it was just opened it may take longer: PulseAudio delivers a first piece, and then rearranges its buffers.
const START_TIMEOUT: Duration = Duration::from_secs(5);

/// A microphone that runs: its sound in blocks of 10 ms at 48 kHz.
pub(super) struct OpenMicrophone {
    device: OwnedDevice<MicrophoneEnd>,
    end: MicrophoneEnd,
    resampler: Resampler,
    /// Sound at the device's rate, on its way to the resampler.
    raw: Vec<f32>,
    /// Sound at 48 kHz that is no whole block yet.
    pending: Vec<f32>,
    overruns: u32,
    opened: Instant,
    /// When it last delivered, or was opened.
    delivered: Instant,
    started: bool,
}

/// How what was read goes on from what was read before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// It is the first sound.
    First,
    Continuous,
    /// Sound was lost because the ring was full.
    AfterLoss,
}

impl OpenMicrophone {
    pub(super) fn new(
        device: OwnedDevice<MicrophoneEnd>,
        end: MicrophoneEnd,
        now: Instant,
    ) -> Result<Self, DeviceError> {
        let resampler = Resampler::new(end.rate_hz, SAMPLE_RATE)
            .map_err(|error| microphone_error(DeviceErrorCode::UnsupportedFormat, error.to_string()))?;
        Ok(Self {
            device,
            end,
            resampler,
            raw: Vec::new(),
            pending: Vec::new(),
            overruns: 0,
            opened: now,
            delivered: now,
            started: false,
        })
    }

    /// Takes what the device delivered. Fails when the device did, or has stopped delivering.
    pub(super) fn read(&mut self, now: Instant) -> Result<Reading, DeviceError> {
        if let Some(Report::Failed(error)) = self.device.poll_report() {
            return Err(error);
        }
        if self.take() {
            self.delivered = now;
            if !std::mem::replace(&mut self.started, true) {
                return Ok(Reading::First);
            }
        } else if self.is_stalled(now) {
            let reason = "the microphone delivers no sound".to_owned();
            return Err(microphone_error(DeviceErrorCode::Stalled, reason));
        }
        Ok(if self.lost_sound() { Reading::AfterLoss } else { Reading::Continuous })
    }

    /// The next 10 ms, with the time they began; the newest pending sample is the device's latency old.
    pub(super) fn next_block(&mut self, now: Instant) -> Option<(Instant, Block)> {
        let block: Block = self.pending.get(..BLOCK_SAMPLES)?.try_into().ok()?;
        let age = Duration::from_secs_f64(self.pending.len() as f64 / f64::from(SAMPLE_RATE));
        self.pending.drain(..BLOCK_SAMPLES);
        let captured = now.checked_sub(age + self.end.latency()).unwrap_or(now);
        Some((captured, block))
    }

    pub(super) fn close(self) -> Closing {
        self.device.close()
    }

    /// Moves what the device delivered on to the resampler; `false` if that is nothing.
    fn take(&mut self) -> bool {
        let Ok(chunk) = self.end.samples.read_chunk(self.end.samples.slots()) else { return false };
        if chunk.is_empty() {
            return false;
        }
        self.raw.clear();
        self.raw.extend(chunk);
        self.resampler.process(&self.raw, &mut self.pending);
        true
    }

    fn is_stalled(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.delivered) > STALL_TIMEOUT
            && now.saturating_duration_since(self.opened) > START_TIMEOUT
    }

    fn lost_sound(&mut self) -> bool {
        let overruns = self.end.overruns();
        std::mem::replace(&mut self.overruns, overruns) != overruns
    }
}

fn microphone_error(code: DeviceErrorCode, message: String) -> DeviceError {
    DeviceError::new(DeviceKind::Microphone, code, message)
}
