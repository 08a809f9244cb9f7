//! Each message has the one text that other implementations know.

use std::collections::BTreeSet;

use serde_json::Value;
use visavis_protocol::{
    AddressFamily, CandidateType, ClientMessage, ErrorCode, RelayProtocol, ReportReason, ServerMessage,
    parse_client_message, parse_server_message, to_text,
};

use crate::samples;

#[test]
fn client_messages_have_their_text() {
    for (message, text) in samples::client() {
        assert_eq!(to_text(&message), text);
        assert_eq!(parse_client_message(text).expect(text), message);
    }
}

#[test]
fn server_messages_have_their_text() {
    for (message, text) in samples::server() {
        assert_eq!(to_text(&message), text);
        assert_eq!(parse_server_message(text).expect(text), message);
    }
}

#[test]
fn no_message_is_without_a_snapshot() {
    let client: BTreeSet<_> = samples::client().iter().map(|(_, text)| type_of(text)).collect();
    assert_eq!(client, samples::types_of::<ClientMessage>());
    let server: BTreeSet<_> = samples::server().iter().map(|(_, text)| type_of(text)).collect();
    assert_eq!(server, samples::types_of::<ServerMessage>());
    assert_eq!(server, ServerMessage::TYPES.map(str::to_owned).into());
}

#[test]
fn error_codes_are_written_as_they_are_named() {
    for code in ErrorCode::ALL {
        assert_eq!(to_text(&code), format!("\"{code}\""));
        let text = format!(r#"{{"type":"error","payload":{{"code":"{}","message":"m"}}}}"#, code.as_str());
        let message = ServerMessage::Error { code, message: "m".to_owned(), retry_after_ms: None };
        assert_eq!(parse_server_message(&text).expect(&text), message);
    }
}

#[test]
fn reasons_are_written_as_they_are_named() {
    for reason in ReportReason::ALL {
        assert_eq!(to_text(&reason), format!("\"{}\"", reason.as_str()));
    }
}

#[test]
fn the_words_about_paths_are_written_as_they_are_named() {
    for kind in CandidateType::ALL {
        assert_eq!(to_text(&kind), format!("\"{}\"", kind.as_str()));
    }
    for protocol in RelayProtocol::ALL {
        assert_eq!(to_text(&protocol), format!("\"{}\"", protocol.as_str()));
    }
    for family in AddressFamily::ALL {
        assert_eq!(to_text(&family), format!("\"{}\"", family.as_str()));
    }
}

fn type_of(text: &str) -> String {
    let value: Value = serde_json::from_str(text).expect("JSON");
    value["type"].as_str().expect("a type").to_owned()
}
