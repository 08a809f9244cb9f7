//! When a frame is handed out, and when a key frame is asked for instead.

use std::time::{Duration, Instant};

use super::key_request::KeyRequest;
use super::packets::{Content, Packet, Packets};
use super::playout::{Playout, Schedule};
use super::sequence::{Position, SequenceUnwrapper, TimestampUnwrapper};
use super::{AssembledFrame, RtpVideoPacket};

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
    packets: Packets,
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
            packets: Packets::default(),
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
        if self.packets.contains(position) {
            self.counters.duplicates += 1;
            return;
        }
        let Some(content) = Content::parse(&packet.payload) else {
            self.counters.malformed += 1;
            return;
        };

        self.note_key_frames(now, &content);
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
        self.packets = Packets::default();
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
        while self.packets.drop_surplus() {
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
            Continuity::KeyFrame => self.packets.whole_key_frame(),
            Continuity::Next { position, .. } => {
                let next = self.packets.whole_frame(position).map(|end| (position, end));
                next.or_else(|| self.packets.whole_key_frame())
            }
        };
        if let Some((start, end)) = frame {
            self.packets.drop_before(start);
            let schedule = self.schedule(now, start, end);
            self.pending = Some(Pending { start, end, schedule });
            self.key_request.satisfy();
            return;
        }
        let repair_wait = self.repair_wait();
        if let Continuity::Next { position, blocked_since } = &mut self.continuity
            && self.packets.has_hole(*position)
        {
            let since = *blocked_since.get_or_insert(now);
            self.key_request.need(since + repair_wait);
        }
    }

    fn skip_padding(&mut self) {
        while let Continuity::Next { position, .. } = &mut self.continuity
            && self.packets.drop_padding(*position)
        {
            *position += 1;
        }
    }

    fn schedule(&mut self, now: Instant, start: i64, end: i64) -> Schedule {
        let mut completed: Option<Instant> = None;
        let mut in_order = true;
        let mut timestamp = 0;
        for packet in self.packets.range(start, end) {
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
        self.packets.drop_before(frame.start);
        let packets = self.packets.take_before(frame.end);
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
        Some(assembled)
    }
}
