//! The crate's callbacks, as messages.

use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::warn;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    PeerConnectionEventHandler, RTCIceConnectionState, RTCIceGatheringState, RTCPeerConnectionIceEvent,
    RTCPeerConnectionState,
};

/// What the connection's own task tells the actor.
pub(crate) enum Notice {
    Candidate(RTCPeerConnectionIceEvent),
    GatheringComplete,
    IceConnected,
    State(RTCPeerConnectionState),
    /// The far side does not follow to the own address, which is another one; or the stream to the relay in use broke.
    RouteLost,
    Track(Arc<dyn TrackRemote>),
}

/// Forwards the crate's callbacks, which run on the task that drives the connection and so never wait.
pub(crate) struct Handler {
    pub(crate) notices: mpsc::Sender<Notice>,
}

impl Handler {
    fn tell(&self, notice: Notice) {
        if self.notices.try_send(notice).is_err() {
            warn!("a notice of a peer connection was dropped");
        }
    }
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        self.tell(Notice::Candidate(event));
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.tell(Notice::GatheringComplete);
        }
    }

    async fn on_ice_connection_state_change(&self, state: RTCIceConnectionState) {
        if state == RTCIceConnectionState::Connected {
            self.tell(Notice::IceConnected);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.tell(Notice::State(state));
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        self.tell(Notice::Track(track));
    }
}
