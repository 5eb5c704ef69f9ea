//! The proof of an absence, step by step, and what must not pass for one.

mod empty_stream;
mod unclear_answers;

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

/// Another app, or another account under the same name of a connection: what was shown to the old one proves
/// nothing.
#[test]
fn another_identity_begins_anew() {
    let object = proving(ProofStatus { identity: "0123456789abcdef".into(), ..with_first(-15) });
    assert_eq!(decide(&observed(&object, &usable()), at(0)), Step::Delete);
}

/// Another process has read the first listing, and its clock may have been behind: how long ago that was,
/// nobody knows, but for the time since this process began.
#[test]
fn distances_count_from_the_start_of_the_process() {
    let (object, connection, listing) = (proving(with_first(-15)), usable(), listing(&["cd-2"]));
    let at_once = Observed { listing: Some(&listing), ..observed(&object, &connection) };
    let read_at = listing.listing.begun_at();
    let after = |seconds: i64| read_at + SignedDuration::from_secs(seconds);
    let proven = |observed: &Observed<'_>| match decide(observed, after(2)) {
        Step::Record(status) => status.deletion.unwrap().outcome == Some(DeletionOutcome::Absent),
        _ => false,
    };
    assert!(proven(&at_once));
    assert!(proven(&Observed { process_begun_at: after(-10), ..at_once }));
    assert!(!proven(&Observed { process_begun_at: after(-9), ..at_once }));
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
