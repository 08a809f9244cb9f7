//! How the page is drawn.

use tauri::{Runtime, WebviewWindow};

/// Lets the page draw in the fastest way this machine has.
///
/// WebKitGTK composites through OpenGL even if the driver does that in software, which is several times slower than
/// drawing without it.
#[cfg(target_os = "linux")]
pub(crate) fn adapt<R: Runtime>(window: &WebviewWindow<R>) -> tauri::Result<()> {
    use webkit2gtk::{HardwareAccelerationPolicy, SettingsExt, WebViewExt};

    if has_gpu(std::path::Path::new("/dev/dri")) {
        return Ok(());
    }
    tracing::info!("no GPU: the page is drawn without acceleration");
    window.with_webview(|webview| {
        if let Some(settings) = webview.inner().settings() {
            settings.set_hardware_acceleration_policy(HardwareAccelerationPolicy::Never);
        }
    })
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn adapt<R: Runtime>(_window: &WebviewWindow<R>) -> tauri::Result<()> {
    Ok(())
}

/// Whether the kernel offers a device that renders, by its folder of graphics devices.
#[cfg(target_os = "linux")]
fn has_gpu(devices: &std::path::Path) -> bool {
    std::fs::read_dir(devices).is_ok_and(|entries| {
        entries.flatten().any(|entry| entry.file_name().as_encoded_bytes().starts_with(b"renderD"))
    })
}
