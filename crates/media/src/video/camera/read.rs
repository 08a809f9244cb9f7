use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use nokhwa::Camera;
use nokhwa::utils::{
    CameraFormat as NokhwaFormat, FrameFormat, RequestedFormat, RequestedFormatType, Resolution,
};
use tracing::{debug, info};

use super::error::{camera_error, from_nokhwa};
use super::format::{CameraFormat, PixelLayout, rank_formats};
use super::list::find;
use super::staleness::Staleness;
use crate::video::capture::{Sink, Stop};
use crate::video::convert::{ConvertError, MjpegDecoder, nv12_to_i420, yuyv_to_i420};
use crate::video::pacing::RateLimiter;
use crate::video::{Frame, Size, SourceFormat};
use crate::{CameraChoice, DeviceError, DeviceErrorCode};

const READABLE: [FrameFormat; 3] = [FrameFormat::YUYV, FrameFormat::NV12, FrameFormat::MJPEG];

/// Damaged pictures in a row after which the camera is given up: a second's worth.
const MAX_DAMAGED: u32 = 30;

/// Opens the camera, and delivers its pictures at no more than the rate that is wanted at the time, until it is told to
/// stop. Blocks, for ever if the driver does.
pub(in crate::video) fn run(
    choice: &CameraChoice,
    wanted: SourceFormat,
    frames_per_second: &AtomicU32,
    stop: &Stop,
    sink: &Sink,
) -> Result<(), DeviceError> {
    let Opened { mut camera, best } = open(choice, wanted)?;
    camera.open_stream().map_err(|error| from_nokhwa(&error))?;
    let format = camera.camera_format();
    info!(width = format.width(), height = format.height(), fps = format.frame_rate(), layout = %format.format(), "camera opened");
    let delivered = SourceFormat {
        width: format.width(),
        height: format.height(),
        frames_per_second: format.frame_rate(),
    };
    sink.opened(delivered, best.unwrap_or(delivered));

    let mut converter = Converter::new(format)?;
    let mut staleness = Staleness::default();
    let mut limiter = RateLimiter::default();
    let mut damaged = 0;
    while !stop.requested() {
        let buffer = camera.frame().map_err(|error| lost_if_reading_failed(&error))?;
        let now = Instant::now();
        let age = buffer.capture_timestamp().and_then(age).unwrap_or(Duration::ZERO);
        let Some(delay) = staleness.judge(age) else {
            debug!(?age, "an old picture of the camera is dropped");
            continue;
        };
        let captured = now.checked_sub(delay).unwrap_or(now);
        let rate = frames_per_second.load(Ordering::Relaxed).max(1);
        if !limiter.accept(captured, Duration::from_secs(1) / rate) {
            continue;
        }
        match converter.convert(buffer.buffer(), captured) {
            Ok(frame) => {
                damaged = 0;
                sink.deliver(frame);
            }
            Err(error) if damaged < MAX_DAMAGED => {
                damaged += 1;
                debug!(%error, "a picture of the camera is damaged");
            }
            Err(error) => return Err(camera_error(DeviceErrorCode::UnsupportedFormat, error.to_string())),
        }
    }
    Ok(())
}

struct Opened {
    camera: Camera,
    /// What it offers that comes nearest to the most that a call makes use of; unknown of a camera that does not tell.
    best: Option<SourceFormat>,
}

/// Opens the camera in the best format that it accepts.
fn open(choice: &CameraChoice, wanted: SourceFormat) -> Result<Opened, DeviceError> {
    ask_permission()?;
    let found = find(choice)?;
    #[cfg(target_os = "linux")]
    if let Ok(index) = found.index.as_index() {
        super::linux::normalise(index);
    }
    // `None` takes the first readable format, only to be able to ask for all of them.
    let any = RequestedFormat::with_formats(RequestedFormatType::None, &READABLE);
    let mut camera = Camera::new(found.index, any).map_err(|error| from_nokhwa(&error))?;
    let offered = offered(&mut camera);
    let best = rank_formats(&offered, SourceFormat::BEST).first().copied().map(SourceFormat::from);
    for format in rank_formats(&offered, wanted) {
        let exact = RequestedFormatType::Exact(to_nokhwa(format));
        match camera.set_camera_requset(RequestedFormat::with_formats(exact, &READABLE)) {
            Ok(_) => return Ok(Opened { camera, best }),
            Err(error) => {
                let error = from_nokhwa(&error);
                match error.code {
                    DeviceErrorCode::Busy | DeviceErrorCode::Denied | DeviceErrorCode::Lost => {
                        return Err(error);
                    }
                    DeviceErrorCode::NotFound
                    | DeviceErrorCode::UnsupportedFormat
                    | DeviceErrorCode::Stalled
                    | DeviceErrorCode::File
                    | DeviceErrorCode::Failed => {
                        debug!(%error, ?format, "the camera refuses a format that it offers")
                    }
                }
            }
        }
    }
    let current = camera.refresh_camera_format().map_err(|error| from_nokhwa(&error))?;
    from_nokhwa_format(current).map(|_| Opened { camera, best }).ok_or_else(|| {
        camera_error(DeviceErrorCode::UnsupportedFormat, format!("the camera only offers {current}"))
    })
}

/// macOS wants to be asked before a camera is used; elsewhere this is always granted.
fn ask_permission() -> Result<(), DeviceError> {
    if nokhwa::nokhwa_check() {
        return Ok(());
    }
    let (answer, answered) = std::sync::mpsc::sync_channel(1);
    nokhwa::nokhwa_initialize(move |granted| {
        let _nobody_waits = answer.try_send(granted);
    });
    match answered.recv() {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => {
            Err(camera_error(DeviceErrorCode::Denied, "the use of the camera was not allowed"))
        }
    }
}

fn offered(camera: &mut Camera) -> Vec<CameraFormat> {
    match camera.compatible_camera_formats() {
        Ok(formats) => formats.into_iter().filter_map(from_nokhwa_format).collect(),
        Err(error) => {
            debug!(%error, "the camera does not list its formats");
            Vec::new()
        }
    }
}

/// A stream that was open and can no longer be read is lost, whatever the driver calls it.
fn lost_if_reading_failed(error: &nokhwa::NokhwaError) -> DeviceError {
    let error = from_nokhwa(error);
    match error.code {
        DeviceErrorCode::Failed | DeviceErrorCode::NotFound => {
            DeviceError { code: DeviceErrorCode::Lost, ..error }
        }
        DeviceErrorCode::Busy
        | DeviceErrorCode::Denied
        | DeviceErrorCode::UnsupportedFormat
        | DeviceErrorCode::Stalled
        | DeviceErrorCode::Lost
        | DeviceErrorCode::File => error,
    }
}

fn age(since_epoch: Duration) -> Option<Duration> {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH + since_epoch).ok()
}

fn to_nokhwa(format: CameraFormat) -> NokhwaFormat {
    let layout = match format.layout {
        PixelLayout::Yuyv => FrameFormat::YUYV,
        PixelLayout::Nv12 => FrameFormat::NV12,
        PixelLayout::Mjpeg => FrameFormat::MJPEG,
    };
    NokhwaFormat::new(Resolution::new(format.width, format.height), layout, format.frames_per_second)
}

fn from_nokhwa_format(format: NokhwaFormat) -> Option<CameraFormat> {
    let layout = match format.format() {
        FrameFormat::YUYV => PixelLayout::Yuyv,
        FrameFormat::NV12 => PixelLayout::Nv12,
        FrameFormat::MJPEG => PixelLayout::Mjpeg,
        FrameFormat::GRAY | FrameFormat::RAWRGB | FrameFormat::RAWBGR => return None,
    };
    let (width, height, frames_per_second) = (format.width(), format.height(), format.frame_rate());
    Some(CameraFormat { width, height, frames_per_second, layout })
}

/// Brings the buffers of an open camera to I420.
enum Converter {
    Yuyv(Size),
    Nv12(Size),
    Mjpeg(MjpegDecoder),
}

impl Converter {
    fn new(format: NokhwaFormat) -> Result<Self, DeviceError> {
        let unsupported = |message: String| camera_error(DeviceErrorCode::UnsupportedFormat, message);
        let format = from_nokhwa_format(format).ok_or_else(|| unsupported(format!("{format}")))?;
        let size = Size::new(format.width, format.height).map_err(|error| unsupported(error.to_string()))?;
        Ok(match format.layout {
            PixelLayout::Yuyv => Self::Yuyv(size),
            PixelLayout::Nv12 => Self::Nv12(size),
            PixelLayout::Mjpeg => {
                Self::Mjpeg(MjpegDecoder::new().map_err(|error| unsupported(error.to_string()))?)
            }
        })
    }

    fn convert(&mut self, buffer: &[u8], captured: Instant) -> Result<Frame, ConvertError> {
        match self {
            Self::Yuyv(size) => yuyv_to_i420(*size, buffer, captured),
            Self::Nv12(size) => nv12_to_i420(*size, buffer, captured),
            Self::Mjpeg(decoder) => decoder.decode(buffer, captured),
        }
    }
}
