use visavis_protocol::{ErrorCode, ServerMessage};

/// Why a well-formed message has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("hello was said already")]
    SecondHello,
    #[error("you are in a room or a lobby already; leave it first")]
    AlreadyInRoom,
    #[error("the room is full")]
    RoomFull,
    #[error("your token is not for this room")]
    AnotherRoom,
    #[error("the room is not open, and your token does not open rooms")]
    RoomNotOpen,
    #[error("the room is locked")]
    RoomLocked,
    #[error("only a host of the room may do that")]
    NotHost,
    #[error("this server brings no strangers together")]
    MatchingOff,
    #[error("you are in no room")]
    NotInRoom,
    #[error("nobody else in your room has this id")]
    UnknownParticipant,
    #[error("this server keeps no reports and no blocks")]
    KeepsNoReports,
}

impl Refusal {
    pub(crate) fn into_message(self) -> ServerMessage {
        ServerMessage::Error { code: self.code(), message: self.to_string(), retry_after_ms: None }
    }

    fn code(self) -> ErrorCode {
        match self {
            Self::SecondHello | Self::AlreadyInRoom => ErrorCode::UnexpectedMessage,
            Self::RoomFull => ErrorCode::RoomFull,
            Self::AnotherRoom | Self::RoomNotOpen => ErrorCode::Forbidden,
            Self::RoomLocked => ErrorCode::RoomLocked,
            Self::NotHost => ErrorCode::NotHost,
            Self::MatchingOff => ErrorCode::MatchingOff,
            Self::NotInRoom => ErrorCode::NotInRoom,
            Self::UnknownParticipant => ErrorCode::UnknownParticipant,
            Self::KeepsNoReports => ErrorCode::Unavailable,
        }
    }
}
