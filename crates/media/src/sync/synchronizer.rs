use std::time::{Duration, Instant};

use super::{Playout, SenderReport};

/// What one more update weighs: at ten a second, a second's worth.
const WEIGHT: f64 = 0.1;

/// How fast a minimum follows what is wanted, an update. A picture that waits 20 ms longer is shown a third of a frame
/// later than it would have been, which nobody sees.
const STEP_US: f64 = 20_000.0;

/// For so many updates, ten seconds, nothing changes while a stream is not there: speech pauses, and nothing need be sent
/// meanwhile.
const HOLD_UPDATES: u32 = 100;

/// How fast a minimum goes when the other stream stays away, an update: a mute changes nothing visible.
const RELEASE_US: f64 = 2_000.0;

/// From when a picture is handed out until it is on a screen: half a refresh, and drawing it. libwebrtc assumes as much.
const SHOWING_US: f64 = 10_000.0;

/// No stream waits longer than this for the other.
const MAX_MINIMUM_US: f64 = 500_000.0;

/// Sound that comes no more than this behind its picture is in step, and no picture waits for it: viewers begin to notice
/// at 125 ms (ITU-R BT.1359), and libwebrtc leaves nearly as much.
const IN_STEP_US: f64 = 35_000.0;
/// Less, by this share of what the pictures' jitter asks for: where the path jitters, ages vary, and none is to be out.
const JITTER_SHARE: f64 = 0.5;

/// Streams that are so far apart are not, but their reports are wrong.
const MAX_APART_US: f64 = 2_000_000.0;

/// What is so far from what was learned belongs to another path or another clock.
const JUMP_US: f64 = 150_000.0;

/// A stream that comes in, and what its sender last said of its clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    pub clock_hz: u32,
    pub report: SenderReport,
    pub playout: Playout,
}

/// How long each jitter buffer has to hold a packet at least, counted from the fastest packets of late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MinimumDelays {
    pub audio: Duration,
    pub video: Duration,
}

/// Decides how long the streams of one sender wait for each other. To be told ten times a second how they play.
///
/// A stream's age is the time at which it comes out less the time of its capture by the sender's clock. Part of it is
/// added by the jitter buffer, the rest is its way. If the jitter of the pictures asks for more than that of the sound
/// does, the sound waits; the pictures are held until the sound is in step with them, and no longer.
#[derive(Debug)]
pub struct Synchronizer {
    epoch: Instant,
    /// Ages without what the jitter buffers add.
    audio_way: Smoothed,
    video_way: Smoothed,
    audio_age: Smoothed,
    minimum_us: Minimums,
    /// Updates since both streams were there.
    alone: u32,
}

#[derive(Debug, Default)]
struct Minimums {
    audio: f64,
    video: f64,
}

impl Synchronizer {
    /// `now` is any time near the first update.
    pub fn new(now: Instant) -> Self {
        Self {
            epoch: now,
            audio_way: Smoothed::default(),
            video_way: Smoothed::default(),
            audio_age: Smoothed::default(),
            minimum_us: Minimums::default(),
            alone: 0,
        }
    }

    /// Takes how the streams play, if they do and their sender has reported, and says how long they have to wait.
    pub fn update(&mut self, audio: Option<Received>, video: Option<Received>) -> MinimumDelays {
        match audio.zip(video).and_then(|(audio, video)| self.wanted(audio, video)) {
            Some(wanted) => {
                self.alone = 0;
                approach(&mut self.minimum_us.audio, wanted.audio, STEP_US);
                approach(&mut self.minimum_us.video, wanted.video, STEP_US);
            }
            None if self.alone < HOLD_UPDATES => self.alone += 1,
            None => {
                approach(&mut self.minimum_us.audio, 0.0, RELEASE_US);
                approach(&mut self.minimum_us.video, 0.0, RELEASE_US);
            }
        }
        MinimumDelays { audio: duration(self.minimum_us.audio), video: duration(self.minimum_us.video) }
    }

    fn wanted(&mut self, audio: Received, video: Received) -> Option<Minimums> {
        let (audio_age, video_age) = (self.age(&audio), self.age(&video) + SHOWING_US);
        let tolerated = (IN_STEP_US - JITTER_SHARE * micros(video.playout.needed)).max(0.0);
        let audio_way = self.audio_way.learn(audio_age - micros(audio.playout.delay));
        let video_way = self.video_way.learn(video_age - micros(video.playout.delay));
        let audio_age = self.audio_age.learn(audio_age);
        if (audio_way - video_way).abs() > MAX_APART_US {
            return None;
        }
        let audio_needs = audio_way + micros(audio.playout.needed);
        let video_needs = video_way + micros(video.playout.needed);
        Some(Minimums {
            audio: if video_needs > audio_needs { bounded(video_needs - audio_way) } else { 0.0 },
            video: bounded(audio_age - tolerated - video_way),
        })
    }

    /// In microseconds, from an origin that all streams of the sender share.
    fn age(&self, stream: &Received) -> f64 {
        let Received { clock_hz, report, playout } = stream;
        let at = match playout.at.checked_duration_since(self.epoch) {
            Some(after) => micros(after),
            None => -micros(self.epoch.duration_since(playout.at)),
        };
        at - report.captured_micros(playout.timestamp, *clock_hz) as f64
    }
}

/// A mean of the last second.
#[derive(Debug, Default)]
struct Smoothed {
    mean: Option<f64>,
}

impl Smoothed {
    fn learn(&mut self, value: f64) -> f64 {
        let mean = match self.mean {
            Some(mean) if (value - mean).abs() < JUMP_US => mean + (value - mean) * WEIGHT,
            Some(_) | None => value,
        };
        *self.mean.insert(mean)
    }
}

fn approach(value: &mut f64, wanted: f64, step: f64) {
    *value += (wanted - *value).clamp(-step, step);
}

fn bounded(minimum_us: f64) -> f64 {
    minimum_us.clamp(0.0, MAX_MINIMUM_US)
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn duration(micros: f64) -> Duration {
    Duration::from_secs_f64(micros.max(0.0) / 1e6)
}

#[cfg(test)]
mod tests {
    use super::super::NtpTime;
    use super::*;

    const UPDATE: Duration = Duration::from_millis(100);
    const AUDIO_HZ: u32 = 48_000;
    const VIDEO_HZ: u32 = 90_000;

    /// A sender, a path and two jitter buffers that do as they are told. Times are in milliseconds.
    struct Call {
        synchronizer: Synchronizer,
        start: Instant,
        updates: u32,
        minimum: MinimumDelays,
        /// From capture to the fastest arrival, and from the jitter buffer to eye or ear.
        audio_way: u64,
        video_way: u64,
        audio_needs: u64,
        video_needs: u64,
        audio_plays: bool,
        /// How far the reports are off.
        wrong_ms: u64,
    }

    impl Call {
        fn new() -> Self {
            let start = Instant::now();
            Self {
                synchronizer: Synchronizer::new(start),
                start,
                updates: 0,
                minimum: MinimumDelays::default(),
                audio_way: 50,
                video_way: 50,
                audio_needs: 25,
                video_needs: 0,
                audio_plays: true,
                wrong_ms: 0,
            }
        }

        fn audio_delay(&self) -> u64 {
            self.audio_needs.max(millis(self.minimum.audio))
        }

        fn video_delay(&self) -> u64 {
            self.video_needs.max(millis(self.minimum.video))
        }

        /// How much older the sound is than the picture on the screen.
        fn apart(&self) -> i64 {
            let showing = duration(SHOWING_US).as_millis() as i64;
            (self.audio_way + self.audio_delay()) as i64
                - (self.video_way + self.video_delay()) as i64
                - showing
        }

        fn update(&mut self) {
            self.updates += 1;
            let captured = UPDATE * self.updates;
            let stream = |clock_hz: u32, offset: u32, age: u64, delay: u64, needed: u64| Received {
                clock_hz,
                // Sound's timestamps wrap around right after it.
                report: SenderReport {
                    ntp: NtpTime(7 << 32)
                        .after(Duration::from_millis(self.wrong_ms * u64::from(clock_hz == VIDEO_HZ))),
                    timestamp: offset,
                },
                playout: Playout {
                    timestamp: offset.wrapping_add(self.updates * (clock_hz / 10)),
                    at: self.start + captured + Duration::from_millis(age),
                    delay: Duration::from_millis(delay),
                    needed: Duration::from_millis(needed),
                },
            };
            let audio_age = self.audio_way + self.audio_delay();
            let video_age = self.video_way + self.video_delay();
            let audio = stream(AUDIO_HZ, u32::MAX - 7, audio_age, self.audio_delay(), self.audio_needs);
            let video = stream(VIDEO_HZ, 123_456, video_age, self.video_delay(), self.video_needs);
            self.minimum = self.synchronizer.update(self.audio_plays.then_some(audio), Some(video));
        }

        fn run(&mut self, seconds: u32) {
            (0..seconds * 10).for_each(|_| self.update());
        }
    }

    fn millis(duration: Duration) -> u64 {
        duration.as_millis() as u64
    }

    /// How far behind the sound is left, in milliseconds, where nothing varies.
    const IN_STEP: i64 = 35;

    #[test]
    fn the_picture_waits_for_sound_that_takes_longer_until_it_is_in_step() {
        let mut call = Call { audio_way: 120, ..Call::new() };
        assert_eq!(call.apart(), 85);
        call.run(20);
        assert!((call.apart() - IN_STEP).abs() <= 2, "{} ms, {:?}", call.apart(), call.minimum);
        assert_eq!(call.minimum.audio, Duration::ZERO, "what is late anyway is not held");
    }

    #[test]
    fn nothing_waits_for_sound_that_is_in_step() {
        let mut call = Call { audio_way: 60, ..Call::new() };
        assert_eq!(call.apart(), 25);
        call.run(20);
        assert_eq!((call.apart(), call.minimum), (25, MinimumDelays::default()));
    }

    #[test]
    fn less_is_left_where_the_path_jitters() {
        for (needs, left) in [(0, IN_STEP), (30, 20), (70, 0), (200, 0)] {
            let mut call = Call { audio_way: 300, video_needs: needs, ..Call::new() };
            call.run(20);
            assert!((call.apart() - left).abs() <= 2, "{} ms where {needs} ms are needed", call.apart());
        }
    }

    #[test]
    fn the_sound_waits_for_a_picture_that_takes_longer() {
        let mut call = Call { video_way: 150, video_needs: 60, ..Call::new() };
        call.run(3);
        assert!(call.apart().abs() <= 2, "{} ms, {:?}", call.apart(), call.minimum);
        assert_eq!(call.video_delay(), 60, "the picture is not held longer than its jitter asks for");
    }

    #[test]
    fn neither_waits_where_both_take_as_long() {
        let mut call = Call { audio_needs: 70, video_needs: 60, ..Call::new() };
        call.run(10);
        assert!(call.apart().abs() <= 2, "{} ms", call.apart());
        assert!(call.audio_delay() <= 71 && call.video_delay() <= 61, "{:?}", call.minimum);
    }

    #[test]
    fn a_change_is_followed_in_steps_that_nobody_sees_and_back() {
        let mut call = Call::new();
        call.run(5);
        let before = call.minimum;
        call.audio_way += 120;
        let mut last = call.minimum.video;
        for _ in 0..40 {
            call.update();
            assert!(call.minimum.video.abs_diff(last) <= duration(STEP_US));
            last = call.minimum.video;
        }
        call.run(20);
        assert!((call.apart() - IN_STEP).abs() <= 5, "{} ms", call.apart());
        call.audio_way -= 120;
        call.run(20);
        assert!(call.minimum.video.abs_diff(before.video) <= Duration::from_millis(2));
    }

    #[test]
    fn no_stream_waits_longer_than_the_bound() {
        let mut call = Call { audio_way: 900, ..Call::new() };
        call.run(10);
        assert_eq!(call.minimum.video, duration(MAX_MINIMUM_US));
    }

    #[test]
    fn reports_that_make_no_sense_are_not_followed() {
        let mut call = Call { wrong_ms: 3_600_000, ..Call::new() };
        call.run(10);
        assert_eq!(call.minimum, MinimumDelays::default());
    }

    #[test]
    fn a_pause_in_speech_changes_nothing_and_a_muted_sender_gets_its_picture_back_slowly() {
        let mut call = Call { audio_way: 120, ..Call::new() };
        call.run(5);
        let waited = call.minimum.video;
        call.audio_plays = false;
        call.run(HOLD_UPDATES / 10);
        assert_eq!(call.minimum.video, waited);
        call.update();
        let released = waited - call.minimum.video;
        assert!(!released.is_zero() && released <= duration(RELEASE_US), "{released:?}");
        call.run(10);
        assert_eq!(call.minimum.video, Duration::ZERO);
    }
}
