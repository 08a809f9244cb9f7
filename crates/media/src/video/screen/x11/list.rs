use x11rb::protocol::randr::ConnectionExt as _;
use x11rb::protocol::xproto::{AtomEnum, ConnectionExt as _, MapState, Window, WindowClass};

use super::display::Display;
use crate::ScreenChoice;
use crate::video::screen::{Screen, ScreenError, ScreenErrorCode, ScreenKind};

const MONITOR_PREFIX: &str = "monitor-";
const WINDOW_PREFIX: &str = "window-";
/// Longest title that is read, in units of four bytes.
const TITLE_LENGTH: u32 = 256;
/// What is smaller, in pixels, is no window that anybody would share.
const LEAST_SIDE: u16 = 32;

/// A part of the root window, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) x: i16,
    pub(super) y: i16,
    pub(super) width: u16,
    pub(super) height: u16,
}

/// What a choice stands for on a display.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Monitor(Area),
    Window(Window),
}

struct Monitor {
    name: String,
    primary: bool,
    area: Area,
}

pub(in crate::video::screen) fn list() -> Result<Vec<Screen>, ScreenError> {
    let display = Display::open()?;
    let monitors = monitors(&display)?.into_iter().map(|Monitor { name, area, .. }| Screen {
        id: format!("{MONITOR_PREFIX}{name}"),
        kind: ScreenKind::Monitor,
        title: name,
        width: area.width.into(),
        height: area.height.into(),
    });
    let windows = windows(&display)?.into_iter().filter_map(|window| {
        let size = display.connection.get_geometry(window).ok()?.reply().ok()?;
        let title = title(&display, window).filter(|title| !title.is_empty())?;
        let (id, kind) = (format!("{WINDOW_PREFIX}{window:x}"), ScreenKind::Window);
        Some(Screen { id, kind, title, width: size.width.into(), height: size.height.into() })
    });
    Ok(monitors.chain(windows).collect())
}

pub(super) fn find(display: &Display, choice: &ScreenChoice) -> Result<Target, ScreenError> {
    let target = match choice {
        ScreenChoice::Pattern => None,
        ScreenChoice::Whole => {
            let monitors = monitors(display)?;
            monitors
                .iter()
                .find(|monitor| monitor.primary)
                .or(monitors.first())
                .map(|it| Target::Monitor(it.area))
        }
        ScreenChoice::Window(text) => windows(display)?
            .into_iter()
            .find(|window| title(display, *window).is_some_and(|title| title.contains(text)))
            .map(Target::Window),
        ScreenChoice::Listed(id) => match (id.strip_prefix(MONITOR_PREFIX), id.strip_prefix(WINDOW_PREFIX)) {
            (Some(name), _) => monitors(display)?
                .into_iter()
                .find(|monitor| monitor.name == name)
                .map(|monitor| Target::Monitor(monitor.area)),
            (None, Some(number)) => {
                let wanted = Window::from_str_radix(number, 16).ok();
                windows(display)?.into_iter().find(|window| Some(*window) == wanted).map(Target::Window)
            }
            (None, None) => None,
        },
    };
    target.ok_or_else(|| ScreenError::new(ScreenErrorCode::NotFound, "no such screen or window"))
}

/// By RandR 1.5; on a server without it, the whole root window.
fn monitors(display: &Display) -> Result<Vec<Monitor>, ScreenError> {
    let (connection, root) = (&display.connection, display.root);
    let Ok(reply) = connection.randr_get_monitors(root, true)?.reply() else {
        let size = connection.get_geometry(root)?.reply()?;
        let area = Area { x: 0, y: 0, width: size.width, height: size.height };
        return Ok(vec![Monitor { name: "screen".to_owned(), primary: true, area }]);
    };
    reply
        .monitors
        .into_iter()
        .map(|info| {
            let name = connection.get_atom_name(info.name)?.reply()?.name;
            Ok(Monitor {
                name: String::from_utf8_lossy(&name).into_owned(),
                primary: info.primary,
                area: Area { x: info.x, y: info.y, width: info.width, height: info.height },
            })
        })
        .collect()
}

/// What the window manager manages (EWMH), or, without one, what lies on the root window.
fn windows(display: &Display) -> Result<Vec<Window>, ScreenError> {
    let (connection, root) = (&display.connection, display.root);
    let managed = connection.intern_atom(false, b"_NET_CLIENT_LIST")?.reply()?.atom;
    let listed = connection.get_property(false, root, managed, AtomEnum::WINDOW, 0, u32::MAX)?.reply()?;
    let all = match listed.value32() {
        Some(windows) => windows.collect(),
        None => connection.query_tree(root)?.reply()?.children,
    };
    Ok(all.into_iter().filter(|window| is_shown(display, *window)).collect())
}

/// A window may go at any time.
fn is_shown(display: &Display, window: Window) -> bool {
    let attributes = display.connection.get_window_attributes(window).ok().and_then(|it| it.reply().ok());
    let size = display.connection.get_geometry(window).ok().and_then(|it| it.reply().ok());
    attributes.is_some_and(|it| it.map_state == MapState::VIEWABLE && it.class == WindowClass::INPUT_OUTPUT)
        && size.is_some_and(|it| it.width >= LEAST_SIDE && it.height >= LEAST_SIDE)
}

fn title(display: &Display, window: Window) -> Option<String> {
    let connection = &display.connection;
    let atom = |name: &[u8]| Some(connection.intern_atom(false, name).ok()?.reply().ok()?.atom);
    let text = |property: u32, kind: u32| {
        let reply =
            connection.get_property(false, window, property, kind, 0, TITLE_LENGTH).ok()?.reply().ok()?;
        (!reply.value.is_empty()).then(|| String::from_utf8_lossy(&reply.value).into_owned())
    };
    text(atom(b"_NET_WM_NAME")?, atom(b"UTF8_STRING")?)
        .or_else(|| text(AtomEnum::WM_NAME.into(), AtomEnum::ANY.into()))
}
