//! Asking for a call: the credentials can hold it, then the account.

use jiff::Timestamp;

use super::request::Request;
use super::state::Account;
use crate::pacing::account_clock::{Holder, Turn};
use crate::pacing::breaker;

impl<K: Ord + Clone, C: Ord + Clone> Account<K, C> {
    /// Asks for a call, and counts it if it may be made now. Its result must be recorded
    /// ([`Self::record_result`]).
    pub fn claim(&mut self, request: &Request<'_, K, C>, now: Timestamp) -> Turn {
        let turn = self.ask(request, now);
        if turn == Turn::Go {
            let Request { caller, access, place, .. } = *request;
            if self.says_nothing_of_account(request, now) {
                self.clock.begin_quota_only(caller, now);
            } else {
                self.clock.begin(caller, place, now);
            }
            self.own_clocks(access, now).for_each(|(_, clock)| clock.begin(caller, place, now));
        }
        turn
    }

    /// Answers as [`Self::claim`] does, and takes a place in a queue, but counts no call.
    pub fn ask(&mut self, request: &Request<'_, K, C>, now: Timestamp) -> Turn {
        let Request { caller, access, place, promised, quota } = *request;
        if let Some(held) = self.held_by_credentials(request, now) {
            return held;
        }
        if let Some(holder) = self.own_probe(request, now) {
            return self.ask_for_a_probe(request, holder, now);
        }
        if let Some(promised) = promised {
            self.clock.recall(caller, place, promised, now);
        }
        let turn = if self.of(access, now).is_unproven() {
            self.clock.ask_quota_only(caller, place, now, quota)
        } else {
            self.clock.ask(caller, place, now, quota)
        };
        self.clock.waits_with(caller, access);
        turn
    }

    /// Asks for a call that can wait, and counts it if it may be made now.
    pub fn claim_spare(&mut self, request: &Request<'_, K, C>, now: Timestamp) -> Turn {
        let Request { caller, access, quota, .. } = *request;
        let held = self
            .own_clocks(access, now)
            .find_map(|(holder, clock)| Some(clock.held_spare(caller, now)?.held_by(holder)));
        if let Some(held) = held {
            return held;
        }
        let turn = if self.says_nothing_of_account(request, now) {
            self.clock.claim_spare_quota_only(caller, now, quota)
        } else {
            self.clock.claim_spare(caller, now, quota)
        };
        if turn == Turn::Go {
            self.own_clocks(access, now).for_each(|(_, clock)| clock.begin_spare(caller, now));
        }
        turn
    }

    /// Takes a place in a queue if the account is in trouble, or the service refuses the credentials; returns
    /// `None` otherwise.
    pub fn held(&mut self, request: &Request<'_, K, C>, now: Timestamp) -> Option<Turn> {
        let Request { caller, access, place, quota, promised: _ } = *request;
        if let Some(held) = self.held_by_credentials(request, now) {
            return Some(held);
        }
        if self.says_nothing_of_account(request, now) {
            return None;
        }
        let held = self.clock.held(caller, place, now, quota);
        self.clock.waits_with(caller, access);
        held
    }

    /// Whether a failure would say nothing of the account.
    fn says_nothing_of_account(&mut self, request: &Request<'_, K, C>, now: Timestamp) -> bool {
        self.of(request.access, now).is_unproven() || self.own_probe(request, now).is_some()
    }

    fn held_by_credentials(&mut self, request: &Request<'_, K, C>, now: Timestamp) -> Option<Turn> {
        let Request { caller, access, place, quota, promised: _ } = *request;
        let turn = self
            .own_clocks(access, now)
            .find_map(|(holder, clock)| Some(clock.held(caller, place, now, quota)?.held_by(holder)))?;
        self.clock.leave(caller);
        Some(turn)
    }

    /// What a call would probe of its credentials: whether the service refuses them, or calls with them fail.
    fn own_probe(&mut self, request: &Request<'_, K, C>, now: Timestamp) -> Option<Holder> {
        let Request { caller, access, place, .. } = *request;
        let mut own = self.own_clocks(access, now);
        own.find(|(_, clock)| clock.would_probe(caller, place)).map(|(holder, _)| holder)
    }

    /// Asks for a probe of credentials. It takes what all others leave of the quota: until then the
    /// credentials hold it, so it has no place among the others. But where others use up the quota for long,
    /// one probe goes first, so that a right that was given back is noticed: one a minute, and no more than a
    /// part of the quota.
    fn ask_for_a_probe(&mut self, request: &Request<'_, K, C>, holder: Holder, now: Timestamp) -> Turn {
        let Request { caller, access: _, place, promised: _, quota } = *request;
        let waits_since = self.own_clock(request, holder, now).and_then(|own| own.probe_at()).unwrap_or(now);
        let goes_first_at = waits_since + breaker::LONGEST_INTERVAL;
        let goes_first = goes_first_at <= now && self.another_may_go_first(quota, now);
        let among_others = match holder {
            Holder::Credentials | Holder::Account if goes_first => place.first(),
            Holder::Credentials => place.last(),
            // Nobody knows whose fault an outage is.
            Holder::Account => place,
        };
        let turn = self.clock.ask_quota_only(caller, among_others, now, quota);
        if goes_first {
            self.went_first_at = now;
        }
        let (Turn::At(until) | Turn::Held { until, .. }) = turn else { return turn };
        if !goes_first && !self.clock.goes_first(caller) {
            self.clock.leave(caller);
        }
        let until = if goes_first_at > now { until.min(goes_first_at) } else { until };
        match self.own_clock(request, holder, now) {
            Some(own) => own.postpone(caller, place, until, now).held_by(holder),
            None => turn,
        }
    }

    /// Whether a probe of credentials may go before all others again: those take a part of the quota at most.
    fn another_may_go_first(&self, quota: usize, now: Timestamp) -> bool {
        let minutes = i32::try_from(breaker::TRIES_PART.div_ceil(quota.max(1))).unwrap_or(i32::MAX);
        self.went_first_at + breaker::LONGEST_INTERVAL * minutes <= now
    }
}
