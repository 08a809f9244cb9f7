//! What is no message, though it may be JSON.

use serde_json::{Value, json};
use visavis_protocol::{
    ErrorCode, MAX_CANDIDATES_PER_MESSAGE, MAX_CONNECT_MS, MAX_INTERESTS, MAX_MESSAGE_BYTES,
    MAX_SERVER_MESSAGE_BYTES, ParseError, parse_client_message, parse_server_message,
};

use crate::samples;

#[test]
fn clients_say_no_field_that_is_not_known() {
    for (_, text) in samples::client() {
        let mut extended: Value = serde_json::from_str(text).expect("JSON");
        extended["surprise"] = json!(1);
        assert_invalid(&extended.to_string());
    }
}

#[test]
fn payloads_hold_no_field_that_is_not_known_but_in_hello() {
    for (_, text) in samples::client() {
        let pointers =
            ["/payload", "/payload/media", "/payload/description", "/payload/candidates/0", "/payload/pair"];
        for pointer in pointers {
            let mut extended: Value = serde_json::from_str(text).expect("JSON");
            let Some(object) = extended.pointer_mut(pointer).and_then(Value::as_object_mut) else { continue };
            object.insert("surprise".to_owned(), json!(1));
            let text = extended.to_string();
            match extended["type"].as_str() {
                Some("hello") => assert!(parse_client_message(&text).is_ok(), "{text}"),
                _ => assert_invalid(&text),
            }
        }
    }
}

#[test]
fn no_field_may_be_missing_but_those_of_what_is_not_there() {
    for (_, text) in samples::client() {
        let whole: Value = serde_json::from_str(text).expect("JSON");
        let Some(payload) = whole["payload"].as_object() else { continue };
        for field in payload.keys().filter(|field| {
            !["screen", "resume", "token", "kind", "interests", "region", "again"].contains(&field.as_str())
        }) {
            let mut cut = whole.clone();
            cut["payload"].as_object_mut().expect("an object").remove(field);
            assert_invalid(&cut.to_string());
        }
    }
}

#[test]
fn interests_are_few() {
    let seek = |interests: usize| {
        let media = json!({"microphone": true, "camera": true});
        json!({"type": "seek", "payload": {"name": "Ada", "media": media, "interests": vec!["chess"; interests]}})
    };
    assert!(parse_client_message(&seek(MAX_INTERESTS).to_string()).is_ok());
    assert_invalid(&seek(MAX_INTERESTS + 1).to_string());
}

#[test]
fn nobody_waits_for_days_to_be_connected() {
    let connected = |connect_ms: i64| {
        let payload = json!({"event": "connected", "connect_ms": connect_ms, "pair": {"kind": "host"}});
        json!({"type": "path", "payload": payload}).to_string()
    };
    let most = i64::from(MAX_CONNECT_MS);
    assert!(parse_client_message(&connected(most)).is_ok());
    assert_invalid(&connected(most + 1));
    assert_invalid(&connected(-1));
}

#[test]
fn a_server_of_tomorrow_may_say_more() {
    let text = r#"{"type":"welcome","payload":{"protocol":1,"server":"s","ice_servers":[],"motto":"hi"}}"#;
    assert!(parse_server_message(text).is_ok());
    for text in [r#"{"type":"applause"}"#, r#"{"payload":[1],"type":"applause","of":"all"}"#] {
        assert!(matches!(parse_server_message(text), Err(ParseError::UnknownType)), "{text}");
    }
    for text in [r#"{"type":"muted"}"#, r#"{"type":7}"#, "{}", "applause"] {
        assert!(matches!(parse_server_message(text), Err(ParseError::Invalid(_))), "{text}");
    }
}

#[test]
fn size_is_limited() {
    let leave = r#"{"type":"leave"}"#;
    let fits = padded(leave, MAX_MESSAGE_BYTES);
    assert!(parse_client_message(&fits).is_ok());
    let error = parse_client_message(&format!("{fits} ")).expect_err("one byte too large");
    assert!(matches!(error, ParseError::TooLarge { bytes, .. } if bytes == MAX_MESSAGE_BYTES + 1));
    assert_eq!(error.code(), ErrorCode::MessageTooLarge);

    let media = r#"{"type":"media","payload":{"from":"x","media":{"microphone":true,"camera":true}}}"#;
    let fits = padded(media, MAX_SERVER_MESSAGE_BYTES);
    assert!(parse_server_message(&fits).is_ok());
    let error = parse_server_message(&format!("{fits} ")).expect_err("one byte too large");
    assert_eq!(error.code(), ErrorCode::MessageTooLarge);
}

#[test]
fn candidates_are_limited() {
    for (count, fits) in
        [(0, true), (MAX_CANDIDATES_PER_MESSAGE, true), (MAX_CANDIDATES_PER_MESSAGE + 1, false)]
    {
        let candidate = json!({"candidate": "candidate:1", "mid": "0", "ufrag": "u"});
        let candidates = vec![candidate; count];
        let said = json!({"type": "candidates", "payload": {"to": "x", "candidates": candidates}});
        assert_eq!(parse_client_message(&said.to_string()).is_ok(), fits, "{count}");
        let heard = json!({"type": "candidates", "payload": {"from": "x", "candidates": candidates}});
        assert_eq!(parse_server_message(&heard.to_string()).is_ok(), fits, "{count}");
    }
}

/// The text with white space behind it, which JSON allows.
fn padded(text: &str, bytes: usize) -> String {
    text.to_owned() + &" ".repeat(bytes - text.len())
}

#[track_caller]
fn assert_invalid(text: &str) {
    match parse_client_message(text) {
        Err(error) => assert_eq!(error.code(), ErrorCode::InvalidMessage, "{text}"),
        Ok(message) => panic!("{text} was read as {message:?}"),
    }
}
