//! Other nodes are lost, or the way to them is; this one goes away.

use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::{Question, command_for};
use crate::cluster::{Command, Mail, NodeId, Said, Topic, Waited};
use crate::hub::{Dismissal, Hub, Parting};
use crate::sessions::ConnectionId;

/// How long the others may take to say again what is theirs, after a loss that nobody saw: a second until they try to reach Redis, and
/// as much again until they do.
const REASSERTION: Duration = Duration::from_secs(2);

impl Hub {
    /// Nothing that was said to a node or came of it counts any more. Should it be there still, it is told what is over.
    pub(super) fn on_node_lost(&mut self, now: Instant, node: &NodeId) {
        let Some(cluster) = &mut self.cluster else { return };
        info!(%node, "lost a node");
        let asking = cluster.waits.take_all(&Topic::Node(node.clone()));
        let (carried, visits) = (cluster.carriages.lose(node), cluster.visits.lose(node));
        for (_, carriage) in &carried {
            cluster.send(node, &Mail::Said { carriage: *carriage, said: Said::Gone(Parting::Lost) });
        }
        for (_, carriage) in &visits {
            let dismissal = Dismissal::Interrupted;
            cluster.send(node, &Mail::Dismiss { carriage: *carriage, dismissal });
        }
        let is_asking =
            |connection: &ConnectionId| asking.iter().any(|waited| waited.connection == *connection);
        let interrupted: Vec<_> =
            carried.into_iter().map(|(connection, _)| connection).filter(|it| !is_asking(it)).collect();
        for Waited { connection, question, .. } in asking {
            if let Question::Greeting(hello) = question {
                self.greet(now, connection, hello);
            }
        }
        for connection in interrupted {
            self.dismiss(connection, Dismissal::Interrupted);
        }
        for (connection, _) in visits {
            self.on_visitor_gone(now, connection, Parting::Lost);
        }
        self.lose_promises(now, node);
    }

    /// Begins anew with nodes that something was not sent to.
    pub(in crate::hub) fn make_up(&mut self, now: Instant) {
        let missed = self.cluster.as_mut().map(|cluster| std::mem::take(&mut cluster.missed));
        for node in missed.unwrap_or_default() {
            self.on_node_lost(now, &node);
            self.mail(&node, &Mail::Lost);
        }
    }

    pub(super) fn on_cut_off(&mut self) {
        if let Some(cluster) = &mut self.cluster
            && cluster.reach.send_replace(false)
        {
            warn!("cut off from the other nodes");
        }
    }

    pub(super) fn on_back(&mut self, now: Instant) {
        let Some(cluster) = &mut self.cluster else { return };
        info!(node = %cluster.me, "one of several nodes");
        cluster.reach.send_replace(true);
        if std::mem::take(&mut cluster.has_lost_unseen) {
            cluster.doubts_until = Some(now + REASSERTION);
        }
        let commands: Vec<_> = cluster.waits.topics().filter_map(command_for).collect();
        for command in commands {
            cluster.tell(command);
        }
        self.claim_rest();
    }

    /// This node goes away: those whose sessions are elsewhere go on over another one.
    pub(in crate::hub) fn give_up_carried(&mut self) {
        let Some(cluster) = &self.cluster else { return };
        for connection in cluster.carriages.connections() {
            self.forget_carriage(connection);
            self.dismiss(connection, Dismissal::Interrupted);
        }
    }

    /// This node goes away: others may have what it has.
    pub(in crate::hub) fn resign(&mut self) {
        self.tell_broker(Command::Resign);
        if let Some(cluster) = &mut self.cluster {
            cluster.has_resigned = true;
        }
    }
}
