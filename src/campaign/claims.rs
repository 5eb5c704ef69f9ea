//! Which VoiceCampaign names which campaign: kept from what the watches show, over all namespaces that are worked in.
//!
//! One watch shows changes in their order: when it shows a deletion, it has shown every object that was applied before.
//! So a manifest that was moved (apply the new, delete the old) is seen as such. Where each namespace has a watch of its
//! own, one may be behind another, and the API server is asked before a campaign is deleted.
//!
//! What a claim is worth: Kore has shown the campaign to the object (*confirmed*), or it may still do so (*open*), or the object
//! is so young that its connection may be on its way. Whoever has none of these keeps nobody's campaign. An object in a
//! namespace that is not worked in is not seen, and keeps none, either.
//!
//! How old an object is, the machine's clock says of those that were there at the start, if it can be right. Of those that came later
//! the time counts since they were shown: so a clock that is ahead takes nobody's grace, and one that is behind prolongs none.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hashbrown::HashTable;
use jiff::{SignedDuration, Timestamp};
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt};

use super::accounts::Accounts;
use super::context::Watched;
use super::decide;
use super::emptiness::{Doubt, LastShown};
use super::observed::OtherClaim;
use super::permit::recorded_deletion;
use super::reason::Reason;
use super::status;
use crate::api::{AccountReference, DeletionPolicy, VoiceCampaign, VoiceCampaignSpec};
use crate::connection::{ConnectionName, Connections, Renames, Standing};
use crate::kore::{Account, FailureKind, Identity, Listing, is_spelled};
use crate::kube_ext::{CallError, Kube, Synced, reference};
use crate::pacing::Past;

/// For so long after its creation an object keeps its campaign without any sign that Kore would show it. A manifest that is moved
/// to another namespace is often applied before its connection and its Secret: by hand a minute or two later, by a GitOps
/// tool at its next pass, which is 3 to 10 minutes later by default.
const GRACE: SignedDuration = SignedDuration::from_mins(10);

/// The API server refuses a namespace for good if it has for so long: what gives the right, a RoleBinding, may just have been replaced.
pub const REFUSED_FOR_GOOD: Duration = Duration::from_secs(10);

/// How many namespaces are named that are not known: enough for a message, which must not be endless. The log and `/readyz` name all.
pub(super) const MOST_UNSEEN: usize = 5;

/// All VoiceCampaigns by stream and id of their campaign.
pub struct Claims {
    connections: Arc<Connections>,
    /// What was listed of either kind.
    listed: [Arc<Synced>; 2],
    kube: Kube,
    /// The namespaces that have a watch of their own; empty if one watch covers all.
    namespaces: Vec<String>,
    index: Mutex<Index>,
    last_shown: LastShown,
    accounts: Arc<Accounts>,
    /// Since when the API server refuses to show a namespace.
    refused: Mutex<HashMap<String, Instant>>,
}

/// The objects of the caches that can be read (or could be, when they were shown last), by what they name. They are shared with
/// the caches, because there are thousands.
#[derive(Default)]
struct Index {
    objects: HashTable<Arc<Watched>>,
    hasher: RandomState,
    /// When those were first shown, by uid, that came since the start, or are of a time that is not yet; for [`GRACE`].
    new: HashMap<String, Instant>,
    /// When those whose time is over were last taken out.
    swept: Option<Instant>,
}

/// What the claim of another object to a campaign rests on.
#[derive(Clone, Copy, Debug)]
struct Claim {
    /// The object is to keep its campaign: it lives, and its policy is not `Orphan`.
    wants: bool,
    /// Kore has shown the campaign in this very account to the object.
    confirmed: bool,
    /// Kore may still show it: the object has a connection to the account that Kore does not refuse, and was told nothing else.
    open: bool,
    /// Kore accepts the credentials of that connection.
    accepted: bool,
    /// When the object was created.
    created: Option<Timestamp>,
    /// It was first shown less than [`GRACE`] ago.
    new: bool,
}

impl Claim {
    /// Whether the claim holds a deletion of the campaign that was requested then (`None`: nobody has requested one). Whoever only
    /// looks is let since `looked_since`.
    ///
    /// Who goes on to apply unconfirmed claims can't hold a deletion for ever: those that are created later than [`GRACE`] after
    /// it was requested do not count. Nor can who has never shown that Kore accepts the credentials, once he could have been
    /// shown the campaign for [`GRACE`].
    fn holds(
        self,
        requested: Option<Timestamp>,
        could_observe_since: Option<Timestamp>,
        now: Timestamp,
    ) -> bool {
        let Self { wants, confirmed, open, accepted, created, new } = self;
        let within = |since: Timestamp, time: Timestamp| time < since + GRACE;
        let young = new || created.is_some_and(|created| created <= now && within(created, now));
        let late =
            requested.is_some_and(|requested| created.is_some_and(|created| !within(requested, created)));
        let begun = could_observe_since.into_iter().chain(requested).chain(created).max();
        let could_ask = could_observe_since.is_some() && begun.is_some_and(|begun| !within(begun, now));
        let may_be_shown = open && (accepted || !could_ask);
        wants && (confirmed || ((may_be_shown || young) && !late))
    }
}

impl Claims {
    /// No claims yet, of the given namespaces (of all, if empty), of which `listed` says what was shown. Accounts are looked up in the given
    /// connections, and whether they work in `accounts`.
    pub fn new(
        kube: Kube,
        connections: Arc<Connections>,
        accounts: Arc<Accounts>,
        namespaces: Vec<String>,
        listed: [Arc<Synced>; 2],
    ) -> Self {
        Self {
            listed,
            accounts,
            connections,
            kube,
            namespaces,
            index: Mutex::default(),
            last_shown: LastShown::default(),
            refused: Mutex::default(),
        }
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
            let found = match self.kube.select::<VoiceCampaign>(namespace, &fields).await {
                // It is not worked in any more: it is gone, or the operator has lost its rights there, and not just for a moment.
                Err(CallError::Forbidden(_)) if self.is_refused_for_good(namespace) => continue,
                found => found?,
            };
            self.refused().remove(namespace);
            let found = found.iter().filter_map(readable).filter(|found| same_campaign(found, object));
            let index = self.index();
            // Or the watch has not shown it yet.
            let is_new = |found: &VoiceCampaign| index.is_new(found) || !index.knows(found);
            others.extend(self.claims(object, found, is_new, Timestamp::now()));
        }
        others.sort_unstable();
        others.dedup();
        Ok(others)
    }

    /// The watch shows an object, after it has listed what was there at the start, or not yet. Returns the others that name the same
    /// campaign, if this concerns them.
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
        let mut others: Vec<_> =
            self.claims(object, others, |other| index.is_new(other), Timestamp::now()).collect();
        others.sort_unstable();
        others
    }

    /// What there is to doubt of a listing, and what is to be remembered of it; read over this connection of the account.
    pub fn judge(&self, account: &Account, connection: (&str, &str), listing: &Arc<Listing>) -> Doubt {
        let stream_id = listing.stream_id();
        if !listing.is_complete() {
            return Doubt::default();
        }
        let view = self.connections.believed_in(connection.0);
        if listing.shows_nothing() {
            let suddenly_empty = self.is_missing(account, stream_id, &view);
            let is_known = suddenly_empty || self.last_shown.knows(account, stream_id);
            return Doubt {
                suddenly_empty,
                to_a_stranger: !self.was_shown_to(account, stream_id, listing.identity()),
                unseen_namespaces: if is_known { Vec::new() } else { self.unseen() },
            };
        }
        self.last_shown.listed(account, listing);
        let named = |id: &String| {
            let index = self.index();
            let mut naming = index.naming_however_spelled(stream_id, id);
            naming.any(|object| self.may_be_of(account, object, &view))
                || self.last_shown.was_deleted(account, stream_id, id)
        };
        let others = listing.rows().any(|ids| !ids.iter().any(named));
        let reader = ConnectionName::new(connection.0, connection.1);
        self.connections.note_others(&reader, account, stream_id, others);
        Doubt::default()
    }

    /// The campaign of an object is deleted, or proven to be absent.
    pub fn deleted(&self, object: &VoiceCampaign) {
        if let Some(account) = self.key_of(object) {
            let spec = &object.spec;
            self.last_shown.deleted(&account, &spec.stream_id, &spec.campaign_id, Timestamp::now());
        }
    }

    /// The campaign of an object is left in Kore: from now on nobody names it, unless another does.
    pub fn left(&self, object: &VoiceCampaign) {
        let account = self.key_of(object).filter(|_| was_there(object) && self.others(object).is_empty());
        if let Some(account) = account {
            let connection = ConnectionName::used_by(object);
            self.connections.note_others(&connection, &account, &object.spec.stream_id, true);
        }
    }

    /// Whether campaigns that nobody asked to delete should be in a stream.
    fn is_missing(&self, account: &Account, stream_id: &str, view: &Renames) -> bool {
        let index = self.index();
        let now = Timestamp::now();
        // Of this very account, and not held for another that keeps the campaign: such a deletion may never be made.
        let asked = |id: &str| {
            let of_it = |object: &&VoiceCampaign| {
                self.place_of(object).is_some_and(|place| view.one(place) == view.one(account.clone()))
            };
            let mut deletions = index
                .naming_however_spelled(stream_id, id)
                .filter(of_it)
                .filter(|object| is_asked_for(object));
            deletions.any(|deleted| {
                let others = index.others(deleted);
                !self.claims(deleted, others, |other| index.is_new(other), now).any(|claim| claim.keeps)
            })
        };
        let living = index.objects.iter().filter_map(|object| readable(object)).filter(|object| {
            let id = &object.spec.campaign_id;
            object.spec.stream_id == stream_id
                && !is_asked_for(object)
                && was_there(object)
                && self.may_be_of(account, object, view)
                && !asked(id)
                && !self.last_shown.was_deleted(account, stream_id, id)
        });
        let of_a_living_object = living.take(1).count() > 0;
        let listed = || self.last_shown.is_missing(account, stream_id, asked);
        // Since the start no campaign of the stream was listed: what was known before it is in the connection's status.
        of_a_living_object
            || listed().unwrap_or_else(|| self.connections.others_were_seen(account, stream_id))
    }

    /// The namespaces of which not all is known: the VoiceCampaigns, or the KoreConnections, which tell of campaigns that nobody names.
    fn unseen(&self) -> Vec<String> {
        let unseen: BTreeSet<_> = self.listed.iter().flat_map(|listed| listed.unseen()).collect();
        unseen.into_iter().take(MOST_UNSEEN).collect()
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

    /// What the statuses of an account's objects say of the time before this process.
    pub fn past(&self, account: &Account) -> Past {
        let index = self.index();
        let objects = index.objects.iter().filter_map(|object| readable(object));
        let renames = self.connections.vouched_for();
        let key_of = |object: &VoiceCampaign| Some(renames.one(self.place_of(object)?));
        decide::past(objects.filter(|object| key_of(object).as_ref() == Some(account)))
    }

    /// Those of the others that name the campaign of an object in the same account.
    fn claims<'a>(
        &self,
        object: &VoiceCampaign,
        others: impl Iterator<Item = &'a VoiceCampaign>,
        is_new: impl Fn(&VoiceCampaign) -> bool,
        now: Timestamp,
    ) -> impl Iterator<Item = OtherClaim> {
        // Whose deletion it is, says which accounts are one: what others write in their namespaces must not hold it.
        let view = self.connections.believed_in(&object.namespace().unwrap_or_default());
        let account = self.place_of(object).map(|place| view.one(place));
        let requested = object.metadata.deletion_timestamp.as_ref().map(|time| time.0);
        let could_observe_since =
            self.key_of(object).and_then(|account| self.accounts.lets_observe_since(&account));
        others.filter_map(move |other| {
            let account = account.as_ref();
            account.is_none_or(|account| self.may_be_of(account, other, &view)).then(|| {
                let (namespace, name) = (other.namespace().unwrap_or_default(), other.name_any());
                let connection = self.connections.standing(&ConnectionName::used_by(other));
                let connection =
                    connection.map(|known| Standing { account: view.one(known.account), ..known });
                let recorded = recorded(other).map(|recorded| view.one(recorded));
                let new = is_new(other);
                let claim = Claim { new, ..claim(other, account, recorded.as_ref(), connection.as_ref()) };
                OtherClaim {
                    name: format!("{namespace}/{name}"),
                    keeps: claim.holds(requested, could_observe_since, now),
                }
            })
        })
    }

    /// Where an object's campaign is: in the account in which Kore had it, under the host that is called now; or else where its connection
    /// leads.
    fn place_of(&self, object: &VoiceCampaign) -> Option<Account> {
        let namespace = object.namespace().unwrap_or_default();
        let called = self.connections.called(&ConnectionName::used_by(object));
        let (Some(recorded), Some(called)) = (recorded(object), &called) else {
            return recorded(object).or(called);
        };
        let is_renamed = || {
            let own = self.connections.believed_in(&namespace);
            own.one(recorded.clone()) == own.one(called.clone())
        };
        Some(if recorded == *called || is_renamed() { called.clone() } else { recorded })
    }

    /// The same, as what is called there is counted and remembered.
    fn key_of(&self, object: &VoiceCampaign) -> Option<Account> {
        self.place_of(object).map(|place| self.connections.key(place))
    }

    /// Whether the campaign of an object may be one of this account, by what is believed of renames; without a connection nobody knows.
    fn may_be_of(&self, account: &Account, object: &VoiceCampaign, view: &Renames) -> bool {
        self.place_of(object).is_none_or(|theirs| view.one(theirs) == view.one(account.clone()))
    }

    /// Whether the API server has refused a namespace for so long that it is not worked in: it refuses it now.
    fn is_refused_for_good(&self, namespace: &str) -> bool {
        let [campaigns, _] = &self.listed;
        if campaigns.is_unseen(namespace) {
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

impl Index {
    /// Whether an object was first shown not long ago.
    fn is_new(&self, object: &VoiceCampaign) -> bool {
        object.metadata.uid.as_ref().and_then(|uid| self.new.get(uid)).is_some_and(is_within_grace)
    }

    /// Whether the watch has shown an object.
    fn knows(&self, object: &VoiceCampaign) -> bool {
        self.objects.find(hash(&self.hasher, object), |known| is_itself(known, object)).is_some()
    }

    /// Notes when an object was first shown.
    fn note_new(&mut self, object: &Arc<Watched>, since_the_start: bool) {
        let Some(campaign) = readable(object) else { return };
        let Some(uid) = &campaign.metadata.uid else { return };
        let created = campaign.metadata.creation_timestamp.as_ref();
        let is_ahead = created.is_some_and(|created| created.0 > Timestamp::now());
        if self.knows(campaign) || !(since_the_start || is_ahead) {
            return;
        }
        if self.swept.is_none_or(|swept| !is_within_grace(&swept)) {
            self.new.retain(|_, shown| is_within_grace(shown));
            self.swept = Some(Instant::now());
        }
        self.new.entry(uid.clone()).or_insert_with(Instant::now);
    }

    fn update(&mut self, object: &Arc<Watched>) -> Vec<ObjectRef<Watched>> {
        let Some(campaign) = readable(object) else { return Vec::new() };
        let others = self.others(campaign).map(reference).collect();
        let Self { objects, hasher, .. } = self;
        let hash = |object: &VoiceCampaign| hash(hasher, object);
        let itself = |known: &Arc<Watched>| is_itself(known, campaign);
        match objects.find_mut(hash(campaign), itself) {
            Some(known) => {
                let before = std::mem::replace(known, object.clone());
                if readable(&before).map(wants) == Some(wants(campaign)) { Vec::new() } else { others }
            }
            None => {
                objects
                    .insert_unique(hash(campaign), object.clone(), |known| readable(known).map_or(0, hash));
                others
            }
        }
    }

    fn remove(&mut self, object: &Watched) -> Vec<ObjectRef<Watched>> {
        let uid = object.meta().uid.as_ref();
        // It may have been readable earlier.
        let earlier = || self.objects.iter().find(|known| known.meta().uid.as_ref() == uid).cloned();
        let known = if object.0.is_err() { earlier() } else { None };
        let Some(campaign) = readable(known.as_deref().unwrap_or(object)) else { return Vec::new() };
        let hash = hash(&self.hasher, campaign);
        if let Ok(entry) = self.objects.find_entry(hash, |known| is_itself(known, campaign)) {
            entry.remove();
        }
        uid.map(|uid| self.new.remove(uid));
        self.others(campaign).map(reference).collect()
    }

    /// The others that name the same campaign.
    fn others<'a>(&'a self, object: &'a VoiceCampaign) -> impl Iterator<Item = &'a VoiceCampaign> {
        let VoiceCampaignSpec { stream_id, campaign_id, .. } = &object.spec;
        self.naming(stream_id, campaign_id).filter(|known| known.metadata.uid != object.metadata.uid)
    }

    /// The objects that name a campaign which the service writes like that.
    fn naming_however_spelled<'a>(
        &'a self,
        stream_id: &'a str,
        written: &'a str,
    ) -> Box<dyn Iterator<Item = &'a VoiceCampaign> + 'a> {
        if self.naming(stream_id, written).next().is_some() {
            return Box::new(self.naming(stream_id, written));
        }
        let all = self.objects.iter().filter_map(|known| readable(known));
        Box::new(all.filter(move |known| {
            known.spec.stream_id == stream_id && is_spelled(written, &known.spec.campaign_id)
        }))
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

fn is_within_grace(since: &Instant) -> bool {
    since.elapsed() < GRACE.unsigned_abs()
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

/// The claim of an object to a campaign of an account (of any, if `None`), by what its status, with the account that it records,
/// and its connection say.
fn claim(
    object: &VoiceCampaign,
    account: Option<&Account>,
    recorded: Option<&Account>,
    connection: Option<&Standing>,
) -> Claim {
    let status = object.status.as_ref();
    let is_it = |theirs: &Account| account.is_none_or(|account| account == theirs);
    let shown = status.is_some_and(|status| status.campaign.is_some());
    // Kore was asked, and has not said that it has the campaign. Trouble on the way passes, where Kore accepts the credentials.
    let denied = match status.map(status::reason) {
        Some(Reason::Service(kind)) => {
            !passes(kind) || !connection.is_some_and(|connection| connection.accepted)
        }
        reason => reason == Some(Reason::CampaignNotFound),
    };
    let reaches_it = connection.is_some_and(|connection| connection.may_answer && is_it(&connection.account));
    Claim {
        wants: wants(object),
        confirmed: shown && recorded.is_some_and(is_it),
        open: reaches_it && !object.spec.suspend && !denied,
        accepted: connection.is_some_and(|connection| connection.accepted),
        created: object.metadata.creation_timestamp.as_ref().map(|time| time.0),
        new: false,
    }
}

/// Whether a failure of this kind is one of the way to Kore, and no answer about the campaign or about who asks.
fn passes(kind: FailureKind) -> bool {
    match kind {
        FailureKind::Throttled
        | FailureKind::Unavailable
        | FailureKind::Unreachable
        | FailureKind::Unreadable
        | FailureKind::ContractViolation => true,
        FailureKind::MayBeAbsent
        | FailureKind::Accepted
        | FailureKind::CredentialsRejected
        | FailureKind::Refused => false,
    }
}

/// Whether it is to keep its campaign.
fn wants(object: &VoiceCampaign) -> bool {
    object.metadata.deletion_timestamp.is_none() && object.spec.deletion_policy == DeletionPolicy::Delete
}

/// The account in which Kore has the campaign, as status says.
fn recorded(object: &VoiceCampaign) -> Option<Account> {
    let AccountReference { host, account_id } = object.status.as_ref()?.account.as_ref()?;
    Some(Account::new(host, account_id))
}

/// Whether somebody has asked to delete the campaign. A deletion that is suspended before it has begun may never be made.
fn is_asked_for(object: &VoiceCampaign) -> bool {
    let has_begun = || recorded_deletion(object).is_some_and(|deletion| deletion.attempts > 0);
    object.metadata.deletion_timestamp.is_some() && (!object.spec.suspend || has_begun())
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

    fn invalid(name: &str) -> Arc<Watched> {
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
        assert!(index.update(&a).is_empty());
        assert_eq!(names(index.update(&b)), ["a"]);
        assert!(index.update(&b).is_empty(), "nothing new");
        assert_eq!(names(index.update(&shown(&object("b", "Orphan")))), ["a"]);
        let mut foreign = object("foreign", "Delete");
        foreign["spec"]["campaignId"] = json!("cd-2");
        assert!(index.update(&shown(&foreign)).is_empty(), "another campaign");
        assert!(index.update(&invalid("b")).is_empty(), "it counts as it was");
        assert_eq!(names(index.remove(&invalid("b"))), ["a"]);
        assert!(index.remove(&invalid("b")).is_empty() && index.remove(&invalid("unknown")).is_empty());
        assert!(index.remove(&a).is_empty());
        index.remove(&shown(&foreign));
        assert!(index.objects.is_empty(), "nothing is kept of what has gone");
    }

    /// Of a claim that was never confirmed counts that it may be; or, for a while, that it is new.
    #[test]
    fn a_claim_is_worth_what_it_rests_on() {
        let at = |minutes: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let just = SignedDuration::from_millis(1);
        for wants in [true, false] {
            for confirmed in [true, false] {
                for open in [true, false] {
                    // Created before the deletion was requested, just within the time after it, and later.
                    for (created, requested) in [(0, Some(5)), (0, Some(-9)), (0, Some(-10)), (0, None)] {
                        let accepted = true;
                        let claim = Claim {
                            wants,
                            confirmed,
                            open,
                            accepted,
                            created: Some(at(created)),
                            new: false,
                        };
                        let holds = |now| claim.holds(requested.map(at), Some(at(-60)), now);
                        let counts = requested != Some(-10);
                        assert_eq!(
                            holds(at(10) - just),
                            wants && (confirmed || counts),
                            "{claim:?} {requested:?}"
                        );
                        assert_eq!(
                            holds(at(10)),
                            wants && (confirmed || (open && counts)),
                            "{claim:?} {requested:?}"
                        );
                        assert_eq!(holds(at(10_000)), holds(at(10)), "{claim:?} {requested:?}");
                    }
                    let new =
                        Claim { wants, confirmed, open, accepted: true, created: Some(at(-15)), new: true };
                    assert_eq!(
                        new.holds(Some(at(-20)), None, at(0)),
                        wants,
                        "a clock that is ahead: {new:?}"
                    );
                    let ahead = Claim { created: Some(at(15)), new: false, ..new };
                    let others = wants && (confirmed || open);
                    assert_eq!(ahead.holds(None, None, at(0)), others, "one that was behind: {ahead:?}");
                    let claim = Claim { created: None, new: false, ..new };
                    let held = wants && (confirmed || open);
                    assert_eq!(claim.holds(Some(at(0)), None, at(1)), held, "{claim:?}");
                }
            }
        }
    }

    /// Who has never shown that Kore accepts the credentials holds a deletion for as long as it takes to ask, from when it was
    /// requested, it was created, and the account works; and for longer only while it does not.
    #[test]
    fn a_claim_with_credentials_that_kore_never_accepted_passes() {
        let at = |minutes: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let never = Claim {
            wants: true,
            confirmed: false,
            open: true,
            accepted: false,
            created: Some(at(0)),
            new: false,
        };
        let until = |claim: Claim, requested: Option<i64>, could_observe_since: Option<i64>| {
            (0..1000).find(|now| !claim.holds(requested.map(at), could_observe_since.map(at), at(*now)))
        };
        assert_eq!(until(never, Some(-5), Some(-60)), Some(10), "it was created");
        assert_eq!(until(never, Some(30), Some(-60)), Some(40), "the deletion was requested");
        assert_eq!(until(never, Some(30), Some(100)), Some(110), "the account works");
        assert_eq!(until(never, None, Some(-60)), Some(10));
        assert_eq!(until(never, Some(30), None), None, "it can't be asked");
        assert_eq!(until(Claim { accepted: true, ..never }, Some(30), Some(-60)), None);
        assert_eq!(until(Claim { confirmed: true, ..never }, Some(30), Some(-60)), None);
    }

    /// What a claim rests on: status, and the connection.
    #[test]
    fn a_claim_is_confirmed_by_kore_in_the_same_account() {
        let account = Account::new("https://h", "a");
        let standing = |account: &str, may_answer| Standing {
            account: Account::new("https://h:443", account),
            may_answer,
            accepted: false,
        };
        let parsed = |change: &dyn Fn(&mut Value)| -> VoiceCampaign {
            let mut value = object("x", "Delete");
            value["metadata"]["creationTimestamp"] = json!("2026-11-23T15:00:00Z");
            change(&mut value);
            serde_json::from_value(value).unwrap()
        };
        let of = |object: &VoiceCampaign, standing: Option<Standing>| {
            let recorded = object.status.as_ref().and_then(|status| status.account.as_ref());
            let recorded = recorded.map(|recorded| Account::new(&recorded.host, &recorded.account_id));
            claim(object, Some(&account), recorded.as_ref(), standing.as_ref())
        };
        let found = |host: &str, id: &str| {
            parsed(&|value| {
                value["status"] =
                    json!({"account": {"host": host, "accountId": id}, "campaign": {"id": "cd-1"}});
            })
        };
        assert!(of(&found("https://H.:443", "a"), None).confirmed);
        assert!(!of(&found("https://h", "b"), None).confirmed);
        assert!(!of(&found("https://i", "a"), None).confirmed);
        let new = parsed(&|_| {});
        assert!(!of(&new, Some(standing("a", true))).confirmed);
        // A deletion has been asked for there, but the campaign was never shown.
        let asked =
            parsed(&|value| value["status"] = json!({"account": {"host": "https://h", "accountId": "a"}}));
        assert!(!of(&asked, None).confirmed);

        assert!(of(&new, Some(standing("a", true))).open);
        assert!(!of(&new, Some(standing("b", true))).open, "another account");
        assert!(!of(&new, Some(standing("a", false))).open, "refused, or not allowed");
        assert!(!of(&new, None).open, "no connection");
        assert!(
            !of(&parsed(&|value| value["spec"]["suspend"] = json!(true)), Some(standing("a", true))).open
        );
        for (reason, open) in [
            ("Pending", true),
            ("ServiceUnavailable", false),
            ("AccountUnavailable", true),
            ("ConnectionNotFound", true),
            ("CampaignNotFound", false),
            ("CredentialsRejected", false),
            ("RefusedByService", false),
        ] {
            let told = parsed(&|value| {
                value["status"] = json!({"conditions": [{"type": "Ready", "status": "False", "reason": reason, "message": "",
                    "lastTransitionTime": "2026-11-23T15:00:00Z"}]});
            });
            assert_eq!(of(&told, Some(standing("a", true))).open, open, "{reason}");
            // Whoever Kore accepts is asked again after trouble on the way.
            let accepted = Standing { accepted: true, ..standing("a", true) };
            assert_eq!(of(&told, Some(accepted)).open, open || reason == "ServiceUnavailable", "{reason}");
        }
    }

    /// The time since an object was shown counts, unless it was there at the start.
    #[test]
    fn the_grace_of_an_object_begins_when_it_is_shown() {
        let mut index = Index::default();
        let dated = |name: &str, created: Timestamp| {
            let mut object = object(name, "Delete");
            object["metadata"]["creationTimestamp"] = json!(created.to_string());
            shown(&object)
        };
        let hour = SignedDuration::from_hours(1);
        let (past, future) = (Timestamp::now() - hour, Timestamp::now() + hour);
        for (object, since_the_start, new) in [
            (dated("there", past), false, false),
            (dated("later", past), true, true),
            (dated("ahead", future), false, true),
        ] {
            for _ in 0..2 {
                index.note_new(&object, since_the_start);
                index.update(&object);
                assert_eq!(index.new.contains_key(object.meta().uid.as_ref().unwrap()), new, "{object:?}");
            }
            index.note_new(&object, true);
            assert_eq!(index.new.contains_key(object.meta().uid.as_ref().unwrap()), new, "it is known");
            index.remove(&object);
            assert!(index.new.is_empty());
        }
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
            assert_eq!(index.update(object).len(), number % 2);
        }
        objects.iter().for_each(|object| assert!(index.update(object).is_empty()));
        for (number, object) in objects.iter().enumerate() {
            assert_eq!(index.remove(object).len(), 1 - number % 2);
        }
        assert!(index.objects.is_empty());
    }
}
