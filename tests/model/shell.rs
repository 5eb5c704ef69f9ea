//! What `act.rs` does, with a fate for each effect. What is decided is decided by the operator's own code.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::FutureExt;
use secrecy::SecretString;
use serde_json::json;
use voicecampaign_operator::api::DeletionOutcome;
use voicecampaign_operator::campaign::{Attempt, GetResult, Observed, Step, StreamListing, decide};
use voicecampaign_operator::connection::{Connection, UsableConnection};
use voicecampaign_operator::kore::{
    Account, Algorithm, Campaign, CampaignKey, CampaignService, ConfirmedDeletion, Credentials, Failure,
    FailureKind, Page, PageRequest, Progress, RawAnswer, Reading, Target, TokenSettings, answers,
};
use voicecampaign_operator::pacing::Charge;

use crate::world::*;

/// How soon a pass that failed is tried again.
const ERROR_RETRY: Second = 1;
/// How long the cache may show an object that is over with.
const CACHE_LAG: Second = 60;
/// How long after its beginning a deletion that the cache shows is new.
const JUST_DELETED: Second = 3;
/// A status of an object of which nothing is wanted before it changes.
const NEVER: Second = Second::MAX;

pub const NO_EVIDENCE: &str = "nothing is let go without true evidence";
pub const LIVE: &str = "no DELETE for a live object";
pub const LEFT_ALONE: &str = "what is to be left alone is left alone";
pub const COUNTED: &str = "no attempt is recorded that was not made";

/// What becomes of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Done,
    /// It is done, and its answer is lost.
    AnswerLost,
    /// It is not done, and nobody says so.
    RequestLost,
    /// It is under way, nobody hears of it, and it arrives later, if ever.
    Late,
    /// It is not done: 503.
    Unavailable,
    /// A gateway says 404, and knows nothing.
    Gateway404,
    /// 202, and nothing happens.
    Accepted,
}

/// The next effect of a pass.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// It rests, or is over.
    Rest(Second),
    /// The object is read from the API server.
    See,
    Delete,
    Get,
    List,
    Record(Status),
    Release(DeletionOutcome),
}

impl Effect {
    /// What may become of it, the good outcome first.
    pub fn fates(&self) -> &'static [Fate] {
        match self {
            Self::Rest(_) => &[Fate::Done],
            Self::See | Self::List => &[Fate::Done, Fate::Unavailable],
            Self::Record(_) => &[Fate::Done, Fate::AnswerLost, Fate::Late],
            Self::Release(_) => &[Fate::Done, Fate::AnswerLost, Fate::RequestLost],
            Self::Get => &[Fate::Done, Fate::Gateway404, Fate::Unavailable],
            Self::Delete => &[
                Fate::Done,
                Fate::AnswerLost,
                Fate::RequestLost,
                Fate::Unavailable,
                Fate::Gateway404,
                Fate::Accepted,
            ],
        }
    }
}

/// Whether an instance has something to do for a name.
pub fn is_due(world: &World, instance: usize, name: usize) -> bool {
    let state = &world.instances[instance];
    match &state.pass {
        Some(pass) => pass.name == name,
        None => {
            world.viewed(instance, name).is_some()
                && state.known[name].rest.is_none_or(|rest| rest <= world.now)
        }
    }
}

/// The pass as it goes on, and its next effect.
pub fn next(world: &World, instance: usize, name: usize) -> (Option<Pass>, Effect) {
    let known = &world.instances[instance].known[name];
    let begun = || {
        let viewed = world.viewed(instance, name)?;
        let (mut object, mut version) = (viewed.clone(), known.view);
        if let Some((written, status)) = &known.written
            && known.view < *written
        {
            (object.status, version) = (status.clone(), *written);
        }
        let may_be_gone = known.over_since.is_some();
        let (begun, attempt) = (world.now, known.attempt);
        let shown = None;
        Some(Pass { name, object, version, begun, shown, may_be_gone, attempt, get: None, listing: None })
    };
    if let Some(over) = known.over_since.filter(|over| over + CACHE_LAG > world.now) {
        return (None, Effect::Rest(over + CACHE_LAG));
    }
    let Some(pass) = world.instances[instance].pass.clone().or_else(begun) else {
        return (None, Effect::Rest(NEVER));
    };
    let effect = if pass.may_be_gone { Effect::See } else { effect(&pass, world.now) };
    let is_shown = world.viewed(instance, name).is_some_and(|viewed| viewed.deleted_at.is_some());
    match effect {
        // A DELETE for a living object goes through, for `LIVE` to see it.
        Effect::Delete if !is_shown && pass.object.deleted_at.is_some() => {
            (Some(pass), Effect::Rest(world.now + CACHE_LAG))
        }
        Effect::Delete if !is_fresh(&pass, world.now) => (Some(pass), Effect::See),
        effect => (Some(pass), effect),
    }
}

fn is_fresh(pass: &Pass, now: Second) -> bool {
    let first = pass.object.deletion().is_none();
    let lately = pass.object.deleted_at.is_some_and(|at| now - at < JUST_DELETED);
    match pass.shown {
        Some(shown) => shown == now,
        None => first && lately && pass.begun == now,
    }
}

fn effect(pass: &Pass, now: Second) -> Effect {
    let object = pass.object.object(pass.name);
    let attempt = pass.attempt.map(|sent| attempt(sent, pass.object.uid));
    let look = pass.get.map(look);
    let listing = pass.listing.map(listing);
    let observed = Observed {
        attempt: attempt.as_ref(),
        get: look.as_ref(),
        listing: listing.as_ref(),
        ..Observed::new(&object, connection())
    };
    match decide(&observed, at(now)) {
        Step::Delete => Effect::Delete,
        Step::Get(_) => Effect::Get,
        Step::List { .. } => Effect::List,
        Step::Record(status) => Effect::Record(Status::of(*status)),
        Step::Release(permit) => Effect::Release(permit.outcome()),
        Step::Wait { until, .. } | Step::Stall { until, .. } => Effect::Rest(until.map_or(NEVER, second)),
        // Whoever took the finalizer off a living object has it taken off in this model.
        Step::Done | Step::Protect | Step::AddFinalizer => Effect::Rest(NEVER),
        Step::Resolve => unreachable!("the connection is known"),
        Step::AskBrake | Step::AwaitTurn => unreachable!("it has no brake"),
    }
}

/// Makes the effect, with this fate.
pub fn act(world: &mut World, instance: usize, pass: Option<Pass>, name: usize, effect: Effect, fate: Fate) {
    let Some(mut pass) = pass else {
        if let Effect::Rest(until) = effect {
            world.instances[instance].known[name].rest = Some(until);
        }
        return;
    };
    let (now, uid) = (world.now, pass.object.uid);
    let goes_on = match effect {
        Effect::Rest(until) => {
            note(world, instance, &pass, |known| known.rest = Some(until));
            false
        }
        Effect::See => fate == Fate::Done && see(world, instance, &mut pass),
        Effect::Delete => {
            check_delete(world, &pass);
            let outcome = send(world, uid, fate);
            let number = pass.object.deletion().map_or(0, |deletion| deletion.attempts) + 1;
            let sent = Some(Sent { number, at: now, outcome });
            note(world, instance, &pass, |known| known.attempt = sent);
            pass.attempt = sent;
            true
        }
        Effect::Get => {
            let there = match fate {
                Fate::Done if world.masked => Some(false),
                Fate::Gateway404 => Some(false),
                Fate::Unavailable => None,
                Fate::Done | Fate::AnswerLost | Fate::RequestLost | Fate::Late | Fate::Accepted => {
                    Some(world.in_kore[usize::from(uid)])
                }
            };
            pass.get = Some(Read { at: now, there });
            true
        }
        Effect::List => {
            // Whoever needs one waits a moment for others who do.
            world.now += 1;
            pass.listing = Some(Synced { at: world.now, masked: world.masked, there: world.in_kore });
            fate == Fate::Done
        }
        Effect::Record(status) => record(world, instance, &mut pass, status, fate),
        Effect::Release(outcome) => release(world, instance, &mut pass, outcome, fate),
    };
    world.instances[instance].pass = if goes_on {
        Some(pass)
    } else {
        note(world, instance, &pass, |known| known.rest = known.rest.or(Some(now + ERROR_RETRY)));
        None
    };
}

/// Remembers something of a pass's object, unless the cache shows another one under its name by now: what is
/// known is known of a uid.
fn note(world: &mut World, instance: usize, pass: &Pass, note: impl FnOnce(&mut Known)) {
    let viewed = world.viewed(instance, pass.name).map(|viewed| viewed.uid);
    if viewed == Some(pass.object.uid) {
        note(&mut world.instances[instance].known[pass.name]);
    }
}

/// Whether the object is still there.
fn see(world: &mut World, instance: usize, pass: &mut Pass) -> bool {
    match world.stored(pass.name).filter(|stored| stored.uid == pass.object.uid).cloned() {
        Some(stored) => {
            (pass.object, pass.version) = (stored, world.names[pass.name].newest);
            (pass.shown, pass.may_be_gone) = (Some(world.now), false);
            note(world, instance, pass, |known| known.over_since = None);
            true
        }
        None => over(world, instance, pass),
    }
}

/// Somebody else has written first.
fn lost_race(world: &mut World, instance: usize, pass: &mut Pass) -> bool {
    let is_there = see(world, instance, pass);
    let read = pass.object.deleted_at.map(|_| (pass.version, pass.object.status.clone()));
    note(world, instance, pass, |known| known.written = known.written.take().and(read).filter(|_| is_there));
    is_there
}

fn over(world: &mut World, instance: usize, pass: &Pass) -> bool {
    let now = world.now;
    note(world, instance, pass, |known| {
        (known.over_since, known.rest, known.written) = (Some(now), Some(now + CACHE_LAG), None);
    });
    false
}

fn check_delete(world: &mut World, pass: &Pass) {
    let Some(stored) = world.stored(pass.name).filter(|stored| stored.uid == pass.object.uid) else { return };
    // Kubernetes tells whole seconds, and the cache lags: what is set just after a delete may be missed.
    let seen = pass.shown.unwrap_or(pass.begun - JUST_DELETED);
    if stored.deleted_at.is_none() {
        world.broken = Some(LIVE);
    } else if stored.orphan && stored.policy_since < seen {
        world.broken = Some(LEFT_ALONE);
    }
}

fn send(world: &mut World, uid: u8, fate: Fate) -> Outcome {
    let uid = usize::from(uid);
    world.sent[uid] = world.sent[uid].saturating_add(1);
    let there = world.in_kore[uid] && !world.masked;
    match fate {
        Fate::Done | Fate::AnswerLost => {
            world.in_kore[uid] &= world.masked;
            match fate {
                Fate::AnswerLost => Outcome::Lost,
                _ if there => Outcome::Deleted,
                _ => Outcome::NotThere,
            }
        }
        Fate::RequestLost | Fate::Late => Outcome::Lost,
        Fate::Unavailable => Outcome::Unavailable,
        Fate::Gateway404 => Outcome::NotThere,
        Fate::Accepted => Outcome::Accepted,
    }
}

fn record(world: &mut World, instance: usize, pass: &mut Pass, status: Status, fate: Fate) -> bool {
    if fate == Fate::Late {
        world.late = Some(Late { name: pass.name, version: pass.version, status });
        return false;
    }
    // The patch tests the version.
    let Some(stored) = world.stored(pass.name).filter(|_| world.names[pass.name].newest == pass.version)
    else {
        return lost_race(world, instance, pass);
    };
    let stored = Stored { status: status.clone(), ..stored.clone() };
    let attempts = stored.deletion().map_or(0, |deletion| deletion.attempts);
    if attempts > i32::from(world.sent[usize::from(stored.uid)]) {
        world.broken = Some(COUNTED);
    }
    world.names[pass.name].push(Some(stored.clone()));
    if fate == Fate::AnswerLost {
        return false;
    }
    let version = world.names[pass.name].newest;
    note(world, instance, pass, |known| {
        known.attempt = None;
        known.written = stored.deleted_at.map(|_| (version, status));
    });
    (pass.object, pass.version, pass.shown) = (stored, version, Some(world.now));
    (pass.attempt, pass.get) = (None, None);
    true
}

fn release(
    world: &mut World,
    instance: usize,
    pass: &mut Pass,
    outcome: DeletionOutcome,
    fate: Fate,
) -> bool {
    if fate == Fate::RequestLost {
        return false;
    }
    let stored = world.stored(pass.name).filter(|stored| stored.uid == pass.object.uid && stored.finalizer);
    // The patch tests the policy.
    let as_tested = |stored: &&Stored| outcome != DeletionOutcome::Orphaned || stored.orphan;
    let Some(stored) = stored.filter(as_tested) else { return lost_race(world, instance, pass) };
    let is_true = match outcome {
        DeletionOutcome::Orphaned => stored.orphan,
        DeletionOutcome::Deleted | DeletionOutcome::Absent => !world.in_kore[usize::from(stored.uid)],
    };
    if !is_true || stored.deleted_at.is_none() {
        world.broken = Some(NO_EVIDENCE);
    }
    world.outcomes.insert(outcome.as_str());
    world.names[pass.name].push(None);
    match fate {
        Fate::AnswerLost => false,
        _ => over(world, instance, pass),
    }
}

fn connection() -> &'static Connection {
    static CONNECTION: OnceLock<Connection> = OnceLock::new();
    CONNECTION.get_or_init(|| {
        let target = Target {
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
                client_id: SecretString::from("app"),
                client_secret: SecretString::from("x"),
            },
        };
        let secret = "kore-jwt-app".into();
        Connection::Usable(Box::new(UsableConnection {
            target,
            secret,
            requests_per_minute: 60,
            former_hosts: Vec::new(),
            brake: None,
        }))
    })
}

/// The connection, to be changed.
pub fn usable() -> UsableConnection {
    match connection() {
        Connection::Usable(usable) => UsableConnection::clone(usable),
        Connection::NotLookedUp | Connection::Unusable(_) => unreachable!("it is usable"),
    }
}

fn target() -> &'static Target {
    match connection() {
        Connection::Usable(usable) => &usable.target,
        Connection::NotLookedUp | Connection::Unusable(_) => unreachable!("it is usable"),
    }
}

fn attempt(sent: Sent, uid: u8) -> Attempt {
    let failed = |kind, sent| Err(Failure { kind, sent, ..Failure::unreachable("told") });
    let outcome = match sent.outcome {
        Outcome::Deleted => {
            let body = json!({"status": "success", "message": "deleted", "data": {"_id": campaign_id(uid)}});
            let body = body.to_string().into();
            answers::deletion(
                &RawAnswer { http_status: 200, body, ..RawAnswer::default() },
                &campaign_id(uid),
            )
        }
        Outcome::NotThere => failed(FailureKind::MayBeAbsent, true),
        Outcome::Accepted => failed(FailureKind::Accepted, true),
        Outcome::Lost => failed(FailureKind::Unreachable, true),
        Outcome::Unavailable => failed(FailureKind::Unavailable, true),
    };
    let identity = target().identity();
    Attempt {
        number: sent.number,
        sent_at: at(sent.at),
        ended_at: at(sent.at),
        identity,
        result: outcome,
        charge: Charge::Campaign,
    }
}

fn look(looked: Read) -> GetResult {
    let failed = |kind| Err(Failure { kind, ..Failure::unreachable("told") });
    let outcome = match looked.there {
        Some(true) => Ok(Campaign::default()),
        Some(false) => failed(FailureKind::MayBeAbsent),
        None => failed(FailureKind::Unavailable),
    };
    let identity = target().identity();
    GetResult { asked_at: at(looked.at), identity, refresh: None, result: outcome, charge: Charge::Campaign }
}

/// Answers a listing with the campaigns that are there, and one that nobody asks for; with none to an app
/// without access.
struct Kore(Synced);

impl CampaignService for Kore {
    async fn delete(&self, _: &Target, _: &CampaignKey) -> Result<ConfirmedDeletion, Failure> {
        unreachable!("not asked for")
    }

    async fn get(&self, _: &Target, _: &CampaignKey) -> Result<Campaign, Failure> {
        unreachable!("not asked for")
    }

    async fn list(&self, _: &Target, _: &str, _: PageRequest) -> Result<Page, Failure> {
        let there = (0u8..).zip(self.0.there).filter(|(_, there)| *there).map(|(uid, _)| campaign_id(uid));
        let there = there.chain(["bystander".into()]).take(if self.0.masked { 0 } else { usize::MAX });
        let rows: Vec<_> = there.map(|id| json!({"_id": id, "name": "n"})).collect();
        let data = json!({"totalResults": rows.len(), "results": rows, "hasMore": false});
        let body = json!({"status": "success", "data": data}).to_string().into();
        answers::listing(&RawAnswer { http_status: 200, body, ..RawAnswer::default() })
    }
}

/// The listing, read by the operator's own code.
fn listing(listed: Synced) -> StreamListing {
    thread_local! {
        static READ: RefCell<HashMap<Synced, StreamListing>> = RefCell::default();
    }
    let read = || {
        let (reading, clock) = (Reading::begin(target(), "st-1", at(listed.at)), || at(listed.at));
        let read = reading.next(&Kore(listed), target(), clock).now_or_never();
        match read {
            Some(Ok(Progress::Done(listing))) => StreamListing {
                listing: Arc::new(listing),
                // Nobody asked to delete the bystander.
                suddenly_empty: listed.masked,
                to_a_stranger: false,
                unseen_namespaces: Vec::new(),
                listed_at: None,
            },
            Some(_) | None => unreachable!("one page, at once"),
        }
    };
    READ.with_borrow_mut(|known| known.entry(listed).or_insert_with(read).clone())
}
