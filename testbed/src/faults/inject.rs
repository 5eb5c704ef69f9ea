use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE};
use hyper::{Request, Response, StatusCode};

use super::answer::kubernetes_failure;
use super::body::{self, Body, Pieces};
use super::forward::{Ending, Forwarder, Request as Whole, Service};
use super::nemesis::{Nemesis, Ticket};
use super::{Action, Answer, Kind};

/// One request, and what is known of it.
struct Exchange {
    forwarder: Arc<Forwarder>,
    nemesis: Nemesis,
    kind: Kind,
    ticket: Option<Ticket>,
    request: Whole,
}

/// Does with a request what its fault says.
pub(super) async fn handle(
    forwarder: Arc<Forwarder>,
    nemesis: Nemesis,
    request: Request<Incoming>,
) -> Result<Response<Body>, Ending> {
    let (head, body) = request.into_parts();
    // Requests are small; and one that was cut by its sender has not arrived.
    let body = body.collect().await.map_err(|_cut| Ending::Close)?.to_bytes();
    let kind = forwarder.kind(&head);
    let (ticket, action) = nemesis.meet(kind, head.uri.path());
    let exchange = Exchange { forwarder, nemesis, kind, ticket, request: Whole { head, body } };
    match action {
        None => exchange.forward().await.map(|answer| answer.map(body::of)),
        Some(action) => exchange.inject(action).await,
    }
}

impl Exchange {
    async fn inject(self, action: Action) -> Result<Response<Body>, Ending> {
        match action {
            Action::CrashBefore => {
                self.nemesis.crash();
                Err(Ending::Close)
            }
            Action::CrashAfter => {
                let nemesis = self.nemesis.clone();
                self.settle().await?;
                nemesis.crash();
                Err(Ending::Close)
            }
            Action::LoseRequest => Err(Ending::Close),
            Action::LoseAnswer => {
                self.settle().await?;
                Err(Ending::Close)
            }
            Action::Hang => pending().await,
            Action::HangAfter => {
                self.settle().await?;
                pending().await
            }
            Action::Reset => Err(Ending::Reset),
            Action::CutBody => self.cut_body().await,
            Action::Slow { pause_ms } => {
                let pause = Duration::from_millis(pause_ms);
                Ok(self.forward().await?.map(|pieces| body::of(body::slow(pieces, pause))))
            }
            Action::Delay { ms } => Ok(self.forward_after(Duration::from_millis(ms)).await?.map(body::of)),
            Action::Answer(answer) => instead(&answer, self.forwarder.service()),
            Action::AnswerAfter(answer) => {
                let service = self.forwarder.service();
                self.settle().await?;
                instead(&answer, service)
            }
            Action::HoldWatch => Ok(self.forward().await?.map(body::of)),
        }
    }

    async fn forward(self) -> Result<Response<Pieces>, Ending> {
        self.forward_after(Duration::ZERO).await
    }

    /// In a task of its own: a request that has arrived here is on its way, whether or not its sender lives
    /// to hear of it.
    async fn forward_after(self, pause: Duration) -> Result<Response<Pieces>, Ending> {
        let Self { forwarder, nemesis, kind, ticket, request } = self;
        let sent = tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            let answer = forwarder.send(request).await?;
            if let Some(ticket) = ticket {
                nemesis.answered(ticket, answer.status());
            }
            Ok(if kind == Kind::Watch { answer.map(|pieces| body::held(pieces, &nemesis)) } else { answer })
        });
        sent.await.unwrap_or(Err(Ending::Close))
    }

    /// Returns when the upstream has answered in full.
    async fn settle(self) -> Result<(), Ending> {
        let watch = self.kind == Kind::Watch;
        let pieces = self.forward().await?.into_body();
        if !watch {
            collect(pieces).await?;
        }
        Ok(())
    }

    async fn cut_body(self) -> Result<Response<Body>, Ending> {
        let watch = self.kind == Kind::Watch;
        let (mut head, mut pieces) = self.forward().await?.into_parts();
        if !watch {
            let bytes = collect(pieces).await?;
            // The API server does not always say the length; with it, the client knows what it has missed.
            head.headers.insert(CONTENT_LENGTH, bytes.len().into());
            pieces = body::whole(bytes);
        }
        Ok(Response::from_parts(head, body::of(body::cut(pieces))))
    }
}

async fn collect(pieces: Pieces) -> Result<Bytes, Ending> {
    body::of(pieces).collect().await.map(|body| body.to_bytes()).map_err(|_cut| Ending::Close)
}

/// An answer that the upstream has not given.
fn instead(answer: &Answer, service: Service) -> Result<Response<Body>, Ending> {
    let status = StatusCode::from_u16(answer.status).map_err(|_invalid| Ending::Close)?;
    let mut response = Response::builder().status(status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    let mut text = answer.body.clone();
    if text.is_empty() && service == Service::Kubernetes && status.as_u16() >= 400 {
        text = kubernetes_failure(status).to_string();
        response = response.header(CONTENT_TYPE, "application/json");
    }
    if response.headers_ref().is_some_and(|headers| !headers.contains_key(CONTENT_LENGTH)) {
        response = response.header(CONTENT_LENGTH, text.len());
    }
    response.body(body::of(body::whole(text.into()))).map_err(|_invalid| Ending::Close)
}
