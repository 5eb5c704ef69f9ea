//! Conditions: those that kstatus (Flux, Helm, `kubectl wait`) reads. `Ready` always; `Reconciling` and
//! `Stalled` only while they hold, never both.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::api::{Reason, VoiceCampaign, VoiceCampaignStatus};
use crate::kube_ext::round_down;

/// The condition of an object whose campaign another object names, too.
pub const SHARED: &str = "Shared";

/// The status of the `Ready` condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// The campaign exists in Kore.
    True,
    /// It does not, or the object is being deleted.
    False,
    /// Nobody knows.
    Unknown,
}

impl Ready {
    /// The status as the condition has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }

    /// What the stored `Ready` condition says.
    pub fn stored(object: &VoiceCampaign) -> Self {
        match object.status.as_ref().and_then(ready).map(|ready| ready.status.as_str()) {
            Some("True") => Self::True,
            Some("False") => Self::False,
            Some(_) | None => Self::Unknown,
        }
    }
}

/// One state of an object, as its conditions show it.
pub struct State {
    ready: Ready,
    phase: Phase,
    reason: Reason,
    message: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Settled,
    Reconciling,
    Stalled,
}

impl State {
    /// The operator has nothing to do; or a person has, if the reason says so.
    pub fn settled(ready: Ready, reason: Reason, message: String) -> Self {
        let phase = if reason.needs_a_person() { Phase::Stalled } else { Phase::Settled };
        Self { ready, phase, reason, message }
    }

    /// The operator goes on by itself; or a person has to act, if the reason says so.
    pub fn reconciling(ready: Ready, reason: Reason, message: String) -> Self {
        let phase = if reason.needs_a_person() { Phase::Stalled } else { Phase::Reconciling };
        Self { ready, phase, reason, message }
    }

    /// Nobody has anything to do, because the user wants it so.
    pub fn paused(ready: Ready, reason: Reason, message: String) -> Self {
        Self { ready, phase: Phase::Settled, reason, message }
    }

    /// The conditions of an object in this state.
    pub fn conditions(&self, object: &VoiceCampaign, now: Timestamp) -> Vec<Condition> {
        let Self { ready, phase, reason, message } = self;
        let phase = match phase {
            Phase::Settled => None,
            Phase::Reconciling => Some("Reconciling"),
            Phase::Stalled => Some("Stalled"),
        };
        let types = [Some(("Ready", ready.as_str())), phase.map(|phase| (phase, "True"))];
        let condition = |(type_, status)| {
            let kind = Kind { type_, status };
            condition(object, now, kind, *reason, message)
        };
        types.into_iter().flatten().map(condition).collect()
    }
}

/// Type and status of a condition.
pub struct Kind<'a> {
    /// The type, as `Ready`.
    pub type_: &'a str,
    /// `True`, `False` or `Unknown`.
    pub status: &'a str,
}

/// A condition of an object; its time is that of the stored condition with the same type and status, if there
/// is one.
pub fn condition(
    object: &VoiceCampaign,
    now: Timestamp,
    Kind { type_, status }: Kind<'_>,
    reason: Reason,
    message: &str,
) -> Condition {
    let stored = object.status.iter().flat_map(|stored| &stored.conditions);
    let since = stored
        .into_iter()
        .find(|condition| condition.type_ == type_ && condition.status == status)
        .map_or_else(|| round_down(now), |condition| condition.last_transition_time.clone());
    Condition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: reason.as_str().to_owned(),
        message: message.to_owned(),
        observed_generation: object.metadata.generation,
        last_transition_time: since,
    }
}

/// The `Ready` condition.
pub fn ready(status: &VoiceCampaignStatus) -> Option<&Condition> {
    status.conditions.iter().find(|condition| condition.type_ == "Ready")
}

/// The reason of the `Ready` condition.
pub fn reason(status: &VoiceCampaignStatus) -> Reason {
    ready(status).and_then(|ready| Reason::parse(&ready.reason)).unwrap_or(Reason::Pending)
}
