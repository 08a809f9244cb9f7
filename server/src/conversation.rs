//! What one connection may say when: the opening, and how much nonsense is put up with. Pure; rooms are not its matter.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use visavis_protocol::{ClientMessage, ErrorCode, Hello, PROTOCOL_VERSION, parse_client_message};

/// A client that sends so many invalid messages in a row is cut off.
pub(crate) const MAX_INVALID_IN_A_ROW: u32 = 32;

/// The conversation with one client.
#[derive(Debug)]
pub(crate) struct Conversation {
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    AwaitingHello,
    Open { invalid_in_a_row: u32 },
}

/// What follows from a frame of the client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// The hello was understood: say welcome.
    Welcome(Hello),
    /// The message is for the rooms.
    Pass(ClientMessage),
    /// Tell the client, and go on.
    Refuse(Complaint),
    /// Tell the client, and close.
    Close(Complaint),
}

/// An error to tell the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Complaint {
    pub(crate) code: ErrorCode,
    pub(crate) text: String,
    /// When it makes sense to go on.
    pub(crate) retry_after: Option<Duration>,
}

impl Complaint {
    pub(crate) fn new(code: ErrorCode, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), retry_after: None }
    }
}

impl Conversation {
    pub(crate) fn new() -> Self {
        Self { phase: Phase::AwaitingHello }
    }

    pub(crate) fn handle_text(&mut self, text: &str) -> Reaction {
        match parse_client_message(text) {
            Ok(message) => self.on_message(message),
            Err(error) => self.on_invalid(Complaint::new(error.code(), error.to_string())),
        }
    }

    pub(crate) fn handle_binary(&mut self) -> Reaction {
        self.on_invalid(Complaint::new(
            ErrorCode::InvalidMessage,
            "messages are text frames, not binary ones",
        ))
    }

    /// The time for the opening is over.
    pub(crate) fn handle_hello_timeout(&self) -> Option<Complaint> {
        match self.phase {
            Phase::AwaitingHello => Some(Complaint::new(ErrorCode::HelloExpected, "no hello came in time")),
            Phase::Open { .. } => None,
        }
    }

    fn on_message(&mut self, message: ClientMessage) -> Reaction {
        match (self.phase, message) {
            (Phase::AwaitingHello, ClientMessage::Hello(hello)) if hello.protocol == PROTOCOL_VERSION => {
                self.phase = Phase::Open { invalid_in_a_row: 0 };
                Reaction::Welcome(hello)
            }
            (Phase::AwaitingHello, ClientMessage::Hello(hello)) => Reaction::Close(Complaint::new(
                ErrorCode::UnsupportedProtocol,
                format!("this server speaks protocol {PROTOCOL_VERSION}, not {}", hello.protocol),
            )),
            (Phase::AwaitingHello, _) => {
                Reaction::Close(Complaint::new(ErrorCode::HelloExpected, "the first message has to be hello"))
            }
            (Phase::Open { .. }, ClientMessage::Hello(_)) => {
                Reaction::Refuse(Complaint::new(ErrorCode::UnexpectedMessage, "hello was said already"))
            }
            (Phase::Open { .. }, message) => {
                self.phase = Phase::Open { invalid_in_a_row: 0 };
                Reaction::Pass(message)
            }
        }
    }

    fn on_invalid(&mut self, complaint: Complaint) -> Reaction {
        match &mut self.phase {
            Phase::AwaitingHello => Reaction::Close(Complaint::new(
                ErrorCode::HelloExpected,
                format!("the first message has to be hello: {}", complaint.text),
            )),
            Phase::Open { invalid_in_a_row } => {
                *invalid_in_a_row += 1;
                if *invalid_in_a_row >= MAX_INVALID_IN_A_ROW || complaint.code == ErrorCode::MessageTooLarge {
                    Reaction::Close(complaint)
                } else {
                    Reaction::Refuse(complaint)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use visavis_protocol::MAX_MESSAGE_BYTES;

    use super::*;

    const HELLO: &str = r#"{"type":"hello","payload":{"protocol":1,"client":"test/1"}}"#;
    const LEAVE: &str = r#"{"type":"leave"}"#;

    fn open() -> Conversation {
        let mut conversation = Conversation::new();
        let hello = Hello { protocol: 1, client: "test/1".to_owned(), resume: None, token: None };
        assert_eq!(conversation.handle_text(HELLO), Reaction::Welcome(hello));
        conversation
    }

    fn closed_with(reaction: Reaction) -> Option<ErrorCode> {
        match reaction {
            Reaction::Close(complaint) => Some(complaint.code),
            Reaction::Welcome(_) | Reaction::Pass(_) | Reaction::Refuse(_) => None,
        }
    }

    fn refused_with(reaction: Reaction) -> Option<ErrorCode> {
        match reaction {
            Reaction::Refuse(complaint) => Some(complaint.code),
            Reaction::Welcome(_) | Reaction::Pass(_) | Reaction::Close(_) => None,
        }
    }

    #[test]
    fn hello_comes_first() {
        for first in [LEAVE, "{", "[]"] {
            assert_eq!(
                closed_with(Conversation::new().handle_text(first)),
                Some(ErrorCode::HelloExpected),
                "{first}"
            );
        }
        assert_eq!(closed_with(Conversation::new().handle_binary()), Some(ErrorCode::HelloExpected));
        assert_eq!(
            Conversation::new().handle_hello_timeout().map(|c| c.code),
            Some(ErrorCode::HelloExpected)
        );
        assert_eq!(open().handle_hello_timeout(), None);
    }

    #[test]
    fn another_version_is_refused_even_with_fields_of_its_own() {
        let hello = r#"{"type":"hello","payload":{"protocol":2,"client":"test/2","token":"x"}}"#;
        assert_eq!(closed_with(Conversation::new().handle_text(hello)), Some(ErrorCode::UnsupportedProtocol));
    }

    #[test]
    fn a_second_hello_is_refused() {
        assert_eq!(refused_with(open().handle_text(HELLO)), Some(ErrorCode::UnexpectedMessage));
    }

    #[test]
    fn nonsense_is_put_up_with_for_a_while() {
        let mut conversation = open();
        for _ in 0..3 {
            for _ in 1..MAX_INVALID_IN_A_ROW {
                assert_eq!(refused_with(conversation.handle_text("{")), Some(ErrorCode::InvalidMessage));
            }
            assert_eq!(conversation.handle_text(LEAVE), Reaction::Pass(ClientMessage::Leave));
        }
        for _ in 1..MAX_INVALID_IN_A_ROW {
            assert_eq!(refused_with(conversation.handle_binary()), Some(ErrorCode::InvalidMessage));
        }
        assert_eq!(closed_with(conversation.handle_text("{")), Some(ErrorCode::InvalidMessage));
    }

    #[test]
    fn too_large_a_message_ends_it() {
        let large = " ".repeat(MAX_MESSAGE_BYTES + 1);
        assert_eq!(closed_with(open().handle_text(&large)), Some(ErrorCode::MessageTooLarge));
    }
}
