use jiff::Timestamp;

use crate::api::{Reason, VoiceCampaignStatus};
use crate::campaign::evidence::ReleasePermit;

/// The next thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Keep the connection and its Secret as long as the object needs them.
    Protect,
    /// Add our finalizer.
    AddFinalizer,
    /// Look up the connection and its credentials.
    Resolve,
    /// GET the campaign.
    Get(Urgency),
    /// Ask for the next page of a listing of the stream that begins at `not_before` or later; or wait for
    /// those who do.
    List {
        /// The earliest begin of a listing that is of use.
        not_before: Timestamp,
        /// Whether the read may wait.
        urgency: Urgency,
    },
    /// Ask the controller of the connection whether the deletion may begin.
    AskBrake,
    /// Wait until it is the deletion's turn to prepare for its DELETE.
    AwaitTurn,
    /// Send the DELETE.
    Delete,
    /// Write this status.
    Record(Box<VoiceCampaignStatus>),
    /// Remove our finalizer.
    Release(ReleasePermit),
    /// Nothing to do before `until` (or a change, if `None`).
    Wait {
        /// When to decide again.
        until: Option<Timestamp>,
        /// What the object waits for.
        why: Reason,
    },
    /// A person has to act; decide again at `until` (or at a change, if `None`).
    Stall {
        /// When to decide again.
        until: Option<Timestamp>,
        /// What the person has to mend.
        why: Reason,
    },
    /// The object is no longer the operator's to handle.
    Done,
}

/// Whether a read may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// A deletion waits for the read.
    Deletion,
    /// The read only refreshes the status of a living campaign, and takes what deletions leave of the quota.
    Observation,
}

/// What to do, and what status must say before it is done (`None`: anything).
pub struct Plan {
    pub step: Step,
    pub status: Option<VoiceCampaignStatus>,
}

impl From<Step> for Plan {
    fn from(step: Step) -> Self {
        Self { step, status: None }
    }
}

impl Plan {
    /// Does the step once status says this.
    pub fn with(step: Step, status: VoiceCampaignStatus) -> Self {
        Self { step, status: Some(status) }
    }

    /// Rests until a time; stalls, if the reason says that a person has to act.
    pub fn rest(why: Reason, until: Timestamp, status: VoiceCampaignStatus) -> Self {
        let until = Some(until);
        let step = if why.needs_a_person() { Step::Stall { until, why } } else { Step::Wait { until, why } };
        Self::with(step, status)
    }
}
