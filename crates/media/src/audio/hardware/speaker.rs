use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{OutputCallbackInfo, Sample, SampleFormat, SizedSample, StreamConfig};
use rtrb::{Consumer, Producer, RingBuffer};

use super::host::{Moment, choose_config, device_error, find, unsupported_format};
use super::owner::{Closing, ErrorSignal, OwnedDevice, Running, spawn};
use crate::{DeviceError, DeviceKind};

const KIND: DeviceKind = DeviceKind::Speaker;

/// Parts of a second that the ring could hold; the worker keeps it much emptier.
const RING_PER_SECOND: u32 = 2;

/// The worker's end of an open speaker.
pub(crate) struct SpeakerEnd {
    /// Mono, at `rate_hz`.
    pub(crate) samples: Producer<f32>,
    pub(crate) rate_hz: u32,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct Counters {
    largest_request: AtomicU32,
    underruns: AtomicU64,
    calls: AtomicU64,
    latency_us: AtomicU32,
}

impl SpeakerEnd {
    /// Samples that wait in the ring.
    pub(crate) fn buffered(&self) -> usize {
        self.samples.buffer().capacity() - self.samples.slots()
    }

    /// The most samples that the device asked for at once.
    pub(crate) fn largest_request(&self) -> usize {
        self.counters.largest_request.load(Ordering::Relaxed) as usize
    }

    /// How often the ring ran dry while it played.
    pub(crate) fn underruns(&self) -> u64 {
        self.counters.underruns.load(Ordering::Relaxed)
    }

    /// How often the device asked for sound: it stalls if this stands still.
    pub(crate) fn requests(&self) -> u64 {
        self.counters.calls.load(Ordering::Relaxed)
    }

    /// How long after leaving the ring a sample is heard, as far as the system knows.
    pub(crate) fn latency(&self) -> Duration {
        Duration::from_micros(u64::from(self.counters.latency_us.load(Ordering::Relaxed)))
    }
}

/// Opens the speaker with this id, or the system's choice, on a thread of its own.
pub(crate) fn open_speaker(wanted: Option<String>, previous: Option<Closing>) -> OwnedDevice<SpeakerEnd> {
    spawn(KIND, previous, move |host, error_signal| {
        let failed = |error: cpal::Error| device_error(KIND, &error, Moment::Opening);
        let device = find(host, KIND, wanted.as_deref())?;
        let default = device.default_output_config().map_err(failed)?;
        let supported = device.supported_output_configs().map_err(failed)?;
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
) -> Result<(cpal::Stream, SpeakerEnd), DeviceError> {
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
) -> Result<(cpal::Stream, SpeakerEnd), cpal::Error>
where
    T: SizedSample + cpal::FromSample<f32>,
{
    let (samples, mut consumer) = RingBuffer::new((config.sample_rate / RING_PER_SECOND) as usize);
    let counters = Arc::new(Counters::default());
    let end = SpeakerEnd { samples, rate_hz: config.sample_rate, counters: Arc::clone(&counters) };
    let channels = usize::from(config.channels).max(1);
    let mut playing = false;
    let on_data = move |data: &mut [T], info: &OutputCallbackInfo| {
        let time = info.timestamp();
        if let Some(latency) = time.playback.checked_duration_since(time.callback) {
            counters.latency_us.store(latency.as_micros().min(1_000_000) as u32, Ordering::Relaxed);
        }
        let frames = data.len() / channels;
        counters.calls.fetch_add(1, Ordering::Relaxed);
        counters.largest_request.fetch_max(frames as u32, Ordering::Relaxed);
        let complete = read_mono(&mut consumer, data, channels);
        if playing && !complete {
            counters.underruns.fetch_add(1, Ordering::Relaxed);
        }
        playing = complete;
    };
    let stream = device.build_output_stream(config, on_data, move |error| errors.on_error(error), None)?;
    Ok((stream, end))
}

/// Fills the device's buffer from the ring, the rest with silence; `false` if the ring ran dry. The sound goes to the
/// first two channels, which are left and right wherever there are more.
fn read_mono<T>(consumer: &mut Consumer<f32>, data: &mut [T], channels: usize) -> bool
where
    T: Sample + cpal::FromSample<f32>,
{
    let frames = data.len() / channels;
    let available = frames.min(consumer.slots());
    data.fill(T::EQUILIBRIUM);
    if let Ok(chunk) = consumer.read_chunk(available) {
        for (frame, sample) in data.chunks_exact_mut(channels).zip(chunk) {
            let sample = T::from_sample(sample);
            frame.iter_mut().take(2).for_each(|channel| *channel = sample);
        }
    }
    available == frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_goes_to_left_and_right_and_a_dry_ring_gives_silence() {
        let (mut producer, mut consumer) = RingBuffer::new(4);
        for sample in [0.5, -0.5, 1.0] {
            producer.push(sample).expect("room");
        }
        let mut data = [7_i16; 6];
        assert!(read_mono(&mut consumer, &mut data, 3));
        assert_eq!(data, [16384, 16384, 0, -16384, -16384, 0]);
        assert!(!read_mono(&mut consumer, &mut data, 3));
        assert_eq!(data, [32767, 32767, 0, 0, 0, 0]);
    }
}
