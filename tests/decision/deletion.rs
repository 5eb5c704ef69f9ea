//! The paths of a deletion.

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use voicecampaign_operator::api::{
    AccountReference, DeletionOutcome, DeletionPolicy, DeletionStatus, Reason, VoiceCampaign,
    VoiceCampaignStatus,
};
use voicecampaign_operator::campaign::{Attempt, Observed, OtherClaim, Step, Urgency, decide};
use voicecampaign_operator::connection::{Connection, Problem};
use voicecampaign_operator::kore::{Campaign, Failure, FailureKind, RawAnswer, answers};
use voicecampaign_operator::pacing::{Charge, Holder, Position, Turn};

use crate::support::*;

/// Resolve, Delete, Record, Release: one call and two writes.
#[test]
fn a_happy_deletion_has_two_writes() {
    let mut object = deleted();
    assert_eq!(decide(&observed(&object, &Connection::NotLookedUp), at(0)), Step::Resolve);
    let connection = usable();
    assert_eq!(decide(&observed(&object, &connection), at(0)), Step::Delete);
    let attempt = attempt(Ok(confirmed()));
    let recorded =
        status(decide(&Observed { attempt: Some(&attempt), ..observed(&object, &connection) }, at(0)));
    assert_eq!(recorded.deletion.as_ref().unwrap().outcome, Some(DeletionOutcome::Deleted));
    assert_eq!(recorded.campaign.as_ref().unwrap().status.as_deref(), Some("Ready"));
    object.status = Some(recorded);
    assert!(matches!(decide(&observed(&object, &connection), at(0)), Step::Release(_)));
}

/// With its finalizer by the admission policy, an object may be deleted before anybody has looked at it: what
/// it needs is kept first, also if the call has to wait.
#[test]
fn a_deletion_of_an_unseen_object_keeps_its_connection_first() {
    let (mut object, connection) = (deleted(), usable());
    let unprotected = |object: &VoiceCampaign| {
        decide(&Observed { protected: false, ..observed(object, &connection) }, at(0))
    };
    assert_eq!(unprotected(&object), Step::Protect);
    object.spec.suspend = true;
    assert_eq!(unprotected(&object), Step::Protect);
    object.status = Some(status(decide(&observed(&object, &connection), at(0))));
    assert!(
        matches!(unprotected(&object), Step::Stall { .. }),
        "once is enough: the connection's controller goes on"
    );
    object.spec.deletion_policy = DeletionPolicy::Orphan;
    object.status = None;
    assert!(matches!(unprotected(&object), Step::Record(_)), "nothing is needed");
}

/// R25: who may read and not delete is not sent to look for a wrong secret; nor is who may not even read.
#[test]
fn a_missing_right_is_named_and_not_the_secret() {
    let raw = |http_status, body: &str| RawAnswer { http_status, body: body.into(), ..RawAnswer::default() };
    let unauthorized = r#"{"errors":[{"msg":"Unauthorized to perform this activity","code":400}]}"#;
    let connection = usable();
    for (answer, right) in [
        (raw(403, ""), true),
        (raw(403, r#"{"message":"Forbidden"}"#), true),
        (raw(400, unauthorized), true),
        (raw(401, ""), false),
        (raw(400, r#"{"errors":[{"msg":"nope","code":4002}]}"#), false),
    ] {
        let object = deleted();
        let attempt = attempt(answers::deletion(&answer, "cd-1"));
        let attempted = Observed { attempt: Some(&attempt), ..observed(&object, &connection) };
        let refused = status(decide(&attempted, at(1)));
        assert_eq!(reason(&refused), "CredentialsRejected");
        let told = &ready(&refused).message;
        assert_eq!(told.contains("may not delete campaigns"), right, "{told}");
        assert_eq!(told.contains("clientSecret"), !right, "{told}");

        let object = living();
        let look = look(1, answers::single(&answer, "cd-1"));
        let looked = Observed { get: Some(&look), ..observed(&object, &connection) };
        let told = ready(&status(decide(&looked, at(1)))).message.clone();
        assert_eq!(told.contains("may not read campaigns"), right, "{told}");
        assert_eq!(told.contains("clientSecret"), !right, "{told}");
    }
}

/// A crash between the record and the release goes on with the release; nothing is sent again.
#[test]
fn a_recorded_outcome_releases_after_a_restart() {
    let object = with(deleted(), DeletionStatus { outcome: Some(DeletionOutcome::Deleted), ..record() });
    // Status is written again first, as its conditions are missing in this record; then the finalizer goes.
    let mut object = object;
    object.status = Some(status(decide(&observed(&object, &Connection::NotLookedUp), at(0))));
    assert!(matches!(decide(&observed(&object, &Connection::NotLookedUp), at(0)), Step::Release(_)));
}

/// A backup restores an old status onto a new object, or the name was used again: its outcome is not this
/// object's.
#[test]
fn an_outcome_of_another_object_or_deletion_does_not_count() {
    let outcome = DeletionStatus { outcome: Some(DeletionOutcome::Deleted), ..record() };
    for foreign in [
        DeletionStatus { uid: "uid-0".into(), ..outcome.clone() },
        DeletionStatus { requested_at: Time(at(DELETED_AT - 1)), ..outcome.clone() },
    ] {
        let object = with(deleted(), foreign);
        assert_eq!(decide(&observed(&object, &usable()), at(0)), Step::Delete);
    }
}

/// After a rollback: what a newer operator has written and this one can't read counts as not there, and the
/// deletion begins again.
#[test]
fn a_record_of_a_newer_operator_counts_as_none() {
    let outcome = DeletionStatus { outcome: Some(DeletionOutcome::Deleted), ..record() };
    let mut newer = serde_json::to_value(with(deleted(), outcome)).unwrap();
    newer["status"]["deletion"]["outcome"] = "ProvenByTelepathy".into();
    let object: VoiceCampaign = serde_json::from_value(newer).unwrap();
    assert_eq!(decide(&observed(&object, &usable()), at(0)), Step::Delete);
}

/// `Orphan` may be set while the object is being deleted, and may be taken back until it has gone.
#[test]
fn orphan_takes_effect_at_once_even_before_the_next_attempt() {
    let waiting = DeletionStatus { next_attempt_at: Some(Time(at(200))), ..record() };
    let mut object = with(deleted(), waiting);
    object.spec.deletion_policy = DeletionPolicy::Orphan;
    let recorded = status(decide(&observed(&object, &Connection::NotLookedUp), at(0)));
    assert_eq!(recorded.deletion.as_ref().unwrap().outcome, Some(DeletionOutcome::Orphaned));
    object.status = Some(recorded);
    assert!(matches!(decide(&observed(&object, &Connection::NotLookedUp), at(1)), Step::Release(_)));
    object.spec.deletion_policy = DeletionPolicy::Delete;
    assert_eq!(decide(&observed(&object, &usable()), at(1)), Step::Delete);
}

/// The schedule is in status: it survives a restart, and our own writes wake nothing early.
#[test]
fn nothing_is_sent_before_the_next_attempt() {
    let connection = usable();
    let mut object = deleted();
    let attempt = attempt(Err(failure(FailureKind::Unavailable, Some(100))));
    let recorded =
        status(decide(&Observed { attempt: Some(&attempt), ..observed(&object, &connection) }, at(0)));
    assert_eq!(reason(&recorded), "ServiceUnavailable");
    let next = recorded.deletion.as_ref().unwrap().next_attempt_at.clone().unwrap().0;
    assert!(next >= at(100), "Retry-After is honoured");
    object.status = Some(recorded);
    for moment in [at(0), at(50), next - SignedDuration::from_millis(1)] {
        let waiting = Step::Wait { until: Some(next), why: Reason::Service(FailureKind::Unavailable) };
        assert_eq!(decide(&observed(&object, &connection), moment), waiting);
    }
    assert_eq!(decide(&observed(&object, &connection), next), Step::Delete);
}

/// A write whose answer was lost is not counted twice.
#[test]
fn an_attempt_counts_once() {
    let connection = usable();
    let mut object = deleted();
    let attempt = attempt(Err(failure(FailureKind::Unavailable, None)));
    let observed_ = Observed { attempt: Some(&attempt), ..observed(&object, &connection) };
    let recorded = status(decide(&observed_, at(0)));
    object.status = Some(recorded.clone());
    let again = decide(&Observed { attempt: Some(&attempt), ..observed(&object, &connection) }, at(0));
    assert!(matches!(again, Step::Wait { .. }), "{again:?}");
    assert_eq!(recorded.deletion.unwrap().attempts, 1);
    // Status knows whole seconds, and this one was sent in the same.
    let second = Attempt { number: 2, ..attempt };
    let recorded =
        status(decide(&Observed { attempt: Some(&second), ..observed(&object, &connection) }, at(0)));
    assert_eq!(recorded.deletion.unwrap().attempts, 2);
}

/// Two instances work at once, as they should not: one has recorded an attempt and not heard of it, the other
/// a later one. None is counted twice, and no confirmation is lost.
#[test]
fn an_attempt_counts_once_beside_those_of_another_instance() {
    let connection = usable();
    let attempts_beside = |seconds, outcome, result| {
        let last_attempt_at = Some(Time(at(seconds)));
        let later = DeletionStatus { attempts: 2, last_attempt_at, outcome, ..record() };
        let (object, attempt) = (with(deleted(), later), attempt(result));
        let said = decide(&Observed { attempt: Some(&attempt), ..observed(&object, &connection) }, at(6));
        let Step::Record(status) = said else { return (2, outcome) };
        let deletion = status.deletion.unwrap();
        (deletion.attempts, deletion.outcome)
    };
    let unavailable = || Err(failure(FailureKind::Unavailable, None));
    let gone = Some(DeletionOutcome::Deleted);
    for seconds in [5, attempt(unavailable()).sent_at.duration_since(at(0)).as_secs()] {
        let attempts = |outcome, result| attempts_beside(seconds, outcome, result);
        assert_eq!(attempts(None, unavailable()), (2, None));
        assert_eq!(attempts(None, Ok(confirmed())), (3, gone));
        assert_eq!(attempts(gone, Ok(confirmed())), (2, gone));
        assert_eq!(attempts(gone, unavailable()), (2, gone));
    }
}

/// A recorded outcome that does not count, without its proof, hides no attempt: another DELETE would follow
/// at once.
#[test]
fn an_outcome_without_its_proof_hides_no_attempt() {
    let connection = usable();
    let unproven = DeletionStatus { outcome: Some(DeletionOutcome::Absent), ..record() };
    let (object, attempt) =
        (with(deleted(), unproven), attempt(Err(failure(FailureKind::Unavailable, None))));
    let said = decide(&Observed { attempt: Some(&attempt), ..observed(&object, &connection) }, at(0));
    let deletion = status(said).deletion.unwrap();
    assert_eq!((deletion.attempts, deletion.outcome), (2, None));
}

/// Nor is a confirmation that was recorded when the object was to be let go without one.
#[test]
fn a_confirmation_of_what_is_orphaned_counts_once() {
    let connection = usable();
    let mut object = with(deleted(), DeletionStatus { outcome: Some(DeletionOutcome::Orphaned), ..record() });
    object.spec.deletion_policy = DeletionPolicy::Orphan;
    let confirmed = attempt(Ok(confirmed()));
    let decided = |object: &VoiceCampaign| {
        decide(&Observed { attempt: Some(&confirmed), ..observed(object, &connection) }, at(6))
    };
    let recorded = status(decided(&object));
    let deletion = recorded.deletion.as_ref().unwrap();
    assert_eq!((deletion.attempts, deletion.outcome), (2, Some(DeletionOutcome::Orphaned)));
    object.status = Some(recorded);
    let again = decided(&object);
    assert!(matches!(again, Step::Release(_)), "{again:?}");
}

/// A held deletion has no next attempt, needs a person, and says how to go on.
#[test]
fn a_suspended_deletion_is_held_and_says_so() {
    let mut object = with(deleted(), DeletionStatus { next_attempt_at: Some(Time(at(200))), ..record() });
    object.spec.suspend = true;
    let recorded = status(decide(&observed(&object, &usable()), at(0)));
    assert_eq!(reason(&recorded), "Suspended");
    assert!(recorded.conditions.iter().any(|condition| condition.type_ == "Stalled"));
    assert_eq!(recorded.deletion.as_ref().unwrap().next_attempt_at, None);
    object.status = Some(recorded);
    assert_eq!(
        decide(&observed(&object, &usable()), at(0)),
        Step::Stall { until: None, why: Reason::Suspended }
    );
}

/// Without credentials nothing is sent, and it is looked again by itself.
#[test]
fn a_missing_secret_stalls_and_is_looked_for_again() {
    let problem = Problem::KeyMissing { secret: "kore-jwt-app".into(), key: "clientSecret" };
    let connection = Connection::Unusable(problem);
    let mut object = deleted();
    let recorded = status(decide(&observed(&object, &connection), at(0)));
    assert_eq!(reason(&recorded), "CredentialsMissing");
    assert!(recorded.conditions[0].message.contains("clientSecret"));
    object.status = Some(recorded);
    let Step::Stall { until: Some(until), .. } = decide(&observed(&object, &connection), at(0)) else {
        panic!()
    };
    assert!((at(30)..=at(60)).contains(&until));
}

/// The account's clock holds: the slot is in status, unless it is only a moment away.
#[test]
fn a_slot_is_waited_for_and_told() {
    let object = deleted();
    let connection = usable();
    let slot = at(40) + SignedDuration::from_millis(300);
    let recorded =
        status(decide(&Observed { turn: Some(Turn::At(slot)), ..observed(&object, &connection) }, at(0)));
    assert_eq!(reason(&recorded), "WaitingForQuota");
    assert_eq!(recorded.deletion.unwrap().next_attempt_at.unwrap().0, at(41), "never earlier than promised");
    let soon = at(0) + SignedDuration::from_millis(200);
    let step = decide(&Observed { turn: Some(Turn::At(soon)), ..observed(&object, &connection) }, at(0));
    assert_eq!(step, Step::Wait { until: Some(soon), why: Reason::WaitingForQuota });
}

/// The position in the queue is told with the time, and is no reason to tell again: the queue moves all the
/// time.
#[test]
fn the_position_in_the_queue_is_told_with_the_slot() {
    let connection = usable();
    let mut object = deleted();
    let decided = |object: &VoiceCampaign, number, slot, now| {
        let (turn, position) = (Some(Turn::At(at(slot))), Some(Position { number, of: 1000 }));
        decide(&Observed { turn, position, ..observed(object, &connection) }, at(now))
    };
    let told = status(decided(&object, 214, 300, 0));
    let words = |status: &VoiceCampaignStatus| ready(status).message.clone();
    assert!(
        words(&told).ends_with(" it was number 214 of 1000 in the queue of the account."),
        "{}",
        words(&told)
    );
    object.status = Some(told);
    assert!(matches!(decided(&object, 100, 300, 100), Step::Wait { .. }), "it has moved up");
    let earlier = status(decided(&object, 100, 150, 100));
    assert!(words(&earlier).contains(" number 100 of 1000 "), "{}", words(&earlier));
}

/// While those before it take their turns, a told time is not told again for some seconds more; but it is
/// waited for the real one.
#[test]
fn a_slot_near_the_told_one_is_not_told_anew() {
    let connection = usable();
    let mut object = deleted();
    let decided = |object: &VoiceCampaign, slot, now| {
        decide(&Observed { turn: Some(Turn::At(at(slot))), ..observed(object, &connection) }, at(now))
    };
    object.status = Some(status(decided(&object, 61, 0)));
    for (slot, now, until) in [(61, 30, 61), (62, 61, 62), (71, 61, 71), (71, 70, 71)] {
        let waits = Step::Wait { until: Some(at(until)), why: Reason::WaitingForQuota };
        assert_eq!(decided(&object, slot, now), waits);
    }
    for (slot, now) in [(72, 61), (1000, 61), (60, 40)] {
        let told = status(decided(&object, slot, now)).deletion.unwrap();
        assert_eq!(told.next_attempt_at.unwrap().0, at(slot));
    }
    // What else there is to say is said.
    let attempt = attempt(Err(failure(FailureKind::Throttled, None)));
    let after =
        Observed { attempt: Some(&attempt), turn: Some(Turn::At(at(62))), ..observed(&object, &connection) };
    assert_eq!(status(decide(&after, at(61))).deletion.unwrap().attempts, 1);
}

/// The account is in trouble: that is told once, whatever the probes of others bring; a time has only who
/// probes next; and the pause of the campaign itself does not grow with it.
#[test]
fn an_account_in_trouble_is_waited_for_and_told_once() {
    let connection = usable();
    let mut object = deleted();
    let held_by = |of, until, next| Some(Turn::Held { of, since: at(-30), until: at(until), next });
    let held = |until| held_by(Holder::Account, until, false);
    let attempt =
        Attempt { charge: Charge::Account, ..attempt(Err(failure(FailureKind::Unavailable, None))) };
    let trouble = Some("HTTP 503, maintenance");
    let after =
        Observed { attempt: Some(&attempt), turn: held(5), trouble, ..observed(&object, &connection) };
    let told = status(decide(&after, at(0)));
    assert_eq!(reason(&told), "AccountUnavailable");
    let message = &ready(&told).message;
    assert!(has(&told, "Reconciling") && message.contains("Attempt 1: "), "{message}");
    assert!(message.contains("(HTTP 503, maintenance)"), "{message}");
    let deletion = told.deletion.clone().unwrap();
    assert_eq!((deletion.attempts, deletion.failures, deletion.next_attempt_at), (1, 0, None));
    object.status = Some(told);
    for until in [5, 300] {
        let again = Observed { turn: held(until), trouble, ..observed(&object, &connection) };
        let waiting = Step::Wait { until: Some(at(until)), why: Reason::AccountUnavailable };
        assert_eq!(decide(&again, at(0)), waiting, "not a write more");
    }
    let next = held_by(Holder::Account, 20, true);
    let told = status(decide(&Observed { turn: next, trouble, ..observed(&object, &connection) }, at(0)));
    assert_eq!(
        told.deletion.as_ref().unwrap().next_attempt_at,
        Some(Time(at(20))),
        "who probes next shows when"
    );
    object.status = Some(told);
    // It works again, perhaps earlier. Whether the DELETE has taken effect is looked at first.
    let over = Observed { turn: None, ..observed(&object, &connection) };
    for now in [5, 20] {
        assert_eq!(decide(&over, at(now)), Step::Get(Urgency::Deletion));
    }
    let mut untried = object.clone();
    let deletion = untried.status.as_mut().unwrap().deletion.as_mut().unwrap();
    (deletion.may_have_taken_effect_at, deletion.proof) = (None, None);
    assert_eq!(decide(&observed(&untried, &connection), at(5)), Step::Delete);
}

/// Refused credentials need a person, also while somebody else tries them; and while the account is in
/// trouble, too.
#[test]
fn refused_credentials_need_a_person_while_others_try_them() {
    let connection = usable();
    let mut object = deleted();
    let turn = Some(Turn::Held { of: Holder::Credentials, since: at(-30), until: at(60), next: false });
    let trouble = Some("HTTP 401, possibly a replay");
    let refused =
        |object: &VoiceCampaign| decide(&Observed { turn, trouble, ..observed(object, &connection) }, at(0));
    let told = status(refused(&object));
    assert!(reason(&told) == "CredentialsRejected" && has(&told, "Stalled"));
    let message = &ready(&told).message;
    assert!(
        message.contains("(HTTP 401, possibly a replay)") && message.contains("clientSecret"),
        "{message}"
    );
    assert_eq!(told.deletion.as_ref().unwrap().attempts, 0);
    object.status = Some(told);
    assert!(
        matches!(refused(&object), Step::Wait { until: Some(until), .. } if until == at(60)),
        "it keeps its place"
    );
    assert_eq!(decide(&observed(&object, &connection), at(1)), Step::Delete, "its turn has come");
}

/// The credentials may lack a right only: whoever was refused a DELETE is looked at. If it is there, a
/// missing right is its own failure, and one of the token nobody's in particular.
#[test]
fn whoever_was_refused_is_looked_at() {
    let connection = usable();
    for (http_status, own) in [(403, 1), (401, 0)] {
        let mut object = deleted();
        let refused = answers::deletion(&RawAnswer { http_status, ..RawAnswer::default() }, "cd-1");
        let attempt = Attempt { charge: Charge::Account, ..attempt(refused) };
        let turn = Some(Turn::Held { of: Holder::Credentials, since: at(0), until: at(5), next: true });
        let told = status(decide(
            &Observed { attempt: Some(&attempt), turn, ..observed(&object, &connection) },
            at(0),
        ));
        assert!(reason(&told) == "CredentialsRejected" && has(&told, "Stalled"));
        object.status = Some(told);
        assert_eq!(decide(&observed(&object, &connection), at(5)), Step::Get(Urgency::Deletion));
        let look = look(5, Ok(Campaign::default()));
        let seen = status(decide(&Observed { get: Some(&look), ..observed(&object, &connection) }, at(6)));
        let deletion = seen.deletion.as_ref().unwrap();
        assert_eq!((deletion.failures, deletion.proof.is_none()), (own, true), "{http_status}");
        object.status = Some(seen);
        let again = decide(&Observed { turn, ..observed(&object, &connection) }, at(60));
        assert!(!matches!(again, Step::Get(_)), "once: {again:?}");
    }
}

/// A clock that was ahead when the status was written parks nothing: no honest pause of a campaign's own is
/// so long. A time within the quota is the account's to say.
#[test]
fn a_time_from_the_future_parks_nothing() {
    let connection = usable();
    let parked = Some(Time(at(12 * 3600)));
    let object = with(deleted(), DeletionStatus { next_attempt_at: parked.clone(), ..record() });
    let told = status(decide(&observed(&object, &connection), at(0)));
    assert_eq!(told.deletion.unwrap().next_attempt_at, Some(Time(at(15 * 60))));
    // The last attempt lies in the future, too: so the clock was ahead, and nobody asked for the pause.
    let attempted = |seconds| {
        let (last_attempt_at, next_attempt_at) = (Some(Time(at(seconds))), Some(Time(at(seconds + 60))));
        with(deleted(), DeletionStatus { last_attempt_at, next_attempt_at, attempts: 1, ..record() })
    };
    assert_eq!(decide(&observed(&attempted(3600), &connection), at(0)), Step::Delete);
    let told = status(decide(&observed(&attempted(5), &connection), at(0)));
    assert_eq!(told.deletion.unwrap().next_attempt_at, Some(Time(at(65))), "clocks may differ a little");
    let turn = Some(Turn::At(at(12 * 3600)));
    let mut waiting = deleted();
    let told = status(decide(&Observed { turn, ..observed(&waiting, &connection) }, at(0)));
    assert_eq!(
        (reason(&told), told.deletion.as_ref().unwrap().next_attempt_at.clone()),
        ("WaitingForQuota", parked)
    );
    waiting.status = Some(told);
    assert_eq!(decide(&observed(&waiting, &connection), at(1)), Step::Delete, "the account's clock is asked");
}

/// A manifest was moved between namespaces: the old object goes, the new one keeps the campaign.
#[test]
fn a_deletion_is_held_while_another_keeps_the_campaign() {
    let connection = usable();
    let mut object = deleted();
    let other = |keeps| [OtherClaim { name: "m/y".into(), keeps }];
    let kept = other(true);
    let held = status(decide(&Observed { others: &kept, ..observed(&object, &connection) }, at(0)));
    assert_eq!(reason(&held), "CampaignShared");
    assert!(has(&held, "Stalled") && ready(&held).message.contains("m/y"));
    object.status = Some(held);
    let step = decide(&Observed { others: &kept, ..observed(&object, &connection) }, at(0));
    assert_eq!(step, Step::Stall { until: Some(at(60)), why: Reason::CampaignShared });
    // It is deleted, too, or is to leave the campaign alone.
    let left = other(false);
    assert_eq!(decide(&Observed { others: &left, ..observed(&object, &connection) }, at(0)), Step::Delete);
    object.spec.deletion_policy = DeletionPolicy::Orphan;
    let released = status(decide(&Observed { others: &kept, ..observed(&object, &connection) }, at(0)));
    assert_eq!(released.deletion.unwrap().outcome, Some(DeletionOutcome::Orphaned));
}

/// An attempt whose answer was lost may have deleted the campaign; one that was refused has not.
#[test]
fn what_may_have_taken_effect_is_recorded() {
    let connection = usable();
    let object = deleted();
    for kind in FailureKind::ALL {
        let attempt = attempt(Err(failure(kind, None)));
        let written =
            status(decide(&Observed { attempt: Some(&attempt), ..observed(&object, &connection) }, at(0)));
        let possible = written.deletion.unwrap().may_have_taken_effect_at.is_some();
        let refused = [
            FailureKind::MayBeAbsent,
            FailureKind::CredentialsRejected,
            FailureKind::Throttled,
            FailureKind::Refused,
        ];
        assert_eq!(possible, !refused.contains(&kind), "{kind}");
    }
    let unsent = attempt(Err(Failure { sent: false, ..failure(FailureKind::Unreachable, None) }));
    let written =
        status(decide(&Observed { attempt: Some(&unsent), ..observed(&object, &connection) }, at(0)));
    assert_eq!(written.deletion.unwrap().may_have_taken_effect_at, None, "there was no connection");
}

/// A DELETE was on its way when the policy became `Orphan`: the status does not claim that the campaign
/// stays.
#[test]
fn an_orphan_to_which_a_delete_was_sent_may_be_deleted() {
    let connection = usable();
    let mut object = deleted();
    object.spec.deletion_policy = DeletionPolicy::Orphan;
    let said = |object: &VoiceCampaign, kind| {
        let attempt = attempt(Err(failure(kind, None)));
        let observed = Observed { attempt: Some(&attempt), ..observed(object, &connection) };
        ready(&status(decide(&observed, at(0)))).message.clone()
    };
    for kind in [FailureKind::Unreachable, FailureKind::Accepted, FailureKind::MayBeAbsent] {
        let said = said(&object, kind);
        assert!(said.contains("may have deleted the campaign") && !said.contains("was left"), "{said}");
    }
    assert!(said(&object, FailureKind::Refused).contains("was left in Kore"));
    let seen = DeletionStatus { seen_at: Some(Time(at(60))), ..record() };
    assert!(said(&with(object, seen), FailureKind::Unreachable).contains("was left in Kore"));
}

/// A connection that was created again with another account can't delete the campaign, nor prove that it is
/// absent.
#[test]
fn another_account_under_the_same_name_is_not_asked() {
    let connection = usable();
    let account = |id: &str| Some(AccountReference { host: "https://h".into(), account_id: id.into() });
    for mut object in [deleted(), living()] {
        let status_ = VoiceCampaignStatus { account: account("b"), ..VoiceCampaignStatus::default() };
        object.status = Some(status_);
        let stalled = status(decide(&observed(&object, &connection), at(0)));
        assert_eq!(reason(&stalled), "AccountChanged");
        assert!(has(&stalled, "Stalled") && ready(&stalled).message.contains("b at https://h"));
    }
    let mut object = deleted();
    // However the host was spelled when it was written.
    for host in ["https://h", "https://h:443", "https://H."] {
        let account = Some(AccountReference { host: host.into(), account_id: "a".into() });
        object.status = Some(VoiceCampaignStatus { account, ..VoiceCampaignStatus::default() });
        assert_eq!(decide(&observed(&object, &connection), at(0)), Step::Delete, "{host}");
    }
    // Another host is another account, unless the connection says that it was this one's.
    let account_at = |host: &str| Some(AccountReference { host: host.into(), account_id: "a".into() });
    object.status =
        Some(VoiceCampaignStatus { account: account_at("https://old"), ..VoiceCampaignStatus::default() });
    assert_eq!(reason(&status(decide(&observed(&object, &connection), at(0)))), "AccountChanged");
    let Connection::Usable(mut renamed) = usable() else { panic!() };
    renamed.former_hosts = vec!["https://older".into(), "https://OLD:443".into()];
    let renamed = Connection::Usable(renamed);
    assert_eq!(decide(&observed(&object, &renamed), at(0)), Step::Delete);
    let failed = attempt(Err(failure(FailureKind::Unavailable, None)));
    let moved = status(decide(&Observed { attempt: Some(&failed), ..observed(&object, &renamed) }, at(0)));
    assert_eq!(moved.account, account_at("https://h"), "it moves");
    object.status = Some(VoiceCampaignStatus {
        account: Some(AccountReference { host: "https://old".into(), account_id: "b".into() }),
        ..VoiceCampaignStatus::default()
    });
    assert_eq!(
        reason(&status(decide(&observed(&object, &renamed), at(0)))),
        "AccountChanged",
        "of that account"
    );
    // It is recorded with the first attempt at the latest.
    object.status = None;
    let attempt = attempt(Err(failure(FailureKind::Unavailable, None)));
    let recorded =
        status(decide(&Observed { attempt: Some(&attempt), ..observed(&object, &connection) }, at(0)));
    assert_eq!(recorded.account, account("a"));
}
