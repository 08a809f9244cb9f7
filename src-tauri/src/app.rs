use anyhow::Context as _;
use tauri::{
    App, AppHandle, Emitter as _, Manager as _, RunEvent, Runtime, WebviewWindow, WebviewWindowBuilder,
};
use tracing::warn;
use url::Url;

use crate::args::Args;
use crate::commands::{self, LaunchedWith};
use crate::controller::Controller;
use crate::frames::{FrameHub, FrameServer};
use crate::graphics;
use crate::launch::Launch;
use crate::page;

/// What the page listens to; the payload is a [`visavis_engine::api::Event`].
const ENGINE_EVENT: &str = "engine_event";

/// Runs the app until its window is closed.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    // The engine, the frame socket and Tauri share one runtime.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    tauri::async_runtime::set(runtime.handle().clone());
    let app = build(tauri::Builder::default())?;
    start_engine(app.handle(), args)?;
    open_window(app.handle())?;
    runtime.spawn(exit_when_told(app.handle().clone()));
    app.run(|app, event| {
        if let RunEvent::Exit = event {
            tauri::async_runtime::block_on(app.state::<Controller>().shut_down());
        }
    });
    Ok(())
}

/// The app with its commands, on any of Tauri's runtimes.
fn build<R: Runtime>(builder: tauri::Builder<R>) -> anyhow::Result<App<R>> {
    builder
        .invoke_handler(tauri::generate_handler![
            commands::engine_command,
            commands::frame_socket,
            commands::launch
        ])
        .build(tauri::generate_context!())
        .context("cannot start the window system")
}

fn start_engine<R: Runtime>(app: &AppHandle<R>, args: &Args) -> anyhow::Result<()> {
    let frames = FrameHub::default();
    let (server, address) = tauri::async_runtime::block_on(FrameServer::bind(frames.clone()))
        .context("cannot open the frame socket")?;
    tauri::async_runtime::spawn(server.run());

    let handle = app.clone();
    let on_event = Box::new(move |event: &_| {
        if let Err(error) = handle.emit(ENGINE_EVENT, event) {
            warn!(%error, "the page does not hear an event");
        }
    });
    let controller =
        tauri::async_runtime::block_on(async { Controller::spawn(args.devices(), frames, on_event) })
            .context("cannot start the engine")?;

    app.manage(controller);
    app.manage(address);
    app.manage(LaunchedWith(Launch::new(args)));
    Ok(())
}

fn open_window<R: Runtime>(app: &AppHandle<R>) -> anyhow::Result<WebviewWindow<R>> {
    let config = app.config().app.windows.first().context("tauri.conf.json describes no window")?;
    let window = WebviewWindowBuilder::from_config(app, config)?
        .on_navigation(is_own_page)
        .on_document_title_changed(|window, title| {
            if let Err(error) = window.set_title(&title) {
                warn!(%error, "the window keeps its title");
            }
        })
        .build()?;
    graphics::adapt(&window)?;
    Ok(window)
}

/// The window shows the app and nothing else.
fn is_own_page(url: &Url) -> bool {
    page::is_own(&format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default()))
}

/// Ends the app in good order when the system or a terminal asks for it.
#[cfg(unix)]
async fn exit_when_told(app: AppHandle) {
    use tokio::signal::unix::{SignalKind, signal};

    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        warn!("cannot listen for signals");
        return;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    app.exit(0);
}

/// Ends the app in good order when a terminal asks for it.
#[cfg(not(unix))]
async fn exit_when_told(app: AppHandle) {
    match tokio::signal::ctrl_c().await {
        Ok(()) => app.exit(0),
        Err(error) => warn!(%error, "cannot listen for Ctrl-C"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use serde_json::{Value, json};
    use tauri::Listener as _;
    use tauri::ipc::{CallbackFn, InvokeBody};
    use tauri::test::{INVOKE_KEY, MockRuntime, get_ipc_response, mock_builder};
    use tauri::webview::InvokeRequest;

    use super::*;

    /// Far longer than anything here takes.
    const PATIENCE: Duration = Duration::from_secs(20);

    struct Rig {
        app: App<MockRuntime>,
        window: WebviewWindow<MockRuntime>,
    }

    impl Rig {
        fn new(options: &[&str]) -> Self {
            use clap::Parser as _;

            let silent = ["visavis", "--camera=none", "--microphone=none", "--speaker=none"];
            let args = Args::try_parse_from(silent.iter().chain(options)).expect("options");
            let app = build(mock_builder()).expect("an app");
            start_engine(app.handle(), &args).expect("an engine");
            let window = open_window(app.handle()).expect("a window");
            Self { app, window }
        }

        /// What the page gets for a command.
        fn invoke(&self, command: &str, parameters: Value) -> Result<Value, Value> {
            self.invoke_from("tauri://localhost", command, parameters)
        }

        fn invoke_from(&self, page: &str, command: &str, parameters: Value) -> Result<Value, Value> {
            let request = InvokeRequest {
                cmd: command.to_owned(),
                callback: CallbackFn(0),
                error: CallbackFn(1),
                url: page.parse().expect("a URL"),
                body: InvokeBody::Json(parameters),
                headers: tauri::http::HeaderMap::new(),
                invoke_key: INVOKE_KEY.to_owned(),
            };
            let body = get_ipc_response(&self.window, request)?;
            Ok(body.deserialize().expect("JSON"))
        }
    }

    #[test]
    fn a_command_reaches_the_engine_and_its_events_the_page() {
        let rig = Rig::new(&[]);
        let (heard, events) = mpsc::channel();
        rig.app.listen_any(ENGINE_EVENT, move |event| {
            heard.send(serde_json::from_str::<Value>(event.payload())).expect("the test listens");
        });
        let join = json!({ "type": "join", "server": "http://127.0.0.1:1", "room": "a", "name": "Ada" });
        assert_eq!(rig.invoke("engine_command", json!({ "command": join })), Ok(Value::Null));
        let joining = json!({ "type": "call", "event": { "type": "state", "state": { "type": "joining" } } });
        loop {
            let event = events.recv_timeout(PATIENCE).expect("an event").expect("JSON");
            if event == joining {
                break;
            }
        }
    }

    #[test]
    fn an_engine_that_was_shut_down_takes_no_command() {
        let rig = Rig::new(&[]);
        tauri::async_runtime::block_on(rig.app.state::<Controller>().shut_down());
        let leave = json!({ "command": { "type": "leave" } });
        assert_eq!(rig.invoke("engine_command", leave), Err(json!("ended")));
    }

    #[test]
    fn what_is_no_command_is_refused() {
        let rig = Rig::new(&[]);
        let no_room = json!({ "type": "join", "server": "http://127.0.0.1:1", "room": "a/b", "name": "Ada" });
        for command in [json!({ "type": "format_disk" }), no_room, Value::Null] {
            assert!(rig.invoke("engine_command", json!({ "command": command })).is_err(), "{command}");
        }
    }

    #[test]
    fn the_page_is_told_its_link_and_its_socket() {
        let rig = Rig::new(&["https://calls.example.org/r/a?name=Ada"]);
        let link = "https://calls.example.org/r/a?name=Ada&camera=none&microphone=none&speaker=none";
        assert_eq!(rig.invoke("launch", json!({})), Ok(json!({ "link": link, "enter": false })));
        let socket = rig.invoke("frame_socket", json!({})).expect("an address");
        assert!(socket["url"].as_str().is_some_and(|url| url.starts_with("ws://127.0.0.1:")), "{socket}");
        assert!(socket["token"].as_str().is_some_and(|token| token.len() == 64), "{socket}");
    }

    #[test]
    fn the_page_may_do_nothing_else() {
        let rig = Rig::new(&[]);
        for command in ["plugin:window|close", "plugin:event|emit", "plugin:path|resolve_directory"] {
            let refusal = rig.invoke(command, json!({})).expect_err(command);
            assert!(refusal.as_str().is_some_and(|text| text.contains("not allowed")), "{refusal}");
        }
    }

    #[test]
    fn other_pages_may_do_nothing() {
        let rig = Rig::new(&[]);
        for command in ["engine_command", "frame_socket", "launch"] {
            assert!(rig.invoke_from("https://evil.example", command, json!({})).is_err(), "{command}");
        }
    }

    #[test]
    fn the_window_stays_in_the_app() {
        for (url, own) in [
            ("tauri://localhost/", true),
            ("http://tauri.localhost/?x=1", true),
            ("https://evil.example/", false),
            ("http://tauri.localhost.evil.example/", false),
            ("data:text/html,hello", false),
            ("file:///etc/passwd", false),
        ] {
            assert_eq!(is_own_page(&url.parse().expect("a URL")), own, "{url}");
        }
    }
}
