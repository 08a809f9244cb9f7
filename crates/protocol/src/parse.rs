use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::limits::{
    MAX_CANDIDATES_PER_MESSAGE, MAX_CONNECT_MS, MAX_INTERESTS, MAX_MESSAGE_BYTES, MAX_SERVER_MESSAGE_BYTES,
};
use crate::{Candidate, ClientMessage, ErrorCode, PathReport, ServerMessage};

/// Why a text frame is not a message.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    #[error("the message has {bytes} bytes, {allowed} are allowed")]
    TooLarge { bytes: usize, allowed: usize },
    #[error("{0}")]
    Invalid(#[from] serde_json::Error),
    /// A message that a later server of this protocol version may say.
    #[error("no message of this type is known")]
    UnknownType,
    #[error("the message carries {0} candidates, {MAX_CANDIDATES_PER_MESSAGE} are allowed")]
    TooManyCandidates(usize),
    #[error("the message names {0} interests, {MAX_INTERESTS} are allowed")]
    TooManyInterests(usize),
    #[error("the connection took {0} ms, {MAX_CONNECT_MS} are allowed")]
    TookTooLong(u32),
}

impl ParseError {
    /// The code that tells the sender.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::TooLarge { .. } => ErrorCode::MessageTooLarge,
            Self::Invalid(_)
            | Self::UnknownType
            | Self::TooManyCandidates(_)
            | Self::TooManyInterests(_)
            | Self::TookTooLong(_) => ErrorCode::InvalidMessage,
        }
    }
}

/// Reads one text frame from a client, within the limits of this protocol.
pub fn parse_client_message(text: &str) -> Result<ClientMessage, ParseError> {
    check_size(text, MAX_MESSAGE_BYTES)?;
    let message: ClientMessage = serde_json::from_str(text)?;
    if let ClientMessage::Candidates { candidates, .. } = &message {
        check_candidates(candidates)?;
    }
    if let ClientMessage::Seek(seek) = &message
        && seek.interests.len() > MAX_INTERESTS
    {
        return Err(ParseError::TooManyInterests(seek.interests.len()));
    }
    if let ClientMessage::Path(PathReport::Connected { connect_ms, .. }) = &message
        && *connect_ms > MAX_CONNECT_MS
    {
        return Err(ParseError::TookTooLong(*connect_ms));
    }
    Ok(message)
}

/// Reads one text frame from the server, within the limits of this protocol.
pub fn parse_server_message(text: &str) -> Result<ServerMessage, ParseError> {
    check_size(text, MAX_SERVER_MESSAGE_BYTES)?;
    let message = serde_json::from_str(text).map_err(|error| {
        if is_of_unknown_type(text) { ParseError::UnknownType } else { ParseError::Invalid(error) }
    })?;
    if let ServerMessage::Candidates { candidates, .. } = &message {
        check_candidates(candidates)?;
    }
    Ok(message)
}

/// What most messages fit into.
const TYPICAL_BYTES: usize = 384;

/// The text frame of a message of either direction.
///
/// # Panics
/// Never for the two message types: they hold only text, numbers and lists, which always serialize.
pub fn to_text<M: Serialize>(message: &M) -> String {
    let mut text = Vec::with_capacity(TYPICAL_BYTES);
    #[expect(clippy::expect_used, reason = "wire types have no map keys, no NaN and no fallible serializer")]
    serde_json::to_writer(&mut text, message).expect("wire types serialize");
    #[expect(clippy::expect_used, reason = "JSON is text")]
    String::from_utf8(text).expect("JSON is UTF-8")
}

/// Whether it is a message of the server, but none that is known.
fn is_of_unknown_type(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(rename = "type", borrow)]
        of: Cow<'a, str>,
    }

    serde_json::from_str(text).is_ok_and(|Envelope { of }| !ServerMessage::TYPES.contains(&of.as_ref()))
}

fn check_size(text: &str, allowed: usize) -> Result<(), ParseError> {
    let bytes = text.len();
    if bytes > allowed { Err(ParseError::TooLarge { bytes, allowed }) } else { Ok(()) }
}

fn check_candidates(candidates: &[Candidate]) -> Result<(), ParseError> {
    match candidates.len() {
        0..=MAX_CANDIDATES_PER_MESSAGE => Ok(()),
        count => Err(ParseError::TooManyCandidates(count)),
    }
}
