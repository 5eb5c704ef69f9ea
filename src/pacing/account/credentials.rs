//! The credentials that an account is called with: whether the service accepts them, and who waits for that.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::request::CallEvidence;
use crate::pacing::account_clock::{AccountClock, Holder, Refusal};
use crate::pacing::evidence::Charge;

/// Credentials that nobody has called with for so long are forgotten: they may have been rotated.
const UNUSED: SignedDuration = SignedDuration::from_hours(1);

/// What is known of the credentials of one app.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Credentials<K> {
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
    /// The service has accepted the credentials: a refusal is about one `iid`.
    Accepted(BTreeMap<String, AccountClock<K>>),
}

/// What the result of a call means for its credentials.
pub struct Recorded<K> {
    /// Whom a refusal is charged to.
    pub refusal: Charge,
    /// The callers to wake.
    pub woken: Vec<K>,
    /// Whether the service has accepted the credentials for the first time.
    pub newly_accepted: bool,
    /// What the result means for calls with unproven credentials.
    pub unproven: Option<Unproven<K>>,
}

/// What the result of a call means for unproven credentials, beside a refusal.
pub struct Unproven<K> {
    /// Whom a failure is charged to.
    pub charge: Charge,
    /// The callers to wake.
    pub woken: Vec<K>,
}

impl<K: Ord + Clone> Credentials<K> {
    /// Credentials that are used for the first time.
    pub fn new(now: Timestamp) -> Self {
        let standing =
            Standing::Unproven { refusals: AccountClock::cautious(), outages: AccountClock::default() };
        Self { standing, used_at: now }
    }

    /// Records that somebody calls with the credentials, or wants to.
    pub fn used(&mut self, now: Timestamp) {
        self.used_at = now;
    }

    /// Whether nobody has used the credentials for long.
    pub fn is_unused(&self, now: Timestamp) -> bool {
        self.used_at + UNUSED <= now
    }

    /// Whether the service has not accepted the credentials yet.
    pub fn is_unproven(&self) -> bool {
        matches!(self.standing, Standing::Unproven { .. })
    }

    /// The clock for calls that fail as in an outage, while the credentials are unproven.
    pub fn outages(&mut self) -> Option<&mut AccountClock<K>> {
        match &mut self.standing {
            Standing::Unproven { refusals: _, outages } => Some(outages),
            Standing::Accepted(_) => None,
        }
    }

    /// The clocks that hold a call with this `iid`, and what each holds it for.
    pub fn own(&mut self, iid: &str) -> impl Iterator<Item = (Holder, &mut AccountClock<K>)> {
        let (refusals, outages) = match &mut self.standing {
            Standing::Unproven { refusals, outages } => (refusals, Some(outages)),
            Standing::Accepted(by_iid) => (by_iid.entry(iid.to_owned()).or_default(), None),
        };
        let outages = outages.map(|outages| (Holder::Account, outages));
        std::iter::once((Holder::Credentials, refusals)).chain(outages)
    }

    /// The same clocks, those of them that exist.
    pub fn known(&self, iid: &str) -> impl Iterator<Item = &AccountClock<K>> {
        let (refusals, outages) = match &self.standing {
            Standing::Unproven { refusals, outages } => (Some(refusals), Some(outages)),
            Standing::Accepted(by_iid) => (by_iid.get(iid), None),
        };
        refusals.into_iter().chain(outages)
    }

    /// The clocks of every `iid`.
    pub fn clocks(&mut self) -> impl Iterator<Item = &mut AccountClock<K>> {
        let (unproven, by_iid) = match &mut self.standing {
            Standing::Unproven { refusals, outages } => (Some([refusals, outages]), None),
            Standing::Accepted(by_iid) => (None, Some(by_iid)),
        };
        unproven.into_iter().flatten().chain(by_iid.into_iter().flat_map(BTreeMap::values_mut))
    }

    /// Records the result of a call with this `iid`.
    pub fn record_result(
        &mut self,
        caller: &K,
        iid: &str,
        evidence: CallEvidence,
        now: Timestamp,
    ) -> Recorded<K> {
        let CallEvidence { account, credentials, pause, throttled: _ } = evidence;
        let accepted = credentials.is_success().then(|| self.accept(iid)).flatten();
        let refusals = self.refusals(iid);
        let (refusal, woken) = refusals.record_result(caller, credentials, now);
        if let Some(pause) = pause.filter(|_| credentials.is_failure()) {
            refusals.cool_down(now + pause);
        }
        let unproven = self.outages().map(|outages| {
            if let Some(pause) = pause {
                outages.cool_down(now + pause);
            }
            let (charge, woken) = outages.record_result(caller, account, now);
            Unproven { charge, woken }
        });
        let newly_accepted = accepted.is_some();
        let woken = accepted.filter(|held| !held.is_empty()).unwrap_or(woken);
        Recorded { refusal, woken, newly_accepted, unproven }
    }

    /// The clock of the callers that a refusal for this `iid` holds.
    fn refusals(&mut self, iid: &str) -> &mut AccountClock<K> {
        match &mut self.standing {
            Standing::Unproven { refusals, outages: _ } => refusals,
            Standing::Accepted(by_iid) => by_iid.entry(iid.to_owned()).or_default(),
        }
    }

    /// Records that the service accepts the credentials with this `iid`. If that is the first time, returns
    /// all callers that were held, also with another `iid`.
    fn accept(&mut self, iid: &str) -> Option<Vec<K>> {
        let Standing::Unproven { refusals, outages } = &mut self.standing else { return None };
        let mut woken = refusals.waiting();
        woken.extend(outages.waiting());
        let refusals = std::mem::take(refusals);
        self.standing = Standing::Accepted(BTreeMap::from([(iid.to_owned(), refusals)]));
        Some(woken)
    }

    /// Takes over a refusal from before this process, unless the service has accepted the credentials since.
    pub fn inherit_refusal(&mut self, refusal: Refusal, now: Timestamp) {
        match &mut self.standing {
            Standing::Unproven { refusals, outages: _ } => refusals.inherit_refusal(refusal, now),
            Standing::Accepted(_) => {}
        }
    }
}
