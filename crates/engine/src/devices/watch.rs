//! Looks at what is plugged in.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tracing::warn;
use visavis_media::DeviceList;
use visavis_media::audio::{list_microphones, list_speakers, lists_quietly};
use visavis_media::video::camera;

use crate::inner::{Inner, tell};

/// How soon a device that was plugged in is noticed.
const INTERVAL: Duration = Duration::from_secs(2);

/// Whether to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Wanted {
    pub(super) is_wanted: bool,
    /// Raised to look at once: between two looks a device may go and come back.
    pub(super) looks: u64,
}

/// Tells the actor of the devices whenever they change, while that is wanted. Ends with the sender of `wanted`.
pub(super) async fn run(mut wanted: watch::Receiver<Wanted>, inner: mpsc::Sender<Inner>) {
    let mut known: Option<DeviceList> = None;
    loop {
        if !wanted.borrow_and_update().is_wanted {
            known = None;
            if wanted.changed().await.is_err() {
                return;
            }
            continue;
        }
        match tokio::task::spawn_blocking(|| lists_quietly().then(list)).await {
            Ok(Some(devices)) if known.as_ref() != Some(&devices) => {
                known = Some(devices.clone());
                tell(&inner, Inner::Devices(devices));
            }
            Ok(_) => {}
            Err(error) => warn!(%error, "devices cannot be listed"),
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            changed = wanted.changed() => if changed.is_err() { return },
        }
    }
}

/// Everything there is to choose from. Asks the system, which may take its time.
pub(crate) fn list() -> DeviceList {
    let cameras = camera::list().unwrap_or_else(|error| {
        warn!(%error, "cameras cannot be listed");
        Vec::new()
    });
    DeviceList { cameras, microphones: list_microphones(), speakers: list_speakers() }
}
