//! What the page asks of the app. Nothing is decided here: each command passes a wish on or tells what is known.
//!
//! Commands are synchronous because those run in the order in which the page sent them.

use tauri::State;
use visavis_engine::api::Command;

use crate::controller::{Controller, NotTaken};
use crate::frames::FrameSocketAddress;
use crate::launch::Launch;

/// The link that the app was started with.
pub(crate) struct LaunchedWith(pub(crate) Launch);

/// Passes a wish on to the engine; what becomes of it is told by `engine_event`.
#[tauri::command]
pub(crate) fn engine_command(controller: State<'_, Controller>, command: Command) -> Result<(), NotTaken> {
    controller.send(command)
}

/// Where the page fetches pictures.
#[tauri::command]
pub(crate) fn frame_socket(address: State<'_, FrameSocketAddress>) -> FrameSocketAddress {
    address.inner().clone()
}

/// What the app was started with.
#[tauri::command]
pub(crate) fn launch(launched_with: State<'_, LaunchedWith>) -> Launch {
    launched_with.0.clone()
}
