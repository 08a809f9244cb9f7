use visavis_protocol::{ErrorCode, ServerMessage};

/// Why a well-formed message has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("hello was said already")]
    SecondHello,
    #[error("you are in a room already; leave it first")]
    AlreadyInRoom,
    #[error("the room is full")]
    RoomFull,
    #[error("you are in no room")]
    NotInRoom,
    #[error("nobody else in your room has this id")]
    UnknownParticipant,
    #[error("this server keeps no reports and no blocks")]
    KeepsNoReports,
}

impl Refusal {
    pub(super) fn into_message(self) -> ServerMessage {
        ServerMessage::Error { code: self.code(), message: self.to_string(), retry_after_ms: None }
    }

    fn code(self) -> ErrorCode {
        match self {
            Self::SecondHello | Self::AlreadyInRoom => ErrorCode::UnexpectedMessage,
            Self::RoomFull => ErrorCode::RoomFull,
            Self::NotInRoom => ErrorCode::NotInRoom,
            Self::UnknownParticipant => ErrorCode::UnknownParticipant,
            Self::KeepsNoReports => ErrorCode::Unavailable,
        }
    }
}
