//! A call's sender and receiver: encoder, pacer, estimator, and feedback every 50 ms.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use visavis_congestion::{Class, Config, Estimator, Pacer, PacerConfig, PacketReport};

use super::encoder::Encoder;
use super::packet::{Kind, Packet};
use super::time::{Micros, micros};
use super::trace::FlowTrace;

const MAX_PACKET: usize = 1200;
const AUDIO_BPS: f64 = 20_000.0;
const AUDIO_INTERVAL: Micros = 20_000;
const FEEDBACK_INTERVAL: Micros = 50_000;
/// The receiver's clock has a zero of its own.
const RECEIVER_ZERO: Duration = Duration::from_secs(1000);

#[derive(Debug, Clone)]
pub(crate) struct MediaConfig {
    pub(crate) estimator: Config,
    pub(crate) video_bps: (f64, f64),
    pub(crate) frames_per_second: f64,
    /// Seconds in which it sends.
    pub(crate) active: Vec<(f64, f64)>,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            estimator: Config { start_bps: 300_000, min_bps: 50_000, max_bps: 1_520_000 },
            video_bps: (150e3, 1.5e6),
            frames_per_second: 30.0,
            active: vec![(0.0, f64::INFINITY)],
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Queued {
    /// When its frame was captured.
    captured: Micros,
    frame: Option<u64>,
}

struct Sent {
    size: usize,
    departure: Instant,
    sent: Micros,
    probe_cluster: Option<u32>,
    queued: Queued,
}

pub(crate) struct MediaFlow {
    id: usize,
    config: MediaConfig,
    start: Instant,
    encoder: Encoder,
    pacer: Pacer<Queued>,
    estimator: Estimator,
    sequence_number: u64,
    sent: BTreeMap<u64, Sent>,
    frame: u64,
    frame_due: Micros,
    audio_due: Micros,
    feedback_due: Micros,
    /// What arrived and was not reported.
    arrived: BTreeMap<u64, Micros>,
    next_to_report: u64,
    /// Packets of each frame that did not arrive yet.
    frames: HashMap<u64, usize>,
    pub(crate) trace: FlowTrace,
}

impl MediaFlow {
    pub(crate) fn new(id: usize, config: MediaConfig, seed: u64) -> Self {
        let (min, max) = config.video_bps;
        let begin = micros(config.active.first().map_or(0.0, |(from, _)| *from));
        Self {
            id,
            start: Instant::now(),
            encoder: Encoder::new(min, max, config.frames_per_second, seed),
            pacer: Pacer::new(PacerConfig::default(), config.estimator.start_bps),
            estimator: Estimator::new(config.estimator),
            sequence_number: 0,
            sent: BTreeMap::new(),
            frame: 0,
            frame_due: begin,
            audio_due: begin,
            feedback_due: begin + FEEDBACK_INTERVAL,
            arrived: BTreeMap::new(),
            next_to_report: 1,
            frames: HashMap::new(),
            trace: FlowTrace { name: format!("media {}", id + 1), is_media: true, ..FlowTrace::default() },
            config,
        }
    }

    pub(crate) fn target_bps(&self) -> f64 {
        self.estimator.estimate().target_bps as f64
    }

    /// When it next does something by itself.
    pub(crate) fn next_wake(&self) -> Micros {
        let timeouts = [self.pacer.poll_timeout(), self.estimator.poll_timeout()];
        timeouts
            .into_iter()
            .flatten()
            // A timer that is due rounds up, so that it has passed when it fires.
            .map(|at| at.saturating_duration_since(self.start).as_nanos().div_ceil(1000) as Micros)
            .chain([self.frame_due, self.audio_due, self.feedback_due])
            .min()
            .unwrap_or(Micros::MAX)
    }

    pub(crate) fn handle_wake(&mut self, now: Micros, out: &mut Vec<Packet>) {
        while now >= self.audio_due {
            self.audio_due += AUDIO_INTERVAL;
            if self.is_active(now) {
                let bytes = AUDIO_BPS / 8.0 * AUDIO_INTERVAL as f64 / 1e6;
                let queued = Queued { captured: now, frame: None };
                self.pacer.enqueue(self.at(now), Class::Audio, bytes as usize, queued);
            }
        }
        while now >= self.frame_due {
            self.frame_due += micros(1.0 / self.config.frames_per_second);
            if self.is_active(now) {
                self.encode(now);
            }
        }
        self.estimator.handle_timeout(self.at(now));
        self.apply(now);
        self.send(now, out);
        while now >= self.feedback_due {
            self.feedback_due += FEEDBACK_INTERVAL;
            self.report(out);
        }
    }

    pub(crate) fn handle_packet(&mut self, now: Micros, packet: Packet, out: &mut Vec<Packet>) {
        match packet.kind {
            Kind::Media { sequence_number } => {
                self.arrived.insert(sequence_number, now);
                self.trace.bin(now).received_bytes += packet.size;
                self.count_frame(now, sequence_number);
            }
            Kind::Feedback(told) => {
                self.take_feedback(now, told);
                self.apply(now);
                self.send(now, out);
            }
            Kind::TcpData { .. } | Kind::TcpAck { .. } => {}
        }
    }

    /// When this packet was handed to the network.
    pub(crate) fn sent_at(&self, packet: &Packet) -> Option<Micros> {
        match &packet.kind {
            Kind::Media { sequence_number } => self.sent.get(sequence_number).map(|sent| sent.sent),
            Kind::Feedback(_) | Kind::TcpData { .. } | Kind::TcpAck { .. } => None,
        }
    }

    fn is_active(&self, now: Micros) -> bool {
        let seconds = now as f64 / 1e6;
        self.config.active.iter().any(|(from, to)| (*from..*to).contains(&seconds))
    }

    fn at(&self, now: Micros) -> Instant {
        self.start + Duration::from_micros(now)
    }

    fn encode(&mut self, now: Micros) {
        let bytes = self.encoder.encode(self.target_bps() - AUDIO_BPS);
        let packets = bytes.div_ceil(MAX_PACKET).max(1);
        self.frame += 1;
        let frame = self.frame;
        self.frames.insert(frame, packets);
        for packet in 0..packets {
            let size = bytes * (packet + 1) / packets - bytes * packet / packets;
            let queued = Queued { captured: now, frame: Some(frame) };
            self.pacer.enqueue(self.at(now), Class::Video { frame }, size.max(50), queued);
        }
    }

    fn apply(&mut self, now: Micros) {
        let at = self.at(now);
        self.pacer.set_target(at, self.estimator.estimate().target_bps);
        while let Some(cluster) = self.estimator.poll_probe() {
            self.pacer.start_probe(at, cluster);
        }
        if self.pacer.poll_dropped_frames().is_some() {
            self.encoder.ask_for_key_frame();
        }
        self.trace.bin(now).target_bps = self.estimator.estimate().target_bps as f64;
    }

    fn send(&mut self, now: Micros, out: &mut Vec<Packet>) {
        let at = self.at(now);
        loop {
            while let Some(paced) = self.pacer.poll_packet(at) {
                self.sequence_number += 1;
                self.estimator.handle_sent(at, paced.size);
                self.sent.insert(
                    self.sequence_number,
                    Sent {
                        size: paced.size,
                        departure: at,
                        sent: now,
                        probe_cluster: paced.probe_cluster,
                        queued: paced.packet,
                    },
                );
                self.trace.bin(now).sent_bytes += paced.size;
                self.trace.sent_packets += 1;
                out.push(Packet {
                    flow: self.id,
                    size: paced.size,
                    kind: Kind::Media { sequence_number: self.sequence_number },
                });
            }
            let Some(wanted) = self.pacer.padding_wanted(at).filter(|_| self.is_active(now)) else { return };
            let size = wanted.min(MAX_PACKET);
            self.trace.padding_bytes += size;
            self.pacer.enqueue(at, Class::Padding, size, Queued { captured: now, frame: None });
        }
    }

    fn report(&mut self, out: &mut Vec<Packet>) {
        let Some((&newest, _)) = self.arrived.last_key_value() else { return };
        let told: Vec<_> = (self.next_to_report..=newest)
            .map(|sequence_number| (sequence_number, self.arrived.remove(&sequence_number)))
            .collect();
        self.next_to_report = newest + 1;
        let size = 60 + told.len() * 2;
        out.push(Packet { flow: self.id, size, kind: Kind::Feedback(told) });
    }

    fn take_feedback(&mut self, now: Micros, told: Vec<(u64, Option<Micros>)>) {
        let reports: Vec<_> = told
            .into_iter()
            .filter_map(|(sequence_number, arrival)| {
                let sent = self.sent.remove(&sequence_number)?;
                Some(PacketReport {
                    sequence_number,
                    size: sent.size,
                    departure: sent.departure,
                    arrival: arrival.map(|arrival| RECEIVER_ZERO + Duration::from_micros(arrival)),
                    probe_cluster: sent.probe_cluster,
                })
            })
            .collect();
        self.trace.lost_packets += reports.iter().filter(|report| report.arrival.is_none()).count();
        self.estimator.handle_reports(self.at(now), &reports);
    }

    fn count_frame(&mut self, now: Micros, sequence_number: u64) {
        let Some(queued) = self.sent.get(&sequence_number).map(|sent| sent.queued) else { return };
        let Some(frame) = queued.frame else { return };
        let Some(missing) = self.frames.get_mut(&frame) else { return };
        *missing -= 1;
        if *missing == 0 {
            self.frames.remove(&frame);
            self.trace.frame_ms.push((now - queued.captured) as f64 / 1e3);
        }
    }
}
