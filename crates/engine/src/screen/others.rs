//! Whose screens are shown.

use std::collections::HashMap;

use visavis_protocol::ParticipantId;

use crate::api::{Event, StreamId};

/// The screens of the others that have been seen, now or earlier in the call, and whether they are shown. Pure: what the
/// shell is to be told is what the methods give.
#[derive(Debug, Default)]
pub(crate) struct OthersScreens(HashMap<ParticipantId, bool>);

impl OthersScreens {
    /// The first picture of a participant's screen has come.
    pub(crate) fn handle_first_frame(&mut self, participant: ParticipantId) -> Event {
        self.0.insert(participant.clone(), true);
        Event::VideoStarted { stream: StreamId::Screen(participant) }
    }

    /// A participant shares a screen or does not. One that is shared again comes over the track that it had before.
    pub(crate) fn handle_shared(&mut self, participant: &ParticipantId, shared: bool) -> Option<Event> {
        let shown = self.0.get_mut(participant)?;
        if std::mem::replace(shown, shared) == shared {
            return None;
        }
        let stream = StreamId::Screen(participant.clone());
        Some(if shared { Event::VideoStarted { stream } } else { Event::VideoEnded { stream } })
    }

    /// A participant's connection is gone.
    pub(crate) fn end(&mut self, participant: &ParticipantId) -> Option<Event> {
        let shown = self.0.remove(participant)?;
        shown.then(|| Event::VideoEnded { stream: StreamId::Screen(participant.clone()) })
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_is_told_of_once_each_time_that_it_begins_or_ends() {
        let ada: ParticipantId = serde_json::from_str("\"ada\"").expect("an id");
        let stream = StreamId::Screen(ada.clone());
        let started = Event::VideoStarted { stream: stream.clone() };
        let ended = Event::VideoEnded { stream };
        let mut screens = OthersScreens::default();
        assert_eq!(screens.handle_shared(&ada, true), None, "there is no picture yet");
        assert_eq!(screens.handle_first_frame(ada.clone()), started);
        assert_eq!(screens.handle_shared(&ada, true), None, "it was the microphone that changed");
        assert_eq!(screens.handle_shared(&ada, false), Some(ended.clone()));
        assert_eq!(screens.handle_shared(&ada, false), None);
        assert_eq!(screens.handle_shared(&ada, true), Some(started));
        assert_eq!(screens.end(&ada), Some(ended));
        assert_eq!(screens.end(&ada), None);
    }
}
