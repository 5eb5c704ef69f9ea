use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// After a start, the watches list everything within seconds; longer than this is worth a report.
const DUE_WITHIN: Duration = Duration::from_secs(10);
/// How often to check again after that: a failed list is retried about as often.
const OVERDUE_REQUEUE: Duration = Duration::from_secs(5);

/// How far the watches of one kind have come since the start, by namespace.
///
/// kube-rs's own `Store::wait_until_ready` wakes only one of its waiters, and its controller is one of them.
#[derive(Debug)]
pub struct Synced {
    /// `None` is the one watch of all namespaces.
    watches: watch::Sender<BTreeMap<Option<String>, WatchState>>,
    begun: Instant,
}

/// How far a watch has come since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WatchState {
    /// It has not listed its objects yet.
    Starting,
    /// It has listed its objects. It stays so when the watch is interrupted or refused later.
    Synced,
    /// The API server has refused the list since the start, for so long that nobody waits for it any more.
    Forbidden,
}

impl Synced {
    /// The watches of these namespaces (`None`: the one watch of all), none of which has listed anything.
    pub fn new(namespaces: impl IntoIterator<Item = Option<String>>) -> Self {
        let starting = namespaces.into_iter().map(|namespace| (namespace, WatchState::Starting)).collect();
        Self { watches: watch::Sender::new(starting), begun: Instant::now() }
    }

    /// Marks the watch of this namespace as synced.
    pub fn set_synced(&self, namespace: Option<&str>) {
        self.watches.send_modify(|watches| {
            watches.insert(namespace.map(ToOwned::to_owned), WatchState::Synced);
        });
    }

    /// Marks the watch of this namespace as forbidden, so that nobody waits for it any more; does nothing if
    /// it was synced before.
    pub fn set_forbidden(&self, namespace: Option<&str>) {
        self.watches.send_if_modified(|watches| {
            let state = watches.entry(namespace.map(ToOwned::to_owned)).or_insert(WatchState::Starting);
            let is_starting = *state == WatchState::Starting;
            if is_starting {
                *state = WatchState::Forbidden;
            }
            is_starting
        });
    }

    /// Whether the watch of this namespace has listed its objects since the start.
    pub fn has_listed(&self, namespace: Option<&str>) -> bool {
        self.watches.borrow().get(&namespace.map(ToOwned::to_owned)) == Some(&WatchState::Synced)
    }

    /// Whether the objects of this namespace are unknown because the API server forbids its watch.
    pub fn is_forbidden(&self, namespace: &str) -> bool {
        self.watches.borrow().get(&Some(namespace.to_owned())) == Some(&WatchState::Forbidden)
    }

    /// The namespaces whose objects are unknown because the API server forbids their watch.
    pub fn forbidden(&self) -> Vec<String> {
        let watches = self.watches.borrow();
        let forbidden = watches.iter().filter(|(_, state)| **state == WatchState::Forbidden);
        forbidden.map(|(namespace, _)| namespace.as_deref().unwrap_or("all namespaces").to_owned()).collect()
    }

    /// Whether no watch is starting any more.
    pub fn is_complete(&self) -> bool {
        is_complete(&self.watches.borrow())
    }

    /// Whether the watches take so long that this should be reported, if some are still starting.
    pub fn is_overdue(&self) -> bool {
        self.begun.elapsed() >= DUE_WITHIN
    }

    /// When to check again whether the watches are complete: after `soon`, or less often once they are
    /// overdue; `None` if they are complete.
    pub fn requeue_after(&self, soon: Duration) -> Option<Duration> {
        (!self.is_complete()).then_some(if self.is_overdue() { OVERDUE_REQUEUE } else { soon })
    }

    /// Returns when the watches are complete, or overdue.
    pub async fn wait(&self) {
        let mut watches = self.watches.subscribe();
        // An error means that they are overdue; the sender is `self`, and can't be gone.
        let _ = tokio::time::timeout(DUE_WITHIN, watches.wait_for(is_complete)).await;
    }
}

fn is_complete(watches: &BTreeMap<Option<String>, WatchState>) -> bool {
    !watches.values().any(|state| *state == WatchState::Starting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forbidden_namespace_is_not_waited_for() {
        let synced = Synced::new(["a", "b"].map(|name| Some(name.to_owned())));
        synced.set_synced(Some("a"));
        assert!(!synced.is_complete());
        synced.set_forbidden(Some("b"));
        assert!(synced.is_complete() && synced.is_forbidden("b"));
        assert_eq!(synced.forbidden(), ["b"]);
        synced.set_synced(Some("b"));
        assert!(synced.forbidden().is_empty());
        // Its objects are known, though no longer up to date.
        synced.set_forbidden(Some("a"));
        assert!(synced.is_complete() && synced.forbidden().is_empty());
    }
}
