use std::sync::Arc;

use reqwest::{Method, Url};
use serde_json::json;

use super::campaign::Campaign;
use super::classify::{self, ConfirmedDeletion};
use super::exchange::{Call, Exchange};
use super::failure::Failure;
use super::http::{BuildError, ClientSettings, Http};
use super::page::{Page, PageRequest};
use super::service::CampaignService;
use super::target::{CampaignKey, Target};

/// The campaign API over HTTP.
///
/// All accounts share its connection pools (`http.rs`). It neither follows redirects, which would forward the
/// token, nor retries: `campaign::decide` decides on retries.
#[derive(Clone)]
pub struct KoreClient {
    exchange: Exchange,
}

impl KoreClient {
    /// Builds the client.
    ///
    /// # Errors
    /// If the CA file can't be read or used, or TLS can't be set up.
    pub fn new(settings: &ClientSettings) -> Result<Self, BuildError> {
        Ok(Self { exchange: Exchange::new(Arc::new(Http::new(settings)?)) })
    }
}

impl CampaignService for KoreClient {
    async fn delete(&self, target: &Target, key: &CampaignKey) -> Result<ConfirmedDeletion, Failure> {
        let mut url = campaign_url(target, &key.stream_id, &key.campaign_id)?;
        url.query_pairs_mut()
            .append_pair("accountId", &target.account.account_id)
            .append_pair("campaignType", "voice");
        let call = Call { method: Method::DELETE, url, stream_id: &key.stream_id, body: None };
        classify::deletion(&self.exchange.send(target, call).await?, &key.campaign_id)
    }

    async fn get(&self, target: &Target, key: &CampaignKey) -> Result<Campaign, Failure> {
        let mut url = campaign_url(target, &key.stream_id, &key.campaign_id)?;
        url.query_pairs_mut().append_pair("accountId", &target.account.account_id);
        let call = Call { method: Method::GET, url, stream_id: &key.stream_id, body: None };
        classify::single(&self.exchange.send(target, call).await?, &key.campaign_id)
    }

    async fn list(&self, target: &Target, stream_id: &str, page: PageRequest) -> Result<Page, Failure> {
        let mut url = campaign_url(target, stream_id, "getAllCampaignDetails")?;
        url.query_pairs_mut().append_pair("accountId", &target.account.account_id);
        let PageRequest { page, skip, limit } = page;
        let body = json!({"type": "voice", "limit": limit, "skip": skip, "page": page});
        let call = Call { method: Method::POST, url, stream_id, body: Some(body) };
        classify::listing(&self.exchange.send(target, call).await?)
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
