use std::time::{Duration, Instant};

use super::hardware::{Closing, OwnedDevice, Report, SpeakerEnd};
use super::resample::Resampler;
use super::{Block, SAMPLE_RATE};
use crate::{DeviceError, DeviceErrorCode, DeviceKind};

/// A speaker that asks for no sound for so long is stalled.
const STALL_TIMEOUT: Duration = Duration::from_secs(2);

/// But when it was just opened it may take longer: PulseAudio asks once, and then rearranges its buffers.
const START_TIMEOUT: Duration = Duration::from_secs(5);

/// What the ring holds beyond the device's largest request, to begin with and after many underruns.
const MIN_RESERVE: Duration = Duration::from_millis(10);
const MAX_RESERVE: Duration = Duration::from_millis(50);

/// A speaker that plays: keeps its ring filled, but not more than it needs.
pub(super) struct OpenSpeaker {
    device: OwnedDevice<SpeakerEnd>,
    end: SpeakerEnd,
    resampler: Resampler,
    /// Sound at the device's rate that has not gone into the ring.
    pending: Vec<f32>,
    reserve: Duration,
    underruns: u64,
    requests: u64,
    opened: Instant,
    /// When it last asked for sound, or was opened.
    asked: Instant,
}

impl OpenSpeaker {
    pub(super) fn new(
        device: OwnedDevice<SpeakerEnd>,
        end: SpeakerEnd,
        now: Instant,
    ) -> Result<Self, DeviceError> {
        let resampler = Resampler::new(SAMPLE_RATE, end.rate_hz)
            .map_err(|error| speaker_error(DeviceErrorCode::UnsupportedFormat, error.to_string()))?;
        Ok(Self {
            device,
            end,
            resampler,
            pending: Vec::new(),
            reserve: MIN_RESERVE,
            underruns: 0,
            requests: 0,
            opened: now,
            asked: now,
        })
    }

    /// Fails when the device did, or has stopped asking for sound.
    pub(super) fn check(&mut self, now: Instant) -> Result<(), DeviceError> {
        if let Some(Report::Failed(error)) = self.device.poll_report() {
            return Err(error);
        }
        if !self.is_alive(now) {
            let reason = "the speaker asks for no sound".to_owned();
            return Err(speaker_error(DeviceErrorCode::Stalled, reason));
        }
        Ok(())
    }

    /// Whether another block is due.
    pub(super) fn wants_more(&mut self) -> bool {
        self.end.buffered() + self.pending.len() < self.target()
    }

    /// How long until a block written now is heard.
    pub(super) fn delay(&self) -> Duration {
        let buffered = self.end.buffered() as f64 / f64::from(self.end.rate_hz);
        self.end.latency() + Duration::from_secs_f64(buffered)
    }

    /// How often the ring ran dry.
    pub(super) fn underruns(&self) -> u64 {
        self.underruns
    }

    pub(super) fn write(&mut self, block: &Block) {
        self.resampler.process(block, &mut self.pending);
        let fitting = self.pending.len().min(self.end.samples.slots());
        if let Ok(chunk) = self.end.samples.write_chunk_uninit(fitting) {
            chunk.fill_from_iter(self.pending.drain(..fitting));
        }
    }

    pub(super) fn close(self) -> Closing {
        self.device.close()
    }

    fn is_alive(&mut self, now: Instant) -> bool {
        let requests = self.end.requests();
        if std::mem::replace(&mut self.requests, requests) != requests {
            self.asked = now;
        }
        now.saturating_duration_since(self.asked) <= STALL_TIMEOUT
            || now.saturating_duration_since(self.opened) <= START_TIMEOUT
    }

    /// How many samples the ring should hold: the device's largest request and a reserve, which grows when the ring
    /// runs dry.
    fn target(&mut self) -> usize {
        let underruns = self.end.underruns();
        if std::mem::replace(&mut self.underruns, underruns) != underruns {
            self.reserve = (self.reserve + MIN_RESERVE / 2).min(MAX_RESERVE);
        }
        let request = self.end.largest_request().max(self.end.rate_hz as usize / 100);
        request + (self.reserve.as_secs_f64() * f64::from(self.end.rate_hz)) as usize
    }
}

fn speaker_error(code: DeviceErrorCode, message: String) -> DeviceError {
    DeviceError::new(DeviceKind::Speaker, code, message)
}
