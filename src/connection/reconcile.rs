//! The controller of KoreConnections: keeps them and their Secrets as long as they are needed, and writes their status.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::core::DeserializeGuard;
use kube::core::error_boundary::InvalidObject;
use kube::runtime::controller::Action;
use kube::{Resource, ResourceExt};

use super::Connections;
use super::keep::{self, IN_USE, Keeper, raw_secrets_of, secrets_of};
use super::status::{self, Known};
use super::users::Users;
use crate::api::{KoreConnection, KoreConnectionStatus};
use crate::kore::scrub;
use crate::kube_ext::obstacle::{self, is_reported_after};
use crate::kube_ext::{CallError, Events, Kube, Note, Selected, Synced, invalid};
use crate::pacing::{LAST_TRY, backoff};

/// A connection as it is watched: perhaps one that does not fit its schema.
pub type Watched = DeserializeGuard<KoreConnection>;

/// A connection is looked at this often at most, so that a thousand campaigns that come or go cost a few writes.
const PAUSE: Duration = Duration::from_secs(1);
/// The lists after a start are there within seconds; the first campaigns wait for their connections.
const LISTED_SOON: Duration = Duration::from_millis(200);
/// How old the number of campaigns in a status may be, while it alone changes: campaigns that come and go one by one cost six writes a minute,
/// and nobody acts sooner on a count.
const COUNT_AGE: Duration = Duration::from_secs(10);
/// How soon it is looked again whether a missing Secret is there. When it is, the new status wakes the campaigns.
const RETRY: Duration = Duration::from_secs(10);
/// How soon it is looked at again, if nothing happens.
const INTERVAL: Duration = Duration::from_secs(600);
/// Longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What the controller works with.
pub struct Context {
    /// The API server.
    pub kube: Kube,
    /// Lookups, credentials, and what Kore said of them.
    pub connections: Arc<Connections>,
    /// Who uses which connection.
    pub users: Arc<Users>,
    /// Which connections are this instance's.
    pub selected: Selected,
    /// Puts `in-use` on and takes it off.
    pub keeper: Arc<Keeper>,
    /// Whether the users are known.
    pub synced: Arc<Synced>,
    /// Events.
    pub events: Events,
    /// What is known of each connection, by uid.
    pub memory: Memory,
}

/// What is known of each connection, and the Secrets of those that the cache can't read.
#[derive(Default)]
pub struct Memory {
    connections: Mutex<HashMap<String, Looked>>,
    secrets: Mutex<HashMap<String, Vec<String>>>,
}

/// When a connection was looked at, how often in a row that failed, and when its status was written.
struct Looked {
    at: Instant,
    failures: u32,
    written: Option<Instant>,
}

impl Memory {
    /// How long it is too early to look at a connection again. If it is not, it is being looked at.
    fn begin(&self, uid: &str) -> Result<(), Duration> {
        let mut connections = self.connections();
        connections.retain(|_, looked| looked.at.elapsed() < INTERVAL);
        match connections.get_mut(uid) {
            Some(looked) => {
                if let Some(left) = PAUSE.checked_sub(looked.at.elapsed()) {
                    return Err(left);
                }
                looked.at = Instant::now();
            }
            None => {
                let looked = Looked { at: Instant::now(), failures: 0, written: None };
                connections.insert(uid.to_owned(), looked);
            }
        }
        Ok(())
    }

    fn failures(&self, uid: &str) -> u32 {
        self.connections().get(uid).map_or(0, |looked| looked.failures)
    }

    fn ended(&self, uid: &str, failed: bool) -> u32 {
        let mut connections = self.connections();
        let Some(looked) = connections.get_mut(uid) else { return 1 };
        looked.failures = if failed { looked.failures.saturating_add(1) } else { 0 };
        looked.failures
    }

    /// How long it is too early to write a status in which only the number of campaigns is new.
    fn too_early_to_count(&self, uid: &str) -> Option<Duration> {
        let written = self.connections().get(uid)?.written?;
        COUNT_AGE.checked_sub(written.elapsed())
    }

    fn written(&self, uid: &str) {
        if let Some(looked) = self.connections().get_mut(uid) {
            looked.written = Some(Instant::now());
        }
    }

    fn note_secrets(&self, uid: &str, secrets: Vec<String>) {
        self.secrets().insert(uid.to_owned(), secrets);
    }

    fn forget_secrets(&self, uid: &str) -> Vec<String> {
        self.secrets().remove(uid).unwrap_or_default()
    }

    fn secrets(&self) -> MutexGuard<'_, HashMap<String, Vec<String>>> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<String, Looked>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One look at one connection.
///
/// # Errors
/// If the API server can't be asked or written to.
pub async fn reconcile(object: Arc<Watched>, context: Arc<Context>) -> Result<Action, CallError> {
    if let Some(pause) = context.synced.requeue_after(LISTED_SOON) {
        return Ok(Action::requeue(pause));
    }
    if !context.selected.selects(object.as_ref()) {
        return Ok(Action::await_change());
    }
    let uid = object.uid().unwrap_or_default();
    if let Err(pause) = context.memory.begin(&uid) {
        return Ok(Action::requeue(pause));
    }
    let again = match &object.0 {
        Ok(cached) => match look(cached, &context).await {
            Ok(again) => again,
            Err(error) => {
                tell_obstacle(&error, cached, &context).await;
                return Err(error);
            }
        },
        Err(invalid) => reconcile_invalid(invalid, &context).await?,
    };
    context.memory.ended(&uid, false);
    Ok(again)
}

/// When a failed look is tried again.
pub fn error_policy(object: Arc<Watched>, _error: &CallError, context: Arc<Context>) -> Action {
    let failures = context.memory.ended(&object.uid().unwrap_or_default(), true);
    let pause = backoff(&object.name_any(), i32::try_from(failures).unwrap_or(i32::MAX));
    Action::requeue(pause.clamp(PAUSE, LONGEST_PAUSE))
}

async fn look(cached: &KoreConnection, context: &Context) -> Result<Action, CallError> {
    let (namespace, name) = (cached.namespace().unwrap_or_default(), cached.name_any());
    let examined = context.connections.examine(cached).await?;
    let mut kept = context.keeper.namespace(&namespace).await;
    let Some(fresh) = context.kube.read_again(cached).await? else { return Ok(Action::await_change()) };
    let campaigns = context.users.count(&namespace, &name);
    let held_before = is_held(&fresh);
    let (connection, held) =
        if campaigns > 0 { (kept.keep(fresh).await?, None) } else { kept.release(fresh).await? };
    if held_before && !is_held(&connection) {
        release_rights(&namespace, context);
    }
    let terminating = connection.metadata.deletion_timestamp.is_some();
    if terminating && !IN_USE.is_on(&connection.metadata) {
        // It goes, or somebody else holds it.
        if let Some(status) = &connection.status {
            obstacle::clear(&connection, &status.conditions, &context.kube).await;
        }
        return Ok(Action::await_change());
    }
    let secret = &connection.spec.credentials_secret_ref.name;
    let verdict = context.connections.verdict(&namespace, &name, secret);
    let stored = connection.status.clone().unwrap_or_default();
    let known = Known {
        problem: examined.as_ref().err(),
        encoded: examined.as_deref().unwrap_or_default(),
        verdict: verdict.as_ref(),
        campaigns,
        held: held.as_deref(),
        secrets_in_use: &stored.secrets_in_use,
        streams: context.connections.streams_of(&connection),
    };
    let status = status::of(&connection, &known, Timestamp::now());
    let again = if examined.is_err() || terminating || held.is_some() { RETRY } else { INTERVAL };
    if connection.status.as_ref() != Some(&status) {
        let uid = connection.uid().unwrap_or_default();
        let counted = usize::try_from(stored.campaigns).unwrap_or_default();
        let as_before = status::of(&connection, &Known { campaigns: counted, ..known }, Timestamp::now());
        if as_before == stored
            && let Some(left) = context.memory.too_early_to_count(&uid)
        {
            return Ok(Action::requeue(left.min(again)));
        }
        context.memory.written(&uid);
        match context.kube.replace_status(&connection, &status).await {
            Ok(_) | Err(CallError::Gone) => {}
            Err(error) => return Err(error),
        }
        drop(kept);
        if let Some(note) = note(&stored, &status) {
            context.events.publish(&connection, note).await;
        }
    }
    Ok(Action::requeue(again))
}

/// Says in the status what keeps the looks from their end.
async fn tell_obstacle(error: &CallError, connection: &KoreConnection, context: &Context) {
    if matches!(error, CallError::NotLeading) {
        return;
    }
    let failures = context.memory.failures(&connection.uid().unwrap_or_default()).saturating_add(1);
    let Some(status) = connection.status.as_ref().filter(|_| is_reported_after(failures)) else { return };
    let terminating = connection.metadata.deletion_timestamp.is_some();
    let what =
        if terminating { "This resource can't be let go" } else { "The connection can't be looked after" };
    let message = format!("{what}: {}.", scrub::message(&error.with_server_message()));
    let (metadata, stored) = (&connection.metadata, &status.conditions);
    let Some(condition) = obstacle::condition(metadata, stored, message, Timestamp::now()) else { return };
    obstacle::report(connection, stored, condition, &context.kube, &context.events).await;
}

/// Lets the operator's rights in a namespace go, if nobody there needs them any more.
fn release_rights(namespace: &str, context: &Context) {
    let (connections, namespace) = (context.connections.clone(), namespace.to_owned());
    tokio::spawn(async move { connections.release_rights(&namespace).await });
}

/// Whether a connection is held, or its Secrets are.
fn is_held(connection: &KoreConnection) -> bool {
    IN_USE.is_on(&connection.metadata) || !secrets_of(connection).is_empty()
}

/// A connection that can't be read is of no use to its campaigns, and must not stay for ever when they are gone.
async fn reconcile_invalid(invalid: &InvalidObject, context: &Context) -> Result<Action, CallError> {
    let Some(mut object) = invalid::read::<KoreConnection>(invalid, &context.kube).await? else {
        return Ok(Action::await_change());
    };
    let namespace = object.namespace().unwrap_or_default();
    context.memory.note_secrets(&object.uid().unwrap_or_default(), raw_secrets_of(&object));
    let held_before = keep::is_held(&object);
    let held = context.keeper.namespace(&namespace).await.release_invalid(&mut object).await?;
    if held_before && held.is_none() {
        release_rights(&namespace, context);
    }
    let held = held.filter(|_| object.metadata.deletion_timestamp.is_some());
    // The status can't say so if the definition is so strict that nothing of the object can be changed.
    tracing::warn!(error = %invalid.error, held, "The KoreConnection does not fit its schema");
    let message = format!(
        "The resource does not fit its schema, and its campaigns can't be deleted in Kore: {}. Apply it again with the \
         current CustomResourceDefinition.{}",
        invalid.error,
        held.as_ref()
            .map_or(String::new(), |why| format!(" It is being deleted, and can't be let go: {why}.")),
    );
    let report = invalid::Report { reason: status::ConnectionReason::Invalid.as_str(), message: &message };
    invalid::report::<KoreConnection>(&object, report, &context.kube).await?;
    Ok(Action::requeue(if held.is_some() { RETRY } else { INTERVAL }))
}

/// The event that tells of a new status, if a user wants to see one.
fn note(before: &KoreConnectionStatus, after: &KoreConnectionStatus) -> Option<Note> {
    let ready = |status: &KoreConnectionStatus| {
        status.conditions.iter().find(|condition| condition.type_ == "Ready").cloned()
    };
    let now = ready(after)?;
    if ready(before).is_some_and(|before| before.reason == now.reason) {
        return None;
    }
    let reason = status::ConnectionReason::ALL.into_iter().find(|reason| reason.as_str() == now.reason)?;
    let stalled = after.conditions.iter().any(|condition| condition.type_ == "Stalled");
    let told = stalled || reason == status::ConnectionReason::InUse;
    told.then(|| Note { warning: stalled, reason: reason.as_str(), action: "Observe", text: now.message })
}

/// What of a connection its campaigns depend on: among it, whether there are credentials, and whether Kore refuses them.
/// Not the number of campaigns, which changes with each of them.
pub fn what_matters(connection: &Watched) -> impl PartialEq + Clone + use<> {
    let conditions =
        connection.0.as_ref().ok().and_then(|connection| Some(&connection.status.as_ref()?.conditions));
    let says = |reason: status::ConnectionReason| {
        conditions.is_some_and(|told| told.iter().any(|condition| condition.reason == reason.as_str()))
    };
    let missing = says(status::ConnectionReason::CredentialsMissing);
    let refused = says(status::ConnectionReason::CredentialsRejected);
    let labels = connection.labels().clone();
    (connection.uid(), connection.meta().generation, connection.0.is_ok(), missing, refused, labels)
}

/// A connection has gone; perhaps although it was in use, because somebody has removed its finalizer.
pub async fn gone(connection: Watched, context: Arc<Context>) {
    let (namespace, name) = (connection.namespace().unwrap_or_default(), connection.name_any());
    let remembered = context.memory.forget_secrets(&connection.uid().unwrap_or_default());
    let secrets = connection.0.as_ref().map_or(remembered, secrets_of);
    context.connections.unheard(&namespace, &name);
    let campaigns = context.users.count(&namespace, &name);
    if campaigns > 0 {
        tracing::warn!(
            koreconnection = format!("{namespace}/{name}"),
            campaigns,
            "The connection is gone although campaigns need it; create it again"
        );
    }
    for failures in 1..=LAST_TRY {
        let held = context.keeper.namespace(&namespace).await.orphaned(connection.meta(), &secrets).await;
        let why = match held {
            Ok(None) => return context.connections.release_rights(&namespace).await,
            Ok(Some(why)) => why,
            Err(error) => error.to_string(),
        };
        tracing::warn!(why, namespace, "A Secret of a connection that is gone still carries our finalizer");
        tokio::time::sleep(backoff(&name, failures)).await;
    }
}
