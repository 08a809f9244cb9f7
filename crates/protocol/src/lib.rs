//! The messages of Visavis signaling, as they stand on the wire.
//!
//! One WebSocket carries JSON text frames of the shape `{"type": …, "payload": …}`: [`ClientMessage`] towards the
//! server, [`ServerMessage`] back. `docs/protocol.md` describes the conversation; this crate owns the types, their
//! limits and nothing else: no I/O, no state, no decisions.

mod candidate;
mod client;
mod description;
mod error;
mod ids;
mod limits;
mod parse;
mod participant;
mod path;
mod server;

pub use candidate::Candidate;
pub use client::{
    Again, ClientMessage, Hello, HostAction, Join, MatchKind, Report, ReportReason, Resume, Seek,
};
pub use description::{Description, DescriptionKind};
pub use error::ErrorCode;
pub use ids::{
    AccessToken, DisplayName, IdError, Interest, ParticipantId, Region, ReportId, ReportWords, RoomName,
    SessionToken,
};
pub use limits::*;
pub use parse::{ParseError, parse_client_message, parse_server_message, to_text};
pub use participant::{Door, Knock, MediaState, Participant, Role};
pub use path::{AddressFamily, CandidateType, PathReport, RelayProtocol, SelectedPair};
pub use server::{IceMode, IceServer, LeaveReason, Resumed, ServerMessage};

/// Version of the conversation that this crate speaks; the first message of a client carries it.
pub const PROTOCOL_VERSION: u32 = 1;
