//! Which pictures go to the page next: a latest-wins slot for each stream.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use visavis_engine::api::StreamId;
use visavis_media::video::Frame;

/// A picture that was taken before a stream ended may come after it, this much later at most.
const STRAGGLERS: Duration = Duration::from_millis(200);

/// What the page is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Output {
    StreamStarted { index: u16, stream: StreamId },
    StreamEnded { index: u16 },
    Frame(NumberedFrame),
}

/// A picture in its place in a stream. Numbers count all pictures, so a gap tells of those that were left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NumberedFrame {
    pub(super) index: u16,
    pub(super) sequence: u32,
    pub(super) is_own: bool,
    pub(super) frame: Arc<Frame>,
}

/// The streams that run, and what of them the page has.
#[derive(Debug, Default)]
pub(super) struct Slots {
    streams: BTreeMap<u16, Stream>,
    next_index: u16,
    /// Announced streams whose end is to be told.
    ended: VecDeque<u16>,
    /// When a stream ended last.
    last_end: Option<Instant>,
    /// The index from which on a stream with a picture is looked for.
    next_turn: u16,
}

#[derive(Debug)]
struct Stream {
    id: StreamId,
    announced: bool,
    /// Number of the latest picture.
    sequence: u32,
    latest: Option<Arc<Frame>>,
    in_flight: Option<u32>,
}

impl Slots {
    /// A stream starts. Tells whether that is news.
    pub(super) fn start(&mut self, id: &StreamId) -> bool {
        self.find(id).is_none() && self.open(id).is_some()
    }

    /// A stream is over, and with it its picture. Tells whether there is something to send.
    pub(super) fn end(&mut self, now: Instant, id: &StreamId) -> bool {
        self.last_end = Some(now);
        let Some(index) = self.find(id) else { return false };
        let announced = self.streams.remove(&index).is_some_and(|stream| stream.announced);
        if announced {
            self.ended.push_back(index);
        }
        announced
    }

    /// The next picture of a stream, which takes the place of one that waits. It starts a stream that was not
    /// announced yet, unless it may be left over from one that ended. Tells whether there is something to send.
    pub(super) fn put(&mut self, id: &StreamId, frame: Arc<Frame>) -> bool {
        let index = match self.find(id) {
            Some(index) => Some(index),
            None if self.last_end.is_some_and(|end| frame.captured() < end + STRAGGLERS) => None,
            None => self.open(id),
        };
        let Some(stream) = index.and_then(|index| self.streams.get_mut(&index)) else { return false };
        stream.sequence = stream.sequence.wrapping_add(1);
        stream.latest = Some(frame);
        stream.in_flight.is_none()
    }

    /// The page has painted a picture. Tells whether there is something to send.
    pub(super) fn handle_acknowledgement(&mut self, index: u16, sequence: u32) -> bool {
        let Some(stream) = self.streams.get_mut(&index) else { return false };
        if stream.in_flight != Some(sequence) {
            return false;
        }
        stream.in_flight = None;
        stream.latest.is_some()
    }

    /// A new page knows nothing.
    pub(super) fn handle_new_page(&mut self) {
        self.ended.clear();
        for stream in self.streams.values_mut() {
            stream.announced = false;
            stream.in_flight = None;
        }
    }

    pub(super) fn poll_output(&mut self) -> Option<Output> {
        if let Some(index) = self.ended.pop_front() {
            return Some(Output::StreamEnded { index });
        }
        if let Some((&index, stream)) = self.streams.iter_mut().find(|(_, stream)| !stream.announced) {
            stream.announced = true;
            return Some(Output::StreamStarted { index, stream: stream.id.clone() });
        }
        self.poll_frame().map(Output::Frame)
    }

    /// The streams take turns.
    fn poll_frame(&mut self) -> Option<NumberedFrame> {
        let ready = |stream: &Stream| stream.in_flight.is_none() && stream.latest.is_some();
        let index = self
            .streams
            .range(self.next_turn..)
            .chain(self.streams.range(..self.next_turn))
            .find_map(|(&index, stream)| ready(stream).then_some(index))?;
        let stream = self.streams.get_mut(&index)?;
        let frame = stream.latest.take()?;
        stream.in_flight = Some(stream.sequence);
        self.next_turn = index.wrapping_add(1);
        let is_own = stream.id == StreamId::Own;
        Some(NumberedFrame { index, sequence: stream.sequence, is_own, frame })
    }

    fn find(&self, id: &StreamId) -> Option<u16> {
        self.streams.iter().find_map(|(&index, stream)| (stream.id == *id).then_some(index))
    }

    /// Gives the stream an index that no other has; none if there are 65536 already.
    fn open(&mut self, id: &StreamId) -> Option<u16> {
        let mut candidates = (0..=u16::MAX).map(|step| self.next_index.wrapping_add(step));
        let index =
            candidates.find(|index| !self.streams.contains_key(index) && !self.ended.contains(index))?;
        self.next_index = index.wrapping_add(1);
        let stream = Stream { id: id.clone(), announced: false, sequence: 0, latest: None, in_flight: None };
        self.streams.insert(index, stream);
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use visavis_media::video::Size;
    use visavis_protocol::ParticipantId;

    use super::*;

    fn frame(captured: Instant) -> Arc<Frame> {
        Arc::new(Frame::black(Size::new(4, 2).expect("a size"), captured))
    }

    fn participant(name: &str) -> StreamId {
        StreamId::Participant(ParticipantId::new(name).expect("an id"))
    }

    /// Everything there is to send, as short words.
    fn drain(slots: &mut Slots) -> Vec<String> {
        std::iter::from_fn(|| slots.poll_output())
            .map(|output| match output {
                Output::StreamStarted { index, .. } => format!("start {index}"),
                Output::StreamEnded { index } => format!("end {index}"),
                Output::Frame(NumberedFrame { index, sequence, .. }) => format!("frame {index} {sequence}"),
            })
            .collect()
    }

    #[test]
    fn a_frame_waits_until_the_one_before_is_acknowledged() {
        let (mut slots, now) = (Slots::default(), Instant::now());
        assert!(slots.put(&StreamId::Own, frame(now)));
        assert_eq!(drain(&mut slots), ["start 0", "frame 0 1"]);
        assert!(!slots.put(&StreamId::Own, frame(now)));
        assert_eq!(drain(&mut slots), [""; 0]);
        assert!(slots.handle_acknowledgement(0, 1));
        assert_eq!(drain(&mut slots), ["frame 0 2"]);
        assert!(!slots.handle_acknowledgement(0, 2));
    }

    #[test]
    fn the_latest_frame_wins_and_the_others_are_freed() {
        let (mut slots, now) = (Slots::default(), Instant::now());
        let frames: Vec<_> = (0..100).map(|_| frame(now)).collect();
        for frame in &frames {
            slots.put(&StreamId::Own, Arc::clone(frame));
        }
        let held = frames.iter().filter(|frame| Arc::strong_count(frame) > 1).count();
        assert_eq!(held, 1);
        assert_eq!(drain(&mut slots), ["start 0", "frame 0 100"]);
    }

    #[test]
    fn acknowledgements_of_other_frames_are_ignored() {
        let (mut slots, now) = (Slots::default(), Instant::now());
        slots.put(&StreamId::Own, frame(now));
        drain(&mut slots);
        slots.put(&StreamId::Own, frame(now));
        assert!(!slots.handle_acknowledgement(0, 2));
        assert!(!slots.handle_acknowledgement(1, 1));
        assert_eq!(drain(&mut slots), [""; 0]);
    }

    #[test]
    fn streams_take_turns() {
        let (mut slots, now) = (Slots::default(), Instant::now());
        for stream in [&participant("a"), &participant("b")] {
            slots.put(stream, frame(now));
        }
        assert_eq!(drain(&mut slots), ["start 0", "start 1", "frame 0 1", "frame 1 1"]);
        for stream in [&participant("a"), &participant("b")] {
            slots.put(stream, frame(now));
        }
        slots.handle_acknowledgement(0, 1);
        assert!(matches!(slots.poll_output(), Some(Output::Frame(NumberedFrame { index: 0, .. }))));
        slots.handle_acknowledgement(0, 2);
        slots.put(&participant("a"), frame(now));
        slots.handle_acknowledgement(1, 1);
        assert_eq!(drain(&mut slots), ["frame 1 2", "frame 0 3"]);
    }

    #[test]
    fn a_stream_that_ends_takes_its_picture_with_it() {
        let (mut slots, now) = (Slots::default(), Instant::now());
        slots.put(&StreamId::Own, frame(now));
        drain(&mut slots);
        slots.put(&StreamId::Own, frame(now));
        assert!(slots.end(now, &StreamId::Own));
        assert!(!slots.end(now, &StreamId::Own));
        assert_eq!(drain(&mut slots), ["end 0"]);
        assert!(!slots.handle_acknowledgement(0, 1));
    }

    #[test]
    fn a_straggler_does_not_bring_a_stream_back() {
        let (mut slots, now) = (Slots::default(), Instant::now());
        slots.put(&StreamId::Own, frame(now));
        drain(&mut slots);
        slots.end(now, &StreamId::Own);
        assert!(!slots.put(&StreamId::Own, frame(now)));
        assert_eq!(drain(&mut slots), ["end 0"]);
        assert!(slots.put(&StreamId::Own, frame(now + STRAGGLERS)));
        assert_eq!(drain(&mut slots), ["start 1", "frame 1 1"]);
    }

    #[test]
    fn a_stream_that_starts_again_at_once_is_a_new_one() {
        let (mut slots, now) = (Slots::default(), Instant::now());
        assert!(slots.start(&StreamId::Own));
        assert!(!slots.start(&StreamId::Own));
        drain(&mut slots);
        slots.end(now, &StreamId::Own);
        assert!(slots.start(&StreamId::Own));
        assert!(slots.put(&StreamId::Own, frame(now)));
        assert_eq!(drain(&mut slots), ["end 0", "start 1", "frame 1 1"]);
    }

    #[test]
    fn a_new_page_is_told_everything() {
        let (mut slots, now) = (Slots::default(), Instant::now());
        slots.put(&StreamId::Own, frame(now));
        slots.start(&participant("a"));
        drain(&mut slots);
        slots.end(now, &participant("a"));
        slots.put(&StreamId::Own, frame(now));
        slots.handle_new_page();
        assert_eq!(drain(&mut slots), ["start 0", "frame 0 2"]);
    }

    #[test]
    fn indices_of_running_streams_are_not_given_twice() {
        let (mut slots, now) = (Slots::default(), Instant::now());
        slots.start(&StreamId::Own);
        slots.next_index = u16::MAX;
        slots.start(&participant("a"));
        slots.start(&participant("b"));
        assert_eq!(slots.streams.keys().collect::<Vec<_>>(), [&0, &1, &u16::MAX]);
        slots.put(&participant("a"), frame(now));
        slots.put(&participant("b"), frame(now));
        assert_eq!(drain(&mut slots), ["start 0", "start 1", "start 65535", "frame 1 1", "frame 65535 1"]);
        slots.put(&StreamId::Own, frame(now));
        assert_eq!(drain(&mut slots), ["frame 0 1"]);
    }
}
