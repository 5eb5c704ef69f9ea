//! Answers to a DELETE or a GET that do not say whether the campaign is there.

use super::*;

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
            let failed = look(number - 4, Err(failure(kind, None)));
            let shown = Observed { get: Some(&failed), ..observed(&object, &connection) };
            object.status = Some(status(decide(&shown, at(0))));
            // It is there, and somebody says that it is not: it is read again, with the same GET in hand.
            let shown = Observed { get: Some(&failed), ..observed(&object, &connection) };
            assert!(!matches!(decide(&shown, at(0)), Step::Record(_)), "{kind}: one GET counts once");
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
    // However late the second listing is, it is not the third.
    let (object, step) = shown(&proving(silent(-2, &[-310])), &listing(&["cd-2"]), at(2));
    assert_eq!((deletion(&object).outcome, &proof(&object).unwrap().third_listing), (None, &None));
    ended(&step, &object, |proof| &proof.second_listing, 10);

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
