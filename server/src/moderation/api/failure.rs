use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::moderation::clerk::ArchiveError;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Failure {
    /// Stable, for programs.
    pub(super) code: FailureCode,
    /// For people.
    pub(super) message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum FailureCode {
    /// No token, or none of a moderator.
    Unauthorized,
    /// The request is not as it has to be.
    Invalid,
    /// There is no such report or ban.
    NotFound,
    AlreadyResolved,
    /// A ban by address alone of somebody whose address is not known.
    AddressUnknown,
    /// The server has no database, or that does not answer.
    Unavailable,
}

impl Failure {
    pub(super) fn new(code: FailureCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(FailureCode::Invalid, message)
    }
}

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        let code = match error {
            ArchiveError::NotFound => FailureCode::NotFound,
            ArchiveError::AlreadyResolved => FailureCode::AlreadyResolved,
            ArchiveError::AddressUnknown => FailureCode::AddressUnknown,
            ArchiveError::Full | ArchiveError::Unavailable => FailureCode::Unavailable,
        };
        Self::new(code, error.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = match self.code {
            FailureCode::Unauthorized => {
                let scheme = [(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))];
                return (StatusCode::UNAUTHORIZED, scheme, Json(self)).into_response();
            }
            FailureCode::Invalid => StatusCode::BAD_REQUEST,
            FailureCode::NotFound => StatusCode::NOT_FOUND,
            FailureCode::AlreadyResolved | FailureCode::AddressUnknown => StatusCode::CONFLICT,
            FailureCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, Json(self)).into_response()
    }
}
