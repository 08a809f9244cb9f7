//! Which page is the app's own.

/// The origins that the embedded page has: on macOS and Linux the first, on Windows one of the others.
const ORIGINS: [&str; 3] = ["tauri://localhost", "http://tauri.localhost", "https://tauri.localhost"];

/// Whether an origin, such as `tauri://localhost`, is that of the embedded page.
pub(crate) fn is_own(origin: &str) -> bool {
    ORIGINS.contains(&origin)
}
