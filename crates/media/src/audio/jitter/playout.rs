use super::comfort::ComfortNoise;
use super::queue::{PacketQueue, QueuedPacket};
use super::stats::JitterStats;
use super::stretch::{self, MAX_PERIOD};
use super::timeline::Position;
use crate::audio::opus::{MAX_PACKET_SAMPLES, OpusDecoder, OpusError};
use crate::audio::{BLOCK_SAMPLES, Block, SAMPLE_RATE};

/// Opus makes up sound in multiples of 2.5 ms; timestamps that are off by less count as right.
const STEP: usize = 120;

/// Made-up sound fades out from 60 to 120 ms; after that there is comfort noise until packets come.
const FADE_FROM: usize = SAMPLE_RATE as usize * 60 / 1000;
const MAX_CONCEALED: usize = SAMPLE_RATE as usize * 120 / 1000;

/// Sound comes back within 5 ms.
const FADE_IN: f32 = 1.0 / 240.0;
const FADE_OUT: f32 = 1.0 / (MAX_CONCEALED - FADE_FROM) as f32;

/// No outage is counted as longer than this, whatever timestamps say: a minute.
const MAX_OUTAGE: i64 = 60 * SAMPLE_RATE as i64;

/// Decodes packets into sound that is played from its front.
///
/// The position is the timestamp of the sample played next. Sound that is made up while no packet waits does not move
/// it: the missing packet may just be late, and then is played in full, with more delay. If it turns out to be lost,
/// what was made up counts for it.
pub(super) struct Playout {
    decoder: OpusDecoder,
    state: State,
    /// Decoded and not yet played.
    sound: Vec<f32>,
    /// The end of what was played, for stretching.
    played: Vec<f32>,
    scratch: Vec<f32>,
    /// Of the voice; the rest is comfort noise.
    gain: f32,
    noise: ComfortNoise,
    /// The last packet that was decoded.
    last: Option<LastPacket>,
    /// Samples made up since then.
    concealed: usize,
    /// A packet came when sound had been made up in its place.
    late: bool,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Silent,
    Playing {
        /// The timestamp after the decoded sound.
        next: i64,
        /// Samples made up ahead of it.
        ahead: usize,
    },
}

#[derive(Debug, Clone, Copy)]
struct LastPacket {
    sequence: i64,
    end: i64,
    samples: usize,
    is_dtx: bool,
}

/// How to go on after the decoded sound.
enum Step {
    Decode,
    /// Recover so many samples from the next packet's FEC.
    Recover(usize),
    /// Make up so many samples of a gap.
    Conceal(usize),
    /// Make up sound while nothing is there.
    Await,
}

impl Playout {
    pub(super) fn new() -> Result<Self, OpusError> {
        Ok(Self {
            decoder: OpusDecoder::new()?,
            state: State::Silent,
            sound: Vec::with_capacity(2 * MAX_PACKET_SAMPLES),
            played: vec![0.0; MAX_PERIOD],
            scratch: vec![0.0; MAX_PACKET_SAMPLES],
            gain: 0.0,
            noise: ComfortNoise::default(),
            last: None,
            concealed: 0,
            late: false,
        })
    }

    pub(super) fn is_playing(&self) -> bool {
        matches!(self.state, State::Playing { .. })
    }

    /// The timestamp of the sample played next.
    pub(super) fn position(&self) -> Option<i64> {
        match self.state {
            State::Silent => None,
            State::Playing { next, .. } => Some(next - self.sound.len() as i64),
        }
    }

    /// The timestamp after all that is decoded.
    pub(super) fn next(&self) -> Option<i64> {
        match self.state {
            State::Silent => None,
            State::Playing { next, .. } => Some(next),
        }
    }

    /// The position, unless what is played is made up: the sound's time stands still meanwhile.
    pub(super) fn received_position(&self) -> Option<i64> {
        self.position().filter(|_| self.concealed == 0)
    }

    /// Whether a packet of this timestamp comes too late.
    pub(super) fn is_past(&self, timestamp: i64) -> bool {
        match self.state {
            State::Silent => self.last.is_some_and(|last| timestamp + (STEP as i64) <= last.end),
            State::Playing { next, .. } => timestamp + (STEP as i64) <= next,
        }
    }

    /// Begins to play at a packet. What was missed since the last one counts as concealed if packets were lost.
    pub(super) fn start(&mut self, first: Position, stats: &mut JitterStats) {
        if let Some(last) = self.last
            && first.sequence > last.sequence + 1
        {
            // The sender may have paused beside what was lost.
            let lost = (first.sequence - last.sequence - 1).saturating_mul(last.samples as i64);
            let missed = (first.timestamp - last.end).min(lost).clamp(0, MAX_OUTAGE) as u64;
            stats.total_samples += missed.saturating_sub(self.concealed as u64);
            stats.concealed_samples += missed;
        }
        // Without, the decoder would fade in from what it made up last, over a tenth of a second.
        if let Err(error) = self.decoder.reset() {
            tracing::warn!(%error, "the decoder was not reset");
        }
        self.concealed = 0;
        self.gain = 0.0;
        self.sound.clear();
        self.state = State::Playing { next: first.timestamp, ahead: 0 };
    }

    /// Falls silent, to start again at a later packet.
    pub(super) fn skip(&mut self) {
        self.state = State::Silent;
        self.sound.clear();
    }

    /// Falls silent; what comes has nothing to do with what was.
    pub(super) fn stop_for_good(&mut self) {
        self.skip();
        self.last = None;
        self.concealed = 0;
        self.noise = ComfortNoise::default();
    }

    /// Whether a packet was played since this was last asked that had been waited for.
    pub(super) fn take_late(&mut self) -> bool {
        std::mem::take(&mut self.late)
    }

    /// Plays 10 ms.
    pub(super) fn play(&mut self, queue: &mut PacketQueue, output: &mut Block, stats: &mut JitterStats) {
        while self.sound.len() < BLOCK_SAMPLES && self.is_playing() {
            self.advance(queue, stats);
        }
        let available = self.sound.len().min(BLOCK_SAMPLES);
        output[..available].copy_from_slice(&self.sound[..available]);
        self.fill(&mut output[available..]);
        self.sound.drain(..available);
        self.remember(output);
        stats.total_samples += available as u64;
    }

    /// Plays 10 ms of what is behind the voice, while there is no voice to play.
    pub(super) fn rest(&mut self, output: &mut Block) {
        self.fill(output);
        self.remember(output);
    }

    fn fill(&mut self, output: &mut [f32]) {
        let announced = self.silence_is_announced();
        output.fill_with(|| self.noise.next(announced));
    }

    fn remember(&mut self, played: &Block) {
        self.played.drain(..BLOCK_SAMPLES);
        self.played.extend_from_slice(played);
    }

    /// Decodes up to so many samples while packets follow each other without a gap.
    pub(super) fn decode_ahead(&mut self, queue: &mut PacketQueue, samples: usize, stats: &mut JitterStats) {
        while self.sound.len() < samples
            && let State::Playing { next, .. } = self.state
            && matches!(self.step(queue, next), Step::Decode)
        {
            self.advance(queue, stats);
        }
    }

    /// Removes a period of the pitch; gives its length.
    pub(super) fn shorten(&mut self, most: usize, similarity: f32) -> Option<usize> {
        stretch::shorten(&mut self.sound, most, similarity)
    }

    /// Repeats a period of the pitch; gives its length.
    pub(super) fn lengthen(&mut self, similarity: f32) -> Option<usize> {
        stretch::lengthen(&self.played, &mut self.sound, similarity)
    }

    /// Adds sound, or gives up and falls silent.
    fn advance(&mut self, queue: &mut PacketQueue, stats: &mut JitterStats) {
        let State::Playing { next, ahead } = self.state else { return };
        match self.step(queue, next) {
            Step::Decode => {
                if let Some(packet) = queue.pop() {
                    self.decode(&packet, stats);
                }
            }
            Step::Recover(samples) => self.recover(queue, samples, next, stats),
            Step::Conceal(_) | Step::Await if self.concealed >= MAX_CONCEALED => self.state = State::Silent,
            Step::Conceal(samples) => {
                let paid = samples.min(ahead);
                let made_up = (samples - paid).min(BLOCK_SAMPLES);
                self.conceal(made_up);
                self.state = State::Playing { next: next + (paid + made_up) as i64, ahead: ahead - paid };
            }
            Step::Await => {
                self.conceal(BLOCK_SAMPLES);
                self.state = State::Playing { next, ahead: ahead + BLOCK_SAMPLES };
            }
        }
    }

    fn step(&self, queue: &PacketQueue, next: i64) -> Step {
        let Some(packet) = queue.first() else { return Step::Await };
        let gap = packet.position.timestamp - next;
        if gap < STEP as i64 {
            return Step::Decode;
        }
        let gap = gap as usize;
        let lost = self.last.is_some_and(|last| packet.position.sequence > last.sequence + 1);
        let recoverable = packet.info.samples;
        if !lost || !packet.info.has_fec || gap < recoverable || recoverable > MAX_PACKET_SAMPLES {
            return Step::Conceal(gap);
        }
        match gap - recoverable {
            before if before < STEP => Step::Recover(gap),
            before => Step::Conceal(before),
        }
    }

    fn decode(&mut self, packet: &QueuedPacket, stats: &mut JitterStats) {
        self.settle(packet, stats);
        let follows = self.last.is_some_and(|last| packet.position.sequence == last.sequence + 1);
        self.late |= follows && matches!(self.state, State::Playing { ahead: 1.., .. });
        let samples = packet.info.samples;
        match self.decoder.decode(&packet.payload, &mut self.scratch[..samples]) {
            Ok(decoded) => {
                if !packet.info.is_dtx {
                    self.noise.learn(&self.scratch[..decoded]);
                }
                self.add(decoded, FADE_IN);
            }
            Err(_) => {
                stats.invalid_packets += 1;
                stats.concealed_samples += samples as u64;
                self.conceal(samples);
            }
        }
        self.concealed = 0;
        let is_dtx = packet.info.is_dtx;
        self.last =
            Some(LastPacket { sequence: packet.position.sequence, end: packet.end(), samples, is_dtx });
        self.state = State::Playing { next: packet.end(), ahead: 0 };
    }

    /// Decides what the sound made up before this packet was: concealment, or the fade-out of a sender that paused.
    fn settle(&self, packet: &QueuedPacket, stats: &mut JitterStats) {
        let paused = self.last.is_some_and(|last| {
            packet.position.sequence == last.sequence + 1
                && packet.position.timestamp >= last.end + STEP as i64
        });
        if !paused {
            stats.concealed_samples += self.concealed as u64;
        }
    }

    fn recover(&mut self, queue: &PacketQueue, samples: usize, next: i64, stats: &mut JitterStats) {
        let Some(packet) = queue.first() else { return };
        let frame = packet.info.samples.min(samples);
        match self.decoder.decode_fec(&packet.payload, &mut self.scratch[..frame]) {
            Ok(decoded) => {
                stats.fec_samples += decoded as u64;
                self.add(decoded, FADE_IN);
            }
            Err(_) => self.conceal(frame),
        }
        // What was made up before stays made up; what follows was recovered.
        stats.concealed_samples += self.concealed as u64;
        self.concealed = 0;
        self.last = Some(LastPacket {
            sequence: packet.position.sequence - 1,
            end: packet.position.timestamp,
            samples: packet.info.samples,
            is_dtx: false,
        });
        self.state = State::Playing { next: next + samples as i64, ahead: 0 };
    }

    fn conceal(&mut self, samples: usize) {
        if samples == 0 {
            return;
        }
        let whole = samples.next_multiple_of(STEP).min(MAX_PACKET_SAMPLES);
        if self.decoder.conceal(&mut self.scratch[..whole]).is_err() {
            self.scratch[..whole].fill(0.0);
        }
        let slope = if self.concealed >= FADE_FROM { -FADE_OUT } else { 0.0 };
        self.concealed += samples;
        self.add(samples.min(whole), slope);
    }

    /// Appends the first samples of the scratch buffer with a gain that moves by `slope` a sample; what is not voice is
    /// comfort noise, so that the power of a background stays the same.
    fn add(&mut self, samples: usize, slope: f32) {
        let announced = self.silence_is_announced();
        for &sample in &self.scratch[..samples.min(self.scratch.len())] {
            self.gain = (self.gain + slope).clamp(0.0, 1.0);
            let rest = (1.0 - self.gain * self.gain).sqrt();
            let noise = if rest > 0.0 { rest * self.noise.next(announced) } else { 0.0 };
            self.sound.push(sample * self.gain + noise);
        }
    }

    /// The sender said that nothing follows for a while.
    fn silence_is_announced(&self) -> bool {
        self.last.is_some_and(|last| last.is_dtx)
    }
}
