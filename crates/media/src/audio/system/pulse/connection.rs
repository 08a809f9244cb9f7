use std::ffi::CString;
use std::io::{self, Cursor, Read as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use pulseaudio::protocol::{
    AuthParams, AuthReply, Command, CommandReply, DESCRIPTOR_SIZE, MAX_VERSION, Prop, Props,
    SetClientNameReply, TagStructReader, read_descriptor, write_command_message,
};
use tracing::debug;

/// How long the server may take to answer at the beginning, and to take a command.
const PATIENCE: Duration = Duration::from_secs(2);
/// No message is longer, in bytes: ours are lists of streams, and some hundredths of a second of sound.
const MAX_MESSAGE: usize = 4 << 20;
/// Of what a server may know its user by (`PA_NATIVE_COOKIE_LENGTH`).
const COOKIE_BYTES: usize = 256;
const READ_BYTES: usize = 64 << 10;
/// What a message that is no sound is sent on.
const COMMANDS: u32 = u32::MAX;

/// A connection to the sound server that waits no longer than it is told to.
pub(super) struct Connection {
    socket: UnixStream,
    version: u16,
    /// What came and was not taken yet.
    buffer: Vec<u8>,
    next_sequence: u32,
}

/// What the server says.
pub(super) enum Message {
    /// The answer to the command of this number, not taken apart yet.
    Reply {
        sequence: u32,
        payload: Vec<u8>,
    },
    Refused {
        sequence: u32,
    },
    Told(Box<Command>),
    /// Sound of a record stream.
    Sound {
        channel: u32,
        data: Vec<u8>,
    },
}

impl Connection {
    /// Connects to the server of the environment.
    pub(super) fn open() -> io::Result<Self> {
        let path = pulseaudio::socket_path_from_env().ok_or(io::ErrorKind::NotFound)?;
        let cookie = pulseaudio::cookie_path_from_env().and_then(|path| std::fs::read(path).ok());
        let socket = UnixStream::connect(path)?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let mut connection = Self { socket, version: MAX_VERSION, buffer: Vec::new(), next_sequence: 0 };
        let auth = AuthParams {
            version: MAX_VERSION,
            supports_shm: false,
            supports_memfd: false,
            // Servers that ask for none want its length all the same.
            cookie: cookie.unwrap_or_else(|| vec![0; COOKIE_BYTES]),
        };
        let reply: AuthReply = connection.ask(&Command::Auth(auth))?;
        connection.version = reply.version.min(MAX_VERSION);
        let mut props = Props::new();
        props.set(Prop::ApplicationName, c"Visavis");
        let process = CString::new(std::process::id().to_string()).map_err(io::Error::other)?;
        props.set(Prop::ApplicationProcessId, process);
        let _: SetClientNameReply = connection.ask(&Command::SetClientName(props))?;
        Ok(connection)
    }

    /// Sends a command; gives its number.
    pub(super) fn send(&mut self, command: &Command) -> io::Result<u32> {
        let sequence = self.next_sequence;
        self.next_sequence = sequence.wrapping_add(1);
        write_command_message(&mut self.socket, sequence, command, self.version).map_err(io::Error::other)?;
        Ok(sequence)
    }

    /// The next message that comes until `deadline`.
    pub(super) fn receive(&mut self, deadline: Instant) -> io::Result<Option<Message>> {
        loop {
            while let Some(bytes) = self.take_message()? {
                if let Some(message) = self.read(bytes) {
                    return Ok(Some(message));
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            // No timeout at all is what zero would mean to the system, and less than a microsecond is zero.
            self.socket.set_read_timeout(Some(left.max(Duration::from_micros(100))))?;
            let before = self.buffer.len();
            self.buffer.resize(before + READ_BYTES, 0);
            let read = self.socket.read(&mut self.buffer[before..]);
            self.buffer.truncate(before + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if is_timeout(&error) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes a reply apart.
    pub(super) fn parse<R: CommandReply>(&self, payload: &[u8]) -> io::Result<R> {
        TagStructReader::new(&mut Cursor::new(payload), self.version).read().map_err(io::Error::other)
    }

    /// Asks before anything else is going on.
    fn ask<R: CommandReply>(&mut self, command: &Command) -> io::Result<R> {
        let asked = self.send(command)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.receive(deadline)? {
                Some(Message::Reply { sequence, payload }) if sequence == asked => {
                    return self.parse(&payload);
                }
                Some(Message::Refused { sequence }) if sequence == asked => {
                    return Err(io::ErrorKind::PermissionDenied.into());
                }
                Some(_) => {}
                None => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
    }

    /// A whole message with its descriptor, if it is there.
    fn take_message(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.buffer.len() < DESCRIPTOR_SIZE {
            return Ok(None);
        }
        let descriptor = read_descriptor(&mut self.buffer.as_slice()).map_err(io::Error::other)?;
        let length = descriptor.length as usize;
        if length > MAX_MESSAGE {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let whole = DESCRIPTOR_SIZE + length;
        if self.buffer.len() < whole {
            return Ok(None);
        }
        let rest = self.buffer.split_off(whole);
        Ok(Some(std::mem::replace(&mut self.buffer, rest)))
    }

    /// `None` for what is not understood: servers say more than this program asks for.
    fn read(&self, message: Vec<u8>) -> Option<Message> {
        let descriptor = read_descriptor(&mut message.as_slice()).ok()?;
        let mut payload = Cursor::new(&message[DESCRIPTOR_SIZE..]);
        if descriptor.channel != COMMANDS {
            let data = message[DESCRIPTOR_SIZE..].to_vec();
            return Some(Message::Sound { channel: descriptor.channel, data });
        }
        match Command::read_tag_prefixed(&mut payload, self.version) {
            Ok((sequence, Command::Reply)) => {
                let read = payload.position() as usize;
                Some(Message::Reply { sequence, payload: message[DESCRIPTOR_SIZE + read..].to_vec() })
            }
            Ok((sequence, Command::Error(error))) => {
                debug!(?error, "the sound server refused");
                Some(Message::Refused { sequence })
            }
            Ok((_, command)) => Some(Message::Told(Box::new(command))),
            Err(error) => {
                debug!(%error, "a message of the sound server was not understood");
                None
            }
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
