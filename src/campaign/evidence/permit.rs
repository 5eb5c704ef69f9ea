use super::proof::{self, ProvenAbsence};
use crate::api::{DeletionOutcome, DeletionPolicy, FINALIZER, VoiceCampaign};
use crate::kore::ConfirmedDeletion;
use crate::kube_ext::{AllMayGo, Finalizer};

/// The finalizer that holds a VoiceCampaign until there is a [`ReleasePermit`].
pub const REMOTE_CAMPAIGN: Finalizer<ReleasePermit> = Finalizer::new(FINALIZER);

/// The permit to remove our finalizer; there is no other way to remove it (see
/// [`crate::kube_ext::Finalizer`]).
///
/// Only evidence makes a permit:
///
/// ```compile_fail
/// use voicecampaign_operator::{api::DeletionOutcome, campaign::ReleasePermit};
/// let made_up = ReleasePermit { outcome: DeletionOutcome::Deleted };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReleasePermit {
    outcome: DeletionOutcome,
}

impl ReleasePermit {
    /// Kore confirmed the deletion of this campaign, and of no other.
    pub fn deleted(object: &VoiceCampaign, evidence: &ConfirmedDeletion) -> Option<Self> {
        let this = evidence.campaign().id.as_deref() == Some(&object.spec.campaign_id);
        this.then_some(Self { outcome: DeletionOutcome::Deleted })
    }

    /// The operator has proven that Kore has no such campaign.
    pub fn absent(_evidence: ProvenAbsence) -> Self {
        Self { outcome: DeletionOutcome::Absent }
    }

    /// The user asked to leave the campaign in Kore.
    pub fn orphaned(object: &VoiceCampaign) -> Option<Self> {
        (object.spec.deletion_policy == DeletionPolicy::Orphan)
            .then_some(Self { outcome: DeletionOutcome::Orphaned })
    }

    /// The administrator asked to leave all campaigns in Kore.
    pub fn left_alone(_consent: &AllMayGo) -> Self {
        Self { outcome: DeletionOutcome::Orphaned }
    }

    /// The permit for the outcome that status recorded before a crash or restart.
    ///
    /// The outcome counts only for the deletion in which it was recorded: same uid, same deletionTimestamp (a
    /// backup may have brought an old status back). `Orphaned` counts only while the policy still says so.
    pub fn recorded(object: &VoiceCampaign) -> Option<Self> {
        let deletion = object.deletion()?;
        let outcome = deletion.outcome?;
        match outcome {
            DeletionOutcome::Deleted => Some(Self { outcome }),
            DeletionOutcome::Absent => {
                let proven = deletion.proof.as_ref().is_some_and(proof::is_complete);
                proven.then_some(Self { outcome })
            }
            DeletionOutcome::Orphaned => Self::orphaned(object),
        }
    }

    /// The outcome of the deletion, as status, events and metrics name it.
    pub fn outcome(self) -> DeletionOutcome {
        self.outcome
    }
}

/// Whether an object needs its connection: it has our finalizer, or is about to get it.
pub fn needs_connection(object: &VoiceCampaign) -> bool {
    object.metadata.deletion_timestamp.is_none() || REMOTE_CAMPAIGN.is_on(&object.metadata)
}
