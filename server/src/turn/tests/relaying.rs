//! What is passed on, and to whom.

use super::*;

const PEER: &str = "1.1.1.1:4000";

#[test]
fn data_goes_both_ways_by_indications() {
    let mut world = World::new();
    let mut owl = Caller::new("owl", 1);
    let (relay, _) = owl.relayed(&mut world);
    let peer = at(PEER);
    assert_eq!(owl.indicate(&mut world, peer, b"hello"), Sent::Nothing, "no permission yet");
    assert_eq!(world.hear(relay, peer, b"hello"), None);
    assert_eq!(owl.permit(&mut world, peer), 0);
    let sent = owl.indicate(&mut world, peer, b"hello");
    assert_eq!(sent, Sent::ToPeer { relay, peer, data: b"hello".to_vec() });
    let heard = world.hear(relay, at("1.1.1.1:9"), b"who?").expect("any port of the address");
    let message = Message::from_bytes(&heard).expect("an indication");
    assert_eq!(message.attribute::<Data<'_>>().expect("data").data(), b"who?");
    let from = message.attribute::<XorPeerAddress>().expect("a peer").addr(message.transaction_id());
    assert_eq!(from, at("1.1.1.1:9"));
    assert_eq!((world.metrics.bytes_to_peers.get(), world.metrics.bytes_to_clients.get()), (5, 4));
}

#[test]
fn data_goes_both_ways_by_a_channel() {
    let mut world = World::new();
    let mut owl = Caller::new("owl", 1);
    let (relay, _) = owl.relayed(&mut world);
    let peer = at(PEER);
    assert_eq!(owl.bind(&mut world, 0x4001, peer), 0);
    let sent = world.send(owl.client, b"\x40\x01\x00\x05hello\0\0\0");
    assert_eq!(sent, Sent::ToPeer { relay, peer, data: b"hello".to_vec() });
    assert_eq!(world.hear(relay, peer, b"who?").as_deref(), Some(&b"\x40\x01\x00\x04who?"[..]));
    assert_eq!(world.send(owl.client, b"\x40\x02\x00\x05hello"), Sent::Nothing, "not bound");
    assert_eq!(owl.bind(&mut world, 0x4001, at("1.1.1.2:1")), 400);
    assert_eq!(owl.bind(&mut world, 0x3fff, at("1.1.1.2:1")), 400);
}

#[test]
fn a_permission_that_is_not_renewed_ends() {
    let mut world = World::new();
    let mut owl = Caller::new("owl", 1);
    let (relay, _) = owl.relayed(&mut world);
    assert_eq!(owl.bind(&mut world, 0x4001, at(PEER)), 0);
    world.pass(299);
    assert!(world.hear(relay, at(PEER), b"x").is_some());
    world.pass(1);
    assert!(world.hear(relay, at(PEER), b"x").is_none());
    assert_eq!(world.send(owl.client, b"\x40\x01\x00\x01x"), Sent::Nothing);
    assert_eq!(owl.permit(&mut world, at(PEER)), 0);
    assert!(world.hear(relay, at(PEER), b"x").is_some_and(|packet| packet.starts_with(b"\x40\x01")));
}

#[test]
fn forbidden_peers_are_refused_and_nothing_is_sent_to_them() {
    let mut world = World::new();
    let udp = RequestedTransport::new(RequestedTransport::UDP);
    let ipv6 = turn_types::attribute::RequestedAddressFamily::new(turn_types::AddressFamily::IPV6);
    let (mut owl, mut cat) = (Caller::new("owl", 1), Caller::new("cat", 2));
    assert_eq!(owl.allocate(&mut world), 0);
    assert_eq!(cat.ask(&mut world, ALLOCATE, &[&udp, &ipv6]), 0);
    for peer in ["127.0.0.1:22", "10.0.0.1:1", "169.254.169.254:80", "198.41.0.4:22", "198.41.0.5:22"] {
        assert_eq!(owl.permit(&mut world, at(peer)), 403, "{peer}");
        assert_eq!(owl.bind(&mut world, 0x4001, at(peer)), 403, "{peer}");
        assert_eq!(owl.indicate(&mut world, at(peer), b"x"), Sent::Nothing, "{peer}");
    }
    for peer in [
        "[::1]:22",
        "[::ffff:127.0.0.1]:22",
        "[::127.0.0.1]:22",
        "[64:ff9b::a9fe:a9fe]:80",
        "[2002:7f00:1::]:22",
        "[2001:0:7f00:1::fefe:fefe]:1",
        "[fd00:ec2::254]:80",
        "[fe80::1]:1",
        "[2001:500:2::c]:22",
    ] {
        assert_eq!(cat.permit(&mut world, at(peer)), 403, "{peer}");
        assert_eq!(cat.bind(&mut world, 0x4001, at(peer)), 403, "{peer}");
        assert_eq!(cat.indicate(&mut world, at(peer), b"x"), Sent::Nothing, "{peer}");
    }
    assert_eq!(world.refusals(403), 2 * (5 + 9));
    assert_eq!(world.metrics.bytes_to_peers.get(), 0);
}

#[test]
fn two_relays_of_this_server_reach_each_other_and_nothing_else_of_it() {
    let mut world = World::new();
    let (mut owl, mut cat) = (Caller::new("owl", 1), Caller::new("cat", 2));
    let (_, owl_at) = owl.relayed(&mut world);
    let (_, cat_at) = cat.relayed(&mut world);
    assert_eq!(owl.bind(&mut world, 0x4001, cat_at), 0);
    assert_eq!(world.send(owl.client, b"\x40\x01\x00\x01x"), Sent::Nothing, "the cat does not want it");
    assert_eq!(cat.bind(&mut world, 0x4009, owl_at), 0);
    let sent = world.send(owl.client, b"\x40\x01\x00\x01x");
    assert_eq!(sent, Sent::ToClient { client: cat.client, packet: b"\x40\x09\x00\x01x".to_vec() });
    // A permission is for an address, but not for all that this server has at it.
    assert_eq!(owl.indicate(&mut world, SocketAddr::new(cat_at.ip(), 22), b"x"), Sent::Nothing);
    assert_eq!(cat.refresh(&mut world, 0), 0);
    assert_eq!(world.send(owl.client, b"\x40\x01\x00\x01x"), Sent::Nothing);
}

#[test]
fn what_the_operator_allows_is_reached() {
    let mut world = World::new();
    world.turn.settings.allow = vec!["10.0.0.0/8".parse().expect("a network")];
    let mut owl = Caller::new("owl", 1);
    let (relay, _) = owl.relayed(&mut world);
    let peer = at("10.1.2.3:4000");
    assert_eq!(owl.permit(&mut world, peer), 0);
    assert_eq!(owl.indicate(&mut world, peer, b"x"), Sent::ToPeer { relay, peer, data: b"x".to_vec() });
    assert_eq!(owl.permit(&mut world, at("192.168.1.1:1")), 403);
}
