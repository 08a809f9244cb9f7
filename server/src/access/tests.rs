//! Tokens that this server takes, and those that it must not.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use ring::{hmac, rsa};
use serde_json::{Value, json};
use visavis_protocol::RoomName;

use super::*;
use crate::config::{KeyAlgorithm, PublicKeyConfig, Secret, SecretConfig, SecretSource};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const RSA_PRIVATE: &[u8] = include_bytes!("../../tests/keys/rsa-private.der");
const EC_PRIVATE: &[u8] = include_bytes!("../../tests/keys/ec-private.der");
const RSA_PEM: &str = include_str!("../../tests/keys/rsa-public.pem");

/// Seconds since 1970.
const NOW: u64 = 1_800_000_000;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn key_file(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys").join(name)
}

/// A secret and a public key of each kind.
fn config() -> AccessConfig {
    let public =
        |id: &str, algorithm, file| PublicKeyConfig { id: id.to_owned(), algorithm, file: key_file(file) };
    AccessConfig {
        secrets: vec![SecretConfig {
            id: "main".to_owned(),
            source: SecretSource::Here(Secret::try_from(SECRET.to_owned()).expect("a secret")),
        }],
        public_keys: vec![
            public("rsa", KeyAlgorithm::Rs256, "rsa-public.pem"),
            public("ec", KeyAlgorithm::Es256, "ec-public.pem"),
        ],
        ..AccessConfig::default()
    }
}

fn verifier(config: &AccessConfig) -> Verifier {
    Verifier::new(Keys::configured(config).expect("usable keys"), config)
}

fn claims() -> Value {
    json!({"sub": "ada", "exp": NOW + 60})
}

fn with(claims: Value, name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims;
    claims[name] = value.into();
    claims
}

fn signed(header: Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> AccessToken {
    let [header, claims] = [&header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let message = format!("{header}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(sign(message.as_bytes()));
    AccessToken::new(format!("{message}.{signature}")).expect("small enough")
}

fn mac(secret: &[u8]) -> impl FnOnce(&[u8]) -> Vec<u8> {
    move |message| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
}

fn rsa(message: &[u8]) -> Vec<u8> {
    let pair = RsaKeyPair::from_pkcs8(RSA_PRIVATE).expect("a key");
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).expect("sign");
    signature
}

fn ec_pair() -> EcdsaKeyPair {
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, EC_PRIVATE, &SystemRandom::new())
        .expect("a key")
}

fn ec(message: &[u8]) -> Vec<u8> {
    ec_pair().sign(&SystemRandom::new(), message).expect("sign").as_ref().to_vec()
}

/// As it should be, with the secret.
fn token(claims: &Value) -> AccessToken {
    signed(json!({"alg": "HS256", "kid": "main"}), claims, mac(SECRET.as_bytes()))
}

fn verify(token: &AccessToken) -> Result<Grant, TokenError> {
    verifier(&config()).verify(token, &Keys::default(), at(NOW))
}

#[test]
fn a_token_of_each_algorithm_is_taken() {
    let header = |algorithm: &str, id: &str| json!({"alg": algorithm, "kid": id, "typ": "JWT"});
    for token in [
        signed(header("HS256", "main"), &claims(), mac(SECRET.as_bytes())),
        signed(header("RS256", "rsa"), &claims(), rsa),
        signed(header("ES256", "ec"), &claims(), ec),
    ] {
        let grant = verify(&token).expect("a valid token");
        assert_eq!(grant.identity.as_str(), "ada");
        assert_eq!(grant.expires, at(NOW + 60));
    }
}

#[test]
fn what_is_changed_is_forged() {
    let genuine = token(&claims());
    let [header, claims, signature] = genuine.as_str().split('.').collect::<Vec<_>>()[..] else {
        panic!("three")
    };
    let eve = URL_SAFE_NO_PAD.encode(json!({"sub": "eve", "exp": NOW + 60}).to_string());
    let other = URL_SAFE_NO_PAD.encode([7; 32]);
    for text in [
        format!("{header}.{eve}.{signature}"),
        format!("{header}.{claims}.{other}"),
        format!("{header}.{claims}."),
    ] {
        assert_eq!(
            verify(&AccessToken::new(text.clone()).expect("small")),
            Err(TokenError::Forged),
            "{text}"
        );
    }
    let with_other_secret = signed(json!({"alg": "HS256", "kid": "main"}), &self::claims(), mac(&[7; 32]));
    assert_eq!(verify(&with_other_secret), Err(TokenError::Forged));
}

#[test]
fn a_key_is_for_its_own_algorithm_whatever_the_token_says() {
    // The public key's text as a secret: what libraries fell for that believed the header (CVE-2015-9235).
    let confused = signed(json!({"alg": "HS256", "kid": "rsa"}), &claims(), mac(RSA_PEM.as_bytes()));
    assert_eq!(verify(&confused), Err(TokenError::Forged));
    let confused = signed(json!({"alg": "RS256", "kid": "ec"}), &claims(), rsa);
    assert_eq!(verify(&confused), Err(TokenError::Forged));
    for none in ["none", "None", "nOnE", ""] {
        let unsigned = signed(json!({"alg": none, "kid": "main"}), &claims(), |_| Vec::new());
        assert_eq!(verify(&unsigned), Err(TokenError::Malformed), "{none}");
    }
    let other_hash = signed(json!({"alg": "HS512", "kid": "main"}), &claims(), mac(SECRET.as_bytes()));
    assert_eq!(verify(&other_hash), Err(TokenError::Forged));
}

#[test]
fn the_key_has_to_be_known() {
    let unknown = signed(json!({"alg": "HS256", "kid": "other"}), &claims(), mac(SECRET.as_bytes()));
    assert_eq!(verify(&unknown), Err(TokenError::UnknownKey));
    let unnamed = signed(json!({"alg": "HS256"}), &claims(), mac(SECRET.as_bytes()));
    assert_eq!(verify(&unnamed), Err(TokenError::UnknownKey), "there are three to choose from");
    let alone = AccessConfig { public_keys: Vec::new(), ..config() };
    assert!(verifier(&alone).verify(&unnamed, &Keys::default(), at(NOW)).is_ok(), "the only one");
    // A key that comes with the token proves nothing.
    let own = json!({"alg": "ES256", "jwk": ec_jwk("own"), "kid": "own"});
    assert_eq!(verify(&signed(own, &claims(), ec)), Err(TokenError::UnknownKey));
}

#[test]
fn a_token_holds_from_its_beginning_to_its_end_with_leeway_for_the_clocks() {
    let verifier = verifier(&config());
    let verify = |token: &AccessToken, seconds| verifier.verify(token, &Keys::default(), at(seconds));
    let token_until = token(&json!({"sub": "ada", "exp": NOW}));
    assert!(verify(&token_until, NOW + 59).is_ok());
    assert_eq!(verify(&token_until, NOW + 60), Err(TokenError::Expired));
    let token_from = token(&json!({"sub": "ada", "exp": NOW + 9000, "nbf": NOW}));
    assert_eq!(verify(&token_from, NOW - 61), Err(TokenError::NotYet));
    assert!(verify(&token_from, NOW - 60).is_ok());
}

#[test]
fn issuer_and_audience_are_asked_for_where_they_are_configured() {
    let config = AccessConfig {
        issuer: Some("https://id.example".to_owned()),
        audience: Some("calls.example".to_owned()),
        ..config()
    };
    let verify = |claims: Value| verifier(&config).verify(&token(&claims), &Keys::default(), at(NOW));
    let right = with(with(claims(), "iss", "https://id.example"), "aud", "calls.example");
    assert!(verify(right.clone()).is_ok());
    assert!(verify(with(right.clone(), "aud", json!(["other", "calls.example"]))).is_ok());
    for foreign in [json!("https://evil.example"), json!(7), Value::Null] {
        assert_eq!(
            verify(with(right.clone(), "iss", foreign.clone())),
            Err(TokenError::ForeignIssuer),
            "{foreign}"
        );
    }
    for wrong in [json!("other"), json!([]), json!({}), Value::Null] {
        assert_eq!(
            verify(with(right.clone(), "aud", wrong.clone())),
            Err(TokenError::WrongAudience),
            "{wrong}"
        );
    }
    assert!(self::verify(&token(&right)).is_ok(), "nobody looks, where nothing is configured");
}

#[test]
fn claims_have_their_form() {
    let long = "x".repeat(129);
    for (name, value) in [
        ("sub", json!("")),
        ("sub", json!(long)),
        ("sub", json!("a\nb")),
        ("sub", json!("guest:7")),
        ("sub", json!(7)),
        ("sub", Value::Null),
        ("exp", Value::Null),
        ("exp", json!("tomorrow")),
        ("exp", json!(1e300)),
        ("exp", json!(-1)),
        ("nbf", json!("now")),
        ("name", json!(" ")),
        ("room", json!("a/b")),
        ("room", json!(["owl", 7])),
        ("can", json!("host")),
        ("can", json!([7])),
    ] {
        let result = verify(&token(&with(claims(), name, value.clone())));
        assert_eq!(result, Err(TokenError::Claims), "{name}: {value}");
    }
}

#[test]
fn a_grant_is_what_the_claims_say() {
    let room = |name: &str| RoomName::new(name).expect("a room name");
    let grant = verify(&token(&claims())).expect("valid");
    assert!(grant.may_enter(&room("any")) && grant.name.is_none());
    assert!(!grant.may_create() && !grant.is_host() && !grant.bypasses_lobby());

    let told = json!({
        "sub": "ada", "exp": NOW + 60, "name": "Ada L.", "room": ["owl", "fox"],
        "can": ["host", "create", "bypass_lobby", "fly"], "email": "ada@example.org",
    });
    let grant = verify(&token(&told)).expect("valid");
    assert_eq!(grant.name.as_ref().map(|name| name.as_str()), Some("Ada L."));
    assert!(grant.may_enter(&room("owl")) && grant.may_enter(&room("fox")) && !grant.may_enter(&room("any")));
    assert!(grant.may_create() && grant.is_host() && grant.bypasses_lobby());

    let nowhere = verify(&token(&with(claims(), "room", json!([])))).expect("valid");
    assert!(!nowhere.may_enter(&room("owl")));
}

#[test]
fn extensions_that_have_to_be_understood_are_not() {
    let header = json!({"alg": "HS256", "kid": "main", "crit": ["b64"], "b64": false});
    assert_eq!(verify(&signed(header, &claims(), mac(SECRET.as_bytes()))), Err(TokenError::Malformed));
}

fn rsa_jwk(id: &str) -> Value {
    let pair = RsaKeyPair::from_pkcs8(RSA_PRIVATE).expect("a key");
    let parts: rsa::PublicKeyComponents<Vec<u8>> = pair.public().into();
    json!({
        "kty": "RSA", "kid": id, "use": "sig", "alg": "RS256",
        "n": URL_SAFE_NO_PAD.encode(parts.n), "e": URL_SAFE_NO_PAD.encode(parts.e),
    })
}

fn ec_jwk(id: &str) -> Value {
    let point = ec_pair().public_key().as_ref().to_vec();
    let [x, y] = [1, 33].map(|from| URL_SAFE_NO_PAD.encode(&point[from..from + 32]));
    json!({"kty": "EC", "kid": id, "crv": "P-256", "x": x, "y": y})
}

#[test]
fn published_keys_are_taken_and_what_is_none_for_us_is_passed_over() {
    let document = json!({"keys": [
        rsa_jwk("r"),
        ec_jwk("e"),
        with(ec_jwk("encryption"), "use", "enc"),
        with(rsa_jwk("other"), "alg", "PS256"),
        with(ec_jwk("guest"), "use", "sig"),
        {"kty": "oct", "kid": "secret", "k": URL_SAFE_NO_PAD.encode(SECRET)},
        {"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": "AA"},
        {"kty": "new", "kid": "new"},
        7,
    ]});
    let keys = Keys::from_jwks(document.to_string().as_bytes()).expect("a set");
    assert_eq!(keys.len(), 2);
    let verifier = verifier(&AccessConfig::default());
    for token in [
        signed(json!({"alg": "RS256", "kid": "r"}), &claims(), rsa),
        signed(json!({"alg": "ES256", "kid": "e"}), &claims(), ec),
    ] {
        assert!(verifier.verify(&token, &keys, at(NOW)).is_ok());
    }
    let with_published_secret =
        signed(json!({"alg": "HS256", "kid": "secret"}), &claims(), mac(SECRET.as_bytes()));
    assert_eq!(verifier.verify(&with_published_secret, &keys, at(NOW)), Err(TokenError::UnknownKey));
    for document in ["", "{}", "[]", r#"{"keys":7}"#] {
        assert!(Keys::from_jwks(document.as_bytes()).is_err(), "{document}");
    }
}

#[test]
fn keys_that_cannot_be_used_are_refused_at_the_start() {
    let refusal = |config: &AccessConfig| Keys::configured(config).expect_err("unusable");
    let mut twice = config();
    twice.public_keys[0].id = "main".to_owned();
    assert!(matches!(refusal(&twice), AccessError::SameId(id) if id == "main"));
    for id in ["", "guest"] {
        let mut bad = config();
        bad.secrets[0].id = id.to_owned();
        assert!(matches!(refusal(&bad), AccessError::BadId(_)));
    }
    let mut other_kind = config();
    other_kind.public_keys[1].file = key_file("rsa-public.pem");
    assert!(matches!(refusal(&other_kind), AccessError::NoPublicKey { algorithm: "ES256", .. }));
    let mut missing = config();
    missing.public_keys[1].file = key_file("none.pem");
    assert!(matches!(refusal(&missing), AccessError::Read { .. }));
    let mut short = config();
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "short\n").expect("write it");
    short.secrets[0].source = SecretSource::File(file.path().to_owned());
    assert!(matches!(refusal(&short), AccessError::Secret { .. }));
}

#[test]
fn a_token_of_ours_is_taken_by_us() {
    let config = AccessConfig {
        issuer: Some("https://id.example".to_owned()),
        audience: Some("calls.example".to_owned()),
        ..config()
    };
    let order = Order {
        identity: "ada".parse().expect("an identity"),
        name: None,
        rooms: vec![RoomName::new("owl").expect("a room name")],
        can: vec![Permission::Host],
        lifetime: Duration::from_secs(3600),
        key: None,
    };
    let token = issue(&config, order.clone(), at(NOW)).expect("a token");
    let grant = verifier(&config).verify(&token, &Keys::default(), at(NOW)).expect("it is ours");
    assert!(grant.is_host() && !grant.may_create());
    assert_eq!(grant.expires, at(NOW + 3600));
    let with_other = Order { key: Some("other".to_owned()), ..order.clone() };
    assert!(matches!(issue(&config, with_other, at(NOW)), Err(AccessError::NoSuchSecret(_))));
    assert!(matches!(issue(&AccessConfig::default(), order, at(NOW)), Err(AccessError::NoSecret)));
}

#[test]
fn guests_come_without_a_token_and_with_an_old_one_but_not_with_somebody_elses() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let admit = |access: &Access, token: Option<&AccessToken>| runtime.block_on(access.admit(token, at(NOW)));
    let [access, restarted] = [(); 2].map(|()| Access::new(config()).expect("usable"));
    let first = admit(&access, None).expect("a guest");
    let shown = first.guest.expect("a token");
    assert_eq!(admit(&access, Some(&shown)).expect("a guest").grant.identity, first.grant.identity);
    let stranger = admit(&restarted, Some(&shown)).expect("a guest");
    assert!(stranger.guest.is_some() && stranger.grant.identity != first.grant.identity);
    let bad = signed(json!({"alg": "HS256", "kid": "main"}), &claims(), mac(&[7; 32]));
    assert_eq!(admit(&access, Some(&bad)).expect_err("no silent guest"), TokenError::Forged);

    let closed = Access::new(AccessConfig { anonymous: false, ..config() }).expect("usable");
    assert_eq!(admit(&closed, None).expect_err("nobody"), TokenError::Missing);
    assert_eq!(admit(&closed, Some(&shown)).expect_err("nobody"), TokenError::UnknownKey);
    let nobody = AccessConfig { anonymous: false, ..AccessConfig::default() };
    assert!(matches!(Access::new(nobody), Err(AccessError::Nobody)));
}
