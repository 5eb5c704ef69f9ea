use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A voice campaign as Kore returns it [delete-voice-campaign-v2, get-voice-campaign-by-id-v2,
/// get-all-campaigns-v2].
///
/// Every field is optional, because the pages disagree which are sent. Texts are cut to 256 characters and
/// lists to 100 entries when they are read, so that a status stays small.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct Campaign {
    /// Identifier of the campaign; `_id` or `id` in the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Display name in lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lname: Option<String>,
    /// Objective of the campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// State: Preparing, Ready, Active, Paused, Stopped, Completed, Scheduled, Rescheduled; the set is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// `1` to `5`, 5 is the highest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// Agentless, Progressive or Preview; the set is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialing_mode: Option<String>,
    /// Format of the campaign, as basic or advanced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Whom, when and how often the campaign calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialing_strategy: Option<DialingStrategy>,
    /// Do-not-call list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dnc_lists: Option<DncList>,
    /// Names of the contact lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contact_lists: Vec<String>,
    /// Identifier of the experience flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub experience_flow: Option<String>,
    /// Identifier of the running instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign_instance_id: Option<String>,
    /// Scheduling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// Whether filters are on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_filters_enabled: Option<bool>,
    /// When the campaign was created (ISO 8601).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// When the campaign was last changed (ISO 8601).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
}

impl Campaign {
    /// The campaign, completed by the fields of `known` that a row of a listing lacks [get-all-campaigns-v2];
    /// only a GET or a DELETE returns those. Nothing is taken from another campaign.
    pub fn completed_by(self, known: Option<&Self>) -> Self {
        let Some(known) = known.filter(|known| known.id == self.id).cloned() else { return self };
        Self {
            lname: self.lname.or(known.lname),
            format: self.format.or(known.format),
            dialing_strategy: self.dialing_strategy.or(known.dialing_strategy),
            experience_flow: self.experience_flow.or(known.experience_flow),
            campaign_instance_id: self.campaign_instance_id.or(known.campaign_instance_id),
            ..self
        }
    }
}

/// Whom, when and how often a campaign calls.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct DialingStrategy {
    /// Number the campaign calls from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller_id: Option<CallerId>,
    /// When contacts are called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calling_hours: Option<CallingHours>,
    /// FIFO or LIFO; the set is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialing_order: Option<String>,
    /// How often a contact is called at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts_per_record: Option<i64>,
    /// Minutes between two calls of a contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_retry_period: Option<i64>,
    /// How long it rings, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_ring_time: Option<i64>,
    /// Whether system mappings are used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_system_mappings: Option<bool>,
}

/// Number the campaign calls from.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct CallerId {
    /// The number of the calling company; never a contact's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
}

/// When contacts are called.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct CallingHours {
    /// WEEKLY, DAILY or CUSTOM; the set is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency: Option<String>,
    /// Days and hours.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<CallingDay>,
    /// Time zone of the hours, as `Asia/Kolkata`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
}

/// Hours of one day.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct CallingDay {
    /// MO, TU, WE, TH, FR, SA or SU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<String>,
    /// First time of day, as `9:00 AM`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// Last time of day, as `6:00 PM`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
}

/// Do-not-call list.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct DncList {
    /// Identifier of the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Name of the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Scheduling of a campaign.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct Schedule {
    /// Whether the campaign starts by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_scheduling_enabled: Option<bool>,
    /// Whether it starts again and again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_recurrence_enabled: Option<bool>,
}
