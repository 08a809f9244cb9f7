use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::time::Instant;

use pulseaudio::protocol::stream::{BufferAttr, StreamFlags};
use pulseaudio::protocol::{
    ChannelMap, Command, CreateRecordStreamReply, Prop, RecordStreamParams, SampleFormat, SampleSpec,
    SinkInputInfo, SinkInputInfoList, SubscriptionEventFacility, SubscriptionMask,
};
use tracing::debug;

use super::choice::{Change, Playing, choose};
use super::connection::{Connection, Message};
use crate::audio::system::Recorder;
use crate::audio::system::gather::Gatherer;
use crate::audio::{BLOCK_SAMPLES, SAMPLE_RATE};

const SAMPLE_BYTES: usize = size_of::<f32>();
/// What the server sends at a time: 10 ms.
const FRAGMENT_BYTES: u32 = (BLOCK_SAMPLES * SAMPLE_BYTES) as u32;
/// What it keeps for us at most: 200 ms.
const MAX_BYTES: u32 = 20 * FRAGMENT_BYTES;
/// Programs that are listened to at a time; a desktop has a handful.
const MAX_STREAMS: usize = 32;
/// By which PipeWire names the parts of what it routes or filters itself.
const LINK_GROUP: &std::ffi::CStr = c"node.link-group";

/// Records every other program's stream.
pub(in crate::audio::system) struct PulseRecorder {
    connection: Connection,
    own_process: u32,
    /// By the index of what is recorded (a sink input).
    streams: BTreeMap<u32, Stream>,
    /// What was asked and not answered yet.
    asked: HashMap<u32, Question>,
    /// Streams came or went since they were last listed.
    is_stale: bool,
}

enum Stream {
    /// Asked for.
    Opening,
    /// Comes on this channel.
    Open(u32),
    /// The server does not let us.
    Refused,
}

enum Question {
    List,
    Record(u32),
}

impl PulseRecorder {
    pub(in crate::audio::system) fn open() -> io::Result<Self> {
        let mut connection = Connection::open()?;
        connection.send(&Command::Subscribe(SubscriptionMask::SINK_INPUT))?;
        Ok(Self {
            connection,
            own_process: std::process::id(),
            streams: BTreeMap::new(),
            asked: HashMap::new(),
            is_stale: true,
        })
    }

    /// Asks for what is played; once at a time.
    fn list(&mut self) -> io::Result<()> {
        if self.is_stale && !self.asked.values().any(|question| matches!(question, Question::List)) {
            self.is_stale = false;
            let sequence = self.connection.send(&Command::GetSinkInputInfoList)?;
            self.asked.insert(sequence, Question::List);
        }
        Ok(())
    }

    fn on_message(&mut self, message: Message, gatherer: &mut Gatherer) -> io::Result<()> {
        match message {
            Message::Sound { channel, data } => gatherer.push(channel, samples(&data)),
            Message::Reply { sequence, payload } => match self.asked.remove(&sequence) {
                Some(Question::List) => {
                    let playing: SinkInputInfoList = self.connection.parse(&payload)?;
                    self.on_playing(&playing, gatherer)?;
                }
                Some(Question::Record(index)) => {
                    let reply: CreateRecordStreamReply = self.connection.parse(&payload)?;
                    self.on_recording(index, reply.channel, gatherer)?;
                }
                None => {}
            },
            Message::Refused { sequence } => {
                if let Some(Question::Record(index)) = self.asked.remove(&sequence)
                    && let Some(stream) = self.streams.get_mut(&index)
                {
                    *stream = Stream::Refused;
                }
            }
            Message::Told(command) => self.on_told(&command, gatherer),
        }
        self.list()
    }

    fn on_told(&mut self, command: &Command, gatherer: &mut Gatherer) {
        if let Command::SubscribeEvent(event) = command {
            self.is_stale |= event.event_facility == SubscriptionEventFacility::SinkInput;
        } else if let Command::RecordStreamKilled(channel) = command {
            // It was moved to another speaker, or is gone.
            gatherer.remove(*channel);
            self.streams.retain(|_, stream| !matches!(stream, Stream::Open(open) if open == channel));
            self.is_stale = true;
        }
    }

    fn on_playing(&mut self, playing: &[SinkInputInfo], gatherer: &mut Gatherer) -> io::Result<()> {
        let playing: Vec<Playing> = playing.iter().map(describe).collect();
        let recorded: BTreeSet<u32> = self.streams.keys().copied().collect();
        let Change { begin, end } = choose(&playing, self.own_process, &recorded);
        for index in end {
            if let Some(Stream::Open(channel)) = self.streams.remove(&index) {
                self.end(channel, gatherer)?;
            }
        }
        for index in begin.into_iter().take(MAX_STREAMS.saturating_sub(self.streams.len())) {
            debug!(index, "another program plays");
            self.streams.insert(index, Stream::Opening);
            let sequence = self.connection.send(&Command::CreateRecordStream(recording_of(index)))?;
            self.asked.insert(sequence, Question::Record(index));
        }
        Ok(())
    }

    fn on_recording(&mut self, index: u32, channel: u32, gatherer: &mut Gatherer) -> io::Result<()> {
        match self.streams.get_mut(&index) {
            Some(stream) => {
                *stream = Stream::Open(channel);
                gatherer.add(channel);
                Ok(())
            }
            // It ended meanwhile.
            None => self.end(channel, gatherer),
        }
    }

    fn end(&mut self, channel: u32, gatherer: &mut Gatherer) -> io::Result<()> {
        gatherer.remove(channel);
        self.connection.send(&Command::DeleteRecordStream(channel)).map(|_| ())
    }
}

impl Recorder for PulseRecorder {
    fn record_until(&mut self, deadline: Instant, gatherer: &mut Gatherer) -> io::Result<()> {
        self.list()?;
        while let Some(message) = self.connection.receive(deadline)? {
            self.on_message(message, gatherer)?;
        }
        Ok(())
    }
}

fn describe(stream: &SinkInputInfo) -> Playing {
    let process = stream.props.get(Prop::ApplicationProcessId).and_then(|value| {
        // With the zero that ends a string.
        std::str::from_utf8(value.strip_suffix(&[0]).unwrap_or(value)).ok()?.parse().ok()
    });
    let by_program = stream.client_index.is_some() && stream.props.get_bytes(LINK_GROUP).is_none();
    Playing { index: stream.index, by_program, process }
}

/// A stream with what only this sink input plays.
fn recording_of(index: u32) -> RecordStreamParams {
    let mut props = pulseaudio::protocol::Props::new();
    props.set(Prop::MediaName, c"Shared sound");
    RecordStreamParams {
        sample_spec: SampleSpec { format: SampleFormat::Float32Le, channels: 1, sample_rate: SAMPLE_RATE },
        channel_map: ChannelMap::mono(),
        // No source: it is that of the speaker which the stream goes to.
        direct_on_input_index: Some(index),
        buffer_attr: BufferAttr {
            max_length: MAX_BYTES,
            fragment_size: FRAGMENT_BYTES,
            ..BufferAttr::default()
        },
        flags: StreamFlags {
            // Without, a speaker that is filled seconds ahead gives its sound in pieces as long.
            adjust_latency: true,
            // When the stream ends it must not become a recording of the microphone.
            no_move: true,
            ..StreamFlags::default()
        },
        props,
        ..RecordStreamParams::default()
    }
}

fn samples(data: &[u8]) -> impl Iterator<Item = f32> + '_ {
    let (samples, _) = data.as_chunks::<SAMPLE_BYTES>();
    samples.iter().map(|bytes| f32::from_le_bytes(*bytes))
}
