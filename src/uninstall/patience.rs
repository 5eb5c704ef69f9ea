use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, Request, Response, StatusCode};
use kube::Client;
use kube::client::retry::RetryPolicy;
use kube::client::{Body, ClientBuilder};
use tokio::time::{Instant, Sleep, sleep};
use tower::BoxError;
use tower::buffer::BufferLayer;
use tower::retry::{Policy, RetryLayer};

use crate::kube_ext::error_chain;
use crate::pacing::backoff;

/// The pause between two lists, and between two tries.
pub const PAUSE: Duration = Duration::from_secs(1);

/// The longest pause before the API server is asked again, unless it names a longer one.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Requests that may wait for their turn; more than are ever made at once.
const WAITING: usize = 64;

/// A client that asks again, until the time is over, for what the API server can't do just now: 429, 5xx, or
/// no answer. It prints what it waits for. Each request must be one that may be repeated.
///
/// # Errors
/// If the configuration can't be used.
pub(super) fn client(cluster: kube::Config, until: Instant) -> kube::Result<Client> {
    let patience = Patience { until, failures: 0, copies: RetryPolicy::default() };
    // A service that is to be asked again has to be cloned, which a buffer makes possible.
    let buffer = BufferLayer::new(WAITING);
    Ok(ClientBuilder::try_from(cluster)?.with_layer(&buffer).with_layer(&RetryLayer::new(patience)).build())
}

/// The policy, for one request.
#[derive(Clone)]
struct Patience {
    until: Instant,
    failures: i32,
    /// How kube-rs copies a request.
    copies: RetryPolicy,
}

impl<B> Policy<Request<Body>, Response<B>, BoxError> for Patience {
    type Future = Sleep;

    fn retry(
        &mut self,
        request: &mut Request<Body>,
        outcome: &mut Result<Response<B>, BoxError>,
    ) -> Option<Sleep> {
        let (why, asked_for) = match outcome {
            Ok(answer) if can_t_just_now(answer.status()) => {
                (answer.status().to_string(), pause_asked_for(answer.headers()))
            }
            Ok(_) => return None,
            Err(error) => (error_chain(&**error), Duration::ZERO),
        };
        let left = self.until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        self.failures += 1;
        let (method, path) = (request.method(), request.uri().path());
        println!("Waiting for the API server, to {method} {path}: {why}");
        let pause = backoff(path, self.failures).min(LONGEST_PAUSE).max(asked_for);
        Some(sleep(pause.min(left)))
    }

    fn clone_request(&mut self, request: &Request<Body>) -> Option<Request<Body>> {
        <RetryPolicy as Policy<Request<Body>, Response<B>, BoxError>>::clone_request(
            &mut self.copies,
            request,
        )
    }
}

/// Whether the API server would do later what it does not do now.
fn can_t_just_now(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}

/// `Retry-After`, which the API server gives in seconds.
fn pause_asked_for(headers: &HeaderMap) -> Duration {
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or_default())
}
