//! What moderators are given, and who is let in.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use visavis_server::{AdminConfig, Config, ModerationConfig};

use super::{Moderated, TOKEN, config, hear_reported, report};
use crate::http::{self, get};
use crate::support::TestServer;

const RESOLVE: &str = "/api/reports/0199c3f2-8a61-7000-8000-000000000000/resolve";

async fn document(moderated: &Moderated) -> Value {
    let answer = get(moderated.address, "/api/openapi.json").await;
    assert_eq!(answer.status, 200);
    serde_json::from_str(&answer.body).expect("JSON")
}

/// Method, path and description of all operations.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().expect("paths");
    paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().expect("methods").iter();
            methods.map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation))
        })
        .collect()
}

#[tokio::test]
async fn only_moderators_are_let_in() {
    let moderated = Moderated::start().await;
    let document = document(&moderated).await;
    for (method, path, _) in operations(&document) {
        let path = path.replace("{id}", "0199c3f2-8a61-7000-8000-000000000000").replace("{identity}", "eve");
        for authorization in [
            None,
            Some("Bearer "),
            Some("Bearer operator-0123456789abcdef0123456789abcdeF"),
            Some("Basic operator-0123456789abcdef0123456789abcdef"),
            Some("operator-0123456789abcdef0123456789abcdef"),
        ] {
            let headers: Vec<_> = authorization.iter().map(|value| ("Authorization", *value)).collect();
            let answer = http::send(moderated.address, &method, &path, &headers, "").await;
            assert_eq!(answer.status, 401, "{method} {path} {authorization:?}");
            assert_eq!(answer.header("www-authenticate"), Some("bearer"));
            let failure: Value = serde_json::from_str(&answer.body).expect("JSON");
            assert_eq!(failure["code"], json!("unauthorized"));
        }
    }
}

#[tokio::test]
async fn without_a_token_there_is_no_api_and_no_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = config(&folder);
    let admin = AdminConfig { listen: whole.admin.listen, ..AdminConfig::default() };
    let server = TestServer::start_with(Config { admin, ..whole }).await;
    let operators = server.admin.expect("it answers operators");
    for path in ["/", "/moderation.js", "/api/reports", "/api/openapi.json"] {
        assert_eq!(get(operators, path).await.status, 404, "{path}");
    }
    assert_eq!(get(operators, "/metrics").await.status, 200);
}

#[tokio::test]
async fn clients_reach_none_of_it() {
    let moderated = Moderated::start().await;
    for path in ["/api/reports", "/api/openapi.json", "/moderation.js"] {
        let answer = get(moderated.server.address, path).await;
        assert!(!answer.body.contains("openapi") && !answer.body.contains("audit"), "{path}");
    }
}

#[tokio::test]
async fn without_a_database_moderators_are_told_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let moderation = ModerationConfig::default();
    let server = TestServer::start_with(Config { moderation, ..config(&folder) }).await;
    let address = server.admin.expect("it answers operators");
    let moderated = Moderated { server, address, folder };
    for (method, path) in [("GET", "/api/reports"), ("GET", "/api/audit"), ("DELETE", "/api/people/eve")] {
        let (status, failure) = moderated.ask(method, path, None).await;
        assert_eq!((status, &failure["code"]), (503, &json!("unavailable")), "{path}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_has_a_code() {
    let moderated = Moderated::start().await;
    let subject = json!({"kind": "identity", "value": "eve"});
    let ban = |subject: Value, reason: &str, seconds: Value| json!({"subject": subject, "reason": reason, "seconds": seconds});
    let of_all = json!({"kind": "address", "value": "0.0.0.0/0"});
    let cases = [
        ("GET", "/api/reports?state=lost", None, 400, "invalid"),
        ("GET", "/api/reports?after=1%27%20OR%201=1", None, 400, "invalid"),
        ("GET", "/api/reports?limit=0", None, 400, "invalid"),
        ("GET", "/api/reports?limit=201", None, 400, "invalid"),
        ("GET", "/api/bans?surprise=1", None, 400, "invalid"),
        ("POST", "/api/bans", Some(json!({})), 400, "invalid"),
        ("POST", "/api/bans", Some(json!("x".repeat(70_000))), 400, "invalid"),
        ("POST", "/api/bans", Some(ban(subject.clone(), "", json!(1))), 400, "invalid"),
        ("POST", "/api/bans", Some(ban(subject.clone(), "a\0b", json!(1))), 400, "invalid"),
        ("POST", "/api/bans", Some(ban(subject.clone(), &"x".repeat(301), json!(1))), 400, "invalid"),
        ("POST", "/api/bans", Some(ban(subject.clone(), "spam", json!(0))), 400, "invalid"),
        ("POST", "/api/bans", Some(ban(subject, "spam", json!(u64::MAX))), 400, "invalid"),
        ("POST", "/api/bans", Some(ban(of_all, "spam", json!(1))), 400, "invalid"),
        ("POST", RESOLVE, Some(json!({"action": "pardon"})), 400, "invalid"),
        ("POST", RESOLVE, Some(json!({"action": "dismiss"})), 404, "not_found"),
        ("DELETE", "/api/bans/owl", None, 404, "not_found"),
        ("DELETE", "/api/people/%00", None, 400, "invalid"),
    ];
    for (method, path, body, status, code) in cases {
        let (actual, failure) = moderated.ask(method, path, body.as_ref()).await;
        assert_eq!((actual, &failure["code"]), (status, &json!(code)), "{method} {path} {failure}");
        assert!(failure["message"].as_str().is_some_and(|message| !message.is_empty()));
    }
}

#[tokio::test]
async fn a_report_is_resolved_once() {
    let moderated = Moderated::start().await;
    let (mut ada, _eve, eve_id) = moderated.meeting("owl").await;
    ada.say(&report(&eve_id, "")).await;
    let path = format!("/api/reports/{}/resolve", hear_reported(&mut ada).await);
    let decision = json!({"action": "dismiss", "note": "nothing in it"});
    let (status, resolved) = moderated.ask("POST", &path, Some(&decision)).await;
    assert_eq!((status, &resolved["state"]), (200, &json!("dismissed")));
    let (status, failure) = moderated.ask("POST", &path, Some(&decision)).await;
    assert_eq!((status, &failure["code"]), (409, &json!("already_resolved")));
    assert_eq!(moderated.items("/api/reports?state=resolved").await, [resolved]);
}

#[tokio::test]
async fn nothing_on_the_way_keeps_what_moderators_see() {
    let moderated = Moderated::start().await;
    let answer = moderated.ask_as(TOKEN, "GET", "/api/reports", None).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let page = get(moderated.address, "/").await;
    assert_eq!((page.status, page.header("cache-control")), (200, Some("no-store")));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(
        !page.body.contains(" style=") && !page.body.contains("<script>") && !page.body.contains(" onclick")
    );
}

#[tokio::test]
async fn the_document_describes_what_is_there() {
    let moderated = Moderated::start().await;
    let document = document(&moderated).await;
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1.")));
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split_once('"')) {
        assert!(document.pointer(reference.0).is_some(), "{}", reference.0);
    }
    let names: BTreeSet<_> = operations(&document)
        .iter()
        .map(|(method, path, operation)| {
            let responses = operation["responses"].as_object().expect("responses");
            assert!(responses.contains_key("401") && responses.contains_key("503"), "{method} {path}");
            operation["operationId"].as_str().expect("an id").to_owned()
        })
        .collect();
    let all = [
        "forget_person",
        "lift_ban",
        "list_audit",
        "list_bans",
        "list_reports",
        "make_ban",
        "resolve_report",
    ];
    assert_eq!(names.iter().map(String::as_str).collect::<Vec<_>>(), all);

    // What the server really says has the form that the document tells.
    let (mut ada, _eve, eve_id) = moderated.meeting("owl").await;
    for _ in 0..2 {
        ada.say(&report(&eve_id, "words")).await;
        hear_reported(&mut ada).await;
    }
    let id = moderated.items("/api/reports").await[0]["id"].as_str().expect("an id").to_owned();
    let ban =
        json!({"subject": {"kind": "address", "value": "198.51.100.0/24"}, "reason": "spam", "seconds": 60});
    let decision = json!({"action": "ban", "by": "both", "reason": "spam"});
    for (method, path, template, body) in [
        ("GET", "/api/reports?limit=1".to_owned(), "/api/reports", None),
        ("POST", format!("/api/reports/{id}/resolve"), "/api/reports/{id}/resolve", Some(&decision)),
        ("GET", "/api/reports?state=resolved".to_owned(), "/api/reports", None),
        ("POST", "/api/bans".to_owned(), "/api/bans", Some(&ban)),
        ("GET", "/api/bans".to_owned(), "/api/bans", None),
        ("GET", "/api/audit".to_owned(), "/api/audit", None),
        ("DELETE", "/api/people/eve".to_owned(), "/api/people/{identity}", None),
        ("GET", "/api/bans?limit=x".to_owned(), "/api/bans", None),
    ] {
        let (status, said) = moderated.ask(method, &path, body).await;
        let operation = &document["paths"][template][method.to_lowercase()];
        if let Some(body) = body {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            assert_eq!(fault(&document, schema, body), None, "{method} {path}");
        }
        let schema = &operation["responses"][status.to_string()]["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{method} {path} says {status}");
        assert_eq!(fault(&document, schema, &said), None, "{method} {path}: {said}");
    }
}

/// What is wrong with a value, by the part of JSON Schema that the document uses.
fn fault(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return fault(document, document.pointer(&reference[1..]).expect("it is there"), value);
    }
    if let Some(all) = schema["allOf"].as_array() {
        return all.iter().find_map(|schema| fault(document, schema, value));
    }
    if let Some(one) = schema["oneOf"].as_array() {
        let fitting = one.iter().filter(|schema| fault(document, schema, value).is_none()).count();
        return (fitting != 1).then(|| format!("{fitting} of {one:?} fit {value}"));
    }
    if let Some(allowed) = schema["enum"].as_array() {
        return (!allowed.contains(value)).then(|| format!("{value} is none of {allowed:?}"));
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        // Anything.
        _ => return None,
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !types.contains(&kind) {
        return Some(format!("{value} is no {types:?}"));
    }
    if let Some(items) = value.as_array() {
        return items.iter().find_map(|item| fault(document, &schema["items"], item));
    }
    let object = value.as_object()?;
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let missing =
        required.filter(|name| !object.contains_key(*name)).map(|name| format!("{name} is missing"));
    let wrong = object.iter().map(|(name, value)| match schema["properties"].get(name) {
        Some(schema) => fault(document, schema, value),
        None => Some(format!("{name} is not described")),
    });
    missing.map(Some).chain(wrong).find_map(|fault| fault)
}
