use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::{debug, warn};

use super::Frame;
use super::receive::{AssembledFrame, BufferCounters, FrameBuffer, FreezeDetector, RtpVideoPacket};
use super::vp8::Decoder;
use crate::sync::Playout;

/// Packets that may wait for the thread: more than a second of 5 Mbit/s.
const QUEUED_INPUTS: usize = 512;

/// What a receiver tells. The callback runs on the receiver's thread and must not block.
#[derive(Debug, Clone)]
pub enum VideoReceiverEvent {
    /// The next picture, due now.
    Frame {
        frame: Arc<Frame>,
        /// RTP timestamp, in ticks of 1/90000 s.
        timestamp: u32,
    },
    /// The sender is to be asked for a key frame (PLI). Repeated until one comes.
    KeyFrameNeeded,
}

/// How a stream came in, since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReceiverStats {
    pub buffer: BufferCounters,
    /// Packets that were dropped because the decoder did not keep up.
    pub overflowed_packets: u64,
    pub frames_decoded: u64,
    pub key_frames_decoded: u64,
    pub decode_errors: u64,
    pub decode_time: Duration,
    /// Size of the last picture; zero before the first.
    pub width: u32,
    pub height: u32,
    /// `freezeCount` and `totalFreezesDuration` of webrtc-stats.
    pub freezes: u64,
    pub frozen: Duration,
    /// `jitterBufferDelay` of webrtc-stats: time from each frame's first packet to its decoding, summed up over
    /// `frames_emitted` frames.
    pub jitter_buffer_delay: Duration,
    pub frames_emitted: u64,
    /// The last picture; `None` before the first.
    pub playout: Option<Playout>,
}

impl ReceiverStats {
    /// Mean time that a frame spends in the jitter buffer.
    pub fn mean_jitter_buffer_delay(&self) -> Duration {
        u32::try_from(self.frames_emitted.max(1))
            .map_or(Duration::ZERO, |frames| self.jitter_buffer_delay / frames)
    }
}

/// One remote stream: a thread that owns its jitter buffer and its decoder. It ends when the handle is dropped.
#[derive(Debug)]
pub struct VideoReceiver {
    inputs: SyncSender<Input>,
    overflowed: Arc<AtomicU64>,
    stats: watch::Receiver<ReceiverStats>,
}

#[derive(Debug)]
enum Input {
    Packet { arrived: Instant, packet: RtpVideoPacket },
    RoundTrip(Duration),
    MinimumDelay(Duration),
}

impl VideoReceiver {
    /// Fails when no thread or no decoder can be had.
    pub fn spawn(events: impl FnMut(VideoReceiverEvent) + Send + 'static) -> io::Result<Self> {
        let (inputs, received) = sync_channel(QUEUED_INPUTS);
        let overflowed = Arc::new(AtomicU64::new(0));
        let (published, stats) = watch::channel(ReceiverStats::default());
        let worker = Worker {
            buffer: FrameBuffer::new(),
            decoder: Decoder::new().map_err(io::Error::other)?,
            freezes: FreezeDetector::default(),
            stats: ReceiverStats::default(),
            overflowed: Arc::clone(&overflowed),
            published,
            events,
        };
        thread::Builder::new().name("video-receiver".to_owned()).spawn(move || worker.run(&received))?;
        Ok(Self { inputs, overflowed, stats })
    }

    /// Hands over a packet that has just come. Never blocks: a packet that finds the queue full is dropped, and treated
    /// as lost.
    pub fn push(&self, packet: RtpVideoPacket) {
        let input = Input::Packet { arrived: Instant::now(), packet };
        match self.inputs.try_send(input) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                self.overflowed.fetch_add(1, Ordering::Relaxed);
            }
            Err(TrySendError::Disconnected(_)) => debug!("a packet came after the video receiver had ended"),
        }
    }

    /// The round-trip time to the sender, from RTCP.
    pub fn set_round_trip(&self, round_trip: Duration) {
        if self.inputs.try_send(Input::RoundTrip(round_trip)).is_err() {
            debug!("no room for a round-trip time");
        }
    }

    /// Holds pictures so much longer than the fastest ones at least, up to half a second.
    pub fn set_minimum_delay(&self, minimum: Duration) {
        if self.inputs.try_send(Input::MinimumDelay(minimum)).is_err() {
            debug!("no room for a minimum delay");
        }
    }

    pub fn stats(&self) -> ReceiverStats {
        *self.stats.borrow()
    }
}

struct Worker<E> {
    buffer: FrameBuffer,
    decoder: Decoder,
    freezes: FreezeDetector,
    stats: ReceiverStats,
    overflowed: Arc<AtomicU64>,
    published: watch::Sender<ReceiverStats>,
    events: E,
}

impl<E: FnMut(VideoReceiverEvent)> Worker<E> {
    fn run(mut self, inputs: &Receiver<Input>) {
        loop {
            let input = match self.buffer.poll_timeout() {
                None => inputs.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => inputs.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            match input {
                Ok(input) => self.on_input(input),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while let Ok(input) = inputs.try_recv() {
                self.on_input(input);
            }
            while let Some(frame) = self.buffer.poll_frame(Instant::now()) {
                self.on_frame(&frame);
            }
            let key_frame_needed = self.buffer.poll_key_frame_request(Instant::now());
            self.publish();
            if key_frame_needed {
                (self.events)(VideoReceiverEvent::KeyFrameNeeded);
            }
        }
    }

    fn on_input(&mut self, input: Input) {
        match input {
            Input::Packet { arrived, packet } => self.buffer.handle_packet(arrived, packet),
            Input::RoundTrip(round_trip) => self.buffer.set_round_trip(round_trip),
            Input::MinimumDelay(minimum) => self.buffer.set_minimum_delay(minimum),
        }
    }

    fn on_frame(&mut self, frame: &AssembledFrame) {
        let started = Instant::now();
        self.stats.jitter_buffer_delay += started.saturating_duration_since(frame.first_arrival);
        self.stats.frames_emitted += 1;
        let decoded = self.decoder.decode(&frame.data, started);
        let now = Instant::now();
        self.stats.decode_time += now - started;
        match decoded {
            Ok(picture) => {
                self.stats.frames_decoded += 1;
                self.stats.key_frames_decoded += u64::from(frame.key);
                let Some(picture) = picture else { return };
                self.stats.width = picture.width();
                self.stats.height = picture.height();
                self.stats.playout = Some(Playout {
                    timestamp: frame.timestamp,
                    at: now,
                    delay: frame.delay,
                    needed: self.buffer.needed_delay(),
                });
                self.freezes.handle_frame(now);
                self.publish();
                let timestamp = frame.timestamp;
                (self.events)(VideoReceiverEvent::Frame { frame: Arc::new(picture), timestamp });
            }
            Err(error) => {
                warn!(%error, "a video frame cannot be decoded");
                self.stats.decode_errors += 1;
                self.buffer.require_key_frame(now);
            }
        }
    }

    fn publish(&mut self) {
        self.stats.buffer = self.buffer.counters();
        self.stats.overflowed_packets = self.overflowed.load(Ordering::Relaxed);
        self.stats.freezes = self.freezes.count();
        self.stats.frozen = self.freezes.frozen();
        self.published.send_replace(self.stats);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::SystemTime;

    use super::*;
    use crate::video::marker::Marker;
    use crate::video::pattern::Pattern;
    use crate::video::rtp::packetize;
    use crate::video::vp8::{Encoder, EncoderSettings};
    use crate::video::{Size, VideoTarget};

    /// Far longer than anything here takes.
    const PATIENCE: Duration = Duration::from_secs(30);

    struct Bench {
        receiver: VideoReceiver,
        events: Receiver<VideoReceiverEvent>,
        encoder: Encoder,
        pattern: Pattern,
        start: Instant,
        number: u32,
        sequence: u16,
    }

    impl Bench {
        fn new() -> Self {
            let target = VideoTarget { width: 320, height: 180, ..VideoTarget::default() };
            let (sender, events) = mpsc::channel();
            Self {
                receiver: VideoReceiver::spawn(move |event| drop(sender.send(event))).expect("thread"),
                events,
                encoder: Encoder::new(EncoderSettings::default(), target),
                pattern: Pattern::new(Size::new(320, 180).expect("size")),
                start: Instant::now(),
                number: 0,
                sequence: 0,
            }
        }

        /// The packets of the next picture of the pattern.
        fn packets(&mut self) -> Vec<RtpVideoPacket> {
            self.number += 1;
            let captured = self.start + Duration::from_millis(66) * self.number;
            let frame = self.pattern.render(self.number, captured, SystemTime::now());
            let encoded = self.encoder.encode(&frame).expect("encodes").expect("not dropped");
            let payloads = packetize(&encoded.data, 1200, self.number as u16);
            let last = payloads.len() - 1;
            // All at once is what a test can do, so the timestamps lie close together.
            let timestamp = self.number * 90;
            let first = self.sequence;
            self.sequence = first.wrapping_add(payloads.len() as u16);
            (first..)
                .zip(payloads)
                .enumerate()
                .map(|(index, (sequence, payload))| RtpVideoPacket {
                    sequence,
                    timestamp,
                    marker: index == last,
                    payload,
                })
                .collect()
        }

        fn send_picture(&mut self) {
            for packet in self.packets() {
                self.receiver.push(packet);
            }
        }

        fn event(&self) -> VideoReceiverEvent {
            self.events.recv_timeout(PATIENCE).expect("an event comes")
        }

        fn expect_picture(&self, number: u32) {
            match self.event() {
                VideoReceiverEvent::Frame { frame, timestamp } => {
                    assert_eq!(timestamp, number * 90);
                    assert_eq!(Marker::read(&frame).map(|marker| marker.frame_number), Some(number));
                }
                VideoReceiverEvent::KeyFrameNeeded => panic!("picture {number} was expected"),
            }
        }

        fn expect_key_frame_request(&mut self) {
            assert!(matches!(self.event(), VideoReceiverEvent::KeyFrameNeeded));
            self.encoder.request_key_frame();
        }
    }

    #[test]
    fn pictures_come_out_as_they_went_in() {
        let mut bench = Bench::new();
        for number in 1..=20 {
            bench.send_picture();
            bench.expect_picture(number);
        }
        let stats = bench.receiver.stats();
        assert_eq!((stats.width, stats.height), (320, 180));
        assert_eq!((stats.frames_decoded, stats.key_frames_decoded, stats.decode_errors), (20, 1, 0));
        assert_eq!((stats.buffer.packets, stats.buffer.key_frame_requests), (u64::from(bench.sequence), 0));
    }

    #[test]
    fn joining_in_the_middle_asks_for_a_key_frame() {
        let mut bench = Bench::new();
        bench.packets();
        bench.send_picture();
        bench.expect_key_frame_request();
        bench.send_picture();
        bench.expect_picture(3);
    }

    #[test]
    fn an_undecodable_frame_asks_for_a_key_frame_and_the_stream_goes_on() {
        let mut bench = Bench::new();
        bench.send_picture();
        bench.expect_picture(1);
        let noise = packetize(&[0x10, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 1200, 2).remove(0);
        let packet =
            RtpVideoPacket { sequence: bench.sequence, timestamp: 2 * 90, marker: true, payload: noise };
        bench.sequence += 1;
        bench.number += 1;
        bench.receiver.push(packet);
        bench.expect_key_frame_request();
        bench.send_picture();
        bench.expect_picture(3);
        assert_eq!(bench.receiver.stats().decode_errors, 1);
    }

    #[test]
    fn dropping_the_handle_ends_the_thread() {
        let Bench { receiver, events, .. } = Bench::new();
        drop(receiver);
        assert_eq!(events.recv_timeout(PATIENCE).err(), Some(RecvTimeoutError::Disconnected));
    }
}
