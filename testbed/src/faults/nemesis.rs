use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use hyper::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::armed::{Armed, Hold};
use super::{Action, Kind, Plan};

/// Decides what becomes of each request, and remembers the effects. Clones are one: the proxies of a run
/// share it, so that effects on the API server and on Kore are counted together.
#[derive(Clone, Debug, Default)]
pub struct Nemesis(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    /// The faults have changed: a watch may be held no longer.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    armed: Armed,
    seen: Vec<Seen>,
    /// How many plans there were; an answer to a request from before the present one is nobody's.
    plans: u64,
    open_watches: u32,
    crash: Option<Crash>,
}

#[derive(Clone)]
struct Crash(Arc<dyn Fn() + Send + Sync>);

/// An effect that has come by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Seen {
    /// Counted from 1 since the plan was armed.
    pub index: u32,
    /// What it is.
    pub kind: Kind,
    /// Path of the request, without the query.
    pub path: String,
    /// Status that the upstream has answered, whether or not the operator got it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<u16>,
    /// When it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// What a fault has made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub injected: Option<Action>,
}

/// An effect on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    plan: u64,
    position: usize,
}

/// A watch that is open for as long as this lives.
#[derive(Debug)]
pub(super) struct OpenWatch(Nemesis);

impl Nemesis {
    /// One without a plan: it lets everything through, and counts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a plan: effects and faults count from here.
    pub fn arm(&self, plan: Plan) {
        let mut state = self.state();
        state.armed = Armed::new(plan.faults, state.open_watches, Instant::now());
        state.seen.clear();
        state.plans += 1;
        drop(state);
        self.0.changed.notify_waiters();
    }

    /// Ends all faults at once, and lets held watches go on. Effects are counted further.
    pub fn disarm(&self) {
        self.state().armed.end();
        self.0.changed.notify_waiters();
    }

    /// What the crash actions do: it is called in the place where the operator is to die, and must have
    /// killed it when it returns.
    pub fn on_crash(&self, kill: Arc<dyn Fn() + Send + Sync>) {
        self.state().crash = Some(Crash(kill));
    }

    /// The effects since the plan was armed, in the order of their arrival.
    pub fn effects(&self) -> Vec<Seen> {
        self.state().seen.clone()
    }

    /// How many requests a fault of the plan has hit, effects or not.
    pub fn injected(&self) -> u32 {
        self.state().armed.injected()
    }

    /// How many faults of the plan have hit nothing.
    pub fn missed(&self) -> usize {
        self.state().armed.missed()
    }

    /// Whether each fault of the plan has hit as many requests as it can, or its time is over.
    pub fn spent(&self) -> bool {
        self.state().armed.spent(Instant::now())
    }

    /// What becomes of a request; effects get a ticket for their answer.
    pub(super) fn meet(&self, kind: Kind, path: &str) -> (Option<Ticket>, Option<Action>) {
        let mut state = self.state();
        let action = state.armed.decide(kind, Instant::now());
        if !kind.is_effect() {
            return (None, action);
        }
        let position = state.seen.len();
        let index = u32::try_from(position).unwrap_or(u32::MAX).saturating_add(1);
        let (path, injected) = (path.to_owned(), action.clone());
        state.seen.push(Seen { index, kind, path, answer: None, answered_at: None, injected });
        (Some(Ticket { plan: state.plans, position }), action)
    }

    /// The upstream has answered.
    pub(super) fn answered(&self, ticket: Ticket, status: StatusCode) {
        let mut state = self.state();
        if state.plans == ticket.plan
            && let Some(seen) = state.seen.get_mut(ticket.position)
        {
            seen.answer = Some(status.as_u16());
            seen.answered_at = Some(Timestamp::now());
        }
    }

    /// Kills the operator, if it is known how.
    pub(super) fn crash(&self) {
        let crash = self.state().crash.clone();
        if let Some(Crash(kill)) = crash {
            kill();
        }
    }

    /// Returns when watches may deliver: at once, unless they are held.
    pub(super) async fn let_through(&self) {
        loop {
            // Before the look, so that no change is missed.
            let changed = self.0.changed.notified();
            let hold = self.state().armed.held(Instant::now());
            match hold {
                None => return,
                Some(Hold::UntilEnded) => changed.await,
                Some(Hold::For(left)) => tokio::time::timeout(left, changed).await.unwrap_or_default(),
            }
        }
    }

    pub(super) fn open_watch(&self) -> OpenWatch {
        self.state().open_watches += 1;
        OpenWatch(self.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenWatch {
    fn drop(&mut self) {
        self.0.state().open_watches -= 1;
    }
}

impl fmt::Debug for Crash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Crash")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Fault;

    fn lost(index: u32) -> Plan {
        Plan { name: "lost".into(), seed: 0, faults: vec![Fault::at_effect(index, Action::LoseAnswer)] }
    }

    #[test]
    fn effects_are_counted_across_both_services_with_what_became_of_them() {
        let nemesis = Nemesis::new();
        nemesis.arm(lost(2));
        let (first, _) = nemesis.meet(Kind::Status, "/a/status");
        assert!(matches!(nemesis.meet(Kind::Read, "/a"), (None, None)));
        let (second, action) = nemesis.clone().meet(Kind::KoreDelete, "/cd-1");
        assert_eq!(action, Some(Action::LoseAnswer));
        nemesis.answered(second.unwrap(), StatusCode::OK);
        nemesis.answered(first.unwrap(), StatusCode::CONFLICT);
        let seen = |index, kind, path: &str, answer, injected| Seen {
            index,
            kind,
            path: path.into(),
            answer: Some(answer),
            answered_at: None,
            injected,
        };
        let expected = [
            seen(1, Kind::Status, "/a/status", 409, None),
            seen(2, Kind::KoreDelete, "/cd-1", 200, Some(Action::LoseAnswer)),
        ];
        let effects = nemesis.effects();
        assert!(effects[0].answered_at >= effects[1].answered_at && effects[1].answered_at.is_some());
        let timeless = effects.into_iter().map(|seen| Seen { answered_at: None, ..seen });
        assert_eq!(timeless.collect::<Vec<_>>(), expected);
        assert_eq!((nemesis.injected(), nemesis.missed(), nemesis.spent()), (1, 0, true));
    }

    /// The answer to a request of an earlier run must not be taken for one of this run.
    #[test]
    fn arming_begins_anew() {
        let nemesis = Nemesis::new();
        nemesis.arm(lost(1));
        let (ticket, _) = nemesis.meet(Kind::Status, "/old");
        nemesis.arm(lost(1));
        assert_eq!((nemesis.injected(), nemesis.missed(), nemesis.spent()), (0, 1, false));
        let (_, action) = nemesis.meet(Kind::Status, "/new");
        assert_eq!(action, Some(Action::LoseAnswer));
        nemesis.answered(ticket.unwrap(), StatusCode::OK);
        assert_eq!(nemesis.effects()[0].answer, None);
    }

    #[test]
    fn after_disarming_effects_are_still_seen() {
        let nemesis = Nemesis::new();
        nemesis.arm(lost(1));
        nemesis.disarm();
        assert_eq!(nemesis.meet(Kind::Finalizer, "/a").1, None);
        assert_eq!(nemesis.effects().len(), 1);
        assert!(nemesis.spent());
    }
}
