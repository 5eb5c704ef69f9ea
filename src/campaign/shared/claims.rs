//! Which VoiceCampaign names which campaign: kept from what the watches show, over all namespaces that this
//! operator watches.
//!
//! One watch shows changes in their order: when it shows a deletion, it has shown every object that was
//! applied before. So a manifest that was moved (apply the new, delete the old) is seen as such. Where each
//! namespace has a watch of its own, one may be behind another, and the API server is asked before a campaign
//! is deleted.
//!
//! What a claim is worth is in `claim.rs`. An object in a namespace that this operator does not watch is not
//! seen, and keeps no campaign.
//!
//! How old an object is, the machine's clock says of those that were there at the start, if it can be right.
//! Of those that came later the time counts since the watch showed them: so a clock that is ahead takes
//! nobody's grace, and one that is behind prolongs none.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;

use super::accounts::Accounts;
use super::claim::{Claim, is_asked_for, was_there};
use super::index::{Index, readable, same_campaign};
use crate::api::VoiceCampaign;
use crate::campaign::Watched;
use crate::campaign::decide;
use crate::campaign::evidence::{OtherClaim, recorded_account};
use crate::connection::{ConnectionName, Connections, Renames, Standing};
use crate::kore::{Account, Identity};
use crate::kube_ext::{CallError, Kube, Synced};
use crate::pacing::Past;

/// The API server refuses a namespace for good if it has for so long: what gives the right, a RoleBinding,
/// may just have been replaced.
pub const REFUSED_FOR_GOOD: Duration = Duration::from_secs(10);

/// All VoiceCampaigns by stream and id of their campaign.
pub struct Claims {
    connections: Arc<Connections>,
    /// Whether all VoiceCampaigns are known.
    synced: Arc<Synced>,
    kube: Kube,
    /// The namespaces that have a watch of their own; empty if one watch covers all.
    namespaces: Vec<String>,
    index: Mutex<Index>,
    accounts: Arc<Accounts>,
    /// Since when the API server refuses to show a namespace.
    refused: Mutex<HashMap<String, Instant>>,
}

impl Claims {
    /// No claims yet, of the given namespaces (of all, if empty). Accounts are looked up in the connections,
    /// and whether they work in `accounts`.
    pub fn new(
        kube: Kube,
        connections: Arc<Connections>,
        accounts: Arc<Accounts>,
        namespaces: Vec<String>,
        synced: Arc<Synced>,
    ) -> Self {
        let (index, refused) = (Mutex::default(), Mutex::default());
        Self { connections, synced, kube, namespaces, index, accounts, refused }
    }

    /// The other objects that name the same campaign, among them every one that was applied before the given
    /// object was deleted.
    ///
    /// # Errors
    /// If the API server can't be asked.
    pub async fn all_others(&self, object: &VoiceCampaign) -> Result<Vec<OtherClaim>, CallError> {
        let mut others = self.others(object);
        let own = object.namespace().unwrap_or_default();
        for namespace in self.namespaces.iter().filter(|namespace| **namespace != own) {
            let fields = format!("spec.campaignId={}", object.spec.campaign_id);
            let found = match self.kube.select::<VoiceCampaign>(&own, namespace, &fields).await {
                // It is gone, or the operator has lost its rights there, and not just for a moment.
                Err(CallError::Forbidden(_)) if self.is_refused_for_good(namespace) => continue,
                found => found?,
            };
            self.refused().remove(namespace);
            let found = found.iter().filter_map(readable).filter(|found| same_campaign(found, object));
            let index = self.index();
            // Or the watch has not shown it yet.
            let is_new = |found: &VoiceCampaign| index.is_new(found) || !index.knows(found);
            others.extend(self.claims(object, found, is_new));
        }
        others.sort_unstable();
        others.dedup();
        Ok(others)
    }

    /// The watch shows an object, after it has listed what was there at the start, or not yet. Returns the
    /// others that name the same campaign, if this concerns them.
    pub fn update(&self, object: &Arc<Watched>, since_the_start: bool) -> Vec<ObjectRef<Watched>> {
        let mut index = self.index();
        index.note_new(object, since_the_start);
        index.update(object)
    }

    /// The watch has shown that an object is gone. Returns the others that name the same campaign.
    pub fn remove(&self, object: &Watched) -> Vec<ObjectRef<Watched>> {
        self.index().remove(object)
    }

    /// The other objects that name the same campaign, in the order of their names.
    pub fn others(&self, object: &VoiceCampaign) -> Vec<OtherClaim> {
        let index = self.index();
        let mut others = index.others(object).peekable();
        if others.peek().is_none() {
            return Vec::new();
        }
        let mut others: Vec<_> = self.claims(object, others, |other| index.is_new(other)).collect();
        others.sort_unstable();
        others
    }

    /// Whether an object names a campaign of this account, which Kore writes like that.
    pub fn is_named(&self, of: &Stream<'_>, written: &str) -> bool {
        let index = self.index();
        let mut naming = index.naming_however_spelled(of.stream_id, written);
        naming.any(|object| self.may_be_of(of, object))
    }

    /// Whether somebody has asked to delete a campaign of this very account, which Kore writes like that; and
    /// no other object that keeps the campaign holds that deletion, because then the DELETE may never be
    /// sent.
    pub fn is_asked_for(&self, of: &Stream<'_>, written: &str) -> bool {
        self.is_asked_for_in(&self.index(), of, written)
    }

    fn is_asked_for_in(&self, index: &Index, of: &Stream<'_>, written: &str) -> bool {
        let is_of_it = |object: &&VoiceCampaign| self.place_of(object).is_some_and(|place| of.is(place));
        let naming = index.naming_however_spelled(of.stream_id, written);
        let mut deletions = naming.filter(is_of_it).filter(|object| is_asked_for(object));
        deletions.any(|deleted| {
            let others = index.others(deleted);
            !self.claims(deleted, others, |other| index.is_new(other)).any(|claim| claim.keeps)
        })
    }

    /// Whether a listing of a stream should contain a campaign that a living object names: one that was
    /// there, that nobody has asked to delete, and that is not `deleted`.
    pub fn expects_any(&self, of: &Stream<'_>, deleted: impl Fn(&str) -> bool) -> bool {
        let index = self.index();
        index.all().any(|object| {
            object.spec.stream_id == of.stream_id
                && !is_asked_for(object)
                && was_there(object)
                && self.may_be_of(of, object)
                && !self.is_asked_for_in(&index, of, &object.spec.campaign_id)
                && !deleted(&object.spec.campaign_id)
        })
    }

    /// Whether statuses say that Kore showed campaigns of a stream to this identity.
    pub fn was_shown_to(&self, stream_id: &str, identity: &Identity) -> bool {
        self.index().all().any(|object| {
            let seen_as = object.status.as_ref().and_then(|status| status.seen_as.as_deref());
            object.spec.stream_id == stream_id && seen_as == Some(identity.as_str())
        })
    }

    /// What the statuses of an account's objects say of the time before this process.
    pub fn past(&self, account: &Account) -> Past {
        let index = self.index();
        let renames = self.connections.vouched_for();
        let key_of = |object: &VoiceCampaign| Some(renames.one(self.place_of(object)?));
        decide::past(index.all().filter(|object| key_of(object).as_ref() == Some(account)))
    }

    /// The account of an object's campaign, under the one name by which its calls are counted and its
    /// listings remembered.
    pub fn account_of(&self, object: &VoiceCampaign) -> Option<Account> {
        self.place_of(object).map(|place| self.connections.key(place))
    }

    /// Those of the others that name the campaign of an object in the same account.
    fn claims<'a>(
        &self,
        object: &VoiceCampaign,
        others: impl Iterator<Item = &'a VoiceCampaign>,
        is_new: impl Fn(&VoiceCampaign) -> bool,
    ) -> impl Iterator<Item = OtherClaim> {
        let now = Timestamp::now();
        // The namespace of the deletion says which accounts are one: what others write in theirs must not
        // hold it.
        let renames = self.connections.believed_in(&object.namespace().unwrap_or_default());
        let account = self.place_of(object).map(|place| renames.one(place));
        let requested = object.metadata.deletion_timestamp.as_ref().map(|time| time.0);
        let could_observe_since =
            self.account_of(object).and_then(|account| self.accounts.lets_observe_since(&account));
        others.filter_map(move |other| {
            let account = account.as_ref();
            let theirs = self.place_of(other).map(|place| renames.one(place));
            let may_be_of_it = account.is_none() || theirs.is_none() || theirs.as_ref() == account;
            may_be_of_it.then(|| {
                let claim = Claim { new: is_new(other), ..self.claim(other, account, &renames) };
                let name = format!("{}/{}", other.namespace().unwrap_or_default(), other.name_any());
                OtherClaim { name, keeps: claim.holds(requested, could_observe_since, now) }
            })
        })
    }

    fn claim(&self, other: &VoiceCampaign, account: Option<&Account>, renames: &Renames) -> Claim {
        let connection = self.connections.standing(&ConnectionName::used_by(other));
        let connection = connection.map(|known| Standing { account: renames.one(known.account), ..known });
        let recorded = recorded_account(other).map(|recorded| renames.one(recorded));
        Claim::of(other, account, recorded.as_ref(), connection.as_ref())
    }

    /// Where an object's campaign is: in the account in which Kore had it, under the host that is called now;
    /// or else where its connection leads.
    pub fn place_of(&self, object: &VoiceCampaign) -> Option<Account> {
        let namespace = object.namespace().unwrap_or_default();
        let called = self.connections.called(&ConnectionName::used_by(object));
        let (Some(recorded), Some(called)) = (recorded_account(object), &called) else {
            return recorded_account(object).or(called);
        };
        let is_renamed = || {
            let own = self.connections.believed_in(&namespace);
            own.one(recorded.clone()) == own.one(called.clone())
        };
        Some(if recorded == *called || is_renamed() { called.clone() } else { recorded })
    }

    /// Whether the campaign of an object may be one of this account; without a connection nobody knows.
    fn may_be_of(&self, of: &Stream<'_>, object: &VoiceCampaign) -> bool {
        self.place_of(object).is_none_or(|place| of.is(place))
    }

    /// Whether the API server has refused a namespace for so long that this operator does not work there: it
    /// refuses it now.
    fn is_refused_for_good(&self, namespace: &str) -> bool {
        if self.synced.is_forbidden(namespace) {
            return true;
        }
        let mut refused = self.refused();
        refused.entry(namespace.to_owned()).or_insert_with(Instant::now).elapsed() >= REFUSED_FOR_GOOD
    }

    fn refused(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream of an account, and which accounts are one for the namespace that asks.
pub struct Stream<'a> {
    /// The account.
    pub account: &'a Account,
    /// The stream.
    pub stream_id: &'a str,
    /// Which hosts are one.
    pub renames: &'a Renames,
}

impl Stream<'_> {
    fn is(&self, account: Account) -> bool {
        self.renames.one(account) == self.renames.one(self.account.clone())
    }
}
