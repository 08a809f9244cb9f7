use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde::Serialize;
use visavis_protocol::{
    Candidate, ClientMessage, Description, DescriptionKind, Participant, ParticipantId, ServerMessage,
};

use crate::figures::Latency;
use crate::load::{Load, Pace};
use crate::matching::seek;
use crate::swarm::Swarm;
use crate::usage::{Processes, Used};

/// For all clients to meet somebody.
const PATIENCE: Duration = Duration::from_secs(20);
/// About what Chromium's offer of sound and a picture has.
const SDP_BYTES: usize = 6000;
/// One in so many messages is a description; the others are candidates, as they trickle.
const DESCRIPTION_EVERY: u32 = 8;
const CANDIDATE: &str = "candidate:2864109467 1 udp 1685921535 203.0.113.77 54321 typ srflx raddr 192.168.1.23 rport \
                         54321 generation 0 network-cost 10";

/// What it takes to pass on what two say to each other as their call comes up.
#[derive(Debug, Serialize)]
pub(crate) struct Chatter {
    /// Of those that are measured.
    messages: usize,
    /// From when a message was to be sent by the schedule to having been heard.
    latency: Latency,
    used: Used,
}

/// Has all clients meet, and say things to each other.
pub(crate) fn measure(swarm: &mut Swarm, server: &Processes, pace: Pace) -> anyhow::Result<Chatter> {
    let others = meet(swarm)?;
    let sdp = "a=candidate\r\n".repeat(SDP_BYTES / 13);
    let mut load = Load::begin(server, pace);
    let window = load.window();
    // By number of the message.
    let mut dues: Vec<Instant> = Vec::new();
    let mut latencies = Vec::new();
    let mut messages = 0;
    while let Some(now) = load.now()? {
        while let Some(due) = load.arrival(now) {
            let number = u32::try_from(dues.len())?;
            dues.push(due);
            messages += usize::from(window.has(due));
            let from = load.draw(others.len());
            let to = others[from].clone();
            swarm.say(from, &message(number, to, &sdp))?;
        }
        swarm.wait(load.next(), |_, message| {
            let due = number_of(&message).and_then(|number| dues.get(number)).copied();
            if let Some(due) = due.filter(|due| window.has(*due)) {
                latencies.push(due.elapsed());
            }
        })?;
    }
    let used = load.used()?;
    ensure!(latencies.len() == messages, "{} of {messages} messages arrived", latencies.len());
    let latency = Latency::of(latencies).context("nothing was said")?;
    Ok(Chatter { messages, latency, used })
}

/// Has everybody meet somebody; whom each has met, under the id that one has for the server.
fn meet(swarm: &mut Swarm) -> anyhow::Result<Vec<ParticipantId>> {
    let mut others: Vec<Option<ParticipantId>> = vec![None; swarm.len() / 2 * 2];
    for client in 0..others.len() {
        swarm.say(client, &ClientMessage::Seek(seek(client)?))?;
    }
    let until = Instant::now() + PATIENCE;
    while others.iter().any(Option::is_none) {
        ensure!(Instant::now() < until, "not everybody has met somebody");
        swarm.wait(until, |client, message| {
            if let Some(Participant { id, .. }) = met(message)
                && let Some(other) = others.get_mut(client)
            {
                *other = Some(id);
            }
        })?;
    }
    Ok(others.into_iter().flatten().collect())
}

fn met(message: ServerMessage) -> Option<Participant> {
    if let ServerMessage::ParticipantJoined { participant } = message {
        return Some(participant);
    }
    let ServerMessage::Joined { participants, .. } = message else { return None };
    participants.into_iter().next()
}

/// A message that carries its number.
fn message(number: u32, to: ParticipantId, sdp: &str) -> ClientMessage {
    if number.is_multiple_of(DESCRIPTION_EVERY) {
        let kind = DescriptionKind::Offer;
        let description = Description { kind, negotiation: number, sdp: sdp.to_owned() };
        return ClientMessage::Description { to, description };
    }
    let (candidate, mid, ufrag) = (CANDIDATE.to_owned(), "0".to_owned(), number.to_string());
    ClientMessage::Candidates { to, candidates: vec![Candidate { candidate, mid, ufrag }] }
}

fn number_of(message: &ServerMessage) -> Option<usize> {
    if let ServerMessage::Description { description, .. } = message {
        return usize::try_from(description.negotiation).ok();
    }
    let ServerMessage::Candidates { candidates, .. } = message else { return None };
    candidates.first()?.ufrag.parse().ok()
}
