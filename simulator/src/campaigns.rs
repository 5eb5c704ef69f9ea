use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// How long a new campaign is `Preparing`. No bound is documented; the samples show 0.1 s and 152 s.
const PREPARING: SignedDuration = SignedDuration::from_secs(1);

/// A campaign of one account and stream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CampaignKey {
    /// Account.
    pub account_id: String,
    /// Stream.
    pub stream_id: String,
    /// Campaign.
    pub campaign_id: String,
}

/// The campaigns there are.
#[derive(Debug, Default)]
pub(crate) struct Campaigns {
    rows: BTreeMap<CampaignKey, Row>,
}

#[derive(Debug)]
struct Row {
    fields: Value,
    created: Timestamp,
    gone_at: Option<Timestamp>,
    /// Reads show it until then, although it is gone.
    shown_until: Option<Timestamp>,
}

impl Campaigns {
    /// Puts a campaign there, `Ready`, as it looks in the sample of [delete-voice-campaign-v2].
    pub(crate) fn seed(&mut self, key: CampaignKey, overrides: &Value) {
        let mut fields = sample(&key.campaign_id);
        merge(&mut fields, overrides);
        let created = Timestamp::now() - PREPARING;
        self.rows.insert(key, Row { fields, created, gone_at: None, shown_until: None });
    }

    pub(crate) fn create(
        &mut self,
        account_id: &str,
        stream_id: &str,
        body: &Value,
        now: Timestamp,
    ) -> Value {
        let campaign_id = format!("cd-{}", &Uuid::new_v4().to_string()[1..]);
        let mut fields = sample(&campaign_id);
        merge(&mut fields, body);
        fields["lname"] = json!(body["name"].as_str().unwrap_or_default().to_lowercase());
        fields["createdAt"] = json!(now.to_string());
        fields["updatedAt"] = json!(now.to_string());
        let key =
            CampaignKey { account_id: account_id.to_owned(), stream_id: stream_id.to_owned(), campaign_id };
        let row = Row { fields, created: now, gone_at: None, shown_until: None };
        let mut answer = row.fields(now);
        self.rows.insert(key, row);
        // A create answers with `id`, everything else with `_id`.
        if let Some(fields) = answer.as_object_mut() {
            let id = fields.remove("_id").unwrap_or_default();
            fields.insert("id".to_owned(), id);
        }
        answer
    }

    pub(crate) fn get(&mut self, key: &CampaignKey, now: Timestamp) -> Option<Value> {
        self.sweep(now);
        self.rows.get(key).map(|row| row.fields(now))
    }

    pub(crate) fn update(&mut self, key: &CampaignKey, body: &Value, now: Timestamp) -> Option<Value> {
        self.sweep(now);
        let row = self.rows.get_mut(key).filter(|row| row.is_there(now))?;
        merge(&mut row.fields, body);
        row.fields["updatedAt"] = json!(now.to_string());
        Some(row.fields(now))
    }

    /// Deletes at once, or at `gone_at`; answers with the campaign as it was. Reads show it for a while
    /// longer.
    pub(crate) fn delete(
        &mut self,
        key: &CampaignKey,
        now: Timestamp,
        gone_at: Option<Timestamp>,
        lingering: SignedDuration,
    ) -> Option<Value> {
        self.sweep(now);
        let row = self.rows.get_mut(key).filter(|row| row.is_there(now))?;
        row.gone_at = gone_at;
        row.shown_until = gone_at.map(|gone_at| gone_at + lingering);
        let fields = row.fields(now);
        self.sweep(now);
        Some(fields)
    }

    /// Removes a campaign, as a person does in the service's own console.
    pub(crate) fn remove(&mut self, key: &CampaignKey) {
        self.rows.remove(key);
    }

    /// The rows of a stream, in the order of their ids, without what a listing leaves out.
    pub(crate) fn list(&mut self, account_id: &str, stream_id: &str, now: Timestamp) -> Vec<Value> {
        self.sweep(now);
        let of_stream = |key: &CampaignKey| key.account_id == account_id && key.stream_id == stream_id;
        self.rows
            .iter()
            .filter(|(key, _)| of_stream(key))
            .map(|(_, row)| {
                let mut fields = row.fields(now);
                if let Some(fields) = fields.as_object_mut() {
                    fields.remove("dialingStrategy");
                    fields.remove("lname");
                    fields.insert("connection".to_owned(), json!("Default Queue"));
                }
                fields
            })
            .collect()
    }

    pub(crate) fn contains(&self, key: &CampaignKey, now: Timestamp) -> bool {
        self.rows.get(key).is_some_and(|row| row.is_there(now))
    }

    /// Every campaign that is there.
    pub(crate) fn keys(&mut self, now: Timestamp) -> Vec<CampaignKey> {
        self.sweep(now);
        self.rows.iter().filter(|(_, row)| row.is_there(now)).map(|(key, _)| key.clone()).collect()
    }

    fn sweep(&mut self, now: Timestamp) {
        self.rows.retain(|_, row| row.is_there(now) || row.shown_until.is_some_and(|until| until > now));
    }
}

impl Row {
    fn is_there(&self, now: Timestamp) -> bool {
        self.gone_at.is_none_or(|gone_at| gone_at > now)
    }

    fn fields(&self, now: Timestamp) -> Value {
        let mut fields = self.fields.clone();
        if now < self.created + PREPARING {
            fields["status"] = json!("Preparing");
        }
        fields
    }
}

fn merge(fields: &mut Value, overrides: &Value) {
    for (name, value) in overrides.as_object().into_iter().flatten() {
        fields[name] = value.clone();
    }
}

/// The campaign of the delete document's sample, under another id.
fn sample(campaign_id: &str) -> Value {
    let working_days =
        ["MO", "TU", "WE", "TH", "FR"].map(|day| json!({"start": "9:00 AM", "end": "6:00 PM", "day": day}));
    json!({
        "_id": campaign_id,
        "name": "Service Renewal Outreach Campaign61",
        "lname": "service renewal outreach campaign61",
        "description": "Connects customers with live agents to assist with upcoming service renewals.",
        "dncLists": {"id": "cl-68b802a-2b99-4245-8eea-6d322a8xxxxx", "name": "DNC CL Dec 4"},
        "priority": "5",
        "dialingMode": "Progressive",
        "dialingStrategy": {
            "callerId": {"phoneNumber": "+181633xxxxx"},
            "callingHours": {
                "frequency": "WEEKLY",
                "days": working_days,
                "timezone": "Asia/Kolkata"
            },
            "dialingOrder": "FIFO",
            "maxAttemptsPerRecord": 3,
            "defaultRetryPeriod": 10,
            "maxRingTime": 30,
            "useSystemMappings": false
        },
        "status": "Ready",
        "isFiltersEnabled": false,
        "createdAt": "2025-12-04T10:50:56.762Z",
        "updatedAt": "2025-12-05T06:31:23.308Z",
        "schedule": {"isSchedulingEnabled": false, "isRecurrenceEnabled": false},
        "contactLists": ["CL Only 2020 Dec 4"]
    })
}
