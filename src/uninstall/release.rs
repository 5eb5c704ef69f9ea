//! Removes the operator's finalizers from everything that is left, with the consent of the administrator. The
//! operator is stopped by then, and its policies are deleted.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use anyhow::bail;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::DynamicObject;
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};

use super::remaining::{Remaining, SecretName, name, secrets_of};
use super::retry::PAUSE;
use crate::api::{KoreConnection, Reason, VoiceCampaign};
use crate::campaign::{self, REMOTE_CAMPAIGN, ReleasePermit};
use crate::connection::{IN_USE, Unneeded};
use crate::kube_ext::{AllMayGo, CallError, Events, Finalizer, Kube, Leadership, Note};
use crate::stdout::say;

/// How long a pass that only confirms may take after the time is over.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(60);

/// Removes our finalizers from everything that is left. What the API server rejects is retried until the
/// time is over: it may not have observed yet that the policies are deleted.
///
/// # Errors
/// If a call to the API server fails, or a finalizer is left.
pub async fn all(
    client: &Client,
    remaining: &Remaining,
    consent: &AllMayGo,
    until: Instant,
) -> anyhow::Result<()> {
    let kube = Kube::new(client.clone(), Leadership::unlimited());
    let events = Events::new(kube.clone(), None);
    let mut before = HashSet::new();
    loop {
        let mut pass = Pass::default();
        for object in remaining.campaigns().await?.all()? {
            pass.record(&object, &name(&object), release_campaign(&object, consent, &kube, &events).await);
        }
        let of_others = remaining.secrets_of_others().await?;
        for object in remaining.connections().await?.all()? {
            let outcome = release_connection(&object, &of_others, consent, &kube).await;
            pass.record(&object, &name(&object), outcome);
        }
        if pass.found_nothing() {
            // Last: in a namespace that is being deleted, the rights go with them.
            for binding in remaining.held_bindings().await?.all()? {
                let patch = IN_USE.removing(&binding.metadata, Unneeded::as_all_may_go(consent));
                let patch = patch.unwrap_or_default();
                let outcome = kube.patch_metadata::<RoleBinding>(&binding.metadata, patch).await;
                let name = format!("the RoleBinding in {}", binding.namespace().unwrap_or_default());
                pass.record(&binding, &name, outcome.map(|_| true));
            }
        }
        // Nothing had a finalizer, so no operator that still runs has added one again.
        if pass.found_nothing() {
            return Ok(());
        }
        let Pass { released, failed } = pass;
        let added_again = !released.is_disjoint(&before);
        let why = failed
            .or_else(|| {
                added_again.then(|| "finalizers are added again, so an operator still runs".to_owned())
            })
            .or_else(|| {
                let too_late = Instant::now() >= until + CONFIRMED_WITHIN;
                too_late.then(|| "new objects with the operator's finalizers keep appearing".to_owned())
            });
        if let Some(why) = why.filter(|_| Instant::now() >= until) {
            bail!("could not remove all finalizers: {why}");
        }
        before.extend(released);
        sleep(PAUSE).await;
    }
}

/// What one pass over everything has found.
#[derive(Default)]
struct Pass {
    /// The uids of the objects whose finalizer it has removed.
    released: HashSet<String>,
    /// The last failure.
    failed: Option<String>,
}

impl Pass {
    /// Records whether an object had a finalizer, or why that could not be removed.
    fn record<K: ResourceExt>(&mut self, object: &K, name: &str, outcome: Result<bool, CallError>) {
        match outcome {
            Ok(false) => {}
            Ok(true) | Err(CallError::Gone) => self.released.extend(object.uid()),
            Err(error) => self.failed = Some(format!("{name}: {error}")),
        }
    }

    fn found_nothing(&self) -> bool {
        self.released.is_empty() && self.failed.is_none()
    }
}

/// Records the outcome in the status, as for every deletion, and removes the finalizer. Returns whether
/// the object had it.
async fn release_campaign(
    object: &DynamicObject,
    consent: &AllMayGo,
    kube: &Kube,
    events: &Events,
) -> Result<bool, CallError> {
    if !REMOTE_CAMPAIGN.is_on(&object.metadata) {
        return Ok(false);
    }
    let mut permit = ReleasePermit::left_alone(consent);
    let readable = object.clone().try_parse::<VoiceCampaign>().ok();
    if let Some(campaign) = &readable {
        let (recorded, status) = campaign::left_alone(campaign, consent, Timestamp::now());
        permit = recorded;
        let mut left = campaign.clone();
        if let Some(status) = status {
            kube.replace_status(campaign, &status).await?;
            left.status = Some(status);
        }
        campaign::audit::released(&left, permit.outcome());
    }
    remove::<VoiceCampaign, _>(&REMOTE_CAMPAIGN, permit, object, kube).await?;
    let id = object.data["spec"]["campaignId"].as_str().unwrap_or("?").to_owned();
    let text = format!(
        "The operator is being uninstalled, and has removed its finalizer. The campaign {id} stays in Kore, and may go on \
         calling people."
    );
    say(&format!("Released {}; its campaign {id} stays in Kore.", name(object)));
    let note = Note { warning: true, reason: Reason::Orphaned.as_str(), action: "Uninstall", text };
    if let Some(campaign) = &readable {
        events.publish(campaign, note).await;
    }
    Ok(true)
}

/// Removes the finalizer from the Secrets of a connection, but for those that connections of other
/// instances use; and then from the connection, which names the Secrets. Returns whether one of them had
/// it.
async fn release_connection(
    object: &DynamicObject,
    of_others: &BTreeSet<SecretName>,
    consent: &AllMayGo,
    kube: &Kube,
) -> Result<bool, CallError> {
    let namespace = object.namespace().unwrap_or_default();
    let mut changed = false;
    for name in secrets_of(object) {
        if of_others.contains(&SecretName { namespace: namespace.clone(), name: name.clone() }) {
            continue;
        }
        let Some(secret) = kube.find_metadata::<Secret>(&namespace, &name).await? else { continue };
        if let Some(patch) = IN_USE.removing(&secret.metadata, Unneeded::as_all_may_go(consent)) {
            match kube.patch_metadata::<Secret>(&secret.metadata, patch).await {
                Ok(_) => changed = true,
                // The connection itself is still to be released.
                Err(CallError::Gone) => {}
                Err(error) => return Err(error),
            }
        }
    }
    let has_finalizer = IN_USE.is_on(&object.metadata);
    remove::<KoreConnection, _>(&IN_USE, Unneeded::as_all_may_go(consent), object, kube).await?;
    Ok(changed || has_finalizer)
}

/// Removes a finalizer from an object that may not deserialize as its kind.
async fn remove<K, Permit>(
    finalizer: &Finalizer<Permit>,
    permit: Permit,
    object: &DynamicObject,
    kube: &Kube,
) -> Result<(), CallError>
where
    K: Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let Some(patch) = finalizer.removing(&object.metadata, permit) else { return Ok(()) };
    let written = kube.patch_metadata::<K>(&object.metadata, patch).await?;
    // The policy that adds the finalizer again is deleted, but the API server may not have observed that yet.
    if finalizer.is_on(&written.metadata) {
        return Err(CallError::Refused("a policy has added the finalizer again".to_owned()));
    }
    Ok(())
}
