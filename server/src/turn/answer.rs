//! What is answered to requests (RFC 8489 section 6.3, RFC 8656).

use std::net::SocketAddr;

use stun_types::attribute::{ErrorCode, Nonce, Realm, XorMappedAddress};
use stun_types::message::{IntegrityAlgorithm, IntegrityKey, Message, MessageWriteVec, StunWriteError};
use stun_types::prelude::{AttributeWrite, MessageWrite as _, MessageWriteExt as _};

use super::Refusal;

/// A request succeeded; the answer tells these things, signed.
pub(super) fn success(
    request: &Message<'_>,
    attributes: &[&dyn AttributeWrite],
    key: &IntegrityKey,
) -> Result<Vec<u8>, StunWriteError> {
    let mut answer = Message::builder_success(request, MessageWriteVec::new());
    for attribute in attributes {
        answer.add_attribute(*attribute)?;
    }
    sign(answer, key)
}

/// A request of a known user is refused.
pub(super) fn refusal(
    request: &Message<'_>,
    refusal: Refusal,
    key: &IntegrityKey,
) -> Result<Vec<u8>, StunWriteError> {
    let mut answer = Message::builder_error(request, MessageWriteVec::new());
    answer.add_attribute(&error(refusal)?)?;
    sign(answer, key)
}

/// A request of nobody in particular is refused, in few bytes: it may have been sent in the name of somebody else.
pub(super) fn unsigned(request: &Message<'_>, refusal: Refusal) -> Result<Vec<u8>, StunWriteError> {
    let mut answer = Message::builder_error(request, MessageWriteVec::new());
    answer.add_attribute(&error(refusal)?)?;
    Ok(answer.finish())
}

/// Whoever asks has to prove who it is (RFC 8489 section 9.2.4), in few bytes too.
pub(super) fn challenge(
    request: &Message<'_>,
    refusal: Refusal,
    realm: &str,
    nonce: &str,
) -> Result<Vec<u8>, StunWriteError> {
    let mut answer = Message::builder_error(request, MessageWriteVec::new());
    answer.add_attribute(&error(refusal)?)?;
    answer.add_attribute(&Realm::new(realm)?)?;
    answer.add_attribute(&Nonce::new(nonce)?)?;
    Ok(answer.finish())
}

/// Where a client is seen to be.
pub(super) fn binding(request: &Message<'_>, seen: SocketAddr) -> Result<Vec<u8>, StunWriteError> {
    let mut answer = Message::builder_success(request, MessageWriteVec::new());
    answer.add_attribute(&XorMappedAddress::new(seen, request.transaction_id()))?;
    Ok(answer.finish())
}

pub(super) fn sign(mut answer: MessageWriteVec, key: &IntegrityKey) -> Result<Vec<u8>, StunWriteError> {
    answer.add_message_integrity_with_key(key, IntegrityAlgorithm::Sha1)?;
    Ok(answer.finish())
}

/// Without the words that would say the same again.
fn error(refusal: Refusal) -> Result<ErrorCode, StunWriteError> {
    ErrorCode::new(refusal.code(), "")
}
