//! How a connection ends: why, and what the client is told of it.

use tokio::task::yield_now;
use tokio::time::timeout;
use tracing::debug;
use tungstenite::error::ProtocolError;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message, Utf8Bytes};
use visavis_protocol::{ErrorCode, MAX_MESSAGE_BYTES, ServerMessage, to_text};

use super::Connection;
use crate::conversation::Complaint;
use crate::hub::{Dismissal, HubGone, Parting};

/// Frames of a client that are passed over while it is waited for to close, after it was told to.
const UNHEARD: u32 = 256;

/// How a connection ends.
#[derive(Debug)]
pub(super) enum Ending {
    /// The client is gone, or deaf and dumb: there is nobody to say goodbye to.
    Gone,
    /// The client has closed, for good or to come back over another connection.
    Closed(Parting),
    /// The client is told why, and can still be heard.
    Told(Complaint),
    /// The client is told why; the rest of what it sends cannot be read.
    ToldUnheard(Complaint),
    /// The client goes on with its session over another connection, and that at once.
    Interrupted,
}

impl Ending {
    /// Whether the client may come back.
    pub(super) fn parting(&self) -> Parting {
        match self {
            Self::Gone | Self::Interrupted => Parting::Lost,
            Self::Closed(parting) => *parting,
            Self::Told(_) | Self::ToldUnheard(_) => Parting::Closed,
        }
    }
}

impl Connection {
    /// Says goodbye, as far as the client lets it.
    pub(super) async fn close(&mut self, ending: Ending) {
        let farewell = self.shared.timing.farewell;
        let (complaint, heard) = match ending {
            Ending::Gone => return,
            // The answer to a close frame (RFC 6455 section 5.5.1) is the library's.
            Ending::Closed(_) => {
                timeout(farewell, self.drain()).await.ok();
                return;
            }
            Ending::Interrupted => {
                let frame =
                    CloseFrame { code: CloseCode::Restart, reason: Utf8Bytes::from_static("interrupted") };
                let told = async {
                    self.socket.send(Message::Close(Some(frame))).await.ok();
                    self.drain().await;
                };
                timeout(farewell, told).await.ok();
                return;
            }
            Ending::Told(complaint) => (complaint, true),
            Ending::ToldUnheard(complaint) => (complaint, false),
        };
        self.shared.metrics.error(complaint.code);
        let frame =
            CloseFrame { code: close_code_of(complaint.code), reason: complaint.code.as_str().into() };
        let told = async {
            self.socket.send(Message::text(to_text(&ServerMessage::from(complaint)))).await?;
            self.socket.send(Message::Close(Some(frame))).await?;
            // Its answer, behind what was on its way; who says more than that has not listened.
            let mut unheard = if heard { UNHEARD } else { 0 };
            while unheard > 0 && self.socket.next().await.is_some_and(|frame| frame.is_ok()) {
                unheard -= 1;
                yield_now().await;
            }
            Ok::<(), Error>(())
        };
        if !matches!(timeout(farewell, told).await, Ok(Ok(()))) {
            debug!(connection = self.id.0, "the client did not take its farewell");
        }
    }

    /// Reads what still comes, until the client is gone: what the library has to say goes out as long as it is driven.
    async fn drain(&mut self) {
        while self.socket.next().await.is_some_and(|frame| frame.is_ok()) {}
    }
}

impl From<Dismissal> for Ending {
    fn from(dismissal: Dismissal) -> Self {
        Self::Told(match dismissal {
            Dismissal::Interrupted => return Self::Interrupted,
            Dismissal::TooSlow => {
                Complaint::new(ErrorCode::TooSlow, "you did not read fast enough what was sent to you")
            }
            Dismissal::Banned(complaint) => *complaint,
            Dismissal::Superseded => {
                Complaint::new(ErrorCode::Superseded, "you go on over another connection")
            }
            Dismissal::ShuttingDown => Complaint::new(ErrorCode::ShuttingDown, "the server is going away"),
        })
    }
}

pub(super) fn hub_gone(_: HubGone) -> Ending {
    Dismissal::ShuttingDown.into()
}

/// A client that is done says so: 1000, or 1001 when its page goes away (RFC 6455 section 7.4.1). One that only wants
/// another connection gives no code.
pub(super) fn closing(frame: Option<CloseFrame>) -> Ending {
    match frame.map(|frame| frame.code) {
        Some(CloseCode::Normal | CloseCode::Away) => Ending::Closed(Parting::Closed),
        Some(_) | None => Ending::Closed(Parting::Lost),
    }
}

pub(super) fn read_failure(error: Error) -> Ending {
    match error {
        Error::Capacity(_) => Ending::ToldUnheard(Complaint::new(
            ErrorCode::MessageTooLarge,
            format!("a message may have {MAX_MESSAGE_BYTES} bytes"),
        )),
        Error::Utf8(_) => {
            Ending::Told(Complaint::new(ErrorCode::InvalidMessage, "a text frame has to hold UTF-8"))
        }
        // Connections that break are such errors too.
        Error::Protocol(
            ProtocolError::ResetWithoutClosingHandshake
            | ProtocolError::ReceivedAfterClosing
            | ProtocolError::SendAfterClosing,
        ) => Ending::Gone,
        Error::Protocol(_) => {
            Ending::ToldUnheard(Complaint::new(ErrorCode::InvalidMessage, "this is no WebSocket (RFC 6455)"))
        }
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Io(_)
        | Error::Tls(_)
        | Error::WriteBufferFull(_)
        | Error::AttackAttempt
        | Error::Url(_)
        | Error::Http(_)
        | Error::HttpFormat(_) => Ending::Gone,
    }
}

/// RFC 6455 section 7.4.1.
fn close_code_of(code: ErrorCode) -> CloseCode {
    match code {
        ErrorCode::MessageTooLarge => CloseCode::Size,
        ErrorCode::ShuttingDown => CloseCode::Away,
        ErrorCode::InvalidMessage => CloseCode::Invalid,
        ErrorCode::UnsupportedProtocol
        | ErrorCode::HelloExpected
        | ErrorCode::UnexpectedMessage
        | ErrorCode::RoomFull
        | ErrorCode::RoomLocked
        | ErrorCode::NotHost
        | ErrorCode::MatchingOff
        | ErrorCode::NotInRoom
        | ErrorCode::UnknownParticipant
        | ErrorCode::TooSlow
        | ErrorCode::Superseded
        | ErrorCode::RateLimited
        | ErrorCode::Unauthorized
        | ErrorCode::Forbidden
        | ErrorCode::Banned
        | ErrorCode::Unavailable => CloseCode::Policy,
    }
}
