//! What the Linux backend cannot say or do by itself.

use std::io::ErrorKind;

use v4l::capability::Flags;
use v4l::video::Capture;
use v4l::video::capture::Parameters;
use v4l::{Device, Format, FourCC};

/// The only codes that the backend can have as the current format of a camera that it opens.
const KNOWN_FORMATS: [&[u8; 4]; 6] = [b"YUYV", b"NV12", b"MJPG", b"GRAY", b"RGB3", b"BGR3"];

const ANY_WHOLE_RATE: u32 = 30;

/// Whether a video node is there and delivers pictures. A UVC camera has a second node for metadata, a codec or a
/// loopback's other end is none either, and a node may outlive its camera.
pub(super) fn is_camera(index: u32) -> bool {
    match Device::new(index as usize) {
        Ok(device) => device.query_caps().is_ok_and(|caps| caps.capabilities.contains(Flags::VIDEO_CAPTURE)),
        // Kept, so that choosing it says what is wrong.
        Err(error) => matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ResourceBusy),
    }
}

/// Takes a camera out of a state in which another program left it and in which the backend refuses to open it: a format
/// that it does not know, or a rate that is no whole number. What fails here fails again, with a message, on opening.
pub(super) fn normalise(index: u32) {
    let Ok(device) = Device::new(index as usize) else { return };
    let known = |fourcc: &FourCC| KNOWN_FORMATS.iter().any(|known| fourcc.repr == **known);
    if let Ok(current) = Capture::format(&device)
        && !known(&current.fourcc)
        && let Some(offered) = device
            .enum_formats()
            .ok()
            .and_then(|formats| formats.into_iter().find(|format| known(&format.fourcc)))
    {
        let _refused =
            Capture::set_format(&device, &Format::new(current.width, current.height, offered.fourcc));
    }
    if let Ok(parameters) = Capture::params(&device)
        && parameters.interval.numerator != 1
    {
        let _refused = Capture::set_params(&device, &Parameters::with_fps(ANY_WHOLE_RATE));
    }
}
