//! The messages of the frame socket; the format is told in the parent module.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use visavis_engine::api::StreamId;
use visavis_media::video::{Scaler, Size};

use super::slots::{NumberedFrame, Output};

const VERSION: u8 = 1;
const I420: u8 = 1;
const HEADER_BYTES: usize = 24;
/// Width and height of the own picture at most.
const OWN_VIEW: (u32, u32) = (640, 360);

/// Tells the time of day of an instant. The offset is read once, so that differences between frames are exact.
#[derive(Debug, Clone, Copy)]
pub(super) struct WallClock {
    instant: Instant,
    time: SystemTime,
}

impl WallClock {
    pub(super) fn now() -> Self {
        Self { instant: Instant::now(), time: SystemTime::now() }
    }

    /// Microseconds since the Unix epoch; 0 before it.
    fn unix_us(&self, instant: Instant) -> u64 {
        let time = match instant.checked_duration_since(self.instant) {
            Some(later) => self.time.checked_add(later),
            None => self.time.checked_sub(self.instant.duration_since(instant)),
        };
        let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        since.and_then(|since| u64::try_from(since.as_micros()).ok()).unwrap_or(0)
    }
}

/// What is said beside the frames.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Announcement {
    Stream { index: u16, stream: StreamId },
    StreamEnd { index: u16 },
}

/// Writes the messages of one connection.
pub(super) struct Writer {
    clock: WallClock,
    scaler: Scaler,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { clock: WallClock::now(), scaler: Scaler::default() }
    }

    pub(super) fn message(&mut self, output: Output) -> Result<Message, serde_json::Error> {
        let announcement = match output {
            Output::StreamStarted { index, stream } => Announcement::Stream { index, stream },
            Output::StreamEnded { index } => Announcement::StreamEnd { index },
            Output::Frame(frame) => {
                return Ok(Message::Binary(frame_message(&self.fitted(frame), self.clock)));
            }
        };
        Ok(Message::text(serde_json::to_string(&announcement)?))
    }

    /// The own picture is shown small, however large it is sent: more would cost the page more than it shows.
    fn fitted(&mut self, frame: NumberedFrame) -> NumberedFrame {
        if !frame.is_own {
            return frame;
        }
        let size = Size::new(OWN_VIEW.0, OWN_VIEW.1).map(|largest| frame.frame.size().fit_within(largest));
        match size {
            Ok(size) if size != frame.frame.size() => {
                NumberedFrame { frame: Arc::new(self.scaler.scale(&frame.frame, size)), ..frame }
            }
            Ok(_) | Err(_) => frame,
        }
    }
}

fn frame_message(NumberedFrame { index, sequence, frame, .. }: &NumberedFrame, clock: WallClock) -> Bytes {
    let mut message = Vec::with_capacity(HEADER_BYTES + frame.data().len());
    message.extend([VERSION, I420]);
    message.extend(index.to_le_bytes());
    message.extend(frame.width().to_le_bytes());
    message.extend(frame.height().to_le_bytes());
    message.extend(sequence.to_le_bytes());
    message.extend(clock.unix_us(frame.captured()).to_le_bytes());
    message.extend_from_slice(frame.data());
    message.into()
}

/// Stream index and sequence number of an acknowledgement, if it is one.
pub(super) fn parse_acknowledgement(message: &[u8]) -> Option<(u16, u32)> {
    let &[i0, i1, s0, s1, s2, s3] = message else { return None };
    Some((u16::from_le_bytes([i0, i1]), u32::from_le_bytes([s0, s1, s2, s3])))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use visavis_media::video::Frame;
    use visavis_protocol::ParticipantId;

    use super::*;

    #[test]
    fn a_frame_is_written_field_by_field() {
        let clock = WallClock { instant: Instant::now(), time: UNIX_EPOCH + Duration::from_secs(1) };
        let captured = clock.instant + Duration::from_micros(2);
        let frame = Arc::new(Frame::black(Size::new(5, 3).expect("a size"), captured));
        let numbered = NumberedFrame { index: 0x0102, sequence: 0xffff_fffe, is_own: false, frame };
        let bytes = frame_message(&numbered, clock);
        let header: [&[u8]; 7] = [
            &[1, 1],
            &[0x02, 0x01],
            &[5, 0, 0, 0],
            &[3, 0, 0, 0],
            &[0xfe, 0xff, 0xff, 0xff],
            &1_000_002_u64.to_le_bytes(),
            &[16],
        ];
        assert!(bytes.starts_with(&header.concat()));
        assert_eq!(bytes.len(), 24 + 15 + 2 * 3 * 2);
    }

    #[test]
    fn times_before_the_clock_was_read_are_told_too() {
        let clock = WallClock { instant: Instant::now(), time: UNIX_EPOCH + Duration::from_secs(1) };
        let Some(before) = clock.instant.checked_sub(Duration::from_micros(5)) else { return };
        assert_eq!(clock.unix_us(before), 999_995);
    }

    #[test]
    fn announcements_name_the_stream_as_events_do() {
        let mut writer = Writer::new();
        let stream = StreamId::Participant(ParticipantId::new("p1").expect("an id"));
        let started = writer.message(Output::StreamStarted { index: 3, stream }).expect("a text");
        let expected = r#"{"type":"stream","index":3,"stream":{"type":"participant","participant":"p1"}}"#;
        assert_eq!(started, Message::text(expected));
        let ended = writer.message(Output::StreamEnded { index: 3 }).expect("a text");
        assert_eq!(ended, Message::text(r#"{"type":"stream_end","index":3}"#));
    }

    #[test]
    fn the_own_picture_is_made_small_and_no_other() {
        let mut writer = Writer::new();
        let mut size = |is_own, width, height| {
            let frame = Arc::new(Frame::black(Size::new(width, height).expect("a size"), Instant::now()));
            let frame = writer.fitted(NumberedFrame { index: 0, sequence: 1, is_own, frame }).frame;
            (frame.width(), frame.height())
        };
        assert_eq!(size(true, 1280, 720), (640, 360));
        assert_eq!(size(true, 640, 480), (480, 360));
        assert_eq!(size(true, 320, 180), (320, 180));
        assert_eq!(size(false, 1280, 720), (1280, 720));
    }

    #[test]
    fn acknowledgements_have_six_bytes() {
        assert_eq!(parse_acknowledgement(&[0x02, 0x01, 0xfe, 0xff, 0xff, 0xff]), Some((0x0102, 0xffff_fffe)));
        assert_eq!(parse_acknowledgement(&[0; 5]), None);
        assert_eq!(parse_acknowledgement(&[0; 7]), None);
    }
}
