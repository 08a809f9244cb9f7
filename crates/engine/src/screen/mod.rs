//! Screens that are shared: the own one, and whose of the others is shown.

mod others;
mod own;

pub(crate) use others::OthersScreens;
pub(crate) use own::{OwnScreen, ScreenEvent};
