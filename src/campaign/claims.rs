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

/// As many DELETEs of a stream may have taken effect without a confirmation, and explain that it is empty.
const MOST_LOST_ANSWERS: usize = 3;

/// All VoiceCampaigns by stream and id of their campaign.
pub struct Claims {
    connections: Arc<Connections>,
    kube: Kube,
    /// The namespaces that have a watch of their own; empty if one watch covers all.
    namespaces: Vec<String>,
    index: Mutex<Index>,
}

#[derive(Default)]
struct Index {
    /// By stream and by campaign id. Mostly there is one, with its uid: a map of its own for each would take as much memory as
    /// the object.
    streams: HashMap<String, HashMap<String, Vec<(String, Claim)>>>,
    /// Stream and campaign id of each uid: an object may be unreadable when it goes.
    named: HashMap<String, (String, String)>,
}

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
    /// It was; but a DELETE of ours may have taken effect since.
    PerhapsDeleted,
    /// Never; or it has been deleted by us.
    Unknown,
}

impl Claims {
    /// No claims yet, of the given namespaces (of all, if empty). Accounts are looked up in the given connections.
    pub fn new(kube: Kube, connections: Arc<Connections>, namespaces: Vec<String>) -> Self {
        Self { connections, kube, namespaces, index: Mutex::default() }
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
        let (stream_id, campaign_id) = (object.spec.stream_id.clone(), object.spec.campaign_id.clone());
        let mut index = self.index();
        index.named.insert(uid.clone(), (stream_id.clone(), campaign_id.clone()));
        let one = || Vec::with_capacity(1);
        let claims = index.streams.entry(stream_id).or_default().entry(campaign_id).or_insert_with(one);
        let others = |claims: &[(String, Claim)]| -> Vec<_> {
            claims.iter().filter(|(other, _)| *other != uid).map(|(_, claim)| claim.object()).collect()
        };
        match claims.iter_mut().find(|(other, _)| *other == uid) {
            Some((_, known)) => {
                let before = std::mem::replace(known, claim);
                if before.keeps == keeps { Vec::new() } else { others(claims) }
            }
            None => {
                let others = others(claims);
                claims.push((uid, claim));
                others
            }
        }
    }

    /// The watch has shown that an object is gone. Returns the others that name the same campaign.
    pub fn gone(&self, uid: &str) -> Vec<ObjectRef<Watched>> {
        let mut index = self.index();
        let Some((stream_id, campaign_id)) = index.named.remove(uid) else { return Vec::new() };
        let Some(stream) = index.streams.get_mut(&stream_id) else { return Vec::new() };
        let Some(claims) = stream.get_mut(&campaign_id) else { return Vec::new() };
        claims.retain(|(other, _)| other != uid);
        let others: Vec<_> = claims.iter().map(|(_, claim)| claim.object()).collect();
        if claims.is_empty() {
            stream.remove(&campaign_id);
        }
        if stream.is_empty() {
            index.streams.remove(&stream_id);
        }
        others
    }

    /// The other objects that name the same campaign, in the order of their names.
    pub fn others(&self, object: &VoiceCampaign) -> Vec<OtherClaim> {
        let uid = object.uid().unwrap_or_default();
        let index = self.index();
        let stream = index.streams.get(&object.spec.stream_id);
        let claims = stream.and_then(|stream| stream.get(&object.spec.campaign_id));
        let mut others = claims.into_iter().flatten().filter(|(other, _)| *other != uid).peekable();
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

    /// Whether campaigns of a stream were there shortly before, and nothing explains that they are not there now.
    pub fn were_alive(&self, account: &Account, stream_id: &str, now: Timestamp) -> bool {
        let index = self.index();
        let claims = index
            .streams
            .get(stream_id)
            .into_iter()
            .flat_map(HashMap::values)
            .flatten()
            .map(|(_, claim)| claim);
        let mut explained = 0;
        for claim in claims.filter(|claim| self.may_be_of(Some(account), claim)) {
            match claim.alive {
                Alive::Still => return true,
                Alive::Until(time) if time + SHORTLY > now => return true,
                Alive::PerhapsDeleted => explained += 1,
                Alive::Until(_) | Alive::Unknown => {}
            }
        }
        // One answer may be lost after another; but so many DELETEs that failed and took effect are a coincidence.
        explained > MOST_LOST_ANSWERS
    }

    fn account_of(&self, object: &VoiceCampaign) -> Option<Account> {
        self.connections.account(&object.namespace().unwrap_or_default(), &object.spec.connection_ref.name)
    }

    /// Whether a claim may be one of this account; without a connection nobody knows.
    fn may_be_of(&self, account: Option<&Account>, claim: &Claim) -> bool {
        let theirs = self.connections.account(&claim.namespace, &claim.connection);
        account.is_none() || theirs.is_none() || account == theirs.as_ref()
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
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
    let held = object.metadata.deletion_timestamp.is_none() || REMOTE_CAMPAIGN.is_on(&object.metadata);
    let deletion = recorded_deletion(object);
    if !held || deletion.is_some_and(|deletion| deletion.ground.is_some()) {
        return Alive::Unknown;
    }
    let perhaps = deletion.and_then(|deletion| {
        let effect = deletion.may_have_taken_effect_at.as_ref()?;
        // Whatever it was, Kore has shown the campaign since.
        (Some(effect) > deletion.seen_at.as_ref()).then_some(())
    });
    if perhaps.is_some() {
        return Alive::PerhapsDeleted;
    }
    match status::ready(known) {
        Some(ready) if ready.status == "True" => Alive::Still,
        Some(ready) => Alive::Until(ready.last_transition_time.0),
        None => Alive::Unknown,
    }
}
