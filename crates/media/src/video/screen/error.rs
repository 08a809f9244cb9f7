use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Why a screen is not shared, by stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ScreenErrorCode {
    /// Visavis cannot film screens on this system.
    Unsupported,
    /// No such screen or window.
    NotFound,
    /// The system does not let this program see the screen.
    Denied,
    /// The window was closed, or the screen unplugged.
    Closed,
    /// The system reported something else.
    Failed,
}

/// Why a screen is not shared, and the system's own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize, TS)]
#[error("screen {code:?}: {message}")]
pub struct ScreenError {
    pub code: ScreenErrorCode,
    pub message: String,
}

impl ScreenError {
    pub fn new(code: ScreenErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}
