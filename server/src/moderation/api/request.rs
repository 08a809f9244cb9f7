//! What is asked for, read strictly: what is wrong with it is a [`Failure`].

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::failure::{Failure, FailureCode};
use crate::moderation::records::Part;

/// The body, as JSON.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

/// The query of the URL.
#[derive(Debug)]
pub(super) struct Asked<T>(pub(super) T);

/// The id in the path.
#[derive(Debug)]
pub(super) struct Id(pub(super) String);

/// Which part of many.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct PartQuery {
    /// The `next` of the part before.
    pub(super) after: Option<String>,
    /// How many at most: 1 to 200, or else 50.
    #[param(minimum = 1, maximum = 200)]
    pub(super) limit: Option<u32>,
}

/// Which reports.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ReportsQuery {
    /// Those that wait, or those that are done; without it, those that wait.
    #[serde(default)]
    #[param(inline)]
    pub(super) state: WhichReports,
    /// The `next` of the part before.
    pub(super) after: Option<String>,
    /// How many at most: 1 to 200, or else 50.
    #[param(minimum = 1, maximum = 200)]
    pub(super) limit: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum WhichReports {
    /// The one that waited longest first.
    #[default]
    Open,
    /// The newest first.
    Resolved,
}

const USUAL_LIMIT: u32 = 50;
const LARGEST_LIMIT: u32 = 200;

impl PartQuery {
    pub(super) fn part(self) -> Result<Part, Failure> {
        let after = self.after.map(|id| known_form(&id)).transpose()?;
        let limit = self.limit.unwrap_or(USUAL_LIMIT);
        if !(1..=LARGEST_LIMIT).contains(&limit) {
            return Err(Failure::invalid(format!("limit is 1 to {LARGEST_LIMIT}")));
        }
        Ok(Part { after, limit })
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let Json(body) = Json::from_request(request, state)
            .await
            .map_err(|rejection| Failure::invalid(rejection.body_text()))?;
        Ok(Self(body))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Query(asked) = Query::from_request_parts(parts, state)
            .await
            .map_err(|rejection| Failure::invalid(rejection.body_text()))?;
        Ok(Self(asked))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let unknown = || Failure::new(FailureCode::NotFound, "there is no such thing");
        let Path(id) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| unknown())?;
        let id: Uuid = id.parse().map_err(|_| unknown())?;
        Ok(Self(id.to_string()))
    }
}

fn known_form(id: &str) -> Result<String, Failure> {
    let id: Uuid = id.parse().map_err(|_| Failure::invalid("after is the `next` of a part"))?;
    Ok(id.to_string())
}

/// Something that a moderator wrote, of so many characters: no control characters but tab and line feed.
pub(super) fn written(
    what: &str,
    text: &str,
    characters: std::ops::RangeInclusive<usize>,
) -> Result<String, Failure> {
    let text = text.trim().replace("\r\n", "\n");
    if !characters.contains(&text.chars().count()) {
        let (least, most) = (characters.start(), characters.end());
        return Err(Failure::invalid(format!("{what} has {least} to {most} characters")));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        return Err(Failure::invalid(format!("{what} holds a control character")));
    }
    Ok(text)
}
