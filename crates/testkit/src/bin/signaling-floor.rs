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
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use anyhow::{Context as _, anyhow, ensure};
    use mio::net::TcpStream;
    use mio::unix::SourceFd;
    use mio::{Events, Interest, Poll, Token};
    use std::os::fd::AsRawFd as _;
    use tungstenite::Message;

    const LISTENER: Token = Token(usize::MAX);
    const EVENTS: usize = 1024;
    /// The largest message of `signaling-load`, and more.
    const BUFFER_BYTES: usize = 16 * 1024;

    const WELCOME: &str =
        r#"{"type":"welcome","payload":{"protocol":1,"server":"signaling-floor/1","ice_servers":[]}}"#;
    const QUEUED: &str = r#"{"type":"queued","payload":{"place":1,"waiting":1}}"#;

    struct Client {
        stream: TcpStream,
        name: String,
        other: Option<usize>,
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
                    floor.clients.push(Client { stream, name: String::new(), other: None });
                    continue;
                }
                let Token(number) = event.token();
                let length = floor.clients[number].stream.read(&mut buffer)?;
                if length == 0 {
                    return Ok(());
                }
                floor.hear(number, unmasked(&mut buffer[..length])?)?;
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

    impl Floor {
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

    /// What the one frame of a client says that was read.
    fn unmasked(frame: &mut [u8]) -> anyhow::Result<&str> {
        ensure!(frame.len() > 8, "this is no frame with a text");
        let head = if frame[1] & 0x7f < 126 { 2 } else { 4 };
        let mask = [frame[head], frame[head + 1], frame[head + 2], frame[head + 3]];
        let text = &mut frame[head + 4..];
        text.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        Ok(std::str::from_utf8(text)?)
    }
}
