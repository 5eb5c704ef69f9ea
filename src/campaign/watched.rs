use crate::api::VoiceCampaign;
use crate::kube_ext::Guarded;

/// A VoiceCampaign as it is watched. It may not fit its schema.
pub type Watched = Guarded<VoiceCampaign>;
