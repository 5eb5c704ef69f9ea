use crate::kube_ext::Guarded;

use crate::api::KoreConnection;

/// A KoreConnection as it is watched. It may not fit its schema.
pub type Watched = Guarded<KoreConnection>;
