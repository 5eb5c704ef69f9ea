use std::collections::HashSet;
use std::sync::Arc;

use kube::runtime::reflector::{ObjectRef, Store, store::Writer};
use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt};

/// The cache of a watch. A relist replaces the cached objects one by one: kube-rs would buffer a second copy
/// of all objects until the list is complete, and keep the memory for it.
pub struct Cache<K: Resource<DynamicType = ()> + Clone + 'static> {
    writer: Writer<K>,
    store: Store<K>,
    /// Whether a list has been complete.
    complete: bool,
    /// The uids that the relist in progress has shown so far.
    listed: HashSet<String>,
}

/// What an event of the watch has changed in the cache.
pub enum Change<K> {
    /// The watch shows that an object is new or has changed.
    Changed(Applied<K>),
    /// A relist shows the object.
    Relisted(Applied<K>),
    /// The watch shows that an object is gone; this is its last state.
    Gone(K),
    /// A list is complete.
    Complete {
        /// Whether it is the first list since the start.
        first: bool,
        /// The last known states of objects that are gone, whose deletion the watch has not shown.
        missing: Vec<Arc<K>>,
    },
    /// Nothing. The objects of the first list are in the cache once it is complete.
    Nothing,
}

/// An object that is in the cache now.
pub struct Applied<K> {
    /// The object as cached.
    pub object: Arc<K>,
    /// The object that had its name before, under another uid, and is gone.
    pub replaced: Option<Arc<K>>,
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Cache<K> {
    /// An empty cache.
    pub fn new(writer: Writer<K>) -> Self {
        Self { store: writer.as_reader(), writer, complete: false, listed: HashSet::new() }
    }

    /// The cached objects.
    pub fn store(&self) -> &Store<K> {
        &self.store
    }

    /// Applies an event of the watch.
    pub fn apply(&mut self, event: Event<K>) -> Change<K> {
        match event {
            Event::Apply(object) => Change::Changed(self.put(object)),
            Event::InitApply(object) if self.complete => {
                self.listed.extend(object.uid());
                Change::Relisted(self.put(object))
            }
            Event::Delete(object) => {
                self.writer.apply_watcher_event(&Event::Delete(object.clone()));
                Change::Gone(object)
            }
            Event::Init if self.complete => {
                self.listed.clear();
                Change::Nothing
            }
            Event::Init | Event::InitApply(_) => {
                self.writer.apply_watcher_event(&event);
                Change::Nothing
            }
            Event::InitDone if self.complete => {
                let listed = std::mem::take(&mut self.listed);
                let missing =
                    self.store.state_filter(|object| object.uid().is_none_or(|uid| !listed.contains(&uid)));
                for object in &missing {
                    self.writer.apply_watcher_event(&Event::Delete(K::clone(object)));
                }
                Change::Complete { first: false, missing }
            }
            Event::InitDone => {
                self.writer.apply_watcher_event(&Event::InitDone);
                self.complete = true;
                Change::Complete { first: true, missing: Vec::new() }
            }
        }
    }

    fn put(&mut self, object: K) -> Applied<K> {
        let name = ObjectRef::from_obj(&object);
        let replaced = self.store.get(&name).filter(|before| before.meta().uid != object.meta().uid);
        self.writer.apply_watcher_event(&Event::Apply(object.clone()));
        Applied { object: self.store.get(&name).unwrap_or_else(|| Arc::new(object)), replaced }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::runtime::reflector::store;
    use serde_json::json;

    fn object(name: &str, uid: &str, version: u32) -> ConfigMap {
        let metadata =
            json!({"name": name, "namespace": "n", "uid": uid, "resourceVersion": version.to_string()});
        serde_json::from_value(json!({"metadata": metadata})).unwrap()
    }

    fn cached(cache: &Cache<ConfigMap>) -> Vec<(String, String)> {
        let state = cache.store().state();
        let mut all: Vec<_> =
            state.iter().map(|object| (object.uid().unwrap(), object.resource_version().unwrap())).collect();
        all.sort_unstable();
        all
    }

    /// Applies a list. Returns the uids of the objects that it replaces, and of those that are missing.
    fn list(cache: &mut Cache<ConfigMap>, objects: &[ConfigMap]) -> (Vec<String>, Vec<String>) {
        cache.apply(Event::Init);
        let mut replaced = Vec::new();
        for object in objects {
            if let Change::Relisted(applied) = cache.apply(Event::InitApply(object.clone())) {
                assert_eq!(*applied.object, *object);
                replaced.extend(applied.replaced.and_then(|replaced| replaced.uid()));
            }
        }
        let is_first = cached(cache).is_empty();
        let Change::Complete { first, missing } = cache.apply(Event::InitDone) else {
            panic!("it is complete")
        };
        assert_eq!(first, is_first);
        let mut missing: Vec<_> = missing.iter().filter_map(|object| object.uid()).collect();
        missing.sort_unstable(); // the store has no order
        (replaced, missing)
    }

    fn pairs(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
        wanted.iter().map(|(uid, version)| ((*uid).to_owned(), (*version).to_owned())).collect()
    }

    fn new() -> Cache<ConfigMap> {
        Cache::new(store().1)
    }

    /// Until the first list is complete, the cache shows no part of it.
    #[test]
    fn the_first_list_is_shown_as_a_whole() {
        let mut cache = new();
        cache.apply(Event::Init);
        cache.apply(Event::InitApply(object("given-up", "u-0", 1)));
        cache.apply(Event::Init);
        cache.apply(Event::InitApply(object("a", "u-1", 2)));
        assert!(cached(&cache).is_empty());
        cache.apply(Event::InitDone);
        assert_eq!(cached(&cache), pairs(&[("u-1", "2")]));
    }

    /// A relist brings what the watch has missed: changes, deletions, and objects re-created under the same
    /// name.
    #[test]
    fn a_relist_replaces_what_is_cached() {
        let mut cache = new();
        let first = [object("a", "u-1", 1), object("b", "u-2", 2), object("c", "u-3", 3)];
        assert_eq!(list(&mut cache, &first), (vec![], vec![]));
        let second = [object("a", "u-1", 5), object("b", "u-4", 6), object("d", "u-5", 7)];
        // A list that was interrupted removes nothing.
        cache.apply(Event::Init);
        cache.apply(Event::InitApply(second[0].clone()));
        assert_eq!(cached(&cache), pairs(&[("u-1", "5"), ("u-2", "2"), ("u-3", "3")]));
        assert_eq!(list(&mut cache, &second), (vec!["u-2".into()], vec!["u-3".into()]));
        assert_eq!(cached(&cache), pairs(&[("u-1", "5"), ("u-4", "6"), ("u-5", "7")]));
        // etcd was restored from a backup: an older version counts, too.
        assert_eq!(list(&mut cache, &[object("a", "u-1", 1)]), (vec![], vec!["u-4".into(), "u-5".into()]));
        assert_eq!(cached(&cache), pairs(&[("u-1", "1")]));
    }

    /// A watch, too, may show an object without having shown the deletion of its predecessor.
    #[test]
    fn a_change_names_the_object_that_it_replaces() {
        let mut cache = new();
        list(&mut cache, &[object("a", "u-1", 1)]);
        let event = Event::Apply(object("a", "u-2", 2));
        let Change::Changed(Applied { replaced: Some(replaced), .. }) = cache.apply(event) else {
            panic!("another object is gone")
        };
        assert_eq!(replaced.uid().as_deref(), Some("u-1"));
        let event = Event::Apply(object("a", "u-2", 3));
        assert!(matches!(cache.apply(event), Change::Changed(Applied { replaced: None, .. })));
        cache.apply(Event::Delete(object("a", "u-2", 4)));
        assert!(cached(&cache).is_empty());
    }
}
