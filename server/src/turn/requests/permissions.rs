//! Whom an allocation may reach: permissions, and channels, which are shorter to name.

use std::net::SocketAddr;

use stun_types::attribute::AttributeStaticType as _;
use stun_types::message::Message;
use stun_types::prelude::{Attribute as _, AttributeFromRaw as _};
use turn_types::attribute::{ChannelNumber, XorPeerAddress};

use super::User;
use crate::turn::allocation::Unbound;
use crate::turn::protocol::{Now, Output, RelayId, Turn, answered};
use crate::turn::{Client, Refusal, answer};

impl Turn {
    /// RFC 8656 section 10.2.
    pub(super) fn create_permission(
        &mut self,
        now: Now,
        client: Client,
        request: &Message<'_>,
        user: &User,
    ) -> Result<Output, Refusal> {
        let relay = self.relay_of(client)?;
        let mut peers = Vec::new();
        for (_, attribute) in request.iter_attributes() {
            if attribute.get_type() == XorPeerAddress::TYPE {
                let peer = XorPeerAddress::from_raw_ref(&attribute).map_err(|_| Refusal::BadRequest)?;
                let peer = peer.addr(request.transaction_id());
                peers.push((peer, self.admit(relay, peer)?));
            }
        }
        if peers.is_empty() {
            return Err(Refusal::BadRequest);
        }
        let allocation = self.allocations.get_mut(&relay).ok_or(Refusal::AllocationMismatch)?;
        for (peer, all_ports) in peers {
            allocation
                .permissions
                .install(now.at, peer.ip(), all_ports)
                .map_err(|_| Refusal::InsufficientCapacity)?;
        }
        Ok(answered(answer::success(request, &[], &user.key)))
    }

    /// RFC 8656 section 12.2.
    pub(super) fn bind_channel(
        &mut self,
        now: Now,
        client: Client,
        request: &Message<'_>,
        user: &User,
    ) -> Result<Output, Refusal> {
        let relay = self.relay_of(client)?;
        let attributes = (request.attribute::<ChannelNumber>(), request.attribute::<XorPeerAddress>());
        let (Ok(number), Ok(peer)) = attributes else { return Err(Refusal::BadRequest) };
        let (number, peer) = (number.channel(), peer.addr(request.transaction_id()));
        // To 0x7fff as in RFC 5766 section 11, since clients still choose from all of them.
        if !(0x4000..=0x7fff).contains(&number) {
            return Err(Refusal::BadRequest);
        }
        let all_ports = self.admit(relay, peer)?;
        let allocation = self.allocations.get_mut(&relay).ok_or(Refusal::AllocationMismatch)?;
        allocation.channels.bind(now.at, number, peer).map_err(|unbound| match unbound {
            Unbound::Taken => Refusal::BadRequest,
            Unbound::Full => Refusal::InsufficientCapacity,
        })?;
        allocation
            .permissions
            .install(now.at, peer.ip(), all_ports)
            .map_err(|_| Refusal::InsufficientCapacity)?;
        Ok(answered(answer::success(request, &[], &user.key)))
    }

    /// Whether a peer may be had by this relay, at all ports of its address.
    fn admit(&self, relay: RelayId, peer: SocketAddr) -> Result<bool, Refusal> {
        let allocation = self.allocations.get(&relay).ok_or(Refusal::AllocationMismatch)?;
        if allocation.relayed.is_ipv4() != peer.is_ipv4() {
            return Err(Refusal::FamilyMismatch);
        }
        self.peer_ports(peer).ok_or(Refusal::Forbidden)
    }
}
