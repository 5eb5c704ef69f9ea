//! Which VoiceCampaign names which campaign: kept from what the watches show, over all namespaces that are worked in.
//!
//! One watch shows changes in their order: when it shows a deletion, it has shown every object that was applied before.
//! So a manifest that was moved (apply the new, delete the old) is seen as such. Where each namespace has a watch of its
//! own, one may be behind another, and the API server is asked before a campaign is deleted.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;
use jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt};

use super::context::Watched;
use super::emptiness::{Doubt, LastShown};
use super::observed::OtherClaim;
use crate::api::{DeletionPolicy, VoiceCampaign, VoiceCampaignSpec};
use crate::connection::Connections;
use crate::kore::{Account, Identity, Listing};
use crate::kube_ext::{CallError, Kube, reference};

/// All VoiceCampaigns by stream and id of their campaign.
pub struct Claims {
    connections: Arc<Connections>,
    kube: Kube,
    /// The namespaces that have a watch of their own; empty if one watch covers all.
    namespaces: Vec<String>,
    index: Mutex<Index>,
    last_shown: LastShown,
}

/// The objects of the caches that can be read (or could be, when they were shown last), by what they name. They are shared with
/// the caches, because there are thousands.
#[derive(Default)]
struct Index {
    objects: HashTable<Arc<Watched>>,
    hasher: RandomState,
}

impl Claims {
    /// No claims yet, of the given namespaces (of all, if empty). Accounts are looked up in the given connections.
    pub fn new(kube: Kube, connections: Arc<Connections>, namespaces: Vec<String>) -> Self {
        Self { connections, kube, namespaces, index: Mutex::default(), last_shown: LastShown::default() }
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
            let found = found.iter().filter_map(readable).filter(|found| same_campaign(found, object));
            let account = self.account_of(object);
            let found = found.filter(|found| self.may_be_of(account.as_ref(), found));
            others.extend(found.map(claim));
        }
        others.sort_unstable();
        others.dedup();
        Ok(others)
    }

    /// The watch shows an object. Returns the others that name the same campaign, if this concerns them.
    pub fn shown(&self, object: &Arc<Watched>) -> Vec<ObjectRef<Watched>> {
        self.index().shown(object)
    }

    /// The watch has shown that an object is gone. Returns the others that name the same campaign.
    pub fn gone(&self, object: &Watched) -> Vec<ObjectRef<Watched>> {
        self.index().gone(object)
    }

    /// The other objects that name the same campaign, in the order of their names.
    pub fn others(&self, object: &VoiceCampaign) -> Vec<OtherClaim> {
        let index = self.index();
        let mut others = index.others(object).peekable();
        if others.peek().is_none() {
            return Vec::new();
        }
        let account = self.account_of(object);
        let mut others: Vec<_> =
            others.filter(|other| self.may_be_of(account.as_ref(), other)).map(claim).collect();
        others.sort_unstable();
        others
    }

    /// What there is to doubt of a listing, and what is to be remembered of it; read over this connection of the account.
    pub fn judge(&self, account: &Account, connection: (&str, &str), listing: &Arc<Listing>) -> Doubt {
        let stream_id = listing.stream_id();
        if !listing.is_complete() {
            return Doubt::default();
        }
        if listing.is_empty() {
            return Doubt {
                suddenly_empty: self.is_missing(account, stream_id),
                to_a_stranger: !self.was_shown_to(account, stream_id, listing.identity()),
            };
        }
        self.last_shown.listed(account, listing);
        let unnamed = |id: &str| {
            let named =
                self.index().naming(stream_id, id).any(|object| self.may_be_of(Some(account), object));
            !named && !self.last_shown.was_deleted(account, stream_id, id)
        };
        let others = listing.ids().any(unnamed);
        self.connections.note_others(connection, account, stream_id, others);
        Doubt::default()
    }

    /// The campaign of an object is deleted, or proven to be absent.
    pub fn deleted(&self, object: &VoiceCampaign) {
        if let Some(account) = self.account_of(object) {
            let spec = &object.spec;
            self.last_shown.deleted(&account, &spec.stream_id, &spec.campaign_id, Timestamp::now());
        }
    }

    /// The campaign of an object is left in Kore: from now on nobody names it, unless another does.
    pub fn left(&self, object: &VoiceCampaign) {
        let account = self.account_of(object).filter(|_| was_there(object) && self.others(object).is_empty());
        if let Some(account) = account {
            let namespace = object.namespace().unwrap_or_default();
            let connection = (namespace.as_str(), object.spec.connection_ref.name.as_str());
            self.connections.note_others(connection, &account, &object.spec.stream_id, true);
        }
    }

    /// Whether campaigns that nobody asked to delete should be in a stream.
    fn is_missing(&self, account: &Account, stream_id: &str) -> bool {
        let index = self.index();
        let asked = |id: &str| {
            let mut naming = index.naming(stream_id, id);
            naming.any(|object| is_being_deleted(object) && self.may_be_of(Some(account), object))
        };
        let living = index.objects.iter().filter_map(|object| readable(object)).filter(|object| {
            let id = &object.spec.campaign_id;
            object.spec.stream_id == stream_id
                && !is_being_deleted(object)
                && was_there(object)
                && self.may_be_of(Some(account), object)
                && !asked(id)
                && !self.last_shown.was_deleted(account, stream_id, id)
        });
        let of_a_living_object = living.take(1).count() > 0;
        let listed = || self.last_shown.is_missing(account, stream_id, asked);
        // Since the start no campaign of the stream was listed: what was known before it is in the connection's status.
        of_a_living_object
            || listed().unwrap_or_else(|| self.connections.others_were_seen(account, stream_id))
    }

    /// Whether somebody was shown campaigns of a stream, as far as is known.
    fn was_shown_to(&self, account: &Account, stream_id: &str, identity: &Identity) -> bool {
        let index = self.index();
        let mut objects = index.objects.iter().filter_map(|object| readable(object));
        self.last_shown.was_shown_to(account, stream_id, identity)
            || objects.any(|object| {
                let seen_as = object.status.as_ref().and_then(|status| status.seen_as.as_deref());
                object.spec.stream_id == stream_id && seen_as == Some(identity.as_str())
            })
    }

    fn account_of(&self, object: &VoiceCampaign) -> Option<Account> {
        self.connections.account(&object.namespace().unwrap_or_default(), &object.spec.connection_ref.name)
    }

    /// Whether the campaign of an object may be one of this account; without a connection nobody knows.
    fn may_be_of(&self, account: Option<&Account>, object: &VoiceCampaign) -> bool {
        let theirs = self.account_of(object);
        account.is_none() || theirs.is_none() || account == theirs.as_ref()
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    fn shown(&mut self, object: &Arc<Watched>) -> Vec<ObjectRef<Watched>> {
        let Some(campaign) = readable(object) else { return Vec::new() };
        let others = self.others(campaign).map(reference).collect();
        let Self { objects, hasher } = self;
        let hash = |object: &VoiceCampaign| hash(hasher, object);
        let itself = |known: &Arc<Watched>| is_itself(known, campaign);
        match objects.find_mut(hash(campaign), itself) {
            Some(known) => {
                let before = std::mem::replace(known, object.clone());
                if readable(&before).map(keeps) == Some(keeps(campaign)) { Vec::new() } else { others }
            }
            None => {
                objects
                    .insert_unique(hash(campaign), object.clone(), |known| readable(known).map_or(0, hash));
                others
            }
        }
    }

    fn gone(&mut self, object: &Watched) -> Vec<ObjectRef<Watched>> {
        let uid = object.meta().uid.as_ref();
        // It may have been readable earlier.
        let earlier = || self.objects.iter().find(|known| known.meta().uid.as_ref() == uid).cloned();
        let known = if object.0.is_err() { earlier() } else { None };
        let Some(campaign) = readable(known.as_deref().unwrap_or(object)) else { return Vec::new() };
        let hash = hash(&self.hasher, campaign);
        if let Ok(entry) = self.objects.find_entry(hash, |known| is_itself(known, campaign)) {
            entry.remove();
        }
        self.others(campaign).map(reference).collect()
    }

    /// The others that name the same campaign.
    fn others<'a>(&'a self, object: &'a VoiceCampaign) -> impl Iterator<Item = &'a VoiceCampaign> {
        let VoiceCampaignSpec { stream_id, campaign_id, .. } = &object.spec;
        self.naming(stream_id, campaign_id).filter(|known| known.metadata.uid != object.metadata.uid)
    }

    /// The objects that name a campaign.
    fn naming<'a>(
        &'a self,
        stream_id: &'a str,
        campaign_id: &'a str,
    ) -> impl Iterator<Item = &'a VoiceCampaign> {
        let same = self.objects.iter_hash(hash_of(&self.hasher, stream_id, campaign_id));
        let same = same.filter_map(|known| readable(known));
        same.filter(move |known| known.spec.stream_id == stream_id && known.spec.campaign_id == campaign_id)
    }
}

fn readable(object: &Watched) -> Option<&VoiceCampaign> {
    object.0.as_ref().ok()
}

fn hash(hasher: &RandomState, object: &VoiceCampaign) -> u64 {
    hash_of(hasher, &object.spec.stream_id, &object.spec.campaign_id)
}

fn hash_of(hasher: &RandomState, stream_id: &str, campaign_id: &str) -> u64 {
    hasher.hash_one((stream_id, campaign_id))
}

fn same_campaign(one: &VoiceCampaign, other: &VoiceCampaign) -> bool {
    one.spec.stream_id == other.spec.stream_id && one.spec.campaign_id == other.spec.campaign_id
}

/// Whether it is the object of this uid, as it was shown before.
fn is_itself(known: &Watched, object: &VoiceCampaign) -> bool {
    known.meta().uid == object.metadata.uid
}

fn claim(object: &VoiceCampaign) -> OtherClaim {
    let name = format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any());
    OtherClaim { name, keeps: keeps(object) }
}

/// Whether it is to keep its campaign.
fn keeps(object: &VoiceCampaign) -> bool {
    object.metadata.deletion_timestamp.is_none() && object.spec.deletion_policy == DeletionPolicy::Delete
}

fn is_being_deleted(object: &VoiceCampaign) -> bool {
    object.metadata.deletion_timestamp.is_some()
}

/// Whether the campaign was there when it was last seen, or missed among others. That a GET alone, or an empty listing, did not
/// show it says nothing: an app without access is shown just that.
fn was_there(object: &VoiceCampaign) -> bool {
    object
        .status
        .as_ref()
        .is_some_and(|status| status.campaign.is_some() && status.not_listed_since.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn shown(value: &Value) -> Arc<Watched> {
        Arc::new(serde_json::from_value(value.clone()).unwrap())
    }

    fn object(name: &str, policy: &str) -> Value {
        json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign",
            "metadata": {"name": name, "namespace": "n", "uid": format!("uid-{name}")},
            "spec": {"connectionRef": {"name": "c"}, "streamId": "st-1", "campaignId": "cd-1",
                     "deletionPolicy": policy}})
    }

    fn misfit(name: &str) -> Arc<Watched> {
        let mut object = object(name, "Delete");
        object["spec"] = json!({"streamId": 1});
        shown(&object)
    }

    fn names(objects: Vec<ObjectRef<Watched>>) -> Vec<String> {
        objects.into_iter().map(|object| object.name).collect()
    }

    /// The others are told when there is one more, when it keeps the campaign no more, and when it is gone; readable or not.
    #[test]
    fn the_others_are_told_of_what_concerns_them() {
        let mut index = Index::default();
        let (a, b) = (shown(&object("a", "Delete")), shown(&object("b", "Delete")));
        assert!(index.shown(&a).is_empty());
        assert_eq!(names(index.shown(&b)), ["a"]);
        assert!(index.shown(&b).is_empty(), "nothing new");
        assert_eq!(names(index.shown(&shown(&object("b", "Orphan")))), ["a"]);
        let mut foreign = object("foreign", "Delete");
        foreign["spec"]["campaignId"] = json!("cd-2");
        assert!(index.shown(&shown(&foreign)).is_empty(), "another campaign");
        assert!(index.shown(&misfit("b")).is_empty(), "it counts as it was");
        assert_eq!(names(index.gone(&misfit("b"))), ["a"]);
        assert!(index.gone(&misfit("b")).is_empty() && index.gone(&misfit("unknown")).is_empty());
        assert!(index.gone(&a).is_empty());
        index.gone(&shown(&foreign));
        assert!(index.objects.is_empty(), "nothing is kept of what has gone");
    }

    /// However many there are, each is found again.
    #[test]
    fn thousands_are_told_apart() {
        let mut index = Index::default();
        let objects: Vec<_> = (0..3000)
            .map(|number| {
                let mut object = object(&format!("o-{number}"), "Delete");
                object["spec"]["campaignId"] = json!(format!("cd-{}", number / 2));
                shown(&object)
            })
            .collect();
        for (number, object) in objects.iter().enumerate() {
            assert_eq!(index.shown(object).len(), number % 2);
        }
        objects.iter().for_each(|object| assert!(index.shown(object).is_empty()));
        for (number, object) in objects.iter().enumerate() {
            assert_eq!(index.gone(object).len(), 1 - number % 2);
        }
        assert!(index.objects.is_empty());
    }
}
