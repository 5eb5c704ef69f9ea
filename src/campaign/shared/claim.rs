//! What the claim of one VoiceCampaign to a campaign is worth. Pure.
//!
//! Kore has shown the campaign to the object (*confirmed*), or may still do so (*open*), or the object is so
//! young that its connection may be on its way. An object with none of these keeps nobody's campaign.

use jiff::{SignedDuration, Timestamp};

use crate::api::{DeletionPolicy, Reason, VoiceCampaign};
use crate::campaign::status;
use crate::connection::Standing;
use crate::kore::{Account, FailureKind};

/// For so long after its creation an object keeps its campaign without any sign that Kore would show it.
/// People often move a manifest to another namespace before its connection and its Secret: by hand a minute
/// or two before, with a GitOps tool one pass before, which is 3 to 10 minutes by default.
pub const GRACE: SignedDuration = SignedDuration::from_mins(10);

/// What the claim of another object to a campaign rests on.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// The object is to keep its campaign: it lives, and its policy is not `Orphan`.
    pub wants: bool,
    /// Kore has shown the campaign in this very account to the object.
    pub confirmed: bool,
    /// Kore may still show it: the object has a connection to the account that Kore does not refuse, and no
    /// answer says otherwise.
    pub open: bool,
    /// Kore accepts the credentials of that connection.
    pub accepted: bool,
    /// When the object was created.
    pub created: Option<Timestamp>,
    /// It was first shown less than [`GRACE`] ago.
    pub new: bool,
}

impl Claim {
    /// Whether the claim holds a deletion of the campaign that was `requested` then (`None`: nobody has
    /// requested one). The account has let observations call since `could_observe_since`.
    ///
    /// Somebody who goes on to apply unconfirmed claims can't hold a deletion for ever: a claim that is
    /// created later than [`GRACE`] after the request does not count. Nor does a claim with credentials that
    /// Kore has never accepted, once Kore could have shown it the campaign for [`GRACE`].
    pub fn holds(
        self,
        requested: Option<Timestamp>,
        could_observe_since: Option<Timestamp>,
        now: Timestamp,
    ) -> bool {
        let Self { wants, confirmed, open, accepted, created, new } = self;
        let within = |since: Timestamp, time: Timestamp| time < since + GRACE;
        let young = new || created.is_some_and(|created| created <= now && within(created, now));
        let late =
            requested.is_some_and(|requested| created.is_some_and(|created| !within(requested, created)));
        let begun = could_observe_since.into_iter().chain(requested).chain(created).max();
        let could_ask = could_observe_since.is_some() && begun.is_some_and(|begun| !within(begun, now));
        let may_be_shown = open && (accepted || !could_ask);
        wants && (confirmed || ((may_be_shown || young) && !late))
    }

    /// The claim of an object to a campaign of an account (of any, if `None`), by what its status, with the
    /// account that it records, and its connection say.
    pub fn of(
        object: &VoiceCampaign,
        account: Option<&Account>,
        recorded: Option<&Account>,
        connection: Option<&Standing>,
    ) -> Self {
        let status = object.status.as_ref();
        let is_it = |theirs: &Account| account.is_none_or(|account| account == theirs);
        let shown = status.is_some_and(|status| status.campaign.is_some());
        // Kore was asked, and has not shown the campaign. Trouble on the way passes, where Kore accepts the
        // credentials.
        let denied = match status.map(status::reason) {
            Some(Reason::Service(kind)) => {
                !passes(kind) || !connection.is_some_and(|connection| connection.accepted)
            }
            reason => reason == Some(Reason::CampaignNotFound),
        };
        let reaches_it =
            connection.is_some_and(|connection| connection.may_answer && is_it(&connection.account));
        Self {
            wants: keeps_its_campaign(object),
            confirmed: shown && recorded.is_some_and(is_it),
            open: reaches_it && !object.spec.suspend && !denied,
            accepted: connection.is_some_and(|connection| connection.accepted),
            created: object.metadata.creation_timestamp.as_ref().map(|time| time.0),
            new: false,
        }
    }
}

/// Whether a failure of this kind is one of the way to Kore, and no answer about the campaign or about who
/// asks.
fn passes(kind: FailureKind) -> bool {
    match kind {
        FailureKind::Throttled
        | FailureKind::Unavailable
        | FailureKind::Unreachable
        | FailureKind::Unreadable
        | FailureKind::ContractViolation => true,
        FailureKind::MayBeAbsent
        | FailureKind::Accepted
        | FailureKind::CredentialsRejected
        | FailureKind::Refused => false,
    }
}

/// Whether an object is to keep its campaign.
pub fn keeps_its_campaign(object: &VoiceCampaign) -> bool {
    object.metadata.deletion_timestamp.is_none() && object.spec.deletion_policy == DeletionPolicy::Delete
}

/// Whether somebody has asked to delete the campaign. A deletion that is suspended, or held by the brake,
/// before it has begun may never be made.
pub fn is_asked_for(object: &VoiceCampaign) -> bool {
    let has_begun = || object.deletion().is_some_and(|deletion| deletion.attempts > 0);
    let is_braked = || object.status.as_ref().map(status::reason) == Some(Reason::MassDeletion);
    let is_held = || object.spec.suspend || is_braked();
    object.metadata.deletion_timestamp.is_some() && (!is_held() || has_begun())
}

/// Whether the campaign was there when it was last seen, or missed among others. That a GET alone, or an
/// empty listing, did not show it says nothing: an app without access is shown just that.
pub fn was_there(object: &VoiceCampaign) -> bool {
    object
        .status
        .as_ref()
        .is_some_and(|status| status.campaign.is_some() && status.not_listed_since.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn object(name: &str, policy: &str) -> Value {
        json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign",
            "metadata": {"name": name, "namespace": "n", "uid": format!("uid-{name}")},
            "spec": {"connectionRef": {"name": "c"}, "streamId": "st-1", "campaignId": "cd-1",
                     "deletionPolicy": policy}})
    }

    /// Of a claim that was never confirmed counts that it may be; or, for a while, that it is new.
    #[test]
    fn a_claim_is_worth_what_it_rests_on() {
        let at = |minutes: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let just = SignedDuration::from_millis(1);
        for wants in [true, false] {
            for confirmed in [true, false] {
                for open in [true, false] {
                    // Created before the deletion was requested, just within the time after it, and later.
                    for (created, requested) in [(0, Some(5)), (0, Some(-9)), (0, Some(-10)), (0, None)] {
                        let accepted = true;
                        let claim = Claim {
                            wants,
                            confirmed,
                            open,
                            accepted,
                            created: Some(at(created)),
                            new: false,
                        };
                        let holds = |now| claim.holds(requested.map(at), Some(at(-60)), now);
                        let counts = requested != Some(-10);
                        assert_eq!(
                            holds(at(10) - just),
                            wants && (confirmed || counts),
                            "{claim:?} {requested:?}"
                        );
                        assert_eq!(
                            holds(at(10)),
                            wants && (confirmed || (open && counts)),
                            "{claim:?} {requested:?}"
                        );
                        assert_eq!(holds(at(10_000)), holds(at(10)), "{claim:?} {requested:?}");
                    }
                    let new =
                        Claim { wants, confirmed, open, accepted: true, created: Some(at(-15)), new: true };
                    assert_eq!(
                        new.holds(Some(at(-20)), None, at(0)),
                        wants,
                        "a clock that is ahead: {new:?}"
                    );
                    let ahead = Claim { created: Some(at(15)), new: false, ..new };
                    let others = wants && (confirmed || open);
                    assert_eq!(ahead.holds(None, None, at(0)), others, "one that was behind: {ahead:?}");
                    let claim = Claim { created: None, new: false, ..new };
                    let held = wants && (confirmed || open);
                    assert_eq!(claim.holds(Some(at(0)), None, at(1)), held, "{claim:?}");
                }
            }
        }
    }

    /// Who has never shown that Kore accepts the credentials holds a deletion for as long as it takes to ask,
    /// from when it was requested, it was created, and the account works; and for longer only while it does
    /// not.
    #[test]
    fn a_claim_with_credentials_that_kore_never_accepted_passes() {
        let at = |minutes: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let never = Claim {
            wants: true,
            confirmed: false,
            open: true,
            accepted: false,
            created: Some(at(0)),
            new: false,
        };
        let until = |claim: Claim, requested: Option<i64>, could_observe_since: Option<i64>| {
            (0..1000).find(|now| !claim.holds(requested.map(at), could_observe_since.map(at), at(*now)))
        };
        assert_eq!(until(never, Some(-5), Some(-60)), Some(10), "it was created");
        assert_eq!(until(never, Some(30), Some(-60)), Some(40), "the deletion was requested");
        assert_eq!(until(never, Some(30), Some(100)), Some(110), "the account works");
        assert_eq!(until(never, None, Some(-60)), Some(10));
        assert_eq!(until(never, Some(30), None), None, "it can't be asked");
        assert_eq!(until(Claim { accepted: true, ..never }, Some(30), Some(-60)), None);
        assert_eq!(until(Claim { confirmed: true, ..never }, Some(30), Some(-60)), None);
    }

    /// What a claim rests on: status, and the connection.
    #[test]
    fn a_claim_is_confirmed_by_kore_in_the_same_account() {
        let account = Account::new("https://h", "a");
        let standing = |account: &str, may_answer| Standing {
            account: Account::new("https://h:443", account),
            may_answer,
            accepted: false,
        };
        let parsed = |change: &dyn Fn(&mut Value)| -> VoiceCampaign {
            let mut value = object("x", "Delete");
            value["metadata"]["creationTimestamp"] = json!("2026-11-23T15:00:00Z");
            change(&mut value);
            serde_json::from_value(value).unwrap()
        };
        let of = |object: &VoiceCampaign, standing: Option<Standing>| {
            let recorded = object.status.as_ref().and_then(|status| status.account.as_ref());
            let recorded = recorded.map(|recorded| Account::new(&recorded.host, &recorded.account_id));
            Claim::of(object, Some(&account), recorded.as_ref(), standing.as_ref())
        };
        let found = |host: &str, id: &str| {
            parsed(&|value| {
                value["status"] =
                    json!({"account": {"host": host, "accountId": id}, "campaign": {"id": "cd-1"}});
            })
        };
        assert!(of(&found("https://H.:443", "a"), None).confirmed);
        assert!(!of(&found("https://h", "b"), None).confirmed);
        assert!(!of(&found("https://i", "a"), None).confirmed);
        let new = parsed(&|_| {});
        assert!(!of(&new, Some(standing("a", true))).confirmed);
        // A deletion has been asked for there, but the campaign was never shown.
        let asked =
            parsed(&|value| value["status"] = json!({"account": {"host": "https://h", "accountId": "a"}}));
        assert!(!of(&asked, None).confirmed);

        assert!(of(&new, Some(standing("a", true))).open);
        assert!(!of(&new, Some(standing("b", true))).open, "another account");
        assert!(!of(&new, Some(standing("a", false))).open, "refused, or not allowed");
        assert!(!of(&new, None).open, "no connection");
        assert!(
            !of(&parsed(&|value| value["spec"]["suspend"] = json!(true)), Some(standing("a", true))).open
        );
        for (reason, open) in [
            ("Pending", true),
            ("ServiceUnavailable", false),
            ("AccountUnavailable", true),
            ("ConnectionNotFound", true),
            ("CampaignNotFound", false),
            ("CredentialsRejected", false),
            ("RefusedByService", false),
        ] {
            let told = parsed(&|value| {
                value["status"] = json!({"conditions": [{"type": "Ready", "status": "False", "reason": reason, "message": "",
                    "lastTransitionTime": "2026-11-23T15:00:00Z"}]});
            });
            assert_eq!(of(&told, Some(standing("a", true))).open, open, "{reason}");
            // After trouble on the way, the operator asks again with credentials that Kore accepts.
            let accepted = Standing { accepted: true, ..standing("a", true) };
            assert_eq!(of(&told, Some(accepted)).open, open || reason == "ServiceUnavailable", "{reason}");
        }
    }
}
