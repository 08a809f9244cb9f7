use nokhwa::NokhwaError;

use crate::{DeviceError, DeviceErrorCode, DeviceKind};

pub(super) fn camera_error(code: DeviceErrorCode, message: impl Into<String>) -> DeviceError {
    DeviceError::new(DeviceKind::Camera, code, message)
}

/// The kind of failure. The backends keep only the text of the system's error.
pub(super) fn from_nokhwa(error: &NokhwaError) -> DeviceError {
    let message = error.to_string();
    camera_error(code_of(&message), message)
}

/// Reads the code out of `(os error N)`; the numbers are Linux's and macOS's where they agree, and Windows' HRESULTs.
fn code_of(message: &str) -> DeviceErrorCode {
    const OS_ERRORS: [(&str, DeviceErrorCode); 9] = [
        ("(os error 1)", DeviceErrorCode::Denied),
        ("(os error 2)", DeviceErrorCode::NotFound),
        ("(os error 6)", DeviceErrorCode::NotFound),
        ("(os error 13)", DeviceErrorCode::Denied),
        ("(os error 16)", DeviceErrorCode::Busy),
        ("(os error 19)", DeviceErrorCode::Lost),
        ("0x80070005", DeviceErrorCode::Denied),
        ("0xC00D3704", DeviceErrorCode::Busy),
        ("0xC00D3EA2", DeviceErrorCode::Lost),
    ];
    OS_ERRORS
        .iter()
        .find_map(|&(text, code)| message.contains(text).then_some(code))
        .unwrap_or(DeviceErrorCode::Failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_error_decides_the_code() {
        for (errno, code) in [
            (1, DeviceErrorCode::Denied),
            (2, DeviceErrorCode::NotFound),
            (13, DeviceErrorCode::Denied),
            (16, DeviceErrorCode::Busy),
            (19, DeviceErrorCode::Lost),
            (5, DeviceErrorCode::Failed),
            (110, DeviceErrorCode::Failed),
        ] {
            let system = std::io::Error::from_raw_os_error(errno);
            let error = NokhwaError::OpenDeviceError("0".to_owned(), format!("V4L2 Error: {system}"));
            assert_eq!(from_nokhwa(&error).code, code, "errno {errno}");
        }
    }
}
