//! The packets that wait for the rest of their frame, and which of them make a whole one.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;

use crate::video::rtp::Descriptor;
use crate::video::vp8::is_key_frame;

/// What may wait. The first ones go when it is more.
const MAX_PACKETS: usize = 2048;
const MAX_BYTES: usize = 8 << 20;

/// Packets of one stream by their positions, which are unwrapped sequence numbers.
#[derive(Debug, Default)]
pub(super) struct Packets {
    by_position: BTreeMap<i64, Packet>,
    /// Of media.
    bytes: usize,
}

/// A packet, in a frame or between two.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) timestamp: i64,
    pub(super) raw_timestamp: u32,
    pub(super) marker: bool,
    pub(super) arrived: Instant,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    Padding,
    Media { starts_frame: bool, key: bool, data: Bytes },
}

impl Packets {
    pub(super) fn contains(&self, position: i64) -> bool {
        self.by_position.contains_key(&position)
    }

    /// One that is not here yet.
    pub(super) fn insert(&mut self, position: i64, packet: Packet) {
        self.bytes += packet.content.len();
        self.by_position.insert(position, packet);
    }

    /// Drops the first one if there are too many. Whether that was so.
    pub(super) fn drop_surplus(&mut self) -> bool {
        if self.by_position.len() <= MAX_PACKETS && self.bytes <= MAX_BYTES {
            return false;
        }
        let dropped = self.by_position.pop_first();
        self.bytes -= dropped.as_ref().map_or(0, |(_, packet)| packet.content.len());
        dropped.is_some()
    }

    /// Drops the packet at this position if it is padding. Whether that was so.
    pub(super) fn drop_padding(&mut self, position: i64) -> bool {
        let is_padding =
            matches!(self.by_position.get(&position), Some(Packet { content: Content::Padding, .. }));
        if is_padding {
            self.by_position.remove(&position);
        }
        is_padding
    }

    /// Those from a position to before another.
    pub(super) fn range(&self, start: i64, end: i64) -> impl Iterator<Item = &Packet> {
        self.by_position.range(start..end).map(|(_, packet)| packet)
    }

    pub(super) fn drop_before(&mut self, position: i64) {
        self.take_before(position);
    }

    /// Removes all before a position.
    pub(super) fn take_before(&mut self, position: i64) -> BTreeMap<i64, Packet> {
        let kept = self.by_position.split_off(&position);
        let taken = std::mem::replace(&mut self.by_position, kept);
        self.bytes -= taken.values().map(|packet| packet.content.len()).sum::<usize>();
        taken
    }

    /// The newest key frame that is whole, found in one pass from the newest packet on: a sender may begin a frame with each
    /// packet and end none.
    pub(super) fn whole_key_frame(&self) -> Option<(i64, i64)> {
        let mut behind: Option<Behind> = None;
        for (&position, packet) in self.by_position.iter().rev() {
            let adjacent = behind.filter(|behind| behind.position == position + 1);
            let end = match adjacent {
                _ if packet.marker => Some(position + 1),
                Some(Behind { timestamp, end, .. }) if timestamp == packet.timestamp => end,
                Some(Behind { may_follow, position, .. }) => may_follow.then_some(position),
                None => None,
            };
            if let (Some(end), Content::Media { starts_frame: true, key: true, .. }) = (end, &packet.content)
            {
                return Some((position, end));
            }
            let may_follow = !matches!(packet.content, Content::Media { starts_frame: false, .. });
            behind = Some(Behind { position, timestamp: packet.timestamp, end, may_follow });
        }
        None
    }

    /// The end of the frame that starts at this position, if all of it is here. It ends with the marker, or, from
    /// senders that lose track of it, where another frame starts.
    pub(super) fn whole_frame(&self, start: i64) -> Option<i64> {
        let first = self.by_position.get(&start)?;
        if !matches!(first.content, Content::Media { starts_frame: true, .. }) {
            return None;
        }
        let mut end = start;
        loop {
            let packet = self.by_position.get(&end)?;
            if packet.timestamp != first.timestamp {
                let next_starts = !matches!(packet.content, Content::Media { starts_frame: false, .. });
                return next_starts.then_some(end);
            }
            end += 1;
            if packet.marker {
                return Some(end);
            }
        }
    }

    /// Whether something came after a packet that is missing at or behind this position.
    pub(super) fn has_hole(&self, next: i64) -> bool {
        self.by_position.range(next..).zip(next..).any(|((&position, _), expected)| position != expected)
            || self
                .by_position
                .get(&next)
                .is_some_and(|packet| !matches!(packet.content, Content::Media { starts_frame: true, .. }))
    }
}

impl Content {
    pub(super) fn parse(payload: &Bytes) -> Option<Self> {
        if payload.is_empty() {
            return Some(Self::Padding);
        }
        let (descriptor, data) = Descriptor::parse(payload).ok()?;
        let starts_frame = descriptor.starts_frame();
        Some(Self::Media { starts_frame, key: starts_frame && is_key_frame(&data), data })
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Padding => 0,
            Self::Media { data, .. } => data.len(),
        }
    }
}

/// A packet, as far as it tells where the frame of the one before it ends.
#[derive(Debug, Clone, Copy)]
struct Behind {
    position: i64,
    timestamp: i64,
    /// Of the frame that it is in, if all of that from here on has come.
    end: Option<i64>,
    /// It can come right after a frame that has lost its marker.
    may_follow: bool,
}
