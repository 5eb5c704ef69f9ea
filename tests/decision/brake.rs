//! A deletion and the brake of its connection.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};
use voicecampaign_operator::api::{DeletionPolicy, Reason, VoiceCampaign, VoiceCampaignStatus};
use voicecampaign_operator::campaign::{Observed, Step, decide};
use voicecampaign_operator::connection::Connection;
use voicecampaign_operator::pacing::Turn;

use crate::support::*;

/// What the status of a connection says that holds deletions: it let another one begin, in the same second.
fn holding() -> Value {
    json!({"admitted": [{"uid": "other", "requestedAt": at(DELETED_AT)}], "held": 7,
        "holdingSince": at(DELETED_AT + 1)})
}

/// What is decided of an object that has asked as long ago.
fn decided(object: &VoiceCampaign, connection: &Connection, asked: Option<i64>) -> Step {
    let asked_brake_at = asked.map(|seconds| at(-seconds));
    decide(&Observed { asked_brake_at, ..observed(object, connection) }, at(0))
}

fn held() -> VoiceCampaignStatus {
    status(decided(&deleted(), &braked(&holding()), None))
}

#[test]
fn a_deletion_asks_and_waits_for_the_answer_before_it_begins() {
    let (mut object, undecided) = (deleted(), braked(&json!({})));
    assert_eq!(decided(&object, &undecided, None), Step::AskBrake);
    assert!(matches!(decided(&object, &undecided, Some(2)), Step::Wait { why: Reason::Pending, .. }));
    let waiting = status(decided(&object, &undecided, Some(6)));
    assert_eq!(reason(&waiting), "Pending");
    assert!(ready(&waiting).message.contains("has not counted it for the deletionBrake"), "{waiting:?}");
    object.status = Some(waiting);
    assert!(matches!(decided(&object, &undecided, Some(6)), Step::Wait { why: Reason::Pending, .. }));
    let admitted = braked(&json!({"admitted": [{"uid": "uid-1", "requestedAt": at(DELETED_AT)}], "held": 7}));
    assert_eq!(decided(&object, &admitted, Some(6)), Step::Delete);
}

#[test]
fn a_deletion_that_is_held_says_why_and_is_let_go() {
    let told = ready(&held()).message.clone();
    assert_eq!(reason(&held()), "MassDeletion");
    assert!(has(&held(), "Stalled"));
    for part in
        ["production lets 1 deletions begin", "held deletions since", "approve-deletions-until", "Orphan"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    let mut object = deleted();
    object.status = Some(held());
    // How many are held is no reason to write each of them again.
    let more =
        braked(&json!({"admitted": holding()["admitted"], "held": 300, "holdingSince": at(DELETED_AT + 1)}));
    assert!(matches!(decided(&object, &more, None), Step::Stall { why: Reason::MassDeletion, .. }));
    let mut orphan = object.clone();
    orphan.spec.deletion_policy = DeletionPolicy::Orphan;
    assert!(matches!(decided(&orphan, &more, None), Step::Record(status) if reason(&status) == "Orphaned"));
    assert_eq!(decided(&object, &usable(), None), Step::Delete, "without a brake nothing is held");
}

/// What has been sent goes on until it is confirmed, and what was let through stays so: also if newer ones
/// have taken its place in the status of the connection.
#[test]
fn a_deletion_that_has_begun_is_not_held() {
    let sent = with(deleted(), record());
    assert_eq!(decided(&sent, &braked(&holding()), None), Step::Delete);
    let mut let_through = record();
    (let_through.attempts, let_through.failures, let_through.last_attempt_at) = (0, 0, None);
    let object = with(deleted(), let_through.clone());
    assert!(!matches!(decided(&object, &braked(&holding()), None), Step::Delete));
    let_through.admitted_at = Some(Time(at(-50)));
    assert_eq!(decided(&with(deleted(), let_through), &braked(&holding()), None), Step::Delete);
}

/// If it has to wait for its turn, the status says that it was let through.
#[test]
fn a_deletion_that_waits_for_its_turn_stays_let_through() {
    let admitted = braked(&json!({"admitted": [{"uid": "uid-1", "requestedAt": at(DELETED_AT)}]}));
    let object = deleted();
    let turn = Some(Turn::At(at(60)));
    let waiting = status(decide(&Observed { turn, ..observed(&object, &admitted) }, at(0)));
    assert_eq!(waiting.deletion.unwrap().admitted_at.unwrap().0, at(0));
}

/// What a person approves says that it has begun before it does: the approval may be withdrawn, and the
/// process killed. While it waits for its turn, it can still be withdrawn.
#[test]
fn an_approved_deletion_is_recorded_before_its_request() {
    let seconds = |time| json!({"until": at(time), "seenAt": at(-60)});
    let approved = braked_as(Some(at(60)), &json!({"approval": seconds(60), "held": 0}));
    let mut object = deleted();
    object.status = Some(held());
    let turn = Some(Turn::At(at(60)));
    let waiting = status(decide(&Observed { turn, ..observed(&object, &approved) }, at(0)));
    assert_eq!(
        (reason(&waiting), &waiting.deletion.as_ref().unwrap().admitted_at),
        ("WaitingForQuota", &None)
    );
    let withdrawn = VoiceCampaign { status: Some(waiting), ..object.clone() };
    assert_eq!(reason(&status(decided(&withdrawn, &braked(&holding()), None))), "MassDeletion");
    // Nobody knows yet whether it is its turn.
    assert_eq!(decided(&object, &approved, None), Step::AwaitTurn);
    let begun = status(decide(&Observed { has_turn: true, ..observed(&object, &approved) }, at(0)));
    assert_eq!(begun.deletion.as_ref().unwrap().admitted_at, Some(Time(at(0))));
    object.status = Some(begun);
    assert_eq!(decided(&object, &approved, None), Step::Delete);
    assert_eq!(decided(&object, &braked(&holding()), None), Step::Delete, "it may have been sent");
}

/// So does what the status calls held, if it is let through later.
#[test]
fn a_held_deletion_that_is_let_through_is_not_called_held_while_it_is_sent() {
    let admitted = braked(&json!({"admitted": [{"uid": "uid-1", "requestedAt": at(DELETED_AT)}]}));
    let mut object = deleted();
    object.status = Some(held());
    let undecided = braked(&json!({}));
    assert_eq!(decided(&object, &undecided, None), Step::AskBrake);
    assert!(matches!(
        decided(&object, &undecided, Some(3600)),
        Step::Stall { why: Reason::MassDeletion, .. }
    ));
    let begun = status(decided(&object, &admitted, None));
    assert_ne!(reason(&begun), "MassDeletion");
    object.status = Some(begun);
    assert_eq!(decided(&object, &admitted, None), Step::Delete);
}
