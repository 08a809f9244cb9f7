//! Two nodes, or three, and what each hears.

use super::peer::{MOST_WAITING, MOST_WAITING_BYTES};
use super::*;

struct Node {
    post: Post,
    events: VecDeque<Event>,
}

fn id(name: &str) -> NodeId {
    NodeId::try_from(format!("{name:0>12}")).expect("a node")
}

fn node(name: &str, life: Life) -> Node {
    let mut node = Node { post: Post::new(id(name)), events: VecDeque::new() };
    node.post.begin(life, &mut node.events);
    node
}

/// Two that know of each other.
fn two() -> (Node, Node) {
    let (mut ann, mut ben) = (node("ann", 1), node("ben", 1));
    ann.look(&[("ann", 1), ("ben", 1)]);
    ben.look(&[("ann", 1), ("ben", 1)]);
    (ann, ben)
}

impl Node {
    fn look(&mut self, living: &[(&str, Life)]) {
        let look = self.post.begin_look();
        let living = living.iter().map(|&(node, life)| (id(node), life)).collect();
        self.post.handle_look(look, living, &mut self.events);
    }

    fn send(&mut self, to: &str, mail: &str) {
        self.post.send(id(to), mail.to_owned(), &mut self.events);
    }

    fn parcel(&mut self) -> Parcel {
        self.post.poll_parcels(1).pop().expect("a parcel")
    }

    fn receive(&mut self, parcel: &Parcel) {
        self.post.handle_parcel(parcel.clone(), &mut self.events);
    }

    fn note(&mut self, node: &str) {
        self.post.note(&id(node));
    }

    /// What it has heard: mail, or `-` for a loss.
    fn heard(&mut self) -> Vec<String> {
        let word = |event| {
            if let Event::Mail { mail, .. } = event {
                return mail;
            }
            assert!(matches!(event, Event::NodeLost { .. }), "{event:?}");
            "-".to_owned()
        };
        self.events.drain(..).map(word).collect()
    }
}

#[test]
fn mail_arrives_in_order_and_once_however_often_it_is_carried() {
    let (mut ann, mut ben) = two();
    ann.send("ben", "1");
    let first = ann.parcel();
    ann.send("ben", "2");
    ann.send("ben", "3");
    let second = ann.parcel();
    assert_eq!((second.first, second.mail.len()), (1, 2));
    for parcel in [&first, &first, &second, &first, &second] {
        ben.receive(parcel);
    }
    assert_eq!(ben.heard(), ["1", "2", "3"]);
}

#[test]
fn what_was_put_back_goes_again_before_what_came_later() {
    let (mut ann, mut ben) = two();
    ann.send("ben", "1");
    let lost = ann.parcel();
    ann.send("ben", "2");
    ann.post.put_back(lost);
    let parcel = ann.parcel();
    ben.receive(&parcel);
    assert_eq!((parcel.first, ben.heard()), (0, vec!["1".to_owned(), "2".to_owned()]));
}

#[test]
fn both_hear_of_a_gap_once_and_go_on_after_it() {
    let (mut ann, mut ben) = two();
    ann.send("ben", "1");
    drop(ann.parcel());
    ann.send("ben", "2");
    let late = ann.parcel();
    ben.receive(&late);
    ben.receive(&late);
    assert_eq!(ben.heard(), ["-"]);
    let greeting = ben.parcel();
    ann.receive(&greeting);
    assert_eq!(ann.heard(), ["-"]);
    assert!(!ann.post.has_parcels() && !ben.post.has_parcels(), "nobody answers a greeting");
    ann.note("ben");
    ben.note("ann");
    ann.send("ben", "3");
    ben.send("ann", "4");
    let (to_ben, to_ann) = (ann.parcel(), ben.parcel());
    ben.receive(&to_ben);
    ann.receive(&to_ann);
    assert_eq!((ben.heard(), ann.heard()), (vec!["3".to_owned()], vec!["4".to_owned()]));
}

#[test]
fn both_may_lose_something_at_once() {
    let (mut ann, mut ben) = two();
    for (one, other) in [(&mut ann, "ben"), (&mut ben, "ann")] {
        one.send(other, "lost");
        drop(one.parcel());
        one.send(other, "late");
    }
    let (to_ben, to_ann) = (ann.parcel(), ben.parcel());
    ben.receive(&to_ben);
    ann.receive(&to_ann);
    let (to_ben, to_ann) = (ann.parcel(), ben.parcel());
    ben.receive(&to_ben);
    ann.receive(&to_ann);
    assert_eq!((ann.heard(), ben.heard()), (vec!["-".to_owned()], vec!["-".to_owned()]));
    assert!(!ann.post.has_parcels() && !ben.post.has_parcels());
}

#[test]
fn what_is_sent_before_a_loss_is_noted_goes_nowhere() {
    let (mut ann, mut ben) = two();
    ann.look(&[("ann", 1), ("ben", 2)]);
    assert_eq!(ann.heard(), ["-"]);
    ann.send("ben", "old");
    ann.note("ben");
    ann.send("ben", "new");
    ben.post.begin(2, &mut ben.events);
    let parcel = ann.parcel();
    ben.receive(&parcel);
    assert_eq!(ben.heard(), ["-", "new"]);
}

#[test]
fn more_than_can_wait_is_a_loss() {
    let (mut ann, mut ben) = two();
    for _ in 0..=MOST_WAITING {
        ann.send("ben", "x");
    }
    assert_eq!(ann.heard(), ["-"]);
    let greeting = ann.parcel();
    assert!(greeting.mail.is_empty());
    ben.receive(&greeting);
    assert_eq!(ben.heard(), ["-"]);
    ann.note("ben");
    ann.send("ben", &"x".repeat(MOST_WAITING_BYTES + 1));
    assert_eq!(ann.heard(), ["-"]);
}

#[test]
fn mail_of_a_former_life_or_for_one_counts_for_nothing() {
    let (mut ann, mut ben) = two();
    ann.send("ben", "1");
    let old = ann.parcel();
    ann.post.begin(2, &mut ann.events);
    ann.look(&[("ann", 2), ("ben", 1)]);
    assert_eq!(ann.heard(), ["-"]);
    ann.note("ben");
    ann.send("ben", "2");
    let new = ann.parcel();
    ben.receive(&new);
    ben.receive(&old);
    assert_eq!(ben.heard(), ["-", "2"]);
    ben.post.begin(2, &mut ben.events);
    ben.receive(&new);
    assert_eq!(ben.heard(), ["-"]);
}

#[test]
fn who_is_gone_is_lost_once_and_may_come_back() {
    let (mut ann, _) = two();
    ann.look(&[("ann", 1)]);
    ann.look(&[("ann", 1)]);
    assert_eq!((ann.heard(), ann.post.living().count()), (vec!["-".to_owned()], 0));
    ann.note("ben");
    ann.look(&[("ann", 1), ("ben", 2)]);
    ann.send("ben", "1");
    assert_eq!((ann.parcel().to_life, ann.heard()), (2, vec![]));
}

#[test]
fn mail_for_who_is_not_known_waits_for_a_look() {
    let mut ann = node("ann", 1);
    ann.look(&[("ann", 1)]);
    ann.send("ben", "1");
    assert!(ann.post.wants_look() && !ann.post.has_parcels());
    ann.look(&[("ann", 1), ("ben", 7)]);
    assert_eq!(ann.parcel().to_life, 7);
    ann.send("cat", "1");
    ann.look(&[("ann", 1), ("ben", 7)]);
    assert_eq!(ann.heard(), ["-"]);
}

#[test]
fn a_look_that_was_begun_before_a_node_was_heard_of_does_not_bury_it() {
    let (mut ann, mut cat) = (node("ann", 1), node("cat", 1));
    let look = ann.post.begin_look();
    cat.look(&[("ann", 1), ("cat", 1)]);
    cat.send("ann", "1");
    let parcel = cat.parcel();
    ann.receive(&parcel);
    ann.post.handle_look(look, vec![(id("ann"), 1)], &mut ann.events);
    assert_eq!(ann.heard(), ["1"]);
}

#[test]
fn a_node_without_a_place_for_mail_is_looked_for() {
    let (mut ann, _) = two();
    ann.send("ben", "1");
    let parcel = ann.parcel();
    ann.post.handle_nowhere(parcel);
    assert!(ann.post.wants_look() && !ann.post.has_parcels());
    ann.look(&[("ann", 1), ("ben", 2)]);
    assert_eq!(ann.heard(), ["-"]);
}
