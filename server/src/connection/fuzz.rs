//! For fuzzing: what comes over a WebSocket, in whatever pieces.

#![expect(clippy::expect_used, reason = "whatever is not as it is expected is what fuzzing looks for")]

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Message, WebSocket};
use visavis_protocol::MAX_MESSAGE_BYTES;

use super::socket::Socket;

/// For fuzzing: reads bytes as what a client sends, in pieces as long as `piece`, to the end. What is read, what is answered and how it
/// ends is what the library makes of the same bytes by itself.
#[doc(hidden)]
pub fn fuzz_socket(piece: u16, bytes: &[u8]) {
    let pieces = Pieces { input: bytes, piece: usize::from(piece).max(1), output: Vec::new() };
    let mut socket = Socket::new(pieces, Vec::new());
    let mut heard = Heard::default();
    while let Some(message) = socket.next().now_or_never().expect("all that is to come is there") {
        match message {
            Ok(message) => heard.messages.push(message),
            Err(error) => heard.error = Some(error.to_string()),
        }
    }
    heard.answered = socket.into_inner().output;
    assert_eq!(heard, Heard::by_library(bytes));
}

/// What came of a client's bytes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    messages: Vec<Message>,
    /// What was wrong at last; nothing after a closing handshake.
    error: Option<String>,
    answered: Vec<u8>,
}

impl Heard {
    fn by_library(bytes: &[u8]) -> Self {
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE_BYTES))
            .max_frame_size(Some(MAX_MESSAGE_BYTES));
        let pieces = Pieces { input: bytes, piece: usize::MAX, output: Vec::new() };
        let mut socket = WebSocket::from_raw_socket(pieces, Role::Server, Some(config));
        let mut heard = Self::default();
        loop {
            match socket.read() {
                Ok(message) => heard.messages.push(message),
                Err(tungstenite::Error::ConnectionClosed) => break,
                Err(error) => {
                    heard.error = Some(error.to_string());
                    break;
                }
            }
        }
        heard.answered = socket.into_inner().output;
        heard
    }
}

/// A stream of what is there already, which takes everything.
struct Pieces<'a> {
    input: &'a [u8],
    piece: usize,
    output: Vec<u8>,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(self.piece);
        self.input.read(&mut buffer[..length])
    }
}

impl Write for Pieces<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.output.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let length = buffer.remaining().min(self.piece).min(self.input.len());
        let (now, later) = self.input.split_at(length);
        buffer.put_slice(now);
        self.input = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces<'_> {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.output.write(data))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng as _, RngExt as _, SeedableRng as _};

    use super::*;

    const CONTINUATION: u8 = 0;
    const TEXT: u8 = 1;
    const BINARY: u8 = 2;
    const CLOSE: u8 = 8;
    const PING: u8 = 9;
    const PONG: u8 = 10;
    const FINAL: u8 = 0x80;
    const MASKED: u8 = 0x80;

    /// A client's frame with the mask zero (RFC 6455 section 5.2).
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
            (Ok(length @ ..126), _) => frame.push(MASKED | length),
            (_, Ok(length)) => {
                frame.push(MASKED | 126);
                frame.extend(length.to_be_bytes());
            }
            (_, Err(_)) => {
                frame.push(MASKED | 127);
                frame.extend(u64::try_from(payload.len()).expect("it is no longer").to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        frame
    }

    fn in_all_pieces(bytes: &[u8]) {
        for piece in [1, 2, 3, 7, 20, 1000, u16::MAX] {
            fuzz_socket(piece, bytes);
        }
    }

    #[test]
    fn messages_of_all_sizes_and_all_that_may_come_between_are_read() {
        let text = |length: usize| frame(FINAL | TEXT, "x".repeat(length).as_bytes());
        in_all_pieces(
            &[text(0), text(1), text(125), text(126), text(9000), text(MAX_MESSAGE_BYTES)].concat(),
        );
        let fragments =
            [frame(TEXT, b"a"), frame(FINAL | PING, b"p"), frame(CONTINUATION, b"b"), frame(FINAL, b"c")];
        let rest = [frame(FINAL | BINARY, b"d"), frame(FINAL | PONG, b""), frame(FINAL | CLOSE, b"")];
        in_all_pieces(&[fragments.concat(), rest.concat(), text(3)].concat());
    }

    #[test]
    fn what_is_wrong_is_told_as_the_library_tells_it() {
        let text = frame(FINAL | TEXT, b"hello");
        for wrong in [
            frame(FINAL | TEXT, &"x".repeat(MAX_MESSAGE_BYTES + 1).into_bytes()),
            frame(FINAL | TEXT, b"\xff"),
            frame(FINAL, b"of nothing"),
            [frame(TEXT, b"a"), frame(FINAL | TEXT, b"b")].concat(),
            [frame(TEXT, &[b'a'; MAX_MESSAGE_BYTES]), frame(FINAL, b"b")].concat(),
            frame(PING, b"in fragments"),
            frame(FINAL | PING, &[0; 126]),
            frame(FINAL | CLOSE, &[3]),
            frame(FINAL | 3, b"reserved"),
            frame(FINAL | 0x40 | TEXT, b"extended"),
            vec![FINAL | TEXT, 1, b'a'],
            vec![FINAL | TEXT],
            vec![FINAL | TEXT, MASKED | 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
        ] {
            in_all_pieces(&[&text[..], &wrong, &text].concat());
        }
    }

    #[test]
    fn whatever_comes_is_read_as_the_library_reads_it() {
        let mut random = StdRng::seed_from_u64(4);
        for _ in 0..2000 {
            let mut bytes = Vec::new();
            for _ in 0..random.random_range(1..8) {
                let opcode = [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG, 5][random.random_range(0..7)];
                let is_final = if random.random_ratio(3, 4) { FINAL } else { 0 };
                let length = [0, 2, 30, 125, 126, 300, 9000][random.random_range(0..7)];
                let mut payload = vec![b'.'; length];
                if random.random_ratio(1, 8) {
                    random.fill_bytes(&mut payload);
                }
                bytes.extend(frame(is_final | opcode, &payload));
            }
            if random.random_ratio(1, 4) {
                bytes.truncate(random.random_range(0..bytes.len()));
            }
            fuzz_socket(random.random_range(1..2000), &bytes);
        }
    }
}
