use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How often the thread of the work says that it is not stuck.
const BEAT: Duration = Duration::from_secs(1);
/// For how long it may not. Each step of the work takes milliseconds; a machine may be short of time.
const STUCK: Duration = Duration::from_secs(60);

/// Whether the operator does its work, or could. Does not depend on Kore: an outage there must not take the operator out of rotation.
#[derive(Debug, Default)]
pub struct Health {
    state: Mutex<State>,
    /// When the thread of the work last said that it is not stuck.
    beat: Mutex<Option<Instant>>,
}

#[derive(Debug)]
enum State {
    /// It is not known yet who leads, or what there is to watch; and this is what is in the way.
    Starting(String),
    /// Another instance leads. With what keeps this one from taking over, if something does.
    StandingBy(Result<(), String>),
    /// Each watch, by what it shows; with its namespace.
    Working(BTreeMap<String, (Option<String>, Watching)>),
}

impl Default for State {
    fn default() -> Self {
        Self::Starting("waiting for the API server to show VoiceCampaigns and KoreConnections".to_owned())
    }
}

/// What a watch has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Watching {
    /// It has not shown its objects yet.
    Waiting,
    /// It has shown its objects.
    Shown,
    /// The API server refuses it.
    Refused(String),
}

/// The part of one watch in it.
#[derive(Clone, Debug)]
pub(super) struct WatchHealth {
    health: Arc<Health>,
    name: String,
    namespace: Option<String>,
}

impl Health {
    /// Nothing is known, and nobody works.
    pub(super) fn starting(&self) {
        *self.state() = State::default();
        *self.beat() = None;
    }

    /// This is in the way of the work.
    pub(super) fn waiting(&self, problem: &str) {
        *self.state() = State::Starting(problem.to_owned());
    }

    /// Says again and again that the thread it runs in is not stuck.
    pub(super) async fn keep_beating(&self) {
        loop {
            *self.beat() = Some(Instant::now());
            tokio::time::sleep(BEAT).await;
        }
    }

    /// Whether the thread of the work, if there is one, goes on.
    pub fn is_alive(&self) -> bool {
        self.beat().is_none_or(|beat| beat.elapsed() < STUCK)
    }

    /// Another instance leads; this is what keeps this one from taking over.
    pub(super) fn standing_by(&self, could: Result<(), String>) {
        *self.state() = State::StandingBy(could);
    }

    /// A watch of this name has to show its objects, those of a namespace or all.
    pub(super) fn watch(self: &Arc<Self>, name: String, namespace: Option<&str>) -> WatchHealth {
        let watch = WatchHealth { health: self.clone(), name, namespace: namespace.map(ToOwned::to_owned) };
        watch.note(Watching::Waiting);
        watch
    }

    /// Whether each watch has shown its objects, but for those that the API server refuses, as long as there is a namespace in which it
    /// refuses none; or, of an instance that stands by, whether it could do so.
    ///
    /// # Errors
    /// With what is not ready.
    pub fn ready(&self) -> Result<(), String> {
        match &*self.state() {
            State::Starting(problem) => Err(problem.clone()),
            State::StandingBy(could) => {
                could.clone().map_err(|why| format!("standing by, and could not take over: {why}"))
            }
            State::Working(watches) => {
                let waiting = watches.iter().find(|(_, (_, watching))| *watching == Watching::Waiting);
                // Without its KoreConnections nothing can be done for a VoiceCampaign, nor the other way round.
                let works_in = |wanted: &Option<String>| {
                    let mut of_it = watches.values().filter(|(namespace, _)| namespace == wanted);
                    of_it.all(|(_, watching)| *watching == Watching::Shown)
                };
                match waiting {
                    Some((name, _)) => Err(format!("waiting for the API server to show {name}")),
                    None if !watches.values().any(|(namespace, _)| works_in(namespace)) => {
                        Err(format!("the API server refuses too much to work anywhere: {}", refused(watches)))
                    }
                    None => Ok(()),
                }
            }
        }
    }

    /// What the API server refuses, in words; empty if nothing.
    pub fn refused(&self) -> String {
        match &*self.state() {
            State::Working(watches) => refused(watches),
            State::Starting(_) | State::StandingBy(_) => String::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn beat(&self) -> MutexGuard<'_, Option<Instant>> {
        self.beat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refused(watches: &BTreeMap<String, (Option<String>, Watching)>) -> String {
    let refused = watches.iter().filter_map(|(name, (_, watching))| match watching {
        Watching::Refused(why) => Some(format!("{name}: {why}")),
        Watching::Waiting | Watching::Shown => None,
    });
    refused.collect::<Vec<_>>().join("; ")
}

impl WatchHealth {
    /// The watch has shown its objects.
    pub(super) fn synced(&self) {
        self.note(Watching::Shown);
    }

    /// The API server refuses the watch.
    pub(super) fn refused(&self, why: &str) {
        self.note(Watching::Refused(why.to_owned()));
    }

    /// What it shows.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The namespace in which it looks.
    pub(super) fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or("all namespaces")
    }

    fn note(&self, watching: Watching) {
        let mut state = self.health.state();
        if !matches!(&*state, State::Working(_)) {
            *state = State::Working(BTreeMap::new());
        }
        if let State::Working(watches) = &mut *state {
            watches.insert(self.name.clone(), (self.namespace.clone(), watching));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thread that is stuck in its work is noticed; one that has none to do is not.
    #[tokio::test(start_paused = true)]
    async fn a_thread_that_is_stuck_is_not_alive() {
        let health = Arc::new(Health::default());
        assert!(health.is_alive());
        let beating = tokio::time::timeout(2 * STUCK, health.keep_beating()).await;
        assert!(beating.is_err() && health.is_alive());
        tokio::time::sleep(STUCK).await;
        assert!(!health.is_alive());
        health.starting();
        assert!(health.is_alive());
    }

    /// K33: one namespace that can't be read makes nobody wait; if none can, or another has not been shown yet, it is said which.
    #[test]
    fn ready_is_who_can_work_or_could() {
        let health = Arc::new(Health::default());
        assert!(health.ready().is_err());
        health.standing_by(Err("no right to list".into()));
        assert!(health.ready().unwrap_err().contains("no right to list"));
        health.standing_by(Ok(()));
        assert_eq!(health.ready(), Ok(()));
        health.starting();
        assert!(health.ready().is_err(), "it leads, and has shown nothing");
        health.waiting("no definitions");
        assert_eq!(health.ready(), Err("no definitions".to_owned()));
        let a = health.watch("VoiceCampaigns in a".into(), Some("a"));
        let b = health.watch("VoiceCampaigns in b".into(), Some("b"));
        a.synced();
        assert!(health.ready().unwrap_err().contains("VoiceCampaigns in b"));
        b.refused("forbidden");
        assert_eq!((health.ready(), health.refused().as_str()), (Ok(()), "VoiceCampaigns in b: forbidden"));
        a.refused("forbidden");
        assert!(health.ready().unwrap_err().contains("VoiceCampaigns in a: forbidden"));
        b.synced();
        assert_eq!(health.ready(), Ok(()));
        let connections = health.watch("KoreConnections in b".into(), Some("b"));
        connections.refused("forbidden");
        assert!(health.ready().is_err(), "one kind alone is of no use");
        a.synced();
        assert_eq!(health.ready(), Ok(()));
    }
}
