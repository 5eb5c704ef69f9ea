use std::error::Error;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::forward::{Ending, Forwarder};
use super::inject;
use super::listening::Listening;
use super::nemesis::Nemesis;
use super::upstream::Upstream;

/// Stands between the operator and one service, in plain HTTP/1.1, and does to each request what its
/// [`Nemesis`] says. Requests and answers are passed on as they are, tokens included; dropping it ends it and
/// closes its connections.
#[derive(Debug)]
pub struct Proxy {
    listening: Listening,
    forwarder: Arc<Forwarder>,
}

impl Proxy {
    /// Starts one before this service.
    ///
    /// # Errors
    /// If there is no port for it, or the CA is none.
    pub fn start(upstream: Upstream, nemesis: Nemesis) -> Result<Self> {
        let forwarder = Arc::new(Forwarder::new(upstream)?);
        let forward = forwarder.clone();
        let listening = Listening::start(move |stream| serve(stream, forward.clone(), nemesis.clone()))?;
        Ok(Self { listening, forwarder })
    }

    /// Its address, as `http://127.0.0.1:1234`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Its address, for a [`super::Relay`] before it.
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// Moves the requests from now on to another server; what is under way, as an open watch, stays where it
    /// is.
    pub fn switch_to(&self, url: &str) {
        self.forwarder.switch_to(url);
    }

    /// Closes every open connection, in the middle of whatever it carries.
    pub fn cut_all(&self) {
        self.listening.cut();
    }
}

async fn serve(stream: TcpStream, forwarder: Arc<Forwarder>, nemesis: Nemesis) {
    let service =
        service_fn(move |request| Box::pin(inject::handle(forwarder.clone(), nemesis.clone(), request)));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let end = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    let ending =
        end.as_ref().err().and_then(Error::source).and_then(|source| source.downcast_ref::<Ending>());
    if ending == Some(&Ending::Reset) {
        let stream = connection.into_parts().io.into_inner();
        // Closed with nothing lingering, a socket sends a reset.
        let _ = stream.set_zero_linger();
    }
}
