use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::account_clock::{AccountClock, Holder, Outage, Past, Place, Refusal, Turn};
use super::breaker::{self, Charge, Evidence};

/// Credentials that nobody has called with for so long are forgotten: they may have been rotated.
const UNUSED: SignedDuration = SignedDuration::from_hours(1);

/// An account, and those who call it with credentials of their own: who may call when.
///
/// ```text
///   credentials of dev  ── clocks of their own: refused? ──┐
///   credentials of prod ── clocks of their own: refused? ──┴──▶ the clock of the account: quota, pauses, outages
/// ```
///
/// What the service says of credentials is theirs; and until it has accepted them, also what fails when they
/// are used: nobody can hold up others with a connection that never works, as with a deadline that is too
/// short. Whoever calls with refused ones has no place in the queue of the account, so nobody with others
/// waits for that. And whoever's failure would say nothing of the account does not probe it: of the account it takes its
/// part of the quota alone, and probes for itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Account<K, C> {
    clock: AccountClock<K, Access<C>>,
    credentials: BTreeMap<C, OfCredentials<K>>,
    /// When a probe of credentials went before all others last.
    went_first_at: Timestamp,
}

/// What a call is made with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Access<C> {
    /// The credentials of an app.
    pub credentials: C,
    /// The header `iid`. The app may have the right to one stream and not to another.
    pub iid: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct OfCredentials<K> {
    standing: Standing<K>,
    used_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::large_enum_variant,
    reason = "there are few credentials, and most of them unproven for a moment only"
)]
enum Standing<K> {
    /// The service has not accepted the credentials yet: a refusal is about them as a whole.
    Unproven {
        refusals: AccountClock<K>,
        /// Calls that fail as in an outage.
        outages: AccountClock<K>,
    },
    /// It has: a refusal is about one `iid`.
    Accepted(BTreeMap<String, AccountClock<K>>),
}

/// Who wants to call.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a, K, C> {
    /// Who.
    pub caller: &'a K,
    /// With what.
    pub access: &'a Access<C>,
    /// The place in the queue.
    pub place: Place,
    /// The time that the caller's status promises within the quota, if it does.
    pub promised: Option<Timestamp>,
    /// Most calls in any minute.
    pub quota: usize,
}

/// What an outcome says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallEvidence {
    /// Of the account.
    pub account: Evidence,
    /// Of the credentials.
    pub credentials: Evidence,
    /// How long the service wants to be left alone. By all, if that is what it says (a 429) or if the failure may be anybody's; with
    /// credentials that are refused, or were never accepted, by those who have them.
    pub pause: Option<SignedDuration>,
    /// Whether it was refused for the rate limit.
    pub throttled: bool,
}

/// What follows from an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consequence<K> {
    /// Whom a failure is charged to.
    pub charge: Charge,
    /// What it says of the account, whoever called.
    pub account: Evidence,
    /// Who has reason to ask again.
    pub woken: Vec<K>,
}

impl<K, C> Default for Account<K, C> {
    fn default() -> Self {
        let credentials = BTreeMap::new();
        Self { clock: AccountClock::default(), credentials, went_first_at: Timestamp::MIN }
    }
}

impl<K: Ord + Clone, C: Ord + Clone> Account<K, C> {
    /// What a claim would be told now. The caller takes its place in a queue, and nothing is counted.
    pub fn ask(&mut self, request: &Request<'_, K, C>, now: Timestamp) -> Turn {
        let Request { caller, access, place, promised, quota } = *request;
        if let Some(held) = self.held_by_its_own(request, now) {
            return held;
        }
        if let Some(holder) = self.own_probe(request, now) {
            return self.ask_for_a_probe(request, holder, now);
        }
        if let Some(promised) = promised {
            self.clock.recall(caller, place, promised, now);
        }
        let turn = if self.of(access, now).is_unproven() {
            self.clock.ask_apart(caller, place, now, quota)
        } else {
            self.clock.ask(caller, place, now, quota)
        };
        self.clock.waits_with(caller, access);
        turn
    }

    /// What a call would probe of its own: whether the credentials are refused, or calls with them fail.
    fn own_probe(&mut self, request: &Request<'_, K, C>, now: Timestamp) -> Option<Holder> {
        let Request { caller, access, place, .. } = *request;
        let mut own = self.of(access, now).own(&access.iid);
        own.find(|(_, clock)| clock.would_probe(caller, place)).map(|(holder, _)| holder)
    }

    /// Whether a failure would say nothing of the account.
    fn is_apart(&mut self, request: &Request<'_, K, C>, now: Timestamp) -> bool {
        self.of(request.access, now).is_unproven() || self.own_probe(request, now).is_some()
    }

    /// A probe with credentials that the service refuses takes what all others leave of the quota. Until then the
    /// credentials hold it, so it has no place among them. But where others use up the quota for long, one goes first, so that
    /// a right that was given back is noticed: one a minute, and no more than a part of the quota.
    fn ask_for_a_probe(&mut self, request: &Request<'_, K, C>, holder: Holder, now: Timestamp) -> Turn {
        let Request { caller, access, place, promised: _, quota } = *request;
        let own = self.of(access, now).own(&access.iid).find(|(of, _)| *of == holder);
        let waits_since = own.and_then(|(_, clock)| clock.probe_at()).unwrap_or(now);
        let goes_first_at = waits_since + breaker::LONGEST;
        let parts = i32::try_from(breaker::PART.div_ceil(quota.max(1))).unwrap_or(i32::MAX);
        let goes_first = goes_first_at <= now && self.went_first_at + breaker::LONGEST * parts <= now;
        let among_others = match holder {
            Holder::Credentials | Holder::Account if goes_first => place.first(),
            Holder::Credentials => place.last(),
            // Of an outage nobody knows whose it is.
            Holder::Account => place,
        };
        let turn = self.clock.ask_apart(caller, among_others, now, quota);
        if goes_first {
            self.went_first_at = now;
        }
        let (Turn::At(until) | Turn::Held { until, .. }) = turn else { return turn };
        if !goes_first && !self.clock.goes_first(caller) {
            self.clock.leave(caller);
        }
        let until = if goes_first_at > now { until.min(goes_first_at) } else { until };
        let probed = self.of(access, now).own(&access.iid).find(|(of, _)| *of == holder);
        probed.map_or(turn, |(holder, clock)| held_by(holder, clock.postpone(caller, place, until, now)))
    }

    /// Asks for a call now. What became of it must be told ([`Self::record_result`]).
    pub fn claim(&mut self, request: &Request<'_, K, C>, now: Timestamp) -> Turn {
        let turn = self.ask(request, now);
        if turn == Turn::Go {
            let Request { caller, access, place, .. } = *request;
            if self.is_apart(request, now) {
                self.clock.begin_apart(caller, now);
            } else {
                self.clock.begin(caller, place, now);
            }
            let own = self.of(access, now).own(&access.iid);
            own.for_each(|(_, clock)| clock.begin(caller, place, now));
        }
        turn
    }

    /// Asks for a call that can wait.
    pub fn claim_spare(&mut self, request: &Request<'_, K, C>, now: Timestamp) -> Turn {
        let Request { caller, access, quota, .. } = *request;
        let held = self
            .of(access, now)
            .own(&access.iid)
            .find_map(|(holder, clock)| Some(held_by(holder, clock.held_spare(caller, now)?)));
        if let Some(held) = held {
            return held;
        }
        let turn = if self.is_apart(request, now) {
            self.clock.claim_spare_apart(caller, now, quota)
        } else {
            self.clock.claim_spare(caller, now, quota)
        };
        if turn == Turn::Go {
            let own = self.of(access, now).own(&access.iid);
            own.for_each(|(_, clock)| clock.begin_spare(caller, now));
        }
        turn
    }

    /// Takes a place in a queue while the account is in trouble, or the credentials are refused; `None` otherwise.
    pub fn held(&mut self, request: &Request<'_, K, C>, now: Timestamp) -> Option<Turn> {
        let Request { caller, access, place, quota, promised: _ } = *request;
        if let Some(held) = self.held_by_its_own(request, now) {
            return Some(held);
        }
        if self.is_apart(request, now) {
            return None;
        }
        let held = self.clock.held(caller, place, now, quota);
        self.clock.waits_with(caller, access);
        held
    }

    /// Takes in what became of a call.
    pub fn record_result(
        &mut self,
        caller: &K,
        access: &Access<C>,
        heard: CallEvidence,
        now: Timestamp,
    ) -> Consequence<K> {
        let CallEvidence { account, credentials: evidence, pause, throttled } = heard;
        let refused = is_failure(evidence);
        if throttled {
            self.clock.refused(now);
        }
        let known = self.of(access, now);
        let accepted = matches!(evidence, Evidence::Works | Evidence::Readable);
        let accepted = accepted.then(|| known.accept(&access.iid)).flatten();
        let refusals = known.refusals(&access.iid);
        let (theirs, others) = refusals.record_result(caller, evidence, now);
        if let Some(pause) = pause.filter(|_| refused) {
            refusals.cool_down(now + pause);
        }
        let are_new = accepted.is_some();
        let mut woken = accepted.filter(|held| !held.is_empty()).unwrap_or(others);
        let unproven = known.outages().map(|outages| {
            if let Some(pause) = pause {
                outages.cool_down(now + pause);
            }
            outages.record_result(caller, account, now)
        });
        let account = if unproven.is_some() && is_failure(account) { Evidence::Nothing } else { account };
        let (was_open, was_down) = (self.is_in_trouble(), self.clock.is_down());
        let (charge, others) = self.clock.record_result(caller, account, now);
        if let Some(pause) = pause.filter(|_| throttled || self.may_be_of_all(account, charge)) {
            self.clock.cool_down(now + pause);
        }
        woken.extend(others);
        if are_new {
            woken.extend(self.held_with_others(&access.credentials));
        }
        let unproven = unproven.map(|(charge, others)| {
            woken.extend(others);
            charge
        });
        let charge = match (refused, throttled) {
            (true, _) => theirs,
            // When to come again, the clock says.
            (false, true) => Charge::Account,
            (false, false) if unproven == Some(Charge::Account) => Charge::Account,
            (false, false) => charge,
        };
        if was_down && !self.clock.is_down() {
            woken.extend(self.probe_now(now));
        }
        if self.is_in_trouble() && !was_open {
            woken.extend(self.all_leave_to_their_own(now));
        }
        woken.extend(self.leave_to_their_own(access, now));
        woken.extend(self.moved_up(now));
        Consequence { charge, account, woken }
    }

    /// The account works again: whoever shared its trouble finds out whether that is so with its own credentials.
    fn probe_now(&mut self, now: Timestamp) -> Vec<K> {
        let unproven = self.credentials.values_mut().filter_map(OfCredentials::outages);
        unproven.flat_map(|outages| outages.probe_now(now)).collect()
    }

    /// Whether a failure may be anybody's: then what it asks for is asked of all. Otherwise it is the campaign's, which heeds it itself.
    fn may_be_of_all(&self, failure: Evidence, charge: Charge) -> bool {
        match failure {
            Evidence::DeleteFailed { fresh: true } => true,
            Evidence::DeleteFailed { fresh: false } | Evidence::ReadFailed { .. } => {
                charge == Charge::Account && self.clock.holds_all()
            }
            Evidence::Works | Evidence::Readable | Evidence::Nothing => false,
        }
    }

    /// The account is in trouble now: whoever's failure would say nothing of it does not stand before those who probe it.
    fn all_leave_to_their_own(&mut self, now: Timestamp) -> Vec<K> {
        let Self { clock, credentials, went_first_at: _ } = self;
        let mut woken = Vec::new();
        for (credentials, known) in credentials {
            if let Some(outages) = known.outages() {
                outages.join_trouble(clock);
                let is_with = |other: &Access<C>| other.credentials == *credentials;
                woken.extend(clock.leave_to(outages, is_with, now));
            }
        }
        woken
    }

    /// Whoever waits in the queue of the account, and is held by now by what it calls with, waits there.
    fn leave_to_their_own(&mut self, access: &Access<C>, now: Timestamp) -> Vec<K> {
        let Self { clock, credentials, went_first_at: _ } = self;
        let Some(known) = credentials.get_mut(&access.credentials) else { return Vec::new() };
        let concerns_all = known.is_unproven();
        let is_with = |other: &Access<C>| {
            other.credentials == access.credentials && (concerns_all || other.iid == access.iid)
        };
        let own = known.own(&access.iid);
        own.flat_map(|(_, own)| clock.leave_to(own, is_with, now)).collect()
    }

    /// Gives back the caller's places. Who has reason to ask again: those who are to probe in its place.
    pub fn release(&mut self, caller: &K) -> Vec<K> {
        let mut woken = self.clock.release(caller);
        let clocks = self.credentials.values_mut().flat_map(OfCredentials::clocks);
        woken.extend(clocks.flat_map(|clock| clock.release(caller)));
        woken
    }

    /// The same for a caller that was told that it may call, and does not; `None` if it was not told so.
    pub fn give_back(&mut self, caller: &K) -> Option<Vec<K>> {
        let clocks = self.credentials.values_mut().flat_map(OfCredentials::clocks);
        let woken = clocks.filter_map(|clock| clock.give_back(caller));
        self.clock.give_back(caller).into_iter().chain(woken).reduce(|one, other| [one, other].concat())
    }

    /// Who has reason to ask again, because there is much more room than when it was promised its time, or because those that
    /// were to probe have gone. To be asked after each request.
    pub fn moved_up(&mut self, now: Timestamp) -> Vec<K> {
        let mut woken = self.clock.moved_up(now);
        let clocks = self.credentials.values_mut().flat_map(OfCredentials::clocks);
        woken.extend(clocks.flat_map(|clock| clock.moved_up(now)));
        woken
    }

    /// Takes in what the statuses say of the time before this process.
    pub fn inherit(&mut self, past: &Past<K>, now: Timestamp, quota: usize) {
        self.clock.inherit(past, now, quota);
    }

    /// Takes in that calls failed with what is called with, before this process, unless it has been accepted since.
    pub fn inherit_outage(&mut self, access: &Access<C>, outage: &Outage<K>, now: Timestamp) {
        if let Some(outages) = self.of(access, now).outages() {
            outages.inherit_outage(outage, now);
        }
    }

    /// Takes in that what is called with was refused before this process, unless it has been accepted since.
    pub fn inherit_refusal(&mut self, access: &Access<C>, refusal: Refusal, now: Timestamp) {
        match &mut self.of(access, now).standing {
            Standing::Unproven { refusals, outages: _ } => refusals.inherit_refusal(refusal, now),
            Standing::Accepted(_) => {}
        }
    }

    /// Whether calls to the account are in trouble.
    pub fn is_in_trouble(&self) -> bool {
        self.clock.in_trouble_since().is_some()
    }

    /// Whether all calls to the account fail, reads included, and not of a few campaigns alone.
    pub fn is_down(&self) -> bool {
        self.clock.is_down() && self.clock.holds_all()
    }

    /// Whether reads of the account work, and DELETEs fail.
    pub fn limps(&self) -> bool {
        self.clock.limps()
    }

    /// Whether what is called with is in trouble of its own: the service refuses it, or has not accepted it,
    /// and calls fail.
    pub fn is_in_trouble_with(&self, access: &Access<C>) -> bool {
        self.known(access).any(|clock| clock.in_trouble_since().is_some())
    }

    /// Whether somebody has called with these credentials not long ago.
    pub fn knows(&self, credentials: &C) -> bool {
        self.credentials.contains_key(credentials)
    }

    /// Whether nobody knows if reads work, while DELETEs fail or are refused: a look tells most then.
    pub fn wants_diagnostic_read(&self, access: &Access<C>) -> bool {
        self.clock.wants_diagnostic_read() || self.known(access).any(AccountClock::wants_diagnostic_read)
    }

    /// Who waits because other credentials are in trouble: it may have these by now.
    fn held_with_others(&mut self, credentials: &C) -> Vec<K> {
        let others = self.credentials.iter_mut().filter(|(other, _)| *other != credentials);
        others.flat_map(|(_, known)| known.clocks()).flat_map(|clock| clock.waiting()).collect()
    }

    fn known(&self, access: &Access<C>) -> impl Iterator<Item = &AccountClock<K>> {
        let known = self.credentials.get(&access.credentials);
        known.into_iter().flat_map(|known| known.known(&access.iid))
    }

    fn held_by_its_own(&mut self, request: &Request<'_, K, C>, now: Timestamp) -> Option<Turn> {
        let Request { caller, access, place, quota, promised: _ } = *request;
        let held = |(holder, clock): (Holder, &mut AccountClock<K>)| {
            Some(held_by(holder, clock.held(caller, place, now, quota)?))
        };
        let turn = self.of(access, now).own(&access.iid).find_map(held)?;
        self.clock.leave(caller);
        Some(turn)
    }

    fn of(&mut self, access: &Access<C>, now: Timestamp) -> &mut OfCredentials<K> {
        if !self.credentials.contains_key(&access.credentials) {
            self.credentials.retain(|_, known| known.used_at + UNUSED > now);
        }
        let known = self.credentials.entry(access.credentials.clone());
        let known = known.or_insert_with(|| OfCredentials { standing: Standing::unproven(), used_at: now });
        known.used_at = now;
        // The trouble of the account is theirs, too: since then, and not begun anew.
        if let Some(outages) = known.outages() {
            outages.join_trouble(&self.clock);
        }
        known
    }
}

impl<K> Standing<K> {
    fn unproven() -> Self {
        Self::Unproven { refusals: AccountClock::cautious(), outages: AccountClock::default() }
    }
}

impl<K: Ord + Clone> OfCredentials<K> {
    /// The clock of those whom a refusal for this `iid` concerns.
    fn refusals(&mut self, iid: &str) -> &mut AccountClock<K> {
        match &mut self.standing {
            Standing::Unproven { refusals, outages: _ } => refusals,
            Standing::Accepted(by_iid) => by_iid.entry(iid.to_owned()).or_default(),
        }
    }

    fn is_unproven(&self) -> bool {
        matches!(self.standing, Standing::Unproven { .. })
    }

    fn outages(&mut self) -> Option<&mut AccountClock<K>> {
        match &mut self.standing {
            Standing::Unproven { refusals: _, outages } => Some(outages),
            Standing::Accepted(_) => None,
        }
    }

    /// The clocks that a call with this `iid` is subject to, and what they say is in trouble.
    fn own(&mut self, iid: &str) -> impl Iterator<Item = (Holder, &mut AccountClock<K>)> {
        let (refusals, outages) = match &mut self.standing {
            Standing::Unproven { refusals, outages } => (refusals, Some(outages)),
            Standing::Accepted(by_iid) => (by_iid.entry(iid.to_owned()).or_default(), None),
        };
        let outages = outages.map(|outages| (Holder::Account, outages));
        std::iter::once((Holder::Credentials, refusals)).chain(outages)
    }

    /// The same, as far as they are known.
    fn known(&self, iid: &str) -> impl Iterator<Item = &AccountClock<K>> {
        let (refusals, outages) = match &self.standing {
            Standing::Unproven { refusals, outages } => (Some(refusals), Some(outages)),
            Standing::Accepted(by_iid) => (by_iid.get(iid), None),
        };
        refusals.into_iter().chain(outages)
    }

    fn clocks(&mut self) -> impl Iterator<Item = &mut AccountClock<K>> {
        let (unproven, by_iid) = match &mut self.standing {
            Standing::Unproven { refusals, outages } => (Some([refusals, outages]), None),
            Standing::Accepted(by_iid) => (None, Some(by_iid)),
        };
        unproven.into_iter().flatten().chain(by_iid.into_iter().flat_map(BTreeMap::values_mut))
    }

    /// The service accepts them with this `iid`, for the first time. Who has reason to ask again: all that were held, also
    /// with another.
    fn accept(&mut self, iid: &str) -> Option<Vec<K>> {
        let Standing::Unproven { refusals, outages } = &mut self.standing else { return None };
        let mut woken = refusals.waiting();
        woken.extend(outages.waiting());
        let refusals = std::mem::take(refusals);
        self.standing = Standing::Accepted(BTreeMap::from([(iid.to_owned(), refusals)]));
        Some(woken)
    }
}

fn is_failure(evidence: Evidence) -> bool {
    matches!(evidence, Evidence::DeleteFailed { .. } | Evidence::ReadFailed { .. })
}

/// The same, and this is in trouble.
fn held_by(holder: Holder, turn: Turn) -> Turn {
    match turn {
        Turn::Held { since, until, next, of: _ } => Turn::Held { of: holder, since, until, next },
        Turn::Go | Turn::At(_) => turn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: CallEvidence = CallEvidence {
        account: Evidence::Nothing,
        credentials: Evidence::DeleteFailed { fresh: true },
        pause: None,
        throttled: false,
    };
    const DELETED: CallEvidence = CallEvidence {
        account: Evidence::Works,
        credentials: Evidence::Works,
        pause: None,
        throttled: false,
    };

    /// What says nothing of the credentials.
    const FAILED: CallEvidence = CallEvidence {
        account: Evidence::DeleteFailed { fresh: true },
        credentials: Evidence::Nothing,
        pause: None,
        throttled: false,
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn claim(
        account: &mut Account<u32, &'static str>,
        caller: u32,
        credentials: &'static str,
        now: i64,
    ) -> Turn {
        let place = Place::deletion(at(i64::from(caller) - 1000));
        let access = &with(credentials);
        let request = Request { caller: &caller, access, place, promised: None, quota: 60 };
        account.claim(&request, at(now))
    }

    fn with(credentials: &'static str) -> Access<&'static str> {
        Access { credentials, iid: "st-1".into() }
    }

    /// 50 campaigns whose credentials are refused cost the account a call and its probes, and no place in the queue.
    #[test]
    fn refused_credentials_hold_up_nobody_with_others() {
        let mut account = Account::default();
        assert_eq!(claim(&mut account, 0, "dev", 0), Turn::Go);
        let consequence = account.record_result(&0, &with("dev"), REFUSED, at(0));
        assert_eq!((consequence.charge, consequence.woken), (Charge::Account, vec![]));
        assert!(
            account.is_in_trouble_with(&with("dev"))
                && !account.is_in_trouble_with(&with("prod"))
                && !account.is_in_trouble()
        );
        for caller in 0..50 {
            let turn = claim(&mut account, caller, "dev", 1);
            assert!(matches!(turn, Turn::Held { of: Holder::Credentials, .. }), "{turn:?}");
        }
        assert!((100..159).all(|caller| claim(&mut account, caller, "prod", 1) == Turn::Go));
        assert!(matches!(claim(&mut account, 159, "prod", 1), Turn::At(_)));
        let calls = (1..600).filter(|now| {
            let goes = claim(&mut account, 7, "dev", *now) == Turn::Go;
            goes.then(|| account.record_result(&7, &with("dev"), REFUSED, at(*now)));
            goes
        });
        assert!(calls.count() < 15);
    }

    /// Those who leave the queue of the account because their credentials are refused have the next ones told: an account that
    /// works is not left to itself.
    #[test]
    fn whoever_leaves_the_front_has_the_next_ones_told() {
        let mut account = Account::default();
        for (caller, credentials) in [(9, "prod"), (9, "dev")] {
            claim(&mut account, caller, credentials, 0);
            account.record_result(&caller, &with(credentials), DELETED, at(0));
        }
        for caller in 10..13 {
            assert_eq!(claim(&mut account, caller, "dev", 0), Turn::Go);
        }
        for caller in 0..3 {
            claim(&mut account, caller, "prod", 0);
            account.record_result(&caller, &with("prod"), FAILED, at(0));
        }
        for caller in 3..7 {
            claim(&mut account, caller, "dev", 1);
        }
        let (access, place) = (&with("dev"), Place::deletion(at(-993)));
        let request = Request { caller: &7, access, place, promised: None, quota: 60 };
        assert!(account.held(&request, at(1)).is_some());
        for caller in 100..120 {
            claim(&mut account, caller, "prod", 1);
        }
        let told =
            [10, 11, 12].map(|caller| account.record_result(&caller, &with("dev"), REFUSED, at(2)).woken);
        assert!(told[2].contains(&3) && told[2].contains(&100), "{told:?}");
        assert!(account.clock.waiting().iter().all(|caller| *caller >= 100));
        assert_eq!(claim(&mut account, 100, "prod", 5), Turn::Go);
    }

    /// The same if they come with other credentials by now, which are refused.
    #[test]
    fn whoever_comes_with_refused_credentials_has_the_next_ones_told() {
        let mut account = Account::default();
        for (caller, credentials, outcome) in [(9, "prod", DELETED), (10, "dev", REFUSED)] {
            assert_eq!(claim(&mut account, caller, credentials, 0), Turn::Go);
            account.record_result(&caller, &with(credentials), outcome, at(0));
        }
        for caller in 0..3 {
            account.record_result(&caller, &with("prod"), FAILED, at(0));
        }
        for caller in (3..8).chain(100..120) {
            assert!(matches!(claim(&mut account, caller, "prod", 1), Turn::Held { of: Holder::Account, .. }));
        }
        for caller in 3..8 {
            let turn = claim(&mut account, caller, "dev", 2);
            assert!(matches!(turn, Turn::Held { of: Holder::Credentials, .. }), "{turn:?}");
        }
        let told = account.moved_up(at(2));
        assert!(told.contains(&100), "{told:?}");
    }

    /// Whoever has left the queue waits with the credentials: for as long as it was promised, and it is told when they are accepted.
    #[test]
    fn whoever_has_left_waits_with_the_credentials() {
        let mut account = Account::default();
        let ask = |account: &mut Account<u32, &'static str>, caller: u32, iid: &str, now| {
            let access = &Access { credentials: "dev", iid: iid.into() };
            let place = Place::deletion(at(i64::from(caller)));
            account.claim(&Request { caller: &caller, access, place, promised: None, quota: 1 }, at(now))
        };
        assert_eq!(ask(&mut account, 0, "st-1", 0), Turn::Go);
        for caller in 1..20 {
            let iid = if caller % 2 == 0 { "st-1" } else { "st-2" };
            assert!(matches!(ask(&mut account, caller, iid, 0), Turn::At(_)));
        }
        let first = account.record_result(&0, &with("dev"), REFUSED, at(1)).woken;
        assert_eq!((first, account.clock.waiting()), (vec![1, 2, 3, 4], vec![]), "whatever they are to open");
        assert_eq!(ask(&mut account, 0, "st-1", 600), Turn::Go);
        let told = account.record_result(&0, &with("dev"), DELETED, at(601)).woken;
        assert_eq!(told, (9..20).collect::<Vec<_>>(), "those that were to come later");
        for caller in 10..20 {
            ask(&mut account, caller, if caller < 15 { "st-1" } else { "st-2" }, 602);
        }
        for caller in 30..33 {
            account.record_result(&caller, &with("dev"), REFUSED, at(603));
        }
        assert_eq!(account.clock.waiting(), (15..20).collect::<Vec<_>>(), "this stream alone");
    }

    /// What becomes of the deletions of an account, all of which come at once: those of dev, which were due first, are refused.
    /// When the last of the others was deleted, and how often one of them was told a time at most.
    fn others_are_deleted(quota: usize, dev: u32, prod: u32) -> (i64, usize) {
        let mut account = Account::default();
        let mut comes: Vec<Option<i64>> = vec![Some(0); (dev + prod) as usize];
        let mut told = vec![Vec::new(); comes.len()];
        let mut calls: Vec<(i64, u32)> = Vec::new();
        let mut left = prod;
        for now in 0.. {
            let (answered, under_way) = calls.into_iter().partition(|(answered, _)| *answered <= now);
            calls = under_way;
            let answered: Vec<(i64, u32)> = answered;
            let mut woken = Vec::new();
            for (_, caller) in answered {
                let (credentials, outcome) = if caller < dev { ("dev", REFUSED) } else { ("prod", DELETED) };
                woken.extend(account.record_result(&caller, &with(credentials), outcome, at(now)).woken);
                left -= u32::from(caller >= dev);
                comes[caller as usize] = (caller < dev).then_some(now);
            }
            if left == 0 {
                return (now, told.iter().map(Vec::len).max().unwrap());
            }
            while let Some(caller) = woken.pop().or_else(|| {
                let next = comes.iter().position(|comes| comes.is_some_and(|comes| comes <= now));
                next.map(|caller| u32::try_from(caller).unwrap())
            }) {
                // Who calls, or is gone, is not woken.
                let Some(known) = &mut comes[caller as usize] else { continue };
                *known = i64::MAX;
                let access = &with(if caller < dev { "dev" } else { "prod" });
                let place = Place::deletion(at(i64::from(caller) - 1_000_000));
                let request = Request { caller: &caller, access, place, promised: None, quota };
                match account.claim(&request, at(now)) {
                    Turn::Go => {
                        comes[caller as usize] = None;
                        calls.push((now + 1, caller));
                    }
                    Turn::At(until) => {
                        // What is only some seconds later, the status does not tell anew.
                        let about = |told: &Timestamp| {
                            (*told..=*told + SignedDuration::from_secs(10)).contains(&until)
                        };
                        if !told[caller as usize].last().is_some_and(about) {
                            told[caller as usize].push(until);
                        }
                        comes[caller as usize] = Some(until.duration_since(at(0)).as_secs());
                    }
                    Turn::Held { until, .. } => {
                        comes[caller as usize] = Some(until.duration_since(at(0)).as_secs());
                    }
                }
                woken.extend(account.moved_up(at(now)));
            }
        }
        unreachable!("the loop has no end")
    }

    /// Deletions with refused credentials have all asked before the first refusal is known: they hold up nobody, whatever the quota;
    /// and those who move up are told no more than once or twice.
    #[test]
    fn refused_credentials_that_wait_for_the_quota_hold_up_nobody() {
        for (quota, dev, prod) in [(7, 50, 1), (1, 26, 1), (60, 500, 1), (60, 500, 590)] {
            let (took, told) = others_are_deleted(quota, dev, prod);
            let windows = 1 + i64::from(prod - 1) / i64::try_from(quota).unwrap();
            // A minute, the second that each answer takes (a call counts from it), what makes that a whole second, and the last answer.
            assert!(took <= 63 * windows, "quota {quota}, {dev} refused, {prod} others: {took} s");
            assert!(told <= 3, "told {told} times");
        }
    }

    /// A restart in an outage: whatever was not accepted yet is in the same trouble, since the same time, however many probes fail.
    #[test]
    fn the_trouble_of_the_account_is_that_of_whoever_comes() {
        let mut account = Account::default();
        let outages = (0..9).map(|held| Outage::new(at(-600), None, Some(held)));
        let past = Past { outage: outages.reduce(Outage::join), ..Past::default() };
        account.inherit(&past, at(0), 60);
        let unread = CallEvidence { account: Evidence::ReadFailed { fresh: true }, ..FAILED };
        let mut probes = 0;
        for now in 0..600 {
            match claim(&mut account, 1, "prod", now) {
                Turn::Go => {
                    probes += 1;
                    account.record_result(&1, &with("prod"), unread, at(now));
                }
                Turn::Held { of, since, .. } => assert_eq!((of, since), (Holder::Account, at(-600)), "{now}"),
                Turn::At(until) => panic!("{until}"),
            }
        }
        assert!((9..=12).contains(&probes), "one a minute, not {probes}");
    }

    fn with_credentials(account: &mut Account<u32, &'static str>, caller: u32, credentials: &'static str) {
        assert_eq!(claim(account, caller, credentials, 0), Turn::Go);
        account.record_result(&caller, &with(credentials), DELETED, at(0));
    }

    /// In an outage of the account, a connection that has never worked probes for itself: the others keep their probes, each at the time that
    /// the first of them was told.
    #[test]
    fn what_never_worked_takes_no_probe_of_the_account() {
        let mut account = Account::default();
        with_credentials(&mut account, 900, "prod");
        for caller in 901..904 {
            account.record_result(&caller, &with("prod"), FAILED, at(0));
        }
        let (mut comes, mut probes, mut others) = (1, Vec::new(), 0);
        let mut under_way: Option<(u32, i64)> = None;
        for now in 1..600 {
            if let Some((caller, _)) = under_way.take_if(|(_, since)| *since + 5 <= now) {
                account.record_result(&caller, &with("dev"), FAILED, at(now));
            }
            for caller in 0..20 {
                if claim(&mut account, caller, "dev", now) == Turn::Go {
                    assert!(under_way.replace((caller, now)).is_none(), "one at a time");
                    others += 1;
                }
            }
            assert!(account.clock.waiting().iter().all(|caller| *caller == 900));
            if comes <= now {
                comes = match claim(&mut account, 900, "prod", now) {
                    Turn::Go => {
                        account.record_result(&900, &with("prod"), FAILED, at(now));
                        probes.push(now);
                        now + 1
                    }
                    Turn::Held { until, next, .. } => {
                        assert!(next);
                        until.duration_since(at(0)).as_secs()
                    }
                    Turn::At(until) => panic!("{until}"),
                };
            }
        }
        assert_eq!(probes[..5], [5, 15, 35, 75, 135]);
        assert!((9..=15).contains(&others), "{others}");
        // A look of them takes no probe, either.
        let access = &with("dev");
        let request = Request { caller: &99, access, place: Place::proof(at(0)), promised: None, quota: 60 };
        let spare = (600..700).find(|now| account.claim_spare(&request, at(*now)) == Turn::Go);
        assert_eq!(
            claim(&mut account, 900, "prod", spare.unwrap().max(probes.last().unwrap() + 60)),
            Turn::Go
        );
    }

    /// The same of refused credentials: what probes them says nothing of the account.
    #[test]
    fn a_probe_of_refused_credentials_takes_no_probe_of_the_account() {
        let mut account = Account::default();
        with_credentials(&mut account, 900, "prod");
        with_credentials(&mut account, 0, "dev");
        for caller in 901..904 {
            account.record_result(&caller, &with("prod"), FAILED, at(0));
        }
        for caller in 1..4 {
            account.record_result(&caller, &with("dev"), REFUSED, at(0));
        }
        let mut looks = account.clone();
        let access = &with("dev");
        let request = Request { caller: &50, access, place: Place::proof(at(0)), promised: None, quota: 60 };
        assert_eq!(looks.claim_spare(&request, at(5)), Turn::Go);
        assert_eq!(claim(&mut looks, 900, "prod", 5), Turn::Go);
        assert_eq!(claim(&mut account, 1, "dev", 5), Turn::Go);
        assert_eq!(claim(&mut account, 900, "prod", 5), Turn::Go);
        account.record_result(&1, &with("dev"), REFUSED, at(5));
        account.record_result(&900, &with("prod"), FAILED, at(5));
        assert_eq!(claim(&mut account, 2, "dev", 15), Turn::Go);
        account.record_result(&2, &with("dev"), REFUSED, at(15));
        assert_eq!(claim(&mut account, 900, "prod", 15), Turn::Go);
    }

    /// While DELETEs of an account fail and reads work, a connection that has never worked finds out for itself, too, and is held for
    /// itself. It has its part of the quota.
    #[test]
    fn what_never_worked_is_held_for_itself() {
        let mut account = Account::default();
        with_credentials(&mut account, 900, "prod");
        for caller in 901..904 {
            account.record_result(&caller, &with("prod"), FAILED, at(0));
        }
        let (access, place) = (&with("dev"), Place::deletion(at(0)));
        let request = Request { caller: &0, access, place, promised: None, quota: 60 };
        assert_eq!(claim(&mut account, 900, "prod", 5), Turn::Go);
        assert_eq!((account.held(&request, at(5)), account.clock.waiting()), (None, vec![]), "it may probe");
        account.record_result(&900, &with("prod"), READ, at(5));
        for caller in 100..105 {
            assert_eq!(claim(&mut account, caller, "prod", 6), Turn::Go);
        }
        assert!(matches!(claim(&mut account, 105, "prod", 6), Turn::Held { .. }), "a tenth is used up");
        let charges = [0, 1, 2].map(|caller| {
            assert_eq!(claim(&mut account, caller, "staging", 6), Turn::Go);
            account.record_result(&caller, &with("staging"), FAILED, at(6)).charge
        });
        assert_eq!(charges, [Charge::Campaign, Charge::Campaign, Charge::Account]);
        let access = &with("test");
        let request = Request { access, ..request };
        let spare = (0..60).map(|_| account.claim_spare(&request, at(6)));
        assert_eq!(spare.filter(|turn| *turn == Turn::Go).count(), 19, "half of the quota is free");
    }

    /// The account works again: those who share its trouble with credentials that were not accepted yet try at once.
    #[test]
    fn an_account_that_works_again_is_told_to_all_that_share_its_trouble() {
        let mut account = Account::default();
        with_credentials(&mut account, 900, "prod");
        for caller in 901..904 {
            account.record_result(&caller, &with("prod"), FAILED, at(0));
        }
        for caller in 0..20 {
            assert!(matches!(claim(&mut account, caller, "dev", 1), Turn::Held { of: Holder::Account, .. }));
        }
        for (now, goes) in [(5, 0), (15, 1)] {
            assert_eq!(claim(&mut account, goes, "dev", now), Turn::Go);
            account.record_result(&goes, &with("dev"), FAILED, at(now));
        }
        assert_eq!(claim(&mut account, 900, "prod", 16), Turn::Go);
        assert_eq!(account.record_result(&900, &with("prod"), DELETED, at(17)).woken[..4], [2, 3, 4, 5]);
        assert_eq!(claim(&mut account, 2, "dev", 17), Turn::Go);
        assert!(matches!(claim(&mut account, 3, "dev", 17), Turn::Held { .. }), "one tries");
        assert!(account.record_result(&2, &with("dev"), DELETED, at(18)).woken.contains(&19));
        assert_eq!(claim(&mut account, 900, "prod", 18), Turn::Go);
        assert!(account.record_result(&900, &with("prod"), DELETED, at(18)).woken.is_empty(), "once");
    }

    /// When the account gets into trouble, whoever waits for the quota with credentials that were not accepted yet does not stand before those
    /// who probe.
    #[test]
    fn what_never_worked_does_not_stand_before_those_who_probe() {
        let mut account = Account::default();
        with_credentials(&mut account, 900, "prod");
        for caller in 100..159 {
            claim(&mut account, caller, "prod", 0);
        }
        for caller in 0..20 {
            assert!(matches!(claim(&mut account, caller, "dev", 1), Turn::At(_)));
        }
        for caller in 100..103 {
            account.record_result(&caller, &with("prod"), FAILED, at(2));
        }
        assert!(account.clock.waiting().is_empty());
        let turn = claim(&mut account, 900, "prod", 3);
        assert!(matches!(turn, Turn::Held { next: true, .. }), "{turn:?}");
    }

    /// A restart in the trouble of two campaigns holds nobody else, and one in an outage nobody's probe comes before it was promised; the trouble
    /// of a connection that is not known to have worked is its own.
    #[test]
    fn a_restart_leaves_trouble_where_it_was() {
        let outage = |held: &[u32]| {
            let outages = held.iter().map(|held| Outage::new(at(-600), Some(at(40)), Some(*held)));
            outages.reduce(Outage::join)
        };
        let mut account = Account::default();
        account.inherit(&Past { outage: outage(&[1, 2]), ..Past::default() }, at(0), 60);
        assert!(matches!(claim(&mut account, 1, "prod", 0), Turn::Held { of: Holder::Account, .. }));
        assert_eq!(claim(&mut account, 3, "prod", 0), Turn::Go);
        let mut account = Account::default();
        account.inherit(&Past { outage: outage(&[1, 2, 3, 4]), ..Past::default() }, at(0), 60);
        assert_eq!((0..90).find(|now| claim(&mut account, 9, "prod", *now) == Turn::Go), Some(40));
        let mut account = Account::default();
        account.inherit(&Past::default(), at(0), 60);
        account.inherit_outage(&with("dev"), &outage(&[1, 2, 3]).unwrap(), at(0));
        assert!(!account.is_in_trouble());
        assert_eq!(claim(&mut account, 5, "prod", 0), Turn::Go);
        assert_eq!((0..90).find(|now| claim(&mut account, 9, "dev", *now) == Turn::Go), Some(40));
    }

    /// A probe in an outage has its own place: of an outage nobody knows whose it is.
    #[test]
    fn a_probe_in_an_outage_does_not_wait_for_all_others() {
        let mut account = Account::default();
        for caller in 0..3 {
            claim(&mut account, caller, "dev", 0);
            account.record_result(&caller, &with("dev"), FAILED, at(0));
        }
        claim(&mut account, 200, "prod", 0);
        account.record_result(&200, &with("prod"), DELETED, at(0));
        for caller in 1000..1300 {
            claim(&mut account, caller, "prod", 1);
        }
        let goes = (2..200).find(|now| claim(&mut account, 3, "dev", *now) == Turn::Go);
        assert!(goes.is_some_and(|at| at <= 130), "{goes:?}");
    }

    /// When they are accepted, all that have them are told.
    #[test]
    fn accepted_credentials_are_told_to_all_that_have_them() {
        let mut account = Account::default();
        claim(&mut account, 0, "dev", 0);
        account.record_result(&0, &with("dev"), REFUSED, at(0));
        for caller in 1..9 {
            let _ = claim(&mut account, caller, "dev", 1);
        }
        assert_eq!(claim(&mut account, 1, "dev", 6), Turn::Go);
        assert_eq!(account.record_result(&1, &with("dev"), DELETED, at(6)).woken, [2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(claim(&mut account, 2, "dev", 6), Turn::Go);
    }

    /// A Secret is swapped for that of another app: whoever was held with the old credentials is told when the new ones are
    /// accepted, and nobody is told again when they work on.
    #[test]
    fn new_credentials_are_told_to_those_with_old_ones() {
        let mut account = Account::default();
        claim(&mut account, 0, "old", 0);
        account.record_result(&0, &with("old"), READ, at(0));
        for caller in 1..4 {
            claim(&mut account, caller, "old", 1);
            account.record_result(&caller, &with("old"), REFUSED, at(1));
        }
        for caller in 4..30 {
            assert!(matches!(claim(&mut account, caller, "old", 2), Turn::Held { .. }));
        }
        assert_eq!(claim(&mut account, 1, "new", 3), Turn::Go);
        let told = account.record_result(&1, &with("new"), DELETED, at(3)).woken;
        assert_eq!(told, (4..30).collect::<Vec<_>>());
        assert_eq!(claim(&mut account, 29, "new", 3), Turn::Go);
        assert!(account.record_result(&29, &with("new"), DELETED, at(3)).woken.is_empty());
    }

    /// A pause that comes with a refusal of the credentials is for those who have them.
    #[test]
    fn a_pause_is_for_whom_it_was_meant() {
        let pause = Some(SignedDuration::from_secs(300));
        let mut account = Account::default();
        claim(&mut account, 0, "dev", 0);
        account.record_result(&0, &with("dev"), CallEvidence { pause, ..REFUSED }, at(0));
        assert_eq!(claim(&mut account, 1, "prod", 0), Turn::Go);
        account.record_result(&1, &with("prod"), CallEvidence { pause, throttled: true, ..DELETED }, at(0));
        assert_eq!(claim(&mut account, 2, "prod", 0), Turn::At(at(300)));
    }

    /// A campaign that is answered with a pause again and again, or a connection that never works, pauses nobody else; an outage
    /// pauses all, and so does a 429, whoever has called.
    #[test]
    fn a_pause_of_one_campaign_is_not_that_of_all() {
        let pause = Some(SignedDuration::from_secs(900));
        let failed = |account| CallEvidence { account, pause, ..FAILED };
        let poisoned = failed(Evidence::DeleteFailed { fresh: false });
        let mut account = Account::default();
        assert_eq!(claim(&mut account, 0, "prod", 0), Turn::Go);
        account.record_result(&0, &with("prod"), DELETED, at(0));
        for caller in 20..23 {
            assert_eq!(claim(&mut account, caller, "dev", 9), Turn::Go);
            account.record_result(
                &caller,
                &with("dev"),
                failed(Evidence::DeleteFailed { fresh: true }),
                at(9),
            );
        }
        let Turn::Held { until, .. } = claim(&mut account, 20, "dev", 9) else {
            panic!("they are in trouble")
        };
        assert_eq!(until, at(909), "it is asked of those who have these credentials");
        for now in 0..9 {
            account.record_result(&1, &with("prod"), poisoned, at(now));
            let refused = CallEvidence { account: Evidence::Works, credentials: Evidence::Works, ..poisoned };
            account.record_result(&2, &with("prod"), refused, at(now));
        }
        for _ in 0..5 {
            let charge = account.record_result(&1, &with("prod"), poisoned, at(9)).charge;
            account.record_result(&3, &with("prod"), failed(Evidence::ReadFailed { fresh: true }), at(9));
            assert!(charge == Charge::Campaign || account.is_in_trouble());
        }
        assert!(account.is_in_trouble(), "theirs");
        assert_eq!(claim(&mut account, 4, "prod", 10), Turn::Go);
        account.record_result(&4, &with("prod"), failed(Evidence::DeleteFailed { fresh: true }), at(10));
        assert_eq!(claim(&mut account, 5, "prod", 10), Turn::At(at(910)), "it may be anybody's");

        let mut account = Account::default();
        claim(&mut account, 0, "prod", 0);
        account.record_result(&0, &with("prod"), DELETED, at(0));
        let mut first = account.clone();
        first.record_result(&1, &with("prod"), failed(Evidence::DeleteFailed { fresh: true }), at(0));
        assert_eq!(claim(&mut first, 5, "prod", 0), Turn::At(at(900)), "nobody knows of trouble yet");
        for caller in 1..4 {
            account.record_result(&caller, &with("prod"), FAILED, at(0));
        }
        account.record_result(&1, &with("prod"), failed(Evidence::ReadFailed { fresh: false }), at(1));
        let Turn::Held { until, .. } = claim(&mut account, 5, "prod", 1) else {
            panic!("there is an outage")
        };
        assert_eq!(until, at(901));
    }

    /// Others use up the quota for hours: refused credentials are probed nevertheless, every few minutes, with a part of the quota; so a right
    /// that was given back is noticed.
    #[test]
    fn refused_credentials_are_probed_while_others_are_busy() {
        for (quota, within) in [(60, 240), (1, 840)] {
            let mut account = Account::default();
            let ask = |account: &mut Account<u32, &'static str>, caller: u32, now| {
                let access = &with(if caller < 10 { "dev" } else { "prod" });
                let place = Place::deletion(at(i64::from(caller)));
                account.claim(&Request { caller: &caller, access, place, promised: None, quota }, at(now))
            };
            assert_eq!(ask(&mut account, 0, 0), Turn::Go);
            account.record_result(&0, &with("dev"), REFUSED, at(0));
            let mut comes: Vec<i64> = vec![0; 2010];
            let (mut probes, mut others) = (Vec::new(), 0);
            for now in 0..1800 {
                while let Some(caller) = comes.iter().position(|comes| *comes <= now) {
                    let caller = u32::try_from(caller).unwrap();
                    let (next, mut woken) = match ask(&mut account, caller, now) {
                        Turn::Go if caller < 10 => {
                            probes.push(now);
                            (now, account.record_result(&caller, &with("dev"), REFUSED, at(now)).woken)
                        }
                        Turn::Go => {
                            others += 1;
                            (i64::MAX, account.record_result(&caller, &with("prod"), DELETED, at(now)).woken)
                        }
                        Turn::At(until) | Turn::Held { until, .. } => {
                            (until.duration_since(at(0)).as_secs(), Vec::new())
                        }
                    };
                    comes[caller as usize] = next;
                    woken.extend(account.moved_up(at(now)));
                    for caller in woken {
                        let known = &mut comes[caller as usize];
                        *known = if *known < i64::MAX { now } else { i64::MAX };
                    }
                }
            }
            let pauses: Vec<i64> = probes.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(probes[0] <= within && pauses.iter().all(|pause| *pause <= within), "{probes:?}");
            let all = i64::try_from(quota).unwrap() * 1800 / 61;
            assert!(others >= all - all / 9 - 1, "{others} of {all}, {} probes", probes.len());
        }
    }

    /// It is counted as one that went first also where there is room for it at once.
    #[test]
    fn whoever_goes_first_at_once_is_counted() {
        let mut account = Account::default();
        claim(&mut account, 0, "dev", 0);
        account.record_result(&0, &with("dev"), REFUSED, at(0));
        assert_eq!(claim(&mut account, 0, "dev", 10), Turn::Go);
        assert_eq!(account.went_first_at, Timestamp::MIN, "it has not waited");
        account.record_result(&0, &with("dev"), REFUSED, at(10));
        assert_eq!(claim(&mut account, 0, "dev", 100), Turn::Go);
        assert_eq!(account.went_first_at, at(100));
    }

    /// A probe that goes first keeps its place until it is made, however often it asks; and no other does so meanwhile.
    #[test]
    fn whoever_goes_first_keeps_its_place() {
        let mut account = Account::default();
        claim(&mut account, 0, "dev", 0);
        account.record_result(&0, &with("dev"), REFUSED, at(0));
        for caller in 100..300 {
            let _ = claim(&mut account, caller, "prod", 4);
        }
        for caller in 1..3 {
            let turn = claim(&mut account, caller, "dev", 5);
            assert!(matches!(turn, Turn::Held { until, .. } if until == at(65)), "{turn:?}");
        }
        assert_eq!(
            (159..220).filter(|caller| claim(&mut account, *caller, "prod", 65) == Turn::Go).count(),
            60
        );
        for now in [65, 66, 90] {
            for caller in 1..3 {
                assert!(matches!(claim(&mut account, caller, "dev", now), Turn::Held { .. }));
            }
            let waiting = account.clock.waiting();
            assert!(waiting[0] == 1 && waiting[1] >= 100, "{waiting:?}");
        }
        assert_eq!(claim(&mut account, 1, "dev", 126), Turn::Go);
    }

    /// What nobody has called with for an hour is forgotten.
    #[test]
    fn rotated_credentials_are_forgotten() {
        let mut account = Account::default();
        claim(&mut account, 0, "old", 0);
        account.record_result(&0, &with("old"), REFUSED, at(0));
        claim(&mut account, 0, "new", 4000);
        assert_eq!(account.credentials.len(), 1);
        assert!(!account.is_in_trouble_with(&with("old")));
    }

    const READ: CallEvidence =
        CallEvidence { account: Evidence::Readable, credentials: Evidence::Readable, ..DELETED };

    fn asks(
        account: &mut Account<u32, &'static str>,
        caller: u32,
        iid: &str,
        place: Place,
        now: i64,
    ) -> Turn {
        let access = &Access { credentials: "dev", iid: iid.into() };
        account.claim(&Request { caller: &caller, access, place, promised: None, quota: 60 }, at(now))
    }

    /// The app lacks the right to one stream: who calls about another one is not held, also if all were held
    /// before the credentials had been accepted.
    #[test]
    fn a_refusal_for_one_stream_holds_up_no_other() {
        let mut account = Account::default();
        let of = |iid: &str| Access { credentials: "dev", iid: iid.into() };
        let place = Place::deletion(at(-10));
        assert_eq!(asks(&mut account, 0, "st-1", place, 0), Turn::Go);
        account.record_result(&0, &of("st-1"), REFUSED, at(0));
        for (caller, iid) in [(1, "st-1"), (2, "st-2")] {
            assert!(matches!(asks(&mut account, caller, iid, place, 0), Turn::Held { .. }), "not accepted");
        }
        assert_eq!(asks(&mut account, 2, "st-2", place, 5), Turn::Go);
        assert_eq!(account.record_result(&2, &of("st-2"), DELETED, at(5)).woken, [1]);
        for caller in 10..13 {
            assert_eq!(asks(&mut account, caller, "st-1", place, 6), Turn::Go);
            account.record_result(&caller, &of("st-1"), REFUSED, at(6));
        }
        assert!(account.is_in_trouble_with(&of("st-1")) && !account.is_in_trouble_with(&of("st-2")));
        assert!(matches!(asks(&mut account, 1, "st-1", place, 6), Turn::Held { .. }));
        assert_eq!(asks(&mut account, 3, "st-2", place, 6), Turn::Go);
    }

    /// Reads work with the credentials, and DELETEs are refused: a look shows it, and then what was never
    /// tried is tried with a tenth of the quota.
    #[test]
    fn a_look_shows_that_only_deletes_are_refused() {
        let mut account = Account::default();
        let (place, access) = (Place::deletion(at(-10)), &with("dev"));
        for caller in 0..2 {
            assert_eq!(asks(&mut account, caller, "st-1", place, 0), Turn::Go);
        }
        for caller in 0..2 {
            account.record_result(&caller, access, REFUSED, at(0));
        }
        assert!(account.wants_diagnostic_read(access) && !account.wants_diagnostic_read(&with("prod")));
        assert_eq!(asks(&mut account, 0, "st-1", place.of_diagnostic_read(at(-10)), 5), Turn::Go);
        account.record_result(&0, access, READ, at(5));
        assert!(!account.wants_diagnostic_read(access) && account.is_in_trouble_with(access));
        // The look was a call, too.
        for caller in 10..15 {
            assert_eq!(asks(&mut account, caller, "st-1", place, 6), Turn::Go);
            let charge = account.record_result(&caller, access, REFUSED, at(6)).charge;
            assert_eq!(charge, Charge::Campaign);
        }
        assert!(matches!(asks(&mut account, 16, "st-1", place, 6), Turn::Held { .. }), "a tenth is used up");
    }

    /// A probe with refused credentials takes what others leave of the quota. Until then the credentials hold
    /// it, and not the quota, whose queue it does not join.
    #[test]
    fn a_probe_that_waits_for_the_quota_is_held_by_its_credentials() {
        let mut account = Account::default();
        claim(&mut account, 0, "dev", 0);
        account.record_result(&0, &with("dev"), REFUSED, at(0));
        for caller in 100..300 {
            let _ = claim(&mut account, caller, "prod", 4);
        }
        for caller in 1..4 {
            claim(&mut account, caller, "dev", 4);
        }
        for (caller, first) in [(1, true), (2, false)] {
            let turn = claim(&mut account, caller, "dev", 5);
            let Turn::Held { of: Holder::Credentials, until, next, since: _ } = turn else {
                panic!("{turn:?}")
            };
            assert!(until > at(60) && next == first, "{turn:?}");
        }
        let waiting = account.clock.waiting();
        assert!(waiting.iter().all(|caller| *caller >= 100), "{waiting:?}");
    }

    /// Calls of a connection that has never worked fail, whatever the reason: it is probed for itself, told
    /// as an outage, and the account is not in trouble. Once the credentials are accepted, it is an outage
    /// like another.
    #[test]
    fn what_never_worked_holds_up_nobody_else() {
        let mut account = Account::default();
        let mut calls = 0;
        for now in 0..600 {
            for caller in 0..50 {
                match claim(&mut account, caller, "dev", now) {
                    Turn::Go => {
                        calls += 1;
                        let told = account.record_result(&caller, &with("dev"), FAILED, at(now));
                        assert_eq!(told.account, Evidence::Nothing);
                    }
                    turn => assert!(matches!(turn, Turn::Held { of: Holder::Account, .. }), "{turn:?}"),
                }
            }
            assert!(!account.is_in_trouble());
            if now % 10 == 9 {
                assert_eq!(claim(&mut account, 100, "prod", now), Turn::Go);
                account.record_result(&100, &with("prod"), DELETED, at(now));
            }
        }
        assert!(calls < 20, "{calls} calls");
        let probe = (600..700).find(|now| claim(&mut account, 0, "dev", *now) == Turn::Go).unwrap();
        assert!(account.record_result(&0, &with("dev"), READ, at(probe)).woken.len() >= 49);
        for caller in 1..4 {
            assert_eq!(claim(&mut account, caller, "dev", probe), Turn::Go);
            account.record_result(&caller, &with("dev"), FAILED, at(probe));
        }
        assert!(account.is_in_trouble());
    }

    /// Credentials that were refused before a restart are probed on, and not anew; unless they have been
    /// accepted since.
    #[test]
    fn a_restart_probes_refused_credentials_on() {
        let mut account = Account::default();
        let refusal = Refusal { since: at(-3600), probe: Some(at(40)) };
        account.inherit_refusal(&with("dev"), refusal, at(0));
        let turn = claim(&mut account, 1, "dev", 0);
        let held = Turn::Held { of: Holder::Credentials, since: at(-3600), until: at(40), next: true };
        assert_eq!(turn, held);
        assert_eq!(claim(&mut account, 2, "prod", 0), Turn::Go);
        let mut probes = Vec::new();
        for now in 0..200 {
            if claim(&mut account, 1, "dev", now) == Turn::Go {
                account.record_result(&1, &with("dev"), REFUSED, at(now));
                probes.push(now);
            }
        }
        assert_eq!(probes, [40, 100, 160]);
        account.record_result(&2, &with("prod"), DELETED, at(200));
        account.inherit_refusal(&with("prod"), refusal, at(200));
        assert_eq!(claim(&mut account, 3, "prod", 200), Turn::Go);
    }

    /// A pause that comes with a refusal is respected by the probes of these credentials, whether they read
    /// or delete.
    #[test]
    fn refused_credentials_are_not_probed_in_a_pause() {
        let mut account = Account::default();
        let refused = CallEvidence { pause: Some(SignedDuration::from_secs(300)), ..REFUSED };
        let mut calls = Vec::new();
        for now in 0..700 {
            let access = &with("dev");
            let place = Place::proof(at(0));
            let request = Request { caller: &8, access, place, promised: None, quota: 60 };
            let spare = matches!(account.claim_spare(&request, at(now)), Turn::Go).then_some(8);
            let own = (claim(&mut account, 7, "dev", now) == Turn::Go).then_some(7);
            for caller in [spare, own].into_iter().flatten() {
                account.record_result(&caller, &with("dev"), refused, at(now));
                calls.push(now);
            }
        }
        assert_eq!(calls, [0, 0, 300, 600]);
    }
}
