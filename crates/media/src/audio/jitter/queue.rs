use std::collections::BTreeMap;

use bytes::Bytes;

use super::timeline::Position;
use crate::audio::opus::PacketInfo;

/// Packets that may wait: 2.5 s of 20 ms each.
const MAX_PACKETS: usize = 128;

/// A packet that waits to be decoded.
#[derive(Debug, Clone)]
pub(super) struct QueuedPacket {
    pub(super) position: Position,
    pub(super) info: PacketInfo,
    pub(super) payload: Bytes,
}

impl QueuedPacket {
    pub(super) fn end(&self) -> i64 {
        self.position.timestamp + self.info.samples as i64
    }
}

/// Packets in the order of their timestamps, without duplicates.
#[derive(Debug, Default)]
pub(super) struct PacketQueue {
    packets: BTreeMap<i64, QueuedPacket>,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inserted {
    Waiting,
    Duplicate,
    /// It waits, and the oldest one was dropped for it.
    Full,
}

impl PacketQueue {
    pub(super) fn insert(&mut self, packet: QueuedPacket) -> Inserted {
        let timestamp = packet.position.timestamp;
        if self.packets.contains_key(&timestamp) {
            return Inserted::Duplicate;
        }
        self.packets.insert(timestamp, packet);
        if self.packets.len() > MAX_PACKETS {
            self.packets.pop_first();
            return Inserted::Full;
        }
        Inserted::Waiting
    }

    pub(super) fn first(&self) -> Option<&QueuedPacket> {
        self.packets.first_key_value().map(|(_, packet)| packet)
    }

    pub(super) fn second_timestamp(&self) -> Option<i64> {
        self.packets.keys().nth(1).copied()
    }

    /// The end of the last packet's sound.
    pub(super) fn end(&self) -> Option<i64> {
        self.packets.last_key_value().map(|(_, packet)| packet.end())
    }

    pub(super) fn pop(&mut self) -> Option<QueuedPacket> {
        self.packets.pop_first().map(|(_, packet)| packet)
    }

    pub(super) fn clear(&mut self) {
        self.packets.clear();
    }
}
