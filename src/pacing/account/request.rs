use jiff::{SignedDuration, Timestamp};

use crate::pacing::account_clock::Place;
use crate::pacing::evidence::{Charge, Evidence};

/// What a call is made with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Access<C> {
    /// The credentials of an app.
    pub credentials: C,
    /// The header `iid`. The app may have the right to one stream and not to another.
    pub iid: String,
}

/// A caller that wants to call.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a, K, C> {
    /// The caller.
    pub caller: &'a K,
    /// What it calls with.
    pub access: &'a Access<C>,
    /// Its place in the queue.
    pub place: Place,
    /// The time that its status promises within the quota, if there is one.
    pub promised: Option<Timestamp>,
    /// Its quota, in calls a minute.
    pub quota: usize,
}

/// What the result of a call shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallEvidence {
    /// About the account.
    pub account: Evidence,
    /// About the credentials.
    pub credentials: Evidence,
    /// The pause that the service asked for. It is everybody's after a 429, or if the failure can be
    /// anybody's; with credentials that are refused, or were never accepted, it is that of the callers that
    /// have them.
    pub pause: Option<SignedDuration>,
    /// Whether the service refused the call for the rate limit (429).
    pub throttled: bool,
}

/// What follows from the result of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consequence<K> {
    /// Whom a failure is charged to.
    pub charge: Charge,
    /// What the result shows about the account, whoever called.
    pub account: Evidence,
    /// The callers to wake: they have reason to ask again.
    pub woken: Vec<K>,
}
