//! A service that counts, and a client that tells how a connection ended.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures::StreamExt;
use testbed::faults::{Action, Fault, Kind, Nemesis, Plan, Proxy, Upstream};
use tokio::sync::broadcast;

pub const STATUS: &str =
    "/apis/voicecampaign.dev/v1alpha1/namespaces/marketing/voicecampaigns/winback/status";
pub const WATCH: &str = "/apis/voicecampaign.dev/v1alpha1/voicecampaigns?watch=true";
/// Long enough for a loaded machine; what is waited for takes a fraction of it.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long nothing must come before a connection counts as silent.
pub const SILENCE: Duration = Duration::from_millis(300);

/// A service that remembers its requests, answers each with its name and the request's body, and sends to
/// watches what the test says.
#[derive(Clone)]
pub struct Service {
    pub url: String,
    name: &'static str,
    received: Arc<Mutex<Vec<Received>>>,
    events: broadcast::Sender<Bytes>,
}

#[derive(Clone, Debug)]
pub struct Received {
    pub method: String,
    pub uri: String,
    pub headers: axum::http::HeaderMap,
    pub body: String,
}

impl Service {
    pub async fn start(name: &'static str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (events, _) = broadcast::channel(16);
        let service = Self { url, name, received: Arc::default(), events };
        let router = Router::new().fallback(answer).with_state(service.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        service
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Sends something to every open watch.
    pub fn send(&self, event: &'static str) {
        self.events.send(Bytes::from_static(event.as_bytes())).unwrap();
    }

    /// A proxy before it, as if it were an API server, with one fault.
    pub fn with_fault(&self, kind: Kind, then: Action) -> (Proxy, Nemesis) {
        let nemesis = Nemesis::new();
        nemesis.arm(plan(vec![Fault::once(kind, 1, then)]));
        // Any certificate does for a service without TLS.
        let ca_pem = rcgen::generate_simple_self_signed(Vec::new()).unwrap().cert.pem();
        let upstream = Upstream::Kubernetes { url: self.url.clone(), ca_pem };
        (Proxy::start(upstream, nemesis.clone()).unwrap(), nemesis)
    }
}

pub fn plan(faults: Vec<Fault>) -> Plan {
    Plan { name: "test".into(), seed: 0, faults }
}

async fn answer(State(service): State<Service>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let body = String::from_utf8(body.into()).unwrap();
    let uri = head.uri.to_string();
    // Subscribed before it is counted, so that a test that has seen the request can send.
    let events = service.events.subscribe();
    let received =
        Received { method: head.method.to_string(), uri, headers: head.headers, body: body.clone() };
    service.received.lock().unwrap().push(received);
    let response = Response::builder().header("x-service", service.name);
    if head.uri.query() == Some("watch=true") {
        let events =
            futures::stream::unfold(events, |mut events| async { Some((events.recv().await.ok()?, events)) });
        return response.body(Body::from_stream(events.map(Ok::<_, std::io::Error>))).unwrap();
    }
    if head.uri.path() == "/elsewhere" {
        return response.status(307).header("location", "/").body(Body::empty()).unwrap();
    }
    response.body(Body::from(format!("{}:{body}", service.name))).unwrap()
}

/// How a connection stands when nothing more comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Closed,
    Reset,
    Silent,
}

/// A connection with one request under way.
pub struct Call {
    stream: TcpStream,
    pub started: Instant,
}

impl Call {
    /// Sends a request with the body "hello", unless it is a GET, and a token.
    pub fn start(address: SocketAddr, method: &str, path: &str) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        let body = if method == "GET" { "" } else { "hello" };
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: proxy\r\nAuthorization: Bearer t0ken\r\nConnection: close\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        Self { stream, started: Instant::now() }
    }

    /// Everything until the end, or until nothing comes for so long.
    pub fn hear(&mut self, patience: Duration) -> (String, End) {
        self.stream.set_read_timeout(Some(patience)).unwrap();
        let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
        let end = loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => break End::Closed,
                Ok(length) => text.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break End::Reset,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break End::Silent,
                Err(error) => panic!("{error}"),
            }
        };
        (String::from_utf8(text).unwrap(), end)
    }

    /// Waits until something has come that contains this.
    pub fn hear_until(&mut self, wanted: &str) -> String {
        let (deadline, mut heard) = (Instant::now() + PATIENCE, String::new());
        while !heard.contains(wanted) {
            let (text, end) = self.hear(Duration::from_millis(20));
            heard.push_str(&text);
            assert!(end == End::Silent && Instant::now() < deadline, "{end:?} before {wanted}: {heard}");
        }
        heard
    }
}

/// Sends a request and hears it to its end.
pub fn call(proxy: &Proxy, method: &str, path: &str) -> (String, End) {
    Call::start(proxy.address(), method, path).hear(PATIENCE)
}

/// The body of an answer whose length is known.
pub fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// Waits until it is as wanted.
pub fn eventually<T: PartialEq + std::fmt::Debug>(wanted: &T, look: impl Fn() -> T) {
    testbed::wait::until("it comes true", PATIENCE, || Ok((look() == *wanted).then_some(())))
        .unwrap_or_else(|error| panic!("{error}: {:?} instead of {wanted:?}", look()));
}
