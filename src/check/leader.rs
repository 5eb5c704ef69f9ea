//! Whether an instance of an operator leads.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client, ResourceExt};
use tokio::time::{Instant, sleep};

use super::page::Finding;
use crate::kube_ext::{Deployed, Election, Leader, Pods};

/// How long to watch for a renewal: a leader renews every 2 s (`src/kube_ext/lease.rs`).
const RENEWED_WITHIN: Duration = Duration::from_secs(6);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// Whether an instance leads: it renews the Lease while this looks on. The times in the Lease are of another
/// machine's clock, and are ignored.
pub(super) async fn of(operator: &Deployed, client: &Client) -> Finding {
    let Deployed { namespace, name, pods: Pods { wanted, .. }, .. } = operator;
    let lease = match &operator.lease {
        Election::Lease(lease) => lease,
        Election::None if *wanted > 1 => {
            return Finding::failed(format!(
                "{namespace}/{name} takes no Lease, and has {wanted} Pods, which all work: set LEADER_ELECT to true"
            ));
        }
        Election::None => {
            return Finding::ok(format!("{namespace}/{name} takes no Lease: its one Pod always works"));
        }
        Election::Unseen => {
            return Finding::not_checked(format!(
                "which Lease {namespace}/{name} takes: its variables are set elsewhere"
            ));
        }
    };
    let api: Api<Lease> = Api::namespaced(client.clone(), namespace);
    let begun = Instant::now();
    let mut first = None;
    loop {
        let found = match api.get_opt(lease).await {
            Ok(found) => found,
            Err(error) => return Finding::refused(&error, &format!("the Lease {namespace}/{lease}")),
        };
        let Some(found) = found else {
            return Finding::failed(format!("there is no Lease {namespace}/{lease}"));
        };
        let Some(holder) = Leader::of(&found).holder else {
            return Finding::failed(format!("nobody holds the Lease {namespace}/{lease}"));
        };
        let version = found.resource_version();
        if *first.get_or_insert_with(|| version.clone()) != version {
            // Without the number that tells a restarted container from the one before.
            return Finding::ok(format!("{} leads", holder.split('_').next().unwrap_or(&holder)));
        }
        if begun.elapsed() >= RENEWED_WITHIN {
            let seconds = RENEWED_WITHIN.as_secs();
            return Finding::failed(format!(
                "{holder} holds the Lease {namespace}/{lease}, and has not renewed it for {seconds} s"
            ));
        }
        sleep(PAUSE).await;
    }
}
