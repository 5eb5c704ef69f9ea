use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    Delete,
    Get,
    List,
    Status,
    Create,
    Update,
    Start,
    Stop,
    /// No operation of the API.
    Unknown,
}

/// A scripted fault: which requests it hits, how often, and what becomes of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// The operation; any if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// The campaign; any if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<String>,
    /// The account; any if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// How many requests it hits; all until it is cleared, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// Pause before anything else, in milliseconds.
    #[serde(default)]
    pub delay_ms: u64,
    /// Whether the request has taken effect when it is hit.
    #[serde(default)]
    pub when: When,
    /// What becomes of the request.
    pub then: Outcome,
}

/// Whether a request has taken effect when a fault hits it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// It has not, and will not.
    #[default]
    BeforeEffect,
    /// It has: what is lost is the answer.
    AfterEffect,
}

/// What becomes of a request that a fault hits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is answered as if there were no fault; for a delay alone.
    Normal,
    /// It is answered with this.
    Answer {
        /// HTTP status.
        status: u16,
        /// Headers.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// Body.
        #[serde(default)]
        body: String,
    },
    /// It is never answered.
    Hang,
    /// The connection is closed without an answer.
    Cut,
    /// The connection is closed in the middle of the true answer's body.
    CutBody,
    /// The true answer comes one byte at a time, with this pause in milliseconds.
    Drip(u64),
}

impl Fault {
    /// A fault that answers a DELETE with a status and a body, the given number of times.
    pub fn answer_delete(times: Option<u32>, status: u16, body: &str) -> Self {
        let then = Outcome::Answer { status, headers: BTreeMap::new(), body: body.to_owned() };
        Self {
            operation: Some(Operation::Delete),
            campaign_id: None,
            account_id: None,
            times,
            delay_ms: 0,
            when: When::BeforeEffect,
            then,
        }
    }

    /// A fault that delays a DELETE, and is none otherwise.
    pub fn delay_delete(times: Option<u32>, delay_ms: u64) -> Self {
        Self { delay_ms, then: Outcome::Normal, ..Self::answer_delete(times, 200, "") }
    }

    fn hits(&self, operation: Operation, campaign: Option<&str>, account: &str) -> bool {
        self.operation.is_none_or(|wanted| wanted == operation)
            && self.campaign_id.as_deref().is_none_or(|wanted| Some(wanted) == campaign)
            && self.account_id.as_deref().is_none_or(|wanted| wanted == account)
    }
}

/// The faults in force, in the order in which they were set.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn set(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The first fault that hits, one time less.
    pub(crate) fn take(
        &mut self,
        operation: Operation,
        campaign: Option<&str>,
        account: &str,
    ) -> Option<Fault> {
        let position = self.0.iter().position(|fault| fault.hits(operation, campaign, account))?;
        let fault = self.0[position].clone();
        if let Some(times) = &mut self.0[position].times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.0.remove(position);
            }
        }
        Some(fault)
    }
}
