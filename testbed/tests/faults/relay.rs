//! The relay, before the counting service.

use testbed::faults::Relay;

use crate::support::{Call, End, PATIENCE, SILENCE, STATUS, Service, WATCH, body};

async fn relayed() -> (Service, Relay) {
    let service = Service::start("true").await;
    let relay = Relay::start(service.url.trim_start_matches("http://").parse().unwrap()).unwrap();
    (service, relay)
}

fn answered(call: &mut Call) {
    assert_eq!(body(&call.hear(PATIENCE).0), "true:hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_relay_carries_nothing_either_way_and_all_of_it_after_the_thaw() {
    let (service, relay) = relayed().await;
    let mut watch = Call::start(relay.address(), "GET", WATCH);
    watch.hear_until("x-service");
    relay.freeze();
    service.send("during");
    assert_eq!(watch.hear(SILENCE), (String::new(), End::Silent));
    let mut begun_later = Call::start(relay.address(), "PATCH", STATUS);
    assert_eq!(begun_later.hear(SILENCE), (String::new(), End::Silent));
    assert_eq!(service.received().len(), 1, "the new connection has come through");
    relay.thaw();
    watch.hear_until("during");
    answered(&mut begun_later);
}

/// As when a load balancer forgets an idle connection: nobody is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_in_the_black_hole_never_comes_back_and_new_ones_work() {
    let (service, relay) = relayed().await;
    let mut forgotten = Call::start(relay.address(), "GET", WATCH);
    forgotten.hear_until("x-service");
    relay.blackhole();
    relay.thaw();
    answered(&mut Call::start(relay.address(), "PATCH", STATUS));
    service.send("unheard");
    assert_eq!(forgotten.hear(SILENCE), (String::new(), End::Silent));
    relay.cut();
    assert_eq!(forgotten.hear(PATIENCE), (String::new(), End::Closed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_relay_closes_what_is_open_also_while_it_is_frozen() {
    let (_service, relay) = relayed().await;
    let mut watch = Call::start(relay.address(), "GET", WATCH);
    watch.hear_until("x-service");
    relay.freeze();
    relay.cut();
    assert_eq!(watch.hear(PATIENCE).1, End::Closed);
    relay.thaw();
    answered(&mut Call::start(relay.address(), "PATCH", STATUS));
}
