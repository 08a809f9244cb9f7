use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{
    BufferSize, ErrorKind, Host, SampleFormat, StreamConfig, SupportedBufferSize, SupportedStreamConfig,
};

use crate::audio::SAMPLE_RATE;
use crate::{Device, DeviceError, DeviceErrorCode, DeviceKind};

/// The microphones to choose from, without the monitors of speakers. May block for seconds; an unreachable system has
/// none.
pub fn list_microphones() -> Vec<Device> {
    let host = cpal::default_host();
    let Ok(devices) = host.input_devices() else { return Vec::new() };
    devices.filter(|device| !is_monitor(device)).filter_map(|device| describe(&device)).collect()
}

/// The speakers to choose from. May block for seconds; an unreachable system has none.
pub fn list_speakers() -> Vec<Device> {
    let host = cpal::default_host();
    let Ok(devices) = host.output_devices() else { return Vec::new() };
    devices.filter_map(|device| describe(&device)).collect()
}

/// Whether devices can be listed again and again: ALSA's own library complains on the terminal each time.
pub fn lists_quietly() -> bool {
    cpal::default_host().id().name() != "ALSA"
}

/// Finds a device by its id, its label or its place in the list; without any, the system's choice.
pub(super) fn find(host: &Host, kind: DeviceKind, wanted: Option<&str>) -> Result<cpal::Device, DeviceError> {
    let not_found = |what: String| DeviceError::new(kind, DeviceErrorCode::NotFound, what);
    let Some(wanted) = wanted else {
        let device = match kind {
            DeviceKind::Speaker => host.default_output_device(),
            DeviceKind::Microphone | DeviceKind::Camera => host.default_input_device(),
        };
        return device.ok_or_else(|| not_found(format!("the system has no {kind}")));
    };
    let devices: Vec<cpal::Device> = match kind {
        DeviceKind::Speaker => host.output_devices().map(Iterator::collect),
        DeviceKind::Microphone | DeviceKind::Camera => host.input_devices().map(Iterator::collect),
    }
    .map_err(|error| device_error(kind, &error, Moment::Opening))?;
    let by_text = devices.iter().position(|device| {
        describe(device).is_some_and(|device| device.id == wanted || device.label == wanted)
    });
    let by_place = || {
        let place: usize = wanted.parse().ok()?;
        let listed = |device: &cpal::Device| kind == DeviceKind::Speaker || !is_monitor(device);
        devices.iter().enumerate().filter(|(_, device)| listed(device)).nth(place).map(|(index, _)| index)
    };
    let index =
        by_text.or_else(by_place).ok_or_else(|| not_found(format!("there is no {kind} \"{wanted}\"")))?;
    devices.into_iter().nth(index).ok_or_else(|| not_found(format!("there is no {kind} \"{wanted}\"")))
}

/// Whether this host moves the streams of a device that was removed to another one without a word, so that its list
/// of devices has to be watched.
pub(super) fn moves_streams(host: &Host) -> bool {
    host.id().name() == "PulseAudio"
}

/// Whether the device is still in the list. A host that cannot be asked is gone with all its devices.
pub(super) fn is_present(host: &Host, id: &cpal::DeviceId) -> bool {
    host.device_by_id(id).is_some()
}

/// Chooses how to run a device: at 48 kHz if it can, with its own number of channels, in the sample format that
/// converts best, and with the given buffer of 10 ms if it allows one.
pub(super) fn choose_config(
    default: SupportedStreamConfig,
    supported: impl Iterator<Item = cpal::SupportedStreamConfigRange>,
) -> (StreamConfig, SampleFormat) {
    let preference = |format: SampleFormat| {
        [SampleFormat::F32, SampleFormat::I16, SampleFormat::I32]
            .iter()
            .position(|&known| known == format)
            .unwrap_or(3)
    };
    let chosen = supported
        .filter(|range| range.channels() == default.channels() && range.contains_rate(SAMPLE_RATE))
        .filter(|range| is_supported(range.sample_format()))
        .min_by_key(|range| preference(range.sample_format()))
        .and_then(|range| range.try_with_sample_rate(SAMPLE_RATE))
        .unwrap_or(default);
    let frames = chosen.sample_rate() / 100;
    let buffer_size = match *chosen.buffer_size() {
        SupportedBufferSize::Range { min, max } if (min..=max).contains(&frames) => BufferSize::Fixed(frames),
        SupportedBufferSize::Range { .. } | SupportedBufferSize::Unknown => BufferSize::Default,
    };
    (StreamConfig { buffer_size, ..chosen.config() }, chosen.sample_format())
}

/// Sample formats that streams are built for.
pub(super) fn is_supported(format: SampleFormat) -> bool {
    [SampleFormat::F32, SampleFormat::I16, SampleFormat::I32, SampleFormat::U8, SampleFormat::U16]
        .contains(&format)
}

pub(super) fn unsupported_format(kind: DeviceKind, format: SampleFormat) -> DeviceError {
    DeviceError::new(kind, DeviceErrorCode::UnsupportedFormat, format!("samples of format {format}"))
}

/// When an error came up: a device that is missing was never there, or is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Opening,
    Running,
}

pub(super) fn device_error(kind: DeviceKind, error: &cpal::Error, moment: Moment) -> DeviceError {
    let code = match (error.kind(), moment) {
        (ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable, Moment::Opening) => {
            DeviceErrorCode::NotFound
        }
        (ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable, Moment::Running)
        | (ErrorKind::StreamInvalidated, _) => DeviceErrorCode::Lost,
        (ErrorKind::DeviceBusy, _) => DeviceErrorCode::Busy,
        (ErrorKind::PermissionDenied, _) => DeviceErrorCode::Denied,
        (ErrorKind::UnsupportedConfig | ErrorKind::UnsupportedOperation | ErrorKind::InvalidInput, _) => {
            DeviceErrorCode::UnsupportedFormat
        }
        _ => DeviceErrorCode::Failed,
    };
    DeviceError::new(kind, code, error.to_string())
}

/// Whether a running stream is over after this error.
pub(super) fn is_fatal(error: &cpal::Error) -> bool {
    !matches!(error.kind(), ErrorKind::Xrun | ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied)
}

fn describe(device: &cpal::Device) -> Option<Device> {
    let id = device.id().ok()?.to_string();
    let label = device.description().map_or_else(|_| id.clone(), |description| description.name().to_owned());
    Some(Device { id, label })
}

/// PulseAudio offers what each speaker plays as a source too.
fn is_monitor(device: &cpal::Device) -> bool {
    device.id().is_ok_and(|id| id.id().ends_with(".monitor"))
}

#[cfg(test)]
mod tests {
    use cpal::SupportedStreamConfigRange;

    use super::*;

    const BUFFER: SupportedBufferSize = SupportedBufferSize::Range { min: 16, max: 4096 };

    #[test]
    fn forty_eight_kilohertz_float_is_chosen_where_offered() {
        let default = SupportedStreamConfig::new(2, 44_100, BUFFER, SampleFormat::I16);
        let offered = [
            SupportedStreamConfigRange::new(1, 8_000, 96_000, BUFFER, SampleFormat::F32),
            SupportedStreamConfigRange::new(2, 8_000, 96_000, BUFFER, SampleFormat::I16),
            SupportedStreamConfigRange::new(2, 8_000, 96_000, BUFFER, SampleFormat::F32),
        ];
        let (config, format) = choose_config(default, offered.into_iter());
        let wanted = StreamConfig { channels: 2, sample_rate: 48_000, buffer_size: BufferSize::Fixed(480) };
        assert_eq!((config, format), (wanted, SampleFormat::F32));
    }

    #[test]
    fn a_device_with_one_rate_and_a_large_buffer_runs_as_it_is() {
        let large = SupportedBufferSize::Range { min: 1024, max: 4096 };
        let default = SupportedStreamConfig::new(1, 44_100, large, SampleFormat::I16);
        let offered = [SupportedStreamConfigRange::new(1, 44_100, 44_100, large, SampleFormat::I16)];
        let (config, format) = choose_config(default, offered.into_iter());
        let wanted = StreamConfig { channels: 1, sample_rate: 44_100, buffer_size: BufferSize::Default };
        assert_eq!((config, format), (wanted, SampleFormat::I16));
    }

    #[test]
    fn a_missing_device_was_never_there_or_is_lost() {
        let gone = cpal::Error::new(ErrorKind::DeviceNotAvailable);
        let code = |moment| device_error(DeviceKind::Microphone, &gone, moment).code;
        assert_eq!(code(Moment::Opening), DeviceErrorCode::NotFound);
        assert_eq!(code(Moment::Running), DeviceErrorCode::Lost);
        let busy = cpal::Error::new(ErrorKind::DeviceBusy);
        assert_eq!(device_error(DeviceKind::Speaker, &busy, Moment::Opening).code, DeviceErrorCode::Busy);
    }
}
