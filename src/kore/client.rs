use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::classify::{self, ConfirmedDeletion, Failure, RawAnswer};
use super::http::{BuildError, ClientSettings, Http};
use super::{Campaign, CampaignKey, CampaignService, Page, PageRequest, Target, retry_after, token};

/// Most bytes of a body that are read.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The campaign API over HTTP.
///
/// All accounts share its connections (`http.rs`). Redirects are not followed (the token would go along), and nothing is
/// retried here: who retries, and when, is decided in `campaign::decide`.
#[derive(Clone)]
pub struct KoreClient {
    http: Arc<Http>,
}

impl KoreClient {
    /// Builds the client.
    ///
    /// # Errors
    /// If the CA file can't be read or used, or TLS can't be set up.
    pub fn new(settings: &ClientSettings) -> Result<Self, BuildError> {
        Ok(Self { http: Arc::new(Http::new(settings)?) })
    }

    async fn call(&self, target: &Target, request: Call<'_>) -> Result<RawAnswer, Failure> {
        let (request, secrets) = self.request(target, request).await?;
        let exchange = exchange(request);
        let answer = tokio::time::timeout(target.timeout, exchange).await.unwrap_or_else(|_elapsed| {
            Err(Failure::unreachable(&format!("no complete answer within {} s", target.timeout.as_secs())))
        })?;
        Ok(RawAnswer { secrets, ..answer })
    }

    /// The request with a token of its own, and the texts that must not come back.
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
            // Whoever says nothing of it may be answered in any [RFC 9110, 12.5.3].
            .header("accept-encoding", "identity");
        if let Some(body) = call.body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        Ok((request, vec![token, target.credentials.client_secret.clone()]))
    }
}

async fn exchange(request: RequestBuilder) -> Result<RawAnswer, Failure> {
    let mut response = request.send().await.map_err(|error| transport(&error))?;
    let http_status = response.status().as_u16();
    let retry_after = retry_after_header(response.headers());
    let answer = RawAnswer { http_status, retry_after, ..RawAnswer::default() };
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| transport(&error))? {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Ok(RawAnswer { oversized: true, ..answer });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(RawAnswer { body, ..answer })
}

/// One call, before it gets its token.
struct Call<'a> {
    method: Method,
    url: Url,
    stream_id: &'a str,
    body: Option<serde_json::Value>,
}

impl CampaignService for KoreClient {
    async fn delete(&self, target: &Target, key: &CampaignKey) -> Result<ConfirmedDeletion, Failure> {
        let mut url = campaign_url(target, &key.stream_id, &key.campaign_id)?;
        url.query_pairs_mut()
            .append_pair("accountId", &target.account.account_id)
            .append_pair("campaignType", "voice");
        let call = Call { method: Method::DELETE, url, stream_id: &key.stream_id, body: None };
        classify::deletion(&self.call(target, call).await?, &key.campaign_id)
    }

    async fn get(&self, target: &Target, key: &CampaignKey) -> Result<Campaign, Failure> {
        let mut url = campaign_url(target, &key.stream_id, &key.campaign_id)?;
        url.query_pairs_mut().append_pair("accountId", &target.account.account_id);
        let call = Call { method: Method::GET, url, stream_id: &key.stream_id, body: None };
        classify::single(&self.call(target, call).await?, &key.campaign_id)
    }

    async fn list(&self, target: &Target, stream_id: &str, page: PageRequest) -> Result<Page, Failure> {
        let mut url = campaign_url(target, stream_id, "getAllCampaignDetails")?;
        url.query_pairs_mut().append_pair("accountId", &target.account.account_id);
        let PageRequest { page, skip, limit } = page;
        let body = json!({"type": "voice", "limit": limit, "skip": skip, "page": page});
        classify::listing(
            &self.call(target, Call { method: Method::POST, url, stream_id, body: Some(body) }).await?,
        )
    }
}

/// `{host}/campaign/api/v2/public/{streamId}/campaign/{last}`. The segments are percent-encoded.
fn campaign_url(target: &Target, stream_id: &str, last: &str) -> Result<Url, Failure> {
    let unusable = || Failure::unreachable(&format!("`{}` is not a usable host", target.address));
    let mut url = Url::parse(&target.address).map_err(|_error| unusable())?;
    url.path_segments_mut()
        .map_err(|()| unusable())?
        .clear()
        .extend(["campaign", "api", "v2", "public", stream_id, "campaign", last]);
    Ok(url)
}

fn sensitive(value: &str) -> Result<reqwest::header::HeaderValue, Failure> {
    let mut header = reqwest::header::HeaderValue::from_str(value)
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

/// What went wrong on the way, in words: the innermost cause says most, and the URL is left out (it has a query).
fn transport(error: &reqwest::Error) -> Failure {
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
    let own_text = std::ptr::addr_eq(cause, error);
    let words = if own_text { what.to_owned() } else { format!("{what}: {cause}") };
    Failure { sent: !(error.is_connect() || error.is_builder()), ..Failure::unreachable(&words) }
}
