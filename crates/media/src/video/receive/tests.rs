//! One hazard a test, in virtual time.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{AssembledFrame, FrameBuffer, RtpVideoPacket};
use crate::video::rtp::packetize;

const TICKS_PER_MS: u32 = 90;
const FRAME_INTERVAL: Duration = Duration::from_micros(66_667);
const MAX_PAYLOAD: usize = 104;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Time since the test began, for both sides.
type Clock = Rc<Cell<Duration>>;

/// Makes frames that only look like VP8, and their packets.
struct Sender {
    clock: Clock,
    sequence: u16,
    start: u32,
    /// Timestamp of the frame before.
    last: u32,
}

impl Sender {
    /// Timestamp of a frame that is made now; no two are the same.
    fn timestamp(&self) -> u32 {
        let now = self.start.wrapping_add(self.clock.get().as_millis() as u32 * TICKS_PER_MS);
        if now <= self.last && self.last - now < 1000 { self.last.wrapping_add(1) } else { now }
    }

    /// A frame of so many packets. Its bytes tell its timestamp.
    fn frame(&mut self, key: bool, packets: usize) -> Vec<RtpVideoPacket> {
        let timestamp = self.timestamp();
        self.last = timestamp;
        let payloads = packetize(&frame_data(key, timestamp, packets * (MAX_PAYLOAD - 4)), MAX_PAYLOAD, 0);
        assert_eq!(payloads.len(), packets);
        payloads
            .into_iter()
            .enumerate()
            .map(|(index, payload)| self.packet(timestamp, index + 1 == packets, payload))
            .collect()
    }

    fn key(&mut self, packets: usize) -> Vec<RtpVideoPacket> {
        self.frame(true, packets)
    }

    fn delta(&mut self, packets: usize) -> Vec<RtpVideoPacket> {
        self.frame(false, packets)
    }

    fn packet(&mut self, timestamp: u32, marker: bool, payload: Bytes) -> RtpVideoPacket {
        let packet = RtpVideoPacket { sequence: self.sequence, timestamp, marker, payload };
        self.sequence = self.sequence.wrapping_add(1);
        packet
    }
}

fn frame_data(key: bool, timestamp: u32, length: usize) -> Vec<u8> {
    let mut data = vec![timestamp as u8; length];
    data[0] = u8::from(!key);
    data
}

struct Bench {
    start: Instant,
    clock: Clock,
    buffer: FrameBuffer,
}

impl Bench {
    fn new() -> (Self, Sender) {
        let clock = Clock::default();
        let sender = Sender { clock: Rc::clone(&clock), sequence: 100, start: 1_000_000, last: 0 };
        (Self { start: Instant::now(), clock, buffer: FrameBuffer::new() }, sender)
    }

    /// A bench whose decoder already has a key frame, and the sender that goes on.
    fn started() -> (Self, Sender) {
        let (mut bench, mut sender) = Self::new();
        bench.push(sender.key(3));
        assert_eq!(bench.frames().len(), 1);
        (bench, sender)
    }

    fn now(&self) -> Instant {
        self.start + self.clock.get()
    }

    fn wait(&mut self, time: Duration) {
        self.clock.set(self.clock.get() + time);
    }

    fn push(&mut self, packets: impl IntoIterator<Item = RtpVideoPacket>) {
        for packet in packets {
            self.buffer.handle_packet(self.now(), packet);
        }
    }

    /// All frames that are due, each checked to be whole.
    fn frames(&mut self) -> Vec<AssembledFrame> {
        let frames: Vec<_> = std::iter::from_fn(|| self.buffer.poll_frame(self.now())).collect();
        for frame in &frames {
            assert_eq!(frame.data, frame_data(frame.key, frame.timestamp, frame.data.len()));
            assert!(frame.render_at <= self.now());
        }
        frames
    }

    fn timestamps(&mut self) -> Vec<u32> {
        self.frames().iter().map(|frame| frame.timestamp).collect()
    }

    fn key_frame_requested(&mut self) -> bool {
        self.buffer.poll_key_frame_request(self.now())
    }
}

#[test]
fn frames_in_order_come_out_at_once() {
    let (mut bench, mut sender) = Bench::started();
    for packets in [1, 2, 7, 1] {
        bench.wait(FRAME_INTERVAL);
        let timestamp = sender.timestamp();
        bench.push(sender.delta(packets));
        assert_eq!(bench.timestamps(), [timestamp]);
        assert!(!bench.key_frame_requested());
    }
    assert_eq!(bench.buffer.poll_timeout(), None);
}

#[test]
fn a_frame_waits_for_its_last_packet() {
    let (mut bench, mut sender) = Bench::started();
    let mut packets = sender.delta(4);
    let last = packets.pop();
    bench.push(packets);
    assert!(bench.frames().is_empty());
    bench.push(last);
    assert_eq!(bench.frames().len(), 1);
}

#[test]
fn reordered_packets_are_put_in_order() {
    let (mut bench, mut sender) = Bench::started();
    let mut packets = sender.delta(4);
    packets.extend(sender.delta(3));
    packets.reverse();
    for packet in packets {
        bench.wait(ms(2));
        bench.push([packet]);
        assert!(!bench.key_frame_requested());
    }
    assert_eq!(bench.frames().len(), 2);
}

#[test]
fn duplicates_are_dropped() {
    let (mut bench, mut sender) = Bench::started();
    let packets = sender.delta(3);
    bench.push(packets.clone().into_iter().take(2));
    bench.push(packets.clone());
    assert_eq!(bench.frames().len(), 1);
    bench.push(packets);
    assert!(bench.frames().is_empty());
    assert_eq!(bench.buffer.counters().duplicates, 2);
    assert_eq!(bench.buffer.counters().late, 3);
}

#[test]
fn a_retransmission_repairs_a_loss_without_a_key_frame() {
    let (mut bench, mut sender) = Bench::started();
    let mut packets = sender.delta(4);
    let lost = packets.remove(1);
    bench.push(packets);
    bench.push(sender.delta(2));
    assert!(bench.frames().is_empty(), "nothing is shown without its reference");
    bench.wait(ms(120));
    assert!(!bench.key_frame_requested());
    bench.push([lost]);
    assert_eq!(bench.frames().len(), 2);
    bench.wait(ms(1000));
    assert!(!bench.key_frame_requested());
}

#[test]
fn a_loss_that_is_not_repaired_ends_with_a_key_frame() {
    let (mut bench, mut sender) = Bench::started();
    sender.delta(1);
    bench.push(sender.delta(2));
    let due = bench.buffer.poll_timeout().expect("a time to give up");
    assert_eq!(due - bench.now(), ms(200));
    bench.wait(ms(199));
    assert!(!bench.key_frame_requested());
    bench.wait(ms(1));
    assert!(bench.key_frame_requested());
    assert!(!bench.key_frame_requested(), "once");

    bench.push(sender.delta(2));
    assert!(bench.frames().is_empty());
    let timestamp = sender.timestamp();
    bench.push(sender.key(5));
    bench.push(sender.delta(1));
    assert_eq!(bench.timestamps(), [timestamp, timestamp + 1]);
    bench.wait(ms(5000));
    assert!(!bench.key_frame_requested());
}

#[test]
fn requests_are_repeated_at_the_pace_of_the_round_trip() {
    for (round_trip, least) in [(0, 300), (100, 300), (400, 600)] {
        let (mut bench, mut sender) = Bench::started();
        bench.buffer.set_round_trip(ms(round_trip));
        sender.delta(1);
        bench.push(sender.delta(1));
        let mut requests = Vec::new();
        for millisecond in 0..3000 {
            if bench.key_frame_requested() {
                requests.push(millisecond);
            }
            bench.wait(ms(1));
        }
        assert!(requests.len() >= 3, "{requests:?}");
        assert!(requests.windows(2).all(|pair| pair[1] - pair[0] == least), "{requests:?}");
        assert_eq!(bench.buffer.counters().key_frame_requests, requests.len() as u64);
    }
}

#[test]
fn no_request_while_a_key_frame_arrives() {
    let (mut bench, mut sender) = Bench::started();
    sender.delta(1);
    bench.push(sender.delta(1));
    bench.wait(ms(190));
    let key = sender.key(10);
    bench.push(key[..5].iter().cloned());
    bench.wait(ms(100));
    assert!(!bench.key_frame_requested());
    bench.push(key[5..].iter().cloned());
    assert_eq!(bench.frames().len(), 1);
}

#[test]
fn a_key_frame_that_is_lost_in_part_is_requested_again() {
    let (mut bench, mut sender) = Bench::new();
    let mut key = sender.key(4);
    key.remove(2);
    bench.push(key);
    bench.push(sender.delta(1));
    assert!(!bench.key_frame_requested());
    bench.wait(ms(200));
    assert!(bench.key_frame_requested());
    bench.push(sender.key(4));
    assert_eq!(bench.frames().len(), 1);
}

#[test]
fn whoever_joins_in_the_middle_asks_at_once() {
    let (mut bench, mut sender) = Bench::new();
    bench.push(sender.delta(2));
    assert!(bench.frames().is_empty());
    assert!(bench.key_frame_requested());
    bench.push(sender.key(2));
    assert_eq!(bench.frames().len(), 1);
}

#[test]
fn the_first_packet_of_all_may_be_overtaken() {
    let (mut bench, mut sender) = Bench::new();
    let mut key = sender.key(4);
    key.swap(0, 2);
    bench.push(key);
    assert!(!bench.key_frame_requested());
    assert_eq!(bench.frames().len(), 1);
}

#[test]
fn a_missing_first_packet_of_all_is_asked_for_soon() {
    let (mut bench, mut sender) = Bench::new();
    let mut key = sender.key(4);
    key.remove(0);
    bench.push(key);
    assert!(!bench.key_frame_requested());
    bench.wait(ms(50));
    assert!(bench.key_frame_requested());
    assert!(bench.frames().is_empty());
}

#[test]
fn sequence_and_timestamp_wrap_around() {
    let (mut bench, mut sender) = Bench::new();
    sender.sequence = 65_530;
    sender.start = u32::MAX - 300 * TICKS_PER_MS;
    bench.push(sender.key(3));
    assert_eq!(bench.frames().len(), 1);
    for _ in 0..10 {
        bench.wait(FRAME_INTERVAL);
        bench.push(sender.delta(2));
        assert_eq!(bench.frames().len(), 1);
    }
    assert!(sender.sequence < 100 && sender.timestamp() < 100_000, "both wrapped");
    assert!(!bench.key_frame_requested());
}

#[test]
fn a_huge_gap_needs_a_key_frame_at_once() {
    let (mut bench, mut sender) = Bench::started();
    sender.sequence = sender.sequence.wrapping_add(20_000);
    bench.push(sender.delta(1));
    assert!(bench.key_frame_requested());
    bench.push(sender.key(2));
    bench.push(sender.delta(1));
    assert_eq!(bench.frames().len(), 2);
}

#[test]
fn a_sender_that_starts_anew_is_followed() {
    let (mut bench, mut sender) = Bench::started();
    sender.sequence = sender.sequence.wrapping_sub(20_000);
    sender.start = 7;
    let mut key = sender.key(3);
    bench.push(key.drain(..2));
    bench.push(key);
    assert!(bench.frames().is_empty(), "its first packet could have been a stray");
    bench.wait(ms(200));
    assert!(bench.key_frame_requested());
    bench.push(sender.key(3));
    bench.push(sender.delta(1));
    assert_eq!(bench.frames().len(), 2);
}

#[test]
fn garbage_is_a_loss_and_nothing_worse() {
    let (mut bench, mut sender) = Bench::started();
    for garbage in [&[0x80][..], &[0x90, 0x80], &[0xFF; 3], &[0x10]] {
        let packet = sender.packet(5, true, Bytes::copy_from_slice(garbage));
        bench.push([packet]);
    }
    assert_eq!(bench.buffer.counters().malformed, 4);
    bench.push(sender.delta(1));
    assert!(bench.frames().is_empty());
    bench.wait(ms(200));
    assert!(bench.key_frame_requested());
    bench.push(sender.key(1));
    assert_eq!(bench.frames().len(), 1);
}

#[test]
fn any_bytes_in_any_order_are_survived() {
    let (mut bench, mut sender) = Bench::new();
    let mut state = 1_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    };
    for _ in 0..50_000 {
        let length = random() as usize % 12;
        let packet = RtpVideoPacket {
            sequence: (random() % 5000) as u16,
            timestamp: random() % 8 * TICKS_PER_MS,
            marker: random() % 3 == 0,
            payload: (0..length).map(|_| random() as u8).collect(),
        };
        bench.wait(Duration::from_micros(u64::from(random() % 3000)));
        bench.push([packet]);
        while bench.buffer.poll_frame(bench.now()).is_some() {}
        bench.key_frame_requested();
    }
    sender.sequence = 60_000;
    bench.push(sender.key(2));
    bench.push(sender.key(2));
    assert!(!bench.timestamps().is_empty(), "and the stream goes on afterwards");
}

#[test]
fn padding_between_frames_is_skipped() {
    let (mut bench, mut sender) = Bench::started();
    let last = sender.last;
    for _ in 0..3 {
        let padding = sender.packet(last, false, Bytes::new());
        bench.push([padding]);
    }
    bench.push(sender.delta(2));
    assert_eq!(bench.frames().len(), 1);
    assert_eq!(bench.buffer.counters().malformed, 0);
}

#[test]
fn a_frame_without_a_marker_ends_where_the_next_begins() {
    let (mut bench, mut sender) = Bench::started();
    let mut packets = sender.delta(2);
    packets[1].marker = false;
    bench.push(packets);
    assert!(bench.frames().is_empty());
    bench.push(sender.delta(1));
    assert_eq!(bench.frames().len(), 2);
}

#[test]
fn after_a_decoder_error_only_a_key_frame_is_given_out() {
    let (mut bench, mut sender) = Bench::started();
    bench.buffer.require_key_frame(bench.now());
    assert!(bench.key_frame_requested());
    bench.push(sender.delta(1));
    assert!(bench.frames().is_empty());
    bench.push(sender.key(2));
    bench.push(sender.delta(1));
    assert_eq!(bench.frames().len(), 2);
}

#[test]
fn stragglers_of_skipped_frames_do_not_get_into_the_key_frame() {
    let (mut bench, mut sender) = Bench::started();
    let skipped = sender.delta(2);
    let mut key = sender.key(2);
    let last = key.pop();
    bench.push(key);
    bench.push(last);
    bench.push(skipped);
    let frames = bench.frames();
    assert_eq!(frames.len(), 1);
    assert!(frames[0].key);
}

#[test]
fn memory_is_bounded_while_no_key_frame_comes() {
    let (mut bench, mut sender) = Bench::started();
    sender.delta(1);
    for _ in 0..20_000 {
        bench.wait(ms(1));
        bench.push(sender.delta(1));
    }
    assert!(bench.frames().is_empty());
    bench.push(sender.key(3));
    assert_eq!(bench.frames().len(), 1);
    assert_eq!(bench.buffer.poll_timeout(), None);
}

#[test]
fn a_frame_that_jitter_brought_early_waits_for_its_time() {
    let (mut bench, mut sender) = Bench::started();
    let mut shown = Vec::new();
    let mut on_the_way = VecDeque::new();
    // Every fourth frame takes 40 ms more on the way than the others.
    for millisecond in 1..15_000_u64 {
        bench.wait(ms(1));
        if millisecond.is_multiple_of(66) {
            let extra = if (millisecond / 66).is_multiple_of(4) { 40 } else { 0 };
            on_the_way.push_back((millisecond + extra, sender.delta(1)));
        }
        while let Some((_, packets)) = on_the_way.pop_front_if(|(arrival, _)| *arrival == millisecond) {
            bench.push(packets);
        }
        shown.extend(bench.frames().iter().map(|_| millisecond));
    }
    let intervals: Vec<u64> = shown[100..].windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(intervals.iter().all(|interval| interval.abs_diff(66) <= 3), "{intervals:?}");
}

/// Looking for the end of each from its beginning would take minutes.
#[test]
fn a_sender_that_begins_frames_and_ends_none_costs_little() {
    let (mut bench, mut sender) = Bench::new();
    let begun = Instant::now();
    let payload = packetize(&frame_data(true, 7, 50), MAX_PAYLOAD, 0).remove(0);
    for _ in 0..4096 {
        bench.push([sender.packet(7, false, payload.clone())]);
    }
    assert!(bench.frames().is_empty());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    bench.push([sender.packet(7, true, payload)]);
    assert_eq!(bench.buffer.poll_frame(bench.now()).map(|frame| frame.key), Some(true));
}
