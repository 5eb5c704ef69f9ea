use jiff::{SignedDuration, Timestamp};

use super::place::{Place, Rank};
use super::plan::Plan;
use super::probing::Probing;
use super::queue::{Queue, Waiting};
use super::slots::Room;
use super::turn::{Holder, Turn};
use super::window::Window;
use crate::pacing::breaker::{Breaker, Trouble};
use crate::pacing::evidence::{Charge, Evidence};
use crate::pacing::pace::Pace;

/// How often the queue is swept for callers that are late.
const SWEEP: SignedDuration = SignedDuration::from_secs(1);
/// How soon callers that do not come for the next probe ask again, if nobody wakes them.
pub(super) const HELD: SignedDuration = SignedDuration::from_mins(5);

/// The clock of one account: it schedules calls, so that no 60 seconds hold more calls than the quota, and an
/// account in trouble is probed, not hammered.
///
/// Callers that come too early wait in a queue and are promised a time; so thousands of waiting callers come
/// back one after the other. A pause that the service asks for ([`Self::cool_down`]) moves the
/// whole queue.
///
/// `K` identifies a caller; `W` is what a caller calls with, where that matters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccountClock<K, W = ()> {
    pub(super) window: Window<K>,
    pub(super) queue: Queue<K, W>,
    /// The quota that was named last, in calls a minute.
    pub(super) quota: usize,
    pub(super) pace: Pace,
    pub(super) breaker: Breaker<K>,
    plan: Plan,
    swept_at: Timestamp,
    /// A caller that was to probe has left, and the next ones have not been woken.
    prober_left: bool,
    /// Whether the promises from before this process count: not if they are of a clock that was ahead.
    pub(super) believes_promises: bool,
}

impl<K, W> Default for AccountClock<K, W> {
    fn default() -> Self {
        Self {
            window: Window::default(),
            queue: Queue::default(),
            quota: 1,
            pace: Pace::default(),
            breaker: Breaker::default(),
            plan: Plan::default(),
            swept_at: Timestamp::MIN,
            prober_left: false,
            believes_promises: true,
        }
    }
}

impl<K> AccountClock<K> {
    /// A clock for credentials that the service has never accepted: the first failure holds them.
    pub fn cautious() -> Self {
        Self { breaker: Breaker::cautious(), ..Self::default() }
    }
}

/// Asking for a call.
impl<K: Ord + Clone, W> AccountClock<K, W> {
    /// Asks for a call, and counts it if it may be made now.
    pub fn claim(&mut self, caller: &K, place: Place, now: Timestamp, quota: usize) -> Turn {
        let turn = self.ask(caller, place, now, quota);
        if turn == Turn::Go {
            self.begin(caller, place, now);
        }
        turn
    }

    /// Answers as [`Self::claim`] does, and takes a place in the queue, but counts no call: so that no more
    /// callers prepare a call than may make one.
    pub fn ask(&mut self, caller: &K, place: Place, now: Timestamp, quota: usize) -> Turn {
        let rank = self.wait(caller, place, now, quota);
        self.hold(rank, now).unwrap_or_else(|| self.turn_within_quota(rank, quota, now))
    }

    /// Asks for a part of the quota alone, for a call whose failure would say nothing of the account: the
    /// account's trouble does not hold it, and it is no probe.
    pub fn ask_quota_only(&mut self, caller: &K, place: Place, now: Timestamp, quota: usize) -> Turn {
        let rank = self.wait(caller, place, now, quota);
        self.turn_within_quota(rank, quota, now)
    }

    /// Takes a place in the queue if trouble holds the caller; returns `None` if it may call, or probe.
    pub fn held(&mut self, caller: &K, place: Place, now: Timestamp, quota: usize) -> Option<Turn> {
        self.advance(now, quota);
        self.admit(caller, place, now).err()?;
        let rank = self.join(caller, place, now);
        self.hold(rank, now)
    }

    /// Keeps the place of a caller that is to probe and can't do so before the given time.
    pub fn postpone(&mut self, caller: &K, place: Place, until: Timestamp, now: Timestamp) -> Turn {
        let rank = self.join(caller, place, now);
        let until = until.min(now + HELD);
        self.queue.expect(rank, until);
        let since = self.breaker.open_since().unwrap_or(now);
        Turn::Held { of: Holder::Account, since, until, next: self.probing().order().position(rank) == 0 }
    }

    /// Records that a caller calls now: it waits no more.
    pub fn begin(&mut self, caller: &K, place: Place, now: Timestamp) {
        self.begin_quota_only(caller, now);
        if place.reads { self.breaker.begin_read(caller, now) } else { self.breaker.begin(caller, now) }
    }

    /// Records the call of a caller that asked for its part of the quota alone ([`Self::ask_quota_only`]).
    pub fn begin_quota_only(&mut self, caller: &K, now: Timestamp) {
        self.queue.remove(caller);
        self.window.begin(caller, now);
    }

    /// Restores a promise from the caller's status, unless this process has promised it a time itself.
    pub fn recall(&mut self, caller: &K, place: Place, promised: Timestamp, now: Timestamp) {
        if self.believes_promises && self.queue.place(caller).is_none() {
            let rank = self.join(caller, place, now);
            self.queue.recall(rank, promised);
        }
    }

    fn wait(&mut self, caller: &K, place: Place, now: Timestamp, quota: usize) -> usize {
        self.advance(now, quota);
        let rank = self.join(caller, place, now);
        self.queue.set_quota(rank, self.quota);
        rank
    }

    /// Lets a caller wait, and returns its rank. Diagnostic reads take turns: first those that have not been
    /// made yet in this trouble, then the one that was made longest ago.
    fn join(&mut self, caller: &K, place: Place, now: Timestamp) -> usize {
        let last_read = self.breaker.last_read(caller).filter(|_| place.is_diagnostic());
        let place = last_read.map_or(place, |last_read| place.due_from(last_read));
        self.queue.join(caller, place, self.quota, now)
    }

    /// Holds the caller at this rank, unless it may call or probe now.
    fn hold(&mut self, rank: usize, now: Timestamp) -> Option<Turn> {
        let Trouble { since, probe_at } = self.probing().trouble_at(rank, now)?;
        let order = self.probing().order();
        let until = if order.comes(rank) { probe_at } else { now + HELD };
        self.queue.hold(rank, until);
        Some(Turn::Held { of: Holder::Account, since, until, next: order.position(rank) == 0 })
    }

    fn turn_within_quota(&mut self, rank: usize, quota: usize, now: Timestamp) -> Turn {
        let calls = self.pace.of(quota, now);
        self.plan.follow(calls, now);
        let all_held = self.breaker.holds_all();
        let room = Room { window: &self.window, calls, quota: self.quota, all_held, now };
        let slot = self.queue.slot(rank, &room);
        if slot <= now {
            self.queue.give_turn(rank, now);
            return Turn::Go;
        }
        Turn::At(self.queue.promise(rank, slot, &room))
    }

    /// Forgets what is over by now: calls that count no more, and callers that did not come.
    pub(super) fn advance(&mut self, now: Timestamp, quota: usize) {
        self.quota = quota.max(1);
        self.window.advance(now, self.quota);
        if self.swept_at + SWEEP <= now {
            self.swept_at = now;
            self.extract(|waiting| waiting.is_lost(now));
        }
    }
}

/// What becomes of calls and of callers. Returned callers have reason to ask again.
impl<K: Ord + Clone, W> AccountClock<K, W> {
    /// Records the result of a call. Returns whom a failure is charged to, and the callers to wake:
    /// everybody, if the account works again; those that read, if reads work again; otherwise those that come
    /// for the next probe.
    pub fn record_result(&mut self, caller: &K, evidence: Evidence, now: Timestamp) -> (Charge, Vec<K>) {
        self.window.answered(caller, now);
        let (was_open, was_down) = (self.breaker.open_since().is_some(), self.breaker.is_down());
        let charge = self.breaker.record_result(caller, evidence, now);
        let mut woken = if was_open { self.probing().to_wake() } else { Vec::new() };
        if was_down && self.breaker.only_deletes_fail() {
            let reads = self.queue.iter().skip(woken.len()).filter(|waiting| waiting.place.reads);
            woken.extend(reads.map(|waiting| waiting.caller.clone()));
        }
        (charge, woken)
    }

    /// Records that the service refused a call for the rate limit.
    pub fn refused(&mut self, now: Timestamp) {
        self.pace.refused(now);
    }

    /// Lets nobody call before `until`: the service has asked for a pause.
    pub fn cool_down(&mut self, until: Timestamp) {
        self.window.pause(until);
    }

    /// Gives up the caller's place. Returns the callers that come for the probe instead; [`Self::moved_up`]
    /// returns those behind the place.
    pub fn release(&mut self, caller: &K) -> Vec<K> {
        let Some(rank) = self.queue.rank(caller) else { return Vec::new() };
        let was_to_probe = self.probing().order().comes(rank);
        self.queue.remove(caller);
        if was_to_probe && self.breaker.open_since().is_some() {
            self.probing().to_wake()
        } else {
            Vec::new()
        }
    }

    /// Gives up the place of a caller that may call and does not, so that nobody waits for it. Returns
    /// `None`, and changes nothing, if the caller may not call.
    pub fn give_back(&mut self, caller: &K) -> Option<Vec<K>> {
        let has_turn = self.queue.rank(caller).is_some_and(|rank| self.queue[rank].has_turn);
        has_turn.then(|| self.release(caller))
    }

    /// Gives up the place of a caller that waits for something else. Unlike with [`Self::release`], it is
    /// [`Self::moved_up`] that returns the callers that come for the probe instead.
    pub fn leave(&mut self, caller: &K) {
        self.prober_left |= !self.release(caller).is_empty();
    }

    /// Returns the callers that can come earlier than promised, because there is more room, or that come for
    /// the probe instead of callers that have left.
    pub fn moved_up(&mut self, now: Timestamp) -> Vec<K> {
        let mut woken = if self.plan.take_raised() {
            let promised = self.queue.iter().filter(|waiting| waiting.promised.is_some());
            promised.map(|waiting| waiting.caller.clone()).collect()
        } else {
            self.next_to_call(now)
        };
        if std::mem::take(&mut self.prober_left) && self.breaker.open_since().is_some() {
            woken.extend(self.probing().to_wake());
        }
        woken
    }

    fn next_to_call(&mut self, now: Timestamp) -> Vec<K> {
        self.window.forget(now);
        let calls = self.pace.of(self.quota, now);
        let all_held = self.breaker.holds_all();
        let room = Room { window: &self.window, calls, quota: self.quota, all_held, now };
        self.queue.move_up(&room)
    }

    /// Records what a caller calls with, if it waits.
    pub fn waits_with(&mut self, caller: &K, with: &W)
    where
        W: Clone + PartialEq,
    {
        if let Some(rank) = self.queue.rank(caller) {
            self.queue.set_with(rank, with);
        }
    }

    /// Moves those callers to the queue of `other` that it holds, and that call with what `is_with` selects:
    /// nobody waits for them here. Returns the callers of `other` to wake.
    pub fn move_held_to<V>(
        &mut self,
        other: &mut AccountClock<K, V>,
        is_with: impl Fn(&W) -> bool,
        now: Timestamp,
    ) -> Vec<K> {
        if other.breaker.open_since().is_none() {
            return Vec::new();
        }
        let moved = self.extract(|waiting| {
            let is_held = other.admit(&waiting.caller, waiting.place, now).is_err();
            is_held && waiting.with.as_ref().is_some_and(&is_with)
        });
        if moved.is_empty() {
            return Vec::new();
        }
        for Waiting { caller, place, expected, .. } in moved {
            let rank = other.join(&caller, place, now);
            other.queue.expect(rank, expected);
        }
        other.probing().to_wake()
    }

    /// Takes callers out of the queue; if one of them was to probe, [`Self::moved_up`] returns others.
    fn extract(&mut self, leaves: impl Fn(&Waiting<K, W>) -> bool) -> Vec<Waiting<K, W>> {
        let order = self.probing().order();
        let Self { queue, prober_left, .. } = self;
        queue.extract(|rank, waiting| {
            let leaves = leaves(waiting);
            *prober_left |= leaves && order.comes(rank);
            leaves
        })
    }

    /// All callers that wait.
    pub fn waiting(&self) -> Vec<K> {
        self.queue.iter().map(|waiting| waiting.caller.clone()).collect()
    }

    /// Whether a caller stands before all others.
    pub fn goes_first(&self, caller: &K) -> bool {
        self.queue.place(caller).is_some_and(|place| place.rank == Rank::First)
    }
}

impl<K: Ord + Clone, W> AccountClock<K, W> {
    pub(super) fn probing(&self) -> Probing<'_, K, W> {
        let Self { breaker, queue, quota, window, .. } = self;
        Probing { breaker, queue, quota: *quota, paused_until: window.paused_until() }
    }

    fn admit(&self, caller: &K, place: Place, now: Timestamp) -> Result<(), Trouble> {
        self.probing().admit(caller, place, now)
    }
}
