//! `docs/protocol.md` is true.

use std::collections::BTreeSet;

use serde_json::Value;
use visavis_protocol::{
    AddressFamily, CandidateType, ClientMessage, ErrorCode, MAX_ACCESS_TOKEN_BYTES,
    MAX_CANDIDATES_PER_MESSAGE, MAX_CONNECT_MS, MAX_INTERESTS, MAX_MESSAGE_BYTES, MAX_NAME_CHARS,
    MAX_REPORT_CHARS, MAX_ROOM_NAME_CHARS, MAX_SERVER_MESSAGE_BYTES, PROTOCOL_VERSION, RelayProtocol,
    ReportReason, ServerMessage, parse_client_message, parse_server_message,
};

use crate::samples;

const DOCUMENT: &str = include_str!("../../../../docs/protocol.md");

#[test]
fn every_example_is_a_message_and_every_message_has_an_example() {
    let (mut client, mut server) = (BTreeSet::new(), BTreeSet::new());
    for example in examples() {
        let as_client = parse_client_message(example);
        let as_server = parse_server_message(example);
        assert!(as_client.is_ok() || as_server.is_ok(), "{example}\n{as_client:?}\n{as_server:?}");
        let value: Value = serde_json::from_str(example).expect("JSON");
        let name = value["type"].as_str().expect("a type").to_owned();
        if as_client.is_ok() {
            client.insert(name.clone());
        }
        if as_server.is_ok() {
            server.insert(name);
        }
    }
    assert_eq!(client, samples::types_of::<ClientMessage>());
    assert_eq!(server, samples::types_of::<ServerMessage>());
}

#[test]
fn every_error_code_is_in_the_table() {
    let rows: BTreeSet<&str> = section("## Errors")
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(code, _)| code)
        .collect();
    let codes: BTreeSet<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(rows, codes);
}

#[test]
fn every_reason_of_a_report_is_named() {
    let reports = section("## Reports and blocks");
    for reason in ReportReason::ALL {
        assert!(reports.contains(&format!("`{}`", reason.as_str())), "{reason:?}");
    }
}

#[test]
fn every_word_about_paths_is_named() {
    let paths = section("## What operators learn of paths");
    let kinds = CandidateType::ALL.map(CandidateType::as_str);
    let protocols = RelayProtocol::ALL.map(RelayProtocol::as_str);
    let families = AddressFamily::ALL.map(AddressFamily::as_str);
    for word in kinds.iter().chain(&protocols).chain(&families) {
        assert!(paths.contains(&format!("`{word}`")), "{word}");
    }
}

#[test]
fn the_limits_are_those_of_the_code() {
    let limits = section("## Limits");
    for value in [
        MAX_MESSAGE_BYTES,
        MAX_SERVER_MESSAGE_BYTES,
        MAX_CANDIDATES_PER_MESSAGE,
        MAX_INTERESTS,
        MAX_ROOM_NAME_CHARS,
        MAX_NAME_CHARS,
        MAX_ACCESS_TOKEN_BYTES,
        MAX_REPORT_CHARS,
    ]
    .into_iter()
    .chain(usize::try_from(MAX_CONNECT_MS))
    {
        assert!(limits.contains(&format!("| {value} ")), "{value}");
    }
    assert!(DOCUMENT.starts_with(&format!("# Visavis signaling, version {PROTOCOL_VERSION}\n")));
}

/// The code blocks tagged `json`.
fn examples() -> impl Iterator<Item = &'static str> {
    DOCUMENT.split("```json\n").skip(1).filter_map(|rest| rest.split_once("```")).map(|(example, _)| example)
}

/// A section of the second level, without its heading.
fn section(heading: &str) -> &'static str {
    let (_, rest) = DOCUMENT.split_once(&format!("\n{heading}\n")).expect(heading);
    rest.split_once("\n## ").map_or(rest, |(section, _)| section)
}
