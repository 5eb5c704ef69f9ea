use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::proof::{self, ProvenAbsence};
use crate::api::{DeletionPolicy, DeletionStatus, GroundName, VoiceCampaign};
use crate::kore::ConfirmedDeletion;
use crate::kube_ext::{AllMayGo, Finalizer};

/// The finalizer that holds a VoiceCampaign until there is a [`Ground`] to let it go.
pub const REMOTE_CAMPAIGN: Finalizer<Ground> = Finalizer::new("voicecampaign.dev/remote-campaign");

/// Why a VoiceCampaign may be let go. Our finalizer can't be removed without one (see [`crate::kube_ext::Finalizer`]).
///
/// There is no way to make one but from evidence:
///
/// ```compile_fail
/// use voicecampaign_operator::{api::GroundName, campaign::Ground};
/// let made_up = Ground { name: GroundName::Deleted };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ground {
    name: GroundName,
}

impl Ground {
    /// Kore confirmed the deletion of this campaign, and of no other.
    pub fn deleted(object: &VoiceCampaign, evidence: &ConfirmedDeletion) -> Option<Self> {
        let this = evidence.campaign().id.as_deref() == Some(&object.spec.campaign_id);
        this.then_some(Self { name: GroundName::Deleted })
    }

    /// The campaign is not there, and that is proven.
    pub fn absent(_evidence: ProvenAbsence) -> Self {
        Self { name: GroundName::Absent }
    }

    /// The user asked to leave the campaign alone.
    pub fn orphaned(object: &VoiceCampaign) -> Option<Self> {
        (object.spec.deletion_policy == DeletionPolicy::Orphan).then_some(Self { name: GroundName::Orphaned })
    }

    /// The administrator asked to leave all campaigns alone.
    pub fn left_alone(_consent: &AllMayGo) -> Self {
        Self { name: GroundName::Orphaned }
    }

    /// A ground that was recorded in status before a crash or restart.
    ///
    /// It counts only for the very deletion it was recorded in: same uid, same deletionTimestamp (a backup may have
    /// brought an old status back). `Orphaned` counts only while the policy still says so.
    pub fn recorded(object: &VoiceCampaign) -> Option<Self> {
        let deletion = recorded_deletion(object)?;
        let name = deletion.ground?;
        match name {
            GroundName::Deleted => Some(Self { name }),
            GroundName::Absent => {
                let proven = deletion.proof.as_ref().is_some_and(proof::is_complete);
                proven.then_some(Self { name })
            }
            GroundName::Orphaned => Self::orphaned(object),
        }
    }

    /// The name as it stands in status, events and metrics.
    pub fn name(self) -> GroundName {
        self.name
    }
}

/// The record of the deletion that is going on, if status holds one and it is of this very deletion.
pub fn recorded_deletion(object: &VoiceCampaign) -> Option<&DeletionStatus> {
    let ObjectMeta { uid, deletion_timestamp, .. } = &object.metadata;
    object.status.as_ref()?.deletion.as_deref().filter(|deletion| {
        Some(&deletion.uid) == uid.as_ref() && Some(&deletion.requested_at) == deletion_timestamp.as_ref()
    })
}

/// Whether an object needs its connection: it has our finalizer, or is about to get it.
pub fn needs_connection(object: &VoiceCampaign) -> bool {
    object.metadata.deletion_timestamp.is_none() || REMOTE_CAMPAIGN.is_on(&object.metadata)
}
