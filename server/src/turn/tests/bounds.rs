//! What nobody can make the server do.

use rand::RngExt as _;
use stun_types::attribute::{AttributeType, RawAttribute};
use stun_types::message::BINDING;

use super::*;

#[test]
fn relays_are_limited_by_user_by_address_and_all_together() {
    let limits = TurnLimits {
        allocations: 5,
        allocations_per_user: 2,
        allocations_per_address: 4,
        ..TurnLimits::DEFAULT
    };
    let mut world = World::with(limits);
    let codes: Vec<_> = ["owl", "owl", "owl", "cat", "cat", "fox"]
        .into_iter()
        .zip(1..)
        .map(|(id, port)| Caller::new(id, port).allocate(&mut world))
        .collect();
    assert_eq!(codes, [0, 0, 486, 0, 0, 486]);
    let elsewhere = |port| {
        let mut caller = Caller::new("hen", port);
        caller.client.address = SocketAddr::from(([192, 0, 2, 99], port));
        caller
    };
    assert_eq!(elsewhere(1).allocate(&mut world), 0);
    assert_eq!(elsewhere(2).allocate(&mut world), 508);
}

#[test]
fn without_a_free_port_there_is_no_relay_and_none_is_counted() {
    let mut world = World::new();
    world.port = None;
    assert_eq!(Caller::new("owl", 1).allocate(&mut world), 508);
    assert_eq!((world.metrics.allocations.get(), world.refusals(508)), (0, 1));
    world.port = Some(50_000);
    assert_eq!(Caller::new("owl", 1).allocate(&mut world), 0);
}

#[test]
fn a_relay_passes_no_more_than_its_bandwidth() {
    let limits = TurnLimits { bytes_per_s: 10_000, ..TurnLimits::DEFAULT };
    let mut world = World::with(limits);
    let mut owl = Caller::new("owl", 1);
    let (relay, _) = owl.relayed(&mut world);
    let peer = at("1.1.1.1:4000");
    assert_eq!(owl.bind(&mut world, 0x4000, peer), 0);
    let packet = [&b"\x40\x00\x03\xe8"[..], &[7; 1000]].concat();
    let sent = (0..50).filter(|_| world.send(owl.client, &packet) != Sent::Nothing).count();
    let heard = (0..50).filter(|_| world.hear(relay, peer, &[7; 1000]).is_some()).count();
    assert_eq!((sent, heard, world.metrics.dropped.get()), (10, 10, 80));
    world.pass(1);
    assert!(world.hear(relay, peer, &[7; 1000]).is_some());
}

#[test]
fn who_has_not_proved_anything_is_answered_in_few_bytes() {
    let mut world = World::new();
    let client = Caller::new("owl", 1).client;
    for (method, most) in [(BINDING, 2.0), (ALLOCATE, 3.5), (REFRESH, 3.5), (CREATE_PERMISSION, 3.5)] {
        let request = Message::builder_request(method, MessageWriteVec::new()).finish();
        let Sent::Answer(answer) = world.send(client, &request) else { panic!("no answer to {method}") };
        let times = answer.len() as f64 / request.len() as f64;
        assert!(times <= most, "{} bytes for {} to {method}", answer.len(), request.len());
    }
}

#[test]
fn who_has_not_proved_anything_is_answered_so_often_and_no_more() {
    let mut world = World::new();
    let client = Caller::new("owl", 1).client;
    for method in [BINDING, ALLOCATE] {
        let request = Message::builder_request(method, MessageWriteVec::new()).finish();
        let answered = (0..10_000).filter(|_| world.send(client, &request) != Sent::Nothing).count();
        assert_eq!(answered, 200, "{method}");
        world.pass(10);
    }
}

#[test]
fn garbage_is_not_answered() {
    let mut world = World::new();
    let client = Caller::new("owl", 1).client;
    let binding = Message::builder_request(BINDING, MessageWriteVec::new()).finish();
    let cut = &binding[..19];
    let behind = [&binding[..], b"behind"].concat();
    let mut other_cookie = binding.clone();
    other_cookie[4] ^= 1;
    let success =
        Message::builder_success(&Message::from_bytes(&binding).expect("a message"), MessageWriteVec::new())
            .finish();
    let unknown = Message::builder_request(Method::new(0x555), MessageWriteVec::new()).finish();
    let empty: &[u8] = &[];
    for garbage in [
        empty,
        &[0],
        &[0x40],
        &[0x40, 0, 0, 9],
        &[0xff; 100],
        &[0; 100],
        cut,
        &behind,
        &other_cookie,
        &success,
        &unknown,
    ] {
        assert_eq!(world.send(client, garbage), Sent::Nothing, "{garbage:?}");
    }
}

#[test]
fn nothing_that_is_sent_makes_it_panic() {
    let mut world = World::new();
    let mut owl = Caller::new("owl", 1);
    let (relay, _) = owl.relayed(&mut world);
    let peer = at("1.1.1.1:4000");
    assert_eq!(owl.bind(&mut world, 0x4000, peer), 0);
    let udp = RequestedTransport::new(RequestedTransport::UDP);
    let mut send = Message::builder_indication(SEND, MessageWriteVec::new());
    let transaction = send.transaction_id();
    send.add_attribute(&XorPeerAddress::new(peer, transaction)).expect("it fits");
    send.add_attribute(&Data::new(b"hello")).expect("it fits");
    let samples = [
        owl.request(ALLOCATE, &[&udp]),
        owl.request(REFRESH, &[&Lifetime::new(600)]),
        owl.request(CREATE_PERMISSION, &[]),
        send.finish(),
        b"\x40\x00\x00\x05hello".to_vec(),
    ];
    let mut rng = StdRng::seed_from_u64(7);
    for _ in 0..200_000 {
        let mut packet = samples[rng.random_range(0..samples.len())].clone();
        for _ in 0..rng.random_range(1..6) {
            let place = rng.random_range(0..packet.len());
            packet[place] = rng.random();
        }
        packet.truncate(rng.random_range(0..=2 * packet.len()));
        world.send(owl.client, &packet);
    }
    // It is still there for whoever makes sense.
    assert_eq!(owl.bind(&mut world, 0x4000, peer), 0);
    assert!(world.hear(relay, peer, b"x").is_some());
}

#[test]
fn nothing_that_a_known_user_sends_makes_it_panic() {
    let mut world = World::new();
    let mut owl = Caller::new("owl", 1);
    owl.relayed(&mut world);
    assert_eq!(owl.refresh(&mut world, 600), 0);
    let types = [0x000c, 0x000d, 0x0012, 0x0013, 0x0017, 0x0018, 0x0019, 0x001a, 0x0022, 0x8000, 0x8022];
    let methods = [ALLOCATE, REFRESH, CREATE_PERMISSION, CHANNEL_BIND];
    let mut rng = StdRng::seed_from_u64(8);
    for _ in 0..20_000 {
        let mut request =
            Message::builder_request(methods[rng.random_range(0..methods.len())], MessageWriteVec::new());
        for _ in 0..rng.random_range(0..4) {
            let kind = AttributeType::new(types[rng.random_range(0..types.len())]);
            let value: Vec<u8> = (0..rng.random_range(0..24)).map(|_| rng.random_range(0..4)).collect();
            // It may be there already.
            request.add_attribute(&RawAttribute::new(kind, &value)).ok();
        }
        let request = owl.sign(request);
        assert!(matches!(world.send(owl.client, &request), Sent::Answer(_)));
    }
}
