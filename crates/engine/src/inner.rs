//! What the engine's own parts tell its actor.

use tokio::sync::mpsc;
use tracing::debug;
use visavis_congestion::SourceLimits;
use visavis_media::audio::AudioStreamId;
use visavis_media::video::screen::{Screen, ScreenError};
use visavis_media::{DeviceError, DeviceKind, DeviceList};
use visavis_protocol::ParticipantId;

use crate::api::CallStats;
use crate::network::Addresses;
use crate::peer::PeerEvent;
use crate::screen::ScreenEvent;
use crate::signaling::SignalingEvent;

pub(crate) enum Inner {
    Signaling {
        attempt: u64,
        event: SignalingEvent,
    },
    Peer {
        id: ParticipantId,
        /// Of the connection: somebody may have had another one before.
        generation: u64,
        event: PeerEvent,
    },
    DeviceStarted(DeviceKind),
    DeviceFailed(DeviceError),
    Level(f32),
    VoiceLevels(Vec<(AudioStreamId, f32)>),
    OwnVideoStarted,
    /// The best that the own pictures' source can give.
    CameraLimits(SourceLimits),
    /// Which share of the last second the picture encoder worked.
    EncoderBusy(f64),
    /// Of the share of this generation.
    Screen {
        generation: u64,
        event: ScreenEvent,
    },
    Screens {
        screens: Result<Vec<Screen>, ScreenError>,
        /// Whether there is sound to share.
        sound: bool,
    },
    Devices(DeviceList),
    /// The addresses of this host are others now.
    Network(Addresses),
    Stats(Box<CallStats>),
}

/// Tells the actor from wherever something happened, without waiting for it.
pub(crate) fn tell(inner: &mpsc::Sender<Inner>, message: Inner) {
    if inner.try_send(message).is_err() {
        debug!("the engine is not listening");
    }
}
