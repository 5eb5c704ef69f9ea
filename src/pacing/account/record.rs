//! Recording the result of a call: what it shows about the account and about the credentials, and who is to
//! wake.

use jiff::Timestamp;

use super::credentials::{Credentials, Recorded};
use super::request::{Access, CallEvidence, Consequence};
use super::state::Account;
use crate::pacing::evidence::{Charge, Evidence};

impl<K: Ord + Clone, C: Ord + Clone> Account<K, C> {
    /// Records the result of a call.
    pub fn record_result(
        &mut self,
        caller: &K,
        access: &Access<C>,
        evidence: CallEvidence,
        now: Timestamp,
    ) -> Consequence<K> {
        let CallEvidence { account, credentials, pause, throttled } = evidence;
        if throttled {
            self.clock.refused(now);
        }
        let own = self.of(access, now).record_result(caller, &access.iid, evidence, now);
        let Recorded { refusal, mut woken, newly_accepted, unproven } = own;
        let account = if unproven.is_some() && account.is_failure() { Evidence::Nothing } else { account };
        let (was_in_trouble, was_down) = (self.is_in_trouble(), self.clock.is_down());
        let (charge, woken_by_account) = self.clock.record_result(caller, account, now);
        if let Some(pause) = pause.filter(|_| throttled || self.may_be_of_all(account, charge)) {
            self.clock.cool_down(now + pause);
        }
        let fails_unproven = unproven.as_ref().is_some_and(|unproven| unproven.charge == Charge::Account);
        let charge = match (credentials.is_failure(), throttled) {
            (true, _) => refusal,
            // The clock schedules the next call.
            (false, true) => Charge::Account,
            (false, false) if fails_unproven => Charge::Account,
            (false, false) => charge,
        };
        woken.extend(woken_by_account);
        if newly_accepted {
            woken.extend(self.held_with_others(&access.credentials));
        }
        woken.extend(unproven.into_iter().flat_map(|unproven| unproven.woken));
        if was_down && !self.clock.is_down() {
            woken.extend(self.probe_unproven_now(now));
        }
        if self.is_in_trouble() && !was_in_trouble {
            woken.extend(self.move_unproven_to_own_clocks(now));
        }
        woken.extend(self.move_to_own_clocks(access, now));
        woken.extend(self.moved_up(now));
        Consequence { charge, account, woken }
    }

    /// Whether a failure can be anybody's: then all callers respect the pause that comes with it. Otherwise
    /// the failure is the campaign's, which respects the pause itself.
    fn may_be_of_all(&self, failure: Evidence, charge: Charge) -> bool {
        match failure {
            Evidence::DeleteFailed { fresh: true } => true,
            Evidence::DeleteFailed { fresh: false } | Evidence::ReadFailed { .. } => {
                charge == Charge::Account && self.clock.holds_all()
            }
            Evidence::Works | Evidence::Readable | Evidence::Nothing => false,
        }
    }

    /// The account works again: callers with unproven credentials, which shared its trouble, probe at once.
    fn probe_unproven_now(&mut self, now: Timestamp) -> Vec<K> {
        let unproven = self.credentials.values_mut().filter_map(Credentials::outages);
        unproven.flat_map(|outages| outages.probe_now(now)).collect()
    }

    /// The account is in trouble now: callers with unproven credentials, whose failures would say nothing of
    /// it, must not stand before the callers that probe it.
    fn move_unproven_to_own_clocks(&mut self, now: Timestamp) -> Vec<K> {
        let Self { clock, credentials, went_first_at: _ } = self;
        let mut woken = Vec::new();
        for (credentials, known) in credentials {
            if let Some(outages) = known.outages() {
                outages.join_trouble(clock);
                let is_with = |other: &Access<C>| other.credentials == *credentials;
                woken.extend(clock.move_held_to(outages, is_with, now));
            }
        }
        woken
    }

    /// Callers in the queue of the account that their credentials hold by now wait there instead.
    fn move_to_own_clocks(&mut self, access: &Access<C>, now: Timestamp) -> Vec<K> {
        let Self { clock, credentials, went_first_at: _ } = self;
        let Some(known) = credentials.get_mut(&access.credentials) else { return Vec::new() };
        let concerns_all = known.is_unproven();
        let is_with = |other: &Access<C>| {
            other.credentials == access.credentials && (concerns_all || other.iid == access.iid)
        };
        let own = known.own(&access.iid);
        own.flat_map(|(_, own)| clock.move_held_to(own, is_with, now)).collect()
    }

    /// The callers that wait because other credentials are in trouble: they may have these by now.
    fn held_with_others(&mut self, credentials: &C) -> Vec<K> {
        let others = self.credentials.iter_mut().filter(|(other, _)| *other != credentials);
        others.flat_map(|(_, known)| known.clocks()).flat_map(|clock| clock.waiting()).collect()
    }
}
