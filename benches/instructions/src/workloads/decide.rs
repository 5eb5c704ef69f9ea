//! The decision about one object: what is next, until nothing is left to record in its status.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use secrecy::SecretString;
use voicecampaign_operator::api::{
    ConnectionReference, DeletionOutcome, DeletionPolicy, DeletionStatus, ListingRecord, ProofStatus, Reason,
    VoiceCampaign, VoiceCampaignSpec, VoiceCampaignStatus,
};
use voicecampaign_operator::campaign::{Attempt, Observed, REMOTE_CAMPAIGN, Step, StreamListing, decide};
use voicecampaign_operator::connection::{Connection, UsableConnection};
use voicecampaign_operator::kore::{
    Account, Algorithm, ConfirmedDeletion, Credentials, Failure, RawAnswer, Target, TokenSettings, answers,
};
use voicecampaign_operator::pacing::{Charge, Turn};

use super::{CAMPAIGN, SAMPLE, STREAM, at, count, listing};

/// What is known of an object.
struct Situation {
    object: VoiceCampaign,
    connection: Connection,
    attempt: Option<Attempt>,
    listing: Option<StreamListing>,
    turn: Option<Turn>,
}

pub fn found() -> bool {
    let named = || {
        let mut object = living();
        object.spec.campaign_id = listing::id(25);
        Situation { listing: shown(50, 1), ..Situation::of(object) }
    };
    count(
        named,
        |situation| situation.settle(at(2)),
        |(object, step)| {
            matches!(step, Step::Wait { why: Reason::CampaignFound, .. }) && object.status.is_some()
        },
    )
}

pub fn due() -> bool {
    count(|| Situation::of(deleted()), |situation| situation.settle(at(0)), |(_, step)| *step == Step::Delete)
}

pub fn waits() -> bool {
    let waiting = || Situation { turn: Some(Turn::At(at(600))), ..Situation::of(deleted()) };
    count(
        waiting,
        |situation| situation.settle(at(0)),
        |(object, step)| {
            matches!(step, Step::Wait { until: Some(until), .. } if *until == at(600))
                && object.status.is_some()
        },
    )
}

pub fn confirmed() -> bool {
    let sample = || raw(200, SAMPLE);
    let answered = || Situation { attempt: answered(&sample()), ..Situation::of(deleted()) };
    count(answered, |situation| situation.settle(at(0)), |(_, step)| releases(step, DeletionOutcome::Deleted))
}

pub fn failed() -> bool {
    let failed = || Situation {
        attempt: answered(&raw(503, r#"{"message":"Service Unavailable"}"#)),
        ..Situation::of(deleted())
    };
    count(
        failed,
        |situation| situation.settle(at(-60)),
        |(object, step)| matches!(step, Step::Wait { until: Some(_), .. }) && object.status.is_some(),
    )
}

pub fn absent() -> bool {
    let proving = || Situation { listing: shown(1000, -1), ..Situation::of(half_proven()) };
    count(proving, |situation| situation.settle(at(0)), |(_, step)| releases(step, DeletionOutcome::Absent))
}

impl Situation {
    fn of(object: VoiceCampaign) -> Self {
        let connection = Connection::Usable(Box::new(UsableConnection {
            requests_per_minute: 60,
            target: target(),
            secret: "kore-jwt-app".into(),
            former_hosts: Vec::new(),
            brake: None,
        }));
        Self { object, connection, attempt: None, listing: None, turn: None }
    }

    /// Decides until nothing is left to record; returns the object, and what is to be done.
    fn settle(mut self, now: Timestamp) -> (VoiceCampaign, Step) {
        loop {
            match decide(&self.observed(), now) {
                Step::Record(status) => self.object.status = Some(*status),
                step => return (self.object, step),
            }
            // It is in the status now.
            self.attempt = None;
        }
    }

    fn observed(&self) -> Observed<'_> {
        Observed {
            attempt: self.attempt.as_ref(),
            listing: self.listing.as_ref(),
            turn: self.turn,
            ..Observed::new(&self.object, &self.connection)
        }
    }
}

fn releases(step: &Step, outcome: DeletionOutcome) -> bool {
    matches!(step, Step::Release(permit) if permit.outcome() == outcome)
}

fn living() -> VoiceCampaign {
    VoiceCampaign {
        metadata: ObjectMeta {
            name: Some("renewal-outreach".into()),
            namespace: Some("outreach".into()),
            uid: Some("00000001-7ffb-43c3-b307-47ca14b0c0de".into()),
            generation: Some(2),
            creation_timestamp: Some(Time(at(-1000))),
            finalizers: Some(vec![REMOTE_CAMPAIGN.name().into()]),
            ..ObjectMeta::default()
        },
        spec: VoiceCampaignSpec {
            connection_ref: ConnectionReference { name: "production".into() },
            stream_id: STREAM.into(),
            campaign_id: CAMPAIGN.into(),
            deletion_policy: DeletionPolicy::Delete,
            suspend: false,
        },
        status: None,
    }
}

fn deleted() -> VoiceCampaign {
    let mut object = living();
    object.metadata.deletion_timestamp = Some(Time(at(-100)));
    object
}

/// An absence that one more listing proves.
fn half_proven() -> VoiceCampaign {
    let attempt = answered(&raw(404, r#"{"message":"Campaign not found"}"#));
    let (object, _) = Situation { attempt, ..Situation::of(deleted()) }.settle(at(-60));
    let first = ListingRecord {
        begun_at: Time(at(-31)),
        ended_at: Time(at(-30)),
        campaigns: 1000,
        suddenly_empty: false,
        unseen_namespaces: Vec::new(),
    };
    let status = object.status.clone().unwrap_or_default();
    let deletion = status.deletion.map(|deletion| {
        let proof = deletion.proof.clone().map(|proof| ProofStatus {
            not_returned_at: Some(Time(at(-50))),
            first_listing: Some(first),
            ..proof
        });
        Box::new(DeletionStatus { proof, ..*deletion })
    });
    VoiceCampaign { status: Some(VoiceCampaignStatus { deletion, ..status }), ..object }
}

fn shown(campaigns: usize, seconds: i64) -> Option<StreamListing> {
    Some(StreamListing {
        listing: Arc::new(listing::of(campaigns, &target(), seconds)?),
        suddenly_empty: false,
        to_a_stranger: false,
        unseen_namespaces: Vec::new(),
        listed_at: None,
    })
}

fn answered(answer: &RawAnswer) -> Option<Attempt> {
    let result: Result<ConfirmedDeletion, Failure> = answers::deletion(answer, CAMPAIGN);
    Some(Attempt {
        number: 1,
        sent_at: at(-62),
        ended_at: at(-61),
        identity: target().identity(),
        result,
        charge: Charge::Campaign,
    })
}

fn raw(http_status: u16, body: &str) -> RawAnswer {
    RawAnswer { http_status, body: body.into(), ..RawAnswer::default() }
}

pub fn target() -> Target {
    Target {
        account: Account::new("https://platform.kore.ai", "67777ce93e25326494exxxxx"),
        address: "https://platform.kore.ai".into(),
        iid: None,
        timeout: Duration::from_secs(10),
        token: TokenSettings {
            algorithm: Algorithm::HS256,
            subject: "operator".into(),
            ttl: Duration::from_secs(300),
        },
        credentials: Credentials {
            client_id: SecretString::from("cs-00000000-0000-0000-0000-000000000000"),
            client_secret: SecretString::from("never shown"),
        },
    }
}
