//! What `deploy/samples` names: the campaign, and the credentials that the simulator has to know for it.

use anyhow::{Context, Result};
use kore_simulator::CampaignKey;
use serde_json::Value;

use crate::repository;

/// The samples, as far as the simulator has to know them.
#[derive(Clone, Debug)]
pub struct Samples {
    /// Name of the VoiceCampaign.
    pub name: String,
    /// Its campaign.
    pub campaign: CampaignKey,
    /// Client id and secret of the JWT app.
    pub client: (String, String),
}

impl Samples {
    /// Reads them.
    ///
    /// # Errors
    /// If one is missing, or is not as expected.
    pub fn read() -> Result<Self> {
        let file = |name: &str| -> Result<Value> {
            let path = repository().join("deploy/samples").join(name);
            Ok(serde_saphyr::from_str(&std::fs::read_to_string(path)?)?)
        };
        let (credentials, connection, campaign) =
            (file("credentials.yaml")?, file("connection.yaml")?, file("campaign.yaml")?);
        let text = |object: &Value, pointer: &str| {
            let found = object.pointer(pointer).and_then(Value::as_str);
            found.map(ToOwned::to_owned).with_context(|| format!("the samples have no {pointer}"))
        };
        Ok(Self {
            name: text(&campaign, "/metadata/name")?,
            campaign: CampaignKey {
                account_id: text(&connection, "/spec/accountId")?,
                stream_id: text(&campaign, "/spec/streamId")?,
                campaign_id: text(&campaign, "/spec/campaignId")?,
            },
            client: (
                text(&credentials, "/stringData/clientId")?,
                text(&credentials, "/stringData/clientSecret")?,
            ),
        })
    }
}
