//! A hundred thousand random operations: nobody is matched twice, with itself, or without having sought.

use std::collections::HashMap;

use rand::RngExt as _;

use super::pairing::{identity, seeker};
use super::*;

const OPERATIONS: usize = 100_000;
/// People, of whom each has a session at each node at most once at a time.
const PEOPLE: usize = 300;

/// What a node knows of one of its sessions.
#[derive(Debug, Default)]
struct Sought {
    person: usize,
    withdrawn: bool,
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn nobody_is_matched_twice_nor_with_itself() {
    let seed = rand::random();
    eprintln!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let redis = RedisServer::start().await;
    let mut nodes = lasting_three(&redis).await;
    let mut sought: HashMap<SessionKey, Sought> = HashMap::new();
    let mut waiting: [Vec<(String, usize)>; 3] = Default::default();
    // How often each session was matched, by each of the nodes that it is told at.
    let mut matched: HashMap<SessionKey, SessionKey> = HashMap::new();
    let mut next = 0;
    for step in 0..OPERATIONS {
        let index = rng.random_range(0..3);
        let node = &nodes[index];
        match rng.random_range(0..10) {
            0..6 => {
                let (name, person) = (format!("s{next}"), rng.random_range(0..PEOPLE));
                next += 1;
                sought.insert(session(&name), Sought { person, withdrawn: false });
                node.say(Command::Seek(Box::new(record(&name, person, &mut rng))));
                waiting[index].push((name, person));
            }
            6..8 if !waiting[index].is_empty() => {
                let at = rng.random_range(0..waiting[index].len());
                let (name, _) = waiting[index].swap_remove(at);
                node.say(Command::Withdraw { session: session(&name) });
                if let Some(sought) = sought.get_mut(&session(&name)) {
                    sought.withdrawn = true;
                }
            }
            _ if !waiting[index].is_empty() => {
                let at = rng.random_range(0..waiting[index].len());
                let (name, person) = waiting[index][at].clone();
                node.say(Command::Widen(Box::new(record(&name, person, &mut rng))));
            }
            _ => {}
        }
        if step % 16 == 0 {
            for node in &mut nodes {
                drain(node, &sought, &mut matched);
            }
            tokio::task::yield_now().await;
        }
        if step % 1000 == 0 {
            settle(&mut nodes, &sought, &mut matched).await;
            for waiting in &mut waiting {
                waiting.retain(|(name, _)| !matched.contains_key(&session(name)));
            }
        }
    }
    settle(&mut nodes, &sought, &mut matched).await;
    let withdrawn = sought.values().filter(|sought| sought.withdrawn).count();
    eprintln!("{} sought, {withdrawn} withdrawn, {} matched", sought.len(), matched.len());
    assert!(matched.len() > sought.len() / 2);
}

fn record(name: &str, person: usize, rng: &mut StdRng) -> SeekerRecord {
    let blocks = (0..rng.random_range(0..4)).map(|_| identity(&rng.random_range(0..PEOPLE).to_string()));
    SeekerRecord { identity: identity(&person.to_string()), blocks: blocks.collect(), ..seeker(name) }
}

/// Reads what came.
fn drain(
    node: &mut Node,
    sought: &HashMap<SessionKey, Sought>,
    matched: &mut HashMap<SessionKey, SessionKey>,
) {
    while let Ok(event) = node.events.try_recv() {
        check(event, sought, matched);
    }
}

/// Waits until all that was said is answered.
async fn settle(
    nodes: &mut [Node; 3],
    sought: &HashMap<SessionKey, Sought>,
    matched: &mut HashMap<SessionKey, SessionKey>,
) {
    for node in nodes {
        let end = session("end");
        node.say(Command::Places { sessions: vec![end] });
        loop {
            match node.event().await {
                Event::Places { .. } => break,
                event => check(event, sought, matched),
            }
        }
    }
}

fn check(event: Event, sought: &HashMap<SessionKey, Sought>, matched: &mut HashMap<SessionKey, SessionKey>) {
    match event {
        Event::Matched { first, second, .. } => {
            let [one, other] =
                [&first, &second].map(|party| sought.get(&party.session).expect("it has sought"));
            assert_ne!(one.person, other.person, "somebody met itself");
            assert!(first.ticket < second.ticket, "the first has waited longer");
            for (one, other) in [(&first, &second), (&second, &first)] {
                let before = matched.insert(one.session.clone(), other.session.clone());
                assert!(before.is_none_or(|before| before == other.session), "matched twice: {one:?}");
            }
        }
        Event::CutOff | Event::NodeLost { .. } => panic!("{event:?}"),
        _ => {}
    }
}
