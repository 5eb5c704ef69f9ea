//! Whatever it is shown, the decision keeps the promise.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::prelude::*;
use serde_json::{Value, json};
use voicecampaign_operator::api::{
    DeletionOutcome, DeletionPolicy, DeletionStatus, LastAnswer, ListingRecord, ProofStatus, Reason,
    StreamStatus, VoiceCampaign, VoiceCampaignStatus,
};
use voicecampaign_operator::campaign::{
    Attempt, GetResult, LastGet, ListingTrouble, Observed, OtherClaim, REMOTE_CAMPAIGN, Step, StreamListing,
    Urgency, decide,
};
use voicecampaign_operator::connection::{Connection, Problem};
use voicecampaign_operator::kore::{Campaign, Failure, FailureKind};
use voicecampaign_operator::pacing::{Charge, Holder, Turn};

use crate::support::*;

fn any_failure() -> impl Strategy<Value = Failure> {
    (prop::sample::select(FailureKind::ALL.to_vec()), prop::option::of(0u64..1000))
        .prop_map(|(kind, retry_after)| failure(kind, retry_after))
}

/// Mostly one that is meant; also those at which the reading of a status ends.
fn any_time() -> impl Strategy<Value = Timestamp> {
    let read = |time: Timestamp| {
        let stream = serde_json::json!({"streamId": "st-1", "othersSeenAt": time});
        serde_json::from_value::<StreamStatus>(stream).unwrap().others_seen_at.0
    };
    prop_oneof![
        20 => (-2000i64..2000).prop_map(at),
        1 => Just(read(Timestamp::MIN)),
        1 => Just(read(Timestamp::MAX)),
    ]
}

fn any_deletion() -> impl Strategy<Value = DeletionStatus> {
    (
        prop::sample::select(vec!["uid-1", "uid-0"]),
        prop::sample::select(vec![DELETED_AT, DELETED_AT - 1]),
        any::<i32>(),
        any::<i32>(),
        prop::option::of(any_time()),
        prop::option::of(any_time()),
        prop::option::of(any_failure()),
        prop::option::of(any_proof()),
        prop::option::of(prop::sample::select(vec![
            DeletionOutcome::Deleted,
            DeletionOutcome::Absent,
            DeletionOutcome::Orphaned,
        ])),
    )
        .prop_map(|(uid, requested, attempts, failures, last, next, failure, proof, outcome)| {
            DeletionStatus {
                uid: uid.into(),
                requested_at: Time(at(requested)),
                admitted_at: (attempts % 3 == 1).then(|| Time(at(-10))),
                attempts,
                failures,
                last_attempt_at: last.map(Time),
                next_attempt_at: next.map(Time),
                held_since: None,
                last_answer: failure.map(|failure| LastAnswer {
                    http_status: Some(500),
                    status: None,
                    message: "m".into(),
                    reason: failure.kind.reason().into(),
                }),
                may_have_taken_effect_at: None,
                unconfirmed_in_a_row: attempts.rem_euclid(4),
                seen_at: None,
                proof,
                confirmed_at: outcome.map(|_| Time(at(-1))),
                outcome,
            }
        })
}

fn any_record() -> impl Strategy<Value = ListingRecord> {
    (-400i64..20, 0i64..5, any::<bool>()).prop_map(|(ended, lasted, suddenly_empty)| ListingRecord {
        begun_at: Time(at(ended - lasted)),
        ended_at: Time(at(ended)),
        campaigns: 3,
        suddenly_empty,
        unseen_namespaces: Vec::new(),
    })
}

fn any_proof() -> impl Strategy<Value = ProofStatus> {
    (
        prop::bool::weighted(0.8),
        -400i64..20,
        prop::option::weighted(0.8, -400i64..20),
        prop::option::weighted(0.8, any_record()),
        (prop::option::weighted(0.3, any_record()), prop::option::weighted(0.1, any_record())),
        prop::option::weighted(0.2, any_record()),
        (0i32..4, prop::option::weighted(0.5, -400i64..20)),
    )
        .prop_map(
            |(same, answered, not_returned, first_listing, later, doubted_listing, (failures, silent))| {
                let (second_listing, third_listing) = later;
                ProofStatus {
                    identity: if same {
                        target().identity().as_str().to_owned()
                    } else {
                        "0123456789abcdef".to_owned()
                    },
                    answered_at: Time(at(answered)),
                    not_returned_at: not_returned.map(|time| Time(at(time))),
                    silent_gets: if silent.is_some() { 3 } else { failures.min(2) },
                    silent_at: silent.map(|time| Time(at(time))),
                    first_listing,
                    second_listing,
                    third_listing,
                    doubted_listing,
                    failures,
                    last_failure: None,
                    last_failure_at: None,
                }
            },
        )
}

fn any_get() -> impl Strategy<Value = GetResult> {
    (prop::option::of(any_failure()), -20i64..1, any::<bool>(), any_charge()).prop_map(
        |(failure, asked, same, charge)| GetResult {
            identity: if same { target().identity() } else { target_of("app-2").identity() },
            charge,
            ..look(asked, failure.map_or(Ok(Campaign::default()), Err))
        },
    )
}

/// Listings that were read just now: about `at(0)` or a little later.
fn any_listing() -> impl Strategy<Value = StreamListing> {
    let ids = prop::sample::select(vec![vec![], vec!["cd-0"], vec!["cd-0", "cd-1"]]);
    let listed_at = prop::option::weighted(0.3, any_time());
    let doubts = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.2));
    (ids, 0..4, doubts, listed_at).prop_map(|(ids, kind, (suddenly_empty, stranger, unseen), listed_at)| {
        let read = match kind {
            0 => incomplete(&ids),
            1 => listing_as("app-2", &ids),
            _ => listing(&ids),
        };
        let (suddenly_empty, to_a_stranger) = (suddenly_empty && ids.is_empty(), stranger && ids.is_empty());
        let unseen_namespaces = if unseen && ids.is_empty() { vec!["b".to_owned()] } else { Vec::new() };
        StreamListing { suddenly_empty, to_a_stranger, unseen_namespaces, listed_at, ..read }
    })
}

fn any_trouble() -> impl Strategy<Value = ListingTrouble> {
    (prop::option::of(any_failure()), 1u32..9, any_time())
        .prop_map(|(failure, failures, retry_at)| ListingTrouble { failure, failures, retry_at })
}

/// Whether a listing, with what is recorded before it, completes a proof; said again, in two sentences: the
/// GET did not return the campaign, two complete listings of one identity miss it, both begun after the
/// answer, 10 s apart; or it said nothing a few times, and three do, the third of them 5 min after the first
/// and 10 s after the second; distances count from the start of the process at the earliest. An empty one
/// counts only if nobody is missing whom nobody asked to delete, as far as all are known, and if it is no
/// stranger's.
fn proves(
    proof: &ProofStatus,
    read: &StreamListing,
    seen_as: Option<&str>,
    process_begun_at: Timestamp,
) -> bool {
    let StreamListing { listing, suddenly_empty, to_a_stranger, unseen_namespaces, listed_at } = read;
    let first = proof.first_listing.as_ref().filter(|first| !first.suddenly_empty);
    let (asked, distance) = match (&proof.not_returned_at, &proof.silent_at, &proof.second_listing) {
        (Some(asked), _, second) => (asked, if second.is_some() { 300 } else { 10 }),
        (None, Some(asked), Some(second))
            if asked.0.duration_since(second.ended_at.0.max(process_begun_at)).as_secs() >= 10 =>
        {
            (asked, 300)
        }
        (None, ..) => return false,
    };
    let Some(first) = first else { return false };
    let apart =
        |time: Timestamp| time.duration_since(first.ended_at.0.max(process_begun_at)).as_secs() >= distance;
    listing.identity().as_str() == proof.identity
        && proof.identity == target().identity().as_str()
        && listing.is_complete()
        && listing.get("cd-1").is_none()
        && listed_at.is_none_or(|at| at <= proof.answered_at.0)
        && !suddenly_empty
        && unseen_namespaces.is_empty()
        && !(*to_a_stranger && seen_as.is_some_and(|seen_as| seen_as != proof.identity))
        && apart(listing.begun_at())
        && (proof.not_returned_at.is_some() || apart(asked.0))
        && listing.begun_at() >= asked.0
}

prop_compose! {
    fn any_object()(
        being_deleted: bool,
        finalizers in prop::sample::select(vec![vec![], vec!["theirs"], vec![REMOTE_CAMPAIGN.name()], vec!["theirs", REMOTE_CAMPAIGN.name()]]),
        orphan: bool,
        suspend in prop::bool::weighted(0.2),
        deletion in prop::option::of(any_deletion().prop_map(Box::new)),
        observed_generation in prop::option::of(1i64..4),
        seen_as in prop::option::of(prop::sample::select(vec![target().identity(), target_of("app-2").identity()])),
    ) -> VoiceCampaign {
        let mut object = if being_deleted { deleted() } else { living() };
        object.metadata.finalizers = Some(finalizers.into_iter().map(Into::into).collect());
        object.spec.suspend = suspend;
        object.spec.deletion_policy = if orphan { DeletionPolicy::Orphan } else { DeletionPolicy::Delete };
        if deletion.is_some() || observed_generation.is_some() {
            object.status = Some(VoiceCampaignStatus {
                observed_generation,
                deletion,
                seen_as: seen_as.map(|identity| identity.as_str().to_owned()),
                ..VoiceCampaignStatus::default()
            });
        }
        object
    }
}

fn any_connection() -> impl Strategy<Value = Connection> {
    prop_oneof![
        Just(Connection::NotLookedUp),
        Just(Connection::Unusable(Problem::ConnectionNotFound { name: "production".into() })),
        Just(usable()),
        prop::option::of(Just(at(-50))).prop_map(|since| {
            let other = json!({"uid": "other", "requestedAt": at(DELETED_AT)});
            braked(&json!({"admitted": since.map(|_| other).as_slice(), "held": 7, "holdingSince": since}))
        }),
    ]
}

fn has_brake(connection: &Connection) -> bool {
    matches!(connection, Connection::Usable(usable) if usable.brake.is_some())
}

fn any_attempt() -> impl Strategy<Value = Option<Attempt>> {
    let any = (any::<bool>(), any_failure(), -50i64..0, any_charge());
    prop::option::of(any.prop_map(|(ok, failure, sent, charge)| Attempt {
        sent_at: at(sent),
        charge,
        ..attempt(if ok { Ok(confirmed()) } else { Err(failure) })
    }))
}

/// What every status must be, for people and for kstatus.
fn assert_sound(status: &VoiceCampaignStatus, object: &VoiceCampaign) {
    let of_type = |type_: &str| status.conditions.iter().filter(|condition| condition.type_ == type_).count();
    assert_eq!(of_type("Ready"), 1);
    assert!(of_type("Reconciling") + of_type("Stalled") <= 1);
    assert_eq!(status.observed_generation, object.metadata.generation);
    for condition in &status.conditions {
        assert_eq!(condition.observed_generation, object.metadata.generation);
        assert!(Reason::parse(&condition.reason).is_some(), "{}", condition.reason);
        assert!(!condition.message.is_empty() && condition.message.len() < 1024);
        if condition.type_ != "Ready" {
            assert_eq!(condition.status, "True", "abnormal-true: there only while it holds");
        }
        if condition.type_ == "Stalled" {
            assert!(status.conditions.iter().all(|other| other.type_ != "Ready" || other.status != "True"));
        }
    }
    assert_eq!(status.deletion.is_some(), object.metadata.deletion_timestamp.is_some());
}

fn any_turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        any_time().prop_map(Turn::At),
        (any_holder(), any_time(), any_time(), any::<bool>())
            .prop_map(|(of, since, until, next)| Turn::Held { of, since, until, next }),
        Just(Turn::Go),
    ]
}

fn any_holder() -> impl Strategy<Value = Holder> {
    prop_oneof![Just(Holder::Account), Just(Holder::Credentials)]
}

fn any_charge() -> impl Strategy<Value = Charge> {
    prop_oneof![Just(Charge::Campaign), Just(Charge::Account)]
}

/// Whether the last attempt, or something that the proof rests on, is later than now, by more than clocks
/// differ.
fn is_from_the_future(deletion: &DeletionStatus, now: Timestamp) -> bool {
    fn latest(value: &Value) -> Option<Timestamp> {
        match value {
            Value::String(text) => text.parse().ok(),
            Value::Array(all) => all.iter().filter_map(latest).max(),
            Value::Object(all) => all.values().filter_map(latest).max(),
            Value::Null | Value::Bool(_) | Value::Number(_) => None,
        }
    }
    let attempted = deletion.last_attempt_at.as_ref().map(|time| time.0);
    let proof = deletion.proof.as_ref().and_then(|proof| latest(&serde_json::to_value(proof).unwrap()));
    attempted.max(proof).is_some_and(|latest| latest > now + SignedDuration::from_secs(10))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn the_promise_holds_whatever_is_observed(
        object in any_object(),
        connection in any_connection(),
        attempt in any_attempt(),
        turn in prop::option::of(any_turn()),
        (looked, met_at) in (prop::option::of((any_time(), any_time())), prop::option::of(any_time())),
        look in prop::option::of(any_get()),
        listing in prop::option::of(any_listing()),
        trouble in prop::option::of(any_trouble()),
        listing_due in prop::option::of(any_time()),
        asked_brake_at in prop::option::of(any_time()),
        others in prop::option::weighted(0.2, any::<bool>()),
        protected: bool,
        has_turn: bool,
        process_begun_at in prop::option::weighted(0.3, any_time()),
        wants_diagnostic_read: bool,
    ) {
        let now = Timestamp::now();
        let being_deleted = object.metadata.deletion_timestamp.is_some();
        // A DELETE is sent, and its answer kept, for an object that is being deleted only; it is recorded
        // before a look.
        let attempt = attempt.filter(|_| being_deleted);
        let look = look.filter(|_| attempt.is_none());
        let others: Vec<_> = others.map(|keeps| OtherClaim { name: "m/y".into(), keeps }).into_iter().collect();
        let observed = Observed {
            object: &object,
            connection: &connection,
            protected,
            attempt: attempt.as_ref(),
            get: look.as_ref(),
            listing: listing.as_ref(),
            listing_trouble: trouble.as_ref(),
            listing_due,
            asked_brake_at,
            turn,
            has_turn,
            trouble: None,
            position: None,
            last_get: looked.map(|(at, again_at)| LastGet { at, again_at }),
            met_at,
            wants_diagnostic_read,
            last_delete: None,
            others: &others,
            process_begun_at: process_begun_at.unwrap_or(Timestamp::UNIX_EPOCH),
        };
        let ours = REMOTE_CAMPAIGN.is_on(&object.metadata);
        let recorded = object.status.as_ref().and_then(|status| status.deletion.as_ref()).filter(|deletion| {
            deletion.uid == "uid-1" && deletion.requested_at == Time(at(DELETED_AT))
        });
        let orphan = object.spec.deletion_policy == DeletionPolicy::Orphan;
        let told = recorded.is_some_and(|deletion| match deletion.outcome {
            Some(DeletionOutcome::Deleted) => true,
            Some(DeletionOutcome::Absent) => {
                deletion.proof.as_ref().is_some_and(|proof| {
                    let first = proof.first_listing.as_ref().is_some_and(|first| !first.suddenly_empty);
                    let last = if proof.not_returned_at.is_some() { &proof.second_listing } else { &proof.third_listing };
                    first && last.is_some()
                })
            }
            Some(DeletionOutcome::Orphaned) | None => false,
        });
        let seen_as = object.status.as_ref().and_then(|status| status.seen_as.as_deref());
        // One that failed says nothing any more, once a later one is recorded.
        let is_over = |attempt: &&Attempt| {
            let recorded = recorded.filter(|deletion| deletion.attempts >= attempt.number && attempt.result.is_err());
            recorded.and_then(|deletion| deletion.last_attempt_at.as_ref()).is_some_and(|last| last.0 >= attempt.sent_at)
        };
        let unrecorded = attempt.as_ref().filter(|attempt| !is_over(attempt));
        // A proof that was recorded is one of the DELETE that was answered last.
        let proven = unrecorded.is_none() && listing.as_ref().is_some_and(|listing| {
            recorded.and_then(|deletion| deletion.proof.as_ref()).is_some_and(|proof| proves(proof, listing, seen_as, observed.process_begun_at))
        });
        let outcome = attempt.as_ref().is_some_and(|attempt| attempt.result.is_ok()) || orphan || told || proven;
        // What a clock that was ahead has written asks for nothing.
        let honest = recorded.filter(|deletion| !is_from_the_future(deletion, now));
        let early = honest.and_then(|deletion| deletion.next_attempt_at.clone()).is_some_and(|next| next.0 > now);
        let kept = others.iter().any(|other| other.keeps);
        let new = object.status.as_ref().is_none_or(|status| status.conditions.is_empty());
        match decide(&observed, now) {
            Step::Release(_) => prop_assert!(being_deleted && ours && outcome, "no outcome, no release"),
            Step::Delete => {
                prop_assert!(being_deleted && ours && !orphan && !object.spec.suspend, "no DELETE without a delete");
                prop_assert!(!outcome && unrecorded.is_none() && !kept, "no DELETE after a confirmation, or of another's");
                prop_assert!(!early || look.is_some() || listing.is_some(), "no DELETE before its time");
                prop_assert!(matches!(connection, Connection::Usable(_)) && turn.is_none_or(|turn| !turn.is_ahead(now)));
                let begun = recorded.is_some_and(|deletion| deletion.attempts > 0 || deletion.admitted_at.is_some());
                prop_assert!(begun || !has_brake(&connection), "nobody has let it through");
            }
            Step::AskBrake => prop_assert!(being_deleted && has_brake(&connection) && asked_brake_at.is_none()),
            Step::AwaitTurn => {
                let begun = recorded.is_some_and(|deletion| deletion.attempts > 0 || deletion.admitted_at.is_some());
                prop_assert!(being_deleted && has_brake(&connection) && !begun && !has_turn);
            }
            Step::Protect => prop_assert!(!protected && (ours && new || !ours && !being_deleted)),
            Step::AddFinalizer => {
                prop_assert!(!being_deleted && !ours);
                prop_assert!(protected || matches!(connection, Connection::Unusable(_)), "what it needs comes first");
            }
            Step::Get(urgency) | Step::List { urgency, .. } => {
                prop_assert!(ours && !object.spec.suspend && matches!(connection, Connection::Usable(_)));
                prop_assert_eq!(urgency == Urgency::Deletion, being_deleted);
            }
            Step::Done => prop_assert!(being_deleted && !ours),
            Step::Resolve => {
                prop_assert!(matches!(connection, Connection::NotLookedUp) && !(ours && object.spec.suspend && !new));
            }
            Step::Wait { until, .. } | Step::Stall { until, .. } => {
                prop_assert!(!outcome || !being_deleted || !ours, "with a outcome nothing is waited for");
                prop_assert!(until.is_some() || object.spec.suspend || look.is_some() || kept, "a wait has an end");
            }
            Step::Record(status) => {
                assert_sound(&status, &object);
                if let Some(name) = status.deletion.as_ref().and_then(|deletion| deletion.outcome) {
                    prop_assert!(outcome, "no outcome, no record of one: {name:?}");
                }
                // Once it is written, it is not written again: no hot loop. (A time without the answer that
                // explains it is explained first.)
                let after = |status: VoiceCampaignStatus| {
                    let written = VoiceCampaign { status: Some(status), ..object.clone() };
                    decide(&Observed { object: &written, attempt: None, get: None, ..observed }, now)
                };
                let unexplained = recorded.is_some_and(|deletion| {
                    deletion.next_attempt_at.is_some() && deletion.last_answer.is_none()
                });
                let again = match after(*status) {
                    Step::Record(status) if unexplained => after(*status),
                    again => again,
                };
                prop_assert!(!matches!(again, Step::Record(_)) || look.is_some() || listing.is_some(), "{again:?}");
            }
        }
    }
}
