//! Groups of packets that left together, and how their spacing changed on the way (draft-ietf-rmcat-gcc-02 section 5.2).

use std::time::{Duration, Instant};

/// Packets that leave within this time are one group (draft section 5.2).
const BURST: Duration = Duration::from_millis(5);
/// A gap in arrivals of this size says that the receiver's clock or the path began anew.
const RESET: Duration = Duration::from_secs(3);

/// How two neighbouring groups were spaced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct GroupDelta {
    pub(super) send_ms: f64,
    pub(super) arrival_ms: f64,
    /// When the later group had arrived, on the receiver's clock.
    pub(super) arrival: Duration,
}

#[derive(Debug, Default)]
pub(super) struct InterArrival {
    current: Option<Group>,
    previous: Option<Group>,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    first_send: Instant,
    last_send: Instant,
    first_arrival: Duration,
    last_arrival: Duration,
}

impl InterArrival {
    /// Takes a packet, in order of arrival; gives the spacing of the last two whole groups when it begins a new one.
    pub(super) fn handle_packet(&mut self, departure: Instant, arrival: Duration) -> Option<GroupDelta> {
        let Some(current) = &mut self.current else {
            self.current = Some(Group::new(departure, arrival));
            return None;
        };
        if departure < current.first_send {
            return None;
        }
        if current.takes(departure, arrival) {
            current.last_send = current.last_send.max(departure);
            current.last_arrival = current.last_arrival.max(arrival);
            return None;
        }
        let complete = *current;
        let delta = self.previous.and_then(|previous| complete.since(&previous));
        self.current = Some(Group::new(departure, arrival));
        self.previous = Some(complete);
        if arrival.abs_diff(complete.last_arrival) > RESET {
            self.previous = None;
            return None;
        }
        delta
    }
}

impl Group {
    fn new(departure: Instant, arrival: Duration) -> Self {
        Self { first_send: departure, last_send: departure, first_arrival: arrival, last_arrival: arrival }
    }

    /// Sent in the same burst, or piled up behind it on the way (libwebrtc's `BelongsToBurst`).
    fn takes(&self, departure: Instant, arrival: Duration) -> bool {
        if departure.saturating_duration_since(self.first_send) <= BURST {
            return true;
        }
        let arrival_gap = arrival.saturating_sub(self.last_arrival);
        let send_gap = departure.saturating_duration_since(self.last_send);
        arrival_gap < send_gap
            && arrival_gap <= BURST
            && arrival.saturating_sub(self.first_arrival) < Duration::from_millis(100)
    }

    fn since(&self, previous: &Self) -> Option<GroupDelta> {
        let send = self.last_send.checked_duration_since(previous.last_send)?;
        let arrival = self.last_arrival.checked_sub(previous.last_arrival)?;
        Some(GroupDelta {
            send_ms: send.as_secs_f64() * 1e3,
            arrival_ms: arrival.as_secs_f64() * 1e3,
            arrival: self.last_arrival,
        })
    }
}
