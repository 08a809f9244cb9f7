use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A point of the calendar, in milliseconds since 1970 (UTC): what is kept outlives the process, and so its clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub(crate) struct Moment(i64);

/// The end of the year 9999, behind which calendars have no words.
const LAST: i64 = 253_402_300_799_000;

impl Moment {
    pub(crate) const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    pub(crate) const fn as_ms(self) -> i64 {
        self.0
    }

    pub(crate) fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(milliseconds(duration)))
    }

    pub(crate) fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(milliseconds(duration)))
    }

    /// How long it is from here to a later one; nothing, if that is earlier.
    pub(crate) fn until(self, later: Self) -> Duration {
        Duration::from_millis(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or_default())
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl From<SystemTime> for Moment {
    fn from(time: SystemTime) -> Self {
        Self(time.duration_since(UNIX_EPOCH).map_or(0, milliseconds))
    }
}

/// As people read it, in UTC: `Sat, 28 Nov 2026 12:00:00 GMT`.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since_1970 = Duration::from_millis(u64::try_from(self.0.clamp(0, LAST)).unwrap_or_default());
        httpdate::HttpDate::from(UNIX_EPOCH + since_1970).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_can_be_read_by_people() {
        assert_eq!(Moment(1_795_867_200_000).to_string(), "Sat, 28 Nov 2026 12:00:00 GMT");
        assert_eq!(Moment(i64::MIN).to_string(), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(Moment(i64::MAX).to_string(), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn there_is_no_time_to_what_is_past() {
        let now = Moment(1_000);
        assert_eq!(now.until(now.after(Duration::from_secs(2))), Duration::from_secs(2));
        assert_eq!(now.until(Moment(i64::MIN)), Duration::ZERO);
        assert_eq!(now.after(Duration::MAX), Moment(i64::MAX));
    }
}
