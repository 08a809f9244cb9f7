use std::path::Path;

use tauri_build::{AppManifest, Attributes};

/// What the page may ask of the app; `capabilities/main.json` lets it.
const COMMANDS: &[&str] = &["engine_command", "frame_socket", "launch"];

fn main() {
    println!("cargo::rerun-if-changed=../ui/dist");
    if !Path::new("../ui/dist/index.html").exists() {
        println!(
            "cargo::error=the user interface is not built: run `npm ci && npm run build` in the folder `ui` first"
        );
        return;
    }
    let attributes = Attributes::new().app_manifest(AppManifest::new().commands(COMMANDS));
    if let Err(error) = tauri_build::try_build(attributes) {
        println!("cargo::error={error:#}");
    }
}
