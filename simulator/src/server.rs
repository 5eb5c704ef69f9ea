use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request as HttpRequest, State as Extract};
use axum::response::Response;
use http_body_util::BodyExt;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

use crate::api::{Answer, Request, Shared};
use crate::auth::App;
use crate::behaviour::Behaviour;
use crate::campaigns::CampaignKey;
use crate::control;
use crate::faults::{Fault, Outcome, When};
use crate::journal::Entry;

/// A simulator. Clones share one state; it serves for as long as the runtime lives.
#[derive(Clone)]
pub struct Simulator {
    address: SocketAddr,
    shared: Shared,
}

/// Marks an answer in whose place the connection is closed.
#[derive(Clone, Copy)]
struct Cut;

impl Simulator {
    /// Starts to serve on the given address (port 0: any free one).
    ///
    /// # Errors
    /// If the address can't be bound.
    pub async fn start(address: SocketAddr, apps: Vec<App>, behaviour: Behaviour) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Shared::default();
        {
            let mut state = shared.state();
            (state.apps, state.behaviour) = (apps, behaviour);
        }
        let router = control::router(shared.clone())
            .fallback_service(Router::new().fallback(serve_api).with_state(shared.clone()));
        tokio::spawn(async move {
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve_connection(stream, router.clone()));
                }
            }
        });
        Ok(Self { address, shared })
    }

    /// Base address, as `http://127.0.0.1:1234`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request so far, in the order of arrival.
    pub fn journal(&self) -> Vec<Entry> {
        self.shared.state().journal.clone()
    }

    /// The requests after the first so many.
    pub fn journal_since(&self, number: usize) -> Vec<Entry> {
        self.shared.state().journal_since(number)
    }

    /// Puts a campaign there; `fields` differ from the sample of the documents.
    pub fn seed(&self, key: CampaignKey, fields: &Value) {
        self.shared.state().campaigns.seed(key, fields);
    }

    /// Removes a campaign, as a person does in the service's own console.
    pub fn remove(&self, key: &CampaignKey) {
        self.shared.state().campaigns.remove(key);
    }

    /// Every campaign that is there.
    pub fn campaigns(&self) -> Vec<CampaignKey> {
        self.shared.state().campaigns.keys(jiff::Timestamp::now())
    }

    /// Whether this campaign is there.
    pub fn has(&self, key: &CampaignKey) -> bool {
        self.shared.state().campaigns.contains(key, jiff::Timestamp::now())
    }

    /// Adds a fault behind those in force.
    pub fn add_fault(&self, fault: Fault) {
        self.shared.state().faults.set(fault);
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.shared.state().faults.clear();
    }

    /// Changes the behaviour.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        self.shared.state().behaviour = behaviour;
    }

    /// Replaces the JWT apps, as a rotation of secrets does.
    pub fn set_apps(&self, apps: Vec<App>) {
        self.shared.state().apps = apps;
    }
}

async fn serve_connection(stream: TcpStream, router: Router) {
    let service = service_fn(move |request| {
        let router = router.clone();
        async move {
            let response: Response =
                router.oneshot(request).await.unwrap_or_else(|never: Infallible| match never {});
            if response.extensions().get::<Cut>().is_some() {
                return Err(io::Error::other("cut"));
            }
            Ok(response)
        }
    });
    // An error here is the client's going away, or a fault at work.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn serve_api(Extract(shared): Extract<Shared>, request: HttpRequest) -> Response {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
    let request = Request::new(parts.method, parts.uri, parts.headers, body);
    let (number, fault, refusal) = {
        let mut state = shared.state();
        let refusal = state.admit(&request).err();
        let fault = state.faults.take(request.operation, request.campaign_id.as_deref(), &request.account_id);
        let violation = refusal.as_ref().map(|refusal| refusal.body.to_string());
        state.journal.push(Entry { fault: fault.clone(), violation, ..request.entry() });
        (state.journal.len() - 1, fault, refusal)
    };
    let settle = || settle(&shared, number, &request, refusal.clone());
    let Some(Fault { delay_ms, when, then, .. }) = fault else {
        return normal(&settle());
    };
    tokio::time::sleep(Duration::from_millis(delay_ms)).await;
    let needs_truth = matches!(then, Outcome::Normal | Outcome::CutBody | Outcome::Drip(_));
    let truth = (needs_truth || when == When::AfterEffect).then(settle);
    match (then, truth) {
        (Outcome::Normal, Some(answer)) => normal(&answer),
        (Outcome::CutBody, Some(answer)) => {
            let text = answer.body.to_string().into_bytes();
            let half = text[..text.len() / 2].to_vec();
            with_body(&answer, in_parts(vec![Ok(half), Err(io::Error::other("cut"))], Duration::ZERO))
        }
        (Outcome::Drip(pause_ms), Some(answer)) => {
            let bytes = answer.body.to_string().into_bytes().into_iter().map(|byte| Ok(vec![byte]));
            with_body(&answer, in_parts(bytes.collect(), Duration::from_millis(pause_ms)))
        }
        (Outcome::Answer { status, headers, body }, _) => {
            note(&shared, number, |entry| entry.answer = Some(status));
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(Body::from(body)).unwrap_or_default()
        }
        (Outcome::Hang, _) => {
            note(&shared, number, |entry| entry.answer = None);
            std::future::pending().await
        }
        (Outcome::Cut | Outcome::Normal | Outcome::CutBody | Outcome::Drip(_), _) => {
            note(&shared, number, |entry| entry.answer = None);
            let mut response = Response::default();
            response.extensions_mut().insert(Cut);
            response
        }
    }
}

/// Lets a request take effect, unless it is refused, and writes its answer into the journal.
fn settle(shared: &Shared, number: usize, request: &Request, refusal: Option<Answer>) -> Answer {
    let answer = refusal.unwrap_or_else(|| shared.state().answer(request));
    note(shared, number, |entry| {
        entry.answer = Some(answer.status);
        entry.effect |= answer.effect;
    });
    answer
}

fn note(shared: &Shared, number: usize, change: impl FnOnce(&mut Entry)) {
    if let Some(entry) = shared.state().journal.get_mut(number) {
        change(entry);
    }
}

fn normal(answer: &Answer) -> Response {
    with_body(answer, Body::from(answer.body.to_string()))
}

fn with_body(answer: &Answer, body: Body) -> Response {
    let mut response = Response::builder().status(answer.status).header("content-type", "application/json");
    if let Some(seconds) = answer.retry_after {
        response = response.header("retry-after", seconds);
    }
    response.body(body).unwrap_or_default()
}

/// A body that comes in parts, with a pause before each.
fn in_parts(parts: Vec<io::Result<Vec<u8>>>, pause: Duration) -> Body {
    let stream = futures::stream::unfold(parts.into_iter(), move |mut parts| async move {
        let part = parts.next()?;
        tokio::time::sleep(pause).await;
        Some((part.map(Bytes::from), parts))
    });
    Body::from_stream(stream)
}
