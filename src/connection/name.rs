use std::fmt;

use kube::ResourceExt;

use crate::api::VoiceCampaign;

/// Namespace and name of a KoreConnection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl ConnectionName {
    /// The KoreConnection `name` in `namespace`.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// The KoreConnection that a VoiceCampaign refers to.
    pub fn used_by(campaign: &VoiceCampaign) -> Self {
        Self::new(campaign.namespace().unwrap_or_default(), &campaign.spec.connection_ref.name)
    }

    /// The name of a KoreConnection, which may not fit its schema.
    pub fn of<C: ResourceExt>(connection: &C) -> Self {
        Self::new(connection.namespace().unwrap_or_default(), connection.name_any())
    }
}

impl fmt::Display for ConnectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
