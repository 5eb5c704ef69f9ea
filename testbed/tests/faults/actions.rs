//! Each action, at one PATCH.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use testbed::faults::{Action, Answer, Fault, Kind, Nemesis, Proxy, Upstream};

use crate::support::{Call, End, PATIENCE, SILENCE, STATUS, Service, body, call, eventually, plan};

/// What a client hears from a PATCH with this fault, which the service gets so often; and the answer in the
/// record.
async fn patch_with(then: Action, forwarded: usize) -> (String, End, Option<u16>) {
    let service = Service::start("true").await;
    let (proxy, nemesis) = service.with_fault(Kind::Status, then.clone());
    let patience = if matches!(then, Action::Hang | Action::HangAfter) { SILENCE } else { PATIENCE };
    let (heard, end) = Call::start(proxy.address(), "PATCH", STATUS).hear(patience);
    eventually(&forwarded, || service.received().len());
    eventually(&(forwarded > 0), || nemesis.effects()[0].answer.is_some());
    let [seen] = nemesis.effects().try_into().unwrap();
    assert_eq!(seen.injected, Some(then));
    assert_eq!((nemesis.injected(), nemesis.spent()), (1, true));
    (heard, end, seen.answer)
}

/// When the operator dies before its request, the service must never hear of it.
#[tokio::test(flavor = "multi_thread")]
async fn crash_before_kills_before_the_service_has_the_request() {
    assert_eq!(crash(Action::CrashBefore).await, (vec![(0, None)], 0));
}

/// When it dies after its request, the request has taken effect at the moment of death, not some time later;
/// and the record says so.
#[tokio::test(flavor = "multi_thread")]
async fn crash_after_kills_when_the_service_has_answered() {
    assert_eq!(crash(Action::CrashAfter).await, (vec![(1, Some(200))], 1));
}

/// At each kill, what the service had got and what the record said; and what the service had got in the end.
async fn crash(then: Action) -> (Vec<(usize, Option<u16>)>, usize) {
    let service = Service::start("true").await;
    let (proxy, nemesis) = service.with_fault(Kind::Status, then);
    let kills = Arc::new(Mutex::new(Vec::new()));
    let (noted, seen, record) = (kills.clone(), service.clone(), nemesis.clone());
    nemesis.on_crash(Arc::new(move || {
        noted.lock().unwrap().push((seen.received().len(), record.effects()[0].answer));
    }));
    assert_eq!(call(&proxy, "PATCH", STATUS), (String::new(), End::Closed));
    let kills = kills.lock().unwrap().clone();
    (kills, service.received().len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_request_reaches_nobody_and_a_lost_answer_has_taken_effect() {
    assert_eq!(patch_with(Action::LoseRequest, 0).await, (String::new(), End::Closed, None));
    assert_eq!(patch_with(Action::LoseAnswer, 1).await, (String::new(), End::Closed, Some(200)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_request_keeps_its_connection_open_without_a_byte() {
    assert_eq!(patch_with(Action::Hang, 0).await, (String::new(), End::Silent, None));
    assert_eq!(patch_with(Action::HangAfter, 1).await, (String::new(), End::Silent, Some(200)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_is_a_reset_and_no_close() {
    assert_eq!(patch_with(Action::Reset, 0).await, (String::new(), End::Reset, None));
}

/// With the length in the head the client can tell that something is missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_cut_body_has_the_true_head_and_half_of_the_bytes() {
    let (heard, end, answer) = patch_with(Action::CutBody, 1).await;
    assert_eq!((end, answer), (End::Closed, Some(200)));
    assert!(heard.starts_with("HTTP/1.1 200 OK") && heard.contains("content-length: 10\r\n"), "{heard}");
    assert_eq!(body(&heard), "true:");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_is_complete_in_the_end() {
    let service = Service::start("a service with a name of more than thirty-two bytes").await;
    let (proxy, _) = service.with_fault(Kind::Status, Action::Slow { pause_ms: 100 });
    let mut slow = Call::start(proxy.address(), "PATCH", STATUS);
    let (heard, end) = slow.hear(PATIENCE);
    assert_eq!(
        (body(&heard), end),
        ("a service with a name of more than thirty-two bytes:hello", End::Closed)
    );
    assert!(slow.started.elapsed() >= Duration::from_millis(400), "{:?}", slow.started.elapsed());
}

/// A network that is slow delivers what was sent also when the sender has given up.
#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_request_arrives_later_whether_or_not_anybody_waits() {
    let service = Service::start("true").await;
    let (proxy, nemesis) = service.with_fault(Kind::Status, Action::Delay { ms: 300 });
    let mut delayed = Call::start(proxy.address(), "PATCH", STATUS);
    assert_eq!(body(&delayed.hear(PATIENCE).0), "true:hello");
    assert!(delayed.started.elapsed() >= Duration::from_millis(300));
    nemesis.arm(plan(vec![Fault::once(Kind::Status, 1, Action::Delay { ms: 300 })]));
    let given_up = Call::start(proxy.address(), "PATCH", STATUS);
    eventually(&1, || nemesis.injected());
    drop(given_up);
    eventually(&2, || service.received().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_the_api_server_is_the_object_that_kubernetes_sends() {
    let headers = BTreeMap::from([("retry-after".to_owned(), "7".to_owned())]);
    let refusal = Answer { headers, ..Answer::status(429) };
    let (heard, end, _) = patch_with(Action::Answer(refusal), 0).await;
    assert_eq!(end, End::Closed);
    assert!(heard.starts_with("HTTP/1.1 429 ") && heard.contains("retry-after: 7\r\n"), "{heard}");
    assert!(heard.contains("content-type: application/json\r\n"), "{heard}");
    let object: Value = serde_json::from_str(body(&heard)).unwrap();
    assert_eq!((&object["reason"], &object["code"]), (&json!("TooManyRequests"), &json!(429)));
}

/// The telling fault of the literature: what was refused has happened.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_after_hides_an_effect() {
    let (heard, _, answer) = patch_with(Action::AnswerAfter(Answer::status(504)), 1).await;
    assert!(heard.starts_with("HTTP/1.1 504 "), "{heard}");
    assert_eq!(answer, Some(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_kore_is_only_what_the_plan_says() {
    let service = Service::start("true").await;
    let nemesis = Nemesis::new();
    let proxy = Proxy::start(Upstream::Kore { url: service.url.clone() }, nemesis.clone()).unwrap();
    nemesis.arm(plan(vec![Fault::once(Kind::KoreDelete, 1, Action::Answer(Answer::status(503)))]));
    let (heard, _) = call(&proxy, "DELETE", "/campaign/api/v2/public/st-1/campaign/cd-1?accountId=a");
    assert!(heard.starts_with("HTTP/1.1 503 ") && body(&heard).is_empty(), "{heard}");
    assert_eq!(nemesis.effects()[0].path, "/campaign/api/v2/public/st-1/campaign/cd-1");
}

/// "The k-th effect" of a run must not depend on which service it goes to.
#[tokio::test(flavor = "multi_thread")]
async fn one_plan_counts_the_effects_of_both_proxies() {
    let service = Service::start("true").await;
    let (kubernetes, nemesis) = service.with_fault(Kind::Other, Action::Hang);
    let kore = Proxy::start(Upstream::Kore { url: service.url.clone() }, nemesis.clone()).unwrap();
    nemesis.arm(plan(vec![Fault::at_effect(2, Action::CrashAfter)]));
    let kills = Arc::new(AtomicUsize::new(0));
    let counter = kills.clone();
    nemesis.on_crash(Arc::new(move || {
        counter.fetch_add(1, Ordering::SeqCst);
    }));
    assert_eq!(body(&call(&kubernetes, "PATCH", STATUS).0), "true:hello");
    assert_eq!(body(&call(&kubernetes, "GET", "/api/v1/secrets").0), "true:");
    assert_eq!(
        call(&kore, "GET", "/campaign/api/v2/public/st-1/campaign/cd-1"),
        (String::new(), End::Closed)
    );
    assert_eq!(kills.load(Ordering::SeqCst), 1);
    let kinds: Vec<_> = nemesis.effects().iter().map(|seen| (seen.index, seen.kind)).collect();
    assert_eq!(kinds, [(1, Kind::Status), (2, Kind::KoreGet)]);
}
