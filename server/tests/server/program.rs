//! The program itself.

use std::io::Write as _;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::support::within;

fn program(options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_visavis-server"));
    command.args(options).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("VISAVIS_")) {
        command.env_remove(name);
    }
    command
}

async fn first_line(child: &mut Child) -> String {
    let stdout = child.stdout.as_mut().expect("stdout is piped");
    let mut line = String::new();
    within(BufReader::new(stdout).read_line(&mut line)).await.expect("a line");
    line
}

#[cfg(unix)]
#[tokio::test]
async fn it_says_where_it_listens_and_ends_well_when_told_to() {
    for signal in ["-TERM", "-INT"] {
        let mut child = program(&["--listen", "127.0.0.1:0"]).spawn().expect("start");
        let line = first_line(&mut child).await;
        let address = line.trim().strip_prefix("listening on http://").expect("where it listens");
        tokio::net::TcpStream::connect(address).await.expect("it listens there");

        let id = child.id().expect("it runs").to_string();
        let sent = Command::new("kill").args([signal, &id]).status().await.expect("send the signal");
        assert!(sent.success());
        let output = within(child.wait_with_output()).await.expect("wait");
        assert!(output.status.success(), "{signal}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("shutting down"));
    }
}

#[tokio::test]
async fn an_address_in_use_is_said_clearly() {
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = taken.local_addr().expect("an address").to_string();
    let output = within(program(&["--listen", &address]).output()).await.expect("run");
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains(&format!("{address} is in use")), "{message}");
}

#[tokio::test]
async fn settings_come_from_the_environment_too() {
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = taken.local_addr().expect("an address").to_string();
    let output = within(program(&[]).env("VISAVIS_LISTEN", &address).output()).await.expect("run");
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains(&format!("{address} is in use")), "{message}");
}

#[tokio::test]
async fn a_file_is_read_and_what_holds_is_printed() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    write!(file, "log = 'debug'\n[rooms]\nsize = 4").expect("write it");
    let path = file.path().to_owned();
    let path = path.to_str().expect("a path");
    let options = ["--config", path, "--log", "warn", "--print-config"];
    let output = within(program(&options).output()).await.expect("run");
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).expect("text");
    assert!(printed.contains("log = \"warn\"") && printed.contains("size = 4"), "{printed}");

    write!(file, "\nseats = 4").expect("write more");
    let output = within(program(&["--config", path]).output()).await.expect("run");
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(message.contains("line 4") && message.contains("`seats`"), "{message}");
}

#[tokio::test]
async fn the_ports_are_said_and_nothing_is_served() {
    let output = within(program(&["--listen", "[::1]:8443", "ports"]).output()).await.expect("run");
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(said.lines().nth(1).is_some_and(|line| line.starts_with("8443  tcp       ::1 ")), "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
}

#[tokio::test]
async fn logs_are_objects_when_asked_for() {
    let mut child = program(&["--listen", "127.0.0.1:0", "--log-format", "json"]).spawn().expect("start");
    first_line(&mut child).await;
    let mut log = BufReader::new(child.stderr.take().expect("stderr is piped"));
    let mut line = String::new();
    within(log.read_line(&mut line)).await.expect("a line");
    let entry: serde_json::Value = serde_json::from_str(&line).expect("an object");
    assert!(entry["fields"]["message"].is_string(), "{line}");
}

#[tokio::test]
async fn it_says_of_a_server_how_that_is() {
    let operators =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port");
    let operators = format!("--admin-listen={operators}");
    let asked = ["--listen=127.0.0.1:0", &operators];
    let health = async |options: &[&str]| {
        let output =
            within(program(&[&asked[..], &["health"], options].concat()).output()).await.expect("run");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (is_well, why) = health(&[]).await;
    assert!(!is_well && why.contains("does not answer"), "{why}");

    let mut child = program(&asked).spawn().expect("start");
    first_line(&mut child).await;
    for options in [&[][..], &["--ready"]] {
        let (is_well, why) = health(options).await;
        assert!(is_well, "{options:?}: {why}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_service_manager_is_told_when_it_serves_and_when_it_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let socket = tokio::net::UnixDatagram::bind(&path).expect("bind");
    let heard = async || {
        let mut buffer = [0; 64];
        let length = within(socket.recv(&mut buffer)).await.expect("a datagram");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let mut child = program(&["--listen", "127.0.0.1:0"]).env("NOTIFY_SOCKET", &path).spawn().expect("start");
    assert_eq!(heard().await, "READY=1");
    let line = first_line(&mut child).await;
    let address = line.trim().strip_prefix("listening on http://").expect("where it listens");
    tokio::net::TcpStream::connect(address).await.expect("it listens there");

    let id = child.id().expect("it runs").to_string();
    let sent = Command::new("kill").args(["-TERM", &id]).status().await.expect("send the signal");
    assert!(sent.success());
    assert_eq!(heard().await, "STOPPING=1");
    assert!(within(child.wait()).await.expect("it ends").success());
}
