//! The TypeScript in `ui/src/generated` is what the wire, core and engine types say.
//!
//! `VISAVIS_UPDATE=1 cargo test -p visavis-engine --test typescript` writes it anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use ts_rs::{Config, TS};
use visavis_call::{Input, Output};
use visavis_engine::api::{Command, Event};
use visavis_media::DeviceChoice;
use visavis_protocol::{ClientMessage, ErrorCode, ServerMessage};

#[test]
fn generated_typescript_is_up_to_date() {
    let fresh = tempfile::tempdir().expect("a folder for the fresh files");
    let config = Config::new().with_out_dir(fresh.path()).with_large_int("number");
    macro_rules! export {
        ($($name:ty),+) => { $(<$name as TS>::export_all(&config).expect(stringify!($name));)+ };
    }
    export!(ClientMessage, ServerMessage, ErrorCode, Input, Output, Command, Event, DeviceChoice);

    let expected = read_folder(fresh.path());
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/src/generated");
    if std::env::var_os("VISAVIS_UPDATE").is_some() {
        fs::remove_dir_all(&kept).ok();
        fs::create_dir_all(&kept).expect("make the generated folder");
        for (name, text) in &expected {
            fs::write(kept.join(name), text).expect("write a generated file");
        }
    }
    let kept = read_folder(&kept);
    let files = expected.keys().chain(kept.keys()).collect::<BTreeSet<_>>();
    let stale: Vec<_> = files.into_iter().filter(|&file| kept.get(file) != expected.get(file)).collect();
    assert!(stale.is_empty(), "stale: {stale:?}; run with VISAVIS_UPDATE=1 and commit what it writes");
}

/// File name to content.
fn read_folder(folder: &Path) -> BTreeMap<PathBuf, String> {
    fs::read_dir(folder)
        .map(|entries| {
            entries
                .map(|entry| entry.expect("read the folder").path())
                .map(|path| {
                    let name = PathBuf::from(path.file_name().expect("a file has a name"));
                    (name, fs::read_to_string(&path).expect("read a generated file"))
                })
                .collect()
        })
        .unwrap_or_default()
}
