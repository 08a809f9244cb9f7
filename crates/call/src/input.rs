use serde::{Deserialize, Serialize};
use ts_rs::TS;
use visavis_protocol::{
    AccessToken, AddressFamily, Candidate, CandidateType, DisplayName, HostAction, MediaState, ParticipantId,
    RelayProtocol, Report, RoomName, Seek, ServerMessage,
};

/// Something that happened to the call: a wish of the user, a message, or a result of work the core asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
#[ts(optional_fields)]
pub enum Input {
    /// The user wants to be in this room. Ignored unless the call is idle or has ended.
    Join {
        room: RoomName,
        name: DisplayName,
        media: MediaState,
        /// What the user was invited with, or else what [`Output::KeepGuest`](crate::Output::KeepGuest) once gave for this server.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<AccessToken>,
    },
    /// The user wants to meet a stranger. Ignored unless the call is idle or has ended.
    Seek {
        seek: Seek,
        /// As for a room.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        token: Option<AccessToken>,
    },
    /// The user has met a stranger, and wants to meet another one.
    Next,
    /// The user hangs up.
    Leave,
    /// The user switched the microphone or the camera.
    SetMedia { media: MediaState },
    /// The user would let the other know its addresses. Ignored where nobody asks.
    Consent,
    /// The user wants the moderators to know of somebody who is here, or was lately.
    Report { report: Report },
    /// The user does not want to meet somebody by chance again who is here, or was lately.
    Block { participant: ParticipantId },
    /// The user, a host, wants this done with the room. Ignored while the server is lost.
    Host { action: HostAction },

    /// The connection that [`Output::OpenSignaling`](crate::Output::OpenSignaling) asked for is up.
    SignalingOpened,
    /// It could not be opened, or it is gone.
    SignalingClosed,
    /// A message of the server.
    Received { message: ServerMessage },
    /// A message of a type that only later servers know.
    ReceivedUnknown,
    /// A frame that is no message of this protocol.
    ReceivedGarbage,

    /// An offer was created and is the local description.
    OfferCreated { peer: ParticipantId, sdp: String },
    /// The remote offer was applied, and this answer to it is the local description.
    AnswerCreated { peer: ParticipantId, sdp: String },
    /// The remote answer was applied.
    AnswerAccepted { peer: ParticipantId },
    /// The work last asked for on this peer connection failed.
    NegotiationFailed { peer: ParticipantId },
    /// The peer connection has media to negotiate anew.
    NegotiationNeeded { peer: ParticipantId },
    /// A local candidate was gathered.
    LocalCandidate { peer: ParticipantId, candidate: Candidate },
    /// Gathering of this generation is complete.
    LocalCandidatesEnded { peer: ParticipantId, ufrag: String },
    /// The state of the path to the peer changed.
    Path { peer: ParticipantId, state: PathState },
    /// Media to and from the peer takes this pair; may be told again and again.
    SelectedPair { peer: ParticipantId, pair: CandidatePair },

    /// The network addresses of this host changed: what could not be reached may be reachable now.
    NetworkChanged,
}

/// The candidate pair that ICE has selected, as the statistics of WebRTC describe it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields)]
pub struct CandidatePair {
    pub local: CandidateType,
    pub remote: CandidateType,
    /// What the own relay is reached over, if the local candidate is one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay_protocol: Option<RelayProtocol>,
    /// Of the addresses, if one of them is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<AddressFamily>,
}

/// Whether packets get through to a peer: the connection state of WebRTC, as far as a call cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum PathState {
    Connected,
    /// Checks are failing; it may come back by itself.
    Disconnected,
    /// It will not come back without an ICE restart.
    Failed,
    /// An address at one of its ends is another one now. It will not come back without an ICE restart, which can
    /// succeed at once.
    Moved,
}
