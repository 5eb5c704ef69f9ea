//! What the clock knows of trouble with its account.

use jiff::Timestamp;

use super::clock::AccountClock;
use super::place::Place;

impl<K: Ord + Clone, W> AccountClock<K, W> {
    /// Takes over the trouble of another clock's account, if nothing works there.
    pub fn join_trouble<V>(&mut self, other: &AccountClock<K, V>) {
        self.breaker.join(&other.breaker);
    }

    /// Makes the next probe due now, as there is reason to believe that calls work again. Returns the callers
    /// to wake.
    pub fn probe_now(&mut self, now: Timestamp) -> Vec<K> {
        self.breaker.probe_now(now);
        self.probing().to_wake()
    }

    /// When the trouble began, if there is any.
    pub fn in_trouble_since(&self) -> Option<Timestamp> {
        self.breaker.open_since()
    }

    /// Whether a call of this caller would be a probe: nothing has worked since the trouble began.
    pub fn would_probe(&self, caller: &K, place: Place) -> bool {
        self.probing().would_probe(caller, place)
    }

    /// When the next probe is due, while nothing has worked since the trouble began.
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
    pub fn only_deletes_fail(&self) -> bool {
        self.breaker.only_deletes_fail()
    }

    /// Whether DELETEs fail and it is unknown whether reads work: a diagnostic read shows most then.
    pub fn wants_diagnostic_read(&self) -> bool {
        self.breaker.wants_diagnostic_read()
    }
}
