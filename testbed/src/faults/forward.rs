use std::fmt;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use futures::stream::{StreamExt, TryStreamExt};
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::Bytes;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use hyper::http::request::Parts;

use super::body::{Failure, Pieces};
use super::{Kind, Upstream};

/// Headers that concern one connection.
const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Which service is behind a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    Kubernetes,
    Kore,
}

/// How a connection ends without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It is closed.
    Close,
    /// It is reset.
    Reset,
}

/// A request that has arrived in full.
pub(super) struct Request {
    pub head: Parts,
    pub body: Bytes,
}

/// The way to the upstream.
#[derive(Debug)]
pub(super) struct Forwarder {
    service: Service,
    url: Mutex<String>,
    http: reqwest::Client,
}

impl Forwarder {
    pub fn new(upstream: Upstream) -> Result<Self> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = reqwest::Client::builder()
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd();
        let (service, url, http) = match upstream {
            Upstream::Kubernetes { url, ca_pem } => {
                let ca = reqwest::Certificate::from_pem(ca_pem.as_bytes())?;
                (Service::Kubernetes, url, http.tls_certs_only([ca]))
            }
            Upstream::Kore { url } => (Service::Kore, url, http),
        };
        Ok(Self { service, url: Mutex::new(url), http: http.build()? })
    }

    pub fn service(&self) -> Service {
        self.service
    }

    pub fn kind(&self, head: &Parts) -> Kind {
        match self.service {
            Service::Kubernetes => Kind::of_kubernetes(&head.method, &head.uri),
            Service::Kore => Kind::of_kore(&head.method, &head.uri),
        }
    }

    /// Moves the requests from now on to another server.
    pub fn switch_to(&self, url: &str) {
        url.clone_into(&mut self.url.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Sends a request; returns with the head of the answer, whose body comes piece by piece. An upstream
    /// that can't be reached is to the client what it would be without us: a connection that ends.
    pub async fn send(&self, request: Request) -> Result<Response<Pieces>, Ending> {
        let Request { mut head, body } = request;
        let url = {
            let base = self.url.lock().unwrap_or_else(PoisonError::into_inner);
            let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
            format!("{}{path}", base.trim_end_matches('/'))
        };
        drop_hop_by_hop(&mut head.headers);
        // Both are about to be written again.
        head.headers.remove(HOST);
        head.headers.remove(CONTENT_LENGTH);
        let mut request = self.http.request(head.method, url).headers(head.headers);
        if !body.is_empty() {
            request = request.body(body);
        }
        let answer: Response<reqwest::Body> = request.send().await.map_err(|_lost| Ending::Close)?.into();
        let (mut head, body) = answer.into_parts();
        drop_hop_by_hop(&mut head.headers);
        let pieces = body.into_data_stream().map_err(Failure::from);
        Ok(Response::from_parts(head, pieces.boxed()))
    }
}

fn drop_hop_by_hop(headers: &mut HeaderMap) {
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Close => "the connection is closed",
            Self::Reset => "the connection is reset",
        })
    }
}

impl std::error::Error for Ending {}
