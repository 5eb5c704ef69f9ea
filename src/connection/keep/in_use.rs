use kube::ResourceExt;
use kube::api::DynamicObject;

use crate::api::KoreConnection;
use crate::kube_ext::{AllMayGo, Finalizer};

/// The finalizer that holds a connection, its Secret, and the rights to them; taking it off takes
/// [`Unneeded`].
pub const IN_USE: Finalizer<Unneeded> = Finalizer::new("voicecampaign.dev/in-use");

/// Permit to take [`IN_USE`] off: the API server was asked, and nobody needs the object; or an administrator
/// releases everything.
#[derive(Clone, Copy, Debug)]
pub struct Unneeded(());

impl Unneeded {
    /// The administrator leaves all campaigns in Kore, so nobody will call Kore for any of them.
    pub fn as_all_may_go(_consent: &AllMayGo) -> Self {
        Self(())
    }

    /// For this folder alone, after it has asked the API server who needs the object.
    pub(super) fn as_the_api_server_says() -> Self {
        Self(())
    }
}

/// A KoreConnection, as typed or as raw object.
pub trait ListsSecrets: ResourceExt {
    /// The Secrets that are held for the connection, as its status lists them.
    fn secrets_in_use(&self) -> Vec<String>;
}

impl ListsSecrets for KoreConnection {
    fn secrets_in_use(&self) -> Vec<String> {
        self.status.as_ref().map(|status| status.secrets_in_use.clone()).unwrap_or_default()
    }
}

impl ListsSecrets for DynamicObject {
    fn secrets_in_use(&self) -> Vec<String> {
        let listed = self.data["status"]["secretsInUse"].as_array().into_iter().flatten();
        listed.filter_map(|secret| secret.as_str().map(ToOwned::to_owned)).collect()
    }
}

/// The Secrets that are held for a connection, as its status lists them.
pub fn secrets_in_use<C: ListsSecrets>(connection: &C) -> Vec<String> {
    connection.secrets_in_use()
}

/// Whether a connection, or one of its Secrets, is held.
pub fn is_held<C: ListsSecrets>(connection: &C) -> bool {
    IN_USE.is_on(connection.meta()) || !connection.secrets_in_use().is_empty()
}

/// The result of releasing a connection, or one of its Secrets.
#[derive(Debug)]
pub enum Release {
    /// Our finalizer is off; or another connection will take it off a shared Secret.
    Released,
    /// Our finalizer stays on, for this reason.
    Held(String),
}

impl Release {
    /// Why the finalizer stays on, if it does.
    pub fn held(self) -> Option<String> {
        match self {
            Self::Released => None,
            Self::Held(why) => Some(why),
        }
    }
}
