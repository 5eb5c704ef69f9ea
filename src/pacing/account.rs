use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::account_clock::{AccountClock, Holder, Past, Place, Turn};
use super::breaker::{Charge, Evidence};

/// Credentials that nobody has called with for so long are forgotten: they may have been rotated.
const UNUSED: SignedDuration = SignedDuration::from_hours(1);

/// An account, and those who call it with credentials of their own: who may call when.
///
/// ```text
///   credentials of dev  ── a clock of their own: refused? ──┐
///   credentials of prod ── a clock of their own: refused? ──┴──▶ the clock of the account: quota, pauses, outages
/// ```
///
/// What the service says of credentials is theirs. Whoever calls with refused ones has no place in the queue of the account, so
/// nobody with others waits for that.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Account<K, C> {
    clock: AccountClock<K>,
    credentials: BTreeMap<C, OfCredentials<K>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct OfCredentials<K> {
    clock: AccountClock<K>,
    used_at: Timestamp,
}

/// Who wants to call.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a, K, C> {
    /// Who.
    pub caller: &'a K,
    /// With which credentials.
    pub credentials: &'a C,
    /// The place in the queue.
    pub place: Place,
    /// The time that the caller's status promises within the quota, if it does.
    pub promised: Option<Timestamp>,
    /// Most calls in any minute.
    pub quota: usize,
}

/// What an outcome says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Of the account.
    pub account: Evidence,
    /// Of the credentials.
    pub credentials: Evidence,
    /// How long the service wants to be left alone: with refused credentials by those who have them, otherwise by all.
    pub pause: Option<SignedDuration>,
    /// Whether it was refused for the rate limit.
    pub throttled: bool,
}

/// What follows from an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consequence<K> {
    /// Whom a failure is charged to.
    pub charge: Charge,
    /// Who has reason to ask again.
    pub woken: Vec<K>,
}

impl<K, C> Default for Account<K, C> {
    fn default() -> Self {
        Self { clock: AccountClock::default(), credentials: BTreeMap::new() }
    }
}

impl<K: Ord + Clone, C: Ord + Clone> Account<K, C> {
    /// What a claim would be told now. The caller takes its place in a queue, and nothing is counted.
    pub fn ask(&mut self, request: &Request<'_, K, C>, now: Timestamp) -> Turn {
        let Request { caller, place, promised, quota, credentials: _ } = *request;
        if let Some(refused) = self.refused(request, now) {
            return refused;
        }
        // A probe with refused credentials takes what others leave of the quota.
        let place = if self.is_refused(request.credentials) { place.last() } else { place };
        if let Some(promised) = promised {
            self.clock.recall(caller, place, promised, now);
        }
        self.clock.ask(caller, place, now, quota)
    }

    /// Asks for a call now. What became of it must be told ([`Self::heard`]).
    pub fn claim(&mut self, request: &Request<'_, K, C>, now: Timestamp) -> Turn {
        let turn = self.ask(request, now);
        if turn == Turn::Go {
            self.clock.begin(request.caller, request.place, now);
            self.of(request.credentials, now).begin(request.caller, request.place, now);
        }
        turn
    }

    /// Asks for a call that can wait.
    pub fn claim_spare(&mut self, request: &Request<'_, K, C>, now: Timestamp) -> Turn {
        let Request { caller, quota, credentials, .. } = *request;
        if let Some(refused) = self.of(credentials, now).held_spare(caller, now) {
            return of_credentials(refused);
        }
        let turn = self.clock.claim_spare(caller, now, quota);
        if turn == Turn::Go {
            self.of(credentials, now).begin_spare(caller, now);
        }
        turn
    }

    /// Takes a place in a queue while the account is in trouble, or the credentials are refused; `None` otherwise.
    pub fn held(&mut self, request: &Request<'_, K, C>, now: Timestamp) -> Option<Turn> {
        let Request { caller, place, quota, .. } = *request;
        self.refused(request, now).or_else(|| self.clock.held(caller, place, now, quota))
    }

    /// Takes in what became of a call.
    pub fn heard(&mut self, caller: &K, credentials: &C, heard: Heard, now: Timestamp) -> Consequence<K> {
        let Heard { account, credentials: evidence, pause, throttled } = heard;
        let refused = matches!(evidence, Evidence::DeleteFailed { .. } | Evidence::ReadFailed { .. });
        if throttled {
            self.clock.refused(now);
        }
        if let Some(pause) = pause {
            let clock = if refused { self.of(credentials, now) } else { &mut self.clock };
            clock.cool_down(now + pause);
        }
        let (charge, mut woken) = self.clock.heard(caller, account, now);
        let (theirs, others) = self.of(credentials, now).heard(caller, evidence, now);
        woken.extend(others);
        let charge = match (refused, throttled) {
            (true, _) => theirs,
            // When to come again, the clock says.
            (false, true) => Charge::Account,
            (false, false) => charge,
        };
        Consequence { charge, woken }
    }

    /// Gives back the caller's places. Who has reason to ask again: those who are to probe in its place.
    pub fn release(&mut self, caller: &K) -> Vec<K> {
        let mut woken = self.clock.release(caller);
        woken.extend(self.credentials.values_mut().flat_map(|credentials| credentials.clock.release(caller)));
        woken
    }

    /// Who has reason to ask again, because there is much more room than when it was promised its time, or because those that
    /// were to probe have gone. To be asked after each request.
    pub fn moved_up(&mut self) -> Vec<K> {
        let mut woken = self.clock.moved_up();
        woken.extend(self.credentials.values_mut().flat_map(|known| known.clock.moved_up()));
        woken
    }

    /// Takes in what the statuses say of the time before this process.
    pub fn inherit(&mut self, past: &Past, now: Timestamp, quota: usize) {
        self.clock.inherit(past, now, quota);
    }

    /// Whether calls to the account are in trouble.
    pub fn is_in_trouble(&self) -> bool {
        self.clock.in_trouble_since().is_some()
    }

    /// Whether the service refuses these credentials.
    pub fn is_refused(&self, credentials: &C) -> bool {
        let known = self.credentials.get(credentials);
        known.is_some_and(|known| known.clock.in_trouble_since().is_some())
    }

    /// Whether somebody has called with these credentials not long ago.
    pub fn knows(&self, credentials: &C) -> bool {
        self.credentials.contains_key(credentials)
    }

    /// Whether nobody knows if reads work, while DELETEs fail: a look tells most then.
    pub fn wants_a_look(&self) -> bool {
        self.clock.wants_a_look()
    }

    fn refused(&mut self, request: &Request<'_, K, C>, now: Timestamp) -> Option<Turn> {
        let Request { caller, credentials, place, quota, promised: _ } = *request;
        let turn = self.of(credentials, now).held(caller, place, now, quota)?;
        self.clock.leave(caller);
        Some(of_credentials(turn))
    }

    fn of(&mut self, credentials: &C, now: Timestamp) -> &mut AccountClock<K> {
        if !self.credentials.contains_key(credentials) {
            self.credentials.retain(|_, known| known.used_at + UNUSED > now);
        }
        let new = || OfCredentials { clock: AccountClock::cautious(), used_at: now };
        let known = self.credentials.entry(credentials.clone()).or_insert_with(new);
        known.used_at = now;
        &mut known.clock
    }
}

/// The same, of the credentials.
fn of_credentials(turn: Turn) -> Turn {
    match turn {
        Turn::Held { since, until, next, of: _ } => {
            Turn::Held { of: Holder::Credentials, since, until, next }
        }
        Turn::Go | Turn::At(_) => turn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: Heard = Heard {
        account: Evidence::Nothing,
        credentials: Evidence::DeleteFailed { fresh: true },
        pause: None,
        throttled: false,
    };
    const DELETED: Heard =
        Heard { account: Evidence::Works, credentials: Evidence::Works, pause: None, throttled: false };

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
        let request =
            Request { caller: &caller, credentials: &credentials, place, promised: None, quota: 60 };
        account.claim(&request, at(now))
    }

    /// 50 campaigns whose credentials are refused cost the account a call and its probes, and no place in the queue.
    #[test]
    fn refused_credentials_hold_up_nobody_with_others() {
        let mut account = Account::default();
        assert_eq!(claim(&mut account, 0, "dev", 0), Turn::Go);
        let consequence = account.heard(&0, &"dev", REFUSED, at(0));
        assert_eq!(consequence, Consequence { charge: Charge::Account, woken: vec![] });
        assert!(account.is_refused(&"dev") && !account.is_refused(&"prod") && !account.is_in_trouble());
        for caller in 0..50 {
            let turn = claim(&mut account, caller, "dev", 1);
            assert!(matches!(turn, Turn::Held { of: Holder::Credentials, .. }), "{turn:?}");
        }
        assert!((100..159).all(|caller| claim(&mut account, caller, "prod", 1) == Turn::Go));
        assert!(matches!(claim(&mut account, 159, "prod", 1), Turn::At(_)));
        let calls = (1..600).filter(|now| {
            let goes = claim(&mut account, 7, "dev", *now) == Turn::Go;
            goes.then(|| account.heard(&7, &"dev", REFUSED, at(*now)));
            goes
        });
        assert!(calls.count() < 15);
    }

    /// Those who leave the queue of the account because their credentials are refused have the next ones told: an account that
    /// works is not left to itself.
    #[test]
    fn whoever_leaves_the_front_has_the_next_ones_told() {
        let mut account = Account::default();
        let outage = Heard {
            account: Evidence::DeleteFailed { fresh: true },
            credentials: Evidence::Nothing,
            ..DELETED
        };
        for caller in 0..3 {
            claim(&mut account, caller, "prod", 0);
            account.heard(&caller, &"prod", outage, at(0));
        }
        for caller in 3..8 {
            claim(&mut account, caller, "dev", 1);
        }
        for caller in 100..120 {
            claim(&mut account, caller, "prod", 1);
        }
        assert_eq!(claim(&mut account, 3, "dev", 5), Turn::Go);
        account.heard(&3, &"dev", REFUSED, at(5));
        assert!(account.moved_up().is_empty());
        for caller in 4..8 {
            claim(&mut account, caller, "dev", 5);
        }
        let told = account.moved_up();
        assert!(told.contains(&100), "{told:?}");
        assert_eq!(claim(&mut account, 100, "prod", 15), Turn::Go);
    }

    /// When they are accepted, all that have them are told.
    #[test]
    fn accepted_credentials_are_told_to_all_that_have_them() {
        let mut account = Account::default();
        claim(&mut account, 0, "dev", 0);
        account.heard(&0, &"dev", REFUSED, at(0));
        for caller in 1..9 {
            let _ = claim(&mut account, caller, "dev", 1);
        }
        assert_eq!(claim(&mut account, 1, "dev", 6), Turn::Go);
        assert_eq!(account.heard(&1, &"dev", DELETED, at(6)).woken, [2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(claim(&mut account, 2, "dev", 6), Turn::Go);
    }

    /// A pause that comes with a refusal of the credentials is for those who have them.
    #[test]
    fn a_pause_is_for_whom_it_was_meant() {
        let pause = Some(SignedDuration::from_secs(300));
        let mut account = Account::default();
        claim(&mut account, 0, "dev", 0);
        account.heard(&0, &"dev", Heard { pause, ..REFUSED }, at(0));
        assert_eq!(claim(&mut account, 1, "prod", 0), Turn::Go);
        account.heard(&1, &"prod", Heard { pause, throttled: true, ..DELETED }, at(0));
        assert_eq!(claim(&mut account, 2, "prod", 0), Turn::At(at(300)));
    }

    /// What nobody has called with for an hour is forgotten.
    #[test]
    fn rotated_credentials_are_forgotten() {
        let mut account = Account::default();
        claim(&mut account, 0, "old", 0);
        account.heard(&0, &"old", REFUSED, at(0));
        claim(&mut account, 0, "new", 4000);
        assert_eq!(account.credentials.len(), 1);
        assert!(!account.is_refused(&"old"));
    }
}
