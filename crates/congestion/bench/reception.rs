//! What a receiver of video makes of packets: asks for those that are missing, shows frames in order, and asks for a key
//! frame when it cannot go on.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use visavis_congestion::{NackConfig, NackGenerator, NackOutput};

use super::time::Micros;

/// How long it waits for a repair before it asks for a key frame, and how long for that before it asks again.
const PATIENCE: Micros = 300_000;

/// A packet of a frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VideoPacket {
    /// Of the stream, without repairs.
    pub(crate) number: u16,
    pub(crate) frame: u64,
    /// How many packets the frame has.
    pub(crate) packets: usize,
    pub(crate) is_key: bool,
}

/// What the sender is told.
pub(crate) enum Wish {
    Again(Vec<u16>),
    KeyFrame,
}

pub(crate) struct Reception {
    start: Instant,
    generator: NackGenerator,
    /// By number, those that were not shown yet.
    frames: BTreeMap<u64, Frame>,
    /// The frame that follows the last one shown.
    next: u64,
    blocked_since: Option<Micros>,
    asked_at: Option<Micros>,
    /// When frames were shown.
    pub(crate) shown: Vec<Micros>,
    pub(crate) key_frames_wanted: usize,
}

struct Frame {
    packets: usize,
    is_key: bool,
    arrived: HashSet<u16>,
}

impl Frame {
    fn is_whole(&self) -> bool {
        self.arrived.len() == self.packets
    }
}

impl Reception {
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            start,
            generator: NackGenerator::new(NackConfig::default()),
            frames: BTreeMap::new(),
            next: 1,
            blocked_since: None,
            asked_at: None,
            shown: Vec::new(),
            key_frames_wanted: 0,
        }
    }

    pub(crate) fn handle_packet(&mut self, now: Micros, packet: VideoPacket) {
        self.generator.handle_packet(self.at(now), packet.number);
        if packet.frame < self.next {
            return;
        }
        let VideoPacket { packets, is_key, .. } = packet;
        let frame = self.frames.entry(packet.frame);
        frame
            .or_insert_with(|| Frame { packets, is_key, arrived: HashSet::new() })
            .arrived
            .insert(packet.number);
        self.show(now);
    }

    pub(crate) fn next_wake(&self) -> Option<Micros> {
        let request = self
            .generator
            .poll_timeout()
            .map(|at| at.saturating_duration_since(self.start).as_nanos().div_ceil(1000) as Micros);
        [request, self.key_frame_due()].into_iter().flatten().min()
    }

    /// What is to be asked for by now.
    pub(crate) fn poll(&mut self, now: Micros) -> Vec<Wish> {
        let mut wishes = Vec::new();
        while let Some(output) = self.generator.poll_output(self.at(now)) {
            match output {
                NackOutput::Request(numbers) => wishes.push(Wish::Again(numbers)),
                NackOutput::KeyFrame => {}
            }
        }
        if self.key_frame_due().is_some_and(|due| due <= now) {
            self.asked_at = Some(now);
            self.key_frames_wanted += 1;
            wishes.push(Wish::KeyFrame);
        }
        wishes
    }

    fn key_frame_due(&self) -> Option<Micros> {
        let due = self.blocked_since? + PATIENCE;
        Some(self.asked_at.map_or(due, |at| due.max(at + PATIENCE)))
    }

    /// Shows what can be shown: the next frame, or a whole key frame after it.
    fn show(&mut self, now: Micros) {
        loop {
            let is_next_whole = self.frames.get(&self.next).is_some_and(Frame::is_whole);
            let key = || self.frames.iter().rev().find(|(_, frame)| frame.is_key && frame.is_whole());
            let Some(number) =
                is_next_whole.then_some(self.next).or_else(|| key().map(|(number, _)| *number))
            else {
                break;
            };
            self.frames = self.frames.split_off(&(number + 1));
            self.next = number + 1;
            self.blocked_since = None;
            self.shown.push(now);
        }
        if !self.frames.is_empty() {
            self.blocked_since.get_or_insert(now);
        }
    }

    fn at(&self, now: Micros) -> Instant {
        self.start + Duration::from_micros(now)
    }
}
