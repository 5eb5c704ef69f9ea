//! Streams: passed piece by piece, held, cut.

use testbed::faults::{Action, Fault, Kind, Lasting, Trigger};

use crate::support::{Call, End, PATIENCE, SILENCE, STATUS, Service, WATCH, body, call, plan};

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_delivers_each_event_when_it_comes() {
    let service = Service::start("true").await;
    let (proxy, _) = service.with_fault(Kind::Status, Action::Hang);
    let mut watch = Call::start(proxy.address(), "GET", WATCH);
    watch.hear_until("x-service");
    for event in ["one", "two", "three"] {
        service.send(event);
        watch.hear_until(event);
    }
}

/// The stale cache: the operator has written, and does not see it.
#[tokio::test(flavor = "multi_thread")]
async fn held_watches_deliver_later_what_came_since_an_effect() {
    let service = Service::start("true").await;
    let (proxy, nemesis) = service.with_fault(Kind::Status, Action::HoldWatch);
    let mut watch = Call::start(proxy.address(), "GET", WATCH);
    watch.hear_until("x-service");
    service.send("before");
    watch.hear_until("before");
    assert_eq!(body(&call(&proxy, "PATCH", STATUS).0), "true:hello");
    service.send("during");
    assert_eq!(watch.hear(SILENCE), (String::new(), End::Silent));
    let mut begun_later = Call::start(proxy.address(), "GET", WATCH);
    begun_later.hear_until("x-service");
    service.send("later");
    assert_eq!(begun_later.hear(SILENCE).1, End::Silent);
    nemesis.disarm();
    assert!(watch.hear_until("later").contains("during"));
    assert!(!begun_later.hear_until("later").contains("during"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_watch_is_held_from_the_moment_a_plan_is_armed_and_for_its_time() {
    let service = Service::start("true").await;
    let (proxy, nemesis) = service.with_fault(Kind::Status, Action::Hang);
    let mut watch = Call::start(proxy.address(), "GET", WATCH);
    watch.hear_until("x-service");
    let at = Trigger { kinds: vec![Kind::Watch], from: 1, lasting: Lasting::ForMs(1500) };
    nemesis.arm(plan(vec![Fault { at, then: Action::HoldWatch }]));
    service.send("during");
    assert_eq!(watch.hear(SILENCE).1, End::Silent);
    assert!(!nemesis.spent());
    watch.hear_until("during");
    assert!(nemesis.spent());
}

/// An event that ends in the middle of its JSON.
#[tokio::test(flavor = "multi_thread")]
async fn a_cut_watch_ends_in_the_middle_of_its_first_event() {
    let service = Service::start("true").await;
    let (proxy, _) = service.with_fault(Kind::Watch, Action::CutBody);
    let mut watch = Call::start(proxy.address(), "GET", WATCH);
    watch.hear_until("x-service");
    service.send("an event");
    let (heard, end) = watch.hear(PATIENCE);
    assert!(heard.contains("an e") && !heard.contains("an ev") && !heard.ends_with("0\r\n\r\n"), "{heard}");
    assert_eq!(end, End::Closed);
}

/// A watch has no end to wait for: its answer is complete with the head.
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_whose_answer_is_lost_is_closed_at_once() {
    let service = Service::start("true").await;
    let (proxy, _) = service.with_fault(Kind::Watch, Action::LoseAnswer);
    assert_eq!(call(&proxy, "GET", WATCH), (String::new(), End::Closed));
    assert_eq!(service.received().len(), 1);
}
