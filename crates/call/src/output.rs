use serde::{Deserialize, Serialize};
use ts_rs::TS;
use visavis_protocol::{AccessToken, Candidate, ClientMessage, IceMode, IceServer, ParticipantId};

use crate::event::CallEvent;

/// Something the shell has to do. For one peer connection the shell does these strictly one after the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Output {
    /// Open a connection to the server; answered by `SignalingOpened` or `SignalingClosed`.
    OpenSignaling,
    /// Close it; not answered.
    CloseSignaling,
    Send {
        message: ClientMessage,
    },
    /// Keep the guest's identity that this server gave, and name it in the next [`Input::Join`](crate::Input::Join) there.
    KeepGuest {
        token: AccessToken,
    },

    /// Make a peer connection that sends this client's tracks.
    OpenPeer {
        peer: ParticipantId,
        ice_servers: Vec<IceServer>,
        /// Which paths its media may take; all of them without it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        ice_mode: Option<IceMode>,
    },
    /// From the next ICE restart on its media may take these paths.
    SetIceMode {
        peer: ParticipantId,
        ice_mode: IceMode,
    },
    /// Close it for good.
    ClosePeer {
        peer: ParticipantId,
    },
    /// Create an offer and make it the local description; answered by `OfferCreated` or `NegotiationFailed`.
    CreateOffer {
        peer: ParticipantId,
        ice_restart: bool,
    },
    /// Apply the remote offer, after a rollback of the own one if so asked, create an answer and make it the local
    /// description; answered by `AnswerCreated` or `NegotiationFailed`.
    AcceptOffer {
        peer: ParticipantId,
        sdp: String,
        rollback: bool,
    },
    /// Apply the remote answer; answered by `AnswerAccepted` or `NegotiationFailed`.
    AcceptAnswer {
        peer: ParticipantId,
        sdp: String,
    },
    AddCandidate {
        peer: ParticipantId,
        candidate: Candidate,
    },
    /// The remote side has no more candidates in this generation.
    EndCandidates {
        peer: ParticipantId,
        ufrag: String,
    },

    /// Tell the user.
    Event {
        event: CallEvent,
    },
}
