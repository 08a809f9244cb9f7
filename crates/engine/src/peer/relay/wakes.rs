//! When the driver has to wake though nothing has happened.

use std::time::{Duration, Instant};

/// A connection that has sent to a relay so lately is one that may do so at any time: consent alone is kept more often.
const LATELY: Duration = Duration::from_secs(1);

/// The crate's driver hands packets to its TURN client only after it has written what that had, so that they lie there until
/// the driver wakes for something else: through the handshake, most of a second. So each sleep after an event is cut
/// short, and after it the next ones as long as that brings packets to light. `Task` names a task.
#[derive(Debug)]
pub(super) struct Wakes<Task> {
    relayed: Option<(Instant, Task)>,
    /// Whether something was sent to a relay since the last sleep began.
    has_sent: bool,
    /// Whether the last sleep was a short one that nothing has ended before its time.
    has_woken: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sleep {
    Short,
    Whole,
}

impl<Task: PartialEq> Wakes<Task> {
    pub(super) fn new() -> Self {
        Self { relayed: None, has_sent: false, has_woken: false }
    }

    /// This task, which is the driver's, sends a packet to a relay.
    pub(super) fn handle_relayed(&mut self, now: Instant, driver: Task) {
        self.relayed = Some((now, driver));
        self.has_sent = true;
    }

    /// How a task is to sleep. Others than the driver sleep as long as they wish.
    pub(super) fn sleep(&mut self, now: Instant, sleeper: Option<Task>) -> Sleep {
        match &self.relayed {
            Some((at, driver)) if sleeper.as_ref() == Some(driver) && now < *at + LATELY => {}
            _ => return Sleep::Whole,
        }
        let is_idle = std::mem::take(&mut self.has_woken) && !self.has_sent;
        self.has_sent = false;
        if is_idle { Sleep::Whole } else { Sleep::Short }
    }

    /// A short sleep has come to its end.
    pub(super) fn handle_woken(&mut self) {
        self.has_woken = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRIVER: u8 = 1;
    const OTHER: u8 = 2;

    #[test]
    fn after_each_event_the_driver_wakes_once_more_and_until_nothing_comes_to_light() {
        let now = Instant::now();
        let mut wakes = Wakes::new();
        wakes.handle_relayed(now, DRIVER);
        assert_eq!(wakes.sleep(now, Some(DRIVER)), Sleep::Short, "there may be more");
        wakes.handle_woken();
        wakes.handle_relayed(now, DRIVER);
        assert_eq!(wakes.sleep(now, Some(DRIVER)), Sleep::Short, "there was");
        wakes.handle_woken();
        assert_eq!(wakes.sleep(now, Some(DRIVER)), Sleep::Whole, "nothing was left");
        assert_eq!(wakes.sleep(now, Some(DRIVER)), Sleep::Short, "something has ended that");
    }

    #[test]
    fn an_event_that_ends_a_short_sleep_is_followed_by_another() {
        let now = Instant::now();
        let mut wakes = Wakes::new();
        wakes.handle_relayed(now, DRIVER);
        assert_eq!(wakes.sleep(now, Some(DRIVER)), Sleep::Short);
        assert_eq!(wakes.sleep(now, Some(DRIVER)), Sleep::Short);
    }

    #[test]
    fn a_connection_without_a_relay_sleeps_as_it_likes() {
        let now = Instant::now();
        let mut wakes = Wakes::new();
        assert_eq!(wakes.sleep(now, Some(DRIVER)), Sleep::Whole);
        wakes.handle_relayed(now, DRIVER);
        assert_eq!(wakes.sleep(now + LATELY, Some(DRIVER)), Sleep::Whole);
    }

    #[test]
    fn only_the_driver_is_woken() {
        let now = Instant::now();
        let mut wakes = Wakes::new();
        wakes.handle_relayed(now, DRIVER);
        assert_eq!(wakes.sleep(now, Some(OTHER)), Sleep::Whole);
        assert_eq!(wakes.sleep(now, None), Sleep::Whole);
        assert_eq!(wakes.sleep(now, Some(DRIVER)), Sleep::Short);
    }
}
