use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashTable;
use jiff::Timestamp;
use kube::Resource;
use kube::runtime::reflector::ObjectRef;

use super::claim::{GRACE, keeps_its_campaign};
use crate::api::{VoiceCampaign, VoiceCampaignSpec};
use crate::campaign::Watched;
use crate::kore::is_spelled;
use crate::kube_ext::reference;

/// The objects of the caches that fit their schema (or did, when the watch showed them last), by the campaign
/// that they name. They are shared with the caches, because there are thousands.
#[derive(Default)]
pub struct Index {
    objects: HashTable<Arc<Watched>>,
    hasher: RandomState,
    /// When the watch first showed those objects, by uid, that came since the start, or have a creation time
    /// in the future; for [`GRACE`].
    new: HashMap<String, Instant>,
    /// When those whose [`GRACE`] is over were last removed.
    swept: Option<Instant>,
}

impl Index {
    /// All objects.
    pub fn all(&self) -> impl Iterator<Item = &VoiceCampaign> {
        self.objects.iter().filter_map(|object| readable(object))
    }

    /// Whether an object was first shown not long ago.
    pub fn is_new(&self, object: &VoiceCampaign) -> bool {
        object.metadata.uid.as_ref().and_then(|uid| self.new.get(uid)).is_some_and(is_within_grace)
    }

    /// Whether the watch has shown an object.
    pub fn knows(&self, object: &VoiceCampaign) -> bool {
        self.objects.find(hash(&self.hasher, object), |known| is_itself(known, object)).is_some()
    }

    /// Notes when an object was first shown.
    pub fn note_new(&mut self, object: &Arc<Watched>, since_the_start: bool) {
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

    /// The watch shows an object. Returns the others that name the same campaign, if this concerns them.
    pub fn update(&mut self, object: &Arc<Watched>) -> Vec<ObjectRef<Watched>> {
        let Some(campaign) = readable(object) else { return Vec::new() };
        let others = self.others(campaign).map(reference).collect();
        let Self { objects, hasher, .. } = self;
        let hash = |object: &VoiceCampaign| hash(hasher, object);
        let itself = |known: &Arc<Watched>| is_itself(known, campaign);
        match objects.find_mut(hash(campaign), itself) {
            Some(known) => {
                let before = std::mem::replace(known, object.clone());
                if readable(&before).map(keeps_its_campaign) == Some(keeps_its_campaign(campaign)) {
                    Vec::new()
                } else {
                    others
                }
            }
            None => {
                objects
                    .insert_unique(hash(campaign), object.clone(), |known| readable(known).map_or(0, hash));
                others
            }
        }
    }

    /// The watch has shown that an object is gone. Returns the others that name the same campaign.
    pub fn remove(&mut self, object: &Watched) -> Vec<ObjectRef<Watched>> {
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
    pub fn others<'a>(&'a self, object: &'a VoiceCampaign) -> impl Iterator<Item = &'a VoiceCampaign> {
        let VoiceCampaignSpec { stream_id, campaign_id, .. } = &object.spec;
        self.naming(stream_id, campaign_id).filter(|known| known.metadata.uid != object.metadata.uid)
    }

    /// The objects that name a campaign which the service writes like that.
    pub fn naming_however_spelled<'a>(
        &'a self,
        stream_id: &'a str,
        written: &'a str,
    ) -> Box<dyn Iterator<Item = &'a VoiceCampaign> + 'a> {
        if self.naming(stream_id, written).next().is_some() {
            return Box::new(self.naming(stream_id, written));
        }
        Box::new(self.all().filter(move |known| {
            known.spec.stream_id == stream_id && is_spelled(written, &known.spec.campaign_id)
        }))
    }

    /// The objects that name a campaign.
    pub fn naming<'a>(
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

/// The object, if it fits its schema.
pub fn readable(object: &Watched) -> Option<&VoiceCampaign> {
    object.0.as_ref().ok()
}

fn hash(hasher: &RandomState, object: &VoiceCampaign) -> u64 {
    hash_of(hasher, &object.spec.stream_id, &object.spec.campaign_id)
}

fn hash_of(hasher: &RandomState, stream_id: &str, campaign_id: &str) -> u64 {
    hasher.hash_one((stream_id, campaign_id))
}

/// Whether two objects name the same campaign of the same stream.
pub fn same_campaign(one: &VoiceCampaign, other: &VoiceCampaign) -> bool {
    one.spec.stream_id == other.spec.stream_id && one.spec.campaign_id == other.spec.campaign_id
}

/// Whether it is the object of this uid, as it was shown before.
fn is_itself(known: &Watched, object: &VoiceCampaign) -> bool {
    known.meta().uid == object.metadata.uid
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
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

    /// The others are woken when there is one more object, when it no longer keeps the campaign, and when it
    /// is gone; whether or not it fits its schema.
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
