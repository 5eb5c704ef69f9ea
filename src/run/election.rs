use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kube::Client;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::crds;
use super::health::Health;
use super::settings::Settings;
use crate::kube_ext::{Candidate, Count, Leadership, counted_client_of};

/// How often a standby checks that it could take over.
const CHECK_INTERVAL: Duration = Duration::from_secs(30);
/// How soon it checks again when it could not.
const CHECK_RETRY: Duration = Duration::from_secs(5);

/// Whether and when this instance leads.
pub(super) struct Election {
    /// `None` without leader election: then this is the only instance.
    candidate: Option<Candidate>,
    /// For the checks of a standby.
    client: Client,
    lease: Option<String>,
    namespaces: Vec<String>,
}

impl Election {
    /// # Errors
    /// If the configuration of the cluster can't be used.
    pub(super) fn new(settings: &Settings, cluster: &kube::Config, count: &Count) -> anyhow::Result<Self> {
        let client = || counted_client_of(cluster.clone(), count.clone());
        let lease = settings.lease.clone();
        let candidate = match &lease {
            Some(name) => Some(Candidate::new(client()?, name.clone(), settings.instance.as_deref())),
            None => None,
        };
        Ok(Self { candidate, client: client()?, lease, namespaces: settings.namespaces.clone() })
    }

    /// Waits until this instance leads. Meanwhile `health` says whether it could.
    pub(super) async fn lead(&mut self, health: &Health) -> Leadership {
        let Self { candidate: Some(candidate), client, lease, namespaces } = self else {
            return Leadership::unlimited();
        };
        // Notified whenever another instance is found to lead.
        let standing_by = Notify::new();
        // Why the lease could not be read or taken the last time.
        let lease_error = Mutex::new(None);
        let set_lease_error = |error: Option<String>| {
            *lease_error.lock().unwrap_or_else(PoisonError::into_inner) = error;
        };
        let checks = async {
            standing_by.notified().await;
            loop {
                let could_lead = could_lead(client, namespaces, lease.as_deref()).await;
                let lease_error = lease_error.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let could_lead = lease_error.map_or(could_lead, Err);
                let pause = if could_lead.is_ok() { CHECK_INTERVAL } else { CHECK_RETRY };
                health.standing_by(could_lead);
                // At once when the lease can be read again: until then `health` reports that it can't.
                let _ = timeout(pause, standing_by.notified()).await;
            }
        };
        let leadership = tokio::select! {
            leadership = candidate.lead(
                || {
                    set_lease_error(None);
                    standing_by.notify_one();
                },
                |error| {
                    let error = format!("could not read or take the lease: {error}");
                    health.waiting(&error);
                    set_lease_error(Some(error));
                },
            ) => leadership,
            never = checks => never,
        };
        health.starting();
        leadership
    }

    /// Renews the lease, and returns when it is lost.
    pub(super) async fn keep(&mut self, leadership: &Leadership) {
        match &mut self.candidate {
            Some(candidate) => candidate.keep(leadership).await,
            None => std::future::pending().await,
        }
    }

    /// Releases the lease, so that another instance can lead at once.
    pub(super) async fn release(&mut self, leadership: &Leadership) {
        if let Some(candidate) = &mut self.candidate {
            candidate.release(leadership).await;
        }
    }
}

/// Whether this instance could take over, as far as the API server can say while another instance leads.
async fn could_lead(client: &Client, namespaces: &[String], lease: Option<&str>) -> Result<(), String> {
    crds::problem(client, namespaces).await?;
    match lease {
        Some(lease) => crds::may_take(client, lease).await,
        None => Ok(()),
    }
}
