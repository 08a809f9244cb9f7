//! What has to be true when everything has come to rest.

use std::collections::HashMap;
use std::time::Duration;

use visavis_protocol::RoomName;

use super::super::{Cluster, Hub};
use super::client::{Client, Stay, Wish};
use super::{GRACE, World};
use crate::cluster::NodeId;

impl World {
    /// For how long not everything is as it has to be, and what was not at the end of that.
    pub(super) fn time_to_settle(&mut self) -> (Duration, Option<String>) {
        let from = self.now;
        let (mut time, mut last) = (Duration::ZERO, None);
        while self.now < from + GRACE * 2 {
            self.run(Duration::from_millis(100), None);
            if let Some(wrong) = self.restless() {
                (time, last) = (self.now - from, Some(wrong));
            }
        }
        (time, last)
    }

    pub(super) fn check(&self) {
        if let Some(wrong) = self.restless() {
            panic!("seed {}: {wrong}", self.seed);
        }
    }

    /// Something that is not as it has to be, if there is anything.
    fn restless(&self) -> Option<String> {
        let mut places: HashMap<RoomName, &NodeId> = HashMap::new();
        for node in &self.nodes {
            for name in node.hub.rooms.names() {
                if places.insert(name.clone(), &node.id).is_some() {
                    return Some(format!("{name:?} is at two nodes"));
                }
            }
        }
        let mut waiting = 0;
        let mut rooms: HashMap<&RoomName, usize> = HashMap::new();
        for client in &self.clients {
            if client.is_offline() {
                return Some(format!("{client:?} is offline"));
            }
            let at = self.nodes.iter().filter(|node| has(&node.hub, client)).count();
            if at != 1 {
                return Some(format!("{client:?} is at {at} nodes"));
            }
            match (&client.stay, &client.wish) {
                (Stay::Queued, Wish::Stranger) => waiting += 1,
                (Stay::Room { room, .. }, Wish::Room(wanted)) if room != wanted => {
                    return Some(format!("{client:?} is in another room"));
                }
                (Stay::Room { room, .. }, Wish::Room(_) | Wish::Stranger) => {
                    *rooms.entry(room).or_default() += 1;
                }
                (Stay::Nowhere, _) | (Stay::Queued, Wish::Room(_)) => {
                    return Some(format!("{client:?} is stuck"));
                }
            }
        }
        if waiting > 1 {
            return Some(format!("{waiting} wait for each other"));
        }
        for client in &self.clients {
            if let Stay::Room { room, .. } = &client.stay {
                let others = client.others.len() + 1;
                if others != rooms[room] {
                    return Some(format!("{client:?} sees {others} of {} in {room:?}", rooms[room]));
                }
                if client.wish == Wish::Stranger && others != 2 {
                    return Some(format!("{client:?} is alone"));
                }
            }
        }
        let clusters = || self.nodes.iter().filter_map(|node| node.hub.cluster.as_ref());
        if clusters().any(Cluster::is_waiting) {
            return Some("somebody waits for an answer".to_owned());
        }
        let carried: usize = clusters().map(Cluster::carried).sum();
        let visiting: usize = clusters().map(Cluster::visiting).sum();
        (carried != visiting).then(|| format!("{carried} are carried, {visiting} visit"))
    }
}

fn has(hub: &Hub, client: &Client) -> bool {
    let session = client.token().and_then(|token| hub.sessions.id_of(token));
    session.is_some_and(|session| hub.rooms.hold(session) || hub.waits(session))
}
