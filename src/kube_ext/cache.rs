use std::collections::HashSet;
use std::sync::Arc;

use kube::runtime::reflector::{ObjectRef, Store, store::Writer};
use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt};

/// The cache of a watch. What is listed anew takes the place of what is there object by object: kube-rs would keep a second
/// copy of everything until the list is complete, and the room for it for ever.
pub struct Cache<K: Resource<DynamicType = ()> + Clone + 'static> {
    writer: Writer<K>,
    store: Store<K>,
    /// A list has come to its end.
    complete: bool,
    /// The uids of the list that is being read.
    listed: HashSet<String>,
}

/// What the cache shows after an event.
pub enum Change<K> {
    /// An object is new, or has changed. Another one that had its name is gone.
    Changed(Arc<K>, Option<Arc<K>>),
    /// The same, in a list.
    Relisted(Arc<K>, Option<Arc<K>>),
    /// An object is gone.
    Gone(K),
    /// A list is complete: the first one, or another. What was there before it and is gone, nobody has seen how.
    Complete {
        /// There was none before.
        first: bool,
        /// What is gone.
        missing: Vec<Arc<K>>,
    },
    /// Nothing new. The first list is shown when it is complete.
    Nothing,
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Cache<K> {
    /// An empty one.
    pub fn of(writer: Writer<K>) -> Self {
        Self { store: writer.as_reader(), writer, complete: false, listed: HashSet::new() }
    }

    /// What is in it.
    pub fn store(&self) -> &Store<K> {
        &self.store
    }

    /// Takes in an event of the watch.
    pub fn take(&mut self, event: Event<K>) -> Change<K> {
        match event {
            Event::Apply(object) => {
                let (object, another) = self.put(object);
                Change::Changed(object, another)
            }
            Event::InitApply(object) if self.complete => {
                self.listed.extend(object.uid());
                let (object, another) = self.put(object);
                Change::Relisted(object, another)
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

    /// Puts an object into the cache. Returns it as it is there, and another one that had its name.
    fn put(&mut self, object: K) -> (Arc<K>, Option<Arc<K>>) {
        let name = ObjectRef::from_obj(&object);
        let before = self.store.get(&name).filter(|before| before.meta().uid != object.meta().uid);
        self.writer.apply_watcher_event(&Event::Apply(object.clone()));
        (self.store.get(&name).unwrap_or_else(|| Arc::new(object)), before)
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

    fn there(cache: &Cache<ConfigMap>) -> Vec<(String, String)> {
        let state = cache.store().state();
        let mut all: Vec<_> =
            state.iter().map(|object| (object.uid().unwrap(), object.resource_version().unwrap())).collect();
        all.sort_unstable();
        all
    }

    /// Takes in a list, and returns the uids of those that others replace, and of those that are missing.
    fn list(cache: &mut Cache<ConfigMap>, objects: &[ConfigMap]) -> (Vec<String>, Vec<String>) {
        cache.take(Event::Init);
        let mut replaced = Vec::new();
        for object in objects {
            if let Change::Relisted(shown, another) = cache.take(Event::InitApply(object.clone())) {
                assert_eq!(*shown, *object);
                replaced.extend(another.and_then(|another| another.uid()));
            }
        }
        let is_first = there(cache).is_empty();
        let Change::Complete { first, missing } = cache.take(Event::InitDone) else {
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
        Cache::of(store().1)
    }

    /// Until the first list is complete, nobody sees a part of it.
    #[test]
    fn the_first_list_is_shown_as_a_whole() {
        let mut cache = new();
        cache.take(Event::Init);
        cache.take(Event::InitApply(object("given-up", "u-0", 1)));
        cache.take(Event::Init);
        cache.take(Event::InitApply(object("a", "u-1", 2)));
        assert!(there(&cache).is_empty());
        cache.take(Event::InitDone);
        assert_eq!(there(&cache), pairs(&[("u-1", "2")]));
    }

    /// What a watch has missed, the next list shows: changes, what is gone, and what has another's name now.
    #[test]
    fn a_later_list_takes_the_place_of_what_is_there() {
        let mut cache = new();
        let first = [object("a", "u-1", 1), object("b", "u-2", 2), object("c", "u-3", 3)];
        assert_eq!(list(&mut cache, &first), (vec![], vec![]));
        let second = [object("a", "u-1", 5), object("b", "u-4", 6), object("d", "u-5", 7)];
        // One that is listed in part only, because it was interrupted, lets nothing go.
        cache.take(Event::Init);
        cache.take(Event::InitApply(second[0].clone()));
        assert_eq!(there(&cache), pairs(&[("u-1", "5"), ("u-2", "2"), ("u-3", "3")]));
        assert_eq!(list(&mut cache, &second), (vec!["u-2".into()], vec!["u-3".into()]));
        assert_eq!(there(&cache), pairs(&[("u-1", "5"), ("u-4", "6"), ("u-5", "7")]));
        // From a backup: an older version counts, too.
        assert_eq!(list(&mut cache, &[object("a", "u-1", 1)]), (vec![], vec!["u-4".into(), "u-5".into()]));
        assert_eq!(there(&cache), pairs(&[("u-1", "1")]));
    }

    /// Also a watch may show an object whose predecessor it has not shown to go.
    #[test]
    fn a_change_tells_of_another_one_of_the_same_name() {
        let mut cache = new();
        list(&mut cache, &[object("a", "u-1", 1)]);
        let event = Event::Apply(object("a", "u-2", 2));
        let Change::Changed(_, Some(another)) = cache.take(event) else { panic!("another one is gone") };
        assert_eq!(another.uid().as_deref(), Some("u-1"));
        let event = Event::Apply(object("a", "u-2", 3));
        assert!(matches!(cache.take(event), Change::Changed(_, None)));
        cache.take(Event::Delete(object("a", "u-2", 4)));
        assert!(there(&cache).is_empty());
    }
}
