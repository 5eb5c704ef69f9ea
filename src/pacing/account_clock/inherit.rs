//! Taking over what statuses record of the time before this process, so that a restart starts nothing over.

use jiff::Timestamp;

use super::clock::AccountClock;
use super::past::{Outage, Past, Refusal, can_be_a_pause};

impl<K: Ord + Clone, W> AccountClock<K, W> {
    /// Takes over the calls, the pauses and the outage from before this process. A time that was promised
    /// within the quota shows that the quota was used up not long ago: the window counts as full now. Pauses
    /// and promises of a clock that was ahead do not count: they would end too late.
    pub fn inherit(&mut self, past: &Past<K>, now: Timestamp, quota: usize) {
        self.advance(now, quota);
        self.window.inherit(&past.calls, past.under_way, now);
        self.believes_promises = !past.was_ahead(now);
        if let Some(promised) = past.recent_promise(now) {
            self.window.count_as_full(now);
            self.window.fill(self.quota);
            // The promise may have respected a pause that the service asked for.
            if self.believes_promises && can_be_a_pause(promised, now) {
                self.cool_down(promised);
            }
        }
        if let Some(until) = past.pause_asked_for(now).filter(|_| self.believes_promises) {
            self.cool_down(until);
        }
        if let Some(outage) = &past.outage {
            self.inherit_outage(outage, now);
        }
    }

    /// Takes over an outage from before this process.
    pub fn inherit_outage(&mut self, outage: &Outage<K>, now: Timestamp) {
        self.breaker.inherit(outage.trouble(), now);
    }

    /// Takes over the refusal of credentials from before this process.
    pub fn inherit_refusal(&mut self, refusal: Refusal, now: Timestamp) {
        self.breaker.inherit(refusal.trouble(), now);
    }
}
