//! Clients that come over a stream that somebody else has, such as one of TLS.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tracing::debug;

use super::StreamId;
use super::bell::Bell;
use super::relay::StreamEvent;
use crate::front::StunConnection;
use visavis_turn_framing::{Deframer, Garbage};

/// Packets that wait for a client to take them; what comes beyond is lost, as on any path.
const OUTBOUND: usize = 256;

/// From the opening of a connection to its first frame.
pub(super) const FIRST_FRAME: Duration = Duration::from_secs(10);
/// Clients refresh permissions every five minutes (RFC 8656 section 9): one that is silent for longer has gone.
pub(super) const SILENCE: Duration = Duration::from_secs(660);
/// For a client to take what is sent.
const TAKING: Duration = Duration::from_secs(10);

const READ_BYTES: usize = 4096;

/// Where streams are handed over to the relay, by whoever has them.
#[derive(Debug, Clone)]
pub(crate) struct TurnStreams {
    events: mpsc::Sender<StreamEvent>,
    bell: Arc<Bell>,
    last: Arc<AtomicU64>,
}

/// The relay has ended.
struct Gone;

impl TurnStreams {
    pub(super) fn new(events: mpsc::Sender<StreamEvent>, bell: Arc<Bell>) -> Self {
        Self { events, bell, last: Arc::default() }
    }

    /// Serves clients that speak STUN over connections of the front's, as long as there may be more.
    pub(crate) async fn serve(self, mut connections: mpsc::Receiver<StunConnection>) {
        let mut served = JoinSet::new();
        loop {
            tokio::select! {
                Some(StunConnection { stream, peer }) = connections.recv() => {
                    let streams = self.clone();
                    served.spawn(async move { streams.serve_stream(stream, peer).await });
                }
                Some(_) = served.join_next() => {}
                else => return,
            }
        }
    }

    /// Serves a client over any stream of bytes, until either side ends it. `peer` is where it comes from.
    async fn serve_stream<IO>(&self, io: IO, peer: SocketAddr)
    where
        IO: AsyncRead + AsyncWrite + Send,
    {
        let stream = StreamId(self.last.fetch_add(1, Ordering::Relaxed));
        let (outbound, packets) = mpsc::channel(OUTBOUND);
        if self.tell(StreamEvent::Opened { stream, peer, outbound }).await.is_err() {
            return;
        }
        let (reader, writer) = tokio::io::split(io);
        let ending = tokio::select! {
            ending = self.read(stream, reader) => ending,
            ending = write(writer, packets) => ending,
        };
        debug!(stream = stream.0, error = ending.err().map(tracing::field::display), "a stream ends");
        self.tell(StreamEvent::Closed { stream }).await.ok();
    }

    async fn read<IO: AsyncRead>(&self, stream: StreamId, mut reader: ReadHalf<IO>) -> io::Result<()> {
        let mut deframer = Deframer::default();
        let mut bytes = [0; READ_BYTES];
        let mut heard_at = None;
        // Looked at when it is over, and not set anew for each frame.
        let mut silence = pin!(sleep(FIRST_FRAME));
        loop {
            let read = tokio::select! {
                read = reader.read(&mut bytes) => read?,
                () = &mut silence => {
                    let until = heard_at.map(|at: Instant| at + SILENCE).filter(|until| Instant::now() < *until);
                    silence.as_mut().reset(until.ok_or(io::ErrorKind::TimedOut)?);
                    continue;
                }
            };
            if read == 0 {
                return Ok(());
            }
            deframer.push(bytes.get(..read).unwrap_or_default());
            while let Some(frame) = deframer.next().map_err(|Garbage| io::ErrorKind::InvalidData)? {
                heard_at = Some(Instant::now());
                if self.tell(StreamEvent::Frame { stream, frame }).await.is_err() {
                    return Ok(());
                }
            }
        }
    }

    async fn tell(&self, event: StreamEvent) -> Result<(), Gone> {
        self.events.send(event).await.map_err(|_| Gone)?;
        self.bell.ring().map_err(|_| Gone)
    }
}

async fn write<IO: AsyncWrite>(
    mut writer: WriteHalf<IO>,
    mut packets: mpsc::Receiver<Vec<u8>>,
) -> io::Result<()> {
    let mut waiting = Vec::with_capacity(OUTBOUND);
    while packets.recv_many(&mut waiting, OUTBOUND).await > 0 {
        let bytes = match &mut waiting[..] {
            [one] => std::mem::take(one),
            several => several.concat(),
        };
        waiting.clear();
        timeout(TAKING, async {
            writer.write_all(&bytes).await?;
            writer.flush().await
        })
        .await??;
    }
    Ok(())
}
