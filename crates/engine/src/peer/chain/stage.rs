//! A stage of the chain that lets everything pass, and looks at it, changes it or adds to it on the way.

use std::collections::VecDeque;
use std::time::Instant;

use rtc::interceptor::{AttributedPacket, Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp;
use rtc::sansio::Protocol;
use rtc::shared::TransportContext;
use rtc::shared::error::Error;

/// What a stage does. Streams are those of a negotiation; each is bound before its first packet.
pub(super) trait Stage: Send + Sync {
    /// Something comes in.
    fn on_read(&mut self, _tagged: &mut TaggedPacket) {}

    /// Something goes out.
    fn on_write(&mut self, _tagged: &mut TaggedPacket) {}

    fn on_timeout(&mut self, _now: Instant) {}

    fn poll_timeout(&mut self) -> Option<Instant> {
        None
    }

    /// What the stage itself sends.
    fn poll_own(&mut self) -> Option<TaggedPacket> {
        None
    }

    fn bind_local(&mut self, _info: &StreamInfo) {}
    fn unbind_local(&mut self, _info: &StreamInfo) {}
    fn bind_remote(&mut self, _info: &StreamInfo) {}
    fn unbind_remote(&mut self, _info: &StreamInfo) {}
}

/// A stage in its place in the chain.
pub(super) struct Staged<S> {
    stage: S,
    read_queue: VecDeque<TaggedPacket>,
    write_queue: VecDeque<TaggedPacket>,
}

impl<S> Staged<S> {
    pub(super) fn new(stage: S) -> Self {
        Self { stage, read_queue: VecDeque::new(), write_queue: VecDeque::new() }
    }
}

/// RTCP of our own.
pub(super) fn own_rtcp(now: Instant, packets: Vec<Box<dyn rtcp::Packet>>) -> TaggedPacket {
    TaggedPacket {
        now,
        transport: TransportContext::default(),
        message: AttributedPacket::new(Packet::Rtcp(packets)),
    }
}

impl<S: Stage> Protocol<TaggedPacket, TaggedPacket, ()> for Staged<S> {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, mut tagged: TaggedPacket) -> Result<(), Error> {
        self.stage.on_read(&mut tagged);
        self.read_queue.push_back(tagged);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.read_queue.pop_front()
    }

    fn handle_write(&mut self, mut tagged: TaggedPacket) -> Result<(), Error> {
        self.stage.on_write(&mut tagged);
        self.write_queue.push_back(tagged);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.write_queue.pop_front().or_else(|| self.stage.poll_own())
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        self.stage.on_timeout(now);
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.stage.poll_timeout()
    }
}

impl<S: Stage> Interceptor for Staged<S> {
    fn bind_local_stream(&mut self, info: &StreamInfo) {
        self.stage.bind_local(info);
    }

    fn unbind_local_stream(&mut self, info: &StreamInfo) {
        self.stage.unbind_local(info);
    }

    fn bind_remote_stream(&mut self, info: &StreamInfo) {
        self.stage.bind_remote(info);
    }

    fn unbind_remote_stream(&mut self, info: &StreamInfo) {
        self.stage.unbind_remote(info);
    }
}
