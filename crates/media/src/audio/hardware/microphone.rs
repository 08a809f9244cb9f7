use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{InputCallbackInfo, Sample, SampleFormat, SizedSample, StreamConfig};
use rtrb::{Consumer, Producer, RingBuffer};

use super::host::{Moment, choose_config, device_error, find, unsupported_format};
use super::owner::{Closing, ErrorSignal, OwnedDevice, Running, spawn};
use crate::{DeviceError, DeviceKind};

const KIND: DeviceKind = DeviceKind::Microphone;

/// Parts of a second that the ring holds while the worker is away.
const RING_PER_SECOND: u32 = 2;

/// The worker's end of an open microphone.
pub(crate) struct MicrophoneEnd {
    /// Mono, at `rate_hz`.
    pub(crate) samples: Consumer<f32>,
    pub(crate) rate_hz: u32,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct Counters {
    latency_us: AtomicU32,
    overruns: AtomicU32,
}

impl MicrophoneEnd {
    /// How old a sample is when it enters the ring, as far as the system knows.
    pub(crate) fn latency(&self) -> Duration {
        Duration::from_micros(u64::from(self.counters.latency_us.load(Ordering::Relaxed)))
    }

    /// How often sound was lost because the ring was full, since it was opened.
    pub(crate) fn overruns(&self) -> u32 {
        self.counters.overruns.load(Ordering::Relaxed)
    }
}

/// Opens the microphone with this id, or the system's choice, on a thread of its own.
pub(crate) fn open_microphone(
    wanted: Option<String>,
    previous: Option<Closing>,
) -> OwnedDevice<MicrophoneEnd> {
    spawn(KIND, previous, move |host, error_signal| {
        let failed = |error: cpal::Error| device_error(KIND, &error, Moment::Opening);
        let device = find(host, KIND, wanted.as_deref())?;
        let default = device.default_input_config().map_err(failed)?;
        let supported = device.supported_input_configs().map_err(failed)?;
        let (config, format) = choose_config(default, supported);
        let (stream, end) = build(&device, config, format, error_signal())?;
        stream.play().map_err(failed)?;
        Ok(Running { stream, id: device.id().ok(), end })
    })
}

fn build(
    device: &cpal::Device,
    config: StreamConfig,
    format: SampleFormat,
    errors: ErrorSignal,
) -> Result<(cpal::Stream, MicrophoneEnd), DeviceError> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the library has formats that no device here uses")]
    match format {
        SampleFormat::F32 => build_with::<f32>(device, config, errors),
        SampleFormat::I16 => build_with::<i16>(device, config, errors),
        SampleFormat::I32 => build_with::<i32>(device, config, errors),
        SampleFormat::U8 => build_with::<u8>(device, config, errors),
        SampleFormat::U16 => build_with::<u16>(device, config, errors),
        other => return Err(unsupported_format(KIND, other)),
    }
    .map_err(|error| device_error(KIND, &error, Moment::Opening))
}

fn build_with<T>(
    device: &cpal::Device,
    config: StreamConfig,
    mut errors: ErrorSignal,
) -> Result<(cpal::Stream, MicrophoneEnd), cpal::Error>
where
    T: SizedSample,
    f32: cpal::FromSample<T>,
{
    let (mut producer, samples) = RingBuffer::new((config.sample_rate / RING_PER_SECOND) as usize);
    let counters = Arc::new(Counters::default());
    let end = MicrophoneEnd { samples, rate_hz: config.sample_rate, counters: Arc::clone(&counters) };
    let channels = usize::from(config.channels).max(1);
    let on_data = move |data: &[T], info: &InputCallbackInfo| {
        let time = info.timestamp();
        if let Some(latency) = time.callback.checked_duration_since(time.capture) {
            counters.latency_us.store(latency.as_micros().min(1_000_000) as u32, Ordering::Relaxed);
        }
        if !write_mono(&mut producer, data, channels) {
            counters.overruns.fetch_add(1, Ordering::Relaxed);
        }
    };
    let stream = device.build_input_stream(config, on_data, move |error| errors.on_error(error), None)?;
    Ok((stream, end))
}

/// Writes the mean of the channels; `false` if not all of it fitted.
fn write_mono<T>(producer: &mut Producer<f32>, data: &[T], channels: usize) -> bool
where
    T: Sample,
    f32: cpal::FromSample<T>,
{
    let frames = data.len() / channels;
    let fitting = frames.min(producer.slots());
    let Ok(chunk) = producer.write_chunk_uninit(fitting) else { return false };
    let share = 1.0 / channels as f32;
    let mono = data
        .chunks_exact(channels)
        .map(|frame| frame.iter().map(|sample| sample.to_sample::<f32>()).sum::<f32>() * share);
    chunk.fill_from_iter(mono);
    fitting == frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_averaged_and_what_does_not_fit_is_told() {
        let (mut producer, mut consumer) = RingBuffer::new(3);
        assert!(write_mono(&mut producer, &[0.5_f32, 0.0, 1.0, -1.0], 2));
        assert!(!write_mono(&mut producer, &[i16::MIN, i16::MIN, 0, 0], 2));
        let got: Vec<f32> = std::iter::from_fn(|| consumer.pop().ok()).collect();
        assert_eq!(got, [0.25, 0.0, -1.0]);
    }
}
