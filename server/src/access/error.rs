use std::io;
use std::path::PathBuf;

/// Why a server cannot know who may connect.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    #[error("cannot read the key {}", file.display())]
    Read { file: PathBuf, source: io::Error },
    #[error("{} is no public key in PEM for {algorithm}", file.display())]
    NoPublicKey { file: PathBuf, algorithm: &'static str },
    #[error("{} holds {source}", file.display())]
    Secret { file: PathBuf, source: crate::config::SecretError },
    #[error("two keys of [access] have the id {0:?}")]
    SameId(String),
    #[error("{0:?} is no id for a key: it is empty, or kept for the server's own")]
    BadId(String),
    #[error(
        "access.anonymous is false, and there is no key that a token could be signed with: nobody could enter"
    )]
    Nobody,
    #[error("the system has no certificates to know the host of access.jwks_url by")]
    NoRoots(#[source] io::Error),
    #[error("[access] has no secret with the id {0:?} to sign with")]
    NoSuchSecret(String),
    #[error("[access] has no secret to sign with; `visavis-server generate-keys` makes one")]
    NoSecret,
    #[error("cannot sign the token")]
    Sign(#[source] jsonwebtoken::errors::Error),
    #[error("the token would have more than {} bytes", visavis_protocol::MAX_ACCESS_TOKEN_BYTES)]
    TooLarge,
}

/// Why somebody may not connect, as the client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("this server wants a token")]
    Missing,
    #[error("the token is no JSON Web Token that this server reads")]
    Malformed,
    #[error("the token is signed with a key that this server does not know")]
    UnknownKey,
    #[error("the token's signature is not that of its key")]
    Forged,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYet,
    #[error("the token is from another issuer")]
    ForeignIssuer,
    #[error("the token is for another audience")]
    WrongAudience,
    #[error("the token does not say what it has to, or says it wrongly")]
    Claims,
}
