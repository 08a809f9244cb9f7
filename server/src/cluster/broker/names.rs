//! What nodes, people and their wishes are called in Redis. No secret and no identity is among it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngExt as _;
use rand::rngs::StdRng;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use visavis_protocol::{Interest, MatchKind, Region, SessionToken};

use crate::access::Identity;

/// Letters and digits of a node's name.
const NODE_LENGTH: usize = 12;
/// Bytes that are kept of a hash: nobody finds two texts that share so many, nor a token by them.
const HASH_BYTES: usize = 16;
/// Characters of such a hash, in base64url (RFC 4648 section 5).
const HASH_LENGTH: usize = 22;

/// One run of a server: drawn at its start, 12 letters and digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct NodeId(String);

/// A session, by the hash of its token: 22 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct SessionKey(String);

/// A person, by the hash of its identity: 22 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct IdentityKey(String);

/// Something that two strangers may meet over, which may be nothing but the kind of call.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct BucketKey(String);

/// When somebody began to wait, among all who do on all nodes: microseconds since 1970 by the clock of Redis, and everybody's
/// is another. Somebody keeps it for as long as it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Ticket(pub(crate) u64);

/// A text that names nothing of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no name of this kind")]
pub(crate) struct NameError;

impl NodeId {
    pub(crate) fn draw(rng: &mut StdRng) -> Self {
        const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        let characters = (0..NODE_LENGTH).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())]));
        Self(characters.collect())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for NodeId {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        let is_one = text.len() == NODE_LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_one { Ok(Self(text)) } else { Err(NameError) }
    }
}

impl From<NodeId> for String {
    fn from(node: NodeId) -> Self {
        node.0
    }
}

impl SessionKey {
    pub(crate) fn of(token: &SessionToken) -> Self {
        Self(hash(token.as_str()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SessionKey {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        let is_in_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let is_one = text.len() == HASH_LENGTH && text.bytes().all(is_in_alphabet);
        if is_one { Ok(Self(text)) } else { Err(NameError) }
    }
}

impl From<SessionKey> for String {
    fn from(session: SessionKey) -> Self {
        session.0
    }
}

impl IdentityKey {
    pub(crate) fn of(identity: &Identity) -> Self {
        Self(hash(identity.as_str()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl BucketKey {
    pub(crate) fn new(kind: MatchKind, interest: Option<&Interest>, region: Option<&Region>) -> Self {
        let kind = match kind {
            MatchKind::Text => 't',
            MatchKind::Audio => 'a',
            MatchKind::Video => 'v',
        };
        // Neither has a control character in it; a tab alone is a bucket of who names no interest.
        let interest = interest.map_or("", Interest::as_str);
        let region = region.map_or("", Region::as_str);
        Self(format!("{kind}\t{interest}\t{region}"))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

fn hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(&digest(&SHA256, text.as_bytes()).as_ref()[..HASH_BYTES])
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn a_drawn_node_is_one_and_another_each_time() {
        let mut rng = StdRng::seed_from_u64(1);
        let [one, other] = [NodeId::draw(&mut rng), NodeId::draw(&mut rng)];
        assert_ne!(one, other);
        assert_eq!(NodeId::try_from(one.to_string()), Ok(one));
        for text in ["", "short", "thirteen-char", "twelve chars"] {
            assert_eq!(NodeId::try_from(text.to_owned()), Err(NameError), "{text}");
        }
    }

    #[test]
    fn a_token_is_not_in_its_key() {
        let token = SessionToken::new("abc-DEF").expect("a token");
        let key = SessionKey::of(&token);
        assert_eq!(key, SessionKey::of(&token));
        assert!(!key.as_str().contains("abc"));
        assert_eq!(SessionKey::try_from(key.as_str().to_owned()), Ok(key));
        assert_eq!(SessionKey::try_from("with a space in the mid".to_owned()), Err(NameError));
    }

    #[test]
    fn buckets_differ_by_kind_interest_and_region() {
        let interest = Interest::new("owls").expect("an interest");
        let region = Region::new("owls").expect("a region");
        let keys = [
            BucketKey::new(MatchKind::Video, None, None),
            BucketKey::new(MatchKind::Audio, None, None),
            BucketKey::new(MatchKind::Video, Some(&interest), None),
            BucketKey::new(MatchKind::Video, None, Some(&region)),
            BucketKey::new(MatchKind::Video, Some(&interest), Some(&region)),
        ];
        let different: std::collections::HashSet<_> = keys.iter().collect();
        assert_eq!(different.len(), keys.len());
    }
}
