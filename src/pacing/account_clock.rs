use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::breaker::{self, Breaker, Candidate, Charge, Evidence, Trouble};
use super::pace::Pace;
use super::whole_second;

/// The window over which Kore counts calls is one minute [rate-limit-ccai]. The tenth of a second on top covers clocks that run
/// unevenly, ours and Kore's: one that is being set right is off by at most 0.5 ms a second [adjtimex].
const WINDOW: SignedDuration = SignedDuration::from_millis(60_100);
/// A call counts from its answer on, because nobody knows when before that it has arrived; but at most so much later than it was begun, or
/// a service that answers slowly would be called less often. It is a second more than the connection may take that it is sent on
/// (`kore::http`).
pub const ARRIVES_WITHIN: SignedDuration = SignedDuration::from_secs(6);
/// How far apart two promised times are that share a place in the window. They are whole seconds, because status knows no
/// other; so a promise is still good when those before are answered almost a second after it.
const RESERVED: SignedDuration = SignedDuration::from_secs(61);
/// Callers this late for their slot are dropped from the queue.
const LOST: SignedDuration = SignedDuration::from_secs(60);
/// How long a caller that may call can wait for a seat: as long as a pass may take.
const WAITS_FOR_A_SEAT: SignedDuration = SignedDuration::from_mins(5);
/// How often the queue is swept for callers that are late.
const SWEEP: SignedDuration = SignedDuration::from_secs(1);
/// So many of the first in the queue come for the probe; one of them gets it.
const PROBERS: usize = 4;
/// So many of the first in the queue come while reads work and DELETEs are tried: as many as calls can be
/// under way.
const TRIERS: usize = 16;
/// How soon the others ask again while the account is in trouble, if nobody wakes them.
const HELD: SignedDuration = SignedDuration::from_mins(5);
/// How long a campaign that has failed leaves the probe to the first in the queue that has not: a pass begins sooner.
const LEFT_TO_OTHERS: SignedDuration = SignedDuration::from_secs(5);
/// A promised time moves up only if there is room so much earlier, a round of the window: less is not worth a write for each that
/// waits.
const MOVES: SignedDuration = RESERVED;
/// How often all that wait are told that there is more room, at most.
const REPLAN: SignedDuration = SignedDuration::from_secs(60);
/// The longest pause that a service can ask for (`kore::MAX_RETRY_AFTER`); a promise that is later is no such pause.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(15);

/// A place in the queue of an account. Who is due first calls first; but reads of a proof stand some minutes behind, and
/// deletions that have failed for reasons of their own stand behind all that have not. So thousands of campaigns that
/// fail again and again do not hold up one that would not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    rank: Rank,
    due: Timestamp,
    /// Whether it is of a read.
    reads: bool,
    /// Whether the campaign has not failed for a reason of its own.
    fresh: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Rank {
    /// It has waited until all others had called, for too long.
    First,
    /// It tells what everybody waits for.
    Diagnostic,
    /// It has not failed.
    Fresh,
    /// It has failed for a reason of its own.
    Failed,
    /// It will be refused, as far as is known.
    Last,
}

impl Place {
    /// Of a deletion that is due since then, and is not known to fail.
    pub fn deletion(due: Timestamp) -> Self {
        Self { rank: Rank::Fresh, due, reads: false, fresh: true }
    }

    /// Of a read that a deletion waits for since then.
    pub fn proof(due: Timestamp) -> Self {
        Self { reads: true, ..Self::deletion(due + SignedDuration::from_mins(5)) }
    }

    /// Of a deletion that has failed for a reason of its own, and is due again since then.
    pub fn retry(due: Timestamp) -> Self {
        Self { rank: Rank::Failed, due, reads: false, fresh: false }
    }

    /// The same, of a read.
    pub fn of_read(self) -> Self {
        Self { reads: true, ..self }
    }

    /// The same of a look at a campaign whose DELETE may have taken effect, while nobody knows whether the
    /// account works at all.
    pub fn of_diagnostic_read(self, due: Timestamp) -> Self {
        Self { rank: Rank::Diagnostic, due, reads: true, ..self }
    }

    /// The same before all others.
    pub fn first(self) -> Self {
        Self { rank: Rank::First, ..self }
    }

    /// The same behind all others.
    pub fn last(self) -> Self {
        Self { rank: Rank::Last, ..self }
    }

    /// Whether the campaign has not failed for a reason of its own.
    pub fn is_fresh(self) -> bool {
        self.fresh
    }
}

/// What the clock says to a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Turn {
    /// It is counted, and may be made now. What became of it must be told ([`AccountClock::record_result`]).
    Go,
    /// Not before this time. The caller's place is kept.
    At(Timestamp),
    /// The account is in trouble, and others probe it. The caller's place is kept.
    Held {
        /// What is in trouble.
        of: Holder,
        /// Since when it is.
        since: Timestamp,
        /// When to ask again, unless the account works earlier.
        until: Timestamp,
        /// Whether the caller is the next to probe.
        next: bool,
    },
}

/// What holds a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// Calls to the account fail.
    Account,
    /// The service refuses the credentials.
    Credentials,
}

/// What the statuses of an account's objects say of the time before this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past<K = String> {
    /// When calls were made.
    pub calls: Vec<Timestamp>,
    /// How many may have been under way at the end: nobody knows when they arrived.
    pub under_way: usize,
    /// The times that were promised to those who waited for the quota.
    pub promised: Vec<Timestamp>,
    /// The pauses that the service may have asked for.
    pub pauses: Vec<Pause>,
    /// That calls to the account failed.
    pub outage: Option<Outage<K>>,
    /// By the name of the connection: that calls with credentials failed of which nobody knows that they have ever worked.
    pub unproven: BTreeMap<String, Outage<K>>,
    /// By the name of the connection: that its credentials were refused.
    pub refusals: BTreeMap<String, Refusal>,
}

/// That calls failed before this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage<K = String> {
    since: Timestamp,
    probe: Option<Timestamp>,
    held: BTreeSet<K>,
}

impl<K: Ord> Outage<K> {
    /// Since when they did; when a caller was to probe, if it was; and whom that held although it had not failed for a reason of
    /// its own.
    pub fn new(since: Timestamp, probe: Option<Timestamp>, held: Option<K>) -> Self {
        Self { since, probe, held: held.into_iter().collect() }
    }

    /// The same, as others say it, too.
    #[must_use]
    pub fn join(mut self, others: Self) -> Self {
        self.held.extend(others.held);
        // More tell no more, and there may be thousands.
        while self.held.len() > breaker::RUN {
            self.held.pop_last();
        }
        let probe = self.probe.into_iter().chain(others.probe).min();
        Self { since: self.since.min(others.since), probe, held: self.held }
    }
}

/// That credentials were refused before this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Since when.
    pub since: Timestamp,
    /// When somebody was to probe them.
    pub probe: Option<Timestamp>,
}

/// A pause of a campaign, of the time before this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Its end.
    pub until: Timestamp,
    /// What of it can be the campaign's own backoff. The service has asked for one that is longer.
    pub own: SignedDuration,
}

impl Turn {
    /// Whether there is something to wait for.
    pub fn is_ahead(&self, now: Timestamp) -> bool {
        match self {
            Self::Go => false,
            Self::At(until) | Self::Held { until, .. } => *until > now,
        }
    }
}

/// The clock of one account: who may call when, so that no 60 seconds hold more calls than the quota, and an account in
/// trouble is probed, not hammered.
///
/// Callers that come too early wait in a queue, and are told when their turn will be; so thousands of waiting callers come
/// back one after the other. What the service says about waiting ([`Self::cool_down`]) moves the whole queue.
///
/// ```text
///   calls made                now   the queue, by place
///   ──x──x─x───x──────────────┼─────|───|───|───|───▶
///     └──── at most the quota in any WINDOW ───┘
/// ```
///
/// Of who waits it is known what it calls with (`W`), where that matters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccountClock<K, W = ()> {
    /// Calls of the last window, oldest first.
    calls: VecDeque<Timestamp>,
    /// At this time the window counts as full, whatever the quota.
    full_at: Option<Timestamp>,
    /// Since when those among them are under way whose answer is not here.
    under_way: BTreeMap<K, Timestamp>,
    /// Who waits, by place.
    queue: Vec<Waiting<K, W>>,
    places: BTreeMap<K, Place>,
    /// Nobody calls before this.
    not_before: Timestamp,
    /// The quota as last named.
    quota: usize,
    pace: Pace,
    breaker: Breaker<K>,
    swept_at: Timestamp,
    /// Most calls in a window when times were promised last.
    planned: usize,
    replanned_at: Timestamp,
    /// There is much more room than that.
    moved_up: bool,
    /// Who was to probe has gone.
    prober_lost: bool,
    /// How many were told that they may call, and have not begun.
    going: usize,
}

/// Who waits in the queue of a clock.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Waiting<K, W = ()> {
    place: Place,
    caller: K,
    /// With what, if that was told.
    with: Option<W>,
    /// The time that it was promised.
    promised: Option<Timestamp>,
    /// When it comes again.
    expected: Timestamp,
    /// Most calls in any minute, as it was told.
    quota: usize,
    /// It was told that it may call, and has not begun.
    goes: bool,
}

impl<K, W> Default for AccountClock<K, W> {
    fn default() -> Self {
        Self {
            calls: VecDeque::new(),
            full_at: None,
            under_way: BTreeMap::new(),
            queue: Vec::new(),
            places: BTreeMap::new(),
            not_before: Timestamp::MIN,
            quota: 1,
            pace: Pace::default(),
            breaker: Breaker::default(),
            swept_at: Timestamp::MIN,
            planned: 0,
            replanned_at: Timestamp::MIN,
            moved_up: false,
            prober_lost: false,
            going: 0,
        }
    }
}

impl<K> AccountClock<K> {
    /// The clock of credentials that were never accepted.
    pub fn cautious() -> Self {
        Self { breaker: Breaker::cautious(), ..Self::default() }
    }
}

impl<K: Ord + Clone, W> AccountClock<K, W> {
    /// Asks for a call now.
    pub fn claim(&mut self, caller: &K, place: Place, now: Timestamp, quota: usize) -> Turn {
        let turn = self.ask(caller, place, now, quota);
        if turn == Turn::Go {
            self.begin(caller, place, now);
        }
        turn
    }

    /// A caller calls now: it waits no more.
    pub fn begin(&mut self, caller: &K, place: Place, now: Timestamp) {
        self.begin_apart(caller, now);
        if place.reads { self.breaker.begin_read(caller, now) } else { self.breaker.begin(caller, now) }
    }

    /// The same, of a caller that has asked for its part of the quota alone ([`Self::ask_apart`]).
    pub fn begin_apart(&mut self, caller: &K, now: Timestamp) {
        self.remove(caller);
        self.count(caller, now);
    }

    fn count(&mut self, caller: &K, now: Timestamp) {
        self.forget_calls(now);
        self.calls.push_back(now);
        self.under_way.insert(caller.clone(), now);
    }

    /// The answer to a call is here.
    fn answered(&mut self, caller: &K, now: Timestamp) {
        let begun = self.under_way.remove(caller);
        let Some((begun, place)) =
            begun.and_then(|begun| Some((begun, self.calls.binary_search(&begun).ok()?)))
        else {
            return;
        };
        self.calls.remove(place);
        let arrived = now.clamp(begun, begun + ARRIVES_WITHIN);
        self.calls.insert(self.calls.partition_point(|call| *call <= arrived), arrived);
    }

    /// A caller that nobody here has told a time has come; its status promises one.
    pub fn recall(&mut self, caller: &K, place: Place, promised: Timestamp, now: Timestamp) {
        if !self.places.contains_key(caller) {
            let rank = self.join(caller, place, now);
            self.queue[rank].promised = Some(promised);
        }
    }

    /// What a claim would be told now. The caller takes its place in the queue, and nothing is counted: so that no more prepare
    /// for a call than may make one.
    pub fn ask(&mut self, caller: &K, place: Place, now: Timestamp, quota: usize) -> Turn {
        self.forget_the_past(now, quota);
        let rank = self.join(caller, place, now);
        self.queue[rank].quota = self.quota;
        self.hold(rank, now).unwrap_or_else(|| self.within_quota(rank, quota, now))
    }

    /// The same of a caller whose failure would say nothing of the account: its trouble does not hold it, and it does not probe it.
    pub fn ask_apart(&mut self, caller: &K, place: Place, now: Timestamp, quota: usize) -> Turn {
        self.forget_the_past(now, quota);
        let rank = self.join(caller, place, now);
        self.queue[rank].quota = self.quota;
        self.within_quota(rank, quota, now)
    }

    fn within_quota(&mut self, rank: usize, quota: usize, now: Timestamp) -> Turn {
        let calls = self.pace.of(quota, now);
        self.plan(calls, now);
        let slot = self.slot_of(rank, calls, now);
        let waiting = &mut self.queue[rank];
        if slot <= now {
            // It may have to wait for a seat first.
            waiting.expected = now + WAITS_FOR_A_SEAT;
            self.going += usize::from(!std::mem::replace(&mut waiting.goes, true));
            return Turn::Go;
        }
        self.going -= usize::from(std::mem::take(&mut waiting.goes));
        // However much later there is room, a promise is told anew only when its time has come, unless the service has asked for a
        // pause: while those before it call late, the slot moves with each second, and each write wakes who is told; and after a
        // restart all would be told at once.
        let stands = |promised: &Timestamp| {
            *promised > now && *promised >= self.not_before && *promised < slot + MOVES
        };
        let slot = waiting.promised.filter(stands).unwrap_or(slot);
        (waiting.promised, waiting.expected) = (Some(slot), slot);
        Turn::At(slot)
    }

    /// Takes a place in the queue while the account is in trouble. `None` if it is not, or the caller may probe it.
    pub fn held(&mut self, caller: &K, place: Place, now: Timestamp, quota: usize) -> Option<Turn> {
        self.forget_the_past(now, quota);
        self.admit(caller, place, now).err()?;
        let rank = self.join(caller, place, now);
        self.hold(rank, now)
    }

    /// Who is to probe can't do so before this time: it keeps its place, and comes again then.
    pub fn postpone(&mut self, caller: &K, place: Place, until: Timestamp, now: Timestamp) -> Turn {
        let rank = self.join(caller, place, now);
        let until = until.min(now + HELD);
        self.queue[rank].expected = until;
        let since = self.in_trouble_since().unwrap_or(now);
        Turn::Held { of: Holder::Account, since, until, next: self.position(rank) == 0 }
    }

    fn admit(&self, caller: &K, place: Place, now: Timestamp) -> Result<(), Trouble> {
        let candidate = self.candidate(caller, place);
        let waits = self.breaker.would_probe(&candidate);
        let admitted = if place.reads {
            self.breaker.admit_read(candidate, now)
        } else {
            self.breaker.admit(candidate, now)
        };
        // A probe respects the pause that the service has asked for, as any other call.
        let paused = self.breaker.open_since().filter(|_| waits && self.not_before > now);
        match (admitted, paused) {
            (Ok(()), Some(since)) => Err(Trouble { since, probe_at: self.not_before }),
            (Err(trouble), Some(_)) => {
                Err(Trouble { probe_at: trouble.probe_at.max(self.not_before), ..trouble })
            }
            (admitted, None) => admitted,
        }
    }

    fn candidate<'a>(&self, caller: &'a K, place: Place) -> Candidate<'a, K> {
        Candidate { caller, fresh: place.is_fresh(), quota: self.quota }
    }

    fn hold(&mut self, rank: usize, now: Timestamp) -> Option<Turn> {
        let waiting = &self.queue[rank];
        let Trouble { since, probe_at } = match self.admit(&waiting.caller, waiting.place, now) {
            Err(trouble) => trouble,
            Ok(()) if waiting.place.reads && !self.breaker.is_down() => return None,
            // It is no probe.
            Ok(()) if !self.breaker.concerns(&self.candidate(&waiting.caller, waiting.place)) => return None,
            // What was never tried goes first, if it is about to come.
            Ok(()) => {
                self.left_to_the_first(now, |first| self.line(first.place) < self.line(waiting.place))?
            }
        };
        let position = self.position(rank);
        let until = if position < self.come_first() { probe_at } else { now + HELD };
        let waiting = &mut self.queue[rank];
        self.going -= usize::from(std::mem::take(&mut waiting.goes));
        (waiting.promised, waiting.expected) = (None, until);
        Some(Turn::Held { of: Holder::Account, since, until, next: position == 0 })
    }

    /// The first in the queue is about to come, and goes before this one: it has the probe.
    fn left_to_the_first(
        &self,
        now: Timestamp,
        goes_before: impl Fn(&Waiting<K, W>) -> bool,
    ) -> Option<Trouble> {
        let first = self.queue.get(self.at_position(0)).filter(|first| goes_before(first))?;
        let probe_at = first.expected + LEFT_TO_OTHERS;
        let about_to_come = first.expected <= now + LEFT_TO_OTHERS && probe_at > now;
        self.breaker.open_since().filter(|_| about_to_come).map(|since| Trouble { since, probe_at })
    }

    /// How many of the first in the queue come when it is time for a probe, or for DELETEs that may fail.
    fn come_first(&self) -> usize {
        if self.breaker.limps() { TRIERS } else { PROBERS }
    }

    /// The line of those who may probe: whoever is in a later one leaves it to the first. Those who look do
    /// so one after the other; after a look in vain all others go before them.
    fn line(&self, place: Place) -> (bool, Rank, Option<Timestamp>) {
        let looks = place.rank == Rank::Diagnostic;
        (looks && self.breaker.reads_bring_nothing(), place.rank, looks.then_some(place.due))
    }

    /// How many stand before those who are not in the first line to probe.
    fn looks(&self) -> usize {
        if !self.breaker.reads_bring_nothing() {
            return 0;
        }
        self.queue.partition_point(|waiting| waiting.place.rank <= Rank::Diagnostic)
    }

    /// The position in which the one at this rank comes to probe.
    fn position(&self, rank: usize) -> usize {
        (rank + self.queue.len() - self.looks()) % self.queue.len().max(1)
    }

    /// The rank of the one that comes to probe in this position.
    fn at_position(&self, position: usize) -> usize {
        (position + self.looks()) % self.queue.len().max(1)
    }

    /// All that wait are told if there is much more room than when they were promised their times.
    fn plan(&mut self, calls: usize, now: Timestamp) {
        if self.planned == 0 || calls < self.planned {
            self.planned = calls;
        } else if calls >= 2 * self.planned && self.replanned_at + REPLAN <= now {
            (self.planned, self.replanned_at, self.moved_up) = (calls, now, true);
        }
    }

    /// Who has reason to ask again, because there is more room than when it was promised its time, or because those that were to
    /// probe have gone.
    pub fn moved_up(&mut self, now: Timestamp) -> Vec<K> {
        let mut woken = if std::mem::take(&mut self.moved_up) {
            let promised = self.queue.iter().filter(|waiting| waiting.promised.is_some());
            promised.map(|waiting| waiting.caller.clone()).collect()
        } else {
            self.next_to_call(now)
        };
        if std::mem::take(&mut self.prober_lost) && self.breaker.open_since().is_some() {
            woken.extend(self.to_be_told());
        }
        woken
    }

    /// Those of the next window that may call much earlier than they were promised, or now: others have gone without a call, or
    /// the pace has risen. The next of them are told when these have called; so each is told once, whoever goes.
    fn next_to_call(&mut self, now: Timestamp) -> Vec<K> {
        self.forget_calls(now);
        let calls = self.pace.of(self.quota, now);
        let has_room = self.calls.len() + self.going < calls;
        let promised = |(rank, waiting): (usize, &Waiting<K, W>)| Some((rank, waiting.promised?));
        // With a smaller quota it would be told the same.
        let others = self.queue.iter().enumerate().filter(|(_, waiting)| waiting.quota >= self.quota);
        let next = others.filter_map(promised).take(calls);
        let comes_later = |(rank, promised): &(usize, Timestamp)| {
            let Waiting { expected, goes, .. } = self.queue[*rank];
            let earliest = now.max(self.not_before) + if has_room { LEFT_TO_OTHERS } else { MOVES };
            *promised > earliest && expected > now + LEFT_TO_OTHERS && !goes
        };
        let moves_up = |(rank, promised): &(usize, Timestamp)| {
            let slot = self.slot_of(*rank, calls, now);
            slot <= now || *promised >= slot + MOVES
        };
        let next: Vec<usize> = next.filter(comes_later).filter(moves_up).map(|(rank, _)| rank).collect();
        let told = next.into_iter().map(|rank| {
            self.queue[rank].expected = now;
            self.queue[rank].caller.clone()
        });
        told.collect()
    }

    /// The caller waits for something else. Unlike [`Self::release`], who is to probe in its place is told later, by
    /// [`Self::moved_up`].
    pub fn leave(&mut self, caller: &K) {
        self.prober_lost |= !self.release(caller).is_empty();
    }

    /// Asks for a call that can wait: granted only while half of the quota is free, also when all that are in the queue have
    /// called. Otherwise no place is kept.
    pub fn claim_spare(&mut self, caller: &K, now: Timestamp, quota: usize) -> Turn {
        let free = self.free_for_spare(now, quota);
        match self.held_spare(caller, now) {
            Some(Turn::Held { of, since, until, next }) => {
                Turn::Held { of, since, until: until.max(free), next }
            }
            Some(Turn::At(_) | Turn::Go) | None if free > now => Turn::At(free),
            Some(Turn::At(_) | Turn::Go) | None => {
                self.begin_spare(caller, now);
                Turn::Go
            }
        }
    }

    /// The same of a caller whose failure would say nothing of the account.
    pub fn claim_spare_apart(&mut self, caller: &K, now: Timestamp, quota: usize) -> Turn {
        let free = self.free_for_spare(now, quota);
        if free > now {
            return Turn::At(free);
        }
        self.count(caller, now);
        Turn::Go
    }

    fn free_for_spare(&mut self, now: Timestamp, quota: usize) -> Timestamp {
        self.forget_the_past(now, quota);
        let share = self.pace.of(quota, now).div_ceil(2);
        self.slot(self.waited_for(self.queue.len(), share, now), share, now)
    }

    /// Whether a call that can wait is held; it gets no place. It leaves a probe to a caller that can't.
    pub fn held_spare(&self, caller: &K, now: Timestamp) -> Option<Turn> {
        let place = Place::proof(now);
        let Trouble { since, probe_at } = match self.admit(caller, place, now) {
            Err(trouble) => trouble,
            Ok(()) if self.would_probe(caller, place) => self.left_to_the_first(now, |_| true)?,
            Ok(()) => return None,
        };
        Some(Turn::Held { of: Holder::Account, since, until: probe_at, next: false })
    }

    /// A caller that could wait calls now.
    pub fn begin_spare(&mut self, caller: &K, now: Timestamp) {
        self.count(caller, now);
        self.breaker.begin_read(caller, now);
    }

    /// There is trouble that another clock knows of: nothing works there.
    pub fn join_trouble<V>(&mut self, others: &AccountClock<K, V>) {
        self.breaker.join(&others.breaker);
    }

    /// There is reason to believe that calls work again. Who has reason to ask again: those whose turn it is to probe.
    pub fn probe_now(&mut self, now: Timestamp) -> Vec<K> {
        self.breaker.probe_now(now);
        self.to_be_told()
    }

    /// Takes in what the statuses say of the time before this process: so a restart begins nothing anew. Whoever was
    /// promised a time within the quota shows that it was used up not long ago: the window counts as full now.
    pub fn inherit(&mut self, past: &Past<K>, now: Timestamp, quota: usize) {
        self.forget_the_past(now, quota);
        let calls = past.calls.iter().map(|call| (*call).min(now));
        let lately = calls.filter(|call| *call + WINDOW > now);
        self.calls.extend(lately.chain(std::iter::repeat_n(now, past.under_way)));
        self.calls.make_contiguous().sort_unstable();
        let recent = past.promised.iter().copied().filter(|promised| *promised + WINDOW > now);
        if let Some(promised) = recent.min() {
            self.full_at = Some(now);
            self.fill();
            // The service may have asked for a pause.
            if promised <= now + LONGEST_PAUSE {
                self.cool_down(promised);
            }
        }
        let asked_for = past.pauses.iter().filter(|pause| pause.until > now + pause.own);
        let asked_for = asked_for.map(|pause| pause.until).filter(|until| *until <= now + LONGEST_PAUSE);
        if let Some(until) = asked_for.max() {
            self.cool_down(until);
        }
        if let Some(outage) = &past.outage {
            self.inherit_outage(outage, now);
        }
    }

    /// The same, that calls failed.
    pub fn inherit_outage(&mut self, outage: &Outage<K>, now: Timestamp) {
        let Outage { since, probe, held } = outage;
        self.breaker.inherit(*since, *probe, Some(held), now);
    }

    /// The same, that credentials were refused.
    pub fn inherit_refusal(&mut self, refusal: Refusal, now: Timestamp) {
        self.breaker.inherit(refusal.since, refusal.probe, None, now);
    }

    /// Takes in what became of a call, and says whom a failure is charged to, and who has reason to ask again: everybody, if
    /// the account works again; all that read, if reads do; or those whose turn it is to probe it.
    pub fn record_result(&mut self, caller: &K, evidence: Evidence, now: Timestamp) -> (Charge, Vec<K>) {
        self.answered(caller, now);
        let (was_open, was_down) = (self.breaker.open_since().is_some(), self.breaker.is_down());
        let charge = self.breaker.record_result(caller, evidence, now);
        let mut woken = if was_open { self.to_be_told() } else { Vec::new() };
        if was_down && self.breaker.limps() {
            let read = self.queue.iter().skip(woken.len()).filter(|waiting| waiting.place.reads);
            woken.extend(read.map(|waiting| waiting.caller.clone()));
        }
        (charge, woken)
    }

    /// The service refused a call for the rate limit.
    pub fn refused(&mut self, now: Timestamp) {
        self.pace.refused(now);
    }

    /// The service wants to be left alone until `until`.
    pub fn cool_down(&mut self, until: Timestamp) {
        self.not_before = self.not_before.max(until);
    }

    /// Gives back the caller's place, if it has one. Who has reason to ask again: those who are to probe in its place. (Those behind
    /// it: [`Self::moved_up`].)
    pub fn release(&mut self, caller: &K) -> Vec<K> {
        let Some((position, _)) = self.remove(caller) else { return Vec::new() };
        if position < self.come_first() && self.breaker.open_since().is_some() {
            self.to_be_told()
        } else {
            Vec::new()
        }
    }

    /// The same for a caller that was told that it may call, and does not: whoever waits must not be held by it. `None` if it was not told so.
    pub fn give_back(&mut self, caller: &K) -> Option<Vec<K>> {
        let goes = self.rank(caller).is_some_and(|rank| self.queue[rank].goes);
        goes.then(|| self.release(caller))
    }

    /// Takes a caller out of the queue; with the position in which it came to probe.
    fn remove(&mut self, caller: &K) -> Option<(usize, Waiting<K, W>)> {
        let rank = self.rank(caller)?;
        let position = self.position(rank);
        let gone = self.queue.remove(rank);
        self.going -= usize::from(gone.goes);
        self.places.remove(caller);
        Some((position, gone))
    }

    /// With what a caller calls, if it waits.
    pub fn waits_with(&mut self, caller: &K, with: &W)
    where
        W: Clone + PartialEq,
    {
        let waiting = self.rank(caller).map(|rank| &mut self.queue[rank]);
        if let Some(waiting) = waiting.filter(|waiting| waiting.with.as_ref() != Some(with)) {
            waiting.with = Some(with.clone());
        }
    }

    /// Those leave the queue that call with this, and are held by the clock of what they call with (`held_by`), and wait there;
    /// so for those behind them it is as if they were not there. Who has reason to ask again: who probes it.
    pub fn leave_to<V>(
        &mut self,
        held_by: &mut AccountClock<K, V>,
        is_with: impl Fn(&W) -> bool,
        now: Timestamp,
    ) -> Vec<K> {
        if held_by.in_trouble_since().is_none() {
            return Vec::new();
        }
        let leaves = |waiting: &mut Waiting<K, W>| {
            let is_held = held_by.admit(&waiting.caller, waiting.place, now).is_err();
            is_held && waiting.with.as_ref().is_some_and(&is_with)
        };
        let gone = self.take_out(leaves);
        if gone.is_empty() {
            return Vec::new();
        }
        for Waiting { caller, place, expected, .. } in gone {
            let rank = held_by.join(&caller, place, now);
            held_by.queue[rank].expected = expected;
        }
        held_by.to_be_told()
    }

    /// Takes callers out of the queue; if one of them was to probe, others are told ([`Self::moved_up`]).
    fn take_out(&mut self, mut goes: impl FnMut(&mut Waiting<K, W>) -> bool) -> Vec<Waiting<K, W>> {
        let (looks, length, first) = (self.looks(), self.queue.len().max(1), self.come_first());
        let mut rank = 0;
        let Self { queue, places, prober_lost, going, .. } = self;
        let gone = queue.extract_if(.., |waiting| {
            let goes = goes(waiting);
            *prober_lost |= goes && (rank + length - looks) % length < first;
            rank += 1;
            goes
        });
        gone.inspect(|waiting| {
            places.remove(&waiting.caller);
            *going -= usize::from(waiting.goes);
        })
        .collect()
    }

    /// All that wait.
    pub fn waiting(&self) -> Vec<K> {
        self.queue.iter().map(|waiting| waiting.caller.clone()).collect()
    }

    fn to_be_told(&self) -> Vec<K> {
        let first = if self.breaker.open_since().is_some() { self.come_first() } else { usize::MAX };
        let ranks = (0..self.queue.len().min(first)).map(|position| self.at_position(position));
        ranks.map(|rank| self.queue[rank].caller.clone()).collect()
    }

    /// Since when the account is in trouble, if it is.
    pub fn in_trouble_since(&self) -> Option<Timestamp> {
        self.breaker.open_since()
    }

    /// Whether a call of this caller is a probe: nothing has worked since the trouble began.
    pub fn would_probe(&self, caller: &K, place: Place) -> bool {
        self.breaker.would_probe(&self.candidate(caller, place))
    }

    /// Whether a caller stands before all others.
    pub fn goes_first(&self, caller: &K) -> bool {
        self.places.get(caller).is_some_and(|place| place.rank == Rank::First)
    }

    /// When the next probe is, while nothing has worked since the trouble began.
    pub fn probe_at(&self) -> Option<Timestamp> {
        self.breaker.probe_at()
    }

    /// Whether nothing has worked since the trouble began.
    pub fn is_down(&self) -> bool {
        self.breaker.is_down()
    }

    /// Whether trouble holds everybody, and not only campaigns that have failed.
    pub fn holds_all(&self) -> bool {
        self.breaker.holds_all()
    }

    /// Whether reads work, and DELETEs fail.
    pub fn limps(&self) -> bool {
        self.breaker.limps()
    }

    /// Whether nobody knows if reads work, while DELETEs fail: a look tells most then.
    pub fn wants_diagnostic_read(&self) -> bool {
        self.breaker.wants_diagnostic_read()
    }

    /// Takes a place in the queue. A caller that has one already keeps the better of the two; but it calls what it asks for now.
    fn join(&mut self, caller: &K, place: Place, now: Timestamp) -> usize {
        let place = self.in_turn(caller, place);
        let known = self.places.get(caller).copied();
        // The place of a look is not one of a DELETE.
        let better = known.filter(|known| place.reads || known.rank != Rank::Diagnostic);
        let place = better.map_or(place, |known| Place { reads: place.reads, ..place.min(known) });
        if known == Some(place)
            && let Some(rank) = self.rank(caller)
        {
            return rank;
        }
        let is_better = known.is_none_or(|known| place.of_read() < known.of_read());
        let before = self.remove(caller).map(|(_, waiting)| waiting).filter(|_| !is_better);
        let rank = self.queue.partition_point(|other| (other.place, &other.caller) < (place, caller));
        let new = || Waiting {
            place,
            caller: caller.clone(),
            with: None,
            promised: None,
            expected: now,
            quota: self.quota,
            goes: false,
        };
        let waiting = before.map_or_else(new, |before| Waiting { place, ..before });
        self.going += usize::from(waiting.goes);
        self.queue.insert(rank, waiting);
        self.places.insert(caller.clone(), place);
        rank
    }

    /// Those who only look do so in turn: who has not looked yet in this trouble, then who did so first.
    fn in_turn(&self, caller: &K, place: Place) -> Place {
        let last_read = self.breaker.last_read(caller).filter(|_| place.rank == Rank::Diagnostic);
        Place { due: last_read.map_or(place.due, |last_read| last_read.max(place.due)), ..place }
    }

    fn rank(&self, caller: &K) -> Option<usize> {
        let place = self.places.get(caller)?;
        self.queue.binary_search_by(|other| (other.place, &other.caller).cmp(&(*place, caller))).ok()
    }

    /// When the one at this rank may call, if `calls` may be made in a window.
    fn slot_of(&self, rank: usize, calls: usize, now: Timestamp) -> Timestamp {
        let Waiting { place, goes, .. } = self.queue[rank];
        // Whoever may call does not wait for those that may not.
        let before = match (self.breaker.holds_all(), place.reads) {
            // Those who came earlier and were told to go are before it, too, wherever they stand.
            (false, _) => self.waited_for(rank, calls, now).max(self.going - usize::from(goes)),
            (true, false) => 0,
            (true, true) => self.queue[..rank].iter().filter(|other| other.place.reads).count(),
        };
        self.slot(before, calls, now)
    }

    /// How many of those before this rank call before it, if `calls` may be made in a window. Whoever keeps
    /// to a smaller quota may be promised a time that is later than the slot of this one, and is not waited
    /// for.
    fn waited_for(&self, rank: usize, calls: usize, now: Timestamp) -> usize {
        let slower = self.queue[..rank].iter().filter(|other| other.quota < self.quota && !other.goes);
        let mut promised: Vec<Timestamp> = slower.map(|other| other.promised.unwrap_or(now)).collect();
        promised.sort_unstable();
        let others = rank - promised.len();
        let comes_first = |count: &usize| self.slot(others + count, calls, now) < promised[*count];
        others + (0..promised.len()).find(comes_first).unwrap_or(promised.len())
    }

    /// When a window of `calls` has room for the one at this rank, if those before it come when they are told to.
    fn slot(&self, rank: usize, calls: usize, now: Timestamp) -> Timestamp {
        let rounds = i32::try_from(rank / calls).unwrap_or(i32::MAX);
        let start = now.max(self.not_before);
        let free = match (self.calls.len() + rank % calls).checked_sub(calls) {
            Some(leaving) => start.max(self.calls[leaving] + WINDOW),
            None => start,
        };
        if free <= now && rounds == 0 { now } else { whole_second(free) + RESERVED * rounds }
    }

    /// Calls that nobody knows more of than that they used up the quota.
    fn fill(&mut self) {
        let Some(full_at) = self.full_at else { return };
        let known = self.calls.partition_point(|call| *call <= full_at);
        (known..self.quota).for_each(|_| self.calls.insert(known, full_at));
    }

    fn forget_calls(&mut self, now: Timestamp) {
        while self.calls.front().is_some_and(|call| *call + WINDOW <= now) {
            self.calls.pop_front();
        }
        self.under_way.retain(|_, begun| *begun + WINDOW > now);
        self.full_at = self.full_at.filter(|full_at| *full_at + WINDOW > now);
    }

    fn forget_the_past(&mut self, now: Timestamp, quota: usize) {
        self.quota = quota.max(1);
        self.forget_calls(now);
        self.fill();
        if self.swept_at + SWEEP <= now {
            self.swept_at = now;
            drop(self.take_out(|waiting| waiting.expected + LOST <= now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + milliseconds).unwrap()
    }

    fn seconds(seconds: i64) -> Timestamp {
        at(seconds * 1000)
    }

    /// A claim of a deletion that is due since the epoch of these tests; in the order of their numbers.
    fn claim(clock: &mut AccountClock<u32>, caller: u32, now: Timestamp, quota: usize) -> Turn {
        clock.claim(&caller, Place::deletion(at(0)), now, quota)
    }

    const FAILED: Evidence = Evidence::DeleteFailed { fresh: true };

    fn held(since: Timestamp, until: Timestamp, next: bool) -> Turn {
        Turn::Held { of: Holder::Account, since, until, next }
    }

    fn told(turn: Turn) -> Timestamp {
        match turn {
            Turn::At(slot) => slot,
            Turn::Go | Turn::Held { .. } => panic!("{turn:?}"),
        }
    }

    /// Plays callers that come back when told (and a little late), and returns
    /// who was served when. A promise is kept: nobody is told twice.
    fn drain(
        clock: &mut AccountClock<u32>,
        callers: &[u32],
        quota: usize,
        start: i64,
    ) -> Vec<(Timestamp, u32)> {
        let mut waiting: Vec<(Timestamp, u32)> = callers.iter().map(|caller| (at(start), *caller)).collect();
        let mut promised = std::collections::HashSet::new();
        let mut served = Vec::new();
        while let Some(next) = waiting.iter().min_by_key(|(at, _)| *at).copied() {
            waiting.retain(|entry| *entry != next);
            match claim(clock, next.1, next.0, quota) {
                Turn::Go => served.push(next),
                turn => {
                    let slot = told(turn);
                    assert!(slot > next.0, "a time that is not in the future is a hot loop");
                    assert!(promised.insert(next.1), "caller {} was told twice", next.1);
                    assert_eq!(slot, whole_second(slot), "as status tells it");
                    waiting.push((slot + SignedDuration::from_millis(7), next.1));
                }
            }
        }
        served
    }

    fn assert_quota(served: &[Timestamp], quota: usize) {
        for window in served.windows(quota + 1) {
            let span = window[quota].duration_since(window[0]);
            assert!(span > SignedDuration::from_secs(60), "{} calls within {span}", quota + 1);
        }
    }

    fn times(served: &[(Timestamp, u32)]) -> Vec<Timestamp> {
        served.iter().map(|(at, _)| *at).collect()
    }

    /// 200 callers at 60 a minute: the first minute's worth at once, the rest as the window moves, in their order.
    #[test]
    fn callers_drain_at_the_full_quota() {
        let callers: Vec<u32> = (0..200).collect();
        let served = drain(&mut AccountClock::default(), &callers, 60, 0);
        assert_quota(&times(&served), 60);
        assert_eq!(served.iter().map(|(_, caller)| *caller).collect::<Vec<_>>(), callers);
        let last = served.last().unwrap().0.duration_since(at(0));
        // Three windows after the first burst would be ideal: 180 s.
        assert!(last <= SignedDuration::from_secs(184), "{last}");
        assert_quota(&times(&drain(&mut AccountClock::default(), &callers[..6], 1, 0)), 1);
    }

    /// Who is due first goes first, in whatever order they come.
    #[test]
    fn the_oldest_goes_first() {
        let mut clock = AccountClock::default();
        assert_eq!(clock.claim(&0, Place::deletion(at(0)), at(0), 1), Turn::Go);
        let claim =
            |clock: &mut AccountClock<u32>, caller, place| told(clock.claim(&caller, place, seconds(1), 1));
        let first = claim(&mut clock, 1, Place::retry(seconds(-1)));
        for (caller, place) in
            [(2, Place::proof(at(0))), (3, Place::deletion(seconds(1))), (4, Place::deletion(at(0)))]
        {
            assert_eq!(claim(&mut clock, caller, place), first, "nobody is before it");
        }
        assert_eq!(clock.waiting(), [4, 3, 2, 1]);
        // A proof goes before a deletion that is due 5 minutes later; what has failed, behind all that has not.
        claim(&mut clock, 5, Place::deletion(seconds(3600)));
        claim(&mut clock, 6, Place::deletion(at(0)).of_diagnostic_read(seconds(3600)));
        assert_eq!(clock.waiting(), [6, 4, 3, 2, 5, 1]);
    }

    /// An owner that never comes (its object was let go otherwise) does not hold up those behind it for ever.
    #[test]
    fn a_place_that_nobody_uses_passes() {
        let mut clock = AccountClock::default();
        for caller in 0..600 {
            let _ = claim(&mut clock, caller, at(0), 60);
        }
        for caller in 0..600 {
            clock.release(&caller);
        }
        assert!(told(claim(&mut clock, 1000, at(0), 60)) < at(70_000));
        let mut clock = AccountClock::default();
        assert_eq!(claim(&mut clock, 1, at(0), 1), Turn::Go);
        told(claim(&mut clock, 2, at(0), 1));
        assert_eq!(claim(&mut clock, 3, at(200_000), 1), Turn::Go);
        assert!(clock.queue.is_empty() && clock.places.is_empty(), "nothing is kept of what has passed");
    }

    /// Only who may call can give that back: who waits keeps its place.
    #[test]
    fn whoever_waits_has_nothing_to_give_back() {
        let mut clock = AccountClock::<u32>::default();
        let mut ask = |caller| clock.ask(&caller, Place::deletion(at(0)), at(0), 1);
        assert_eq!(ask(1), Turn::Go);
        told(ask(2));
        assert_eq!(clock.give_back(&2), None);
        assert_eq!(clock.give_back(&1), Some(Vec::new()));
        assert_eq!((clock.give_back(&1), clock.waiting()), (None, vec![2]));
        assert_eq!(clock.moved_up(at(0)), [2]);
    }

    /// Of those who ask, as many may call as the quota allows; the others are told when, although nobody has called yet.
    #[test]
    fn asking_takes_a_place_and_no_call() {
        let mut clock = AccountClock::default();
        let mut ask = |caller| clock.ask(&caller, Place::deletion(at(0)), at(0), 60);
        assert!((0..60).all(|caller| ask(caller) == Turn::Go));
        assert!((60..200).all(|caller| told(ask(caller)) >= seconds(60)));
        assert_eq!(ask(59), Turn::Go, "again");
        assert!((0..60).all(|caller| claim(&mut clock, caller, at(0), 60) == Turn::Go));
        assert_eq!(told(claim(&mut clock, 60, at(0), 60)), seconds(61));
        // In whatever order they come: no more than may call.
        let mut clock: AccountClock<u32> = AccountClock::default();
        let mut ask = |caller| clock.ask(&caller, Place::deletion(at(0)), at(0), 10);
        assert_eq!((0..40).rev().filter(|caller| ask(*caller) == Turn::Go).count(), 10);
        assert_eq!((0..40).rev().filter(|caller| ask(*caller) == Turn::Go).count(), 10, "again");
    }

    /// While those before it call later than they were told they may, a promised time stays as it is; only when it has come, or
    /// if the service asks for a long pause, another one is told.
    #[test]
    fn a_promise_does_not_move_with_those_who_are_late() {
        let mut clock = AccountClock::default();
        let ask =
            |clock: &mut AccountClock<u32>, caller, now| clock.ask(&caller, Place::deletion(at(0)), now, 10);
        assert!((0..10).all(|caller| ask(&mut clock, caller, at(0)) == Turn::Go));
        let promised = told(ask(&mut clock, 10, at(0)));
        for second in 1..61 {
            assert_eq!(told(ask(&mut clock, 10, seconds(second))), promised, "nobody has called yet");
        }
        assert!((0..10).all(|caller| claim(&mut clock, caller, seconds(40), 10) == Turn::Go));
        assert_eq!(promised, seconds(61));
        assert_eq!(told(ask(&mut clock, 10, promised)), seconds(101), "as those before it have called");
        clock.cool_down(seconds(600));
        assert_eq!(told(ask(&mut clock, 10, seconds(62))), seconds(600));
    }

    /// A call that takes long counts from when it must have arrived, however long the answer takes; and what is told to those who wait
    /// for its place does not depend on that before.
    #[test]
    fn a_slow_call_counts_from_when_it_has_arrived() {
        for (answered, free) in [(0, 60_100), (1_500, 61_600), (6_000, 66_100), (30_000, 66_100)] {
            let mut clock: AccountClock<u32> = AccountClock::default();
            assert_eq!(claim(&mut clock, 1, at(0), 1), Turn::Go);
            assert_eq!(told(claim(&mut clock, 2, at(0), 1)), seconds(61));
            clock.record_result(&1, Evidence::Works, at(answered));
            clock.record_result(&1, Evidence::Works, at(answered + 40_000));
            assert_ne!(claim(&mut clock, 3, at(free - 1), 1), Turn::Go);
            clock.release(&2);
            assert_eq!(claim(&mut clock, 3, at(free), 1), Turn::Go, "answered after {answered} ms");
            clock.record_result(&1, Evidence::Works, at(free));
            assert_eq!((clock.calls, clock.under_way.len()), (VecDeque::from([at(free)]), 1));
        }
        // Of several, each counts for itself.
        let mut clock: AccountClock<u32> = AccountClock::default();
        let begin = [(1, 0), (2, 100), (3, 200)];
        assert!(begin.iter().all(|(caller, begun)| claim(&mut clock, *caller, at(*begun), 3) == Turn::Go));
        clock.record_result(&1, Evidence::Works, at(1_000));
        clock.record_result(&3, Evidence::Nothing, at(1_100));
        assert_eq!(clock.calls, [100, 1_000, 1_100].map(at));
    }

    /// A caller that asks again before its time is told the same, and asking costs the others nothing.
    #[test]
    fn a_promise_is_kept() {
        let mut clock = AccountClock::default();
        assert_eq!(claim(&mut clock, 1, at(0), 1), Turn::Go);
        let slot = told(claim(&mut clock, 2, at(10), 1));
        let behind = told(claim(&mut clock, 3, at(20), 1));
        assert!(behind > slot);
        for moment in [30, 5_000, 59_000] {
            assert_eq!(claim(&mut clock, 2, at(moment), 1), Turn::At(slot));
        }
        assert_eq!(claim(&mut clock, 2, slot, 1), Turn::Go);
        assert_eq!(
            claim(&mut clock, 3, slot, 1),
            Turn::At(behind),
            "also when there is room a little earlier"
        );
    }

    /// Retry-After moves every caller of the account, in order.
    #[test]
    fn a_cool_down_moves_all() {
        let mut clock = AccountClock::default();
        assert_eq!(claim(&mut clock, 1, at(0), 2), Turn::Go);
        assert_eq!(claim(&mut clock, 2, at(0), 2), Turn::Go);
        let all = |clock: &mut AccountClock<u32>| -> Vec<Timestamp> {
            (3..9).map(|caller| told(claim(clock, caller, at(1), 2))).collect()
        };
        let before = all(&mut clock);
        clock.cool_down(at(300_000));
        let after = all(&mut clock);
        assert_eq!(after[0], at(300_000));
        for (before, after) in before.windows(2).zip(after.windows(2)) {
            assert_eq!(before[1].duration_since(before[0]), after[1].duration_since(after[0]));
        }
        // A newcomer is held, too.
        assert!(told(claim(&mut clock, 99, at(1), 2)) >= at(300_000));
    }

    /// What can wait leaves half of the quota to deletions, and room for all that are in the queue.
    #[test]
    fn spare_calls_leave_room() {
        let mut clock: AccountClock<u32> = AccountClock::default();
        assert_eq!(clock.claim_spare(&7, at(0), 4), Turn::Go);
        assert_eq!(clock.claim_spare(&7, at(0), 4), Turn::Go);
        assert_eq!(clock.claim_spare(&7, at(0), 4), Turn::At(whole_second(at(0) + WINDOW)));
        assert_eq!(claim(&mut clock, 1, at(0), 4), Turn::Go);
        assert_eq!(claim(&mut clock, 2, at(0), 4), Turn::Go);
        told(claim(&mut clock, 3, at(0), 4));
        told(claim(&mut clock, 4, at(0), 4));
        assert!(told(clock.claim_spare(&7, at(60_600), 4)) > at(60_600), "two wait for that half");
        assert_eq!(claim(&mut clock, 3, at(62_000), 4), Turn::Go);
        assert_eq!(claim(&mut clock, 4, at(62_000), 4), Turn::Go);
        assert!(told(clock.claim_spare(&7, at(62_000), 4)) > at(62_000));
        assert_eq!(clock.claim_spare(&7, at(123_000), 4), Turn::Go);
    }

    /// A caller that has gone leaves its place to the next.
    #[test]
    fn a_released_place_is_free_again() {
        let mut clock = AccountClock::default();
        assert_eq!(claim(&mut clock, 1, at(0), 1), Turn::Go);
        let slot = told(claim(&mut clock, 2, at(0), 1));
        clock.release(&2);
        assert_eq!(claim(&mut clock, 3, at(0), 1), Turn::At(slot));
    }

    /// After a restart the calls of the last minute count, as statuses tell them; and whoever was promised a time shows that
    /// there were as many as the quota allows.
    #[test]
    fn what_was_called_before_a_restart_counts() {
        // Those that were under way may arrive as late as now.
        let mut clock: AccountClock<u32> = AccountClock::default();
        clock.inherit(&Past { calls: vec![at(-30_000)], under_way: 2, ..Past::default() }, at(0), 4);
        assert_eq!(claim(&mut clock, 1, at(0), 4), Turn::Go);
        assert_eq!(told(claim(&mut clock, 2, at(0), 4)), whole_second(at(-30_000) + WINDOW));
        assert_eq!(told(claim(&mut clock, 3, at(0), 4)), whole_second(at(0) + WINDOW));
        let calls = vec![at(-20_000), at(-90_000), at(-30_000)];
        let past = Past { calls, ..Past::default() };
        let mut clock: AccountClock<u32> = AccountClock::default();
        clock.inherit(&past, at(0), 4);
        assert_eq!(claim(&mut clock, 1, at(0), 4), Turn::Go);
        assert_eq!(claim(&mut clock, 2, at(0), 4), Turn::Go);
        assert_eq!(told(claim(&mut clock, 3, at(0), 4)), whole_second(at(-30_000) + WINDOW));
        let mut clock: AccountClock<u32> = AccountClock::default();
        clock.inherit(&Past { promised: vec![at(5000)], ..past }, at(0), 60);
        clock.recall(&2, Place::deletion(at(0)), at(5000), at(0));
        assert_eq!(
            told(claim(&mut clock, 2, at(0), 60)),
            at(5000),
            "as it was promised, until that has come"
        );
        assert_eq!(told(claim(&mut clock, 2, at(5000), 60)), whole_second(at(-30_000) + WINDOW));
        assert_eq!(clock.calls.len(), 60);
        assert_eq!(claim(&mut clock, 2, at(70_000), 60), Turn::Go);
    }

    /// After a restart the window counts as full for whoever comes, with whatever quota, as long as one promise is recent.
    #[test]
    fn the_window_is_full_for_all_after_a_restart() {
        let mut clock: AccountClock<u32> = AccountClock::default();
        let promised = vec![seconds(-600), seconds(3)];
        clock.inherit(&Past { promised, ..Past::default() }, at(0), 10);
        assert_eq!(told(claim(&mut clock, 0, at(0), 10)), seconds(61));
        assert_eq!(told(claim(&mut clock, 1, at(0), 60)), seconds(61));
        let goes = |clock: &mut AccountClock<u32>, now| {
            (0..200).filter(|caller| claim(clock, *caller, now, 60) == Turn::Go).count()
        };
        assert_eq!(goes(&mut clock, seconds(4)), 0);
        assert_eq!(goes(&mut clock, seconds(61)), 60);
    }

    /// Those behind a whole round that has gone take its place, and the account does not stand idle for a minute.
    #[test]
    fn a_round_that_leaves_is_followed_by_the_next() {
        let mut clock: AccountClock<u32> = AccountClock::default();
        let claim = |clock: &mut AccountClock<u32>, caller, now| claim(clock, caller, now, 10);
        assert!((0..10).all(|caller| claim(&mut clock, caller, at(0)) == Turn::Go));
        assert!((10..20).all(|caller| told(claim(&mut clock, caller, at(0))) == seconds(61)));
        assert!((20..30).all(|caller| told(claim(&mut clock, caller, at(0))) == seconds(122)));
        (10..20).for_each(|caller| drop(clock.release(&caller)));
        assert_eq!(clock.moved_up(seconds(10)), (20..30).collect::<Vec<u32>>());
        assert!((20..30).all(|caller| told(claim(&mut clock, caller, seconds(10))) == seconds(61)));
        assert!(clock.moved_up(seconds(10)).is_empty(), "once");
    }

    /// However long the operator was away, a restart tells nobody another time whose own has not come; and a pause that the service
    /// asks for then, those whose time lies before its end.
    #[test]
    fn a_restart_does_not_tell_all_anew() {
        const QUOTA: usize = 10;
        let promised = |caller: u32| seconds(i64::from(caller / 10) * 61);
        let told_anew = |clock: &mut AccountClock<u32>, now| {
            let anew = |caller: &u32| {
                clock.recall(caller, Place::deletion(at(0)), promised(*caller), now);
                claim(clock, *caller, now, QUOTA) != Turn::At(promised(*caller))
            };
            (0..1000).filter(anew).collect::<Vec<u32>>()
        };
        for away in [1, 59, 61, 100, 600] {
            let mut clock = AccountClock::default();
            let now = seconds(61 * 3 + away);
            clock.inherit(&Past { promised: vec![promised(0)], ..Past::default() }, now, QUOTA);
            let come: Vec<u32> = (0..1000).filter(|caller| promised(*caller) <= now).collect();
            assert!(come.len() >= 40);
            assert_eq!(told_anew(&mut clock, now), come, "away for {away} s");
            let pause = promised(500);
            clock.cool_down(pause);
            assert_eq!(told_anew(&mut clock, now), (0..500).collect::<Vec<u32>>(), "in a pause");
        }
    }

    /// A pause that the service asked for survives a restart; a promise that no honest pause explains does not.
    #[test]
    fn a_pause_before_a_restart_holds() {
        let inherited = |promised| {
            let mut clock: AccountClock<u32> = AccountClock::default();
            clock.inherit(&Past { promised: vec![promised], ..Past::default() }, at(0), 60);
            told(claim(&mut clock, 1, at(0), 60))
        };
        assert_eq!(inherited(seconds(800)), seconds(800));
        assert_eq!(inherited(seconds(12 * 3600)), seconds(61));
        // Some were promised times before it was asked for.
        let pause = |until, own| Pause { until: seconds(until), own: SignedDuration::from_secs(own) };
        let pauses = vec![pause(50, 0), pause(890, 4), pause(895, 900), pause(12 * 3600, 0), pause(-5, 0)];
        let mut clock: AccountClock<u32> = AccountClock::default();
        clock.inherit(&Past { promised: vec![seconds(20)], pauses, ..Past::default() }, at(0), 60);
        assert_eq!(told(claim(&mut clock, 1, at(0), 60)), seconds(890));
    }

    /// The quota of the connection is raised: all that wait are told, and their times move up; also those that were promised
    /// before a restart. A little room more moves nobody.
    #[test]
    fn promised_times_move_up_when_there_is_much_more_room() {
        let mut clock = AccountClock::default();
        assert_eq!(claim(&mut clock, 0, at(0), 1), Turn::Go);
        let late: Vec<_> = (1..200).map(|caller| told(claim(&mut clock, caller, at(0), 1))).collect();
        assert!(late[198] > seconds(198 * 60) && clock.moved_up(at(0)).is_empty());
        assert_eq!(claim(&mut clock, 0, seconds(1), 60), Turn::Go);
        assert_eq!(clock.moved_up(seconds(1)).len(), 199);
        assert!((1..59).all(|caller| claim(&mut clock, caller, seconds(2), 60) == Turn::Go));
        let soon: Vec<_> = (59..200).map(|caller| told(claim(&mut clock, caller, seconds(2), 60))).collect();
        assert!(soon[140] < seconds(250), "{}", soon[140]);
        let again: Vec<_> = (59..200).map(|caller| told(claim(&mut clock, caller, seconds(3), 60))).collect();
        assert_eq!(soon, again);
        let mut clock: AccountClock<u32> = AccountClock::default();
        clock.recall(&1, Place::deletion(at(0)), seconds(3600), at(0));
        assert_eq!(claim(&mut clock, 1, at(0), 60), Turn::Go);
    }

    /// One connection of the account keeps to a smaller quota, and many wait for that: who has a larger one
    /// does not wait for times that are later than its own.
    #[test]
    fn a_smaller_quota_holds_up_nobody_with_a_larger_one() {
        let mut clock: AccountClock<u32> = AccountClock::default();
        for caller in 0..100 {
            let _ = claim(&mut clock, caller, at(0), 1);
        }
        assert_eq!(claim(&mut clock, 100, seconds(1), 60), Turn::Go);
        for caller in 101..159 {
            assert_eq!(claim(&mut clock, caller, seconds(1), 60), Turn::Go);
        }
        assert_eq!(
            told(claim(&mut clock, 159, seconds(1), 60)),
            seconds(62),
            "behind the one that is promised 61 s"
        );
        assert!(told(claim(&mut clock, 160, seconds(1), 1)) > seconds(99 * 60));
    }

    /// In an outage, whoever only looks leaves the probe to a deletion that is about to come, and makes it if there is none.
    #[test]
    fn whoever_only_looks_leaves_the_probe_to_a_deletion() {
        let mut clock: AccountClock<u32> = AccountClock::default();
        for caller in 0..3 {
            clock.record_result(&caller, FAILED, at(0));
        }
        let mut alone = clock.clone();
        assert_eq!(alone.claim_spare(&99, seconds(5), 60), Turn::Go);
        told_to_wait(claim(&mut clock, 7, seconds(1), 60));
        assert_eq!(clock.claim_spare(&99, seconds(5), 60), held(at(0), seconds(10), false));
        assert_eq!(claim(&mut clock, 7, seconds(5), 60), Turn::Go);
        // While reads work, there is nothing to leave.
        clock.record_result(&7, Evidence::Readable, seconds(6));
        for caller in 10..15 {
            assert_eq!(claim(&mut clock, caller, seconds(6), 60), Turn::Go);
        }
        told_to_wait(claim(&mut clock, 15, seconds(6), 60));
        assert_eq!(clock.claim_spare(&99, seconds(64), 60), Turn::Go);
        let outages = (0..9).map(|caller| Outage::new(at(0), None, Some(caller)));
        assert_eq!(outages.reduce(Outage::join).unwrap().held.len(), breaker::RUN, "more tell no more");
    }

    /// While DELETEs fail and reads work, what was never tried is tried first.
    #[test]
    fn what_was_never_tried_is_tried_first() {
        let mut clock: AccountClock<u32> = AccountClock::default();
        for caller in 0..3 {
            clock.record_result(&caller, FAILED, at(0));
        }
        clock.record_result(&0, Evidence::Readable, at(0));
        let again = |clock: &mut AccountClock<u32>, caller: u32, now| {
            clock.claim(&caller, Place::retry(at(-1_000_000)), now, 10)
        };
        // A tenth of the quota is one call a minute.
        assert_eq!(again(&mut clock, 0, at(0)), Turn::Go);
        told_to_wait(again(&mut clock, 1, at(0)));
        told_to_wait(claim(&mut clock, 7, at(0), 10));
        assert_eq!(clock.record_result(&0, FAILED, at(100)), (Charge::Campaign, vec![7, 1]));
        told_to_wait(again(&mut clock, 1, seconds(61)));
        assert_eq!(claim(&mut clock, 7, seconds(62), 10), Turn::Go);
        clock.record_result(&7, FAILED, seconds(63));
        assert_eq!(again(&mut clock, 1, seconds(123)), Turn::Go, "nobody else waits");
    }

    /// While reads work and DELETEs fail, reads have the ordinary quota: a proof does not wait for a tenth of it.
    #[test]
    fn reads_that_work_are_not_held() {
        let mut clock: AccountClock<u32> = AccountClock::default();
        for caller in 0..3 {
            clock.record_result(&caller, FAILED, at(0));
        }
        clock.record_result(&0, Evidence::Readable, at(0));
        for caller in 10..16 {
            assert_eq!(claim(&mut clock, caller, at(0), 60), Turn::Go);
            clock.record_result(&caller, FAILED, at(0));
        }
        told_to_wait(claim(&mut clock, 16, at(0), 60));
        for caller in 20..60 {
            assert_eq!(clock.claim(&caller, Place::proof(at(0)), at(0), 60), Turn::Go);
        }
        told_to_wait(claim(&mut clock, 16, at(0), 60));
    }

    /// A read works in an outage: all that wait to read are told, however many stand before them.
    #[test]
    fn reads_that_work_again_are_told_to_all_that_read() {
        let mut clock: AccountClock<u32> = AccountClock::default();
        for caller in 0..3 {
            clock.record_result(&caller, FAILED, at(0));
        }
        for caller in 10..60 {
            told_to_wait(claim(&mut clock, caller, at(1), 60));
        }
        for caller in 60..70 {
            told_to_wait(clock.claim(&caller, Place::proof(at(0)), at(1), 60));
        }
        let first: Vec<u32> = (10..26).collect();
        let all = [first.clone(), (60..70).collect()].concat();
        assert_eq!(clock.record_result(&0, Evidence::Readable, at(2)), (Charge::Campaign, all));
        assert_eq!(clock.record_result(&0, Evidence::Readable, at(3)).1, first, "once");
    }

    /// Two campaigns have failed, and many look: a third one, which it does not concern, waits for none of them.
    #[test]
    fn whom_the_trouble_does_not_concern_waits_for_no_looks() {
        let mut clock: AccountClock<u32> = AccountClock::default();
        for caller in [0, 1, 0] {
            clock.record_result(&caller, FAILED, at(0));
        }
        for caller in 10..40 {
            let look = Place::retry(at(0)).of_diagnostic_read(at(0));
            told_to_wait(clock.claim(&caller, look, seconds(1), 60));
        }
        assert_eq!(claim(&mut clock, 100, seconds(2), 60), Turn::Go);
    }

    /// Whoever waits to repeat a DELETE, and looks for the campaign instead, is judged as who looks; and the other way round.
    #[test]
    fn a_place_is_for_what_is_asked_for() {
        let mut clock: AccountClock<u32> = AccountClock::default();
        for caller in 0..3 {
            clock.record_result(&caller, FAILED, at(0));
        }
        clock.record_result(&0, Evidence::Readable, at(0));
        for caller in 10..50 {
            if claim(&mut clock, caller, at(0), 60) == Turn::Go {
                clock.record_result(&caller, FAILED, at(0));
            }
        }
        told_to_wait(clock.claim(&1, Place::retry(at(0)), at(0), 60));
        let look = Place::retry(at(1)).of_read();
        assert_eq!(clock.ask(&1, look, at(1), 60), Turn::Go);
        told_to_wait(clock.claim(&1, Place::retry(at(0)), at(1), 60));
        assert_eq!(clock.claim(&1, look, at(1), 60), Turn::Go);
        assert_eq!(clock.waiting().iter().filter(|caller| **caller == 1).count(), 0);
    }

    /// Many with a smaller quota stand in front, and many leave: those behind, with a larger quota, are told all the same.
    #[test]
    fn those_with_a_smaller_quota_keep_nobody_from_being_told() {
        let mut clock: AccountClock<u32> = AccountClock::default();
        for caller in 0..100 {
            claim(&mut clock, caller, at(0), 1);
        }
        for caller in 100..700 {
            claim(&mut clock, caller, seconds(1), 60);
        }
        clock.moved_up(seconds(1));
        for caller in 200..600 {
            clock.release(&caller);
        }
        claim(&mut clock, 699, seconds(2), 60);
        let told = clock.moved_up(seconds(2));
        assert!(told.contains(&600) && told.iter().all(|caller| *caller >= 600), "{told:?}");
    }

    /// Those in front go without a call, as when they are to be left alone: those behind them are told, and nobody is for nothing.
    #[test]
    fn those_behind_many_that_leave_are_told() {
        let mut clock: AccountClock<u32> = AccountClock::default();
        for caller in 0..600 {
            claim(&mut clock, caller, at(0), 60);
        }
        assert_eq!(clock.waiting().len(), 540);
        let mut told = 0;
        for caller in 60..540 {
            assert!(clock.release(&caller).is_empty());
            told += clock.moved_up(at(0)).len();
        }
        assert!((60..=480).contains(&told), "{told}");
        assert!(clock.moved_up(at(0)).is_empty(), "once");
        let last = |clock: &mut AccountClock<u32>| claim(clock, 599, seconds(61), 60);
        assert_eq!(last(&mut clock), Turn::Go);
        for caller in 540..599 {
            assert_eq!(claim(&mut clock, caller, seconds(61), 60), Turn::Go);
        }
    }

    /// Others have used the account, and our pace has fallen and risen again: those who wait follow it to the end, and whoever is told
    /// to come earlier calls then.
    #[test]
    fn those_who_wait_follow_the_pace() {
        let mut clock: AccountClock<u32> = AccountClock::default();
        (0..60).for_each(|caller| assert_eq!(claim(&mut clock, caller, at(0), 60), Turn::Go));
        (0..3).for_each(|minute| clock.refused(seconds(61 * minute)));
        let begun = 183;
        let mut comes: Vec<i64> = vec![begun; 1000];
        let (mut served, mut woken) = (Vec::new(), 0);
        for now in begun.. {
            while let Some(caller) = comes.iter().position(|comes| *comes <= now) {
                let caller = u32::try_from(caller).unwrap();
                comes[caller as usize] = match claim(&mut clock, caller, seconds(now), 60) {
                    Turn::Go => {
                        served.push(seconds(now));
                        i64::MAX
                    }
                    turn => told(turn).duration_since(at(0)).as_secs(),
                };
                for caller in clock.moved_up(seconds(now)) {
                    comes[caller as usize] = now;
                    woken += 1;
                }
            }
            if served.len() == 1000 {
                // It is back after seven minutes, and then takes a window for 60.
                assert!(now <= begun + 61 * 19, "{} s", now - begun);
                break;
            }
        }
        assert_quota(&served, 60);
        assert!(woken < 2000, "{woken}");
    }

    /// Nobody is told twice to come, or to no use: who is about to call, who keeps to a smaller quota, and who would come too early.
    #[test]
    fn whoever_moves_up_is_told_once() {
        let mut clock: AccountClock<u32> = AccountClock::default();
        for caller in 0..10 {
            assert_eq!(claim(&mut clock, caller, at(0), 10), Turn::Go);
        }
        for caller in 10..50 {
            told(claim(&mut clock, caller, at(0), if caller == 45 { 9 } else { 10 }));
        }
        for caller in 10..40 {
            clock.release(&caller);
        }
        let ask = |clock: &mut AccountClock<u32>, caller: u32, now| {
            clock.ask(&caller, Place::deletion(at(0)), seconds(now), 10)
        };
        assert_eq!(told(ask(&mut clock, 40, 1)), seconds(61));
        assert_eq!(clock.moved_up(seconds(1)), [41, 42, 43, 44, 46, 47, 48, 49], "all but the slow one");
        assert!(clock.moved_up(seconds(1)).is_empty(), "once");
        assert_eq!(told(ask(&mut clock, 41, 2)), seconds(61));
        assert!(clock.moved_up(seconds(2)).is_empty(), "it was told");
        clock.recall(&60, Place::deletion(at(0)), seconds(3600), seconds(62));
        assert_eq!(ask(&mut clock, 60, 62), Turn::Go);
        assert!(!clock.moved_up(seconds(62)).contains(&60), "it goes");
    }

    fn told_to_wait(turn: Turn) {
        assert!(matches!(turn, Turn::Held { .. }), "{turn:?}");
    }

    /// After a look that brings nothing, a DELETE has the next probe, and after that another look: first the
    /// listing, which tells of all, then whoever has not looked for longest.
    #[test]
    fn looks_and_deletes_take_turns_to_probe() {
        let mut clock: AccountClock<u32> = AccountClock::default();
        for caller in 0..3 {
            clock.record_result(&caller, FAILED, at(0));
        }
        let look = |due| Place::deletion(at(0)).of_diagnostic_read(due);
        let (listing, read_failed) = (99, Evidence::ReadFailed { fresh: true });
        let ask_all = |clock: &mut AccountClock<u32>, tried: &[u32], now: Timestamp| {
            let looks = (0..16).map(|caller| (caller, look(at(0))));
            let deletes = (20..60)
                .filter(|caller| !tried.contains(caller))
                .map(|caller| (caller, Place::deletion(at(0))));
            let goes: Vec<u32> = looks
                .chain([(listing, look(Timestamp::MIN))])
                .chain(deletes)
                .filter(|(caller, place)| clock.claim(caller, *place, now, 60) == Turn::Go)
                .map(|(caller, _)| caller)
                .collect();
            goes
        };
        let mut probes = Vec::new();
        for second in 5..300 {
            for caller in ask_all(&mut clock, &probes, seconds(second)) {
                let evidence = if caller < 20 || caller == listing { read_failed } else { FAILED };
                let (charge, told) = clock.record_result(&caller, evidence, seconds(second));
                assert_eq!((charge, told.len()), (Charge::Account, PROBERS));
                assert_eq!(told[0] < 20 || told[0] == listing, (20..60).contains(&caller), "{told:?}");
                probes.push(caller);
            }
        }
        assert_eq!(probes, [0, 20, listing, 21, 1, 22, 2]);
        assert_eq!(clock.record_result(&listing, Evidence::Readable, seconds(300)).0, Charge::Campaign);
        assert_eq!(claim(&mut clock, 24, seconds(300), 60), Turn::Go, "reads work: DELETEs are tried");
    }

    /// Whoever goes before all others, and does not probe the account, moves nobody who does.
    #[test]
    fn whoever_goes_first_moves_no_probe() {
        let mut clock: AccountClock<u32> = AccountClock::default();
        for caller in 0..3 {
            clock.record_result(&caller, FAILED, at(0));
        }
        let look = Place::deletion(at(0)).of_diagnostic_read(at(0));
        assert_eq!(clock.claim(&50, look, seconds(5), 1), Turn::Go);
        clock.record_result(&50, Evidence::ReadFailed { fresh: true }, seconds(5));
        told(clock.ask_apart(&70, Place::deletion(at(0)).first(), seconds(6), 1));
        assert_eq!(claim(&mut clock, 20, seconds(6), 1), held(at(0), seconds(15), true));
        assert_eq!(clock.waiting(), [70, 20]);
    }

    /// An outage: a few calls, then probes; the first in the queue is told when the next one is, the others to wait for it.
    #[test]
    fn an_account_in_trouble_is_probed_by_the_first_in_the_queue() {
        let mut clock: AccountClock<u32> = AccountClock::default();
        for caller in 0..3 {
            assert_eq!(claim(&mut clock, caller, at(0), 60), Turn::Go);
            let charge = clock.record_result(&caller, FAILED, at(10));
            assert_eq!(charge, (if caller < 2 { Charge::Campaign } else { Charge::Account }, vec![]));
        }
        let turns: Vec<_> = (3..20).map(|caller| claim(&mut clock, caller, at(20), 60)).collect();
        let probe_at = seconds(6);
        assert_eq!(turns[0], held(at(10), probe_at, true));
        assert_eq!(turns[1], held(at(10), probe_at, false));
        assert_eq!(turns[16], held(at(10), at(20) + HELD, false));
        assert_eq!(clock.claim_spare(&99, at(20), 60), held(at(10), probe_at, false));
        assert_eq!(claim(&mut clock, 3, probe_at, 60), Turn::Go);
        assert!(matches!(claim(&mut clock, 4, probe_at, 60), Turn::Held { .. }), "one at a time");
        assert_eq!(
            clock
                .held(&3, Place::deletion(probe_at), probe_at, 60)
                .map(|turn| matches!(turn, Turn::Held { .. })),
            Some(true)
        );
        let told = clock.record_result(&3, FAILED, probe_at);
        assert_eq!(
            told,
            (Charge::Account, vec![4, 5, 6, 7]),
            "the first ones are told when the next probe is"
        );
        assert_eq!(clock.release(&5), [4, 6, 7, 8]);
        assert!(clock.release(&15).is_empty());
        let next = probe_at + SignedDuration::from_secs(10);
        assert_eq!(claim(&mut clock, 4, next, 60), Turn::Go, "another one probes");
        let (charge, told) = clock.record_result(&4, Evidence::Works, next);
        assert_eq!((charge, told.len()), (Charge::Campaign, 14), "the others have reason to ask again");
        assert_eq!(claim(&mut clock, 19, next, 60), Turn::Go);
    }

    proptest! {
        /// Whatever is asked when, late or early, by whom, with refusals, cool-downs and outages between: the quota holds.
        #[test]
        fn the_quota_is_never_exceeded(
            quota in 1usize..8,
            steps in prop::collection::vec((0u32..6, 0i64..20_000, 0u32..20, 0i64..2_000_000), 1..400),
        ) {
            let mut clock: AccountClock<u32> = AccountClock::default();
            let mut now = 0;
            let mut served = Vec::new();
            for (caller, pause, what, due) in steps {
                now += pause;
                let turn = match what {
                    0 => { clock.cool_down(at(now + 5_000)); continue }
                    1 => { clock.refused(at(now)); continue }
                    2..=3 => { clock.record_result(&caller, FAILED, at(now)); continue }
                    4 => { clock.record_result(&caller, Evidence::ReadFailed { fresh: true }, at(now)); continue }
                    5..=6 => { clock.record_result(&caller, Evidence::Works, at(now)); continue }
                    7 => { clock.record_result(&caller, Evidence::Readable, at(now)); continue }
                    8 => { clock.release(&caller); continue }
                    9 => { clock.recall(&caller, Place::deletion(at(due)), at(due), at(now)); continue }
                    10..=12 => clock.claim_spare(&caller, at(now), quota),
                    13 => clock.claim(&caller, Place::proof(at(due)), at(now), quota),
                    _ => clock.claim(&caller, Place::deletion(at(due)), at(now), quota),
                };
                match turn {
                    Turn::Go => served.push(at(now)),
                    Turn::At(until) | Turn::Held { until, .. } => prop_assert!(until > at(now)),
                }
                prop_assert_eq!(clock.queue.len(), clock.places.len());
                prop_assert_eq!(clock.going, clock.queue.iter().filter(|waiting| waiting.goes).count());
                prop_assert!(clock.queue.is_sorted_by_key(|waiting| (waiting.place, waiting.caller)));
            }
            assert_quota(&served, quota);
        }

        /// However much later than they were begun calls arrive, up to six seconds, and however long answers take: no minute has more
        /// arrivals than the quota.
        #[test]
        fn late_arrivals_do_not_exceed_the_quota(
            quota in 1usize..8,
            calls in prop::collection::vec((0i64..6_000, prop_oneof![0i64..50, 0i64..50_000]), 40),
        ) {
            let mut clock = AccountClock::default();
            let asks = (0..40).map(|caller| (at(0), caller, false));
            let mut events: BTreeSet<(Timestamp, u32, bool)> = asks.collect();
            let mut arrived = Vec::new();
            while let Some((now, caller, is_answer)) = events.pop_first() {
                if is_answer {
                    clock.record_result(&caller, Evidence::Works, now);
                    continue;
                }
                match claim(&mut clock, caller, now, quota) {
                    Turn::Go => {
                        let (arrives, answered) = calls[caller as usize];
                        let arrives = now + SignedDuration::from_millis(arrives);
                        arrived.push(arrives);
                        events.insert((arrives + SignedDuration::from_millis(answered), caller, true));
                    }
                    Turn::At(until) | Turn::Held { until, .. } => { events.insert((until, caller, false)); }
                }
            }
            prop_assert_eq!(arrived.len(), 40);
            arrived.sort_unstable();
            assert_quota(&arrived, quota);
        }

        /// Whatever has happened before: when the service works again, everybody who waits and comes when told is served, and
        /// within the time that the quota takes.
        #[test]
        fn everybody_is_served_in_the_end(
            quota in 1usize..8,
            trouble in prop::collection::vec((0u32..30, 0i64..20_000, 0u32..4), 0..100),
        ) {
            let mut clock = AccountClock::default();
            let mut now = 0;
            for (caller, pause, what) in trouble {
                now += pause;
                match what {
                    0 => clock.cool_down(at(now + 5_000)),
                    1 => clock.refused(at(now)),
                    _ => if claim(&mut clock, caller, at(now), quota) == Turn::Go {
                        clock.record_result(&caller, FAILED, at(now));
                    },
                }
            }
            let begun = at(now);
            let mut waiting: Vec<(Timestamp, u32)> = (100..130).map(|caller| (begun, caller)).collect();
            let mut served = 0;
            while let Some(next) = waiting.iter().min().copied() {
                waiting.retain(|entry| *entry != next);
                match claim(&mut clock, next.1, next.0, quota) {
                    Turn::Go => {
                        served += 1;
                        let woken = clock.record_result(&next.1, Evidence::Works, next.0).1;
                        waiting.iter_mut().filter(|(_, caller)| woken.contains(caller)).for_each(|(at, _)| *at = next.0);
                    }
                    Turn::At(until) | Turn::Held { until, .. } => waiting.push((until, next.1)),
                }
                // Those of before the trouble have places, and do not come: for a minute.
                let windows = i64::try_from(60usize.div_ceil(quota)).unwrap() + 12;
                prop_assert!(next.0.duration_since(begun) < SignedDuration::from_secs(62 * 2 * windows), "{served}");
            }
            prop_assert_eq!(served, 30);
        }
    }
}
