//! Lets everything go: the administrator has said so. The operator is stopped by then, and the policies are
//! gone.

use std::collections::BTreeSet;

use anyhow::bail;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DynamicObject, PartialObjectMetaExt};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};

use super::left::{Left, name};
use super::patience::PAUSE;
use crate::api::{KoreConnection, VoiceCampaign};
use crate::campaign::{self, REMOTE_CAMPAIGN, Reason, ReleasePermit};
use crate::connection::{IN_USE, Unneeded, secrets_in_use};
use crate::kube_ext::{AllMayGo, CallError, Events, Finalizer, Kube, Leadership, Note};

/// Takes our finalizers off everything that is left. What the API server refuses is tried again until the
/// time is over: it may not have heard yet that the policies are gone.
///
/// # Errors
/// If the API server can't be asked, or something is left.
pub async fn all(client: &Client, left: &Left, consent: &AllMayGo, until: Instant) -> anyhow::Result<()> {
    let kube = Kube::new(client.clone(), Leadership::unlimited());
    let events = Events::new(kube.clone(), None);
    loop {
        let (mut done, mut refused) = (0, None);
        let mut note = |object: &DynamicObject, outcome: Result<bool, CallError>| match outcome {
            Ok(changed) => done += usize::from(changed),
            Err(CallError::Gone) => done += 1,
            Err(error) => refused = Some(format!("{}: {error}", name(object))),
        };
        for object in left.campaigns().await?.all()? {
            note(&object, let_campaign_go(&object, consent, &kube, &events).await);
        }
        let of_others = left.secrets_of_others().await?;
        for object in left.connections().await?.all()? {
            note(&object, let_connection_go(&object, &of_others, consent, &kube).await);
        }
        for binding in left.held_bindings().await?.all()? {
            let patch = IN_USE.removing(&binding.metadata, Unneeded::as_all_may_go(consent));
            match kube.patch_metadata(&binding, patch.unwrap_or_default()).await {
                Ok(_) | Err(CallError::Gone) => done += 1,
                Err(error) => {
                    refused = Some(format!(
                        "the RoleBinding in {}: {error}",
                        binding.namespace().unwrap_or_default()
                    ))
                }
            }
        }
        match (done, refused) {
            // An operator that still runs somewhere would have put one on again.
            (0, None) => return Ok(()),
            (_, why) if Instant::now() >= until => {
                let why =
                    why.unwrap_or_else(|| "the finalizers come back: an operator still runs".to_owned());
                bail!("not everything could be let go: {why}")
            }
            _ => sleep(PAUSE).await,
        }
    }
}

/// The outcome stands in the status before the object goes, as always. Whether there was anything to do.
async fn let_campaign_go(
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
        if let Some(status) = status {
            kube.replace_status(campaign, &status).await?;
        }
    }
    take_off::<VoiceCampaign, _>(object, (&REMOTE_CAMPAIGN, permit), kube).await?;
    let id = object.data["spec"]["campaignId"].as_str().unwrap_or("?").to_owned();
    let text = format!(
        "The operator is uninstalled, and holds this resource no more. Its campaign {id} stays in Kore, and may go on calling people."
    );
    println!("Let go: {}; its campaign {id} stays in Kore.", name(object));
    let note = Note { warning: true, reason: Reason::Orphaned.as_str(), action: "Uninstall", text };
    if let Some(campaign) = &readable {
        events.publish(campaign, note).await;
    }
    Ok(true)
}

/// The Secrets first: the connection knows which ones. Not those that another instance's connection needs.
/// Whether there was anything to do.
async fn let_connection_go(
    object: &DynamicObject,
    of_others: &BTreeSet<(String, String)>,
    consent: &AllMayGo,
    kube: &Kube,
) -> Result<bool, CallError> {
    let namespace = object.namespace().unwrap_or_default();
    let named = object.data["spec"]["credentialsSecretRef"]["name"].as_str().map(ToOwned::to_owned);
    let secrets: BTreeSet<String> = secrets_in_use(object).into_iter().chain(named).collect();
    let mut changed = false;
    for name in secrets {
        if of_others.contains(&(namespace.clone(), name.clone())) {
            continue;
        }
        let Some(secret) = kube.find_metadata::<Secret>(&namespace, &name).await? else { continue };
        if let Some(patch) = IN_USE.removing(&secret.metadata, Unneeded::as_all_may_go(consent)) {
            kube.patch_metadata(&secret, patch).await?;
            changed = true;
        }
    }
    let held = IN_USE.is_on(&object.metadata);
    take_off::<KoreConnection, _>(object, (&IN_USE, Unneeded::as_all_may_go(consent)), kube).await?;
    Ok(changed || held)
}

/// Takes a finalizer off an object that may not fit its schema.
async fn take_off<K, Permit>(
    object: &DynamicObject,
    (finalizer, permit): (&Finalizer<Permit>, Permit),
    kube: &Kube,
) -> Result<(), CallError>
where
    K: Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let Some(patch) = finalizer.removing(&object.metadata, permit) else { return Ok(()) };
    let metadata = object.metadata.clone().into_response_partial::<K>();
    let written = kube.patch_metadata(&metadata, patch).await?;
    // The policy that keeps it on a living object is gone, but the API server may not have heard of that yet.
    if finalizer.is_on(&written.metadata) {
        return Err(CallError::Refused("a policy has put the finalizer on again".to_owned()));
    }
    Ok(())
}
