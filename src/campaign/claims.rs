//! Which VoiceCampaign names which campaign: kept from what the watches show, over all namespaces that are worked in.
//!
//! One watch shows changes in their order: when it shows a deletion, it has shown every object that was applied before.
//! So a manifest that was moved (apply the new, delete the old) is seen as such. Where each namespace has a watch of its
//! own, one may be behind another, and the API server is asked before a campaign is deleted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;

use super::context::Watched;
use super::ground::{REMOTE_CAMPAIGN, recorded_deletion};
use super::observed::OtherClaim;
use super::status;
use crate::api::{DeletionPolicy, VoiceCampaign};
use crate::connection::Connections;
use crate::kore::Account;
use crate::kube_ext::{CallError, Kube};

/// Campaigns that were there within this time are missed when a listing is empty.
const SHORTLY: SignedDuration = SignedDuration::from_hours(1);

/// All VoiceCampaigns by stream and id of their campaign.
pub struct Claims {
    connections: Arc<Connections>,
    kube: Kube,
    /// The namespaces that have a watch of their own; empty if one watch covers all.
    namespaces: Vec<String>,
    streams: Mutex<HashMap<String, Stream>>,
}

/// By campaign id, and then by uid.
type Stream = HashMap<String, HashMap<String, Claim>>;

/// What one VoiceCampaign claims.
#[derive(Clone, Debug)]
struct Claim {
    namespace: String,
    name: String,
    connection: String,
    keeps: bool,
    alive: Alive,
}

/// When the campaign was last known to be there.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Alive {
    /// At the last look.
    Still,
    /// It was at the look before this time.
    Until(Timestamp),
    /// Never; or it may have been deleted by us.
    Unknown,
}

impl Claims {
    /// No claims yet, of the given namespaces (of all, if empty). Accounts are looked up in the given connections.
    pub fn new(kube: Kube, connections: Arc<Connections>, namespaces: Vec<String>) -> Self {
        Self { connections, kube, namespaces, streams: Mutex::default() }
    }

    /// The other objects that name the same campaign, among them every one that was applied before the given object was
    /// deleted.
    ///
    /// # Errors
    /// If the API server can't be asked.
    pub async fn all_others(&self, object: &VoiceCampaign) -> Result<Vec<OtherClaim>, CallError> {
        let mut others = self.others(object);
        let own = object.namespace();
        for namespace in self.namespaces.iter().filter(|namespace| Some(*namespace) != own.as_ref()) {
            let fields = format!("spec.campaignId={}", object.spec.campaign_id);
            let found = self.kube.select::<VoiceCampaign>(namespace, &fields).await?;
            let found = found.iter().filter_map(|found| found.0.as_ref().ok()).filter(|found| {
                found.spec.stream_id == object.spec.stream_id
                    && found.spec.campaign_id == object.spec.campaign_id
            });
            let account = self.account_of(object);
            let found = found.map(Claim::of).filter(|claim| self.may_be_of(account.as_ref(), claim));
            others.extend(found.map(OtherClaim::from));
        }
        others.sort_unstable();
        others.dedup();
        Ok(others)
    }

    /// The watch shows an object. Returns the others that name the same campaign, if this concerns them.
    pub fn shown(&self, object: &VoiceCampaign) -> Vec<ObjectRef<Watched>> {
        let Some(uid) = object.uid() else { return Vec::new() };
        let claim = Claim::of(object);
        let keeps = claim.keeps;
        let mut streams = self.streams();
        let stream = streams.entry(object.spec.stream_id.clone()).or_default();
        let claims = stream.entry(object.spec.campaign_id.clone()).or_default();
        match claims.insert(uid.clone(), claim) {
            Some(before) if before.keeps == keeps => Vec::new(),
            Some(_) | None => {
                claims.iter().filter(|(other, _)| **other != uid).map(|(_, claim)| claim.object()).collect()
            }
        }
    }

    /// The watch has shown that an object is gone. Returns the others that name the same campaign.
    pub fn gone(&self, object: &VoiceCampaign) -> Vec<ObjectRef<Watched>> {
        let mut streams = self.streams();
        let Some(stream) = streams.get_mut(&object.spec.stream_id) else { return Vec::new() };
        let Some(claims) = stream.get_mut(&object.spec.campaign_id) else { return Vec::new() };
        claims.remove(&object.uid().unwrap_or_default());
        let others: Vec<_> = claims.values().map(Claim::object).collect();
        if claims.is_empty() {
            stream.remove(&object.spec.campaign_id);
        }
        if stream.is_empty() {
            streams.remove(&object.spec.stream_id);
        }
        others
    }

    /// The other objects that name the same campaign, in the order of their names.
    pub fn others(&self, object: &VoiceCampaign) -> Vec<OtherClaim> {
        let uid = object.uid().unwrap_or_default();
        let streams = self.streams();
        let claims =
            streams.get(&object.spec.stream_id).and_then(|stream| stream.get(&object.spec.campaign_id));
        let mut others = claims.into_iter().flatten().filter(|(other, _)| **other != uid).peekable();
        if others.peek().is_none() {
            return Vec::new();
        }
        let account = self.account_of(object);
        let mut others: Vec<_> = others
            .map(|(_, claim)| claim.clone())
            .filter(|claim| self.may_be_of(account.as_ref(), claim))
            .map(OtherClaim::from)
            .collect();
        others.sort_unstable();
        others
    }

    /// Whether campaigns of a stream were there shortly before.
    pub fn were_alive(&self, account: &Account, stream_id: &str, now: Timestamp) -> bool {
        let streams = self.streams();
        let claims = streams.get(stream_id).into_iter().flat_map(HashMap::values).flat_map(HashMap::values);
        claims.into_iter().any(|claim| {
            let lately = match claim.alive {
                Alive::Still => true,
                Alive::Until(time) => time + SHORTLY > now,
                Alive::Unknown => false,
            };
            lately && self.may_be_of(Some(account), claim)
        })
    }

    fn account_of(&self, object: &VoiceCampaign) -> Option<Account> {
        self.connections.account(&object.namespace().unwrap_or_default(), &object.spec.connection_ref.name)
    }

    /// Whether a claim may be one of this account; without a connection nobody knows.
    fn may_be_of(&self, account: Option<&Account>, claim: &Claim) -> bool {
        let theirs = self.connections.account(&claim.namespace, &claim.connection);
        account.is_none() || theirs.is_none() || account == theirs.as_ref()
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<String, Stream>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Claim> for OtherClaim {
    fn from(claim: Claim) -> Self {
        Self { name: format!("{}/{}", claim.namespace, claim.name), keeps: claim.keeps }
    }
}

impl Claim {
    fn of(object: &VoiceCampaign) -> Self {
        let living = object.metadata.deletion_timestamp.is_none();
        Self {
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
            connection: object.spec.connection_ref.name.clone(),
            keeps: living && object.spec.deletion_policy == DeletionPolicy::Delete,
            alive: alive(object),
        }
    }

    fn object(&self) -> ObjectRef<Watched> {
        ObjectRef::new(&self.name).within(&self.namespace)
    }
}

/// When the campaign was last known to be there. `Ready` turns from True when it is missed, or a deletion begins.
fn alive(object: &VoiceCampaign) -> Alive {
    let Some(known) = object.status.as_ref().filter(|status| status.campaign.is_some()) else {
        return Alive::Unknown;
    };
    let explained = recorded_deletion(object)
        .is_some_and(|deletion| deletion.ground.is_some() || deletion.may_have_taken_effect_at.is_some());
    if explained || (object.metadata.deletion_timestamp.is_some() && !REMOTE_CAMPAIGN.is_on(&object.metadata))
    {
        return Alive::Unknown;
    }
    match status::ready(known) {
        Some(ready) if ready.status == "True" => Alive::Still,
        Some(ready) => Alive::Until(ready.last_transition_time.0),
        None => Alive::Unknown,
    }
}
