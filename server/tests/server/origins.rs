//! Pages of other sites may not connect.

use tokio_tungstenite::tungstenite::Error;
use visavis_server::Config;

use crate::support::{Client, TestServer};

#[tokio::test]
async fn own_pages_the_desktop_app_and_allowed_origins_connect() {
    let allowed = "https://calls.example.org".parse().expect("an origin");
    let server = TestServer::start_with(Config { allowed_origins: vec![allowed], ..Config::default() }).await;
    let own = format!("http://{}", server.address);
    for origin in [own.as_str(), "tauri://localhost", "http://tauri.localhost", "https://calls.example.org"] {
        Client::connect_from(&server, origin).await.expect(origin);
    }
}

#[tokio::test]
async fn pages_of_other_sites_are_forbidden_to() {
    let server = TestServer::start().await;
    for origin in ["https://evil.example", "null", "http://127.0.0.1", "https://calls.example.org"] {
        match Client::connect_from(&server, origin).await.map(drop) {
            Err(Error::Http(response)) => assert_eq!(response.status(), 403, "{origin}"),
            other => panic!("{origin}: {other:?}"),
        }
    }
}
