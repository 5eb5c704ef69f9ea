//! What a proxy does where no fault hits.

use testbed::faults::{Action, Kind};

use crate::support::{Call, End, PATIENCE, SILENCE, STATUS, Service, WATCH, body, call, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_and_its_answer_pass_as_they_are() {
    let service = Service::start("true").await;
    let (proxy, nemesis) = service.with_fault(Kind::Event, Action::Hang);
    let (heard, _) = call(&proxy, "PATCH", &format!("{STATUS}?fieldManager=a%2Fb"));
    let [request] = service.received().try_into().unwrap();
    assert_eq!((request.method.as_str(), request.body.as_str()), ("PATCH", "hello"));
    assert_eq!(request.uri, format!("{STATUS}?fieldManager=a%2Fb"));
    assert_eq!(request.headers["authorization"], "Bearer t0ken");
    assert_eq!(request.headers["host"], service.url.trim_start_matches("http://"));
    assert!(!request.headers.contains_key("connection"), "{:?}", request.headers);
    assert!(heard.contains("x-service: true\r\n") && heard.contains("content-length: 10\r\n"), "{heard}");
    assert_eq!(body(&heard), "true:hello");
    let [seen] = nemesis.effects().try_into().unwrap();
    assert_eq!((seen.answer, seen.injected), (Some(200), None));
}

/// The token would go along.
#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_passed_on_and_not_followed() {
    let service = Service::start("true").await;
    let (proxy, _) = service.with_fault(Kind::Event, Action::Hang);
    let (heard, _) = call(&proxy, "GET", "/elsewhere");
    assert!(heard.starts_with("HTTP/1.1 307 ") && heard.contains("location: /\r\n"), "{heard}");
    assert_eq!(service.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_go_to_another_server_after_a_switch_and_open_watches_stay() {
    let [first, second] = [Service::start("first").await, Service::start("second").await];
    let (proxy, _) = first.with_fault(Kind::Event, Action::Hang);
    let mut watch = Call::start(proxy.address(), "GET", WATCH);
    watch.hear_until("x-service: first");
    proxy.switch_to(&second.url);
    assert_eq!(body(&call(&proxy, "PATCH", STATUS).0), "second:hello");
    first.send("still-here");
    watch.hear_until("still-here");
}

#[tokio::test(flavor = "multi_thread")]
async fn cutting_all_closes_what_is_open_and_nothing_later() {
    let service = Service::start("true").await;
    let (proxy, _) = service.with_fault(Kind::Status, Action::Hang);
    let mut watch = Call::start(proxy.address(), "GET", WATCH);
    watch.hear_until("x-service");
    let mut hanging = Call::start(proxy.address(), "PATCH", STATUS);
    assert_eq!(hanging.hear(SILENCE).1, End::Silent);
    proxy.cut_all();
    assert_eq!(watch.hear(PATIENCE).1, End::Closed);
    assert_eq!(hanging.hear(PATIENCE).1, End::Closed);
    assert_eq!(body(&call(&proxy, "PATCH", STATUS).0), "true:hello");
}

/// Without a proxy between them the client would see a connection that fails, not an answer of somebody else.
#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_is_gone_is_a_closed_connection() {
    let service = Service::start("true").await;
    let (proxy, nemesis) = service.with_fault(Kind::Event, Action::Hang);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    proxy.switch_to(&format!("http://{nobody}"));
    assert_eq!(call(&proxy, "PATCH", STATUS), (String::new(), End::Closed));
    assert_eq!(nemesis.effects()[0].answer, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_proxy_is_gone_with_its_connections() {
    let service = Service::start("true").await;
    let (proxy, _) = service.with_fault(Kind::Status, Action::Hang);
    let address = proxy.address();
    let mut hanging = Call::start(address, "PATCH", STATUS);
    assert_eq!(hanging.hear(SILENCE).1, End::Silent);
    drop(proxy);
    assert_eq!(hanging.hear(PATIENCE).1, End::Closed);
    eventually(&true, || std::net::TcpStream::connect(address).is_err());
}
