//! Who is served, and until when.

use super::*;

#[test]
fn whoever_asks_has_to_prove_who_it_is() {
    let mut world = World::new();
    let mut owl = Caller::new("owl", 1);
    let mut bare = Message::builder_request(ALLOCATE, MessageWriteVec::new());
    bare.add_attribute(&RequestedTransport::new(RequestedTransport::UDP)).expect("it fits");
    let Sent::Answer(challenge) = world.send(owl.client, &bare.finish()) else { panic!("no challenge") };
    assert_eq!(code_of(&challenge), 401);
    let challenge = Message::from_bytes(&challenge).expect("a message");
    assert_eq!(challenge.attribute::<Realm>().expect("a realm").realm(), REALM);
    owl.nonce = challenge.attribute::<Nonce>().expect("a nonce").nonce().to_owned();
    let udp = RequestedTransport::new(RequestedTransport::UDP);
    let answer = owl.ask_once(&mut world, ALLOCATE, &[&udp]).expect("an answer");
    assert_eq!(relayed_in(&answer), at("198.41.0.4:50000"));
    assert_eq!((world.metrics.allocations.get(), world.refusals(401)), (1, 0), "that is no refusal");
}

#[test]
fn a_wrong_secret_and_a_name_of_nobody_are_refused() {
    let mut world = World::new();
    let forged = Caller::with(&mint("south", "owl", EPOCH_S + DAY_S), 1);
    let odd = Caller::with(&Credentials { username: "owl".to_owned(), password: "north".to_owned() }, 2);
    for mut caller in [forged, odd] {
        assert_eq!(caller.allocate(&mut world), 401);
    }
    assert_eq!((world.refusals(401), world.metrics.allocations_opened.get()), (2, 0));
}

#[test]
fn expired_credentials_begin_nothing() {
    let mut world = World::new();
    let mut owl = Caller::with(&mint(SECRET, "owl", EPOCH_S), 1);
    assert_eq!(owl.allocate(&mut world), 401);
}

#[test]
fn a_call_outlasts_its_credentials() {
    let limits = TurnLimits { age: Duration::from_secs(2 * DAY_S), ..TurnLimits::DEFAULT };
    let mut world = World::with(limits);
    let mut owl = Caller::new("owl", 1);
    owl.relayed(&mut world);
    for _ in 0..25 {
        assert_eq!(owl.refresh(&mut world, 3600), 0);
        assert_eq!(world.pass(3599), []);
    }
    assert_eq!(owl.refresh(&mut world, 3600), 0, "a day and an hour later");
    let mut again = Caller { client: Caller::new("owl", 2).client, ..owl };
    assert_eq!(again.allocate(&mut world), 401, "but begins nothing more");
}

#[test]
fn a_nonce_goes_stale_and_the_next_one_is_told() {
    let mut world = World::new();
    let mut owl = Caller::new("owl", 1);
    owl.relayed(&mut world);
    assert_eq!(owl.refresh(&mut world, 3600), 0);
    world.pass(3599);
    assert_eq!(owl.refresh(&mut world, 3600), 0);
    world.pass(3599);
    let answer = owl.ask_once(&mut world, REFRESH, &[]).expect("an answer");
    assert_eq!(code_of(&answer), 438);
    assert_eq!(owl.refresh(&mut world, 600), 0);
}

#[test]
fn nobody_takes_over_what_somebody_else_has() {
    let mut world = World::new();
    let mut owl = Caller::new("owl", 1);
    owl.relayed(&mut world);
    let mut eve = Caller::new("eve", 1);
    assert_eq!(eve.refresh(&mut world, 0), 441);
    assert_eq!(eve.allocate(&mut world), 441);
    assert_eq!(owl.allocate(&mut world), 437, "one relay for each address of a client");
}

#[test]
fn the_same_request_has_the_same_answer() {
    let mut world = World::new();
    let mut owl = Caller::new("owl", 1);
    let udp = RequestedTransport::new(RequestedTransport::UDP);
    owl.ask_once(&mut world, ALLOCATE, &[&udp]).expect("a challenge");
    let request = owl.request(ALLOCATE, &[&udp]);
    let [one, other] = [(), ()].map(|()| world.send(owl.client, &request));
    assert_eq!(one, other);
    assert_eq!(world.metrics.allocations_opened.get(), 1);
}

#[test]
fn a_relay_ends_when_it_is_not_refreshed() {
    let mut world = World::new();
    let mut owl = Caller::new("owl", 1);
    let (relay, _) = owl.relayed(&mut world);
    assert_eq!(world.pass(599), []);
    assert_eq!(world.pass(1), [relay]);
    assert_eq!(owl.refresh(&mut world, 600), 437);
    assert_eq!(world.metrics.allocations.get(), 0);
}

#[test]
fn a_relay_ends_when_its_client_says_so_or_goes() {
    let mut world = World::new();
    let mut owl = Caller::new("owl", 1);
    owl.relayed(&mut world);
    assert_eq!(owl.refresh(&mut world, 0), 0);
    assert_eq!(owl.refresh(&mut world, 600), 437);
    let (relay, _) = owl.relayed(&mut world);
    assert_eq!(world.turn.handle_gone(owl.client), Some(relay));
    assert_eq!(owl.refresh(&mut world, 600), 437);
}

#[test]
fn no_relay_lasts_for_ever() {
    let limits = TurnLimits { age: Duration::from_secs(5000), ..TurnLimits::DEFAULT };
    let mut world = World::with(limits);
    let mut owl = Caller::new("owl", 1);
    let (relay, _) = owl.relayed(&mut world);
    assert_eq!(owl.refresh(&mut world, u32::MAX), 0);
    assert_eq!(world.pass(3599), [], "an hour at most at once");
    assert_eq!(owl.refresh(&mut world, 3600), 0);
    assert_eq!(world.pass(1401), [relay]);
}

#[test]
fn what_is_not_offered_is_refused_with_its_code() {
    let mut world = World::new();
    let tcp = RequestedTransport::new(RequestedTransport::TCP);
    let udp = RequestedTransport::new(RequestedTransport::UDP);
    let mut owl = Caller::new("owl", 1);
    assert_eq!(owl.ask(&mut world, ALLOCATE, &[&tcp]), 442);
    assert_eq!(owl.ask(&mut world, ALLOCATE, &[]), 400);
    let token = turn_types::attribute::ReservationToken::new(1);
    assert_eq!(owl.ask(&mut world, ALLOCATE, &[&udp, &token]), 508);
    let fragment = turn_types::attribute::DontFragment::new();
    assert_eq!(owl.ask(&mut world, ALLOCATE, &[&udp, &fragment]), 420);
    assert_eq!(owl.refresh(&mut world, 600), 437);
}

#[test]
fn an_ipv6_relay_is_one_of_its_own() {
    let mut world = World::new();
    let mut owl = Caller::new("owl", 1);
    let udp = RequestedTransport::new(RequestedTransport::UDP);
    let ipv6 = turn_types::attribute::RequestedAddressFamily::new(turn_types::AddressFamily::IPV6);
    assert_eq!(owl.ask(&mut world, ALLOCATE, &[&udp, &ipv6]), 0);
    assert_eq!(owl.permit(&mut world, at("1.1.1.1:5")), 443);
    assert_eq!(owl.permit(&mut world, at("[2606:4700::1111]:5")), 0);
    world.turn.settings.announced.truncate(1);
    assert_eq!(Caller::new("cat", 2).ask(&mut world, ALLOCATE, &[&udp, &ipv6]), 440);
}
