use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Method, Request, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::classify::{self, ConfirmedDeletion, Failure, RawAnswer};
use super::{Campaign, CampaignKey, CampaignService, Page, Target, retry_after, token};

/// Most bytes of a body that are read.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// How long a connection may take; the deadline of the call still holds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Rows asked for per page of a listing; the sample of [get-all-campaigns-v2] has 50, no maximum is documented.
const PAGE_ROWS: u32 = 50;

/// The campaign API over HTTP.
///
/// One connection pool serves all accounts. Redirects are not followed (the token would go along), and nothing is
/// retried here: who retries, and when, is decided in `campaign::decide`. Honours `HTTPS_PROXY`, `HTTP_PROXY` and
/// `NO_PROXY`, as reqwest reads them.
#[derive(Clone)]
pub struct KoreClient {
    http: reqwest::Client,
}

/// What a user may set about the HTTP client.
#[derive(Clone, Debug, Default)]
pub struct ClientSettings {
    /// PEM file with certificates that are trusted in addition to the system's.
    pub extra_ca_file: Option<PathBuf>,
}

/// The HTTP client can't be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The file with additional certificates can't be read.
    #[error("the CA file {path} can't be read")]
    ReadCa {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The file holds no certificate, or one that can't be used.
    #[error("the CA file {path} must hold one or more PEM certificates")]
    ParseCa {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: Option<reqwest::Error>,
    },
    /// TLS can't be set up, as where the system has no certificates at all.
    #[error(
        "the HTTP client can't be built; are the system's CA certificates installed? (SSL_CERT_FILE names another bundle)"
    )]
    Client(#[source] reqwest::Error),
}

impl KoreClient {
    /// Builds the client.
    ///
    /// # Errors
    /// If the CA file can't be read or used, or TLS can't be set up.
    pub fn new(settings: &ClientSettings) -> Result<Self, BuildError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("voicecampaign-operator/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_keepalive(Duration::from_secs(30));
        if let Some(path) = &settings.extra_ca_file {
            let path = path.clone();
            let pem =
                std::fs::read(&path).map_err(|source| BuildError::ReadCa { path: path.clone(), source })?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem)
                .map_err(|source| BuildError::ParseCa { path: path.clone(), source: Some(source) })?;
            if certificates.is_empty() {
                return Err(BuildError::ParseCa { path, source: None });
            }
            builder = builder.tls_certs_merge(certificates);
        }
        Ok(Self { http: builder.build().map_err(BuildError::Client)? })
    }

    async fn call(&self, target: &Target, request: Call<'_>) -> Result<RawAnswer, Failure> {
        let (request, secrets) = self.request(target, request)?;
        let exchange = self.exchange(request);
        let answer = tokio::time::timeout(target.timeout, exchange).await.unwrap_or_else(|_elapsed| {
            Err(Failure::unreachable(&format!("no complete answer within {} s", target.timeout.as_secs())))
        })?;
        Ok(RawAnswer { secrets, ..answer })
    }

    /// The request with a token of its own, and the texts that must not come back.
    fn request(&self, target: &Target, call: Call<'_>) -> Result<(Request, Vec<SecretString>), Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let token = token::sign(&target.credentials, &target.token, now)
            .map_err(|error| Failure::unreachable(&format!("the token can't be signed: {error}")))?;
        let mut request = self
            .http
            .request(call.method, call.url)
            .header("auth", sensitive(token.expose_secret())?)
            .header("accountid", &target.account.account_id)
            .header("iid", target.iid.as_deref().unwrap_or(call.stream_id));
        if let Some(body) = call.body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let request = request.build().map_err(|error| transport(&error))?;
        Ok((request, vec![token, target.credentials.client_secret.clone()]))
    }

    async fn exchange(&self, request: Request) -> Result<RawAnswer, Failure> {
        let mut response = self.http.execute(request).await.map_err(|error| transport(&error))?;
        let http_status = response.status().as_u16();
        let retry_after = retry_after_header(response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| transport(&error))? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(Failure { retry_after, ..Failure::too_large(http_status) });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(RawAnswer { http_status, retry_after, body, secrets: Vec::new() })
    }
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

    async fn list(&self, target: &Target, stream_id: &str, page: u32) -> Result<Page, Failure> {
        let mut url = campaign_url(target, stream_id, "getAllCampaignDetails")?;
        url.query_pairs_mut().append_pair("accountId", &target.account.account_id);
        let skip = page.saturating_sub(1) * PAGE_ROWS;
        let body = json!({"type": "voice", "limit": PAGE_ROWS, "skip": skip, "page": page});
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
    headers.get(RETRY_AFTER)?.to_str().ok().and_then(|text| retry_after::parse(text, SystemTime::now()))
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
