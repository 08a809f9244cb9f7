//! Reports, bans and those who decide about them, from both sides: clients over WebSockets, moderators over HTTP.

mod api;
mod bans;
mod reports;

use std::net::SocketAddr;

use serde_json::Value;
use tempfile::TempDir;
use visavis_protocol::{
    ClientMessage, ParticipantId, Report, ReportId, ReportReason, ReportWords, ServerMessage,
};
use visavis_server::{
    AccessConfig, AdminConfig, Config, LimitsConfig, ModerationConfig, ModeratorConfig, Secret, SecretConfig,
    SecretSource,
};

use crate::http::{self, Answer};
use crate::support::{Client, TestServer};

const TOKEN: &str = "operator-0123456789abcdef0123456789abcdef";
const MO: &str = "moderator-0123456789abcdef0123456789abcdef";
/// What the tokens of people are signed with.
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const APPEAL: &str = "Write to mo@example.org.";
/// From where the two come.
const ADA: &str = "192.0.2.1";
const EVE: &str = "192.0.2.66";

/// A server with a database, and its moderators.
struct Moderated {
    server: TestServer,
    address: SocketAddr,
    folder: TempDir,
}

fn secret() -> SecretConfig {
    let secret = Secret::try_from(SECRET.to_owned()).expect("a secret");
    SecretConfig { id: "main".to_owned(), source: SecretSource::Here(secret) }
}

fn config(folder: &TempDir) -> Config {
    let database = format!("sqlite:{}", folder.path().join("visavis.db").display());
    let moderator = ModeratorConfig { name: "mo".to_owned(), token: MO.parse().expect("a token") };
    Config {
        admin: AdminConfig {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            token: Some(TOKEN.parse().expect("a token")),
            moderators: vec![moderator],
            ..AdminConfig::default()
        },
        access: AccessConfig { secrets: vec![secret()], ..AccessConfig::default() },
        moderation: ModerationConfig {
            database: Some(database.parse().expect("a URL")),
            appeal: APPEAL.to_owned(),
            ..ModerationConfig::default()
        },
        ..Config::default()
    }
}

impl Moderated {
    async fn start() -> Self {
        Self::start_with(LimitsConfig::default()).await
    }

    async fn start_with(limits: LimitsConfig) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let server = TestServer::start_with(Config { limits, ..config(&folder) }).await;
        let address = server.admin.expect("it answers operators");
        Self { server, address, folder }
    }

    /// The server ends, and another one begins with its database.
    async fn restart(self) -> Self {
        self.server.stop().await.expect("it ends well");
        let server = TestServer::start_with(config(&self.folder)).await;
        let address = server.admin.expect("it answers operators");
        Self { server, address, folder: self.folder }
    }

    /// Asks as the moderator of this token.
    async fn ask_as(&self, token: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        let body = body.map(Value::to_string).unwrap_or_default();
        http::send(self.address, method, path, &headers, &body).await
    }

    /// Asks as the operator; the status, and the JSON if there is any.
    async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let answer = self.ask_as(TOKEN, method, path, body).await;
        (answer.status, serde_json::from_str(&answer.body).unwrap_or_default())
    }

    async fn items(&self, path: &str) -> Vec<Value> {
        let (status, page) = self.ask("GET", path, None).await;
        assert_eq!(status, 200, "{page}");
        page["items"].as_array().expect("items").clone()
    }

    /// Ada and Eve in a room, each from an address of her own, and Eve's id.
    async fn meeting(&self, room: &str) -> (Client, Client, ParticipantId) {
        let mut ada = Client::welcomed_for(&self.server, ADA).await;
        ada.join(room, "Ada").await;
        let mut eve = Client::welcomed_for(&self.server, EVE).await;
        let (eve_id, _) = eve.join(room, "Eve").await;
        ada.hear_joined().await;
        (ada, eve, eve_id)
    }
}

fn report(participant: &ParticipantId, words: &str) -> ClientMessage {
    ClientMessage::Report(Report {
        participant: participant.clone(),
        reason: ReportReason::Harassment,
        words: ReportWords::new(words).expect("words"),
    })
}

async fn hear_reported(client: &mut Client) -> ReportId {
    match client.hear().await {
        ServerMessage::Reported { report } => report,
        other => panic!("not reported: {other:?}"),
    }
}
