//! What is said while the API server fails what the operator asks of it.

use jiff::SignedDuration;
use voicecampaign_operator::api::{DeletionOutcome, VoiceCampaign};
use voicecampaign_operator::campaign::{LastGet, Observed, Step, decide, obstacle};
use voicecampaign_operator::connection::Connection;
use voicecampaign_operator::kore::FailureKind;
use voicecampaign_operator::pacing::Turn;

use crate::support::*;

const WHY: &str = "could not read the KoreConnection or its Secret: the call to the API server failed: no key to decrypt with";

/// The object with what is said, as the API server would store it.
fn told(mut object: VoiceCampaign, why: &str) -> VoiceCampaign {
    let condition = obstacle(&object, why, at(1)).unwrap();
    let status = object.status.get_or_insert_default();
    status.conditions.retain(|stored| stored.type_ != condition.type_);
    status.conditions.push(condition);
    object
}

fn said(object: &VoiceCampaign) -> Option<&str> {
    let conditions = &object.status.as_ref()?.conditions;
    Some(conditions.iter().find(|condition| condition.type_ == "Obstructed")?.message.as_str())
}

/// A deletion that can't go on says why, once, and goes on when it can.
#[test]
fn a_deletion_says_once_what_keeps_it() {
    let (unresolved, connection) = (Connection::NotLookedUp, usable());
    let mut object = told(deleted(), WHY);
    assert!(said(&object).unwrap().starts_with(
        "The operator can't continue the deletion: could not read the KoreConnection or its Secret"
    ));
    assert_eq!(obstacle(&object, WHY, at(9)), None, "once");
    assert_eq!(decide(&observed(&object, &unresolved), at(9)), Step::Resolve);
    let unprotected = Observed { protected: false, ..observed(&object, &connection) };
    assert_eq!(decide(&unprotected, at(9)), Step::Protect, "nobody has looked at it yet");
    assert_eq!(decide(&observed(&object, &connection), at(9)), Step::Delete);
    let attempt = attempt(Ok(confirmed()));
    object.status =
        Some(status(decide(&Observed { attempt: Some(&attempt), ..observed(&object, &connection) }, at(9))));
    assert_eq!((reason(object.status.as_ref().unwrap()), said(&object)), ("Deleted", None));
}

/// What is only going to be tried is no news: neither does it end what is said, nor is it written with each
/// try.
#[test]
fn what_is_only_tried_is_not_written() {
    let connection = usable();
    let gone = attempt(Err(failure(FailureKind::MayBeAbsent, None)));
    let mut object = deleted();
    let attempted = Observed { attempt: Some(&gone), ..observed(&object, &connection) };
    object.status = Some(status(decide(&attempted, at(1))));
    let look = look(2, Err(failure(FailureKind::MayBeAbsent, None)));
    let looked = Observed { get: Some(&look), ..observed(&object, &connection) };
    object.status = Some(status(decide(&looked, at(2))));
    let object = told(object, WHY);
    let step = decide(&observed(&object, &connection), at(3));
    assert!(matches!(step, Step::List { .. }), "{step:?}");
    // Whoever rests is kept by nothing any more.
    let waits = Observed { listing_due: Some(at(30)), ..observed(&object, &connection) };
    let rested = status(decide(&waits, at(3)));
    assert!(rested.conditions.iter().all(|condition| condition.type_ != "Obstructed"));
    // Also if there is nothing else to write.
    let slot = Turn::At(at(3) + SignedDuration::from_millis(200));
    let waits = Observed { turn: Some(slot), ..observed(&object, &connection) };
    let rested = status(decide(&waits, at(3)));
    assert!(rested.conditions.iter().all(|condition| condition.type_ != "Obstructed"));
    let object = VoiceCampaign { status: Some(rested), ..object.clone() };
    let step = decide(&Observed { turn: Some(slot), ..observed(&object, &connection) }, at(3));
    assert!(matches!(step, Step::Wait { .. }), "{step:?}");
}

/// A policy that keeps the finalizer on is named, and each further try costs no write.
#[test]
fn a_release_that_is_refused_says_so_and_is_tried_without_a_write() {
    let (mut object, connection) = (deleted(), usable());
    let attempt = attempt(Ok(confirmed()));
    let confirmed = Observed { attempt: Some(&attempt), ..observed(&object, &connection) };
    object.status = Some(status(decide(&confirmed, at(0))));
    let object = told(object, "a policy refuses it");
    assert!(
        said(&object).unwrap().starts_with("The operator can't remove its finalizer: a policy refuses it")
    );
    let status = object.status.as_ref().unwrap();
    assert_eq!(status.deletion.as_ref().unwrap().outcome, Some(DeletionOutcome::Deleted));
    assert_eq!(reason(status), "Deleted");
    assert!(matches!(decide(&observed(&object, &connection), at(2)), Step::Release(_)), "no write more");
}

/// A living object keeps what was observed beside it; without its finalizer it says what a deletion would do.
#[test]
fn a_living_campaign_says_it_beside_what_was_observed() {
    let connection = usable();
    let mut object = living();
    let look = look(1, Ok(confirmed().campaign().clone()));
    let seen = Observed { get: Some(&look), ..observed(&object, &connection) };
    object.status = Some(status(decide(&seen, at(1))));
    let object = told(object, WHY);
    assert_eq!(reason(object.status.as_ref().unwrap()), "CampaignFound");
    assert!(said(&object).unwrap().starts_with("The operator can't observe the campaign"));
    let mut unheld = living();
    unheld.metadata.finalizers = None;
    assert!(said(&told(unheld, WHY)).unwrap().starts_with("The operator can't add its finalizer"));
    // It is observed again, and nothing has changed: that ends it.
    let last_get = LastGet { at: at(2), again_at: at(600) };
    let observed_again = Observed { last_get: Some(last_get), ..observed(&object, &connection) };
    let again = status(decide(&observed_again, at(3)));
    assert!(again.conditions.iter().all(|condition| condition.type_ != "Obstructed"), "{again:?}");
}

/// Nothing that a person or a token can be known by is shown, whatever a policy or a proxy echoes.
#[test]
fn what_the_api_server_says_is_scrubbed() {
    let object =
        told(deleted(), "a proxy has said: call +1 202 555 0175, Bearer eyJhbGciOiJIUzI1NiJ9.e30.c2ln");
    let said = said(&object).unwrap();
    assert!(!said.contains("555") && !said.contains("eyJ"), "{said}");
}
