//! A client's WebSocket, RFC 6455.
//!
//! What a WebSocket is, tungstenite knows: it reads, checks and writes its frames. But it keeps buffers for each of them, and at
//! any time nearly all of them are between two messages: what has to be fetched from far away in memory for a message costs more
//! than what is done with it. So what was read is parted into frames here, and the library's state lives only as long as a
//! message of several frames, or the closing. In between, a WebSocket is its stream.

use std::future::poll_fn;
use std::io::{self, Cursor, ErrorKind, Read, Write};
use std::mem::{self, MaybeUninit};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{Frame, FrameHeader};
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message};
use visavis_protocol::MAX_MESSAGE_BYTES;

use crate::front::Carrier;

/// What is read at once, before others get their turn: it can be hundreds of frames.
const READ_BYTES: usize = 1024;
/// The same of a message that is known to be large: most that open a call.
const READ_BYTES_OF_LARGE: usize = 8 * 1024;

/// A WebSocket after its handshake.
#[derive(Debug)]
pub(super) struct Socket<S = Carrier> {
    stream: S,
    /// There within a message of several frames, and from the first close frame on.
    state: Option<Box<WebSocketContext>>,
    /// What came of a frame that is not whole yet, or behind one.
    unread: Vec<u8>,
    /// What the client has not taken yet.
    unsent: Vec<u8>,
    /// The stream may still hold something back.
    is_unflushed: bool,
    has_ended: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// The WebSocket over a stream, of which the handshake has read so much too much.
    pub(super) fn new(stream: S, read: Vec<u8>) -> Self {
        Self { stream, state: None, unread: read, unsent: Vec::new(), is_unflushed: false, has_ended: false }
    }

    /// The next message, once it is whole; none after the closing handshake. Pings and close frames are answered, as
    /// RFC 6455 sections 5.5.1 and 5.5.2 ask, as long as somebody waits for the next message.
    pub(super) async fn next(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// Puts a message behind the others; it goes out with [`flush`](Self::flush).
    pub(super) fn write(&mut self, message: Message) -> Result<(), Error> {
        if self.state.is_none()
            && let Message::Text(text) = message
        {
            self.is_unflushed = true;
            let frame = Frame::message(text, OpCode::Data(Data::Text), true);
            self.unsent.reserve(frame.len());
            return frame.format(&mut self.unsent);
        }
        self.drive(Input::default(), self.state.is_some(), |state, wire| state.write(wire, message))
    }

    /// The stream, without what was read of it or is to be written to it.
    pub(super) fn into_inner(self) -> S {
        self.stream
    }

    /// How many bytes the client has not taken yet.
    pub(super) fn unsent(&self) -> usize {
        self.unsent.len()
    }

    /// Waits until the stream has taken all.
    pub(super) async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|context| self.poll_flush(context)).await
    }

    pub(super) async fn send(&mut self, message: Message) -> Result<(), Error> {
        self.write(message)?;
        self.flush().await
    }

    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        loop {
            if let Err(error) = ready!(self.poll_flush(context)) {
                self.has_ended = true;
                return Poll::Ready(Some(Err(error)));
            }
            if self.has_ended {
                return Poll::Ready(None);
            }
            let taken = match self.take() {
                Ok(None) => ready!(self.poll_read(context)),
                taken => taken,
            };
            match taken {
                Ok(None) => {}
                Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                Err(error) => {
                    self.has_ended = true;
                    if !matches!(error, Error::ConnectionClosed | Error::AlreadyClosed) {
                        return Poll::Ready(Some(Err(error)));
                    }
                }
            }
        }
    }

    /// Reads what there is; only the end of it is news by itself.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        let mut space = [MaybeUninit::uninit(); READ_BYTES_OF_LARGE];
        let missing = first_frame(&self.unread)?.map_or(0, |(_, length)| length - self.unread.len());
        let mut buffer = ReadBuf::uninit(&mut space[..missing.clamp(READ_BYTES, READ_BYTES_OF_LARGE)]);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
        if buffer.filled().is_empty() {
            let over = Input { is_over: true, ..Input::default() };
            return Poll::Ready(self.drive(over, true, |state, wire| state.read(wire)).map(Some));
        }
        self.unread.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(None))
    }

    /// The next message of what was read.
    fn take(&mut self) -> Result<Option<Message>, Error> {
        if self.state.as_ref().is_some_and(|state| !state.can_read()) {
            return self.drive(Input::default(), true, |state, wire| state.read(wire)).map(Some);
        }
        let mut bytes = mem::take(&mut self.unread);
        let mut taken = 0;
        let message = loop {
            let Some((header, length)) = first_frame(&bytes[taken..])? else { break None };
            if length > bytes.len() - taken {
                break None;
            }
            let frame = if length == bytes.len() {
                mem::take(&mut bytes)
            } else {
                let frame = bytes[taken..taken + length].to_vec();
                taken += length;
                frame
            };
            let goes_on = match header.opcode {
                OpCode::Data(_) => !header.is_final,
                // It may stand between the frames of a message (RFC 6455 section 5.4).
                OpCode::Control(_) => self.state.is_some(),
            };
            let read = self.drive(Input { bytes: frame, is_over: false }, goes_on, |state, wire| {
                let message = state.read(wire)?;
                if message.is_ping() {
                    state.flush(wire)?;
                }
                Ok(message)
            });
            match read {
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {}
                read => break Some(read?),
            }
        };
        // Nothing is kept of what was read to its end, its memory included.
        if taken < bytes.len() {
            bytes.drain(..taken);
            self.unread = bytes;
        }
        Ok(message)
    }

    /// Has the library do something with a frame. Its state stays if the message `goes_on`, or from the closing on.
    fn drive<T>(
        &mut self,
        input: Input,
        goes_on: bool,
        act: impl FnOnce(&mut WebSocketContext, &mut Wire<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Input { bytes, is_over } = input;
        let mut wire = Wire { input: &[], is_over, output: &mut self.unsent };
        let result;
        if let Some(mut state) = self.state.take() {
            wire.input = &bytes;
            result = act(&mut state, &mut wire);
            self.state = Some(state).filter(|state| goes_on || !state.can_write());
        } else {
            let mut state = WebSocketContext::from_partially_read(bytes, Role::Server, Some(config()));
            result = act(&mut state, &mut wire);
            self.state = (goes_on || !state.can_write()).then(|| Box::new(state));
        }
        self.is_unflushed |= !self.unsent.is_empty();
        result
    }

    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if !self.is_unflushed {
            return Poll::Ready(Ok(()));
        }
        let mut stream = Pin::new(&mut self.stream);
        while !self.unsent.is_empty() {
            let written = ready!(stream.as_mut().poll_write(context, &self.unsent))?;
            if written == 0 {
                return Poll::Ready(Err(io::Error::from(ErrorKind::WriteZero).into()));
            }
            if written == self.unsent.len() {
                // With its memory, which is at hand for the next who says something.
                self.unsent = Vec::new();
            } else {
                self.unsent.drain(..written);
            }
        }
        ready!(stream.poll_flush(context))?;
        self.is_unflushed = false;
        Poll::Ready(Ok(()))
    }
}

/// What the library is given to read: a frame, or the end of the stream.
#[derive(Default)]
struct Input {
    bytes: Vec<u8>,
    is_over: bool,
}

/// The stream as the library sees it: it has what was read, and takes all that is written.
struct Wire<'a> {
    input: &'a [u8],
    is_over: bool,
    output: &'a mut Vec<u8>,
}

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() && !self.is_over {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.input.read(buffer)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.output.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The library buffers nothing: it is given whole frames, and the wire takes all.
fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(0)
        .write_buffer_size(0)
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES))
}

/// The header of the first frame, and how many bytes the frame has. Of one that is too long, its header alone is enough for the
/// library to say so.
fn first_frame(bytes: &[u8]) -> Result<Option<(FrameHeader, usize)>, Error> {
    let mut cursor = Cursor::new(bytes);
    let Some((header, payload)) = FrameHeader::parse(&mut cursor)? else { return Ok(None) };
    let head = usize::try_from(cursor.position()).unwrap_or(bytes.len());
    let payload = usize::try_from(payload).ok().filter(|payload| *payload <= MAX_MESSAGE_BYTES).unwrap_or(0);
    Ok(Some((header, head + payload)))
}
