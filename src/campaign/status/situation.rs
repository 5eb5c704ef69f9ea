use jiff::Timestamp;

use crate::campaign::evidence::{OtherClaim, ReleasePermit, Sighting};
use crate::connection::{Holding, Problem};
use crate::pacing::Position;

/// What there is to report about an object.
#[derive(Clone, Copy, Debug)]
pub enum Situation<'a> {
    /// New, or not read since it could be.
    Pending,
    /// As the last observation found it.
    Unchanged,
    /// As this observation found it.
    Seen(&'a Sighting),
    /// Held by `spec.suspend`.
    Suspended,
    /// Kore can't be called.
    Misconfigured(&'a Problem),
    /// The controller of the connection has not decided yet whether the deletion may begin.
    AwaitingBrake,
    /// The brake of the connection holds the deletion.
    Braked(Holding),
    /// A DELETE takes longer than a moment.
    InFlight,
    /// The last DELETE did not confirm.
    BetweenAttempts {
        /// When the next DELETE is due.
        until: Timestamp,
    },
    /// Kore seems to have no such campaign; the operator is proving that.
    Proving,
    /// Another VoiceCampaign keeps the campaign.
    HeldFor(&'a OtherClaim),
    /// The quota of the account is used up.
    WaitingForQuota {
        /// When this object may call.
        until: Timestamp,
        /// Where it stands in the queue of the account now, if that is known.
        position: Option<Position>,
        /// Now.
        now: Timestamp,
    },
    /// Calls to the account fail; other objects probe it.
    AccountInTrouble(Trouble<'a>),
    /// Kore refuses the credentials; other objects that use them probe whether it still does.
    CredentialsRefused(Trouble<'a>),
    /// The finalizer may be removed.
    Released(ReleasePermit),
}

/// Calls that fail for many objects.
#[derive(Clone, Copy, Debug)]
pub struct Trouble<'a> {
    /// Since when.
    pub since: Timestamp,
    /// What the first failed call returned, if this process has made it.
    pub answer: Option<&'a str>,
}
