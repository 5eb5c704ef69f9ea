//! Objects, connections, answers and listings to decide about.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::ObjectMeta;
use secrecy::SecretString;
use serde_json::{Value, json};
use voicecampaign_operator::api::{
    APPROVE_DELETIONS, ConnectionReference, DeletionPolicy, DeletionStatus, VoiceCampaign, VoiceCampaignSpec,
    VoiceCampaignStatus,
};
use voicecampaign_operator::campaign::{Attempt, GetResult, Observed, REMOTE_CAMPAIGN, Step, StreamListing};
use voicecampaign_operator::connection::{Brake, Connection, UsableConnection};
use voicecampaign_operator::kore::{
    Account, Algorithm, Campaign, CampaignKey, CampaignService, ConfirmedDeletion, Credentials, Failure,
    FailureKind, Listing, Page, PageRequest, Progress, RawAnswer, Reading, Target, TokenSettings, answers,
};
use voicecampaign_operator::pacing::Charge;

/// When the listings of these tests are read: about now, because only a real read makes one.
pub fn at(seconds: i64) -> Timestamp {
    static START: OnceLock<Timestamp> = OnceLock::new();
    let start = START.get_or_init(|| Timestamp::from_second(Timestamp::now().as_second()).unwrap());
    *start + SignedDuration::from_secs(seconds)
}

pub const DELETED_AT: i64 = -100;

pub fn living() -> VoiceCampaign {
    VoiceCampaign {
        metadata: ObjectMeta {
            name: Some("x".into()),
            namespace: Some("n".into()),
            uid: Some("uid-1".into()),
            generation: Some(3),
            creation_timestamp: Some(Time(at(-1000))),
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

pub fn deleted() -> VoiceCampaign {
    let mut object = living();
    object.metadata.deletion_timestamp = Some(Time(at(DELETED_AT)));
    object
}

pub fn record() -> DeletionStatus {
    DeletionStatus {
        uid: "uid-1".into(),
        requested_at: Time(at(DELETED_AT)),
        admitted_at: None,
        attempts: 1,
        failures: 1,
        last_attempt_at: Some(Time(at(-20))),
        next_attempt_at: None,
        held_since: None,
        last_answer: None,
        may_have_taken_effect_at: None,
        unconfirmed_in_a_row: 0,
        seen_at: None,
        proof: None,
        confirmed_at: None,
        outcome: None,
    }
}

pub fn with(mut object: VoiceCampaign, deletion: DeletionStatus) -> VoiceCampaign {
    object.status =
        Some(VoiceCampaignStatus { deletion: Some(Box::new(deletion)), ..VoiceCampaignStatus::default() });
    object
}

pub fn target() -> Target {
    target_of("app-1")
}

pub fn target_of(client_id: &str) -> Target {
    Target {
        account: Account::new("https://h", "a"),
        address: "https://h".into(),
        iid: None,
        timeout: Duration::from_secs(10),
        token: TokenSettings {
            algorithm: Algorithm::HS256,
            subject: "s".into(),
            ttl: Duration::from_secs(300),
        },
        credentials: Credentials {
            client_id: SecretString::from(client_id),
            client_secret: SecretString::from("never shown"),
        },
    }
}

pub fn usable() -> Connection {
    Connection::Usable(Box::new(UsableConnection {
        requests_per_minute: 60,
        target: target(),
        secret: "kore-jwt-app".into(),
        former_hosts: Vec::new(),
        brake: None,
    }))
}

/// A connection whose brake lets one deletion begin within an hour, with this status.
pub fn braked(status: &Value) -> Connection {
    braked_as(None, status)
}

/// The same, with an annotation that approves deletions.
pub fn braked_as(approve: Option<Timestamp>, status: &Value) -> Connection {
    let annotations: serde_json::Map<_, _> =
        approve.map(|until| (APPROVE_DELETIONS.to_owned(), json!(until))).into_iter().collect();
    let object = json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
        "metadata": {"name": "production", "namespace": "n", "annotations": annotations},
        "spec": {"host": "https://h", "accountId": "a", "credentialsSecretRef": {"name": "kore-jwt-app"},
            "deletionBrake": {"maxPerHour": 1}},
        "status": {"campaigns": 0, "deletionBrake": status}});
    let brake = Brake::of(&serde_json::from_value(object).unwrap());
    let Connection::Usable(mut connection) = usable() else { unreachable!("it is usable") };
    connection.brake = Some(Arc::new(brake.unwrap()));
    Connection::Usable(connection)
}

pub fn confirmed() -> ConfirmedDeletion {
    let body = br#"{"status":"success","message":"deleted","data":{"_id":"cd-1","status":"Ready"}}"#.to_vec();
    answers::deletion(&RawAnswer { http_status: 200, body, ..RawAnswer::default() }, "cd-1").unwrap()
}

pub fn failure(kind: FailureKind, retry_after: Option<u64>) -> Failure {
    let retry_after = retry_after.map(Duration::from_secs);
    Failure { kind, retry_after, ..Failure::unreachable("told") }
}

pub fn attempt(result: Result<ConfirmedDeletion, Failure>) -> Attempt {
    Attempt {
        number: 1,
        sent_at: at(-1),
        ended_at: at(0),
        identity: target().identity(),
        result,
        charge: Charge::Campaign,
    }
}

pub fn look(seconds: i64, result: Result<Campaign, Failure>) -> GetResult {
    GetResult {
        asked_at: at(seconds),
        identity: target().identity(),
        refresh: None,
        result,
        charge: Charge::Campaign,
    }
}

pub fn observed<'a>(object: &'a VoiceCampaign, connection: &'a Connection) -> Observed<'a> {
    Observed::new(object, connection)
}

/// The status that the step wants to have written.
pub fn status(step: Step) -> VoiceCampaignStatus {
    match step {
        Step::Record(status) => *status,
        other => panic!("no status to record: {other:?}"),
    }
}

pub fn reason(status: &VoiceCampaignStatus) -> &str {
    &ready(status).reason
}

pub fn ready(status: &VoiceCampaignStatus) -> &k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition {
    status.conditions.iter().find(|condition| condition.type_ == "Ready").unwrap()
}

pub fn has(status: &VoiceCampaignStatus, type_: &str) -> bool {
    status.conditions.iter().any(|condition| condition.type_ == type_)
}

/// Answers a listing with this page.
struct Service(Value);

impl CampaignService for Service {
    async fn delete(&self, _: &Target, _: &CampaignKey) -> Result<ConfirmedDeletion, Failure> {
        panic!("not asked for")
    }

    async fn get(&self, _: &Target, _: &CampaignKey) -> Result<Campaign, Failure> {
        panic!("not asked for")
    }

    async fn list(&self, _: &Target, _: &str, _: PageRequest) -> Result<Page, Failure> {
        let body = self.0.to_string().into();
        answers::listing(&RawAnswer { http_status: 200, body, ..RawAnswer::default() })
    }
}

/// A listing that was read just now, with this total.
fn read(client_id: &str, ids: &[&str], total: usize) -> Listing {
    let rows: Vec<Value> = ids.iter().map(|id| json!({"_id": id, "name": "n", "status": "Active"})).collect();
    answered(client_id, &json!({"results": rows, "hasMore": false, "totalResults": total}))
}

/// A listing that is answered by a success with this `data`.
fn answered(client_id: &str, data: &Value) -> Listing {
    let page = json!({"status": "success", "data": data});
    let (service, target) = (Service(page), target_of(client_id));
    let mut reading = Reading::begin(&target, "st-1", Timestamp::now());
    loop {
        match reading.next(&service, &target, Timestamp::now).now_or_never().unwrap().unwrap() {
            Progress::Done(listing) => return listing,
            Progress::More(more) => reading = more,
        }
    }
}

/// A complete listing that was read just now.
pub fn listing(ids: &[&str]) -> StreamListing {
    listing_as("app-1", ids)
}

pub fn listing_as(client_id: &str, ids: &[&str]) -> StreamListing {
    StreamListing {
        listing: Arc::new(read(client_id, ids, ids.len())),
        suddenly_empty: false,
        to_a_stranger: false,
        unseen_namespaces: Vec::new(),
        listed_at: None,
    }
}

/// All campaigns of the stream are deleted, and Kore keeps their rows.
pub fn deleted_rows(ids: &[&str]) -> StreamListing {
    let rows: Vec<Value> = ids.iter().map(|id| json!({"_id": id, "status": "Deleted"})).collect();
    let data = json!({"results": rows, "hasMore": false, "totalResults": ids.len()});
    StreamListing { listing: Arc::new(answered("app-1", &data)), ..listing(&[]) }
}

/// What is answered by whatever answers everything with a success that holds nothing.
pub fn nothing_but_success() -> StreamListing {
    StreamListing { listing: Arc::new(answered("app-1", &json!({}))), ..listing(&[]) }
}

/// A listing whose pages do not add up.
pub fn incomplete(ids: &[&str]) -> StreamListing {
    StreamListing {
        listing: Arc::new(read("app-1", ids, ids.len() + 1)),
        suddenly_empty: false,
        to_a_stranger: false,
        unseen_namespaces: Vec::new(),
        listed_at: None,
    }
}
