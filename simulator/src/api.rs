//! The API itself: from a request to an answer and its effect.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderMap, Method, Uri};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::auth::{self, App, Replays};
use crate::behaviour::{Behaviour, DeletionMode, UnknownCampaign};
use crate::campaigns::{CampaignKey, Campaigns};
use crate::faults::{Faults, Operation};
use crate::journal::Entry;

/// Everything the simulator holds.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) apps: Vec<App>,
    pub(crate) behaviour: Behaviour,
    pub(crate) campaigns: Campaigns,
    pub(crate) faults: Faults,
    pub(crate) journal: Vec<Entry>,
    replays: Replays,
    /// Times of the calls of each account in the last minute.
    calls: HashMap<String, VecDeque<Timestamp>>,
}

impl State {
    /// The requests after the first so many.
    pub(crate) fn journal_since(&self, number: usize) -> Vec<Entry> {
        self.journal.get(number..).unwrap_or_default().to_vec()
    }
}

/// The state behind its lock.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<State>>);

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request, taken apart.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) operation: Operation,
    pub(crate) campaign_id: Option<String>,
    pub(crate) account_id: String,
    stream_id: String,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// An answer, and whether the request changed a campaign.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<u32>,
    pub(crate) body: Value,
    pub(crate) effect: bool,
}

impl Request {
    pub(crate) fn new(method: Method, uri: Uri, headers: HeaderMap, body: Vec<u8>) -> Self {
        let path = uri.path().trim_matches('/').to_owned();
        let segments: Vec<&str> = path.split('/').collect();
        // Start and stop are documented without the prefix `/campaign`; both are taken.
        let segments = segments.strip_prefix(&["campaign"]).unwrap_or(&segments);
        let query = query(&uri);
        let trigger = query.get("trigger").map(String::as_str);
        let (operation, stream_id, campaign_id) = match (&method, segments) {
            (&Method::POST, ["api", "v2", "public", stream, "campaign"]) => {
                (Operation::Create, *stream, None)
            }
            (&Method::POST, ["api", "v2", "public", stream, "campaign", "getAllCampaignDetails"]) => {
                (Operation::List, *stream, None)
            }
            (&Method::POST, ["api", "v2", "public", stream, "campaign", "trigger", id]) => match trigger {
                Some("play") => (Operation::Start, *stream, Some(*id)),
                Some("stop") => (Operation::Stop, *stream, Some(*id)),
                _ => (Operation::Unknown, *stream, Some(*id)),
            },
            (&Method::POST, ["api", "v2", "public", stream, "campaign", id, "status"]) => {
                (Operation::Status, *stream, Some(*id))
            }
            (&Method::DELETE, ["api", "v2", "public", stream, "campaign", id]) => {
                (Operation::Delete, *stream, Some(*id))
            }
            (&Method::GET, ["api", "v2", "public", stream, "campaign", id]) => {
                (Operation::Get, *stream, Some(*id))
            }
            (&Method::PUT, ["api", "v2", "public", stream, "campaign", id]) => {
                (Operation::Update, *stream, Some(*id))
            }
            _ => (Operation::Unknown, "", None),
        };
        let account_id = headers.get("accountid").and_then(|value| value.to_str().ok()).unwrap_or_default();
        Self {
            operation,
            campaign_id: campaign_id.map(ToOwned::to_owned),
            account_id: account_id.to_owned(),
            stream_id: stream_id.to_owned(),
            method,
            headers,
            body,
            uri,
        }
    }

    pub(crate) fn entry(&self) -> Entry {
        let shown = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            let secret = matches!(name.as_str(), "auth" | "authorization");
            (name.to_string(), if secret { auth::describe(&value) } else { value })
        };
        Entry {
            at: Timestamp::now(),
            operation: self.operation,
            method: self.method.to_string(),
            path: self.uri.path().to_owned(),
            query: self.uri.query().unwrap_or_default().to_owned(),
            headers: self.headers.iter().map(shown).collect(),
            body: String::from_utf8_lossy(&self.body).into_owned(),
            account_id: self.account_id.clone(),
            campaign_id: self.campaign_id.clone(),
            answer: None,
            fault: None,
            violation: None,
            effect: false,
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty())
    }

    fn key(&self) -> CampaignKey {
        CampaignKey {
            account_id: self.account_id.clone(),
            stream_id: self.stream_id.clone(),
            campaign_id: self.campaign_id.clone().unwrap_or_default(),
        }
    }
}

impl State {
    /// Counts a request, and checks what every request must have; the refusal, if it is refused.
    pub(crate) fn admit(&mut self, request: &Request) -> Result<(), Answer> {
        if !self.within_rate_limit(&request.account_id, Timestamp::now()) {
            return Err(self.throttled());
        }
        let token = request.header("auth");
        self.replays
            .check(token, &self.apps, self.behaviour.enforce_jti)
            .map_err(|message| refused(401, &message))?;
        well_formed(request).map_err(|message| refused(400, &message))
    }

    /// Answers an admitted request as the service would.
    pub(crate) fn answer(&mut self, request: &Request) -> Answer {
        let now = Timestamp::now();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        match request.operation {
            Operation::List if self.behaviour.masked => self.listing(Vec::new(), &body),
            Operation::Unknown => refused(404, "no such operation"),
            _ if self.behaviour.masked => self.unknown(),
            Operation::Delete => self.delete(request, now),
            Operation::Get => match self.campaigns.get(&request.key(), now) {
                Some(campaign) => said("retrieved successfully", campaign, false),
                None => self.unknown(),
            },
            Operation::List => {
                let rows = self.campaigns.list(&request.account_id, &request.stream_id, now);
                self.listing(rows, &body)
            }
            Operation::Status => match self.campaigns.get(&request.key(), now) {
                Some(campaign) => ok(json!({"status": "success", "data":
                    {"id": campaign["_id"], "status": campaign["status"], "name": campaign["name"]}})),
                None => self.unknown(),
            },
            Operation::Create => {
                let campaign = self.campaigns.create(&request.account_id, &request.stream_id, &body, now);
                said("creation in progress", campaign, true)
            }
            Operation::Update => match self.campaigns.update(&request.key(), &body, now) {
                Some(campaign) => {
                    let id = campaign["_id"].clone();
                    let mut answer = said("details updated successfully", campaign, true);
                    answer.body["id"] = id;
                    answer
                }
                None => self.unknown(),
            },
            Operation::Start => self.start(request, now),
            Operation::Stop => self.stop(request, now),
        }
    }

    fn delete(&mut self, request: &Request, now: Timestamp) -> Answer {
        let (status, gone_at) = match self.behaviour.deletion {
            DeletionMode::Synchronous => (200, Some(now)),
            DeletionMode::Accepted { after_ms } => {
                let later =
                    |ms: u64| now + SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
                (202, after_ms.map(later))
            }
        };
        let lingering = SignedDuration::from_millis(self.behaviour.lingering_ms.into());
        match self.campaigns.delete(&request.key(), now, gone_at, lingering) {
            Some(campaign) => Answer { status, ..said("deleted successfully", campaign, true) },
            None => self.unknown(),
        }
    }

    /// A start makes a new instance; a stop answers with the instance that it stopped.
    fn start(&mut self, request: &Request, now: Timestamp) -> Answer {
        let instance = format!("cid-{}", Uuid::new_v4());
        let started = json!({"status": "Active", "campaignInstanceId": instance});
        match self.campaigns.update(&request.key(), &started, now) {
            Some(campaign) => Answer {
                effect: true,
                ..ok(json!({"status": "Active", "message": "Campaign Started", "totalCallsCompleted": 0,
                    "updatedAt": campaign["updatedAt"], "campaignInstanceId": instance}))
            },
            None => self.unknown(),
        }
    }

    fn stop(&mut self, request: &Request, now: Timestamp) -> Answer {
        match self.campaigns.update(&request.key(), &json!({"status": "Stopped"}), now) {
            Some(campaign) => Answer {
                effect: true,
                ..ok(
                    json!({"status": "Stopped", "message": "Campaign Stopped", "updatedAt": campaign["updatedAt"],
                    "campaignInstanceId": campaign["campaignInstanceId"]}),
                )
            },
            None => self.unknown(),
        }
    }

    /// A page of a listing.
    fn listing(&self, rows: Vec<Value>, body: &Value) -> Answer {
        let number = |name: &str| body[name].as_u64().and_then(|number| usize::try_from(number).ok());
        let most = self.behaviour.most_rows.unwrap_or(100).max(1);
        let limit = number("limit").unwrap_or(50).clamp(1, most);
        let skip = number("skip").unwrap_or_else(|| (number("page").unwrap_or(1).max(1) - 1) * limit);
        let total = rows.len();
        // Rows that are counted and not shown.
        let missing = usize::from(self.behaviour.torn_listings && !self.behaviour.masked);
        let results: Vec<Value> = rows.into_iter().skip(skip).take(limit).collect();
        let has_more = skip + results.len() < total;
        ok(json!({"status": "success", "message": "Campaigns retrieved successfully", "data": {
            "results": results, "skip": skip, "limit": limit, "hasMore": has_more,
            "totalPages": total.div_ceil(limit), "totalResults": total + missing,
        }}))
    }

    fn unknown(&self) -> Answer {
        match self.behaviour.unknown_campaign {
            UnknownCampaign::NotFound => refused(404, "Campaign not found"),
            UnknownCampaign::BadRequest => refused(400, "Campaign not found"),
            UnknownCampaign::Failure => ok(json!({"status": "failure", "message": "Campaign not found"})),
        }
    }

    fn within_rate_limit(&mut self, account_id: &str, now: Timestamp) -> bool {
        let Some(limit) = self.behaviour.requests_per_minute else { return true };
        let calls = self.calls.entry(account_id.to_owned()).or_default();
        while calls.front().is_some_and(|call| *call + SignedDuration::from_mins(1) <= now) {
            calls.pop_front();
        }
        // Whether refused calls count is not documented; here they don't.
        let within = calls.len() < limit;
        if within {
            calls.push_back(now);
        }
        within
    }

    fn throttled(&self) -> Answer {
        let text = "You've exceeded the per-minute rate limit. Please wait for sometime before retrying.";
        Answer {
            status: self.behaviour.throttled_status,
            retry_after: self.behaviour.throttled_retry_after,
            body: json!({"message": text}),
            effect: false,
        }
    }
}

fn well_formed(request: &Request) -> Result<(), String> {
    for header in ["iid", "accountid"] {
        request.header(header).ok_or_else(|| format!("{header} header is required"))?;
    }
    let query = query(&request.uri);
    if query.get("accountId") != Some(&request.account_id) {
        return Err("accountId in the query must be that of the header".to_owned());
    }
    let typed = matches!(
        request.operation,
        Operation::Create | Operation::Update | Operation::Delete | Operation::Start | Operation::Stop
    );
    if typed && query.get("campaignType").map(String::as_str) != Some("voice") {
        return Err("campaignType must be voice".to_owned());
    }
    Ok(())
}

fn query(uri: &Uri) -> HashMap<String, String> {
    axum::extract::Query::try_from_uri(uri).map(|query| query.0).unwrap_or_default()
}

fn said(what: &str, campaign: Value, effect: bool) -> Answer {
    let message = format!("Campaign {} {what}", text(&campaign["name"]));
    Answer { effect, ..ok(json!({"status": "success", "message": message, "data": campaign})) }
}

fn ok(body: Value) -> Answer {
    Answer { status: 200, retry_after: None, body, effect: false }
}

fn refused(status: u16, message: &str) -> Answer {
    Answer { status, ..ok(json!({"errors": [{"msg": message, "code": status}]})) }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
