use super::super::api::SeekerRecord;
use super::super::batch::{Answers, DirectoryAnswer, Match, Matched, QueueOperation};
use super::super::names::{BucketKey, IdentityKey, SessionKey, Ticket};
use super::*;
use visavis_protocol::{MatchKind, RoomName};

const LIFE: Life = 1;

fn id(name: &str) -> NodeId {
    NodeId::try_from(format!("{name:0>12}")).expect("a node")
}

fn session(name: &str) -> SessionKey {
    SessionKey::try_from(format!("{name:0>22}")).expect("a key")
}

fn room(name: &str) -> RoomName {
    RoomName::new(name).expect("a name")
}

struct Node {
    ledger: Ledger,
    now: Instant,
}

impl Node {
    fn new() -> Self {
        let now = Instant::now();
        Self { ledger: Ledger::new(now, id("ann"), Duration::from_secs(1)), now }
    }

    fn connected() -> Self {
        let mut node = Self::new();
        node.connect();
        assert_eq!(node.heard(), [Event::Back]);
        node
    }

    fn connect(&mut self) {
        let registration = Registration { life: LIFE, entries: Vec::new(), matches: 0 };
        self.ledger.handle_connected(self.now, registration);
    }

    fn say(&mut self, command: Command) {
        self.ledger.handle_command(command);
    }

    fn seek(&mut self, name: &str) {
        let identity = name.parse().expect("an identity");
        self.say(Command::Seek(Box::new(SeekerRecord {
            session: session(name),
            identity: IdentityKey::of(&identity),
            ticket: None,
            keys: vec![BucketKey::new(MatchKind::Video, None, None)],
            blocks: Vec::new(),
        })));
    }

    fn batch(&mut self) -> Batch {
        self.ledger.poll_batch(self.now).expect("something to ask")
    }

    /// All that is asked is answered: who seeks waits, and nothing is anybody else's.
    fn answer(&mut self, batch: Batch) {
        let mine = || DirectoryAnswer { node: Some(id("ann")), memory: None };
        let answers = Answers {
            look: batch.look.map(|_| Look { matches: 0, living: vec![(id("ann"), LIFE)], dead: Vec::new() }),
            directory: batch.directory.iter().map(|_| mine()).collect(),
            waiting: 1,
            queue: seeks(&batch).iter().flat_map(|_| [7, 1]).collect(),
            parcels: batch.parcels.iter().map(|_| true).collect(),
            sweep: batch.sweep.as_ref().map(|_| "0".to_owned()),
        };
        assert!(self.ledger.handle_reply(self.now, batch, Reply::Done(answers)));
    }

    fn settle(&mut self) {
        while let Some(batch) = self.ledger.poll_batch(self.now) {
            self.answer(batch);
        }
    }

    fn heard(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.ledger.poll_event()).collect()
    }

    /// Two are matched, by their nodes, names and stints.
    fn matched(&mut self, number: u64, [first, second]: [(&str, &str, u64); 2]) -> bool {
        let party = |(node, name, stint): (&str, &str, u64), ticket| Matched {
            node: id(node),
            session: session(name),
            stint,
            ticket: Ticket(ticket),
        };
        let matches = vec![Match { first: party(first, 7), second: party(second, 8), waited_us: 1 }];
        self.ledger.handle_entries(vec![Entry::Matches { number, matches }])
    }
}

/// Who seeks in a batch, and whether it is known.
fn seeks(batch: &Batch) -> Vec<(SessionKey, u64, bool)> {
    let seek = |operation: &QueueOperation| match operation {
        QueueOperation::Seek(seek) => Some((seek.session.clone(), seek.stint, seek.is_known)),
        QueueOperation::Withdraw(_) | QueueOperation::Places(_) => None,
    };
    batch.queue.iter().filter_map(seek).collect()
}

#[test]
fn what_is_asked_while_cut_off_fails_at_once() {
    let mut node = Node::new();
    node.say(Command::Claim { room: room("owl") });
    assert_eq!(node.heard(), [Event::Failed { what: Ask::Claim(room("owl")) }]);
    assert!(node.ledger.poll_batch(node.now).is_none());
}

#[test]
fn what_was_on_its_way_fails_and_a_room_that_may_be_had_is_given_back() {
    let mut node = Node::connected();
    node.settle();
    node.say(Command::Claim { room: room("owl") });
    let batch = node.batch();
    node.say(Command::Find { session: session("s") });
    node.ledger.handle_cut(Some(batch));
    let failed = |what| Event::Failed { what };
    assert_eq!(
        node.heard(),
        [failed(Ask::Claim(room("owl"))), failed(Ask::Find(session("s"))), Event::CutOff]
    );
    node.connect();
    let batch = node.batch();
    assert!(format!("{:?}", batch.directory).contains("Abandon(RoomName(\"owl\"))"), "{batch:?}");
}

#[test]
fn it_is_back_when_all_that_it_holds_is_told_though_some_of_it_was_given_back_meanwhile() {
    let mut node = Node::connected();
    for name in ["owl", "cat"] {
        node.say(Command::Claim { room: room(name) });
        node.say(Command::Settle { session: session(name) });
        node.seek(name);
    }
    node.settle();
    node.heard();
    node.ledger.handle_cut(None);
    assert_eq!(node.heard(), [Event::CutOff]);
    node.connect();
    for name in ["owl", "cat"] {
        node.say(Command::Release { room: room(name) });
        node.say(Command::Withdraw { session: session(name) });
    }
    assert_eq!(node.heard(), []);
    node.settle();
    assert_eq!(node.heard(), [Event::Back]);
}

#[test]
fn who_seeks_is_told_again_over_the_next_connection_in_the_same_order() {
    let mut node = Node::connected();
    ["c", "a", "b"].iter().for_each(|name| node.seek(name));
    let lost = node.batch();
    node.ledger.handle_cut(Some(lost));
    node.connect();
    let batch = node.batch();
    let expected = [("c", 0), ("a", 1), ("b", 2)].map(|(name, stint)| (session(name), stint, false));
    assert_eq!(seeks(&batch), expected);
}

#[test]
fn who_is_matched_before_its_answer_comes_is_matched_once_and_not_queued() {
    let mut node = Node::connected();
    node.seek("a");
    let batch = node.batch();
    assert!(node.matched(1, [("ann", "a", 0), ("ben", "b", 4)]));
    node.answer(batch);
    let heard = node.heard();
    assert!(matches!(&heard[..], [Event::Matched { .. }]), "{heard:?}");
    assert!(node.matched(2, [("ann", "a", 0), ("ben", "c", 5)]));
    let heard = node.heard();
    assert!(matches!(&heard[..], [Event::Missed { .. }]), "{heard:?}");
}

#[test]
fn who_has_withdrawn_and_seeks_again_is_not_matched_by_its_former_wish() {
    let mut node = Node::connected();
    node.seek("a");
    node.settle();
    node.heard();
    node.say(Command::Withdraw { session: session("a") });
    node.seek("a");
    node.matched(1, [("ann", "a", 0), ("ben", "b", 4)]);
    let heard = node.heard();
    let [Event::Missed { session: missed, other }] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!((missed, &other.session, &other.node), (&session("a"), &session("b"), &id("ben")));
    let batch = node.batch();
    assert_eq!(seeks(&batch), [(session("a"), 1, false)]);
}

#[test]
fn who_is_left_alone_by_another_of_its_node_waits_on_with_its_ticket() {
    let mut node = Node::connected();
    node.seek("a");
    node.seek("b");
    node.settle();
    node.say(Command::Withdraw { session: session("a") });
    node.heard();
    node.matched(1, [("ann", "a", 0), ("ann", "b", 1)]);
    assert_eq!(node.heard(), []);
    let batch = node.batch();
    assert_eq!(seeks(&batch), [(session("b"), 1, false)]);
}

#[test]
fn other_keys_are_told_of_who_is_known_and_of_nobody_who_was_matched() {
    let mut node = Node::connected();
    node.seek("a");
    node.settle();
    let widen = |name: &str| {
        let identity = IdentityKey::of(&name.parse().expect("an identity"));
        let record = SeekerRecord {
            session: session(name),
            identity,
            ticket: None,
            keys: Vec::new(),
            blocks: Vec::new(),
        };
        Command::Widen(Box::new(record))
    };
    node.say(widen("a"));
    let batch = node.batch();
    assert_eq!(seeks(&batch), [(session("a"), 0, true)]);
    node.answer(batch);
    node.matched(1, [("ann", "a", 0), ("ben", "b", 4)]);
    node.say(widen("a"));
    assert!(node.ledger.poll_batch(node.now).is_none_or(|batch| batch.queue.is_empty()));
}

#[test]
fn a_gap_in_the_matches_and_matches_that_do_not_arrive_want_a_new_connection() {
    let mut node = Node::connected();
    assert!(node.matched(1, [("ann", "a", 0), ("ben", "b", 4)]));
    assert!(!node.matched(3, [("ann", "a", 0), ("ben", "b", 4)]));

    let mut node = Node::connected();
    let look = |node: &mut Node, after: Duration| {
        node.now += after;
        let batch = node.batch();
        let look = Look { matches: 2, living: vec![(id("ann"), LIFE)], dead: Vec::new() };
        let answers = Answers { look: batch.look.map(|_| look), ..Answers::default() };
        node.ledger.handle_reply(node.now, batch, Reply::Done(answers))
    };
    assert!(look(&mut node, Duration::ZERO));
    assert!(look(&mut node, Duration::from_secs(2)));
    assert!(!look(&mut node, MATCHES_PATIENCE));
}
