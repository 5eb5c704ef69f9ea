//! Callers of one account against the operator's own pacing: some with credentials that are refused, one
//! whose DELETE always fails.

use jiff::{SignedDuration, Timestamp};
use stateright::{Model, Property};
use voicecampaign_operator::pacing::{
    self, Access, CallEvidence, Charge, Evidence, Place, Request, Turn, backoff,
};

use crate::world::{Second, at, checked, second};

/// More than are told when to probe.
const CALLERS: usize = 7;
/// The credentials of the first are refused.
const REFUSED: usize = 1;
/// The DELETE of the next fails, whatever happens.
const POISONED: usize = 1;
/// From here on they are healthy.
const HEALTHY: usize = REFUSED + POISONED;
/// So many campaigns that fail show that the account does.
const FAILURES: usize = 3;
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
    pacing: pacing::Account<usize, bool>,
    callers: [Caller; CALLERS],
    /// When calls were made, of the last minute.
    calls: Vec<Second>,
    faults: u8,
    /// In the beginning.
    was_down: bool,
    broken: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Caller {
    state: State,
    /// Failures for a reason of its own.
    failures: i32,
    /// When it was due after the last of them.
    again: Second,
    /// Its DELETE may have taken effect.
    may_look: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    /// Comes at this time.
    Waits(Second),
    /// Has a turn, and reads its object again.
    Prepares,
    Calls {
        looks: bool,
    },
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A caller comes, in time or early.
    Come(usize),
    /// It has prepared for its call.
    Claim(usize),
    /// It has a turn, and its pass ends without a call.
    GiveBack(usize),
    Succeed(usize),
    Fail(usize),
    /// 429.
    Refuse(usize),
    /// 503 with a pause for all.
    Pause(usize),
    /// Nobody hears what became of it.
    Lose(usize),
    /// 401.
    Reject(usize),
    Sleep,
}

/// `pacing::Account::ask` or `claim`.
type Ask = fn(&mut pacing::Account<usize, bool>, &Request<'_, usize, bool>, Timestamp) -> Turn;

const QUOTA_KEPT: &str = "the quota is never exceeded";
const TOLD: &str = "whoever waits is told a time to come";
const SERVED: &str =
    "everybody is served while Kore is healthy, whatever becomes of refused and poisoned ones";
/// The pause that Kore asks for, the longest one between probes, what a lost one costs; and, at the lowest
/// pace, the calls of those that came before and were not known to fail, and a look.
const SERVED_WITHIN: Second = PAUSE + 60 + 65 + 61 * 3;
/// For how long Kore asks for a pause.
const PAUSE: Second = 20;

fn access_of(caller: usize) -> Access<bool> {
    Access { credentials: caller >= REFUSED, iid: "st-1".into() }
}

impl Model for Calls {
    type State = Account;
    type Action = Action;

    fn init_states(&self) -> Vec<Account> {
        let callers = [Caller { state: State::Waits(0), failures: 0, again: 0, may_look: false }; CALLERS];
        let (pacing, faults) = (pacing::Account::default(), self.faults);
        let works =
            Account { now: 0, pacing, callers, calls: Vec::new(), faults, was_down: false, broken: None };
        // An account that has worked and is down then: that lies deeper than is explored.
        let mut fails = works.clone();
        for caller in HEALTHY..=HEALTHY + FAILURES {
            fails.now += WINDOW + 1;
            fails.calls.clear();
            fails.apply(Action::Come(caller));
            fails.apply(Action::Claim(caller));
            fails.apply(if caller == HEALTHY { Action::Succeed(caller) } else { Action::Fail(caller) });
        }
        (fails.faults, fails.was_down) = (works.faults, true);
        assert!(fails.pacing.is_down(), "{fails:?}");
        vec![works, fails]
    }

    fn actions(&self, account: &Account, actions: &mut Vec<Action>) {
        checked();
        if account.broken.is_some() {
            return;
        }
        for (caller, Caller { state, .. }) in account.callers.iter().enumerate() {
            match state {
                State::Waits(_) => actions.push(Action::Come(caller)),
                State::Prepares => {
                    actions.push(Action::Claim(caller));
                    if account.faults > 0 {
                        actions.push(Action::GiveBack(caller));
                    }
                }
                State::Calls { .. } => {
                    actions.push(account.fate(caller));
                    if account.faults > 0 {
                        let faults = [Action::Fail, Action::Refuse, Action::Pause, Action::Lose];
                        actions.extend(faults.map(|fault| fault(caller)));
                    }
                }
                State::Done => {}
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
            // Otherwise nothing was shown.
            Property::sometimes("an account that was down is not any more", |_, account: &Account| {
                account.was_down && !account.pacing.is_down()
            }),
        ]
    }

    fn within_boundary(&self, account: &Account) -> bool {
        account.now <= self.until
    }
}

impl Account {
    /// What becomes of a call while Kore is healthy.
    fn fate(&self, caller: usize) -> Action {
        match (caller, self.callers[caller].state) {
            (..REFUSED, _) => Action::Reject(caller),
            (_, State::Calls { looks: true }) => Action::Succeed(caller),
            (..HEALTHY, _) => Action::Fail(caller),
            (_, _) => Action::Succeed(caller),
        }
    }

    fn apply(&mut self, action: Action) {
        let quiet = CallEvidence {
            account: Evidence::Nothing,
            credentials: Evidence::Nothing,
            pause: None,
            throttled: false,
        };
        match action {
            Action::Come(caller) => self.come(caller),
            Action::Claim(caller) => self.claim(caller),
            Action::GiveBack(caller) => {
                self.faults -= 1;
                self.callers[caller].state = State::Waits(self.now);
                self.give_back(caller);
            }
            Action::Succeed(caller) => self.succeed(caller),
            Action::Fail(caller) => {
                self.faults -= u8::from(self.fate(caller) != action);
                self.fail(caller, CallEvidence { account: self.failed(caller), ..quiet });
            }
            Action::Reject(caller) => {
                self.fail(caller, CallEvidence { credentials: self.failed(caller), ..quiet });
            }
            Action::Refuse(caller) => {
                self.faults -= 1;
                self.fail(caller, CallEvidence { account: Evidence::Works, throttled: true, ..quiet });
            }
            Action::Pause(caller) => {
                self.faults -= 1;
                let pause = Some(SignedDuration::from_secs(PAUSE));
                self.fail(caller, CallEvidence { account: self.failed(caller), pause, ..quiet });
            }
            Action::Lose(caller) => {
                self.faults -= 1;
                self.callers[caller].state = State::Waits(self.now);
            }
            Action::Sleep => {
                if let Some(next) = self.next_wake() {
                    self.now = next;
                    self.calls.retain(|call| call + WINDOW >= next);
                }
            }
        }
    }

    fn failed(&self, caller: usize) -> Evidence {
        let Caller { state, failures, .. } = self.callers[caller];
        let fresh = failures == 0;
        match state {
            State::Calls { looks: true } => Evidence::ReadFailed { fresh },
            State::Calls { looks: false } | State::Waits(_) | State::Prepares | State::Done => {
                Evidence::DeleteFailed { fresh }
            }
        }
    }

    fn come(&mut self, caller: usize) {
        if self.ask(caller, pacing::Account::ask) {
            self.callers[caller].state = State::Prepares;
        }
    }

    fn claim(&mut self, caller: usize) {
        let looks = self.looks(caller);
        if self.ask(caller, pacing::Account::claim) {
            self.callers[caller].state = State::Calls { looks };
            self.calls.push(self.now);
            if self.calls.len() > QUOTA {
                self.broken = Some(QUOTA_KEPT);
            }
        } else {
            self.give_back(caller);
        }
    }

    /// Whether the caller has its turn; if not, it is told when to come.
    fn ask(&mut self, caller: usize, ask: Ask) -> bool {
        let (now, due) = (at(self.now), at(Second::try_from(caller).unwrap_or_default() / 2));
        let Caller { failures, again, .. } = self.callers[caller];
        let place = if failures == 0 { Place::deletion(due) } else { Place::retry(at(again)) };
        let place = if self.looks(caller) { place.of_diagnostic_read(due) } else { place };
        let access = &access_of(caller);
        let request = Request { caller: &caller, access, place, promised: None, quota: QUOTA };
        let turn = ask(&mut self.pacing, &request, now);
        match turn {
            Turn::Go => {}
            Turn::At(until) | Turn::Held { until, .. } if until > now => {
                self.callers[caller].state = State::Waits(second(until));
            }
            Turn::At(_) | Turn::Held { .. } => self.broken = Some(TOLD),
        }
        let moved_up = self.pacing.moved_up(now);
        self.wake(moved_up);
        turn == Turn::Go
    }

    fn looks(&self, caller: usize) -> bool {
        self.callers[caller].may_look && self.pacing.wants_diagnostic_read(&access_of(caller))
    }

    /// The pass of a caller ends without a call.
    fn give_back(&mut self, caller: usize) {
        if let Some(mut woken) = self.pacing.give_back(&caller) {
            woken.extend(self.pacing.moved_up(at(self.now)));
            self.wake(woken);
        }
    }

    fn succeed(&mut self, caller: usize) {
        let looks = matches!(self.callers[caller].state, State::Calls { looks: true });
        let evidence = if looks { Evidence::Readable } else { Evidence::Works };
        self.callers[caller].state = if looks { State::Waits(self.now) } else { State::Done };
        self.callers[caller].may_look = false;
        let heard = CallEvidence { account: evidence, credentials: evidence, pause: None, throttled: false };
        self.hear(caller, heard);
    }

    fn fail(&mut self, caller: usize, heard: CallEvidence) {
        let charge = self.hear(caller, heard);
        let known = &mut self.callers[caller];
        known.may_look |= matches!(heard.account, Evidence::DeleteFailed { .. });
        let pause = match charge {
            Charge::Account => 0,
            Charge::Campaign => {
                known.failures = (known.failures + 1).min(9);
                i64::try_from(backoff(&caller.to_string(), known.failures).as_secs()).unwrap_or_default() + 1
            }
        };
        known.again = self.now + pause;
        known.state = State::Waits(known.again);
    }

    fn hear(&mut self, caller: usize, heard: CallEvidence) -> Charge {
        let consequence = self.pacing.record_result(&caller, &access_of(caller), heard, at(self.now));
        self.wake(consequence.woken);
        consequence.charge
    }

    fn wake(&mut self, woken: Vec<usize>) {
        for caller in woken {
            // Whoever prepares is on its way.
            if self.callers[caller].state != State::Prepares {
                self.callers[caller].state = State::Waits(self.now);
            }
        }
    }

    fn next_wake(&self) -> Option<Second> {
        let told = self.callers.iter().filter_map(|caller| match caller.state {
            State::Waits(until) => Some(until),
            State::Prepares | State::Calls { .. } | State::Done => None,
        });
        told.filter(|until| *until > self.now).min()
    }

    /// From here on Kore answers: everybody who comes when told is served, within the time that the quota and
    /// the longest pauses take; but for those whose credentials are refused, and whose DELETE always fails.
    fn is_served(&self) -> bool {
        if self.broken.is_some() {
            // Another property says so.
            return true;
        }
        let mut account = self.clone();
        let mut called = false;
        while account.broken.is_none() {
            if account.callers[HEALTHY..].iter().all(|caller| caller.state == State::Done) {
                return true;
            }
            let next = account.callers.iter().position(|caller| match caller.state {
                State::Waits(until) => until <= account.now,
                State::Prepares | State::Calls { .. } => true,
                State::Done => false,
            });
            match next.map(|caller| (caller, account.callers[caller].state)) {
                Some((caller, State::Calls { .. })) => {
                    called |= caller >= HEALTHY;
                    account.apply(account.fate(caller));
                }
                Some((caller, State::Prepares)) => account.apply(Action::Claim(caller)),
                Some((caller, _)) => account.apply(Action::Come(caller)),
                None if account.next_wake().is_some() => account.apply(Action::Sleep),
                None => return false,
            }
            let waited = account.now - self.now;
            if waited > 20 * 60 || !called && waited > SERVED_WITHIN {
                return false;
            }
        }
        false
    }
}
