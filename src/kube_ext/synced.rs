use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// The watches list everything within seconds of a start; what takes longer is worth a word.
const IN_TIME: Duration = Duration::from_secs(10);
/// A list that fails is asked for again about as often.
const MISSING_PAUSE: Duration = Duration::from_secs(5);

/// Whether all watches of a kind have listed what there is, but for those that the API server refuses.
///
/// kube-rs's own `Store::wait_until_ready` wakes only one of those who wait, and its controller is one of them.
#[derive(Debug)]
pub struct Synced {
    state: watch::Sender<State>,
    begun: Instant,
}

#[derive(Debug)]
struct State {
    /// How many watches are waited for.
    missing: usize,
    /// Where the API server has refused a list, and has not shown one since the start.
    unseen: BTreeSet<String>,
}

impl Synced {
    /// None of so many watches has.
    pub fn of(watches: usize) -> Self {
        let state = State { missing: watches, unseen: BTreeSet::new() };
        Self { state: watch::Sender::new(state), begun: Instant::now() }
    }

    /// One more of them has.
    pub fn one_more(&self) {
        self.state.send_modify(|state| state.missing = state.missing.saturating_sub(1));
    }

    /// The API server refuses one of them, in this namespace: nobody waits for it any more.
    pub fn one_refused(&self, namespace: &str) {
        self.state.send_modify(|state| {
            state.missing = state.missing.saturating_sub(1);
            state.unseen.insert(namespace.to_owned());
        });
    }

    /// One that was refused has listed what there is after all.
    pub fn refused_no_more(&self, namespace: &str) {
        self.state.send_modify(|state| drop(state.unseen.take(namespace)));
    }

    /// The namespaces whose objects are not known, because the API server refuses them.
    pub fn unseen(&self) -> Vec<String> {
        self.state.borrow().unseen.iter().cloned().collect()
    }

    /// Whether this namespace is one of them.
    pub fn is_unseen(&self, namespace: &str) -> bool {
        self.state.borrow().unseen.contains(namespace)
    }

    /// When whoever waits for them looks again: after `soon`, or, when they are late, as often as the list that is missing is asked for. `None`
    /// if none is waited for.
    pub fn look_again(&self, soon: Duration) -> Option<Duration> {
        (!self.is_complete()).then_some(if self.are_late() { MISSING_PAUSE } else { soon })
    }

    /// Whether they take so long that it is worth a word, if they are still waited for.
    pub fn are_late(&self) -> bool {
        self.begun.elapsed() >= IN_TIME
    }

    /// Whether none is waited for.
    pub fn is_complete(&self) -> bool {
        self.state.borrow().missing == 0
    }

    /// Returns when none is waited for, or when they are late.
    pub async fn wait(&self) {
        let mut state = self.state.subscribe();
        // An error means that it is late, or that the sender is gone, which is ourselves.
        let _ = tokio::time::timeout(IN_TIME, state.wait_for(|state| state.missing == 0)).await;
    }
}
