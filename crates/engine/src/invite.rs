use std::fmt;
use std::str::FromStr;

use url::Url;
use visavis_protocol::{AccessToken, DisplayName, IdError, RoomName};

use crate::api::Command;

/// An invite link, `http(s)://HOST[:PORT]/r/ROOM[#token=TOKEN]`, or `/meet` for a stranger: which server, which room, and who
/// comes. Written without the token, which is for one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteLink {
    /// The server's origin, such as `https://calls.example.org`.
    pub server: String,
    pub place: Place,
    pub token: Option<AccessToken>,
}

/// Where a link leads to on its server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Room(RoomName),
    /// To somebody whom the server finds.
    Stranger,
}

impl InviteLink {
    /// What has an engine go there.
    pub fn command(self, name: DisplayName) -> Command {
        let Self { server, place, token } = self;
        match place {
            Place::Room(room) => Command::Join { server, room, name, token },
            Place::Stranger => Command::Seek { server, name, interests: Vec::new(), region: None, token },
        }
    }
}

/// Why a text is not an invite link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InviteError {
    #[error("an invite link looks like https://HOST/r/ROOM, or https://HOST/meet")]
    Shape,
    #[error("the room's name or the token is not valid: {0}")]
    Text(#[from] IdError),
}

impl FromStr for InviteLink {
    type Err = InviteError;

    fn from_str(text: &str) -> Result<Self, InviteError> {
        let url = Url::parse(text.trim()).map_err(|_| InviteError::Shape)?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(InviteError::Shape);
        }
        let place = match url.path().trim_end_matches('/') {
            "/meet" => Place::Stranger,
            path => {
                let room = path.strip_prefix("/r/").and_then(percent_decode).ok_or(InviteError::Shape)?;
                Place::Room(RoomName::new(room)?)
            }
        };
        let token = url.fragment().and_then(token_in).map(AccessToken::new).transpose()?;
        Ok(Self { server: url.origin().ascii_serialization(), place, token })
    }
}

impl fmt::Display for InviteLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = match &self.place {
            Place::Room(room) => format!("/r/{room}"),
            Place::Stranger => "/meet".to_owned(),
        };
        match Url::parse(&self.server).and_then(|server| server.join(&path)) {
            Ok(url) => write!(f, "{url}"),
            Err(_) => write!(f, "{}{path}", self.server),
        }
    }
}

/// The token in a link's fragment. Servers do not see it there.
fn token_in(fragment: &str) -> Option<&str> {
    fragment.split('&').find_map(|part| part.strip_prefix("token="))
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str) -> Place {
        Place::Room(RoomName::new(name).expect("a room name"))
    }

    #[test]
    fn a_link_may_lead_to_a_stranger() {
        let link: InviteLink = "https://calls.example.org/meet".parse().expect("a link");
        assert_eq!(
            (&link.place, link.to_string().as_str()),
            (&Place::Stranger, "https://calls.example.org/meet")
        );
    }

    #[test]
    fn links_are_read_and_written() {
        let link: InviteLink = "https://calls.example.org:8443/r/blue-owl/".parse().expect("a link");
        assert_eq!(link.server, "https://calls.example.org:8443");
        assert_eq!(link.place, room("blue-owl"));
        assert_eq!(link.to_string(), "https://calls.example.org:8443/r/blue-owl");
        let link: InviteLink = "http://127.0.0.1:8080/r/K%C3%BCche?x=1".parse().expect("a link");
        assert_eq!(link.place, room("Küche"));
        assert_eq!(link.to_string().parse(), Ok(link));
    }

    #[test]
    fn a_token_is_read_and_not_passed_on() {
        let link: InviteLink = "https://host/r/owl#token=a.b.c".parse().expect("a link");
        assert_eq!(link.token, Some(AccessToken::new("a.b.c").expect("a token")));
        assert_eq!(link.to_string(), "https://host/r/owl");
        let link: InviteLink = "https://host/r/owl#elsewhere".parse().expect("a link");
        assert_eq!(link.token, None);
        assert!(matches!("https://host/r/owl#token=".parse::<InviteLink>(), Err(InviteError::Text(_))));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "blue-owl", "ftp://host/r/room", "https://host/", "https://host/r/a%2", "/r/room"] {
            assert_eq!(text.parse::<InviteLink>(), Err(InviteError::Shape), "{text}");
        }
        assert!(matches!("https://host/r/a%2Fb".parse::<InviteLink>(), Err(InviteError::Text(_))));
    }
}
