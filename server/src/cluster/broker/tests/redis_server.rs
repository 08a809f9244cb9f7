use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

use super::PATIENCE;
use crate::config::RedisUrl;

/// A Redis in a folder of its own, which ends with this.
pub(super) struct RedisServer {
    folder: TempDir,
    keeps: bool,
    process: Option<Child>,
}

impl RedisServer {
    /// One that forgets everything when it ends.
    pub(super) async fn start() -> Self {
        Self::start_that(false).await
    }

    /// One that has everything again when it begins again.
    pub(super) async fn start_keeping() -> Self {
        Self::start_that(true).await
    }

    async fn start_that(keeps: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut server = Self { folder, keeps, process: None };
        server.begin().await;
        server
    }

    pub(super) fn url(&self) -> RedisUrl {
        format!("unix://{}", self.socket().display()).parse().expect("a URL")
    }

    /// Begins to serve, anew if it has ended.
    pub(super) async fn begin(&mut self) {
        let program = std::env::var("VISAVIS_TEST_REDIS").unwrap_or_else(|_| "redis-server".to_owned());
        let mut command = Command::new(program);
        command.current_dir(&self.folder).kill_on_drop(true).stdout(Stdio::null());
        command.args(["--port", "0", "--save", "", "--unixsocket"]).arg(self.socket());
        command.args(["--appendonly", if self.keeps { "yes" } else { "no" }, "--appendfsync", "always"]);
        std::fs::remove_file(self.socket()).ok();
        self.process = Some(command.spawn().expect("redis-server is installed"));
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while UnixStream::connect(self.socket()).await.is_err() {
            assert!(tokio::time::Instant::now() < deadline, "Redis does not begin");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Ends at once (SIGKILL).
    pub(super) async fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().await.expect("it can be killed");
    }

    /// Stands still, with its sockets open, until it goes on.
    pub(super) async fn stop(&self) {
        self.signal("-STOP").await;
    }

    pub(super) async fn go_on(&self) {
        self.signal("-CONT").await;
    }

    async fn signal(&self, signal: &str) {
        let id = self.process.as_ref().and_then(Child::id).expect("it runs").to_string();
        let status = Command::new("kill").args([signal, &id]).status().await.expect("kill is there");
        assert!(status.success());
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }
}
