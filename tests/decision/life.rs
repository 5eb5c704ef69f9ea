//! The paths of a living object.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use voicecampaign_operator::api::{REFRESH, Reason, VoiceCampaign};
use voicecampaign_operator::campaign::{
    GetResult, LastGet, ListingTrouble, Observed, OtherClaim, Step, StreamListing, Urgency, decide,
};
use voicecampaign_operator::connection::{Connection, Problem};
use voicecampaign_operator::kore::{Campaign, DialingStrategy, FailureKind};
use voicecampaign_operator::pacing::{Holder, Turn};

use crate::support::*;

/// An object whose first status is a minute old.
fn pending() -> VoiceCampaign {
    let mut object = living();
    object.status = Some(status(decide(&observed(&object, &usable()), at(-60))));
    object
}

/// An object that Kore was found to have, by a listing.
fn found() -> VoiceCampaign {
    let connection = usable();
    let mut object = pending();
    let listing = listing(&["cd-1"]);
    object.status =
        Some(status(decide(&Observed { listing: Some(&listing), ..observed(&object, &connection) }, at(1))));
    object
}

/// K21: a living object: finalizer first, conditions before the first call, then the campaign as it is in the
/// listing.
#[test]
fn a_new_object_is_protected_then_observed() {
    let connection = usable();
    let mut object = living();
    object.metadata.finalizers = None;
    assert_eq!(decide(&observed(&object, &Connection::NotLookedUp), at(0)), Step::Resolve);
    let unprotected = Observed { protected: false, ..observed(&object, &connection) };
    assert_eq!(decide(&unprotected, at(0)), Step::Protect, "what it needs, before itself");
    assert_eq!(decide(&observed(&object, &connection), at(0)), Step::AddFinalizer);
    let missing = Connection::Unusable(Problem::ConnectionNotFound { name: "production".into() });
    assert_eq!(
        decide(&observed(&object, &missing), at(0)),
        Step::AddFinalizer,
        "there is nothing to protect"
    );
    object = living();
    assert_eq!(decide(&observed(&object, &Connection::NotLookedUp), at(0)), Step::Resolve);
    let unprotected = Observed { protected: false, ..observed(&object, &connection) };
    assert_eq!(decide(&unprotected, at(0)), Step::Protect, "the admission policy has put the finalizer on");
    let pending = status(decide(&observed(&object, &connection), at(0)));
    assert_eq!((reason(&pending), ready(&pending).status.as_str()), ("Pending", "Unknown"));
    object.status = Some(pending);
    let step = decide(&observed(&object, &connection), at(2));
    assert!(matches!(step, Step::List { urgency: Urgency::Observation, .. }), "{step:?}");
    object = self::pending();
    let listing = listing(&["cd-0", "cd-1"]);
    let shown = |object: &VoiceCampaign, now| {
        decide(&Observed { listing: Some(&listing), ..observed(object, &connection) }, now)
    };
    let seen = status(shown(&object, at(1)));
    assert_eq!((reason(&seen), ready(&seen).status.as_str()), ("CampaignFound", "True"));
    assert_eq!(seen.campaign.as_ref().unwrap().status.as_deref(), Some("Active"));
    object.status = Some(seen);
    let Step::Wait { until: Some(until), why: Reason::CampaignFound } = shown(&object, at(1)) else {
        panic!()
    };
    assert!((at(600)..at(665)).contains(&until));
    assert!(matches!(shown(&object, until), Step::List { .. }), "an old listing says nothing new");
}

/// A listing that lacks the campaign: begun after the object was created and complete, or a GET has to tell.
#[test]
fn a_missing_campaign_is_reported_and_never_acted_on() {
    let connection = usable();
    let object = found();
    let none = listing(&["cd-0"]);
    let shown = |object: &VoiceCampaign, listing: &StreamListing| {
        decide(&Observed { listing: Some(listing), ..observed(object, &connection) }, at(1))
    };
    let missed = status(shown(&object, &none));
    assert_eq!((reason(&missed), ready(&missed).status.as_str()), ("CampaignNotFound", "False"));
    assert!(missed.campaign.is_some(), "what it was is kept");
    assert_eq!(shown(&object, &incomplete(&["cd-0"])), Step::Get(Urgency::Observation));
    assert!(missed.not_listed_since.is_some() && missed.seen_as.is_some());
    // It was there, and nobody asked to delete it: so an empty stream is doubted, and a person is to look.
    let doubted = status(shown(&object, &listing(&[])));
    assert_eq!((reason(&doubted), ready(&doubted).status.as_str()), ("StreamSuddenlyEmpty", "False"));
    assert!(has(&doubted, "Stalled") && doubted.not_listed_since.is_none());
    // Unless Kore shows that all of it is deleted.
    let deleted = status(shown(&object, &deleted_rows(&["cd-0", "cd-1"])));
    assert_eq!((reason(&deleted), deleted.not_listed_since.is_some()), ("CampaignNotFound", true));
    let mut gone = object.clone();
    gone.status = Some(missed.clone());
    assert!(matches!(shown(&gone, &none), Step::Wait { .. }), "not a write more");
    let still = status(shown(&gone, &listing(&["cd-1"])));
    assert_eq!((reason(&still), &still.not_listed_since), ("CampaignFound", &None));
    let empty = shown(&gone, &listing(&[]));
    assert!(
        matches!(empty, Step::Wait { why: Reason::CampaignNotFound, .. }),
        "it was missed among others: {empty:?}"
    );
    assert_eq!(reason(&status(shown(&pending(), &listing(&[])))), "CampaignNotFound", "it was never there");

    let not_returned = look(0, Err(failure(FailureKind::MayBeAbsent, None)));
    let last_get = Some(LastGet { at: at(0), again_at: at(600) });
    let by_get = status(decide(
        &Observed { get: Some(&not_returned), last_get, ..observed(&object, &connection) },
        at(0),
    ));
    assert_eq!((reason(&by_get), ready(&by_get).status.as_str()), ("CampaignNotFound", "False"));
    assert_eq!(by_get.not_listed_since, None, "an app without access gets 404, too");
}

/// Who saw the campaign last is known, and written when it changes.
#[test]
fn it_is_known_as_whom_the_campaign_was_seen() {
    let connection = usable();
    let mut object = found();
    let seen_as = |object: &VoiceCampaign| object.status.as_ref().unwrap().seen_as.clone().unwrap();
    assert_eq!(seen_as(&object), target().identity().as_str());
    let other = target_of("app-2").identity();
    let returned = GetResult { identity: other.clone(), ..look(1, Ok(Campaign::default())) };
    let last_get = Some(LastGet { at: at(1), again_at: at(600) });
    let shown = Observed { get: Some(&returned), last_get, ..observed(&object, &connection) };
    object.status = Some(status(decide(&shown, at(1))));
    assert_eq!(seen_as(&object), other.as_str());
    let refused =
        GetResult { identity: target().identity(), ..look(2, Err(failure(FailureKind::MayBeAbsent, None))) };
    let shown = Observed { get: Some(&refused), last_get, ..observed(&object, &connection) };
    object.status = Some(status(decide(&shown, at(2))));
    assert_eq!(seen_as(&object), other.as_str(), "it was not shown it");
}

/// Nothing is said from a listing that began before the object was created (its time is cut to a second), or
/// before we last asked to delete the campaign: neither that it is there nor that it is not.
#[test]
fn an_old_listing_says_nothing_of_a_new_object() {
    let connection = usable();
    for ids in [&["cd-1"][..], &["cd-0"], &[]] {
        let old = listing(ids);
        let begun = old.listing.begun_at();
        let mut object = living();
        object.metadata.creation_timestamp = Some(Time(begun));
        let shown = |object: &VoiceCampaign, last_delete, now| {
            let listing = Some(&old);
            decide(&Observed { listing, last_delete, ..observed(object, &connection) }, now)
        };
        let now = begun + SignedDuration::from_millis(10);
        let said = status(shown(&object, None, now));
        assert_eq!((reason(&said), ready(&said).status.as_str()), ("Pending", "Unknown"), "{ids:?}");
        object.status = Some(said);
        let Step::Wait { until: Some(until), why: Reason::Pending } = shown(&object, None, now) else {
            panic!()
        };
        assert!(until > begun + SignedDuration::from_secs(1), "a listing before that says nothing, either");
        let Step::List { not_before, .. } = shown(&object, None, until) else { panic!() };
        assert_eq!(not_before, begun + SignedDuration::from_secs(1));
        // A clock that is far ahead can't be waited for.
        object.metadata.creation_timestamp = Some(Time(now + SignedDuration::from_hours(1)));
        assert_eq!(shown(&object, None, now), Step::Get(Urgency::Observation));

        // The same after a DELETE, and of what was said before it.
        let mut object = found();
        let deleted = Some(begun + SignedDuration::from_millis(5));
        let said = status(shown(&object, deleted, now));
        assert_eq!((reason(&said), ready(&said).status.as_str()), ("Pending", "Unknown"), "{ids:?}");
        object.status = Some(said);
        let Step::List { not_before, .. } = shown(&object, deleted, now) else { panic!() };
        assert_eq!(Some(not_before), deleted);
        // Before it: the listing is news.
        let said = status(shown(&pending(), Some(begun - SignedDuration::from_secs(1)), now));
        assert_ne!(reason(&said), "Pending");
    }
}

/// Behind a clock that is ahead of the API server's, a listing seems to be newer than an object that was
/// created after it. What counts is when this process met the object, whatever its status says, and also if
/// no status of it is ever stored.
#[test]
fn a_clock_that_is_ahead_makes_no_listing_newer_than_an_object() {
    let connection = usable();
    let listing = listing(&["cd-0"]);
    let now = listing.listing.begun_at() + SignedDuration::from_millis(10);
    let mut troubled = pending();
    troubled.status.as_mut().unwrap().conditions[0].reason = "ServiceUnreachable".into();
    for stored in [living(), pending(), troubled] {
        // What one pass does. Its own status counts in it, whether or not the API server has stored that.
        let pass = |met_at, now| {
            let decided = |object: &VoiceCampaign| {
                let met_at = Some(met_at);
                decide(&Observed { listing: Some(&listing), met_at, ..observed(object, &connection) }, now)
            };
            match decided(&stored) {
                Step::Record(status) if reason(&status) == "Pending" => {
                    decided(&VoiceCampaign { status: Some(*status), ..stored.clone() })
                }
                step => step,
            }
        };
        let Step::Wait { until: Some(until), .. } = pass(now, now) else { panic!() };
        assert_eq!(until, now + SignedDuration::from_millis(1), "a listing that begins then is newer");
        assert!(matches!(pass(now, until), Step::List { not_before, .. } if not_before == now));
        let said = status(pass(at(-10), now));
        assert_eq!(reason(&said), "CampaignNotFound", "it was met before the listing began");
    }
}

/// What was looked at before the DELETE says nothing after it; a look since then does.
#[test]
fn a_look_before_a_delete_says_nothing_after_it() {
    let connection = usable();
    let object = found();
    let last_get = Some(LastGet { at: at(0), again_at: at(600) });
    let decided = |last_delete| {
        decide(
            &Observed { last_get, last_delete: Some(last_delete), ..observed(&object, &connection) },
            at(5),
        )
    };
    assert_eq!(reason(&status(decided(at(1)))), "Pending");
    assert!(matches!(decided(at(-1)), Step::Wait { until: Some(until), .. } if until == at(600)));
}

/// The clock was put back: a look of the future parks no observation, and makes no listing too old.
#[test]
fn a_look_from_the_future_parks_nothing() {
    let connection = usable();
    let object = found();
    let read = listing(&["cd-1"]);
    let last_get = Some(LastGet { at: at(12 * 3600), again_at: at(12 * 3600 + 600) });
    let decided =
        |listing| decide(&Observed { last_get, listing, ..observed(&object, &connection) }, at(900));
    let Step::List { not_before, .. } = decided(None) else { panic!() };
    assert!(not_before < at(900));
    let step = decide(&Observed { last_get, listing: Some(&read), ..observed(&object, &connection) }, at(60));
    assert!(matches!(step, Step::Wait { .. }), "{step:?}");
}

/// A status that was restored onto a new object says nothing of it.
#[test]
fn a_status_that_is_older_than_its_object_is_not_believed() {
    let connection = usable();
    let mut object = found();
    object.metadata.creation_timestamp = Some(Time(at(5)));
    let step = decide(&observed(&object, &connection), at(102));
    assert!(matches!(step, Step::List { .. }), "the clock of the API server is a little ahead: {step:?}");
    object.metadata.creation_timestamp = Some(Time(at(100)));
    let said = status(decide(&observed(&object, &connection), at(102)));
    assert_eq!((reason(&said), ready(&said).status.as_str()), ("Pending", "Unknown"));
}

/// While the account is in trouble, nobody knows whether what was once found is still there.
#[test]
fn a_campaign_that_cannot_be_asked_for_is_unknown() {
    let connection = usable();
    let object = found();
    let turn = Some(Turn::Held { of: Holder::Account, since: at(-5), until: at(30), next: false });
    let held = Observed { turn, trouble: Some("HTTP 503"), ..observed(&object, &connection) };
    assert!(matches!(decide(&held, at(900)), Step::List { .. }), "its turn has come");
    let said = status(decide(&held, at(0)));
    assert_eq!((reason(&said), ready(&said).status.as_str()), ("AccountUnavailable", "Unknown"));
    assert!(
        ready(&said).message.contains("HTTP 503") && !ready(&said).message.contains("deletion"),
        "{said:?}"
    );
}

/// A row of a listing has no dialing strategy; what a GET has shown of it stays. And a listing that is older
/// than that GET does not bring an old state back.
#[test]
fn a_listing_takes_nothing_away_from_a_get() {
    let connection = usable();
    let mut object = found();
    let strategy = DialingStrategy { dialing_order: Some("FIFO".into()), ..DialingStrategy::default() };
    let campaign = Campaign {
        id: Some("cd-1".into()),
        status: Some("Paused".into()),
        dialing_strategy: Some(strategy.clone()),
        ..Campaign::default()
    };
    let older = listing(&["cd-1"]);
    let returned = look(2, Ok(campaign));
    let last_get = Some(LastGet { at: at(2), again_at: at(600) });
    let seen =
        status(decide(&Observed { get: Some(&returned), last_get, ..observed(&object, &connection) }, at(3)));
    object.status = Some(seen);
    for now in [at(3), at(601)] {
        let step =
            decide(&Observed { last_get, listing: Some(&older), ..observed(&object, &connection) }, now);
        assert!(matches!(step, Step::Wait { .. } | Step::List { .. }), "{step:?}");
    }
    let newer = listing(&["cd-1"]);
    let last_get = Some(LastGet { at: at(-5), again_at: at(-1) });
    let seen = status(decide(
        &Observed { last_get, listing: Some(&newer), ..observed(&object, &connection) },
        at(3),
    ));
    let campaign = seen.campaign.unwrap();
    assert_eq!((campaign.status.as_deref(), campaign.dialing_strategy), (Some("Active"), Some(strategy)));
}

/// A user asks for a look now: one GET, answered in status; no matter how fresh the listing is.
#[test]
fn a_refresh_is_a_get_and_is_answered() {
    let connection = usable();
    let mut object = found();
    object.metadata.annotations =
        Some(BTreeMap::from([(REFRESH.to_owned(), "2026-11-23T10:00:00Z".to_owned())]));
    let fresh = listing(&["cd-1"]);
    let last_get = Some(LastGet { at: at(0), again_at: at(600) });
    let decided = |object: &VoiceCampaign, get: Option<&GetResult>, now| {
        decide(&Observed { last_get, get, listing: Some(&fresh), ..observed(object, &connection) }, now)
    };
    assert_eq!(decided(&object, None, at(1)), Step::Get(Urgency::Observation));
    let returned =
        GetResult { refresh: Some("2026-11-23T10:00:00Z".into()), ..look(1, Ok(Campaign::default())) };
    let answered = status(decided(&object, Some(&returned), at(1)));
    assert_eq!(answered.last_handled_refresh_at.as_deref(), Some("2026-11-23T10:00:00Z"));
    object.status = Some(answered);
    assert!(matches!(decided(&object, None, at(2)), Step::Wait { .. }), "once");
    // A look that was asked for before does not answer it.
    object.metadata.annotations = Some(BTreeMap::from([(REFRESH.to_owned(), "later".to_owned())]));
    assert_eq!(decided(&object, None, at(2)), Step::Get(Urgency::Observation));
    object.spec.suspend = true;
    assert_eq!(reason(&status(decided(&object, None, at(2)))), "Suspended");
}

/// Listings that fail make the campaign unknown, not missing.
#[test]
fn failing_listings_make_a_campaign_unknown() {
    let connection = usable();
    let object = found();
    let trouble = |failure| ListingTrouble { failure, failures: 1, retry_at: at(20) };
    let failing = trouble(Some(failure(FailureKind::Unavailable, None)));
    let written = status(decide(
        &Observed { listing_trouble: Some(&failing), ..observed(&object, &connection) },
        at(0),
    ));
    assert_eq!((reason(&written), ready(&written).status.as_str()), ("ServiceUnavailable", "Unknown"));
    let shifting = trouble(None);
    let step =
        decide(&Observed { listing_trouble: Some(&shifting), ..observed(&object, &connection) }, at(0));
    assert_eq!(step, Step::Get(Urgency::Observation));
    let step = decide(&Observed { listing_due: Some(at(60)), ..observed(&object, &connection) }, at(0));
    assert!(matches!(step, Step::Wait { until: Some(until), .. } if until >= at(60)), "others read it");
}

/// A connection that is gone is told, however lately the campaign was seen.
#[test]
fn a_missing_connection_is_told_of_a_living_object() {
    let gone = Connection::Unusable(Problem::ConnectionNotFound { name: "production".into() });
    let last_get = Some(LastGet { at: at(0), again_at: at(600) });
    let written = status(decide(&Observed { last_get, ..observed(&found(), &gone) }, at(1)));
    assert_eq!(reason(&written), "ConnectionNotFound");
    assert!(has(&written, "Stalled"));
}

/// Two objects, one campaign: both say so, and stay ready; a move between namespaces must not fail half-way.
#[test]
fn an_object_that_shares_its_campaign_says_so() {
    let connection = usable();
    let mut object = found();
    let others = [OtherClaim { name: "m/y".into(), keeps: true }];
    let fresh = listing(&["cd-1"]);
    let shared = Observed { listing: Some(&fresh), others: &others, ..observed(&object, &connection) };
    let written = status(decide(&shared, at(1)));
    let condition = written.conditions.iter().find(|condition| condition.type_ == "Shared").unwrap();
    assert_eq!((condition.status.as_str(), condition.reason.as_str()), ("True", "CampaignShared"));
    assert!(condition.message.contains("m/y"));
    assert_eq!((reason(&written), ready(&written).status.as_str()), ("CampaignFound", "True"));
    object.status = Some(written);
    let alone = Observed { listing: Some(&fresh), ..observed(&object, &connection) };
    assert!(!has(&status(decide(&alone, at(1) + SignedDuration::from_secs(1))), "Shared"));
}
