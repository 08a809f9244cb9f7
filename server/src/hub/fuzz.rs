//! For fuzzing: what other nodes say and Redis remembers, in any order.

#![expect(clippy::expect_used, reason = "whatever is not as it is expected is what fuzzing looks for")]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::sync::{mpsc, oneshot, watch};
use visavis_protocol::{ClientMessage, DisplayName, Door, Join, MediaState, RoomName, Seek, SessionToken};

use super::handle::{Event, Greeted};
use super::mailbox::{Inbox, mailbox};
use super::{Cluster, Dismissal, Greeting, Hub, HubHandle};
use crate::access::Grant;
use crate::cluster::{self, BrokerHandle, Command, Mail, NodeId, SessionKey, Ticket};
use crate::config::MatchingConfig;
use crate::matchmaking::Strangers;
use crate::metrics::Metrics;
use crate::moderation::{Moment, Register};
use crate::rooms::Rooms;
use crate::sessions::Sessions;

const GRACE: Duration = Duration::from_secs(30);
const MEDIA: MediaState = MediaState { microphone: true, camera: false, screen: false };
/// This node, and two that say whatever they like.
const NODES: [&str; 3] = ["me0000000000", "ann000000000", "ben000000000"];
/// What passes between two lines.
const BETWEEN_LINES: Duration = Duration::from_millis(300);

/// A node with three clients: one is in a room, one seeks a stranger, and one is in a room of the second node.
struct World {
    now: Instant,
    hub: Hub,
    _handle: HubHandle,
    commands: mpsc::Receiver<Command>,
    clients: Vec<Client>,
}

struct Client {
    _inbox: Inbox,
    greeting: oneshot::Receiver<Result<Greeting, Dismissal>>,
}

/// For fuzzing: takes each line of a text as mail of another node (of a third one behind `b `), as an envelope of mail with tabs between
/// its fields, and, behind `m `, as what is remembered of a room. Nothing panics, what this node says to others they can read, and when
/// both of them are lost nothing of theirs is left.
#[doc(hidden)]
pub fn fuzz_nodes(text: &str) {
    let [me, ann, ben] = NODES.map(node);
    let mut world = World::new(me.clone());
    let seeker = world.begin(&ann);
    cluster::fuzz_texts(&me, &seeker, text);
    for line in text.lines() {
        world.pass(BETWEEN_LINES);
        if let Some(memory) = line.strip_prefix("m ") {
            let (room, owner, memory) = (room("hen"), me.clone(), Some(memory.to_owned()));
            world.hear(cluster::Event::Claimed { room, owner, memory });
        } else {
            let (from, mail) = line.strip_prefix("b ").map_or((&ann, line), |mail| (&ben, mail));
            world.hear(cluster::Event::Mail { from: from.clone(), mail: mail.to_owned() });
        }
    }
    for node in [ann, ben] {
        world.hear(cluster::Event::NodeLost { node });
    }
    let cluster = world.hub.cluster.as_ref();
    let left = cluster.map(|cluster| (cluster.carried(), cluster.visiting()));
    assert_eq!(left, Some((0, 0)), "carried and visiting");
    world.pass(GRACE * 10);
}

impl World {
    fn new(me: NodeId) -> Self {
        let rng = |seed| StdRng::seed_from_u64(seed);
        let (broker, commands) = BrokerHandle::new();
        let (_, events) = mpsc::channel(1);
        let cluster = Cluster::new(me, broker, events, watch::channel(false).0, GRACE);
        let matching = MatchingConfig { enabled: true, ..MatchingConfig::default() };
        let (hub, handle) = Hub::new(
            Rooms::new(NonZeroUsize::MIN.saturating_add(3), Door::Open, false, rng(1)),
            Sessions::new(GRACE, rng(2)),
            Some(Strangers::shared(matching)),
            Register::new(String::new()),
            None,
            Some(cluster),
            Arc::new(Metrics::new()),
        );
        Self { now: Instant::now(), hub, _handle: handle, commands, clients: Vec::new() }
    }

    /// Lets three clients in; what the one who seeks is called.
    fn begin(&mut self, other: &NodeId) -> SessionKey {
        self.hear(cluster::Event::Back);
        let name = || DisplayName::new("somebody").expect("a name");
        let join = |it| ClientMessage::Join(Join { room: room(it), name: name(), media: MEDIA, again: None });
        let [owner, me] = [other.clone(), node(NODES[0])];
        self.say(join("owl"));
        self.hear(cluster::Event::Claimed { room: room("owl"), owner: me, memory: None });
        self.say(join("fox"));
        self.hear(cluster::Event::Claimed { room: room("fox"), owner, memory: None });
        let (kind, interests, region) = Default::default();
        let token =
            self.say(ClientMessage::Seek(Seek { name: name(), media: MEDIA, kind, interests, region }));
        let session = SessionKey::of(&token);
        let queued = session.clone();
        self.hear(cluster::Event::Queued { session: queued, ticket: Ticket(7), place: 1, waiting: 1 });
        session
    }

    /// A client that connects and says something.
    fn say(&mut self, message: ClientMessage) -> SessionToken {
        let connection =
            self.hub.cluster.as_ref().map(|cluster| cluster.ids().draw()).expect("one of several");
        let (outbox, inbox) = mailbox();
        let (answer, greeting) = oneshot::channel();
        let hello = Greeted { source: None, resume: None, grant: Grant::newcomer(), answer };
        self.clients.push(Client { _inbox: inbox, greeting });
        let (now, at) = (self.now, Moment::from_ms(0));
        self.hub.handle_event(now, Event::Connected { connection, outbox });
        self.hub.handle_event(now, Event::Greeted { connection, hello, at });
        self.hub.handle_event(now, Event::Said { connection, message, at: now });
        self.read_what_it_says();
        let client = self.clients.last_mut().expect("it was put there");
        client.greeting.try_recv().expect("an answer").expect("a welcome").session
    }

    fn hear(&mut self, event: cluster::Event) {
        self.hub.handle_broker_event(self.now, event);
        self.read_what_it_says();
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.hub.poll_timeout().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.hub.handle_timeout(self.now);
            self.read_what_it_says();
        }
        self.now = end;
    }

    fn read_what_it_says(&mut self) {
        while let Ok(command) = self.commands.try_recv() {
            if let Command::Send { mail, .. } = command {
                assert!(Mail::parse(&mail).is_ok(), "{mail}");
            }
        }
    }
}

fn node(name: &str) -> NodeId {
    NodeId::try_from(name.to_owned()).expect("a node")
}

fn room(name: &str) -> RoomName {
    RoomName::new(name).expect("a room")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEDS: [&str; 5] = [
        include_str!("../../../fuzz/seeds/node_mail/session-here"),
        include_str!("../../../fuzz/seeds/node_mail/session-away"),
        include_str!("../../../fuzz/seeds/node_mail/stranger"),
        include_str!("../../../fuzz/seeds/node_mail/envelopes"),
        include_str!("../../../fuzz/seeds/node_mail/memory"),
    ];

    #[test]
    fn the_seeds_are_mail_of_this_version_and_of_people_who_are_here() {
        SEEDS.iter().for_each(|seed| fuzz_nodes(seed));
        let lines = || SEEDS.iter().flat_map(|seed| seed.lines());
        let is_mail = |line: &&str| line.starts_with(['{']) || line.starts_with("b {");
        for line in lines().filter(is_mail) {
            Mail::parse(line.trim_start_matches("b ")).unwrap_or_else(|error| panic!("{error}: {line}"));
        }
        let mut world = World::new(node(NODES[0]));
        let seeker = world.begin(&node(NODES[1]));
        assert!(SEEDS[2].contains(seeker.as_str()), "who seeks is {}", seeker.as_str());
    }
}
