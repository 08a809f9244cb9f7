use visavis_protocol::{ClientMessage, ErrorCode, Join, ServerMessage};

use crate::access::Grant;
use crate::rooms::Rooms;

/// The message as the rooms may hear it, or what its client is told instead.
pub(super) fn permit(
    grant: Option<&Grant>,
    rooms: &Rooms,
    message: ClientMessage,
) -> Result<ClientMessage, ServerMessage> {
    match message {
        ClientMessage::Join(join) => {
            let Some(grant) = grant else { return Err(forbidden("you are nobody")) };
            if !grant.may_enter(&join.room) {
                return Err(forbidden("your token is not for this room"));
            }
            if !rooms.has(&join.room) && !grant.may_create() {
                return Err(forbidden("the room is not open, and your token does not open rooms"));
            }
            let name = grant.name.clone().unwrap_or(join.name);
            Ok(ClientMessage::Join(Join { name, ..join }))
        }
        ClientMessage::Hello(_)
        | ClientMessage::Leave
        | ClientMessage::Description { .. }
        | ClientMessage::Candidates { .. }
        | ClientMessage::EndOfCandidates { .. }
        | ClientMessage::Media(_)
        | ClientMessage::Host(_) => Ok(message),
    }
}

fn forbidden(why: &str) -> ServerMessage {
    ServerMessage::Error { code: ErrorCode::Forbidden, message: why.to_owned(), retry_after_ms: None }
}
