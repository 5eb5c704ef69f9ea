use std::collections::BTreeMap;

use jiff::Timestamp;

use super::credentials::Credentials;
use super::request::{Access, Request};
use crate::pacing::account_clock::{AccountClock, Figures, Holder, Outage, Past, Position, Refusal};

/// An account, and the credentials that it is called with: it schedules their calls.
///
/// ```text
///   credentials of dev  ── their own clocks: refused? ──┐
///   credentials of prod ── their own clocks: refused? ──┴──▶ the account's clock: quota, pauses, outages
/// ```
///
/// What the service answers about credentials concerns only the callers that have them. Until the service has
/// accepted credentials once, that includes whatever fails when they are used: nobody can block others with a
/// connection that never works, as with a deadline that is too short. A caller with refused credentials has
/// no place in the queue of the account, so nobody with other credentials waits for it. And a caller whose
/// failure would say nothing of the account does not probe it: it asks the account for its part of the quota
/// alone, and probes for itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Account<K, C> {
    pub(super) clock: AccountClock<K, Access<C>>,
    pub(super) credentials: BTreeMap<C, Credentials<K>>,
    /// When a probe of credentials last went before all others.
    pub(super) went_first_at: Timestamp,
}

impl<K, C> Default for Account<K, C> {
    fn default() -> Self {
        let credentials = BTreeMap::new();
        Self { clock: AccountClock::default(), credentials, went_first_at: Timestamp::MIN }
    }
}

/// What is known.
impl<K: Ord + Clone, C: Ord + Clone> Account<K, C> {
    /// Whether calls to the account are in trouble.
    pub fn is_in_trouble(&self) -> bool {
        self.clock.in_trouble_since().is_some()
    }

    /// Whether all calls to the account fail, reads included, and not those of a few campaigns alone.
    pub fn is_down(&self) -> bool {
        self.clock.is_down() && self.clock.holds_all()
    }

    /// Whether reads of the account work, and DELETEs fail.
    pub fn only_deletes_fail(&self) -> bool {
        self.clock.only_deletes_fail()
    }

    /// Whether calls with these credentials are in trouble of their own: the service refuses the credentials,
    /// or it has not accepted them yet and calls fail.
    pub fn is_in_trouble_with(&self, access: &Access<C>) -> bool {
        self.known(access).any(|clock| clock.in_trouble_since().is_some())
    }

    /// Where a caller stands in the queue, if it waits for its turn within the quota.
    pub fn position(&self, caller: &K) -> Option<Position> {
        self.clock.position(caller)
    }

    /// What is the case now, for a connection with this quota.
    pub fn figures(&mut self, quota: usize, now: Timestamp) -> Figures {
        self.clock.figures(quota, now)
    }

    /// Whether somebody has used these credentials not long ago.
    pub fn knows(&self, credentials: &C) -> bool {
        self.credentials.contains_key(credentials)
    }

    /// Whether DELETEs fail or are refused and it is unknown whether reads work: a diagnostic read shows most
    /// then.
    pub fn wants_diagnostic_read(&self, access: &Access<C>) -> bool {
        self.clock.wants_diagnostic_read() || self.known(access).any(AccountClock::wants_diagnostic_read)
    }

    fn known(&self, access: &Access<C>) -> impl Iterator<Item = &AccountClock<K>> {
        let known = self.credentials.get(&access.credentials);
        known.into_iter().flat_map(|known| known.known(&access.iid))
    }

    /// What is known of the credentials of a call.
    pub(super) fn of(&mut self, access: &Access<C>, now: Timestamp) -> &mut Credentials<K> {
        if !self.credentials.contains_key(&access.credentials) {
            self.credentials.retain(|_, known| !known.is_unused(now));
        }
        let known = self.credentials.entry(access.credentials.clone());
        let known = known.or_insert_with(|| Credentials::new(now));
        known.used(now);
        // The account's trouble is theirs, too: they share its begin, and their probes do not start over.
        if let Some(outages) = known.outages() {
            outages.join_trouble(&self.clock);
        }
        known
    }

    /// The clocks of the credentials that hold a call, and what each holds it for.
    pub(super) fn own_clocks(
        &mut self,
        access: &Access<C>,
        now: Timestamp,
    ) -> impl Iterator<Item = (Holder, &mut AccountClock<K>)> {
        self.of(access, now).own(&access.iid)
    }

    pub(super) fn own_clock(
        &mut self,
        request: &Request<'_, K, C>,
        holder: Holder,
        now: Timestamp,
    ) -> Option<&mut AccountClock<K>> {
        self.own_clocks(request.access, now).find(|(of, _)| *of == holder).map(|(_, clock)| clock)
    }
}

/// Taking over what statuses record of the time before this process.
impl<K: Ord + Clone, C: Ord + Clone> Account<K, C> {
    /// Takes over the calls, the pauses and the outage of the account.
    pub fn inherit(&mut self, past: &Past<K>, now: Timestamp, quota: usize) {
        self.clock.inherit(past, now, quota);
    }

    /// Takes over an outage of unproven credentials, unless the service has accepted them since.
    pub fn inherit_outage(&mut self, access: &Access<C>, outage: &Outage<K>, now: Timestamp) {
        if let Some(outages) = self.of(access, now).outages() {
            outages.inherit_outage(outage, now);
        }
    }

    /// Takes over a refusal of credentials, unless the service has accepted them since.
    pub fn inherit_refusal(&mut self, access: &Access<C>, refusal: Refusal, now: Timestamp) {
        self.of(access, now).inherit_refusal(refusal, now);
    }
}
