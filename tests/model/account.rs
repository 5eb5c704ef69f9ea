//! Callers of one account against the operator's `AccountClock`.

use jiff::SignedDuration;
use stateright::{Model, Property};
use voicecampaign_operator::pacing::{AccountClock, Health, Place, Turn};

use crate::world::{Second, at, second};

/// More than are told when to probe.
const CALLERS: usize = 6;
/// Calls in any minute.
const QUOTA: usize = 2;
/// Kore's window, and how late a call may arrive.
const WINDOW: Second = 60;

/// What is explored.
pub struct Calls {
    /// Failures, refusals, pauses and passes that are cut off.
    pub faults: u8,
    /// Nothing is looked at that is later.
    pub until: Second,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Account {
    now: Second,
    clock: AccountClock<usize>,
    callers: [Caller; CALLERS],
    /// When calls were made, of the last minute.
    calls: Vec<Second>,
    faults: u8,
    broken: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Caller {
    /// Comes at this time.
    Waits(Second),
    Calls,
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A caller comes, in time or early.
    Come(usize),
    Succeed(usize),
    Fail(usize),
    /// 429.
    Refuse(usize),
    /// 503 with a pause of 20 s for all.
    Pause(usize),
    /// Nobody hears what became of it.
    Lose(usize),
    Sleep,
}

const QUOTA_KEPT: &str = "the quota is never exceeded";
const TOLD: &str = "whoever waits is told a time to come";
const SERVED: &str = "everybody is served while Kore is healthy";
/// The longest pause between probes, and what a lost one costs.
const PROBED_WITHIN: Second = 60 + 65;

impl Model for Calls {
    type State = Account;
    type Action = Action;

    fn init_states(&self) -> Vec<Account> {
        let callers = [Caller::Waits(0); CALLERS];
        let (clock, faults) = (AccountClock::default(), self.faults);
        vec![Account { now: 0, clock, callers, calls: Vec::new(), faults, broken: None }]
    }

    fn actions(&self, account: &Account, actions: &mut Vec<Action>) {
        if account.broken.is_some() {
            return;
        }
        for (caller, state) in account.callers.iter().enumerate() {
            match state {
                Caller::Waits(_) => actions.push(Action::Come(caller)),
                Caller::Calls => {
                    actions.push(Action::Succeed(caller));
                    if account.faults > 0 {
                        let faults = [Action::Fail, Action::Refuse, Action::Pause, Action::Lose];
                        actions.extend(faults.map(|fault| fault(caller)));
                    }
                }
                Caller::Done => {}
            }
        }
        actions.push(Action::Sleep);
    }

    fn next_state(&self, account: &Account, action: Action) -> Option<Account> {
        let mut next = account.clone();
        next.apply(action);
        (next != *account).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(QUOTA_KEPT, |_, account: &Account| account.broken != Some(QUOTA_KEPT)),
            Property::always(TOLD, |_, account: &Account| account.broken != Some(TOLD)),
            Property::always(SERVED, |_, account: &Account| account.is_served()),
        ]
    }

    fn within_boundary(&self, account: &Account) -> bool {
        account.now <= self.until
    }
}

impl Account {
    fn apply(&mut self, action: Action) {
        let now = at(self.now);
        match action {
            Action::Come(caller) => self.come(caller),
            Action::Succeed(caller) => {
                self.callers[caller] = Caller::Done;
                let (_, woken) = self.clock.heard(&caller, Health::Well, now);
                self.wake(&woken);
            }
            Action::Fail(caller) => self.fail(caller, Health::Ill),
            Action::Refuse(caller) => {
                self.clock.refused(now);
                self.fail(caller, Health::Well);
            }
            Action::Pause(caller) => {
                self.clock.cool_down(now + SignedDuration::from_secs(20));
                self.fail(caller, Health::Ill);
            }
            Action::Lose(caller) => {
                self.faults -= 1;
                self.callers[caller] = Caller::Waits(self.now);
            }
            Action::Sleep => {
                if let Some(next) = self.next_wake() {
                    self.now = next;
                    self.calls.retain(|call| call + WINDOW >= next);
                }
            }
        }
    }

    fn come(&mut self, caller: usize) {
        let (now, due) = (at(self.now), at(Second::try_from(caller).unwrap_or_default() / 2));
        match self.clock.claim(&caller, Place::deletion(due), now, QUOTA) {
            Turn::Go => {
                self.callers[caller] = Caller::Calls;
                self.calls.push(self.now);
                if self.calls.len() > QUOTA {
                    self.broken = Some(QUOTA_KEPT);
                }
            }
            Turn::At(until) | Turn::Held { until, .. } if until > now => {
                self.callers[caller] = Caller::Waits(second(until));
            }
            Turn::At(_) | Turn::Held { .. } => self.broken = Some(TOLD),
        }
    }

    fn fail(&mut self, caller: usize, health: Health) {
        self.faults -= 1;
        self.callers[caller] = Caller::Waits(self.now);
        let (_, woken) = self.clock.heard(&caller, health, at(self.now));
        self.wake(&woken);
    }

    fn wake(&mut self, woken: &[usize]) {
        woken.iter().for_each(|caller| self.callers[*caller] = Caller::Waits(self.now));
    }

    fn next_wake(&self) -> Option<Second> {
        let told = self.callers.iter().filter_map(|caller| match caller {
            Caller::Waits(until) => Some(*until),
            Caller::Calls | Caller::Done => None,
        });
        told.filter(|until| *until > self.now).min()
    }

    /// From here on Kore answers: everybody who comes when told is served, within the time that the quota and the
    /// longest pauses take.
    fn is_served(&self) -> bool {
        let mut account = self.clone();
        let mut called = false;
        while account.broken.is_none() {
            let next = account.callers.iter().position(|caller| match caller {
                Caller::Waits(until) => *until <= account.now,
                Caller::Calls => true,
                Caller::Done => false,
            });
            called |= next.is_some_and(|caller| account.callers[caller] == Caller::Calls);
            match next.map(|caller| (caller, account.callers[caller])) {
                Some((caller, Caller::Calls)) => account.apply(Action::Succeed(caller)),
                Some((caller, _)) => account.apply(Action::Come(caller)),
                None if account.next_wake().is_some() => account.apply(Action::Sleep),
                None => return account.callers.iter().all(|caller| *caller == Caller::Done),
            }
            let waited = account.now - self.now;
            if waited > 20 * 60 || !called && waited > PROBED_WITHIN {
                return false;
            }
        }
        true
    }
}
