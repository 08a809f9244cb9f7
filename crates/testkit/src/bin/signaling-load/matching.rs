use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde::Serialize;
use visavis_protocol::{ClientMessage, DisplayName, MatchKind, MediaState, Participant, Seek, ServerMessage};

use crate::figures::{Latency, Window};
use crate::load::{Load, Pace};
use crate::swarm::Swarm;
use crate::usage::{Processes, Used};

/// How long the one who came second stays with the other, who leaves when it hears of that.
const STAY: Duration = Duration::from_millis(200);

/// What it takes to bring strangers together.
#[derive(Debug, Serialize)]
pub(crate) struct Matching {
    /// Of those that are measured.
    joins: usize,
    /// Of each client, from when the second of the two was to join by the schedule to having heard of the other.
    latency: Latency,
    used: Used,
}

/// How a client stands.
#[derive(Debug, Clone, Copy)]
enum Client {
    Away,
    Seeking {
        due: Instant,
    },
    /// `due`: when the second of the two was to come.
    Met {
        due: Instant,
    },
}

struct Strangers {
    clients: Vec<Client>,
    away: Vec<usize>,
    /// Who leaves when.
    leaving: VecDeque<(Instant, usize)>,
    /// Who leaves now.
    left_alone: Vec<usize>,
    latencies: Vec<Duration>,
    window: Window,
}

/// Has clients seek strangers, be together for a moment, and part.
pub(crate) fn measure(swarm: &mut Swarm, server: &Processes, pace: Pace) -> anyhow::Result<Matching> {
    let mut load = Load::begin(server, pace);
    let window = load.window();
    let mut strangers = Strangers::new(swarm.len(), window);
    let mut joins = 0;
    while let Some(now) = load.now()? {
        while let Some(due) = load.arrival(now) {
            let client = strangers.seek(due, &mut load)?;
            joins += usize::from(window.has(due));
            swarm.say(client, &ClientMessage::Seek(seek(client)?))?;
        }
        for client in strangers.leave(now) {
            swarm.say(client, &ClientMessage::Leave)?;
        }
        let next = load.next();
        let until = strangers.leaving.front().map_or(next, |(at, _)| next.min(*at));
        swarm.wait(until, |client, message| strangers.hear(client, message))?;
    }
    // Of an odd number one is left over.
    for client in strangers.seeking() {
        swarm.say(client, &ClientMessage::Leave)?;
    }
    let used = load.used()?;
    let heard = strangers.latencies.len();
    // Whoever came at the edge of the measurement counts for one of its sides only.
    ensure!(heard + joins / 100 + 4 >= joins, "only {heard} of {joins} met anybody");
    let latency = Latency::of(strangers.latencies).context("nobody has met")?;
    Ok(Matching { joins, latency, used })
}

impl Strangers {
    fn new(clients: usize, window: Window) -> Self {
        Self {
            clients: vec![Client::Away; clients],
            away: (0..clients).collect(),
            leaving: VecDeque::new(),
            left_alone: Vec::new(),
            latencies: Vec::new(),
            window,
        }
    }

    /// Somebody who is away comes, anybody: those who have met do not meet in turn again.
    fn seek(&mut self, due: Instant, load: &mut Load) -> anyhow::Result<usize> {
        ensure!(!self.away.is_empty(), "all clients are busy: the server is too slow, or they are too few");
        let client = self.away.swap_remove(load.draw(self.away.len()));
        self.clients[client] = Client::Seeking { due };
        Ok(client)
    }

    fn hear(&mut self, client: usize, message: ServerMessage) {
        match &message {
            ServerMessage::Joined { participants, .. } => {
                if let [other] = participants.as_slice() {
                    self.on_met(client, other);
                    self.leaving.push_back((Instant::now() + STAY, client));
                }
            }
            ServerMessage::ParticipantJoined { participant } => self.on_met(client, participant),
            ServerMessage::ParticipantLeft { .. } => self.left_alone.push(client),
            ServerMessage::Welcome { .. }
            | ServerMessage::Waiting { .. }
            | ServerMessage::Queued { .. }
            | ServerMessage::TurnedAway
            | ServerMessage::Knock(_)
            | ServerMessage::KnockEnded { .. }
            | ServerMessage::Door { .. }
            | ServerMessage::Host { .. }
            | ServerMessage::Muted { .. }
            | ServerMessage::Description { .. }
            | ServerMessage::Candidates { .. }
            | ServerMessage::EndOfCandidates { .. }
            | ServerMessage::Media { .. }
            | ServerMessage::Reported { .. }
            | ServerMessage::Consent { .. }
            | ServerMessage::Direct
            | ServerMessage::Blocked { .. }
            | ServerMessage::Error { .. } => {}
        }
    }

    fn on_met(&mut self, client: usize, other: &Participant) {
        let now = Instant::now();
        let Some(Client::Seeking { due }) = self.clients.get(client).copied() else { return };
        let due = match number_of(other).and_then(|other| self.clients.get(other)) {
            Some(Client::Seeking { due: theirs } | Client::Met { due: theirs }) => due.max(*theirs),
            Some(Client::Away) | None => due,
        };
        self.clients[client] = Client::Met { due };
        if self.window.has(due) {
            self.latencies.push(now.saturating_duration_since(due));
        }
    }

    /// Who waits.
    fn seeking(&self) -> impl Iterator<Item = usize> {
        let clients = self.clients.iter().enumerate();
        clients.filter(|(_, client)| matches!(client, Client::Seeking { .. })).map(|(number, _)| number)
    }

    /// Who is to leave by `now`, and is away then.
    fn leave(&mut self, now: Instant) -> Vec<usize> {
        let mut leaving = std::mem::take(&mut self.left_alone);
        while let Some((at, client)) = self.leaving.front().copied()
            && at <= now
        {
            self.leaving.pop_front();
            leaving.push(client);
        }
        for client in &leaving {
            self.clients[*client] = Client::Away;
        }
        self.away.extend(&leaving);
        leaving
    }
}

/// What a client is called tells those who meet it which one it is.
pub(crate) fn number_of(participant: &Participant) -> Option<usize> {
    participant.name.as_str().parse().ok()
}

pub(crate) fn seek(client: usize) -> anyhow::Result<Seek> {
    Ok(Seek {
        name: DisplayName::new(client.to_string())?,
        media: MediaState { microphone: true, camera: true, screen: false },
        kind: MatchKind::Video,
        interests: Vec::new(),
        region: None,
    })
}
