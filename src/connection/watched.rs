use crate::api::KoreConnection;
use crate::kube_ext::Guarded;

/// A KoreConnection as it is watched. It may not fit its schema.
pub type Watched = Guarded<KoreConnection>;
