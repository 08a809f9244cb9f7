use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// What wakes a task at a time that changes. Once it is set, it is not looked at again before that time: it is asked whenever
/// anything else wakes the task, and a timer lies far away in memory.
#[derive(Debug)]
pub(super) struct Alarm {
    at: Instant,
    is_set: bool,
    sleep: Pin<Box<Sleep>>,
}

impl Alarm {
    pub(super) fn new(at: Instant) -> Self {
        Self { at, is_set: false, sleep: Box::pin(sleep_until(at)) }
    }

    /// Has it ring at another time.
    pub(super) fn set(&mut self, at: Instant) {
        if at != self.at {
            self.at = at;
            self.is_set = false;
            self.sleep.as_mut().reset(at);
        }
    }

    /// Ready when its time has come. Only one task may wait for that.
    pub(super) fn poll_rings(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.is_set && Instant::now() < self.at {
            return Poll::Pending;
        }
        self.is_set = true;
        self.sleep.as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use tokio::select;
    use tokio::time::{interval, timeout};

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const PATIENCE: Duration = Duration::from_secs(5);

    async fn rings(alarm: &mut Alarm) {
        poll_fn(|context| alarm.poll_rings(context)).await;
    }

    /// Waits while something else wakes the task all the time.
    async fn rings_among_others(alarm: &mut Alarm) -> Instant {
        let mut others = interval(SHORT / 7);
        loop {
            select! {
                biased;
                _ = others.tick() => {}
                () = rings(alarm) => return Instant::now(),
            }
        }
    }

    #[tokio::test]
    async fn it_rings_at_its_time_whatever_else_happens_and_at_the_next_one() {
        let mut due = Instant::now() + SHORT;
        let mut alarm = Alarm::new(due);
        for _ in 0..3 {
            let at = timeout(PATIENCE, rings_among_others(&mut alarm)).await.expect("it rings");
            assert!(at >= due);
            due = at + SHORT;
            alarm.set(due);
        }
    }

    #[tokio::test]
    async fn it_may_be_set_back_and_forth() {
        let begun = Instant::now();
        let mut alarm = Alarm::new(begun + PATIENCE * 2);
        assert!(timeout(SHORT, rings(&mut alarm)).await.is_err());
        alarm.set(begun + SHORT * 2);
        assert!(timeout(PATIENCE, rings(&mut alarm)).await.is_ok());
        let due = Instant::now() + SHORT * 4;
        alarm.set(due);
        assert!(timeout(SHORT, rings(&mut alarm)).await.is_err());
        assert!(timeout(PATIENCE, rings(&mut alarm)).await.is_ok());
        assert!(Instant::now() >= due);
    }
}
