//! The decision, as shipped: what it must never do, whatever it is shown, and the paths it takes.

#![expect(clippy::unwrap_used, reason = "a panic in a test is a failed test")]

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::ObjectMeta;
use proptest::prelude::*;
use secrecy::SecretString;
use voicecampaign_operator::api::{
    ConnectionReference, DeletionPolicy, DeletionStatus, GroundName, LastAnswer, VoiceCampaign,
    VoiceCampaignSpec, VoiceCampaignStatus,
};
use voicecampaign_operator::campaign::{Attempt, Observed, REMOTE_CAMPAIGN, Reason, Sighting, Step, decide};
use voicecampaign_operator::connection::{Connection, Problem, UsableConnection};
use voicecampaign_operator::kore::{
    Account, Algorithm, Campaign, ConfirmedDeletion, Credentials, Failure, FailureKind, RawAnswer, Target,
    TokenSettings, answers,
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

const DELETED_AT: i64 = -100;

fn living() -> VoiceCampaign {
    VoiceCampaign {
        metadata: ObjectMeta {
            name: Some("x".into()),
            namespace: Some("n".into()),
            uid: Some("uid-1".into()),
            generation: Some(3),
            finalizers: Some(vec!["theirs".into(), REMOTE_CAMPAIGN.name().into()]),
            ..ObjectMeta::default()
        },
        spec: VoiceCampaignSpec {
            connection_ref: ConnectionReference { name: "production".into() },
            stream_id: "st-1".into(),
            campaign_id: "cd-1".into(),
            deletion_policy: DeletionPolicy::Delete,
            suspend: false,
        },
        status: None,
    }
}

fn deleted() -> VoiceCampaign {
    let mut object = living();
    object.metadata.deletion_timestamp = Some(Time(at(DELETED_AT)));
    object
}

fn record() -> DeletionStatus {
    DeletionStatus {
        uid: "uid-1".into(),
        requested_at: Time(at(DELETED_AT)),
        attempts: 1,
        last_attempt_at: Some(Time(at(-20))),
        next_attempt_at: None,
        last_answer: None,
        confirmed_at: None,
        ground: None,
    }
}

fn with(mut object: VoiceCampaign, deletion: DeletionStatus) -> VoiceCampaign {
    object.status = Some(VoiceCampaignStatus { deletion: Some(deletion), ..VoiceCampaignStatus::default() });
    object
}

fn usable() -> Connection {
    let secret = || SecretString::from("never shown");
    Connection::Usable(Box::new(UsableConnection {
        requests_per_minute: 60,
        target: Target {
            account: Account { host: "https://h".into(), account_id: "a".into() },
            iid: None,
            timeout: Duration::from_secs(10),
            token: TokenSettings {
                algorithm: Algorithm::HS256,
                subject: "s".into(),
                ttl: Duration::from_secs(300),
            },
            credentials: Credentials { client_id: secret(), client_secret: secret() },
        },
    }))
}

fn confirmed() -> ConfirmedDeletion {
    let body = br#"{"status":"success","message":"deleted","data":{"_id":"cd-1","status":"Ready"}}"#.to_vec();
    answers::deletion(&RawAnswer { http_status: 200, body, ..RawAnswer::default() }, "cd-1").unwrap()
}

fn failure(kind: FailureKind, retry_after: Option<u64>) -> Failure {
    let retry_after = retry_after.map(Duration::from_secs);
    Failure { kind, retry_after, ..Failure::unreachable("told") }
}

fn attempt(outcome: Result<ConfirmedDeletion, Failure>) -> Attempt {
    Attempt { sent_at: at(-1), ended_at: at(0), outcome }
}

fn observed<'a>(object: &'a VoiceCampaign, connection: &'a Connection) -> Observed<'a> {
    Observed { object, connection, attempt: None, sighting: None, slot: None, look_again_at: None }
}

/// The status that the step wants to have written.
fn status(step: Step) -> VoiceCampaignStatus {
    match step {
        Step::Record(status) => *status,
        other => panic!("no status to record: {other:?}"),
    }
}

fn reason(status: &VoiceCampaignStatus) -> &str {
    &status.conditions.iter().find(|condition| condition.type_ == "Ready").unwrap().reason
}

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
    assert_eq!(recorded.deletion.as_ref().unwrap().ground, Some(GroundName::Deleted));
    assert_eq!(recorded.campaign.as_ref().unwrap().status.as_deref(), Some("Ready"));
    object.status = Some(recorded);
    assert!(matches!(decide(&observed(&object, &connection), at(0)), Step::Release(_)));
}

/// A crash between the record and the release goes on with the release; nothing is sent again.
#[test]
fn a_recorded_ground_releases_after_a_restart() {
    let object = with(deleted(), DeletionStatus { ground: Some(GroundName::Deleted), ..record() });
    // Status is written anew first, as its conditions are missing in this record; then the finalizer goes.
    let mut object = object;
    object.status = Some(status(decide(&observed(&object, &Connection::NotLookedUp), at(0))));
    assert!(matches!(decide(&observed(&object, &Connection::NotLookedUp), at(0)), Step::Release(_)));
}

/// A backup restores an old status onto a new object, or the name was used again: its ground is not this object's.
#[test]
fn a_ground_of_another_object_or_deletion_does_not_count() {
    let ground = DeletionStatus { ground: Some(GroundName::Deleted), ..record() };
    for foreign in [
        DeletionStatus { uid: "uid-0".into(), ..ground.clone() },
        DeletionStatus { requested_at: Time(at(DELETED_AT - 1)), ..ground.clone() },
    ] {
        let object = with(deleted(), foreign);
        assert_eq!(decide(&observed(&object, &usable()), at(0)), Step::Delete);
    }
}

/// After a rollback: what a newer operator has written and this one can't read counts as not there, and the deletion begins
/// anew.
#[test]
fn a_record_of_a_newer_operator_counts_as_none() {
    let ground = DeletionStatus { ground: Some(GroundName::Deleted), ..record() };
    let mut newer = serde_json::to_value(with(deleted(), ground)).unwrap();
    newer["status"]["deletion"]["ground"] = "ProvenByTelepathy".into();
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
    assert_eq!(recorded.deletion.as_ref().unwrap().ground, Some(GroundName::Orphaned));
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
    let recorded = status(decide(&Observed { slot: Some(slot), ..observed(&object, &connection) }, at(0)));
    assert_eq!(reason(&recorded), "WaitingForQuota");
    assert_eq!(recorded.deletion.unwrap().next_attempt_at.unwrap().0, at(41), "never earlier than promised");
    let soon = at(0) + SignedDuration::from_millis(200);
    let step = decide(&Observed { slot: Some(soon), ..observed(&object, &connection) }, at(0));
    assert_eq!(step, Step::Wait { until: Some(soon), why: Reason::WaitingForQuota });
}

/// A living object: finalizer first, conditions before the first call, then the campaign as it is in Kore.
#[test]
fn a_new_object_is_protected_then_observed() {
    let connection = usable();
    let mut object = living();
    object.metadata.finalizers = None;
    assert_eq!(decide(&observed(&object, &connection), at(0)), Step::AddFinalizer);
    object = living();
    assert_eq!(decide(&observed(&object, &Connection::NotLookedUp), at(0)), Step::Resolve);
    let pending = status(decide(&observed(&object, &connection), at(0)));
    assert_eq!((reason(&pending), pending.conditions[0].status.as_str()), ("Pending", "Unknown"));
    object.status = Some(pending);
    assert_eq!(decide(&observed(&object, &connection), at(0)), Step::Observe);
    let campaign = Campaign { status: Some("Active".into()), ..Campaign::default() };
    let sighting: Sighting = Ok(campaign);
    let seen = Observed {
        sighting: Some(&sighting),
        look_again_at: Some(at(600)),
        ..observed(&object, &connection)
    };
    let found = status(decide(&seen, at(0)));
    assert_eq!((reason(&found), found.conditions[0].status.as_str()), ("CampaignFound", "True"));
    object.status = Some(found);
    let later = Observed { look_again_at: Some(at(600)), ..observed(&object, &connection) };
    let rest = Step::Wait { until: Some(at(600)), why: Reason::CampaignFound };
    assert_eq!(decide(&later, at(1)), rest);
    assert_eq!(decide(&later, at(600)), Step::Observe);
    // After a restart nothing is known of the last look.
    assert_eq!(decide(&observed(&object, &connection), at(1)), Step::Observe);
}

/// A campaign that is not there is reported, and nothing else follows from it.
#[test]
fn a_missing_campaign_is_reported_and_never_acted_on() {
    let object = living();
    let sighting: Sighting = Err(failure(FailureKind::MayBeAbsent, None));
    let connection = usable();
    let observed = Observed {
        sighting: Some(&sighting),
        look_again_at: Some(at(600)),
        ..observed(&object, &connection)
    };
    let recorded = status(decide(&observed, at(0)));
    assert_eq!((reason(&recorded), recorded.conditions[0].status.as_str()), ("CampaignNotFound", "False"));
}

// Whatever it is shown.

fn any_failure() -> impl Strategy<Value = Failure> {
    (prop::sample::select(FailureKind::ALL.to_vec()), prop::option::of(0u64..1000))
        .prop_map(|(kind, retry_after)| failure(kind, retry_after))
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    (-2000i64..2000).prop_map(at)
}

fn any_deletion() -> impl Strategy<Value = DeletionStatus> {
    (
        prop::sample::select(vec!["uid-1", "uid-0"]),
        prop::sample::select(vec![DELETED_AT, DELETED_AT - 1]),
        any::<i32>(),
        prop::option::of(any_time()),
        prop::option::of(any_time()),
        prop::option::of(any_failure()),
        prop::option::of(prop::sample::select(vec![GroundName::Deleted, GroundName::Orphaned])),
    )
        .prop_map(|(uid, requested, attempts, last, next, failure, ground)| DeletionStatus {
            uid: uid.into(),
            requested_at: Time(at(requested)),
            attempts,
            last_attempt_at: last.map(Time),
            next_attempt_at: next.map(Time),
            last_answer: failure.map(|failure| LastAnswer {
                http_status: Some(500),
                status: None,
                message: "m".into(),
                reason: failure.kind.reason().into(),
            }),
            confirmed_at: ground.map(|_| Time(at(-1))),
            ground,
        })
}

prop_compose! {
    fn any_object()(
        being_deleted: bool,
        finalizers in prop::sample::select(vec![vec![], vec!["theirs"], vec![REMOTE_CAMPAIGN.name()], vec!["theirs", REMOTE_CAMPAIGN.name()]]),
        orphan: bool,
        suspend in prop::bool::weighted(0.2),
        deletion in prop::option::of(any_deletion()),
        observed_generation in prop::option::of(1i64..4),
    ) -> VoiceCampaign {
        let mut object = if being_deleted { deleted() } else { living() };
        object.metadata.finalizers = Some(finalizers.into_iter().map(Into::into).collect());
        object.spec.suspend = suspend;
        object.spec.deletion_policy = if orphan { DeletionPolicy::Orphan } else { DeletionPolicy::Delete };
        if deletion.is_some() || observed_generation.is_some() {
            object.status = Some(VoiceCampaignStatus { observed_generation, deletion, ..VoiceCampaignStatus::default() });
        }
        object
    }
}

fn any_connection() -> impl Strategy<Value = Connection> {
    prop_oneof![
        Just(Connection::NotLookedUp),
        Just(Connection::Unusable(Problem::ConnectionNotFound { name: "production".into() })),
        Just(usable()),
    ]
}

fn any_attempt() -> impl Strategy<Value = Option<Attempt>> {
    prop::option::of((any::<bool>(), any_failure(), -50i64..0).prop_map(|(ok, failure, sent)| Attempt {
        sent_at: at(sent),
        ended_at: at(0),
        outcome: if ok { Ok(confirmed()) } else { Err(failure) },
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn the_promise_holds_whatever_is_observed(
        object in any_object(),
        connection in any_connection(),
        attempt in any_attempt(),
        slot in prop::option::of(any_time()),
        look_again_at in prop::option::of(any_time()),
        sighting in prop::option::of(any_failure()),
    ) {
        let now = at(0);
        let sighting: Option<Sighting> = sighting.map(Err);
        let being_deleted = object.metadata.deletion_timestamp.is_some();
        // A DELETE is sent, and its answer kept, for an object that is being deleted only.
        let attempt = attempt.filter(|_| being_deleted);
        let observed = Observed {
            object: &object,
            connection: &connection,
            attempt: attempt.as_ref(),
            sighting: sighting.as_ref(),
            slot,
            look_again_at,
        };
        let ours = REMOTE_CAMPAIGN.is_on(&object.metadata);
        let recorded = object.status.as_ref().and_then(|status| status.deletion.as_ref()).filter(|deletion| {
            deletion.uid == "uid-1" && deletion.requested_at == Time(at(DELETED_AT))
        });
        let orphan = object.spec.deletion_policy == DeletionPolicy::Orphan;
        let ground = attempt.as_ref().is_some_and(|attempt| attempt.outcome.is_ok())
            || orphan
            || recorded.is_some_and(|deletion| deletion.ground == Some(GroundName::Deleted));
        let early = recorded.and_then(|deletion| deletion.next_attempt_at.clone()).is_some_and(|next| next.0 > now);
        match decide(&observed, now) {
            Step::Release(_) => prop_assert!(being_deleted && ours && ground, "no ground, no release"),
            Step::Delete => {
                prop_assert!(being_deleted && ours && !orphan && !object.spec.suspend, "no DELETE without a delete");
                prop_assert!(!early && !ground && attempt.is_none(), "no DELETE before its time, nor after a confirmation");
                prop_assert!(matches!(connection, Connection::Usable(_)) && slot.is_none_or(|slot| slot <= now));
            }
            Step::AddFinalizer => prop_assert!(!being_deleted && !ours),
            Step::Observe => prop_assert!(!being_deleted && ours && !object.spec.suspend),
            Step::Done => prop_assert!(being_deleted && !ours),
            Step::Resolve => prop_assert!(matches!(connection, Connection::NotLookedUp) && !object.spec.suspend),
            Step::Wait { until, .. } | Step::Stall { until, .. } => {
                prop_assert!(!ground || !being_deleted || !ours, "with a ground nothing is waited for");
                prop_assert!(until.is_some() || object.spec.suspend || sighting.is_some(), "a wait has an end");
            }
            Step::Record(status) => {
                assert_sound(&status, &object);
                if let Some(name) = status.deletion.as_ref().and_then(|deletion| deletion.ground) {
                    prop_assert!(ground, "no ground, no record of one: {name:?}");
                }
                // Once it is written, it is not written again: no hot loop.
                let written = VoiceCampaign { status: Some(*status), ..object.clone() };
                let again = decide(&Observed { object: &written, attempt: None, sighting: None, ..observed }, now);
                prop_assert!(!matches!(again, Step::Record(_)) || sighting.is_some(), "{again:?}");
            }
        }
    }
}
