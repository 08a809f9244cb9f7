//! Packets leave in the right order, at the right time, and none waits for ever.

use std::time::{Duration, Instant};

use visavis_congestion::{Class, Paced, Pacer, PacerConfig, ProbeCluster};

const TARGET_BPS: u64 = 400_000;

/// A pacer, and the time by the millisecond.
struct Bench {
    start: Instant,
    now_ms: u64,
    pacer: Pacer<u32>,
}

impl Bench {
    fn new() -> Self {
        let pacer = Pacer::new(PacerConfig::default(), TARGET_BPS);
        Self { start: Instant::now(), now_ms: 0, pacer }
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.now_ms)
    }

    fn enqueue(&mut self, class: Class, size: usize, packet: u32) {
        let now = self.now();
        self.pacer.enqueue(now, class, size, packet);
    }

    fn frame(&mut self, frame: u64, packets: u32) {
        (0..packets).for_each(|packet| self.enqueue(Class::Video { frame }, 1000, packet));
    }

    fn poll(&mut self) -> Option<Paced<u32>> {
        let now = self.now();
        self.pacer.poll_packet(now)
    }

    /// What leaves in the next `ms`, and when.
    fn run(&mut self, ms: u64) -> Vec<(u64, Paced<u32>)> {
        let end = self.now_ms + ms;
        let mut sent = Vec::new();
        while self.now_ms < end {
            while let Some(paced) = self.poll() {
                sent.push((self.now_ms, paced));
            }
            self.now_ms += 1;
        }
        sent
    }
}

#[test]
fn sound_passes_everything_at_once() {
    let mut bench = Bench::new();
    bench.frame(0, 20);
    bench.run(5);
    bench.enqueue(Class::Audio, 120, 99);
    assert_eq!(bench.poll().map(|paced| paced.packet), Some(99));
}

#[test]
fn repairs_go_before_pictures() {
    let mut bench = Bench::new();
    bench.frame(0, 4);
    bench.enqueue(Class::Retransmission, 1000, 99);
    let sent = bench.run(1000);
    assert_eq!(sent[0].1.class, Class::Retransmission);
    assert_eq!(sent.len(), 5);
}

#[test]
fn pictures_leave_at_two_and_a_half_times_the_target() {
    let mut bench = Bench::new();
    bench.frame(0, 20);
    let sent = bench.run(1000);
    let last = sent.last().expect("packets").0;
    // 20 000 bytes at 1 Mbit/s are 160 ms, but for the last packet and the burst.
    assert!((140..=160).contains(&last), "{last} ms");
    let bursts = sent.windows(2).filter(|pair| pair[0].0 == pair[1].0).count();
    assert!(bursts <= 1, "{sent:?}");
}

#[test]
fn sound_counts() {
    let mut with_sound = Bench::new();
    (0..20).for_each(|packet| with_sound.enqueue(Class::Audio, 500, packet));
    with_sound.frame(0, 10);
    let mut without = Bench::new();
    without.frame(0, 10);
    let late = with_sound.run(1000).last().expect("packets").0;
    let early = without.run(1000).last().expect("packets").0;
    assert!(late >= early + 75, "{late} against {early} ms");
}

#[test]
fn idle_time_is_not_saved_up_for_a_burst() {
    let mut bench = Bench::new();
    bench.run(5000);
    bench.frame(0, 20);
    assert!(bench.run(1000).last().expect("packets").0 >= 5140);
}

#[test]
fn a_long_queue_leaves_faster() {
    let mut bench = Bench::new();
    bench.frame(0, 50);
    let last = bench.run(2000).last().expect("packets").0;
    // 400 ms at the pace.
    assert!((200..=300).contains(&last), "{last} ms");
}

#[test]
fn a_fall_drops_whole_frames_that_did_not_begin() {
    let mut bench = Bench::new();
    for frame in 0..6 {
        bench.frame(frame, 5);
    }
    let before = bench.run(10);
    assert!(before.iter().all(|(_, paced)| paced.class == Class::Video { frame: 0 }));
    let now = bench.now();
    bench.pacer.set_target(now, 100_000);
    let rest = bench.run(2000);
    assert_eq!(before.len() + rest.len(), 5, "the begun frame is finished: {rest:?}");
    assert_eq!(bench.pacer.poll_dropped_frames(), Some(5));
    assert_eq!(bench.pacer.poll_dropped_frames(), None);
}

#[test]
fn a_key_frame_made_for_the_lower_target_is_not_dropped() {
    let mut bench = Bench::new();
    let now = bench.now();
    bench.pacer.set_target(now, 60_000);
    bench.frame(0, 20);
    for _ in 0..10 {
        let now = bench.now();
        bench.pacer.set_target(now, 50_000);
        bench.run(10);
    }
    bench.run(2000);
    assert_eq!(bench.pacer.poll_dropped_frames(), None);
}

#[test]
fn an_encoder_that_ignores_its_target_does_not_fill_the_memory() {
    let mut bench = Bench::new();
    for frame in 0..300 {
        bench.frame(frame, 60);
        bench.run(33);
        assert!(bench.pacer.queue_time() < Duration::from_secs(3), "{:?}", bench.pacer.queue_time());
    }
    assert!(bench.pacer.poll_dropped_frames().is_some());
}

#[test]
fn the_timeout_says_when_the_next_packet_leaves() {
    let mut bench = Bench::new();
    assert_eq!(bench.pacer.poll_timeout(), None);
    bench.frame(0, 10);
    let mut wakes = 0;
    let mut sent = 0;
    let mut now = bench.now();
    while let Some(at) = bench.pacer.poll_timeout() {
        now = now.max(at);
        wakes += 1;
        while bench.pacer.poll_packet(now).is_some() {
            sent += 1;
        }
        assert!(wakes < 20);
    }
    assert_eq!(sent, 10);
    assert!(now < bench.now() + Duration::from_millis(80));
}

const PROBE: ProbeCluster = ProbeCluster { id: 7, bitrate_bps: 2_000_000, min_packets: 5, min_bytes: 3750 };

#[test]
fn a_probe_sends_media_at_its_own_bitrate() {
    let mut bench = Bench::new();
    let now = bench.now();
    bench.pacer.start_probe(now, PROBE);
    bench.frame(0, 10);
    let sent = bench.run(1000);
    let probe: Vec<_> = sent.iter().filter(|(_, paced)| paced.probe_cluster == Some(7)).collect();
    assert_eq!(probe.len(), 5);
    // 4 ms a packet.
    assert!((15..=17).contains(&(probe[4].0 - probe[0].0)), "{sent:?}");
    assert_eq!(sent.len(), 10);
}

#[test]
fn a_probe_asks_for_padding_when_no_media_waits() {
    let mut bench = Bench::new();
    let now = bench.now();
    bench.pacer.start_probe(now, PROBE);
    bench.frame(0, 2);
    let mut sent = Vec::new();
    for _ in 0..100 {
        sent.extend(bench.run(1));
        let now = bench.now();
        if let Some(bytes) = bench.pacer.padding_wanted(now) {
            assert!((200..=1200).contains(&bytes));
            bench.enqueue(Class::Padding, bytes, 0);
        }
    }
    let bytes: usize =
        sent.iter().filter(|(_, paced)| paced.probe_cluster == Some(7)).map(|(_, paced)| paced.size).sum();
    assert!((PROBE.min_bytes..PROBE.min_bytes + 1200).contains(&bytes), "{sent:?}");
    let now = bench.now();
    assert_eq!(bench.pacer.padding_wanted(now), None);
    assert!(sent.last().expect("packets").0 <= 20, "{sent:?}");
}

#[test]
fn a_probe_that_gets_no_padding_is_given_up() {
    let mut bench = Bench::new();
    let now = bench.now();
    bench.pacer.start_probe(now, PROBE);
    let mut asked = 0;
    while let Some(at) = bench.pacer.poll_timeout() {
        let now = bench.now().max(at);
        bench.now_ms = (now - bench.start).as_millis() as u64 + 1;
        asked += u32::from(bench.pacer.padding_wanted(now).is_some());
        assert!(asked < 250);
    }
    assert!(bench.now_ms < 1100, "{} ms", bench.now_ms);
}

#[test]
fn a_caller_that_knows_no_padding_does_not_spin() {
    let mut bench = Bench::new();
    let now = bench.now();
    bench.pacer.start_probe(now, PROBE);
    let mut now = now;
    for _ in 0..250 {
        assert_eq!(bench.pacer.poll_packet(now), None);
        let Some(at) = bench.pacer.poll_timeout() else { return };
        now = now.max(at);
    }
    panic!("still waiting at {:?}", now - bench.start);
}

#[test]
fn a_camera_does_not_wait_for_a_screen_and_a_screen_fills_no_queue() {
    let mut bench = Bench::new();
    (0..100).for_each(|packet| bench.enqueue(Class::Screen { frame: 0 }, 1000, packet));
    let second = bench.run(1000);
    let bits: usize = second.iter().map(|(_, paced)| paced.size * 8).sum();
    assert!((450_000..=550_000).contains(&bits), "1.25 times the target: {bits}");
    bench.frame(7, 5);
    let next: Vec<_> = bench.run(100).into_iter().take(5).map(|(_, paced)| paced.class).collect();
    assert_eq!(next, [Class::Video { frame: 7 }; 5]);
}

#[test]
fn a_fall_of_the_target_drops_a_screen_and_not_the_camera_before_it() {
    let mut bench = Bench::new();
    bench.frame(0, 2);
    for frame in 0..4 {
        (0..50).for_each(|packet| bench.enqueue(Class::Screen { frame }, 1000, packet));
    }
    let now = bench.now();
    bench.pacer.set_target(now, TARGET_BPS / 4);
    assert_eq!(bench.pacer.poll_dropped_screen_frames(), Some(4));
    assert_eq!(bench.pacer.poll_dropped_frames(), None);
    let left: Vec<_> = bench.run(1000).into_iter().map(|(_, paced)| paced.class).collect();
    assert_eq!(left, [Class::Video { frame: 0 }; 2]);
}
