use std::time::{Duration, Instant};

use super::api::{Command, Event, SeekerRecord};
use super::batch::Entry;
use super::ledger::{Ledger, Registration};
use super::link::entry;
use super::names::{IdentityKey, NodeId, SessionKey};
use crate::access::Grant;

/// For fuzzing: reads texts as entries of a node's mail, with tabs between their fields, and has it take them. It never hears of more
/// mail than there was.
pub(crate) fn fuzz_entries<'a>(node: &NodeId, seeker: &SessionKey, texts: impl Iterator<Item = &'a str>) {
    let now = Instant::now();
    let mut ledger = Ledger::new(now, node.clone(), Duration::from_secs(1));
    ledger.handle_connected(now, Registration { life: 1, entries: Vec::new(), matches: 0 });
    ledger.handle_command(Command::Seek(Box::new(SeekerRecord {
        session: seeker.clone(),
        identity: IdentityKey::of(&Grant::newcomer().identity),
        ticket: None,
        keys: Vec::new(),
        blocks: Vec::new(),
    })));
    let mut mail = 0;
    for text in texts {
        let Some(entry) = entry(node, text.split('\t').map(str::to_owned).collect()) else { continue };
        if let Entry::Parcel(parcel) = &entry {
            mail += parcel.mail.len();
        }
        ledger.handle_entries(vec![entry]);
        while let Some(event) = ledger.poll_event() {
            if let Event::Mail { .. } = event {
                assert!(mail > 0, "more is heard than there was");
                mail -= 1;
            } else if let Event::NodeLost { node } = event {
                ledger.handle_command(Command::Noted { node });
            }
        }
        if let Some(batch) = ledger.poll_batch(now) {
            ledger.handle_cut(Some(batch));
            ledger.handle_connected(now, Registration { life: 1, entries: Vec::new(), matches: 0 });
        }
    }
}
