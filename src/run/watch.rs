//! The watches: pruned, reflected into a cache, begun anew from time to time; and what follows from what they show.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::oneshot;
use futures::{Stream, StreamExt, future, stream};
use jiff::Timestamp;
use kube::runtime::reflector::{ObjectRef, Store, store::Writer};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Resource, ResourceExt};

use super::admin::Health;
use crate::campaign::{self, Context, shown};
use crate::connection;
use crate::kore::CampaignService;
use crate::kube_ext::{Cache, Listed, Selected, Shown, Wake, prune, reference};

/// A watch is begun anew after this time. Below the 240 s after which cloud load balancers silently drop a connection.
const WATCH_SECONDS: u32 = 220;
/// A watch can lose an event; so now and then everything is listed anew: after this time, and up to as much again.
const RELIST: Duration = Duration::from_secs(12 * 60);
/// Objects per page of a list: a page is read as a whole, with the managed fields, which are most of it.
const PAGE_SIZE: u32 = 100;

pub(super) type Campaign = campaign::Watched;
pub(super) type Connection = connection::Watched;

/// Keeps the cache of campaigns, and what follows from what is in it; wakes each campaign once the cache shows its change.
pub(super) async fn watch_campaigns<S: CampaignService>(
    api: Api<Campaign>,
    writer: Writer<Campaign>,
    context: Arc<Context<S>>,
    (selected, health): (Selected, Arc<Health>),
) {
    let mut events = pin!(
        relisting(move || watcher(api.clone(), watch_config().labels_from(selected.selector())))
            .modify(prune)
            .default_backoff()
    );
    let mut cache = Cache::of(writer);
    while let Some(event) = events.next().await {
        let Some(event) = uninterrupted(event, "VoiceCampaigns") else { continue };
        match cache.take(event) {
            Shown::Changed(object, another) => {
                shown::present(&object, &context);
                another.iter().for_each(|another| shown::gone(another, &context));
                context.wake.wake(reference(object.as_ref()));
            }
            Shown::Listed(object, another) => {
                shown::present(&object, &context);
                another.iter().for_each(|another| shown::gone(another, &context));
            }
            Shown::Gone(object) => shown::gone(&object, &context),
            Shown::Nothing => {}
            Shown::Complete { first, missing } => {
                missing.iter().for_each(|object| shown::gone(object, &context));
                let mut there = cache.store().state();
                if first {
                    there.iter().for_each(|object| shown::present(object, &context));
                }
                // The oldest deletions first: so they come to the queue of their account in its order, and what it promises them is kept.
                there.sort_by_cached_key(|object| {
                    object.meta().deletion_timestamp.as_ref().map_or(Timestamp::MAX, |time| time.0)
                });
                shown::listed(&there, &context);
                there.iter().for_each(|object| context.wake.wake(reference(object.as_ref())));
                if first {
                    context.listed.one_more();
                    tracing::info!(objects = there.len(), "Watching VoiceCampaigns");
                    health.shown();
                }
            }
        }
    }
}

/// Keeps the cache of connections; wakes each once the cache shows its change, and its campaigns, if that matters to them.
pub(super) async fn watch_connections(
    api: Api<Connection>,
    writer: Writer<Connection>,
    campaigns: Store<Campaign>,
    (context, wake, listed): (Arc<connection::Context>, Arc<Wake<Campaign>>, Arc<Listed>),
    health: Arc<Health>,
) {
    let mut events =
        pin!(relisting(move || watcher(api.clone(), watch_config())).modify(prune).default_backoff());
    let wake_users = |changed: &HashSet<ObjectRef<Connection>>| {
        let campaigns = campaigns.state();
        let users =
            campaigns.iter().filter(|campaign| used_by(campaign).is_some_and(|of| changed.contains(&of)));
        users.for_each(|campaign| wake.wake(reference(campaign.as_ref())));
    };
    let look_at = |connection: &Connection| {
        context.connections.wake(&connection.namespace().unwrap_or_default(), &connection.name_any());
    };
    let is_gone = |connection: &Connection| {
        tokio::spawn(connection::gone(connection.clone(), context.clone()));
    };
    let mut cache = Cache::of(writer);
    let mut known = HashMap::new();
    while let Some(event) = events.next().await {
        let Some(event) = uninterrupted(event, "KoreConnections") else { continue };
        match cache.take(event) {
            Shown::Changed(connection, another) => {
                another.iter().for_each(|another| is_gone(another));
                let (one, matters) = (reference(connection.as_ref()), connection::what_matters(&connection));
                if known.insert(one.clone(), matters.clone()).is_none_or(|before| before != matters) {
                    wake_users(&HashSet::from([one]));
                }
                look_at(&connection);
            }
            Shown::Gone(connection) => {
                known.remove(&reference(&connection));
                wake_users(&HashSet::from([reference(&connection)]));
                is_gone(&connection);
            }
            Shown::Listed(_, another) => another.iter().for_each(|another| is_gone(another)),
            Shown::Nothing => {}
            Shown::Complete { first, missing } => {
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
                if first {
                    listed.one_more();
                    health.shown();
                }
            }
        }
    }
}

/// What a watch of these kinds has shown; it may have been interrupted, and is begun anew.
fn uninterrupted<K>(event: watcher::Result<watcher::Event<K>>, kinds: &str) -> Option<watcher::Event<K>> {
    event.inspect_err(|error| tracing::warn!(%error, "The watch of {kinds} was interrupted")).ok()
}

/// The connection that a campaign uses.
fn used_by(campaign: &Campaign) -> Option<ObjectRef<Connection>> {
    let campaign = campaign.0.as_ref().ok()?;
    Some(ObjectRef::new(&campaign.spec.connection_ref.name).within(&campaign.namespace()?))
}

/// A watch that begins anew, with a list, from time to time, each at a time of its own; and whenever it was interrupted.
/// kube-rs would go on from the version it has seen; but etcd may have been restored from a backup meanwhile, and a watch
/// from a version of the future is silent.
fn relisting<T, E, S>(watch: impl FnMut() -> S + Send) -> impl Stream<Item = Result<T, E>> + Send
where
    S: Stream<Item = Result<T, E>> + Send,
{
    stream::repeat_with(watch).flat_map(|watch| {
        let (goes_on, interrupted) = oneshot::channel::<()>();
        let mut goes_on = Some(goes_on);
        let end = future::select(Box::pin(tokio::time::sleep(between(RELIST, 2 * RELIST))), interrupted);
        watch.take_until(end).inspect(move |item| {
            if item.is_err() {
                drop(goes_on.take());
            }
        })
    })
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
        let begun = tokio::time::Instant::now();
        // Each watch tells when it begins, and then nothing, for ever.
        let told = || stream::once(async { Ok::<_, ()>(begun.elapsed()) }).chain(stream::pending());
        let mut watch = Box::pin(relisting(told).map(Result::unwrap));
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
        let watch = relisting(|| {
            begun += 1;
            stream::iter([Ok(begun), Ok(begun), Err(begun)]).chain(stream::pending())
        });
        let items: Vec<_> = watch.take(6).collect().await;
        let one = |number| [Ok(number), Ok(number), Err(number)];
        assert_eq!(items, [one(1), one(2)].concat());
    }
}
