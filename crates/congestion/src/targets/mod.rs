//! What the encoders are asked for: how a bitrate is divided between sound and pictures, and what is made of each part.

mod audio;
mod held;
mod ladder;
mod load;
mod rungs;
mod screen;
mod screen_sound;

pub use audio::{AudioLadder, AudioTarget};
pub use ladder::{VideoLadder, VideoTarget};
pub use rungs::SourceLimits;
pub use screen::{ScreenLadder, ScreenSplit};
pub use screen_sound::{ScreenSoundLadder, ScreenSoundTarget};
