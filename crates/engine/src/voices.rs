//! Which stream of the speaker is whose, and how loud each participant is played.

use std::collections::HashMap;

use visavis_media::audio::{AudioStreamId, Volume};
use visavis_protocol::ParticipantId;

use crate::api::ParticipantLevel;

/// The voices of a stay. Pure: what is to be done to the speaker is what the methods give.
#[derive(Debug, Default)]
pub(crate) struct Voices {
    streams: HashMap<AudioStreamId, ParticipantId>,
    /// The sound of their screens: as loud as they are played, but no voice.
    screens: HashMap<AudioStreamId, ParticipantId>,
    /// What was asked for; kept while the voice is away, since it may come back by another connection.
    volumes: HashMap<ParticipantId, Volume>,
}

impl Voices {
    /// A participant's voice begins. Gives its volume, if one was asked for.
    pub(crate) fn begin(&mut self, participant: ParticipantId, stream: AudioStreamId) -> Option<Volume> {
        let volume = self.volumes.get(&participant).copied();
        self.streams.insert(stream, participant);
        volume
    }

    /// The sound of a participant's screen begins. Gives its volume, if one was asked for.
    pub(crate) fn begin_screen(
        &mut self,
        participant: ParticipantId,
        stream: AudioStreamId,
    ) -> Option<Volume> {
        let volume = self.volumes.get(&participant).copied();
        self.screens.insert(stream, participant);
        volume
    }

    /// A participant's connection is gone, and its sound with it.
    pub(crate) fn end(&mut self, participant: &ParticipantId) {
        self.streams.retain(|_, whose| whose != participant);
        self.screens.retain(|_, whose| whose != participant);
    }

    /// The stay is over: the next one has other participants.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Gives the streams whose volume this is from now on.
    pub(crate) fn set_volume(&mut self, participant: ParticipantId, volume: Volume) -> Vec<AudioStreamId> {
        let streams = self.streams.iter().chain(&self.screens).filter(|(_, whose)| **whose == participant);
        let streams = streams.map(|(stream, _)| *stream).collect();
        self.volumes.insert(participant, volume);
        streams
    }

    /// Whose voice is how loud; streams that have just ended are nobody's.
    pub(crate) fn levels(&self, levels: &[(AudioStreamId, f32)]) -> Vec<ParticipantLevel> {
        let whose = |(stream, level): &(AudioStreamId, f32)| {
            let participant = self.streams.get(stream)?.clone();
            Some(ParticipantLevel { participant, level: *level })
        };
        levels.iter().filter_map(whose).collect()
    }
}

#[cfg(test)]
mod tests {
    use visavis_media::audio::AudioSink;

    use super::*;

    #[test]
    fn a_volume_outlives_the_connection_and_not_the_stay() {
        let sink = AudioSink::spawn(|_| {}).expect("a thread");
        let [first, second, third] = [(); 3].map(|()| sink.add_stream().id());
        let ada: ParticipantId = serde_json::from_str("\"ada\"").expect("an id");
        let ben: ParticipantId = serde_json::from_str("\"ben\"").expect("an id");
        let quiet = Volume::from(0.5);
        let mut voices = Voices::default();
        assert_eq!(voices.begin(ada.clone(), first), None);
        assert_eq!(voices.begin(ben.clone(), second), None);
        assert_eq!(voices.set_volume(ada.clone(), quiet), [first]);
        let levels = voices.levels(&[(first, 0.1), (second, 0.2), (third, 0.3)]);
        let expected = [(&ada, 0.1), (&ben, 0.2)]
            .map(|(participant, level)| ParticipantLevel { participant: participant.clone(), level });
        assert_eq!(levels, expected);

        assert_eq!(voices.begin_screen(ada.clone(), third), Some(quiet));
        assert_eq!(voices.levels(&[(third, 0.9)]), [], "it is no voice");
        let mut both = voices.set_volume(ada.clone(), quiet);
        both.sort_by_key(|stream| *stream == third);
        assert_eq!(both, [first, third]);

        voices.end(&ada);
        assert_eq!(voices.levels(&[(first, 0.1)]), []);
        assert_eq!(voices.set_volume(ada.clone(), quiet), []);
        assert_eq!(voices.begin(ada.clone(), third), Some(quiet));
        voices.clear();
        assert_eq!(voices.begin(ada, first), None);
    }
}
