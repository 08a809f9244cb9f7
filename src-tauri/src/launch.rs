//! What the app was started with, as a link for the page.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use url::Url;
use visavis_engine::{InviteError, InviteLink};

use crate::args::Args;

/// Opens the app from other programs; `visavis://HOST/r/ROOM` stands for `https://HOST/r/ROOM`.
const APP_SCHEME: &str = "visavis";

/// An invite link with its query, which may hold options for the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LaunchLink(Url);

impl FromStr for LaunchLink {
    type Err = InviteError;

    fn from_str(text: &str) -> Result<Self, InviteError> {
        let text = text.trim();
        let link = match text.split_once("://") {
            Some((APP_SCHEME, rest)) => format!("https://{rest}"),
            Some(_) | None => text.to_owned(),
        };
        link.parse::<InviteLink>()?;
        Ok(Self(Url::parse(&link).map_err(|_| InviteError::Shape)?))
    }
}

impl fmt::Display for LaunchLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the page begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Launch {
    link: Option<String>,
    /// Enter the room at once, whatever the devices. No link can ask for this: only who starts the app can.
    enter: bool,
}

impl Launch {
    pub(crate) fn new(args: &Args) -> Self {
        Self { link: launch_link(args), enter: args.join }
    }
}

/// The link the page begins with: the invite link, if any, with the devices and the name of the command line in its
/// query. Without an invite they come with a `visavis:` link, which leads to no room.
fn launch_link(args: &Args) -> Option<String> {
    let options: Vec<(&str, String)> = [
        ("camera", args.camera.clone().map(String::from)),
        ("microphone", args.microphone.clone().map(String::from)),
        ("speaker", args.speaker.clone().map(String::from)),
        ("name", args.name.clone().map(String::from)),
    ]
    .into_iter()
    .filter_map(|(kind, choice)| choice.map(|choice| (kind, choice)))
    .collect();
    if options.is_empty() {
        return args.invite_link.as_ref().map(LaunchLink::to_string);
    }
    let mut url = match &args.invite_link {
        Some(link) => link.0.clone(),
        None => Url::parse(&format!("{APP_SCHEME}:")).ok()?,
    };
    let others: Vec<(String, String)> = url
        .query_pairs()
        .into_owned()
        .filter(|(key, _)| options.iter().all(|(kind, _)| key != kind))
        .collect();
    url.query_pairs_mut().clear().extend_pairs(others).extend_pairs(options);
    Some(url.into())
}

#[cfg(test)]
mod tests {
    use visavis_media::CameraChoice;

    use super::*;

    fn link(text: &str) -> String {
        text.parse::<LaunchLink>().expect(text).to_string()
    }

    #[test]
    fn a_link_keeps_its_query() {
        assert_eq!(
            link("http://127.0.0.1:8080/r/a?join=1&name=Ada"),
            "http://127.0.0.1:8080/r/a?join=1&name=Ada"
        );
    }

    #[test]
    fn a_link_of_the_app_means_https() {
        assert_eq!(link("visavis://calls.example.org:8443/r/a"), "https://calls.example.org:8443/r/a");
    }

    #[test]
    fn what_leads_to_no_room_is_refused() {
        for text in
            ["", "visavis:", "visavis://host", "visavis://host/r/", "file:///r/a", "visavis://file:///r/a"]
        {
            assert!(text.parse::<LaunchLink>().is_err(), "{text}");
        }
    }

    #[test]
    fn devices_of_the_command_line_win_over_the_links() {
        let invite_link = Some("https://host/r/a?camera=none&join=1".parse().expect("a link"));
        let args =
            Args { camera: Some(CameraChoice::File("/a b.y4m".into())), invite_link, ..Args::default() };
        assert_eq!(launch_link(&args).as_deref(), Some("https://host/r/a?join=1&camera=%2Fa+b.y4m"));
    }

    #[test]
    fn devices_need_no_invite() {
        assert_eq!(launch_link(&Args::default()), None);
        let args = Args { camera: Some(CameraChoice::Pattern), ..Args::default() };
        assert_eq!(launch_link(&args).as_deref(), Some("visavis:?camera=pattern"));
    }
}
