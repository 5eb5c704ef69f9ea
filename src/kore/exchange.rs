//! One HTTP request to Kore, with a token of its own, and its answer.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};

use super::answer::RawAnswer;
use super::failure::Failure;
use super::http::Http;
use super::target::Target;
use super::{retry_after, token};

/// Largest body that is read, in bytes.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// One call, before its token is signed.
pub struct Call<'a> {
    pub method: Method,
    pub url: Url,
    pub stream_id: &'a str,
    pub body: Option<serde_json::Value>,
}

/// Sends calls.
#[derive(Clone)]
pub struct Exchange {
    http: Arc<Http>,
}

impl Exchange {
    pub fn new(http: Arc<Http>) -> Self {
        Self { http }
    }

    /// Sends a call, and reads the answer within the deadline of the target.
    ///
    /// # Errors
    /// If the token can't be signed, or no complete answer arrives in time.
    pub async fn send(&self, target: &Target, call: Call<'_>) -> Result<RawAnswer, Failure> {
        let (request, secrets) = self.request(target, call).await?;
        let answered = tokio::time::timeout(target.timeout, answer(request)).await;
        let answer = answered.unwrap_or_else(|_elapsed| {
            Err(Failure::unreachable(&format!("no complete answer within {} s", target.timeout.as_secs())))
        })?;
        Ok(RawAnswer { secrets, ..answer })
    }

    /// The signed request, and the secrets in it, which must not be shown if the answer echoes them.
    async fn request(
        &self,
        target: &Target,
        call: Call<'_>,
    ) -> Result<(RequestBuilder, Vec<SecretString>), Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let token = token::sign(&target.credentials, &target.token, now)
            .map_err(|error| Failure::unreachable(&format!("the token can't be signed: {error}")))?;
        let http = self.http.client_for(call.url.scheme()).await;
        let mut request = http
            .request(call.method, call.url)
            .header("auth", sensitive(token.expose_secret())?)
            .header("accountid", &target.account.account_id)
            .header("iid", target.iid.as_deref().unwrap_or(call.stream_id))
            // Without this header a server may choose any encoding [RFC 9110, 12.5.3].
            .header("accept-encoding", "identity");
        if let Some(body) = call.body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        Ok((request, vec![token, target.credentials.client_secret.clone()]))
    }
}

async fn answer(request: RequestBuilder) -> Result<RawAnswer, Failure> {
    let mut response = request.send().await.map_err(|error| transport_failure(&error))?;
    let http_status = response.status().as_u16();
    let retry_after = retry_after_header(response.headers());
    let answer = RawAnswer { http_status, retry_after, ..RawAnswer::default() };
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| transport_failure(&error))? {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Ok(RawAnswer { oversized: true, ..answer });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(RawAnswer { body, ..answer })
}

fn sensitive(value: &str) -> Result<HeaderValue, Failure> {
    let mut header = HeaderValue::from_str(value)
        .map_err(|_error| Failure::unreachable("the token can't be sent as a header"))?;
    header.set_sensitive(true);
    Ok(header)
}

fn retry_after_header(headers: &HeaderMap) -> Option<Duration> {
    let texts = |name| headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    let pauses: Vec<_> = texts(RETRY_AFTER).collect();
    let sent = texts(DATE).next();
    retry_after::parse(pauses.iter().map(AsRef::as_ref), sent.as_deref(), jiff::Timestamp::now())
}

/// A failure of the transport, described by its innermost cause, which says most. The URL is left out: its
/// query holds the account.
fn transport_failure(error: &reqwest::Error) -> Failure {
    let what = if error.is_connect() {
        "the connection failed"
    } else if error.is_body() || error.is_decode() {
        "the answer was cut off"
    } else if error.is_builder() {
        "the request can't be built"
    } else {
        "the connection broke"
    };
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let is_outermost = std::ptr::addr_eq(cause, error);
    let message = if is_outermost { what.to_owned() } else { format!("{what}: {cause}") };
    Failure { sent: !(error.is_connect() || error.is_builder()), ..Failure::unreachable(&message) }
}
