//! One incoming voice: the end that packets are put in, and the worker's end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::audio::jitter::{JitterStats, RtpAudioPacket};
use crate::audio::mixer::Mixer;
use crate::audio::pace::BLOCK_TIME;
use crate::sync::Playout;

/// Packets of a stream that may wait for the worker: over a second.
const MAX_WAITING_PACKETS: usize = 64;

/// Names a stream of a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AudioStreamId(u64);

/// How a stream plays.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AudioStreamStats {
    pub buffer: JitterStats,
    /// The sample that follows the last one; `None` while no sound flows.
    pub playout: Option<Playout>,
    /// From the jitter buffer to the ear: the ring and what the system says of the device.
    pub output_delay: Duration,
    /// How often the ring of the present speaker ran dry.
    pub underruns: u64,
    /// Packets dropped because the worker was too far behind.
    pub dropped_packets: u64,
}

/// One incoming voice. Dropping it ends it.
pub struct AudioStream {
    id: AudioStreamId,
    packets: SyncSender<(Instant, RtpAudioPacket)>,
    stats: watch::Receiver<AudioStreamStats>,
    minimum_delay: watch::Sender<Duration>,
    dropped: Arc<AtomicU64>,
}

/// The worker's end of a stream.
pub(super) struct Incoming {
    id: AudioStreamId,
    packets: Receiver<(Instant, RtpAudioPacket)>,
    stats: watch::Sender<AudioStreamStats>,
    minimum_delay: watch::Receiver<Duration>,
    dropped: Arc<AtomicU64>,
    heard: bool,
}

/// Both ends of a stream, by its number.
pub(super) fn open(number: u64) -> (AudioStream, Incoming) {
    let id = AudioStreamId(number);
    let (sender, packets) = mpsc::sync_channel(MAX_WAITING_PACKETS);
    let (publish, stats) = watch::channel(AudioStreamStats::default());
    let (minimum_delay, wanted_delay) = watch::channel(Duration::ZERO);
    let dropped = Arc::new(AtomicU64::new(0));
    let incoming = Incoming {
        id,
        packets,
        stats: publish,
        minimum_delay: wanted_delay,
        dropped: Arc::clone(&dropped),
        heard: false,
    };
    (AudioStream { id, packets: sender, stats, minimum_delay, dropped }, incoming)
}

impl AudioStream {
    pub fn id(&self) -> AudioStreamId {
        self.id
    }

    /// Hands over a packet that has just arrived. Never blocks: a packet too many is dropped and counted.
    pub fn push(&self, packet: RtpAudioPacket) {
        if self.packets.try_send((Instant::now(), packet)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Plays so far behind the fastest packets at least, up to half a second.
    pub fn set_minimum_delay(&self, minimum: Duration) {
        self.minimum_delay.send_replace(minimum);
    }

    /// How it plays, at most 100 ms ago.
    pub fn stats(&self) -> AudioStreamStats {
        *self.stats.borrow()
    }
}

impl Incoming {
    pub(super) fn id(&self) -> AudioStreamId {
        self.id
    }

    /// Sorts waiting packets into the jitter buffer. Whether the other end is still there.
    pub(super) fn receive(&mut self, mixer: &mut Mixer<AudioStreamId>) -> bool {
        if self.minimum_delay.has_changed().unwrap_or(false) {
            mixer.set_minimum_delay(self.id, *self.minimum_delay.borrow_and_update());
        }
        loop {
            match self.packets.try_recv() {
                Ok((arrived, packet)) => mixer.handle_packet(arrived, self.id, packet),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => {
                    mixer.remove(self.id);
                    return false;
                }
            }
        }
    }

    /// Whether this is the first time that there is sound of it.
    pub(super) fn is_first_audio(&mut self, buffer: &JitterStats) -> bool {
        buffer.total_samples > 0 && !std::mem::replace(&mut self.heard, true)
    }

    /// Tells the other end how it plays: a block was mixed `now`, for an output with this delay and so many underruns.
    pub(super) fn publish(&self, now: Instant, buffer: JitterStats, output_delay: Duration, underruns: u64) {
        let dropped_packets = self.dropped.load(Ordering::Relaxed);
        let playout = buffer.playing_received.map(|timestamp| Playout {
            timestamp,
            at: now + BLOCK_TIME + output_delay,
            delay: buffer.delay,
            needed: buffer.needed_delay,
        });
        self.stats.send_replace(AudioStreamStats {
            buffer,
            playout,
            output_delay,
            underruns,
            dropped_packets,
        });
    }
}
