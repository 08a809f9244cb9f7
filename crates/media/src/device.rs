use std::fmt;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What a device is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    Camera,
    Microphone,
    Speaker,
}

/// A device, real or synthetic, that the user can choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Device {
    /// What to choose it by: stable as long as the device stays plugged in.
    pub id: String,
    /// What the user calls it.
    pub label: String,
}

/// Everything there is to choose from. Synthetic entries (`none`, `pattern`, `tone`) are not listed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct DeviceList {
    pub cameras: Vec<Device>,
    pub microphones: Vec<Device>,
    pub speakers: Vec<Device>,
}

/// Why a device does not deliver, by stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum DeviceErrorCode {
    /// No such device.
    NotFound,
    /// Another program holds it.
    Busy,
    /// The system does not let this program use it.
    Denied,
    /// It offers no format that Visavis can use.
    UnsupportedFormat,
    /// It stopped delivering without an error.
    Stalled,
    /// It was unplugged, or its driver or server went away.
    Lost,
    /// A file that stands for a device cannot be read or written.
    File,
    /// The system reported something else.
    Failed,
}

/// A device that failed: which, how, and the system's own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize, TS)]
#[error("{kind} {code}: {message}")]
pub struct DeviceError {
    pub kind: DeviceKind,
    pub code: DeviceErrorCode,
    pub message: String,
}

impl DeviceError {
    pub fn new(kind: DeviceKind, code: DeviceErrorCode, message: impl Into<String>) -> Self {
        Self { kind, code, message: message.into() }
    }
}

impl DeviceErrorCode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Busy => "busy",
            Self::Denied => "denied",
            Self::UnsupportedFormat => "unsupported_format",
            Self::Stalled => "stalled",
            Self::Lost => "lost",
            Self::File => "file",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for DeviceErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Camera => "camera",
            Self::Microphone => "microphone",
            Self::Speaker => "speaker",
        })
    }
}
