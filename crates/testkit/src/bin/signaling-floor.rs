//! `signaling-floor`: what sockets alone cost whoever serves `signaling-load`. Says where it listens, and ends with its first client.
//!
//! It waits, reads, and writes what a signaling server would write, with nothing else between: no message is parsed, no client
//! checked, no time kept. So no server on the same sockets takes less. One process, one thread; it believes everything.

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<()> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> anyhow::Result<()> {
    anyhow::bail!("what it is compared with is measured on Linux alone")
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io::{ErrorKind, Read as _, Write as _};
    use std::net::TcpListener;
    use std::os::fd::AsRawFd as _;

    use anyhow::{Context as _, anyhow, ensure};
    use mio::net::TcpStream;
    use mio::unix::SourceFd;
    use mio::{Events, Interest, Poll, Token};
    use tungstenite::Message;

    const LISTENER: Token = Token(usize::MAX);
    const EVENTS: usize = 1024;
    /// The largest message of `signaling-load`, and more: what is read at once is nearly always one message.
    const BUFFER_BYTES: usize = 16 * 1024;
    const OPCODE_CLOSE: u8 = 8;

    const WELCOME: &str =
        r#"{"type":"welcome","payload":{"protocol":1,"server":"signaling-floor/1","ice_servers":[]}}"#;
    const QUEUED: &str = r#"{"type":"queued","payload":{"place":1,"waiting":1}}"#;

    struct Client {
        stream: TcpStream,
        name: String,
        other: Option<usize>,
        /// The beginning of a frame, whose end has not come yet.
        begun: Vec<u8>,
    }

    #[derive(Default)]
    struct Floor {
        clients: Vec<Client>,
        waiting: Option<usize>,
    }

    pub(super) fn main() -> anyhow::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;
        let mut poll = Poll::new()?;
        poll.registry().register(&mut SourceFd(&listener.as_raw_fd()), LISTENER, Interest::READABLE)?;
        let mut events = Events::with_capacity(EVENTS);
        let mut floor = Floor::default();
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            poll.poll(&mut events, None)?;
            for event in &events {
                if event.token() == LISTENER {
                    // Clients come one after the other: no event is for two of them.
                    let mut stream = welcomed(&listener)?;
                    let token = Token(floor.clients.len());
                    poll.registry().register(&mut stream, token, Interest::READABLE)?;
                    floor.clients.push(Client {
                        stream,
                        name: String::new(),
                        other: None,
                        begun: Vec::new(),
                    });
                    continue;
                }
                let Token(number) = event.token();
                if floor.read(number, &mut buffer)? == Heard::Goodbye {
                    return Ok(());
                }
            }
        }
    }

    fn welcomed(listener: &TcpListener) -> anyhow::Result<TcpStream> {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        let mut socket = tungstenite::accept(stream).map_err(|error| anyhow!("{error}"))?;
        socket.read()?;
        socket.send(Message::text(WELCOME))?;
        let stream = socket.into_inner();
        stream.set_nonblocking(true)?;
        Ok(TcpStream::from_std(stream))
    }

    #[derive(PartialEq, Eq)]
    enum Heard {
        Messages,
        Goodbye,
    }

    impl Floor {
        /// Reads all that there is. A read that does not fill the buffer has emptied the socket.
        fn read(&mut self, from: usize, buffer: &mut [u8]) -> anyhow::Result<Heard> {
            loop {
                let length = match self.clients[from].stream.read(buffer) {
                    Ok(0) => return Ok(Heard::Goodbye),
                    Ok(length) => length,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Heard::Messages),
                    Err(error) => return Err(error.into()),
                };
                let is_empty = length < buffer.len();
                let mut begun = std::mem::take(&mut self.clients[from].begun);
                let mut bytes = if begun.is_empty() {
                    &mut buffer[..length]
                } else {
                    begun.extend(&buffer[..length]);
                    begun.as_mut_slice()
                };
                while let Some(end) = frame_length(bytes) {
                    let (frame, rest) = bytes.split_at_mut(end);
                    if frame[0] & 0x0f == OPCODE_CLOSE {
                        return Ok(Heard::Goodbye);
                    }
                    self.hear(from, unmasked(frame)?)?;
                    bytes = rest;
                }
                self.clients[from].begun = bytes.to_vec();
                if is_empty {
                    return Ok(Heard::Messages);
                }
            }
        }

        fn hear(&mut self, from: usize, text: &str) -> anyhow::Result<()> {
            if text.starts_with(r#"{"type":"seek""#) {
                between(text, r#""name":""#, '"')?.clone_into(&mut self.clients[from].name);
                let Some(first) = self.waiting.take() else {
                    self.waiting = Some(from);
                    return self.say(from, &framed(QUEUED));
                };
                self.clients[from].other = Some(first);
                self.clients[first].other = Some(from);
                let (of_first, of_second) = (self.seen(first, "offerer"), self.seen(from, "answerer"));
                let mut told = framed(&joined(first, ""));
                let news =
                    format!(r#"{{"type":"participant_joined","payload":{{"participant":{of_second}}}}}"#);
                told.extend(framed(&news));
                self.say(first, &told)?;
                return self.say(from, &framed(&joined(from, &of_first)));
            }
            let leaves = text.starts_with(r#"{"type":"leave""#);
            if leaves && self.waiting == Some(from) {
                self.waiting = None;
                return Ok(());
            }
            let other = if leaves { self.clients[from].other.take() } else { self.clients[from].other };
            let Some(other) = other.filter(|other| self.clients[*other].other == Some(from)) else {
                return Ok(());
            };
            if leaves {
                let news = format!(
                    r#"{{"type":"participant_left","payload":{{"participant":"participant-{from:08}","reason":"left"}}}}"#
                );
                return self.say(other, &framed(&news));
            }
            let (before, after) = text.split_once(r#""to":""#).context("it is said to nobody")?;
            let (_, after) = after.split_once('"').context("it is no JSON")?;
            self.say(other, &framed(&format!(r#"{before}"from":"participant-{from:08}"{after}"#)))
        }

        fn seen(&self, number: usize, role: &str) -> String {
            let name = &self.clients[number].name;
            format!(
                r#"{{"id":"participant-{number:08}","name":"{name}","media":{{"microphone":true,"camera":true}},"role":"{role}"}}"#
            )
        }

        fn say(&mut self, to: usize, frames: &[u8]) -> anyhow::Result<()> {
            self.clients[to].stream.write_all(frames).context("a client does not read")
        }
    }

    fn joined(number: usize, others: &str) -> String {
        format!(
            r#"{{"type":"joined","payload":{{"room":"strangers.with-a-name-as-long-as-ours-is","you":"participant-{number:08}","participants":[{others}],"door":"locked"}}}}"#
        )
    }

    fn between<'a>(text: &'a str, before: &str, after: char) -> anyhow::Result<&'a str> {
        let (_, rest) = text.split_once(before).context("a field is missing")?;
        rest.split_once(after).map(|(found, _)| found).context("it is no JSON")
    }

    /// A text frame of a server (RFC 6455 section 5.2).
    fn framed(text: &str) -> Vec<u8> {
        let mut frame = vec![0x81];
        match (u8::try_from(text.len()), u16::try_from(text.len())) {
            (Ok(length @ ..126), _) => frame.push(length),
            (_, Ok(length)) => {
                frame.push(126);
                frame.extend(length.to_be_bytes());
            }
            (_, Err(_)) => unreachable!("nothing of that size comes in"),
        }
        frame.extend(text.as_bytes());
        frame
    }

    /// How long the first frame is, if it is there as a whole (RFC 6455 section 5.2).
    fn frame_length(bytes: &[u8]) -> Option<usize> {
        const MASK_BYTES: usize = 4;
        let payload = usize::from(bytes.get(1)? & 0x7f);
        let (head, payload) = match payload {
            ..126 => (2, payload),
            _ => (4, usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]))),
        };
        let length = head + MASK_BYTES + payload;
        (bytes.len() >= length).then_some(length)
    }

    /// What a client's frame says.
    fn unmasked(frame: &mut [u8]) -> anyhow::Result<&str> {
        let head = if frame[1] & 0x7f < 126 { 2 } else { 4 };
        ensure!(frame[1] & 0x7f < 127, "nothing is that long");
        let mask = [frame[head], frame[head + 1], frame[head + 2], frame[head + 3]];
        let text = &mut frame[head + 4..];
        text.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        Ok(std::str::from_utf8(text)?)
    }
}
