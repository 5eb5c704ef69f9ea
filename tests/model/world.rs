//! What is there: the API server's objects and their past, Kore's campaigns, the instances of the operator;
//! and how often things may still go wrong.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::ObjectMeta;
use voicecampaign_operator::api::{
    ConnectionReference, DeletionPolicy, DeletionStatus, VoiceCampaign, VoiceCampaignSpec,
    VoiceCampaignStatus,
};
use voicecampaign_operator::campaign::REMOTE_CAMPAIGN;

/// Names of objects.
pub const NAMES: usize = 2;
/// Objects of each name, one after the other; each has a campaign of its own.
pub const LIVES: u8 = 2;

/// States whose properties have been checked: only they are asked for their actions.
static CHECKED: AtomicUsize = AtomicUsize::new(0);

pub fn checked() {
    CHECKED.fetch_add(1, Ordering::Relaxed);
}

/// How many were checked since this was last asked.
pub fn take_checked() -> usize {
    CHECKED.swap(0, Ordering::Relaxed)
}

/// Seconds since the beginning.
pub type Second = i64;

pub fn at(second: Second) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// The whole second at or after a time.
pub fn second(timestamp: Timestamp) -> Second {
    let whole = timestamp.as_second() + i64::from(timestamp.subsec_nanosecond() > 0);
    whole - 1_800_000_000
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub now: Second,
    /// By name: what the API server has and had.
    pub names: [Versions; NAMES],
    /// By uid: whether Kore has the campaign.
    pub in_kore: [bool; NAMES * LIVES as usize],
    /// The app has no access: no campaign is known to it, and the stream is empty.
    pub masked: bool,
    /// DELETEs that were sent, by uid.
    pub sent: [u8; NAMES * LIVES as usize],
    pub instances: Vec<Instance>,
    /// A status that may still arrive.
    pub late: Option<Late>,
    pub may: Budget,
    /// The outcomes for which objects were let go.
    pub outcomes: BTreeSet<&'static str>,
    /// The property that an action has broken.
    pub broken: Option<&'static str>,
}

/// A status that is on its way to the API server, and that nobody waits for any more.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Late {
    pub name: usize,
    /// The version whose status it replaces: the patch tests it, and has no effect once there is another.
    pub version: u16,
    pub status: Status,
}

/// How often each may still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Requests or answers lost, lies of a gateway, errors.
    pub faults: u8,
    pub crashes: u8,
    /// Views that go back.
    pub backs: u8,
    /// Changes of the policy.
    pub policies: u8,
    /// Finalizers removed by hand.
    pub strips: u8,
    pub recreations: u8,
    /// Changes of the app's access.
    pub masks: u8,
}

/// The states of one name, the newest last.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Versions {
    /// Number of the newest.
    pub newest: u16,
    past: Vec<Option<Stored>>,
    /// The next object of this name.
    pub next_uid: u8,
}

/// An object as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stored {
    /// The number of its campaign, too.
    pub uid: u8,
    /// Whether its policy is `Orphan`.
    pub orphan: bool,
    /// Since when the policy is what it is.
    pub policy_since: Second,
    pub deleted_at: Option<Second>,
    pub finalizer: bool,
    pub status: Status,
}

/// A status, compared by what it says.
#[derive(Clone, Debug, Default)]
pub struct Status {
    pub known: Option<Arc<VoiceCampaignStatus>>,
    fingerprint: u64,
}

/// An instance of the operator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Instance {
    pub known: [Known; NAMES],
    pub pass: Option<Pass>,
}

/// What an instance knows of a name beyond the object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Known {
    /// The version that its cache shows.
    pub view: u16,
    /// Nothing to do before; `None` if it was woken.
    pub rest: Option<Second>,
    /// An answer that is not written yet.
    pub attempt: Option<Sent>,
    /// The version that it has written, and the status.
    pub written: Option<(u16, Status)>,
    /// Since when the object is over with.
    pub over_since: Option<Second>,
}

/// A pass over one object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pass {
    pub name: usize,
    pub object: Stored,
    /// The version of the object.
    pub version: u16,
    pub begun: Second,
    /// When the API server has shown the object.
    pub shown: Option<Second>,
    pub may_be_gone: bool,
    pub attempt: Option<Sent>,
    pub get: Option<Read>,
    pub listing: Option<Synced>,
}

/// A DELETE and its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sent {
    pub number: i32,
    pub at: Second,
    pub outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    Deleted,
    NotThere,
    Accepted,
    Lost,
    Unavailable,
}

/// A GET and its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Read {
    pub at: Second,
    /// `None` if it failed.
    pub there: Option<bool>,
}

/// A complete listing: which campaigns were in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Synced {
    pub at: Second,
    /// It was read without access, and is empty.
    pub masked: bool,
    pub there: [bool; NAMES * LIVES as usize],
}

impl World {
    pub fn new(instances: usize, may: Budget) -> Self {
        let versions = |name: usize| {
            let uid = u8::try_from(name).unwrap() * LIVES;
            Versions { newest: 0, past: vec![Some(Stored::new(uid))], next_uid: uid + 1 }
        };
        Self {
            now: 0,
            names: [0, 1].map(versions),
            in_kore: [true; NAMES * LIVES as usize],
            masked: false,
            sent: [0; NAMES * LIVES as usize],
            instances: vec![Instance::default(); instances],
            late: None,
            may,
            outcomes: BTreeSet::new(),
            broken: None,
        }
    }

    /// What the API server has of this name.
    pub fn stored(&self, name: usize) -> Option<&Stored> {
        self.names[name].past.last().and_then(Option::as_ref)
    }

    /// What the cache of an instance shows.
    pub fn viewed(&self, instance: usize, name: usize) -> Option<&Stored> {
        self.names[name].at(self.instances[instance].known[name].view)
    }
}

impl Versions {
    pub fn push(&mut self, stored: Option<Stored>) {
        self.newest += 1;
        self.past.push(stored);
    }

    pub fn at(&self, version: u16) -> Option<&Stored> {
        self.past[usize::from(version)].as_ref()
    }
}

impl Stored {
    /// A living object of which nothing is known yet.
    pub fn new(uid: u8) -> Self {
        Self {
            uid,
            orphan: false,
            policy_since: 0,
            deleted_at: None,
            finalizer: true,
            status: Status::default(),
        }
    }

    /// As the operator sees it.
    pub fn object(&self, name: usize) -> VoiceCampaign {
        let finalizers = if self.finalizer { vec![REMOTE_CAMPAIGN.name().to_owned()] } else { Vec::new() };
        VoiceCampaign {
            metadata: ObjectMeta {
                name: Some(format!("n-{name}")),
                namespace: Some("n".into()),
                uid: Some(format!("uid-{}", self.uid)),
                generation: Some(1),
                creation_timestamp: Some(Time(at(-1000))),
                deletion_timestamp: self.deleted_at.map(|second| Time(at(second))),
                finalizers: Some(finalizers),
                ..ObjectMeta::default()
            },
            spec: VoiceCampaignSpec {
                connection_ref: ConnectionReference { name: "production".into() },
                stream_id: "st-1".into(),
                campaign_id: campaign_id(self.uid),
                deletion_policy: if self.orphan { DeletionPolicy::Orphan } else { DeletionPolicy::Delete },
                suspend: false,
            },
            status: self.status.known.as_deref().cloned(),
        }
    }

    pub fn deletion(&self) -> Option<&DeletionStatus> {
        self.status.known.as_ref()?.deletion.as_deref()
    }
}

pub fn campaign_id(uid: u8) -> String {
    format!("cd-{uid}")
}

impl Status {
    pub fn of(status: VoiceCampaignStatus) -> Self {
        let mut hasher = DefaultHasher::new();
        serde_json::to_string(&status).unwrap().hash(&mut hasher);
        Self { known: Some(Arc::new(status)), fingerprint: hasher.finish() }
    }
}

impl PartialEq for Status {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for Status {}

impl Hash for Status {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.fingerprint.hash(state);
    }
}
