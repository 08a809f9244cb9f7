use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::key_request::KeyRequest;
use super::playout::{Playout, Schedule};
use super::sequence::{Position, SequenceUnwrapper, TimestampUnwrapper};
use super::{AssembledFrame, RtpVideoPacket};
use crate::video::rtp::Descriptor;
use crate::video::vp8::is_key_frame;

const MAX_PACKETS: usize = 2048;
const MAX_BYTES: usize = 8 << 20;

/// Bounds of the time that a retransmission may take.
const MIN_REPAIR_WAIT: Duration = Duration::from_millis(200);
const MAX_REPAIR_WAIT: Duration = Duration::from_millis(500);

/// How long the first packet of a stream may be overtaken by others of its frame.
const FIRST_PACKET_GRACE: Duration = Duration::from_millis(50);

/// What came in since the stream began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BufferCounters {
    pub packets: u64,
    /// Bytes of payload.
    pub bytes: u64,
    pub duplicates: u64,
    /// Packets that came when their frame was over.
    pub late: u64,
    /// Payloads that are not VP8.
    pub malformed: u64,
    pub key_frame_requests: u64,
}

/// The jitter buffer of one VP8 stream.
#[derive(Debug)]
pub struct FrameBuffer {
    sequences: SequenceUnwrapper,
    timestamps: TimestampUnwrapper,
    packets: BTreeMap<i64, Packet>,
    buffered_bytes: usize,
    continuity: Continuity,
    /// The next frame, which is whole and waits for its time.
    pending: Option<Pending>,
    playout: Option<Playout>,
    minimum_delay: Duration,
    key_request: KeyRequest,
    round_trip: Duration,
    counters: BufferCounters,
}

/// What the decoder can take next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Continuity {
    KeyFrame,
    /// A key frame, or the frame that starts at this position.
    Next {
        position: i64,
        blocked_since: Option<Instant>,
    },
}

#[derive(Debug)]
struct Packet {
    timestamp: i64,
    raw_timestamp: u32,
    marker: bool,
    arrived: Instant,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Padding,
    Media { starts_frame: bool, key: bool, data: Bytes },
}

#[derive(Debug, Clone, Copy)]
struct Pending {
    /// Positions of the first packet and of the one after the last.
    start: i64,
    end: i64,
    schedule: Schedule,
}

impl Default for FrameBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl FrameBuffer {
    pub fn new() -> Self {
        Self {
            sequences: SequenceUnwrapper::default(),
            timestamps: TimestampUnwrapper::default(),
            packets: BTreeMap::new(),
            buffered_bytes: 0,
            continuity: Continuity::KeyFrame,
            pending: None,
            playout: None,
            minimum_delay: Duration::ZERO,
            key_request: KeyRequest::default(),
            round_trip: Duration::ZERO,
            counters: BufferCounters::default(),
        }
    }

    /// The round-trip time to the sender; how long a retransmission or a key frame takes at least.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = round_trip;
        self.key_request.set_round_trip(round_trip);
    }

    /// Holds frames so much longer than the fastest recent one at least, up to half a second, so that they are in step
    /// with something else.
    pub fn set_minimum_delay(&mut self, minimum: Duration) {
        self.minimum_delay = minimum;
        if let Some(playout) = &mut self.playout {
            playout.set_minimum_delay(minimum);
        }
    }

    /// How much longer than the fastest recent one frames are to be held because of jitter alone.
    pub fn needed_delay(&self) -> Duration {
        self.playout.as_ref().map(Playout::needed).unwrap_or_default()
    }

    pub fn counters(&self) -> BufferCounters {
        self.counters
    }

    pub fn handle_packet(&mut self, now: Instant, packet: RtpVideoPacket) {
        self.counters.packets += 1;
        self.counters.bytes += packet.payload.len() as u64;
        let position = match self.sequences.unwrap(packet.sequence) {
            Position::At(position) => position,
            Position::Restarted(position) => {
                self.restart(now);
                position
            }
            Position::TooOld => {
                self.counters.late += 1;
                return;
            }
        };
        if let Continuity::Next { position: next, .. } = self.continuity
            && position < next
        {
            self.counters.late += 1;
            return;
        }
        if self.packets.contains_key(&position) {
            self.counters.duplicates += 1;
            return;
        }
        let Some(content) = Content::parse(&packet.payload) else {
            self.counters.malformed += 1;
            return;
        };

        self.note_key_frames(now, &content);
        self.buffered_bytes += content.len();
        let packet = Packet {
            timestamp: self.timestamps.unwrap(packet.timestamp),
            raw_timestamp: packet.timestamp,
            marker: packet.marker,
            arrived: now,
            content,
        };
        self.packets.insert(position, packet);
        self.enforce_bounds(now);
        self.advance(now);
    }

    /// The next frame, once it is whole, decodable and due.
    pub fn poll_frame(&mut self, now: Instant) -> Option<AssembledFrame> {
        let pending = self.pending.filter(|pending| pending.schedule.render_at <= now)?;
        let frame = self.take(pending);
        self.pending = None;
        self.continuity = Continuity::Next { position: pending.end, blocked_since: None };
        self.advance(now);
        frame
    }

    /// Whether to ask the sender for a key frame now; says so once, and again when none comes.
    pub fn poll_key_frame_request(&mut self, now: Instant) -> bool {
        let due = self.key_request.poll(now);
        self.counters.key_frame_requests += u64::from(due);
        due
    }

    /// When to poll again if no packet comes before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let frame = self.pending.map(|pending| pending.schedule.render_at);
        [frame, self.key_request.poll_timeout()].into_iter().flatten().min()
    }

    /// The decoder lost its references: nothing but a key frame will do.
    pub fn require_key_frame(&mut self, now: Instant) {
        self.continuity = Continuity::KeyFrame;
        self.pending = None;
        self.key_request.need_at_once(now);
        self.advance(now);
    }

    fn restart(&mut self, now: Instant) {
        self.packets.clear();
        self.buffered_bytes = 0;
        self.require_key_frame(now);
    }

    fn repair_wait(&self) -> Duration {
        (self.round_trip * 3 + Duration::from_millis(150)).clamp(MIN_REPAIR_WAIT, MAX_REPAIR_WAIT)
    }

    /// Learns from a packet whether a key frame is on its way, or will never come by itself.
    fn note_key_frames(&mut self, now: Instant, content: &Content) {
        match content {
            Content::Padding => {}
            Content::Media { starts_frame: true, key: true, .. } => {
                self.key_request.arriving_until(now + self.repair_wait());
                if self.continuity == Continuity::KeyFrame {
                    self.key_request.need(now);
                }
            }
            Content::Media { starts_frame, .. } => {
                if self.continuity == Continuity::KeyFrame {
                    self.key_request.need(if *starts_frame { now } else { now + FIRST_PACKET_GRACE });
                }
            }
        }
    }

    fn enforce_bounds(&mut self, now: Instant) {
        while self.packets.len() > MAX_PACKETS || self.buffered_bytes > MAX_BYTES {
            let Some((_, dropped)) = self.packets.pop_first() else { break };
            self.buffered_bytes -= dropped.content.len();
            self.continuity = Continuity::KeyFrame;
            self.pending = None;
            self.key_request.need(now);
        }
    }

    /// Looks for the next frame, and keeps track of what is missing when there is none.
    fn advance(&mut self, now: Instant) {
        if self.pending.is_some() {
            return;
        }
        self.skip_padding();
        let frame = match self.continuity {
            Continuity::KeyFrame => self.whole_key_frame(),
            Continuity::Next { position, .. } => {
                self.whole_frame(position).map(|end| (position, end)).or_else(|| self.whole_key_frame())
            }
        };
        if let Some((start, end)) = frame {
            self.drop_before(start);
            let schedule = self.schedule(now, start, end);
            self.pending = Some(Pending { start, end, schedule });
            self.key_request.satisfy();
            return;
        }
        let repair_wait = self.repair_wait();
        if let Continuity::Next { position, blocked_since } = &mut self.continuity
            && has_hole(&self.packets, *position)
        {
            let since = *blocked_since.get_or_insert(now);
            self.key_request.need(since + repair_wait);
        }
    }

    fn skip_padding(&mut self) {
        while let Continuity::Next { position, .. } = &mut self.continuity
            && let Some(Packet { content: Content::Padding, .. }) = self.packets.get(position)
        {
            self.packets.remove(position);
            *position += 1;
        }
    }

    /// The newest key frame that is whole, found in one pass from the newest packet on: a sender may begin a frame with each
    /// packet and end none.
    fn whole_key_frame(&self) -> Option<(i64, i64)> {
        let mut behind: Option<Behind> = None;
        for (&position, packet) in self.packets.iter().rev() {
            let adjacent = behind.filter(|behind| behind.position == position + 1);
            let end = match adjacent {
                _ if packet.marker => Some(position + 1),
                Some(Behind { timestamp, end, .. }) if timestamp == packet.timestamp => end,
                Some(Behind { may_follow, position, .. }) => may_follow.then_some(position),
                None => None,
            };
            if let (Some(end), Content::Media { starts_frame: true, key: true, .. }) = (end, &packet.content)
            {
                return Some((position, end));
            }
            let may_follow = !matches!(packet.content, Content::Media { starts_frame: false, .. });
            behind = Some(Behind { position, timestamp: packet.timestamp, end, may_follow });
        }
        None
    }

    /// The end of the frame that starts at this position, if all of it is here. It ends with the marker, or, from
    /// senders that lose track of it, where another frame starts.
    fn whole_frame(&self, start: i64) -> Option<i64> {
        let first = self.packets.get(&start)?;
        if !matches!(first.content, Content::Media { starts_frame: true, .. }) {
            return None;
        }
        let mut end = start;
        loop {
            let packet = self.packets.get(&end)?;
            if packet.timestamp != first.timestamp {
                let next_starts = !matches!(packet.content, Content::Media { starts_frame: false, .. });
                return next_starts.then_some(end);
            }
            end += 1;
            if packet.marker {
                return Some(end);
            }
        }
    }

    fn schedule(&mut self, now: Instant, start: i64, end: i64) -> Schedule {
        let mut completed: Option<Instant> = None;
        let mut in_order = true;
        let mut timestamp = 0;
        for packet in self.packets.range(start..end).map(|(_, packet)| packet) {
            in_order &= completed.is_none_or(|completed| packet.arrived >= completed);
            completed = completed.max(Some(packet.arrived));
            timestamp = packet.timestamp;
        }
        let completed = completed.unwrap_or(now);
        let playout = self.playout.get_or_insert_with(|| {
            let mut playout = Playout::new(completed);
            playout.set_minimum_delay(self.minimum_delay);
            playout
        });
        playout.schedule(timestamp, completed, !in_order)
    }

    fn take(&mut self, frame: Pending) -> Option<AssembledFrame> {
        // Stragglers of frames that were skipped may have come since.
        self.drop_before(frame.start);
        let rest = self.packets.split_off(&frame.end);
        let packets = std::mem::replace(&mut self.packets, rest);
        let first = packets.first_key_value().map(|(_, packet)| packet)?;
        let mut assembled = AssembledFrame {
            data: Vec::with_capacity(packets.values().map(|packet| packet.content.len()).sum()),
            timestamp: first.raw_timestamp,
            key: matches!(first.content, Content::Media { key: true, .. }),
            first_arrival: first.arrived,
            render_at: frame.schedule.render_at,
            delay: frame.schedule.delay,
        };
        for packet in packets.values() {
            assembled.first_arrival = assembled.first_arrival.min(packet.arrived);
            if let Content::Media { data, .. } = &packet.content {
                assembled.data.extend_from_slice(data);
            }
        }
        self.buffered_bytes -= assembled.data.len();
        Some(assembled)
    }

    fn drop_before(&mut self, position: i64) {
        let kept = self.packets.split_off(&position);
        let dropped = std::mem::replace(&mut self.packets, kept);
        self.buffered_bytes -= dropped.values().map(|packet| packet.content.len()).sum::<usize>();
    }
}

impl Content {
    fn parse(payload: &Bytes) -> Option<Self> {
        if payload.is_empty() {
            return Some(Self::Padding);
        }
        let (descriptor, data) = Descriptor::parse(payload).ok()?;
        let starts_frame = descriptor.starts_frame();
        Some(Self::Media { starts_frame, key: starts_frame && is_key_frame(&data), data })
    }

    fn len(&self) -> usize {
        match self {
            Self::Padding => 0,
            Self::Media { data, .. } => data.len(),
        }
    }
}

/// A packet, as far as it tells where the frame of the one before it ends.
#[derive(Debug, Clone, Copy)]
struct Behind {
    position: i64,
    timestamp: i64,
    /// Of the frame that it is in, if all of that from here on has come.
    end: Option<i64>,
    /// It can come right after a frame that has lost its marker.
    may_follow: bool,
}

/// Whether something came after a packet that is missing at or behind this position.
fn has_hole(packets: &BTreeMap<i64, Packet>, next: i64) -> bool {
    packets.range(next..).zip(next..).any(|((&position, _), expected)| position != expected)
        || packets
            .get(&next)
            .is_some_and(|packet| !matches!(packet.content, Content::Media { starts_frame: true, .. }))
}
