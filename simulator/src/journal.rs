use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::faults::{Fault, Operation};

/// One request, as it arrived. Credentials are not kept: of the token only its claims.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When it arrived.
    pub at: jiff::Timestamp,
    /// What it asks for.
    pub operation: Operation,
    /// HTTP method.
    pub method: String,
    /// Path.
    pub path: String,
    /// Query.
    pub query: String,
    /// Headers; `auth` shows its claims in place of the token.
    pub headers: BTreeMap<String, String>,
    /// Body, as text.
    pub body: String,
    /// Account of the request.
    pub account_id: String,
    /// Campaign of the request.
    pub campaign_id: Option<String>,
    /// HTTP status of the answer; absent while there is none (or never will be).
    pub answer: Option<u16>,
    /// The fault that hit it.
    pub fault: Option<Fault>,
    /// Why the service would have refused it (quota, token, headers, query), whatever fault was in force.
    pub violation: Option<String>,
    /// Whether it changed a campaign.
    pub effect: bool,
}
