//! The watches: pruned, reflected into a cache, begun anew from time to time; and what follows from what they show.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use jiff::Timestamp;
use kube::runtime::reflector::{ObjectRef, Store, store::Writer};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Resource, ResourceExt};
use tokio::time::Instant;

use super::health::WatchHealth;
use crate::campaign::{Context, REFUSED_FOR_GOOD, on_watch};
use crate::connection;
use crate::kore::CampaignService;
use crate::kube_ext::{Cache, Change, Selected, Synced, Wake, prune, reference};

/// A watch is begun anew after this time. Below the 240 s after which cloud load balancers silently drop a connection.
const WATCH_SECONDS: u32 = 220;
/// A watch can lose an event; so now and then everything is listed anew: after this time, and up to as much again.
const RELIST: Duration = Duration::from_secs(12 * 60);
/// The longest pause before what was not even listed is listed again: asking costs an API server little that does not answer or
/// refuses, and the operator is to be back within seconds of it.
const LONGEST_OUTAGE_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause before what was listed, and could not be watched for [`LIVED`], is listed again: a list of thousands is dear.
const LONGEST_WATCH_PAUSE: Duration = Duration::from_secs(120);
/// How often the log is told of what the API server refuses: it is asked every few seconds, and a namespace may be gone for good.
const TOLD_AGAIN: Duration = Duration::from_secs(10 * 60);
/// A watch that has lived for so long was not in vain.
const LIVED: Duration = Duration::from_secs(60);
/// Objects per page of a list: a page is read as a whole, with the managed fields, which are most of it.
const PAGE_SIZE: u32 = 100;

pub(super) type Campaign = crate::api::Watched;
pub(super) type Connection = connection::Watched;

/// Keeps the cache of campaigns, and what follows from what is in it; wakes each campaign once the cache shows its change.
pub(super) async fn watch_campaigns<S: CampaignService>(
    api: Api<Campaign>,
    writer: Writer<Campaign>,
    context: Arc<Context<S>>,
    (selected, namespace, health): (Selected, Option<String>, WatchHealth),
) {
    let watch = move || watcher(api.clone(), watch_config().labels_from(selected.selector()));
    let mut events = pin!(relisting(watch, is_listed).modify(prune));
    let mut cache = Cache::of(writer);
    let mut progress = Progress::new(health.clone(), context.synced.clone());
    while let Some(event) = events.next().await {
        let Some(event) = progress.uninterrupted(event) else { continue };
        match cache.take(event) {
            Change::Changed(object, another) => {
                on_watch::present(&object, &context);
                another.iter().for_each(|another| on_watch::gone(another, &context));
                context.wake.wake(reference(object.as_ref()));
            }
            Change::Relisted(object, another) => {
                on_watch::present(&object, &context);
                another.iter().for_each(|another| on_watch::gone(another, &context));
            }
            Change::Gone(object) => on_watch::gone(&object, &context),
            Change::Nothing => {}
            Change::Complete { first, missing } => {
                missing.iter().for_each(|object| on_watch::gone(object, &context));
                let mut there = cache.store().state();
                if first {
                    there.iter().for_each(|object| on_watch::present(object, &context));
                }
                // The oldest deletions first: so they come to the queue of their account in its order, and what it promises them is kept.
                there.sort_by_cached_key(|object| {
                    let deleted_at =
                        object.meta().deletion_timestamp.as_ref().map_or(Timestamp::MAX, |time| time.0);
                    // Those of one second stand in the queue by their uid.
                    (deleted_at, object.meta().uid.clone())
                });
                on_watch::relisted(&there, namespace.as_deref(), &context);
                there.iter().for_each(|object| context.wake.wake(reference(object.as_ref())));
                if first {
                    tracing::info!(objects = there.len(), "Watching {}", health.name());
                }
                progress.synced();
            }
        }
    }
}

/// Keeps the cache of connections; wakes each once the cache shows its change, and its campaigns, if that matters to them.
pub(super) async fn watch_connections(
    api: Api<Connection>,
    writer: Writer<Connection>,
    campaigns: Store<Campaign>,
    (context, wake, synced): (Arc<connection::Context>, Arc<Wake<Campaign>>, Arc<Synced>),
    health: WatchHealth,
) {
    let mut events = pin!(relisting(move || watcher(api.clone(), watch_config()), is_listed).modify(prune));
    let wake_users = |changed: &HashSet<ObjectRef<Connection>>| {
        let campaigns = campaigns.state();
        let users =
            campaigns.iter().filter(|campaign| used_by(campaign).is_some_and(|of| changed.contains(&of)));
        users.for_each(|campaign| wake.wake(reference(campaign.as_ref())));
    };
    let look_at = |connection: &Connection| {
        context.connections.wake(&connection::ConnectionName::of(connection));
    };
    let is_gone = |connection: &Connection| {
        tokio::spawn(connection::gone(connection.clone(), context.clone()));
    };
    let mut cache = Cache::of(writer);
    let mut known = HashMap::new();
    let mut progress = Progress::new(health, synced);
    while let Some(event) = events.next().await {
        let Some(event) = progress.uninterrupted(event) else { continue };
        match cache.take(event) {
            Change::Changed(connection, another) => {
                another.iter().for_each(|another| is_gone(another));
                let (one, matters) = (reference(connection.as_ref()), connection::what_matters(&connection));
                if known.insert(one.clone(), matters.clone()).is_none_or(|before| before != matters) {
                    wake_users(&HashSet::from([one]));
                }
                look_at(&connection);
            }
            Change::Gone(connection) => {
                known.remove(&reference(&connection));
                wake_users(&HashSet::from([reference(&connection)]));
                is_gone(&connection);
            }
            Change::Relisted(_, another) => another.iter().for_each(|another| is_gone(another)),
            Change::Nothing => {}
            Change::Complete { first: _, missing } => {
                missing.iter().for_each(|connection| is_gone(connection));
                let there = cache.store().state();
                let now: HashMap<_, _> = there
                    .iter()
                    .map(|connection| (reference(connection.as_ref()), connection::what_matters(connection)))
                    .collect();
                let changed = now.iter().filter(|(one, matters)| known.get(one) != Some(matters));
                let gone = known.keys().filter(|one| !now.contains_key(one));
                wake_users(&changed.map(|(one, _)| one).chain(gone).cloned().collect());
                known = now;
                there.iter().for_each(|connection| look_at(connection));
                progress.synced();
            }
        }
    }
}

/// How far a watch has come, and whether those who wait until all watches have listed everything still count on this one.
struct Progress {
    health: WatchHealth,
    synced: Arc<Synced>,
    refused_since: Option<Instant>,
    /// When the log was told last that it is refused, and why.
    told: Option<(Instant, String)>,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It is waited for.
    Awaited,
    /// The API server refuses it, and has never shown what there is.
    Unseen,
    /// It has shown everything once.
    Seen,
}

impl Progress {
    fn new(health: WatchHealth, synced: Arc<Synced>) -> Self {
        Self { health, synced, refused_since: None, told: None, stage: Stage::Awaited }
    }

    /// What the watch has shown; it may have been interrupted, and is begun anew. Nobody waits for long for one that the API server refuses: a
    /// namespace that is gone, or in which the operator has no rights, must not hold up the others.
    fn uninterrupted<K>(&mut self, event: watcher::Result<watcher::Event<K>>) -> Option<watcher::Event<K>> {
        let error = match event {
            Ok(event) => return Some(event),
            Err(error) => error,
        };
        let name = self.health.name();
        let Some(why) = refused(&error) else {
            tracing::warn!(%error, "The watch of {name} was interrupted");
            self.refused_since = None;
            return None;
        };
        let since = *self.refused_since.get_or_insert_with(Instant::now);
        let is_told = |(at, of): &(Instant, String)| at.elapsed() < TOLD_AGAIN && *of == why;
        if !self.told.as_ref().is_some_and(is_told) {
            self.told = Some((Instant::now(), why.clone()));
            tracing::error!(
                why,
                "The API server refuses to show {name}; nothing is done there until it does"
            );
        }
        self.health.refused(&why);
        if self.stage == Stage::Awaited && since.elapsed() >= REFUSED_FOR_GOOD {
            self.stage = Stage::Unseen;
            self.synced.one_refused(self.health.namespace());
        }
        None
    }

    /// The watch has shown everything.
    fn synced(&mut self) {
        self.refused_since = None;
        if self.told.take().is_some() {
            tracing::info!("The API server shows {}", self.health.name());
        }
        self.health.synced();
        match std::mem::replace(&mut self.stage, Stage::Seen) {
            Stage::Awaited => self.synced.one_more(),
            Stage::Unseen => self.synced.refused_no_more(self.health.namespace()),
            Stage::Seen => {}
        }
    }
}

/// What the API server says, if it refuses us.
fn refused(error: &watcher::Error) -> Option<String> {
    let status = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status,
        watcher::Error::InitialListFailed(_)
        | watcher::Error::WatchStartFailed(_)
        | watcher::Error::WatchFailed(_)
        | watcher::Error::NoResourceVersion => return None,
    };
    status.is_forbidden().then(|| status.message.clone())
}

/// Whether this is the end of a list.
fn is_listed<K>(event: &watcher::Event<K>) -> bool {
    matches!(event, watcher::Event::InitDone)
}

/// The connection that a campaign uses.
fn used_by(campaign: &Campaign) -> Option<ObjectRef<Connection>> {
    let campaign = campaign.0.as_ref().ok()?;
    Some(ObjectRef::new(&campaign.spec.connection_ref.name).within(&campaign.namespace()?))
}

/// A watch that begins anew, with a list, from time to time, each at a time of its own; and whenever it was interrupted, after a pause.
/// kube-rs would go on from the version it has seen; but etcd may have been restored from a backup meanwhile, and a watch
/// from a version of the future is silent.
fn relisting<T, E, S>(
    begin: impl FnMut() -> S + Send,
    is_listed: fn(&T) -> bool,
) -> impl Stream<Item = Result<T, E>> + Send
where
    T: Send,
    E: Send,
    S: Stream<Item = Result<T, E>> + Send,
{
    let watch = None::<(std::pin::Pin<Box<S>>, Instant)>;
    stream::unfold(
        (begin, watch, Pauses::default(), Duration::ZERO),
        move |(mut begin, mut watch, mut pauses, pause)| async move {
            tokio::time::sleep(pause).await;
            loop {
                let (events, ends) = watch
                    .get_or_insert_with(|| (Box::pin(begin()), Instant::now() + between(RELIST, 2 * RELIST)));
                match tokio::time::timeout_at(*ends, events.next()).await {
                    Ok(Some(Ok(event))) => {
                        if is_listed(&event) {
                            pauses.listed(Instant::now());
                        }
                        return Some((Ok(event), (begin, watch, pauses, Duration::ZERO)));
                    }
                    Ok(Some(Err(error))) => {
                        let longest = pauses.interrupted(Instant::now());
                        let pause = between(longest / 2, longest);
                        return Some((Err(error), (begin, None, pauses, pause)));
                    }
                    Ok(None) | Err(_) => watch = None,
                }
            }
        },
    )
}

/// How long to wait before a watch that was interrupted begins anew. Pure.
#[derive(Debug, Default)]
struct Pauses {
    /// When the list of this watch was complete.
    listed: Option<Instant>,
    /// Interruptions in a row before the list was complete.
    unlisted: u32,
    /// Interruptions in a row of watches that have listed everything, and have not lived for long.
    in_vain: u32,
}

impl Pauses {
    fn listed(&mut self, now: Instant) {
        (self.listed, self.unlisted) = (Some(now), 0);
    }

    /// The longest pause that is to follow.
    fn interrupted(&mut self, now: Instant) -> Duration {
        let doubled = |times: u32| Duration::from_secs(1) * 2_u32.saturating_pow(times);
        match self.listed.take() {
            Some(listed) if now - listed >= LIVED => {
                self.in_vain = 0;
                doubled(0)
            }
            Some(_) => {
                self.in_vain = self.in_vain.saturating_add(1);
                doubled(self.in_vain - 1).min(LONGEST_WATCH_PAUSE)
            }
            None => {
                self.unlisted = self.unlisted.saturating_add(1);
                doubled(self.unlisted - 1).min(LONGEST_OUTAGE_PAUSE)
            }
        }
    }
}

/// A random time between two, from the standard library's seeds of hash maps.
fn between(least: Duration, most: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    least + (most - least).mul_f64(random as f64 / u64::MAX as f64)
}

fn watch_config() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_SECONDS).page_size(PAGE_SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever a watch has lost, it is found after at most 24 minutes.
    #[tokio::test(start_paused = true)]
    async fn a_watch_begins_anew_between_12_and_24_minutes() {
        let begun = Instant::now();
        // Each watch tells when it begins, and then nothing, for ever.
        let told = || stream::once(async { Ok::<_, ()>(begun.elapsed()) }).chain(stream::pending());
        let mut watch = Box::pin(relisting(told, |_| true).map(Result::unwrap));
        let mut last = watch.next().await.unwrap();
        let mut pauses = HashSet::new();
        for _ in 0..20 {
            let next = watch.next().await.unwrap();
            let pause = next - last;
            assert!((RELIST..=2 * RELIST + Duration::from_millis(2)).contains(&pause), "{pause:?}");
            pauses.insert(pause);
            last = next;
        }
        assert!(pauses.len() > 10, "each at a time of its own");
    }

    /// K6: a watch that was interrupted does not go on from where it was.
    #[tokio::test(start_paused = true)]
    async fn an_interrupted_watch_begins_anew() {
        let mut begun = 0;
        let watch = relisting(
            || {
                begun += 1;
                stream::iter([Ok(begun), Ok(begun), Err(begun)]).chain(stream::pending())
            },
            |_| false,
        );
        let items: Vec<_> = watch.take(6).collect().await;
        let one = |number| [Ok(number), Ok(number), Err(number)];
        assert_eq!(items, [one(1), one(2)].concat());
    }

    /// K35: a watch that is always interrupted is not a list a second; an API server that was away is asked every few seconds; and a watch
    /// that has lived begins anew at once.
    #[test]
    fn a_watch_in_vain_is_begun_less_and_less_often() {
        let mut pauses = Pauses::default();
        let begun = Instant::now();
        let seconds = |pauses: &mut Pauses, lived: Option<u64>| {
            if lived.is_some() {
                pauses.listed(begun);
            }
            pauses.interrupted(begun + Duration::from_secs(lived.unwrap_or_default())).as_secs()
        };
        let in_vain: Vec<_> = (0..9).map(|_| seconds(&mut pauses, Some(1))).collect();
        assert_eq!(in_vain, [1, 2, 4, 8, 16, 32, 64, 120, 120]);
        let away: Vec<_> = (0..5).map(|_| seconds(&mut pauses, None)).collect();
        assert_eq!(away, [1, 2, 4, 5, 5]);
        assert_eq!(seconds(&mut pauses, Some(1)), 120, "it was away, and the watches were in vain before");
        assert_eq!((seconds(&mut pauses, Some(60)), seconds(&mut pauses, Some(59))), (1, 1));
        pauses.unlisted = u32::MAX;
        pauses.in_vain = u32::MAX;
        assert_eq!((seconds(&mut pauses, None), seconds(&mut pauses, Some(0))), (5, 120));
    }
}
