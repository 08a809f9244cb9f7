//! Every message beside its text on the wire.

use std::collections::BTreeSet;

use ts_rs::{Config, TS};
use visavis_protocol::{
    AccessToken, AddressFamily, Again, Candidate, CandidateType, ClientMessage, Description, DescriptionKind,
    DisplayName, Door, ErrorCode, Hello, HostAction, IceMode, IceServer, Interest, Join, Knock, LeaveReason,
    MatchKind, MediaState, Participant, ParticipantId, PathReport, Region, RelayProtocol, Report, ReportId,
    ReportReason, ReportWords, Resume, Resumed, Role, RoomName, Seek, SelectedPair, ServerMessage,
    SessionToken,
};

const MEDIA: MediaState = MediaState { microphone: true, camera: false, screen: false };

pub(crate) fn client() -> Vec<(ClientMessage, &'static str)> {
    vec![
        (
            ClientMessage::Hello(Hello {
                protocol: 1,
                client: "visavis-peer/0.1.0".to_owned(),
                resume: None,
                token: None,
            }),
            r#"{"type":"hello","payload":{"protocol":1,"client":"visavis-peer/0.1.0"}}"#,
        ),
        (
            ClientMessage::Hello(Hello {
                protocol: 1,
                client: "visavis-peer/0.1.0".to_owned(),
                resume: Some(Resume { session: session(), received: 7 }),
                token: None,
            }),
            r#"{"type":"hello","payload":{"protocol":1,"client":"visavis-peer/0.1.0","resume":{"session":"Qm4_z-Tk","received":7}}}"#,
        ),
        (
            ClientMessage::Hello(Hello {
                protocol: 1,
                client: "visavis-peer/0.1.0".to_owned(),
                resume: None,
                token: Some(access()),
            }),
            r#"{"type":"hello","payload":{"protocol":1,"client":"visavis-peer/0.1.0","token":"eyJh.eyJz.c2ln"}}"#,
        ),
        (
            ClientMessage::Join(Join { room: room(), name: name(), media: MEDIA, again: None }),
            r#"{"type":"join","payload":{"room":"blue-owl","name":"Ada L.","media":{"microphone":true,"camera":false}}}"#,
        ),
        (
            ClientMessage::Join(Join {
                room: room(),
                name: name(),
                media: MEDIA,
                again: Some(Again { you: id(), others: vec![id()], door: Door::Locked }),
            }),
            r#"{"type":"join","payload":{"room":"blue-owl","name":"Ada L.","media":{"microphone":true,"camera":false},"again":{"you":"Ab3-_xyz","others":["Ab3-_xyz"],"door":"locked"}}}"#,
        ),
        (ClientMessage::Leave, r#"{"type":"leave"}"#),
        (
            ClientMessage::Seek(Seek {
                name: name(),
                media: MEDIA,
                kind: MatchKind::Audio,
                interests: vec![Interest::new("chess").expect("an interest")],
                region: Some(Region::new("eu").expect("a region")),
            }),
            r#"{"type":"seek","payload":{"name":"Ada L.","media":{"microphone":true,"camera":false},"kind":"audio","interests":["chess"],"region":"eu"}}"#,
        ),
        (ClientMessage::Next, r#"{"type":"next"}"#),
        (
            ClientMessage::Description { to: id(), description: description(DescriptionKind::Offer) },
            r#"{"type":"description","payload":{"to":"Ab3-_xyz","description":{"kind":"offer","negotiation":1,"sdp":"v=0\r\n"}}}"#,
        ),
        (
            ClientMessage::Description { to: id(), description: description(DescriptionKind::Answer) },
            r#"{"type":"description","payload":{"to":"Ab3-_xyz","description":{"kind":"answer","negotiation":1,"sdp":"v=0\r\n"}}}"#,
        ),
        (
            ClientMessage::Candidates { to: id(), candidates: vec![candidate()] },
            r#"{"type":"candidates","payload":{"to":"Ab3-_xyz","candidates":[{"candidate":"candidate:1 1 udp 1 192.0.2.1 9 typ host","mid":"0","ufrag":"Yx7k"}]}}"#,
        ),
        (
            ClientMessage::EndOfCandidates { to: id(), ufrag: "Yx7k".to_owned() },
            r#"{"type":"end_of_candidates","payload":{"to":"Ab3-_xyz","ufrag":"Yx7k"}}"#,
        ),
        (ClientMessage::Media(MEDIA), r#"{"type":"media","payload":{"microphone":true,"camera":false}}"#),
        (
            ClientMessage::Media(MediaState { screen: true, ..MEDIA }),
            r#"{"type":"media","payload":{"microphone":true,"camera":false,"screen":true}}"#,
        ),
        (ClientMessage::Consent, r#"{"type":"consent"}"#),
        (
            ClientMessage::Host(HostAction::Admit { participant: id() }),
            r#"{"type":"host","payload":{"action":"admit","participant":"Ab3-_xyz"}}"#,
        ),
        (
            ClientMessage::Host(HostAction::Deny { participant: id() }),
            r#"{"type":"host","payload":{"action":"deny","participant":"Ab3-_xyz"}}"#,
        ),
        (
            ClientMessage::Host(HostAction::Mute { participant: id() }),
            r#"{"type":"host","payload":{"action":"mute","participant":"Ab3-_xyz"}}"#,
        ),
        (ClientMessage::Host(HostAction::MuteAll {}), r#"{"type":"host","payload":{"action":"mute_all"}}"#),
        (
            ClientMessage::Host(HostAction::Remove { participant: id() }),
            r#"{"type":"host","payload":{"action":"remove","participant":"Ab3-_xyz"}}"#,
        ),
        (
            ClientMessage::Host(HostAction::SetDoor { door: Door::Lobby }),
            r#"{"type":"host","payload":{"action":"set_door","door":"lobby"}}"#,
        ),
        (ClientMessage::Host(HostAction::End {}), r#"{"type":"host","payload":{"action":"end"}}"#),
        (
            ClientMessage::Report(Report {
                participant: id(),
                reason: ReportReason::Spam,
                words: ReportWords::new("sells\nwatches").expect("words"),
            }),
            r#"{"type":"report","payload":{"participant":"Ab3-_xyz","reason":"spam","words":"sells\nwatches"}}"#,
        ),
        (
            ClientMessage::Block { participant: id() },
            r#"{"type":"block","payload":{"participant":"Ab3-_xyz"}}"#,
        ),
        (
            ClientMessage::Path(PathReport::Connected {
                connect_ms: 412,
                pair: SelectedPair {
                    kind: CandidateType::Relay,
                    relay_protocol: Some(RelayProtocol::Tls),
                    family: Some(AddressFamily::Ipv6),
                },
            }),
            r#"{"type":"path","payload":{"event":"connected","connect_ms":412,"pair":{"kind":"relay","relay_protocol":"tls","family":"ipv6"}}}"#,
        ),
        (
            ClientMessage::Path(PathReport::Changed {
                pair: SelectedPair { kind: CandidateType::Host, relay_protocol: None, family: None },
            }),
            r#"{"type":"path","payload":{"event":"changed","pair":{"kind":"host"}}}"#,
        ),
        (ClientMessage::Path(PathReport::Restarted {}), r#"{"type":"path","payload":{"event":"restarted"}}"#),
        (
            ClientMessage::Path(PathReport::Reconnected {}),
            r#"{"type":"path","payload":{"event":"reconnected"}}"#,
        ),
        (
            ClientMessage::Path(PathReport::Failed { was_connected: true }),
            r#"{"type":"path","payload":{"event":"failed","was_connected":true}}"#,
        ),
    ]
}

pub(crate) fn server() -> Vec<(ServerMessage, &'static str)> {
    vec![
        (
            ServerMessage::Welcome {
                protocol: 1,
                server: "visavis-server/0.1.0".to_owned(),
                ice_servers: vec![
                    IceServer { urls: vec!["stun:a.example".to_owned()], username: None, credential: None },
                    IceServer {
                        urls: vec!["turn:b.example".to_owned()],
                        username: Some("u".to_owned()),
                        credential: Some("c".to_owned()),
                    },
                ],
                session: None,
                resumed: None,
                guest: None,
                ice_mode: None,
                path_reports: false,
            },
            r#"{"type":"welcome","payload":{"protocol":1,"server":"visavis-server/0.1.0","ice_servers":[{"urls":["stun:a.example"]},{"urls":["turn:b.example"],"username":"u","credential":"c"}]}}"#,
        ),
        (
            ServerMessage::Welcome {
                protocol: 1,
                server: "visavis-server/0.1.0".to_owned(),
                ice_servers: Vec::new(),
                session: Some(session()),
                resumed: Some(Resumed { received: 3 }),
                guest: None,
                ice_mode: Some(IceMode::Relay),
                path_reports: false,
            },
            r#"{"type":"welcome","payload":{"protocol":1,"server":"visavis-server/0.1.0","ice_servers":[],"session":"Qm4_z-Tk","resumed":{"received":3},"ice_mode":"relay"}}"#,
        ),
        (
            ServerMessage::Welcome {
                protocol: 1,
                server: "visavis-server/0.1.0".to_owned(),
                ice_servers: Vec::new(),
                session: Some(session()),
                resumed: None,
                guest: Some(access()),
                ice_mode: None,
                path_reports: true,
            },
            r#"{"type":"welcome","payload":{"protocol":1,"server":"visavis-server/0.1.0","ice_servers":[],"session":"Qm4_z-Tk","guest":"eyJh.eyJz.c2ln","path_reports":true}}"#,
        ),
        (
            ServerMessage::Joined {
                room: room(),
                you: ParticipantId::new("me").expect("an id"),
                participants: vec![participant(Role::Offerer)],
                host: false,
                door: Door::Open,
                ice_mode: None,
            },
            r#"{"type":"joined","payload":{"room":"blue-owl","you":"me","participants":[{"id":"Ab3-_xyz","name":"Ada L.","media":{"microphone":true,"camera":false},"role":"offerer"}]}}"#,
        ),
        (
            ServerMessage::Joined {
                room: room(),
                you: id(),
                participants: vec![Participant { host: true, ..participant(Role::Offerer) }],
                host: true,
                door: Door::Locked,
                ice_mode: Some(IceMode::Relay),
            },
            r#"{"type":"joined","payload":{"room":"blue-owl","you":"Ab3-_xyz","participants":[{"id":"Ab3-_xyz","name":"Ada L.","media":{"microphone":true,"camera":false},"role":"offerer","host":true}],"host":true,"door":"locked","ice_mode":"relay"}}"#,
        ),
        (ServerMessage::Consent { from: id() }, r#"{"type":"consent","payload":{"from":"Ab3-_xyz"}}"#),
        (ServerMessage::Direct, r#"{"type":"direct"}"#),
        (
            ServerMessage::Waiting { room: room(), you: id() },
            r#"{"type":"waiting","payload":{"room":"blue-owl","you":"Ab3-_xyz"}}"#,
        ),
        (
            ServerMessage::Queued { place: 3, waiting: 7 },
            r#"{"type":"queued","payload":{"place":3,"waiting":7}}"#,
        ),
        (ServerMessage::TurnedAway, r#"{"type":"turned_away"}"#),
        (
            ServerMessage::Knock(Knock { participant: id(), name: name() }),
            r#"{"type":"knock","payload":{"participant":"Ab3-_xyz","name":"Ada L."}}"#,
        ),
        (
            ServerMessage::KnockEnded { participant: id() },
            r#"{"type":"knock_ended","payload":{"participant":"Ab3-_xyz"}}"#,
        ),
        (ServerMessage::Door { door: Door::Open }, r#"{"type":"door","payload":{"door":"open"}}"#),
        (
            ServerMessage::Host { participant: id() },
            r#"{"type":"host","payload":{"participant":"Ab3-_xyz"}}"#,
        ),
        (ServerMessage::Muted { by: id() }, r#"{"type":"muted","payload":{"by":"Ab3-_xyz"}}"#),
        (
            ServerMessage::ParticipantJoined { participant: participant(Role::Answerer) },
            r#"{"type":"participant_joined","payload":{"participant":{"id":"Ab3-_xyz","name":"Ada L.","media":{"microphone":true,"camera":false},"role":"answerer"}}}"#,
        ),
        (
            ServerMessage::ParticipantLeft { participant: id(), reason: LeaveReason::Left },
            r#"{"type":"participant_left","payload":{"participant":"Ab3-_xyz","reason":"left"}}"#,
        ),
        (
            ServerMessage::ParticipantLeft { participant: id(), reason: LeaveReason::Disconnected },
            r#"{"type":"participant_left","payload":{"participant":"Ab3-_xyz","reason":"disconnected"}}"#,
        ),
        (
            ServerMessage::ParticipantLeft { participant: id(), reason: LeaveReason::Removed },
            r#"{"type":"participant_left","payload":{"participant":"Ab3-_xyz","reason":"removed"}}"#,
        ),
        (
            ServerMessage::ParticipantLeft { participant: id(), reason: LeaveReason::Ended },
            r#"{"type":"participant_left","payload":{"participant":"Ab3-_xyz","reason":"ended"}}"#,
        ),
        (
            ServerMessage::Description { from: id(), description: description(DescriptionKind::Offer) },
            r#"{"type":"description","payload":{"from":"Ab3-_xyz","description":{"kind":"offer","negotiation":1,"sdp":"v=0\r\n"}}}"#,
        ),
        (
            ServerMessage::Candidates { from: id(), candidates: vec![candidate()] },
            r#"{"type":"candidates","payload":{"from":"Ab3-_xyz","candidates":[{"candidate":"candidate:1 1 udp 1 192.0.2.1 9 typ host","mid":"0","ufrag":"Yx7k"}]}}"#,
        ),
        (
            ServerMessage::EndOfCandidates { from: id(), ufrag: "Yx7k".to_owned() },
            r#"{"type":"end_of_candidates","payload":{"from":"Ab3-_xyz","ufrag":"Yx7k"}}"#,
        ),
        (
            ServerMessage::Media { from: id(), media: MEDIA },
            r#"{"type":"media","payload":{"from":"Ab3-_xyz","media":{"microphone":true,"camera":false}}}"#,
        ),
        (
            ServerMessage::Reported { report: ReportId::new("0190-7a").expect("an id") },
            r#"{"type":"reported","payload":{"report":"0190-7a"}}"#,
        ),
        (
            ServerMessage::Blocked { participant: id() },
            r#"{"type":"blocked","payload":{"participant":"Ab3-_xyz"}}"#,
        ),
        (
            ServerMessage::Error {
                code: ErrorCode::RoomFull,
                message: "the room is full".to_owned(),
                retry_after_ms: None,
            },
            r#"{"type":"error","payload":{"code":"room_full","message":"the room is full"}}"#,
        ),
        (
            ServerMessage::Error {
                code: ErrorCode::RateLimited,
                message: "later".to_owned(),
                retry_after_ms: Some(20),
            },
            r#"{"type":"error","payload":{"code":"rate_limited","message":"later","retry_after_ms":20}}"#,
        ),
    ]
}

/// The `type`s that a message enum has, as its TypeScript tells them: nobody has to keep a list.
pub(crate) fn types_of<M: TS>() -> BTreeSet<String> {
    let definition = M::inline(&Config::new());
    let types: BTreeSet<_> = definition
        .split(r#""type": ""#)
        .skip(1)
        .filter_map(|rest| rest.split_once('"'))
        .map(|(name, _)| name.to_owned())
        .collect();
    assert!(!types.is_empty(), "{definition}");
    types
}

fn room() -> RoomName {
    RoomName::new("blue-owl").expect("a room name")
}

fn session() -> SessionToken {
    SessionToken::new("Qm4_z-Tk").expect("a token")
}

fn access() -> AccessToken {
    AccessToken::new("eyJh.eyJz.c2ln").expect("a token")
}

fn id() -> ParticipantId {
    ParticipantId::new("Ab3-_xyz").expect("an id")
}

fn name() -> DisplayName {
    DisplayName::new("Ada L.").expect("a name")
}

fn participant(role: Role) -> Participant {
    Participant { id: id(), name: name(), media: MEDIA, role, host: false }
}

fn description(kind: DescriptionKind) -> Description {
    Description { kind, negotiation: 1, sdp: "v=0\r\n".to_owned() }
}

fn candidate() -> Candidate {
    Candidate {
        candidate: "candidate:1 1 udp 1 192.0.2.1 9 typ host".to_owned(),
        mid: "0".to_owned(),
        ufrag: "Yx7k".to_owned(),
    }
}
