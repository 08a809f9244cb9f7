use std::mem;
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::figures::Window;
use crate::schedule::Arrivals;
use crate::usage::{Meter, Processes, Used};

/// After the last arrival, for the last answers.
const FOLLOW_UP: Duration = Duration::from_secs(2);

/// How much arrives, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) per_s: u32,
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}

/// A load over its time: it warms up, is measured, and waits for the last answers.
#[derive(Debug)]
pub(crate) struct Load {
    server: Processes,
    window: Window,
    arrivals: Arrivals,
    metering: Metering,
}

#[derive(Debug)]
enum Metering {
    WarmUp,
    Measured(Meter),
    Done(Used),
    /// What the processes have used could not be read.
    Broken,
}

impl Load {
    pub(crate) fn begin(server: &Processes, pace: Pace) -> Self {
        Self {
            server: server.clone(),
            window: Window::after(pace.warm_up, pace.measured),
            arrivals: Arrivals::new(Instant::now(), pace.per_s),
            metering: Metering::WarmUp,
        }
    }

    pub(crate) fn window(&self) -> Window {
        self.window
    }

    /// The time, until all is over.
    pub(crate) fn now(&mut self) -> anyhow::Result<Option<Instant>> {
        let now = Instant::now();
        self.metering = match mem::replace(&mut self.metering, Metering::Broken) {
            Metering::WarmUp if now >= self.window.from => Metering::Measured(Meter::start(&self.server)?),
            Metering::Measured(meter) if now >= self.window.until => Metering::Done(meter.stop()?),
            metering @ (Metering::WarmUp | Metering::Measured(_) | Metering::Done(_) | Metering::Broken) => {
                metering
            }
        };
        Ok((now < self.end()).then_some(now))
    }

    /// What is due by `now`, as long as anything arrives.
    pub(crate) fn arrival(&mut self, now: Instant) -> Option<Instant> {
        if self.arrivals.next() < self.window.until { self.arrivals.poll(now) } else { None }
    }

    /// When there is something to do again.
    pub(crate) fn next(&self) -> Instant {
        let next = self.arrivals.next();
        if next < self.window.until { next } else { self.end() }
    }

    /// A number below `count`, which is not 0.
    pub(crate) fn draw(&mut self, count: usize) -> usize {
        self.arrivals.draw(count)
    }

    /// What was taken while it was measured.
    pub(crate) fn used(self) -> anyhow::Result<Used> {
        let Metering::Done(used) = self.metering else { bail!("the load has not come to its end") };
        Ok(used)
    }

    fn end(&self) -> Instant {
        self.window.until + FOLLOW_UP
    }
}
