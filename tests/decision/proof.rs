//! The proof of an absence, step by step, and what must not pass for one.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use voicecampaign_operator::api::{
    DeletionOutcome, DeletionStatus, ListingRecord, ProofStatus, Reason, VoiceCampaign, VoiceCampaignStatus,
};
use voicecampaign_operator::campaign::{
    Attempt, GetResult, ListingTrouble, Observed, Step, StreamListing, Urgency, decide,
};
use voicecampaign_operator::kore::{AnswerSummary, Campaign, Failure, FailureKind};
use voicecampaign_operator::pacing::{Holder, Turn};

use crate::support::*;

const AWAITED: Reason = Reason::Service(FailureKind::MayBeAbsent);

/// A proof for which a GET has not returned the campaign.
fn begun() -> ProofStatus {
    ProofStatus {
        identity: target().identity().as_str().to_owned(),
        answered_at: Time(at(-30)),
        not_returned_at: Some(Time(at(-29))),
        silent_gets: 0,
        silent_at: None,
        first_listing: None,
        second_listing: None,
        third_listing: None,
        doubted_listing: None,
        failures: 0,
        last_failure: None,
        last_failure_at: None,
    }
}

/// A proof with a first listing that ended then.
fn with_first(ended: i64) -> ProofStatus {
    let first = ListingRecord {
        begun_at: Time(at(ended - 1)),
        ended_at: Time(at(ended)),
        campaigns: 1,
        suddenly_empty: false,
        unseen_namespaces: Vec::new(),
    };
    ProofStatus { first_listing: Some(first), ..begun() }
}

/// An object whose proof has come so far, with its status as it was written.
fn proving(proof: ProofStatus) -> VoiceCampaign {
    let answer = failure(FailureKind::MayBeAbsent, None);
    let mut object = deleted();
    let attempt = attempt(Err(answer));
    let connection = usable();
    let written =
        status(decide(&Observed { attempt: Some(&attempt), ..observed(&object, &connection) }, at(0)));
    let deletion = DeletionStatus { proof: Some(proof), ..*written.deletion.clone().unwrap() };
    object.status = Some(VoiceCampaignStatus { deletion: Some(Box::new(deletion)), ..written });
    object
}

/// What becomes of an object that is shown a listing, when all that has to be written is.
fn shown(object: &VoiceCampaign, listing: &StreamListing, now: Timestamp) -> (VoiceCampaign, Step) {
    let connection = usable();
    let mut object = object.clone();
    loop {
        let observed = Observed { listing: Some(listing), ..observed(&object, &connection) };
        match decide(&observed, now) {
            Step::Record(status) => {
                let before = object.status.as_ref().and_then(|status| status.deletion.as_ref()?.outcome);
                let outcome = status.deletion.as_ref().and_then(|deletion| deletion.outcome);
                assert!(before.is_none() || outcome == before, "an outcome is withdrawn");
                object.status = Some(*status);
            }
            step => return (object, step),
        }
    }
}

/// What is done next for an object, when all that has to be written is.
fn next(object: &VoiceCampaign, now: Timestamp) -> Step {
    let connection = usable();
    let mut object = object.clone();
    loop {
        match decide(&observed(&object, &connection), now) {
            Step::Record(status) => object.status = Some(*status),
            step => return step,
        }
    }
}

fn deletion(object: &VoiceCampaign) -> &DeletionStatus {
    object.status.as_ref().unwrap().deletion.as_ref().unwrap()
}

fn proof(object: &VoiceCampaign) -> Option<&ProofStatus> {
    deletion(object).proof.as_ref()
}

/// R2: a DELETE that may have met nobody, a GET, two listings 10 s apart; each is in status before the next.
#[test]
fn an_absence_takes_a_get_and_two_listings() {
    let connection = usable();
    let mut object = deleted();
    let attempt = attempt(Err(failure(FailureKind::MayBeAbsent, None)));
    let written =
        status(decide(&Observed { attempt: Some(&attempt), ..observed(&object, &connection) }, at(0)));
    assert_eq!(reason(&written), "AwaitingProof");
    assert!(has(&written, "Reconciling"), "nobody is needed for this");
    object.status = Some(written);
    let step = decide(&observed(&object, &connection), at(0));
    assert_eq!(step, Step::Get(Urgency::Deletion), "at once: a question is no attempt");

    let not_returned = look(0, Err(failure(FailureKind::MayBeAbsent, None)));
    let written =
        status(decide(&Observed { get: Some(&not_returned), ..observed(&object, &connection) }, at(0)));
    assert_eq!(written.deletion.as_ref().unwrap().outcome, None);
    object.status = Some(written);
    let Step::List { not_before, urgency: Urgency::Deletion } =
        decide(&observed(&object, &connection), at(1))
    else {
        panic!()
    };
    assert!(not_before >= attempt.ended_at && not_before >= not_returned.asked_at);

    let (object, step) = shown(&proving(begun()), &listing(&["cd-2"]), at(2));
    let first = proof(&object).unwrap().first_listing.as_ref().unwrap();
    assert_eq!((first.campaigns, first.suddenly_empty), (1, false));
    let until = first.ended_at.0 + SignedDuration::from_secs(10);
    assert_eq!(step, Step::Wait { until: Some(until), why: AWAITED });
    assert_eq!(deletion(&object).next_attempt_at.as_ref().unwrap().0, until);
    assert_eq!(deletion(&object).outcome, None);

    let (object, step) = shown(&proving(with_first(-15)), &listing(&["cd-2"]), at(2));
    assert!(matches!(step, Step::Release(permit) if permit.outcome() == DeletionOutcome::Absent), "{step:?}");
    assert_eq!(reason(object.status.as_ref().unwrap()), "Absent");
    assert!(proof(&object).unwrap().second_listing.is_some() && deletion(&object).confirmed_at.is_some());
    // After a restart the record is enough.
    let step = decide(&observed(&object, &usable()), at(500));
    assert!(matches!(step, Step::Release(_)), "{step:?}");
}

/// R5, R12: whatever shows the campaign ends the proof, and the DELETE is repeated with backoff.
#[test]
fn a_sighting_begins_anew() {
    let connection = usable();
    let returned = look(0, Ok(Campaign::default()));
    let object = proving(ProofStatus { not_returned_at: None, ..begun() });
    let by_get = status(decide(&Observed { get: Some(&returned), ..observed(&object, &connection) }, at(0)));
    let listed = listing(&["cd-2", "cd-1"]);
    let shifted = incomplete(&["cd-1"]);
    for (what, status) in [
        ("a GET", by_get),
        ("the first listing", shown(&proving(begun()), &listed, at(2)).0.status.unwrap()),
        ("the second listing", shown(&proving(with_first(-15)), &listed, at(2)).0.status.unwrap()),
        ("a listing that does not add up", shown(&proving(begun()), &shifted, at(2)).0.status.unwrap()),
    ] {
        let deletion = status.deletion.as_ref().unwrap();
        assert_eq!((deletion.outcome, &deletion.proof), (None, &None), "{what}");
        assert!(deletion.seen_at.is_some(), "{what}");
        let next = deletion.next_attempt_at.clone().unwrap().0;
        assert!(next > deletion.last_attempt_at.clone().unwrap().0, "{what}");
        assert!(
            ready(&status).message.contains("still returned the campaign"),
            "{what}: {}",
            ready(&status).message
        );
        let mut object = deleted();
        object.status = Some(status);
        assert_eq!(decide(&observed(&object, &connection), next), Step::Delete, "{what}");
    }
}

/// R10, R19: what proves nothing leaves the proof where it was.
#[test]
fn what_is_no_evidence_changes_nothing() {
    let late = || proving(with_first(-5));
    for (what, object, listing) in [
        ("as another app", proving(begun()), listing_as("app-2", &["cd-2"])),
        ("pages that do not add up", proving(begun()), incomplete(&["cd-2"])),
        ("pages that do not add up, as second", proving(with_first(-15)), incomplete(&["cd-2"])),
        ("less than 10 s after the first", late(), listing(&["cd-2"])),
    ] {
        let before = proof(&object).cloned();
        let (after, step) = shown(&object, &listing, at(2));
        assert_eq!(proof(&after).cloned(), before, "{what}");
        assert!(matches!(step, Step::List { .. } | Step::Wait { .. }), "{what}: {step:?}");
    }
    // Begun before the answer to the DELETE, or before the GET.
    let old = listing(&["cd-2"]);
    let later = Time(old.listing.begun_at() + SignedDuration::from_secs(1));
    for proof in [
        ProofStatus { answered_at: later.clone(), ..begun() },
        ProofStatus { not_returned_at: Some(later), ..begun() },
    ] {
        let (after, step) = shown(&proving(proof.clone()), &old, at(20));
        assert_eq!(after.status.unwrap().deletion.unwrap().proof, Some(proof));
        assert!(matches!(step, Step::List { .. }), "{step:?}");
    }
}

/// A GET that fails, or is refused, proves nothing; it is repeated with backoff, and says why.
#[test]
fn a_failed_get_is_repeated() {
    let connection = usable();
    for kind in FailureKind::ALL.into_iter().filter(|kind| *kind != FailureKind::MayBeAbsent) {
        let object = proving(ProofStatus { not_returned_at: None, ..begun() });
        let failed = look(0, Err(failure(kind, Some(30))));
        let written =
            status(decide(&Observed { get: Some(&failed), ..observed(&object, &connection) }, at(0)));
        let deletion = written.deletion.as_ref().unwrap();
        let proof = deletion.proof.as_ref().unwrap();
        assert_eq!((proof.not_returned_at.as_ref(), proof.failures), (None, 1), "{kind}");
        assert_eq!(reason(&written), kind.reason());
        assert!(deletion.next_attempt_at.as_ref().unwrap().0 >= at(30), "Retry-After is honoured");
        assert_eq!(has(&written, "Stalled"), kind == FailureKind::CredentialsRejected);
    }
    // The same as another app.
    let object = proving(ProofStatus { not_returned_at: None, ..begun() });
    let other = GetResult {
        identity: target_of("app-2").identity(),
        ..look(0, Err(failure(FailureKind::MayBeAbsent, None)))
    };
    let written = status(decide(&Observed { get: Some(&other), ..observed(&object, &connection) }, at(0)));
    assert_eq!(written.deletion.unwrap().proof.unwrap().not_returned_at, None);
}

/// A read that waits for an account in trouble says so once. Not the opposite before each try: each write
/// wakes the object.
#[test]
fn a_read_that_waits_for_the_account_is_told_once() {
    let connection = usable();
    for proof in [ProofStatus { not_returned_at: None, ..begun() }, begun()] {
        let mut object = proving(proof);
        let held = Turn::Held { of: Holder::Account, since: at(-5), until: at(20), next: false };
        let waits = Observed { turn: Some(held), ..observed(&object, &connection) };
        let written = status(decide(&waits, at(0)));
        assert_eq!(reason(&written), "AccountUnavailable");
        object.status = Some(written);
        let tries = decide(&observed(&object, &connection), at(0));
        assert!(matches!(tries, Step::Get(_) | Step::List { .. }), "{tries:?}");
        let joins = Observed { listing_due: Some(at(1)), ..observed(&object, &connection) };
        let waits = Observed { turn: Some(held), ..observed(&object, &connection) };
        for observed in [joins, waits] {
            let step = decide(&observed, at(0));
            assert!(!matches!(step, Step::Record(_)), "{step:?}");
        }
    }
}

/// Listings that fail are told, with the time of the next; not a write more than one for each.
#[test]
fn failing_listings_are_told_and_waited_out() {
    let connection = usable();
    for (what, failure, reason_) in [
        ("unavailable", Some(failure(FailureKind::Unavailable, None)), "ServiceUnavailable"),
        ("not adding up", None, "ListingIncomplete"),
        ("404 for everything", Some(failure(FailureKind::MayBeAbsent, None)), "AwaitingProof"),
        ("credentials", Some(failure(FailureKind::CredentialsRejected, None)), "CredentialsRejected"),
    ] {
        let mut object = proving(begun());
        let trouble = ListingTrouble { failure, failures: 3, retry_at: at(20) };
        let show = |object: &VoiceCampaign, now| {
            decide(&Observed { listing_trouble: Some(&trouble), ..observed(object, &connection) }, now)
        };
        let written = status(show(&object, at(0)));
        assert_eq!(reason(&written), reason_, "{what}");
        let deletion = written.deletion.as_ref().unwrap();
        assert_eq!(deletion.next_attempt_at.as_ref().unwrap().0, at(20), "{what}");
        assert_eq!(deletion.proof.as_ref().unwrap().failures, 3, "{what}");
        assert_eq!(deletion.outcome, None);
        object.status = Some(written);
        let step = show(&object, at(1));
        assert!(
            matches!(step, Step::Wait { until: Some(until), .. } | Step::Stall { until: Some(until), .. } if until == at(20)),
            "{what}: {step:?}"
        );
        assert!(matches!(show(&object, at(20)), Step::List { .. }), "{what}");
    }
}

/// A GET was answered wrongly once, and no listing comes: the campaign may live. It is asked for once more,
/// after more and more failures; if it is shown, the DELETE is repeated.
#[test]
fn a_campaign_is_asked_for_again_while_listings_fail() {
    let connection = usable();
    let mut object = proving(begun());
    let (mut asked, mut now) = (Vec::new(), 0);
    for failures in 1..30 {
        let trouble = ListingTrouble { failure: None, failures, retry_at: at(now + 300) };
        let show = |object: &VoiceCampaign, now| {
            decide(&Observed { listing_trouble: Some(&trouble), ..observed(object, &connection) }, at(now))
        };
        object.status = Some(status(show(&object, now)));
        assert!(
            matches!(show(&object, now), Step::Wait { .. } | Step::Stall { .. }),
            "once for each failure"
        );
        now += 300;
        let step = decide(&observed(&object, &connection), at(now));
        if step == Step::Get(Urgency::Deletion) {
            asked.push(failures);
            let found = look(now, Ok(Campaign::default()));
            let seen = Observed { get: Some(&found), ..observed(&object, &connection) };
            assert!(status(decide(&seen, at(now))).deletion.unwrap().proof.is_none(), "it is there");
            let absent = look(now, Err(failure(FailureKind::MayBeAbsent, None)));
            let again = Observed { get: Some(&absent), ..observed(&object, &connection) };
            object.status = Some(status(decide(&again, at(now))));
        } else {
            assert!(matches!(step, Step::List { .. }), "{step:?}");
        }
    }
    assert_eq!(asked, [3, 6, 12, 24]);
}

/// R10: an app that has lost its permission may be shown an empty stream. While campaigns that nobody asked
/// to delete are missing with ours, that counts for nothing, however often and long it is read: a person
/// decides. When they are not missing any more, the plain proof counts at once.
#[test]
fn a_stream_that_is_suddenly_empty_is_never_believed() {
    let doubted = StreamListing { suddenly_empty: true, ..listing(&[]) };
    let (object, step) = shown(&proving(begun()), &doubted, at(2));
    let record = proof(&object).unwrap().doubted_listing.clone().unwrap();
    assert!(record.suddenly_empty && proof(&object).unwrap().first_listing.is_none());
    let until = record.ended_at.0 + SignedDuration::from_mins(5);
    assert_eq!(step, Step::Stall { until: Some(until), why: Reason::StreamSuddenlyEmpty });
    let status = object.status.as_ref().unwrap();
    assert!(has(status, "Stalled") && deletion(&object).next_attempt_at.as_ref().unwrap().0 == until);
    let message = &ready(status).message;
    assert!(
        message.contains("Restore the JWT app's scope") && message.contains("deletionPolicy to Orphan"),
        "{message}"
    );

    // As second, and again after hours: it never counts. What counted before it still does.
    let early = |ended: i64| {
        let doubted = ListingRecord { suddenly_empty: true, ..with_first(ended).first_listing.unwrap() };
        ProofStatus { doubted_listing: Some(doubted), ..with_first(ended) }
    };
    for before in [with_first(-15), with_first(-7200), early(-7200)] {
        let (object, _) = shown(&proving(before.clone()), &doubted, at(2));
        assert_eq!(deletion(&object).outcome, None);
        let after = proof(&object).unwrap();
        assert_eq!((&after.first_listing, &after.second_listing), (&before.first_listing, &None));
    }
    assert!(matches!(next(&proving(early(-400)), at(2)), Step::List { .. }), "read again");

    // Everything else is deleted, or being deleted, by now; or some of the stream are shown again.
    for listing in [listing(&[]), listing(&["cd-2"])] {
        let (object, step) = shown(&proving(early(-15)), &listing, at(2));
        assert_eq!(
            deletion(&object).outcome,
            Some(DeletionOutcome::Absent),
            "sooner than the next was to be read"
        );
        assert!(matches!(step, Step::Release(_)), "{step:?}");
        assert_eq!(proof(&object).unwrap().doubted_listing, None);
    }
    // What an earlier version of the operator took although it doubted it.
    let old = ProofStatus { first_listing: early(-15).doubted_listing, ..begun() };
    let (object, _) = shown(&proving(old), &listing(&[]), at(2));
    assert_eq!(deletion(&object).outcome, None);
    assert!(!proof(&object).unwrap().first_listing.as_ref().unwrap().suddenly_empty);
}

/// K33: nor while the API server refuses to show VoiceCampaigns whose campaigns would be missing; which, is
/// said.
#[test]
fn an_empty_stream_proves_nothing_while_a_namespace_is_not_known() {
    let unseen = |ids| StreamListing { unseen_namespaces: vec!["b".into(), "c".into()], ..listing(ids) };
    let (object, step) = shown(&proving(with_first(-15)), &unseen(&[]), at(2));
    assert_eq!(deletion(&object).outcome, None);
    assert!(matches!(step, Step::Stall { why: Reason::StreamSuddenlyEmpty, .. }), "{step:?}");
    assert_eq!(proof(&object).unwrap().doubted_listing.as_ref().unwrap().unseen_namespaces, ["b", "c"]);
    let message = &ready(object.status.as_ref().unwrap()).message;
    assert!(
        message.contains("the VoiceCampaigns in b, c,") && message.contains("watchNamespaces"),
        "{message}"
    );
    let (object, _) = shown(&proving(with_first(-15)), &unseen(&["cd-2"]), at(2));
    assert_eq!(deletion(&object).outcome, Some(DeletionOutcome::Absent), "the app has access");
}

/// The client ID or `iid` was changed after the campaign was seen: to an app that was never shown the stream,
/// emptiness proves nothing. A campaign that was never seen needs none of that.
#[test]
fn an_empty_stream_proves_nothing_to_another_app_than_the_one_that_saw_the_campaign() {
    let stranger = StreamListing { to_a_stranger: true, ..listing(&[]) };
    let seen_as = |identity: Option<&str>| {
        let mut object = proving(with_first(-15));
        object.status.as_mut().unwrap().seen_as = identity.map(ToOwned::to_owned);
        object
    };
    let own = target().identity();
    let (object, step) = shown(&seen_as(Some("0123456789abcdef")), &stranger, at(2));
    assert_eq!(deletion(&object).outcome, None);
    assert!(matches!(step, Step::Stall { why: Reason::StreamSuddenlyEmpty, .. }), "{step:?}");
    let message = &ready(object.status.as_ref().unwrap()).message;
    assert!(message.contains("last seen with other credentials"), "{message}");
    for (identity, listing) in [
        (None, &stranger),
        (Some(own.as_str()), &stranger),
        (Some("0123456789abcdef"), &listing(&[])),
        (Some("0123456789abcdef"), &listing(&["cd-2"])),
        (Some("0123456789abcdef"), &StreamListing { to_a_stranger: true, ..deleted_rows(&["cd-1"]) }),
    ] {
        let (object, _) = shown(&seen_as(identity), listing, at(2));
        assert_eq!(deletion(&object).outcome, Some(DeletionOutcome::Absent), "{identity:?}");
    }
    // Whoever is shown the campaign while it is proven is the one who saw it last.
    let (object, _) = shown(&seen_as(Some("0123456789abcdef")), &listing(&["cd-1"]), at(2));
    assert_eq!(object.status.unwrap().seen_as.as_deref(), Some(own.as_str()));
}

/// What the service may answer to a DELETE for ever, and nothing else: after three in a row it is looked for,
/// and so each time. Not after what was turned away, nor when the service says that it has it.
#[test]
fn deletes_that_say_nothing_begin_a_proof_after_a_few() {
    let connection = usable();
    let unsent = Failure { sent: false, ..failure(FailureKind::Unreachable, None) };
    let mut outcomes: Vec<(Failure, &[bool])> = vec![(unsent, &[false; 7])];
    for kind in FailureKind::ALL {
        let begins: &[bool] = match kind {
            FailureKind::MayBeAbsent | FailureKind::Accepted => &[true, true],
            FailureKind::Unavailable
            | FailureKind::Unreachable
            | FailureKind::Unreadable
            | FailureKind::Refused
            | FailureKind::ContractViolation => &[false, false, true, false, false, true],
            FailureKind::CredentialsRejected | FailureKind::Throttled => &[false; 7],
        };
        outcomes.push((failure(kind, None), begins));
    }
    for (failure, begins) in outcomes {
        let mut object = deleted();
        for (number, begins) in (1..).zip(begins) {
            let attempt = Attempt { number, ..attempt(Err(failure.clone())) };
            let shown = Observed { attempt: Some(&attempt), ..observed(&object, &connection) };
            let written = status(decide(&shown, at(0)));
            assert_eq!(written.deletion.as_ref().unwrap().proof.is_some(), *begins, "{failure} {number}");
            object.status = Some(written);
            if !*begins {
                continue;
            }
            // Kore has shown the campaign after the first such answer: this one is a refusal again.
            let refused = number > 1 && failure.kind == FailureKind::MayBeAbsent;
            let told = if refused { FailureKind::Refused } else { failure.kind };
            assert_eq!(reason(object.status.as_ref().unwrap()), told.reason());
            let next = deletion(&object).next_attempt_at.clone().map_or(at(0), |next| next.0);
            assert_eq!(
                decide(&observed(&object, &connection), next),
                Step::Get(Urgency::Deletion),
                "{failure}"
            );
            // It is there: the DELETE again, with backoff.
            let returned = look(1, Ok(Campaign::default()));
            let seen = Observed { get: Some(&returned), ..observed(&object, &connection) };
            object.status = Some(status(decide(&seen, at(2))));
            assert!(deletion(&object).next_attempt_at.is_some() && deletion(&object).proof.is_none());
        }
    }
}

/// A refusal for the rate limit between two 5xx does not begin the count again; a refusal for its state does.
#[test]
fn the_count_goes_on_over_what_was_turned_away() {
    let connection = usable();
    for (between, counted) in
        [(FailureKind::Throttled, 3), (FailureKind::CredentialsRejected, 3), (FailureKind::Refused, 1)]
    {
        let before = DeletionStatus { unconfirmed_in_a_row: 2, ..record() };
        let mut object = with(deleted(), before);
        let mut proof = None;
        for (number, kind) in [(2, between), (3, FailureKind::Unavailable)] {
            let attempt = Attempt { number, ..attempt(Err(failure(kind, None))) };
            let shown = Observed { attempt: Some(&attempt), ..observed(&object, &connection) };
            let written = status(decide(&shown, at(0)));
            proof = written.deletion.as_ref().unwrap().proof.clone();
            object.status = Some(written);
        }
        assert_eq!(proof.is_some(), counted == 3, "{between}");
        assert_eq!(deletion(&object).unconfirmed_in_a_row, counted % 3);
    }
}

/// GET says nothing about the campaign, whatever the words: after three, listings carry the proof, a third
/// one 5 minutes after the first, and before each of them GET is asked once more.
#[test]
fn listings_carry_a_proof_where_a_get_says_nothing() {
    let connection = usable();
    let says_nothing = |kind: FailureKind| {
        ![FailureKind::MayBeAbsent, FailureKind::CredentialsRejected, FailureKind::Throttled].contains(&kind)
    };
    for kind in FailureKind::ALL.into_iter().filter(|kind| *kind != FailureKind::MayBeAbsent) {
        let mut object = proving(ProofStatus { not_returned_at: None, ..begun() });
        for number in 1..=3 {
            let failed = look(0, Err(failure(kind, None)));
            let shown = Observed { get: Some(&failed), ..observed(&object, &connection) };
            object.status = Some(status(decide(&shown, at(0))));
            let waits = deletion(&object).next_attempt_at.is_some();
            assert_eq!(waits, number < 3 || !says_nothing(kind), "{kind}: with backoff");
            assert_eq!(proof(&object).unwrap().silent_at.is_some(), number == 3 && says_nothing(kind));
        }
        let step = decide(&observed(&object, &connection), at(60));
        assert_eq!(matches!(step, Step::List { .. }), says_nothing(kind), "{kind}: {step:?}");
    }

    let silent = |silent_at: i64, listings: &[i64]| {
        let mut listings = listings.iter().map(|ended| with_first(*ended).first_listing.unwrap());
        ProofStatus {
            not_returned_at: None,
            silent_gets: 3,
            silent_at: Some(Time(at(silent_at))),
            first_listing: listings.next(),
            second_listing: listings.next(),
            ..begun()
        }
    };
    let ended =
        |step: &Step, object: &VoiceCampaign, which: fn(&ProofStatus) -> &Option<ListingRecord>, pause| {
            let until =
                which(proof(object).unwrap()).as_ref().unwrap().ended_at.0 + SignedDuration::from_secs(pause);
            assert_eq!(*step, Step::Wait { until: Some(until), why: AWAITED });
        };
    // Whatever answers everything with success answers a listing, too: it is asked again, later and later, by
    // a GET first. Beside a GET that did not return the campaign it counts.
    let mut pauses = Vec::new();
    for failures in 0..5 {
        let failed = ProofStatus { failures, ..silent(-20, &[]) };
        let (object, step) = shown(&proving(failed), &nothing_but_success(), at(2));
        let Step::Wait { until: Some(until), .. } = step else { panic!("{step:?}") };
        pauses.push(until.duration_since(at(2)).as_secs());
        assert!(proof(&object).unwrap().last_failure.as_ref().unwrap().message.contains("has no rows"));
        assert_eq!(next(&object, until), Step::Get(Urgency::Deletion));
        let silent = GetResult { asked_at: until, ..look(1, Err(failure(FailureKind::Unreadable, None))) };
        let plan = decide(&Observed { get: Some(&silent), ..observed(&object, &connection) }, until);
        let after = status(plan).deletion.unwrap().proof.unwrap();
        assert_eq!((after.failures, after.silent_at), (failures + 1, Some(Time(until))));
    }
    assert!(pauses[4] > 2 * pauses[0], "{pauses:?}");
    let (object, _) = shown(&proving(begun()), &nothing_but_success(), at(2));
    assert!(proof(&object).unwrap().first_listing.is_some());
    // The first; 10 s; a GET; the second; 5 min after the first; a GET; the third.
    let (object, step) = shown(&proving(silent(-20, &[])), &listing(&["cd-2"]), at(2));
    ended(&step, &object, |proof| &proof.first_listing, 10);
    assert!(ready(object.status.as_ref().unwrap()).message.contains("without a clear answer"));
    let step = next(&proving(silent(-20, &[-15])), at(2));
    assert_eq!(step, Step::Get(Urgency::Deletion));
    let object = proving(silent(-20, &[-15]));
    let failed = look(1, Err(failure(FailureKind::Unreadable, None)));
    let written = status(decide(&Observed { get: Some(&failed), ..observed(&object, &connection) }, at(2)));
    assert_eq!(written.deletion.unwrap().proof.unwrap().silent_at, Some(Time(at(1))));
    let (object, step) = shown(&proving(silent(-5, &[-15])), &listing(&["cd-2"]), at(2));
    assert_eq!(deletion(&object).outcome, None, "two are not enough");
    ended(&step, &object, |proof| &proof.first_listing, 300);
    let step = next(&proving(silent(-100, &[-290, -250])), at(2));
    assert!(matches!(step, Step::Wait { .. }), "too early: {step:?}");
    let (object, _) = shown(&proving(silent(-100, &[-290, -250])), &listing(&["cd-2"]), at(2));
    assert_eq!(deletion(&object).outcome, None, "too early");
    let step = next(&proving(silent(-100, &[-302, -250])), at(2));
    assert_eq!(step, Step::Get(Urgency::Deletion), "once more");
    let (object, step) = shown(&proving(silent(-1, &[-302, -250])), &listing(&["cd-2"]), at(2));
    assert_eq!(deletion(&object).outcome, Some(DeletionOutcome::Absent));
    assert!(matches!(step, Step::Release(_)), "{step:?}");
    assert!(proof(&object).unwrap().third_listing.is_some());
    assert!(ready(object.status.as_ref().unwrap()).message.contains("three complete listings"));

    // Whenever GET speaks again, it is believed: the campaign ends the proof, and "not returned" makes it the
    // usual one.
    let object = proving(silent(-100, &[-302, -250]));
    let returned = look(1, Ok(Campaign::default()));
    let seen = status(decide(&Observed { get: Some(&returned), ..observed(&object, &connection) }, at(2)));
    assert!(seen.deletion.as_ref().unwrap().proof.is_none() && seen.deletion.unwrap().seen_at.is_some());
    let not_returned = look(1, Err(failure(FailureKind::MayBeAbsent, None)));
    let written =
        status(decide(&Observed { get: Some(&not_returned), ..observed(&object, &connection) }, at(2)));
    let spoken = written.deletion.unwrap().proof.unwrap();
    assert!(
        spoken.not_returned_at.is_some() && spoken.first_listing.is_some() && spoken.second_listing.is_none()
    );
}

/// R12: the answer might have meant "no such campaign", and Kore shows it each time: that is a refusal, and
/// told as one.
#[test]
fn a_refusal_is_told_once_the_campaign_was_seen() {
    let connection = usable();
    let cannot = Failure {
        answer: AnswerSummary {
            http_status: Some(200),
            status: Some("failure".into()),
            message: "The campaign cannot be deleted".into(),
        },
        ..failure(FailureKind::MayBeAbsent, None)
    };
    let mut object = deleted();
    let attempt = attempt(Err(cannot));
    object.status =
        Some(status(decide(&Observed { attempt: Some(&attempt), ..observed(&object, &connection) }, at(0))));
    assert_eq!(reason(object.status.as_ref().unwrap()), "AwaitingProof");
    let returned = look(0, Ok(Campaign::default()));
    let told = status(decide(&Observed { get: Some(&returned), ..observed(&object, &connection) }, at(0)));
    assert_eq!(reason(&told), "RefusedByService");
    let message = &ready(&told).message;
    assert!(
        message.contains("Kore refuses to delete the campaign: HTTP 200, The campaign cannot be deleted"),
        "{message}"
    );
    assert!(message.contains("still returned the campaign"), "{message}");
    // The same answer again is the same refusal, also while it is looked whether the campaign is gone by now.
    let again = Attempt { number: 2, ..attempt.clone() };
    object.status = Some(told);
    let told = status(decide(&Observed { attempt: Some(&again), ..observed(&object, &connection) }, at(0)));
    assert!(told.deletion.as_ref().unwrap().proof.is_some());
    assert_eq!(reason(&told), "RefusedByService");
    assert!(ready(&told).message.contains("Attempt 2: Kore refuses to delete the campaign: "), "{told:#?}");
    // A lost answer is none.
    let lost = Attempt { result: Err(failure(FailureKind::Accepted, None)), ..attempt };
    object.status =
        Some(status(decide(&Observed { attempt: Some(&lost), ..observed(&deleted(), &connection) }, at(0))));
    let told = status(decide(&Observed { get: Some(&returned), ..observed(&object, &connection) }, at(0)));
    assert_eq!(reason(&told), "DeletionAccepted");
}

/// R3, R4: 202 confirms nothing. It is looked after a pause; if the campaign is there, the DELETE is
/// repeated.
#[test]
fn an_accepted_deletion_is_looked_after() {
    let connection = usable();
    let mut object = deleted();
    let attempt = attempt(Err(failure(FailureKind::Accepted, None)));
    let written =
        status(decide(&Observed { attempt: Some(&attempt), ..observed(&object, &connection) }, at(0)));
    assert_eq!(reason(&written), "DeletionAccepted");
    let next = written.deletion.as_ref().unwrap().next_attempt_at.clone().unwrap().0;
    assert!(next > at(0));
    object.status = Some(written);
    assert!(matches!(decide(&observed(&object, &connection), at(0)), Step::Wait { .. }));
    assert_eq!(decide(&observed(&object, &connection), next), Step::Get(Urgency::Deletion));
}

/// Another app, or another account under the same name of a connection: what was shown to the old one proves
/// nothing.
#[test]
fn another_identity_begins_anew() {
    let object = proving(ProofStatus { identity: "0123456789abcdef".into(), ..with_first(-15) });
    assert_eq!(decide(&observed(&object, &usable()), at(0)), Step::Delete);
}

/// A recorded absence without its proof is none: somebody has written it.
#[test]
fn a_recorded_absence_needs_its_proof() {
    let made_up = DeletionStatus { outcome: Some(DeletionOutcome::Absent), proof: Some(begun()), ..record() };
    let object = with(deleted(), made_up);
    let step = decide(&observed(&object, &usable()), at(0));
    assert!(!matches!(step, Step::Release(_)), "{step:?}");
}

/// R5: a campaign that flaps. A listing between the two that count has shown it, or one that came too early
/// to count.
#[test]
fn whatever_has_shown_the_campaign_ends_the_proof() {
    let flapped = StreamListing { listed_at: Some(at(-10)), ..listing(&["cd-2"]) };
    let early = listing(&["cd-1"]);
    for (what, proof, shown_) in [
        ("between the two", with_first(-15), &flapped),
        ("before the GET", ProofStatus { not_returned_at: None, ..begun() }, &early),
        ("before the distance", with_first(-5), &early),
        ("as another app", begun(), &listing_as("app-2", &["cd-1"])),
    ] {
        let (object, _) = shown(&proving(proof), shown_, at(2));
        let deletion = deletion(&object);
        assert_eq!((&deletion.proof, deletion.outcome), (&None, None), "{what}");
        assert!(deletion.seen_at.is_some(), "{what}");
    }
    let before = StreamListing { listed_at: Some(at(-31)), ..listing(&["cd-2"]) };
    let (object, _) = shown(&proving(with_first(-15)), &before, at(2));
    assert_eq!(
        deletion(&object).outcome,
        Some(DeletionOutcome::Absent),
        "what was before the DELETE says nothing"
    );
}

/// K12: the clock was ahead when the record was written. It must not hold the deletion up, be it for a year
/// or for minutes: whatever has happened lies in the past.
#[test]
fn a_record_from_the_future_begins_anew() {
    let connection = usable();
    let step = |proof| decide(&observed(&proving(proof), &connection), at(0));
    let asked = |seconds| Some(Time(at(seconds)));
    for ahead in [3600 * 24 * 365, 400, 60, 11] {
        let answered = ProofStatus { answered_at: Time(at(ahead)), not_returned_at: None, ..begun() };
        let read = ProofStatus { second_listing: with_first(ahead).first_listing, ..with_first(-20) };
        let doubted = ProofStatus { doubted_listing: with_first(ahead).first_listing, ..begun() };
        let returned = ProofStatus { not_returned_at: asked(ahead), ..begun() };
        let silent = ProofStatus { silent_at: asked(ahead), ..begun() };
        let failed = ProofStatus { last_failure_at: asked(ahead), failures: 1, ..begun() };
        for proof in [with_first(ahead), answered, read, doubted, returned, silent, failed] {
            assert_eq!(step(proof.clone()), Step::Delete, "{ahead} s: {proof:?}");
        }
    }
    // The clocks of two instances may differ a little.
    assert_ne!(step(with_first(9)), Step::Delete);
}

/// A GET of one campaign has said nothing while the account is in trouble: a listing tells whether reads
/// work, once.
#[test]
fn a_listing_tells_more_than_a_second_look() {
    let connection = usable();
    let proof = ProofStatus { silent_gets: 1, not_returned_at: None, ..begun() };
    let held =
        DeletionStatus { held_since: Some(Time(at(-40))), proof: Some(proof), failures: 0, ..record() };
    let turn = Some(Turn::Held { of: Holder::Account, since: at(-40), until: at(5), next: true });
    let mut object = with(deleted(), held);
    object.status = Some(status(decide(&Observed { turn, ..observed(&object, &connection) }, at(0))));
    assert_eq!(reason(object.status.as_ref().unwrap()), "AccountUnavailable");
    let listing_step = Step::List { not_before: at(-30), urgency: Urgency::Deletion };
    let observed = Observed { wants_diagnostic_read: true, ..observed(&object, &connection) };
    assert_eq!(decide(&observed, at(5)), listing_step);
    let read = listing(&[]);
    let read = Observed { listing: Some(&read), ..observed };
    assert_eq!(decide(&read, at(5)), Step::Get(Urgency::Deletion), "a listing without a GET proves nothing");
    let failed = ListingTrouble { failure: None, failures: 1, retry_at: at(60) };
    let failed = Observed { listing_trouble: Some(&failed), ..observed };
    assert_eq!(decide(&failed, at(5)), Step::Get(Urgency::Deletion), "it can't be read for now");
    let works = Observed { wants_diagnostic_read: false, ..observed };
    assert_eq!(decide(&works, at(5)), Step::Get(Urgency::Deletion), "the account works again");
}
