//! What the estimator does by itself: probe, and back off when nobody answers.

#[path = "../bench/mod.rs"]
mod bench;

use std::time::{Duration, Instant};

use bench::link::LinkConfig;
use bench::media::MediaConfig;
use bench::network::{Direction, FlowConfig, Scenario, Source, run};
use bench::random::Random;
use visavis_congestion::{Config, Estimator, NackConfig, NackGenerator, NackOutput, PacketReport};

const CONFIG: Config = Config { start_bps: 300_000, min_bps: 50_000, max_bps: 2_000_000 };

#[test]
fn the_first_packet_asks_for_probes() {
    let now = Instant::now();
    let mut estimator = Estimator::new(CONFIG);
    assert_eq!(estimator.poll_probe(), None);
    estimator.handle_sent(now, 1000);
    let probes: Vec<_> =
        std::iter::from_fn(|| estimator.poll_probe().map(|probe| probe.bitrate_bps)).collect();
    assert_eq!(probes, [900_000, 1_800_000]);
}

#[test]
fn an_application_that_sends_little_still_learns_what_the_path_takes() {
    let media = MediaConfig { estimator: CONFIG, video_bps: (100e3, 200e3), ..MediaConfig::default() };
    let flow = FlowConfig { source: Source::Media(media), direction: Direction::Forward, one_way_ms: 40.0 };
    let scenario = Scenario {
        seconds: 30.0,
        forward: LinkConfig::schedule(&[(0.0, 400e3), (10.0, 10e6)]),
        back: LinkConfig::constant(100e6),
        flows: vec![flow],
        seed: 2,
    };
    let trace = run(&scenario).remove(0);
    assert!(trace.bins[95].target_bps < 500e3, "{:?}", trace.bins[95]);
    assert!(trace.bins[250].target_bps > 1.2e6, "{:?}", trace.bins[250]);
    let sent: usize = trace.bins.iter().map(|bin| bin.sent_bytes).sum();
    assert!(trace.padding_bytes * 10 < sent, "{} of {sent} bytes are padding", trace.padding_bytes);
}

#[test]
fn the_bound_of_the_estimate_can_be_moved() {
    let now = Instant::now();
    let mut estimator = Estimator::new(CONFIG);
    estimator.set_max_bps(now, 200_000);
    assert_eq!(estimator.estimate().target_bps, 200_000);
    estimator.set_max_bps(now, 4_000_000);
    assert_eq!(estimator.estimate().target_bps, 200_000, "more is found out, not believed");
}

#[test]
fn without_feedback_the_target_falls_and_does_not_reach_zero() {
    let start = Instant::now();
    let mut estimator = Estimator::new(CONFIG);
    let mut targets = Vec::new();
    for tenth in 0..300u64 {
        let now = start + Duration::from_millis(tenth * 100);
        estimator.handle_sent(now, 1000);
        estimator.handle_timeout(now);
        targets.push(estimator.estimate().target_bps);
    }
    assert_eq!(targets[29], CONFIG.start_bps);
    assert!((190_000..200_000).contains(&targets[49]), "{}", targets[49]);
    assert_eq!(targets[299], CONFIG.min_bps);
}

#[test]
fn an_application_that_sends_nothing_waits_for_nothing() {
    let start = Instant::now();
    let mut estimator = Estimator::new(CONFIG);
    estimator.handle_timeout(start + Duration::from_secs(60));
    assert_eq!(estimator.poll_timeout(), None);
    assert_eq!(estimator.estimate().target_bps, CONFIG.start_bps);
}

#[test]
fn nonsense_from_the_network_neither_panics_nor_leaves_the_bounds() {
    let start = Instant::now();
    let mut random = Random::new(9);
    let mut estimator = Estimator::new(CONFIG);
    let mut generator = NackGenerator::new(NackConfig::default());
    for round in 0..3000u64 {
        let now = start + Duration::from_millis(round * 37);
        estimator.handle_sent(now, (random.uniform() * 3000.0) as usize);
        let reports: Vec<_> = (0..(random.uniform() * 20.0) as u64)
            .map(|_| PacketReport {
                sequence_number: (random.uniform() * 1e6) as u64,
                size: (random.uniform() * 1500.0) as usize,
                departure: start + Duration::from_secs_f64(random.uniform() * 200.0),
                arrival: (random.uniform() < 0.7).then(|| Duration::from_secs_f64(random.uniform() * 1e4)),
                probe_cluster: (random.uniform() < 0.3).then(|| (random.uniform() * 9.0) as u32),
            })
            .collect();
        estimator.handle_reports(now, &reports);
        estimator.handle_timeout(now);
        estimator.poll_probe();
        let estimate = estimator.estimate();
        assert!((CONFIG.min_bps..=CONFIG.max_bps).contains(&estimate.target_bps), "{estimate:?}");
        assert!((0.0..=1.0).contains(&estimate.loss), "{estimate:?}");
        generator.handle_packet(now, (random.uniform() * 65_536.0) as u16);
        if let Some(NackOutput::Request(numbers)) = generator.poll_output(now) {
            assert!(numbers.len() <= NackConfig::default().max_missing);
        }
    }
}
