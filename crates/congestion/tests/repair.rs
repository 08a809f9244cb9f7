//! What is lost is asked for and sent again, and a bad path makes no storm of it.

#[path = "../bench/mod.rs"]
mod bench;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bench::random::Random;
use visavis_congestion::{NackConfig, NackGenerator, NackOutput, NackResponder, Protection, ResponderConfig};

const ONE_WAY_MS: u64 = 30;
const SIZE: usize = 1000;

/// A stream of a packet each 10 ms over a path that loses at random, both ways and repairs too.
struct Stream {
    start: Instant,
    random: Random,
    loss: f64,
    first_number: u16,
    generator: NackGenerator,
    responder: NackResponder<u16>,
    forward: VecDeque<(u64, u16)>,
    back: VecDeque<(u64, Vec<u16>)>,
    arrived: Vec<bool>,
    /// Packets that came more than 150 ms after they had left.
    late: usize,
    requested: usize,
    resent: usize,
    copied: usize,
    key_frames: usize,
}

impl Stream {
    fn new(loss: f64, first_number: u16) -> Self {
        let mut generator = NackGenerator::new(NackConfig::default());
        generator.set_rtt(Duration::from_millis(2 * ONE_WAY_MS));
        let mut responder = NackResponder::new(ResponderConfig::default(), 1_500_000);
        responder.set_rtt(Duration::from_millis(2 * ONE_WAY_MS));
        Self {
            start: Instant::now(),
            random: Random::new(4),
            loss,
            first_number,
            generator,
            responder,
            forward: VecDeque::new(),
            back: VecDeque::new(),
            arrived: Vec::new(),
            late: 0,
            requested: 0,
            resent: 0,
            copied: 0,
            key_frames: 0,
        }
    }

    fn run(&mut self, packets: usize, is_lost: impl Fn(usize) -> bool) {
        for ms in 0..packets as u64 * 10 + 2000 {
            let now = self.start + Duration::from_millis(ms);
            if ms % 10 == 0 && self.arrived.len() < packets {
                let index = self.arrived.len();
                let number = self.first_number.wrapping_add(index as u16);
                self.arrived.push(false);
                self.responder.handle_sent(now, number, SIZE, number);
                if !is_lost(index) {
                    self.send(ms, number);
                }
            }
            while self.forward.front().is_some_and(|(at, _)| *at <= ms) {
                let Some((_, number)) = self.forward.pop_front() else { break };
                let index = usize::from(number.wrapping_sub(self.first_number));
                let is_late = ms > index as u64 * 10 + 150;
                self.late += usize::from(is_late && !self.arrived[index]);
                self.arrived[index] = true;
                self.generator.handle_packet(now, number);
            }
            match self.generator.poll_output(now) {
                Some(NackOutput::Request(numbers)) => {
                    self.requested += numbers.len();
                    if self.random.uniform() >= self.loss {
                        self.back.push_back((ms + ONE_WAY_MS, numbers));
                    }
                }
                Some(NackOutput::KeyFrame) => self.key_frames += 1,
                None => {}
            }
            while self.back.front().is_some_and(|(at, _)| *at <= ms) {
                let Some((_, numbers)) = self.back.pop_front() else { break };
                for number in self.responder.handle_nack(now, &numbers) {
                    self.resent += 1;
                    self.send(ms, number);
                }
            }
            while let Some(number) = self.responder.poll_copy(now) {
                self.copied += 1;
                self.send(ms, number);
            }
        }
    }

    fn send(&mut self, ms: u64, number: u16) {
        if self.random.uniform() >= self.loss {
            self.forward.push_back((ms + ONE_WAY_MS, number));
        }
    }

    fn missing(&self) -> usize {
        self.arrived.iter().filter(|arrived| !**arrived).count()
    }
}

#[test]
fn a_lost_packet_is_asked_for_once_and_comes() {
    let mut stream = Stream::new(0.0, 100);
    stream.run(200, |packet| packet == 50);
    let Stream { requested, resent, key_frames, .. } = stream;
    assert_eq!(
        (stream.missing(), requested, resent, key_frames),
        (0, 2, 1, 0),
        "one request, and its repetition"
    );
}

#[test]
fn a_lost_burst_comes_across_the_wrap() {
    let mut stream = Stream::new(0.0, 65_500);
    stream.run(200, |packet| (30..50).contains(&packet));
    assert_eq!((stream.missing(), stream.resent), (0, 20));
}

#[test]
fn five_percent_are_repaired_with_about_one_request_and_its_repetition_for_each() {
    let mut stream = Stream::new(0.05, 0);
    stream.run(5000, |_| false);
    assert_eq!((stream.missing(), stream.key_frames), (0, 0));
    assert!(stream.requested < 600, "{} requests", stream.requested);
    assert!(stream.resent < 300, "{} resent", stream.resent);
}

#[test]
fn a_third_lost_makes_no_storm() {
    let mut stream = Stream::new(0.3, 0);
    stream.run(5000, |_| false);
    assert!(stream.missing() < 20, "{} missing", stream.missing());
    assert!(stream.requested < 5000, "{} requests for 1500 lost", stream.requested);
    assert!(stream.resent < 3000, "{} resent", stream.resent);
}

#[test]
fn a_fifth_lost_comes_in_time_when_it_is_sent_twice() {
    let run = |protection| {
        let mut stream = Stream::new(0.2, 0);
        stream.responder.set_protection(protection);
        stream.run(5000, |packet| packet % 5 == 0);
        stream
    };
    let single = run(Protection::Single);
    let answers = run(Protection::Answers);
    let everything = run(Protection::Everything);
    assert_eq!((single.copied, answers.copied), (0, answers.resent));
    assert!(everything.copied >= 5000 && everything.resent < 400, "{} resent", everything.resent);
    assert!(2 * answers.late < single.late, "{} and {} late", answers.late, single.late);
    assert!(3 * everything.late < answers.late, "{} and {} late", everything.late, answers.late);
}

#[test]
fn a_path_that_repairs_nothing_ends_in_a_key_frame() {
    let start = Instant::now();
    let mut generator = NackGenerator::new(NackConfig::default());
    generator.handle_packet(start, 10);
    generator.handle_packet(start, 12);
    generator.handle_packet(start, 13);
    let mut requests = 0;
    let mut key_frames = 0;
    while let Some(at) = generator.poll_timeout() {
        match generator.poll_output(at) {
            Some(NackOutput::Request(numbers)) => {
                assert_eq!(numbers, [11]);
                requests += 1;
            }
            Some(NackOutput::KeyFrame) => key_frames += 1,
            None => {}
        }
    }
    assert_eq!((requests, key_frames), (16, 1), "eight tries, and their repetitions");
}

#[test]
fn packets_in_the_wrong_order_are_not_asked_for() {
    let start = Instant::now();
    let mut generator = NackGenerator::new(NackConfig::default());
    for number in [1, 2, 4, 3, 5, 7, 6, 8] {
        generator.handle_packet(start, number);
        assert_eq!(generator.poll_output(start), None);
    }
    assert_eq!(generator.missing(), 0);
}

#[test]
fn a_gap_too_wide_to_repair_asks_for_a_key_frame_at_once() {
    let start = Instant::now();
    let mut generator = NackGenerator::new(NackConfig::default());
    generator.handle_packet(start, 1);
    generator.handle_packet(start, 1000);
    assert_eq!(generator.poll_output(start), Some(NackOutput::KeyFrame));
    assert_eq!(generator.poll_output(start), None);
    assert_eq!(generator.poll_timeout(), None);
}

#[test]
fn what_was_skipped_is_not_asked_for() {
    let start = Instant::now();
    let mut generator = NackGenerator::new(NackConfig::default());
    for number in [1, 3, 5, 9] {
        generator.handle_packet(start, number);
    }
    generator.forget_until(5);
    let later = start + Duration::from_millis(10);
    assert_eq!(generator.poll_output(later), Some(NackOutput::Request(vec![6, 7, 8])));
}

#[test]
fn a_request_is_answered_once_in_a_round_trip() {
    let start = Instant::now();
    let mut responder = NackResponder::new(ResponderConfig::default(), 1_000_000);
    responder.set_rtt(Duration::from_millis(80));
    responder.handle_sent(start, 7, SIZE, "seven");
    let at = |ms| start + Duration::from_millis(ms);
    assert_eq!(responder.handle_nack(at(50), &[7]), ["seven"]);
    assert!(responder.handle_nack(at(100), &[7]).is_empty());
    assert_eq!(responder.handle_nack(at(131), &[7]), ["seven"]);
    assert!(responder.handle_nack(at(3000), &[7]).is_empty(), "too old");
    assert!(responder.handle_nack(at(131), &[8]).is_empty(), "never sent");
}

#[test]
fn a_copy_leaves_a_little_later_and_stands_for_an_answer() {
    let start = Instant::now();
    let mut responder = NackResponder::new(ResponderConfig::default(), 1_000_000);
    responder.set_rtt(Duration::from_millis(80));
    responder.set_protection(Protection::Everything);
    let at = |ms| start + Duration::from_millis(ms);
    responder.handle_sent(start, 7, SIZE, "seven");
    assert_eq!(responder.poll_timeout(), Some(at(20)));
    assert_eq!(responder.poll_copy(at(19)), None);
    assert_eq!(responder.poll_copy(at(20)), Some("seven"));
    assert_eq!((responder.poll_copy(at(20)), responder.poll_timeout()), (None, None));
    assert!(responder.handle_nack(at(60), &[7]).is_empty(), "it is on its way");
    assert_eq!(responder.handle_nack(at(100), &[7]), ["seven"]);
    assert_eq!(responder.poll_copy(at(120)), Some("seven"));
}

#[test]
fn repair_takes_a_share_of_the_target() {
    let start = Instant::now();
    let mut responder = NackResponder::new(ResponderConfig::default(), 400_000);
    let mut resent = 0;
    for ms in 0..5000u64 {
        let now = start + Duration::from_millis(ms);
        responder.handle_sent(now, ms as u16, SIZE, ());
        if ms >= 40 {
            resent += responder.handle_nack(now, &[(ms - 40) as u16]).len();
        }
    }
    // 25 kB/s, and what was saved up.
    assert!((120..=138).contains(&resent), "{resent}");
}
