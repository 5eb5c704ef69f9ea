//! Serves `/livez`, `/readyz` and `/metrics`.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::Instant;

use super::health::Health;
use crate::metrics::{Format, Metrics, Rendered};

/// Most open connections: ten times what the kubelet's probes and a few scrapers need. One more closes the
/// oldest, which is idle, because a response takes milliseconds.
const CONNECTIONS: usize = 32;
/// How long a connection may be idle, or take to send a request. Longer than the usual scrape interval.
const IDLE: Duration = Duration::from_secs(90);
/// Longest head of a request, in bytes: a path and a few headers. The minimum that hyper allows.
const REQUEST: usize = 8192;
/// Pause after a failed accept: without a free file descriptor, a retry at once would fail, too.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// For so long scrapes are answered alike: whoever reaches the port must not keep the operator busy, which
/// looks at all objects for a scrape.
const FRESH: Duration = Duration::from_secs(1);

#[derive(Clone, Default)]
struct Admin {
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    /// The last answers, one for each format.
    scrapes: Arc<Mutex<Vec<Scrape>>>,
}

struct Scrape {
    at: Instant,
    format: Format,
    rendered: Rendered,
}

impl Admin {
    fn scrape(&self, format: Format) -> Rendered {
        let mut scrapes = self.scrapes.lock().unwrap_or_else(PoisonError::into_inner);
        scrapes.retain(|scrape| scrape.at.elapsed() < FRESH);
        if let Some(known) = scrapes.iter().find(|scrape| scrape.format == format) {
            return known.rendered.clone();
        }
        let rendered = self.metrics.encode(format);
        scrapes.push(Scrape { at: Instant::now(), format, rendered: rendered.clone() });
        rendered
    }
}

/// Starts the admin server in a task of its own, unless it is switched off.
///
/// # Errors
/// If the address can't be bound.
pub(super) async fn start(
    address: Option<SocketAddr>,
    health: &Arc<Health>,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<Option<JoinHandle<()>>> {
    let Some(address) = address else { return Ok(None) };
    let listener = listen(address, TcpListener::bind)
        .await
        .with_context(|| format!("the admin address {address} can't be used"))?;
    tracing::info!(address = %listener.local_addr()?, "Serving /livez, /readyz and /metrics");
    Ok(Some(tokio::spawn(serve(listener, health.clone(), metrics.clone()))))
}

/// Binds an address. `[::]` stands for all addresses of both families, and for all IPv4 addresses where IPv6
/// is switched off.
async fn listen<T>(address: SocketAddr, bind: impl AsyncFn(SocketAddr) -> io::Result<T>) -> io::Result<T> {
    match bind(address).await {
        Err(error) if address.ip() == Ipv6Addr::UNSPECIFIED && error.kind() != io::ErrorKind::AddrInUse => {
            bind((Ipv4Addr::UNSPECIFIED, address.port()).into()).await
        }
        listening => listening,
    }
}

async fn serve(listener: TcpListener, health: Arc<Health>, metrics: Arc<Metrics>) {
    let router = Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(show_metrics))
        .with_state(Admin { health, metrics, scrapes: Arc::default() });
    let service = TowerToHyperService::new(router);
    let (mut connections, mut open) = (JoinSet::new(), VecDeque::<AbortHandle>::new());
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _peer)) => stream,
            Err(error) => {
                tracing::warn!(%error, "The admin server can't accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Lets the open connections serve a pending request before one of them may be closed.
        tokio::task::yield_now().await;
        while connections.try_join_next().is_some() {}
        open.retain(|connection| !connection.is_finished());
        if open.len() >= CONNECTIONS
            && let Some(oldest) = open.pop_front()
        {
            oldest.abort();
        }
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .max_buf_size(REQUEST)
            .serve_connection(TokioIo::new(stream), service.clone());
        // A peer that closes early is no error.
        open.push_back(connections.spawn(async { drop(connection.await) }));
    }
}

async fn livez(State(admin): State<Admin>) -> impl IntoResponse {
    match admin.health.is_alive() {
        true => (StatusCode::OK, "ok\n"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "the controllers are stuck\n"),
    }
}

async fn readyz(State(admin): State<Admin>) -> impl IntoResponse {
    match (admin.health.ready(), admin.health.forbidden()) {
        (Err(why), _) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
        (Ok(()), forbidden) if forbidden.is_empty() => (StatusCode::OK, "ok\n".to_owned()),
        (Ok(()), forbidden) => {
            (StatusCode::OK, format!("ok, but the API server does not let the operator watch {forbidden}\n"))
        }
    }
}

async fn show_metrics(State(admin): State<Admin>, headers: HeaderMap) -> impl IntoResponse {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let Rendered { content_type, body } = admin.scrape(Format::accepted(accept));
    ([(header::CONTENT_TYPE, content_type)], body)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    async fn started() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, Arc::default(), Arc::default()));
        address
    }

    async fn ask(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: o\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Whoever asks again and again gets the same answer for a second, in each format.
    #[tokio::test(start_paused = true)]
    async fn scrapes_in_a_second_are_answered_alike() {
        let admin = Admin::default();
        let formats = [Format::Text, Format::OpenMetrics];
        let bodies = || formats.map(|format| admin.scrape(format).body);
        let before = bodies();
        admin.metrics.counters.left_behind();
        assert_eq!(bodies(), before);
        tokio::time::advance(FRESH).await;
        let after = bodies();
        assert!(after.iter().all(|body| body.contains("campaigns_left_behind_total 1")), "{after:?}");
    }

    /// On a node with IPv6, with IPv4 or with both; and where IPv6 is switched off.
    #[tokio::test]
    async fn it_listens_on_both_families() {
        let every: SocketAddr = "[::]:0".parse().unwrap();
        let listener = listen(every, TcpListener::bind).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await.is_ok() {
            TcpStream::connect((Ipv6Addr::LOCALHOST, port)).await.unwrap();
        }

        let without_ipv6 = async |address: SocketAddr| match address {
            SocketAddr::V4(_) => Ok(address),
            SocketAddr::V6(_) => Err(io::Error::from(io::ErrorKind::Unsupported)),
        };
        assert_eq!(
            listen("[::]:8080".parse().unwrap(), without_ipv6).await.unwrap().to_string(),
            "0.0.0.0:8080"
        );
        assert!(
            listen("[::1]:8080".parse().unwrap(), without_ipv6).await.is_err(),
            "only `[::]` stands for IPv4 addresses"
        );
        let taken = async |address: SocketAddr| match address {
            SocketAddr::V4(_) => Ok(address),
            SocketAddr::V6(_) => Err(io::Error::from(io::ErrorKind::AddrInUse)),
        };
        assert!(
            listen("[::]:8080".parse().unwrap(), taken).await.is_err(),
            "another process has half of the addresses"
        );
    }

    /// K36: a thousand connections without a request, or with half of one, do not keep another request from
    /// its response.
    #[tokio::test]
    async fn idle_connections_take_no_room() {
        let address = started().await;
        let mut idle = Vec::new();
        for number in 0..1000 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            if number % 2 == 0 {
                stream.write_all(b"GET /metrics HTTP/1.1\r\nHost:").await.unwrap();
            }
            idle.push(stream);
        }
        assert!(ask(address, "/livez").await.starts_with("HTTP/1.1 200"));
        assert!(ask(address, "/readyz").await.starts_with("HTTP/1.1 503"));
        let mut open = 0;
        for stream in &mut idle {
            let read = tokio::time::timeout(Duration::from_millis(1), stream.read(&mut [0; 1])).await;
            open += usize::from(read.is_err());
        }
        assert!((1..=CONNECTIONS).contains(&open), "{open} are open");
    }

    /// An idle connection is closed, whether it has served a request before or not.
    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_closed() {
        let address = started().await;
        for asks in [false, true] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            if asks {
                stream.write_all(b"GET /livez HTTP/1.1\r\nHost: o\r\n\r\n").await.unwrap();
            }
            let mut answer = Vec::new();
            let closed = tokio::time::timeout(2 * IDLE, stream.read_to_end(&mut answer)).await;
            assert!(closed.is_ok(), "it is open after {IDLE:?}");
            assert_eq!(answer.is_empty(), !asks);
        }
    }
}
