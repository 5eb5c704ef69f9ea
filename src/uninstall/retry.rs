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

use crate::kube_ext::{check_server, error_chain, unusable_cluster};
use crate::pacing::backoff;
use crate::stdout::say;

/// Pause before an object is read again, or a write is retried.
pub const PAUSE: Duration = Duration::from_secs(1);

/// Longest pause before a request is repeated, unless the API server asks for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Size of the buffer for requests; more than are ever in flight at once.
const BUFFERED: usize = 64;

/// A client that repeats a request until the time is over if the API server can't serve it just now: 429,
/// 5xx, or no response. It prints each retry. All requests must be idempotent.
///
/// # Errors
/// If the configuration can't be used.
pub(super) fn client(cluster: kube::Config, until: Instant) -> anyhow::Result<Client> {
    let policy = RetryUntil { until, failures: 0, copies: RetryPolicy::default() };
    // The retry layer clones its service, which a buffer makes possible.
    let buffer = BufferLayer::new(BUFFERED);
    check_server(&cluster)?;
    let builder = ClientBuilder::try_from(cluster).map_err(|error| unusable_cluster(&error))?;
    Ok(builder.with_layer(&buffer).with_layer(&RetryLayer::new(policy)).build())
}

/// The policy for one request.
#[derive(Clone)]
struct RetryUntil {
    until: Instant,
    failures: i32,
    /// Clones requests as kube-rs does.
    copies: RetryPolicy,
}

impl<B> Policy<Request<Body>, Response<B>, BoxError> for RetryUntil {
    type Future = Sleep;

    fn retry(
        &mut self,
        request: &mut Request<Body>,
        outcome: &mut Result<Response<B>, BoxError>,
    ) -> Option<Sleep> {
        let (why, at_least) = match outcome {
            Ok(answer) if is_temporary(answer.status()) => {
                (answer.status().to_string(), retry_after(answer.headers()))
            }
            Ok(_) => return None,
            Err(error) => (error_chain(&**error), Duration::ZERO),
        };
        let left = self.until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        self.failures += 1;
        let (method, path) = (request.method(), request.uri().path());
        say(&format!("Retrying {method} {path}: {why}"));
        let pause = backoff(path, self.failures).min(LONGEST_PAUSE).max(at_least);
        Some(sleep(pause.min(left)))
    }

    fn clone_request(&mut self, request: &Request<Body>) -> Option<Request<Body>> {
        <RetryPolicy as Policy<Request<Body>, Response<B>, BoxError>>::clone_request(
            &mut self.copies,
            request,
        )
    }
}

/// Whether the API server may serve the same request later.
fn is_temporary(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}

/// `Retry-After`, which the API server sends in seconds.
fn retry_after(headers: &HeaderMap) -> Duration {
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or_default())
}
