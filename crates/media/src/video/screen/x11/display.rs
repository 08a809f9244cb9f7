use std::env;

use x11rb::connection::{Connection as _, RequestConnection as _};
use x11rb::errors::{ConnectError, ConnectionError, ReplyError, ReplyOrIdError};
use x11rb::protocol::composite::{self, ConnectionExt as _};
use x11rb::protocol::damage::{self, ConnectionExt as _};
use x11rb::protocol::shm;
use x11rb::protocol::xfixes::{self, ConnectionExt as _};
use x11rb::protocol::xproto::{self, ImageOrder};
use x11rb::rust_connection::RustConnection;

use crate::video::screen::{ScreenError, ScreenErrorCode};

/// A connection to the X server, and which of its extensions there are.
pub(super) struct Display {
    pub(super) connection: RustConnection,
    pub(super) root: xproto::Window,
    pub(super) has_damage: bool,
    pub(super) has_composite: bool,
    pub(super) has_pointer: bool,
    pub(super) has_shared_memory: bool,
}

impl Display {
    /// Connects to the display of the environment. A Wayland session is refused even if it has an X server too, because
    /// that one shows only the windows of X programs.
    pub(super) fn open() -> Result<Self, ScreenError> {
        let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        if set("WAYLAND_DISPLAY") {
            return Err(unsupported("screens cannot be filmed under Wayland yet"));
        }
        if !set("DISPLAY") {
            return Err(unsupported("there is no X display"));
        }
        let (connection, number) = x11rb::connect(None).map_err(from_connect)?;
        let screen = &connection.setup().roots[number];
        let is_known = screen.root_depth == 24
            && connection.setup().image_byte_order == ImageOrder::LSB_FIRST
            && connection
                .setup()
                .pixmap_formats
                .iter()
                .any(|format| format.depth == 24 && format.bits_per_pixel == 32);
        if !is_known {
            return Err(unsupported("the display has an unusual pixel format"));
        }
        let root = screen.root;
        let has = |name| connection.extension_information(name).is_ok_and(|found| found.is_some());
        let has_fixes =
            has(xfixes::X11_EXTENSION_NAME) && connection.xfixes_query_version(5, 0)?.reply().is_ok();
        let has_damage =
            has(damage::X11_EXTENSION_NAME) && connection.damage_query_version(1, 1)?.reply().is_ok();
        let has_composite =
            has(composite::X11_EXTENSION_NAME) && connection.composite_query_version(0, 4)?.reply().is_ok();
        let has_shared_memory = has(shm::X11_EXTENSION_NAME);
        Ok(Self { root, has_damage, has_composite, has_pointer: has_fixes, has_shared_memory, connection })
    }
}

pub(super) fn unsupported(message: &str) -> ScreenError {
    ScreenError::new(ScreenErrorCode::Unsupported, message)
}

pub(super) fn failed(error: impl ToString) -> ScreenError {
    ScreenError::new(ScreenErrorCode::Failed, error.to_string())
}

fn from_connect(error: ConnectError) -> ScreenError {
    let code = if matches!(error, ConnectError::SetupAuthenticate(_)) {
        ScreenErrorCode::Denied
    } else {
        ScreenErrorCode::Failed
    };
    ScreenError::new(code, error.to_string())
}

impl From<ConnectionError> for ScreenError {
    fn from(error: ConnectionError) -> Self {
        failed(error)
    }
}

impl From<ReplyError> for ScreenError {
    fn from(error: ReplyError) -> Self {
        failed(error)
    }
}

impl From<ReplyOrIdError> for ScreenError {
    fn from(error: ReplyOrIdError) -> Self {
        failed(error)
    }
}
