//! What `/livez` and `/readyz` answer. Kore has no part in it: an outage of Kore must not take the operator
//! out of rotation.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::metrics;

/// How often the thread of the controllers reports that it is not stuck.
const BEAT: Duration = Duration::from_secs(1);
/// Without a report for so long, it is stuck. Each step takes milliseconds, but a machine may be overloaded.
const STUCK_AFTER: Duration = Duration::from_secs(60);

/// Whether the operator works, or could take over if it stands by.
#[derive(Debug, Default)]
pub struct Health {
    state: Mutex<State>,
    /// When the thread of the controllers last reported that it is not stuck; `None` if no controllers run.
    beat: Mutex<Option<Instant>>,
}

#[derive(Debug)]
enum State {
    /// No instance is known to lead, or no watch has begun; with what this instance waits for.
    Starting(String),
    /// Another instance leads; with what would keep this one from taking over, if anything.
    StandingBy(Result<(), String>),
    /// This instance leads; with its watches by name.
    Leading(BTreeMap<String, Watch>),
}

impl Default for State {
    fn default() -> Self {
        Self::Starting("waiting for the API server to list VoiceCampaigns and KoreConnections".to_owned())
    }
}

#[derive(Debug)]
struct Watch {
    /// The kind, in the plural.
    kind: &'static str,
    /// The watched namespace; `None` for all.
    namespace: Option<String>,
    state: WatchState,
    /// Whether it has failed since it listed its objects last.
    interrupted: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum WatchState {
    /// It has not listed its objects yet.
    Starting,
    /// It has listed its objects.
    Synced,
    /// The API server forbids it; with the reason that the API server gives.
    Forbidden(String),
}

/// Reports the state of one watch.
#[derive(Clone, Debug)]
pub(super) struct WatchHealth {
    health: Arc<Health>,
    name: String,
    kind: &'static str,
    namespace: Option<String>,
}

impl Health {
    /// Nothing is known yet, and no controllers run.
    pub(super) fn starting(&self) {
        *self.state() = State::default();
        *self.beat() = None;
    }

    /// The controllers can't start yet because of this problem.
    pub(super) fn waiting(&self, problem: &str) {
        *self.state() = State::Starting(problem.to_owned());
    }

    /// Another instance leads; `could_lead` says what would keep this one from taking over.
    pub(super) fn standing_by(&self, could_lead: Result<(), String>) {
        *self.state() = State::StandingBy(could_lead);
    }

    /// Registers a watch that is starting. `kind` is in the plural; `namespace` is `None` for all.
    pub(super) fn watch(self: &Arc<Self>, kind: &'static str, namespace: Option<&str>) -> WatchHealth {
        let name = match namespace {
            Some(namespace) => format!("{kind} in {namespace}"),
            None => kind.to_owned(),
        };
        let namespace = namespace.map(ToOwned::to_owned);
        let watch = WatchHealth { health: self.clone(), name, kind, namespace };
        watch.set(WatchState::Starting);
        watch
    }

    /// Reports every second that the thread in which it runs is not stuck.
    pub(super) async fn keep_beating(&self) {
        loop {
            *self.beat() = Some(Instant::now());
            tokio::time::sleep(BEAT).await;
        }
    }

    /// Whether the thread of the controllers, if they run, is not stuck.
    pub fn is_alive(&self) -> bool {
        self.beat().is_none_or(|beat| beat.elapsed() < STUCK_AFTER)
    }

    /// Ready if no watch is starting any more, and all watches of at least one namespace have synced. A
    /// standby is ready if it could take over.
    ///
    /// # Errors
    /// With what is not ready.
    pub fn ready(&self) -> Result<(), String> {
        match &*self.state() {
            State::Starting(problem) => Err(problem.clone()),
            State::StandingBy(could_lead) => {
                could_lead.clone().map_err(|why| format!("standing by, and could not take over: {why}"))
            }
            State::Leading(watches) => {
                let starting = watches.iter().find(|(_, watch)| watch.state == WatchState::Starting);
                // A VoiceCampaign is of no use without its KoreConnection, nor the other way round.
                let works_in = |namespace: &Option<String>| {
                    let mut of_it = watches.values().filter(|watch| watch.namespace == *namespace);
                    of_it.all(|watch| watch.state == WatchState::Synced)
                };
                match starting {
                    Some((name, _)) => Err(format!("waiting for the API server to list {name}")),
                    None if !watches.values().any(|watch| works_in(&watch.namespace)) => Err(format!(
                        "the API server does not allow the operator to work in any namespace: {}",
                        forbidden(watches)
                    )),
                    None => Ok(()),
                }
            }
        }
    }

    /// The watches that the API server forbids, with its reasons, for people; empty if there are none.
    pub fn forbidden(&self) -> String {
        match &*self.state() {
            State::Leading(watches) => forbidden(watches),
            State::Starting(_) | State::StandingBy(_) => String::new(),
        }
    }

    /// The watches, and whether each has listed its objects and not failed since.
    pub(super) fn watches(&self) -> BTreeMap<metrics::Watch, bool> {
        let State::Leading(watches) = &*self.state() else { return BTreeMap::new() };
        let named = watches.values().map(|Watch { kind, namespace, state, interrupted }| {
            let watched = namespace.clone().unwrap_or_else(|| "*".to_owned());
            (metrics::Watch { kind, watched }, *state == WatchState::Synced && !interrupted)
        });
        named.collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn beat(&self) -> MutexGuard<'_, Option<Instant>> {
        self.beat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forbidden(watches: &BTreeMap<String, Watch>) -> String {
    let forbidden = watches.iter().filter_map(|(name, watch)| match &watch.state {
        WatchState::Forbidden(reason) => Some(format!("{name}: {reason}")),
        WatchState::Starting | WatchState::Synced => None,
    });
    forbidden.collect::<Vec<_>>().join("; ")
}

impl WatchHealth {
    /// The watch has listed its objects.
    pub(super) fn synced(&self) {
        self.set(WatchState::Synced);
    }

    /// The watch has failed, and is about to begin again with a list.
    pub(super) fn interrupted(&self) {
        if let State::Leading(watches) = &mut *self.health.state()
            && let Some(watch) = watches.get_mut(&self.name)
        {
            watch.interrupted = true;
        }
    }

    /// The API server forbids the watch.
    pub(super) fn forbidden(&self, reason: &str) {
        self.set(WatchState::Forbidden(reason.to_owned()));
    }

    /// The kind of the watch, in the plural.
    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }

    /// The name of the watch, for people.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The watched namespace; `None` for all.
    pub(super) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    fn set(&self, watch: WatchState) {
        let mut state = self.health.state();
        if !matches!(&*state, State::Leading(_)) {
            *state = State::Leading(BTreeMap::new());
        }
        if let State::Leading(watches) = &mut *state {
            let (kind, namespace) = (self.kind, self.namespace.clone());
            let watch = Watch { kind, namespace, state: watch, interrupted: false };
            watches.insert(self.name.clone(), watch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thread that is stuck is noticed; an instance without controllers is not.
    #[tokio::test(start_paused = true)]
    async fn a_thread_that_is_stuck_is_not_alive() {
        let health = Arc::new(Health::default());
        assert!(health.is_alive());
        let beating = tokio::time::timeout(2 * STUCK_AFTER, health.keep_beating()).await;
        assert!(beating.is_err() && health.is_alive());
        tokio::time::sleep(STUCK_AFTER).await;
        assert!(!health.is_alive());
        health.starting();
        assert!(health.is_alive());
    }

    /// K33: a namespace that can't be read holds up no other. If none can be read, or one is not listed yet,
    /// the answer names it.
    #[test]
    fn ready_is_who_can_work_or_could() {
        let health = Arc::new(Health::default());
        assert!(health.ready().is_err());
        health.standing_by(Err("no right to list".into()));
        assert!(health.ready().unwrap_err().contains("no right to list"));
        health.standing_by(Ok(()));
        assert_eq!(health.ready(), Ok(()));
        health.starting();
        assert!(health.ready().is_err(), "it leads, and has listed nothing");
        health.waiting("no definitions");
        assert_eq!(health.ready(), Err("no definitions".to_owned()));
        let a = health.watch("VoiceCampaigns", Some("a"));
        let b = health.watch("VoiceCampaigns", Some("b"));
        a.synced();
        assert!(health.ready().unwrap_err().contains("VoiceCampaigns in b"));
        b.forbidden("forbidden");
        assert_eq!((health.ready(), health.forbidden().as_str()), (Ok(()), "VoiceCampaigns in b: forbidden"));
        a.forbidden("forbidden");
        assert!(health.ready().unwrap_err().contains("VoiceCampaigns in a: forbidden"));
        b.synced();
        assert_eq!(health.ready(), Ok(()));
        let connections = health.watch("KoreConnections", Some("b"));
        connections.forbidden("forbidden");
        assert!(health.ready().is_err(), "one kind alone is of no use");
        a.synced();
        assert_eq!(health.ready(), Ok(()));
    }

    /// A watch that fails shows in the metrics until it has listed its objects again; the instance stays
    /// ready.
    #[test]
    fn a_watch_that_fails_is_shown() {
        let health = Arc::new(Health::default());
        assert!(health.watches().is_empty());
        let [everywhere, of_a] = [None, Some("a")].map(|namespace| health.watch("VoiceCampaigns", namespace));
        let works =
            || health.watches().into_iter().map(|(watch, works)| (watch.watched, works)).collect::<Vec<_>>();
        let shown = |all, a| [("*".to_owned(), all), ("a".to_owned(), a)];
        assert_eq!(works(), shown(false, false), "nothing is listed yet");
        everywhere.synced();
        of_a.synced();
        assert_eq!(works(), shown(true, true));
        of_a.interrupted();
        assert_eq!((works().as_slice(), health.ready()), (&shown(true, false)[..], Ok(())));
        of_a.synced();
        everywhere.forbidden("no");
        assert_eq!(works(), shown(false, true));
    }
}
