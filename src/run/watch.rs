//! The watches: pruned, reflected into a cache, begun anew from time to time; and what follows from what they show.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use futures::channel::oneshot;
use futures::{Stream, StreamExt, future, stream};
use kube::runtime::reflector::{ObjectRef, Store, store::Writer};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};

use super::admin::Health;
use crate::campaign::{self, Context, shown};
use crate::connection;
use crate::kore::CampaignService;
use crate::kube_ext::{Listed, Selected, Wake, prune};

/// A watch is begun anew after this time. Below the 240 s after which cloud load balancers silently drop a connection.
const WATCH_SECONDS: u32 = 220;
/// A watch can lose an event; so now and then everything is listed anew: after this time, and up to as much again.
const RELIST: Duration = Duration::from_secs(12 * 60);
/// Objects per page of a list.
const PAGE_SIZE: u32 = 500;

pub(super) type Campaign = campaign::Watched;
pub(super) type Connection = connection::Watched;

/// Keeps the cache of campaigns, and what follows from what is in it.
pub(super) fn watch_campaigns<S: CampaignService>(
    api: Api<Campaign>,
    writer: Writer<Campaign>,
    store: Store<Campaign>,
    context: Arc<Context<S>>,
    (selected, health): (Selected, Arc<Health>),
) -> impl Stream<Item = Result<Campaign, watcher::Error>> + Send {
    let mut first = true;
    let mut before = Vec::new();
    relisting(move || watcher(api.clone(), watch_config().labels_from(selected.selector())))
        .modify(prune)
        .default_backoff()
        .reflect(writer)
        .inspect(move |event| match event {
            Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => {
                shown::present(object, &context);
            }
            Ok(watcher::Event::Delete(object)) => shown::gone(object, &context),
            Ok(watcher::Event::Init) => before = store.state(),
            Ok(watcher::Event::InitDone) => {
                shown::listed(&std::mem::take(&mut before), &store, &context);
                if std::mem::take(&mut first) {
                    context.listed.one_more();
                    tracing::info!(objects = store.len(), "Watching VoiceCampaigns");
                    health.shown();
                }
            }
            Err(error) => tracing::warn!(%error, "The watch of VoiceCampaigns was interrupted"),
        })
        .applied_objects()
}

/// Keeps the cache of connections, and wakes the campaigns of one that has changed.
pub(super) fn watch_connections(
    api: Api<Connection>,
    (cache, writer): (Store<Connection>, Writer<Connection>),
    campaigns: Store<Campaign>,
    (context, wake, listed): (Arc<connection::Context>, Arc<Wake<Campaign>>, Arc<Listed>),
    health: Arc<Health>,
) -> impl Stream<Item = Result<Connection, watcher::Error>> + Send {
    let mut first = true;
    let mut known = HashMap::new();
    let mut before = Vec::new();
    relisting(move || watcher(api.clone(), watch_config()))
        .modify(prune)
        .default_backoff()
        .reflect(writer)
        .inspect(move |event| {
            let changed = match event {
                Ok(watcher::Event::Apply(connection) | watcher::Event::InitApply(connection)) => {
                    let matters = connection::what_matters(connection);
                    let before = known.insert(ObjectRef::from_obj(connection), matters.clone());
                    Some(connection).filter(|_| before.is_none_or(|before| before != matters))
                }
                Ok(watcher::Event::Delete(connection)) => {
                    known.remove(&ObjectRef::from_obj(connection));
                    Some(connection)
                }
                Ok(watcher::Event::Init | watcher::Event::InitDone) | Err(_) => None,
            };
            let Some(changed) = changed else { return };
            for campaign in campaigns.state().iter().filter(|campaign| uses(campaign, changed)) {
                wake.wake(ObjectRef::from_obj(campaign.as_ref()));
            }
        })
        .inspect(move |event| match event {
            Ok(watcher::Event::Delete(connection)) => {
                tokio::spawn(connection::gone(connection.clone(), context.clone()));
            }
            Ok(watcher::Event::Init) => before = cache.state(),
            Ok(watcher::Event::InitDone) => {
                let there: HashSet<_> =
                    cache.state().iter().filter_map(|connection| connection.uid()).collect();
                for missing in std::mem::take(&mut before) {
                    if missing.uid().is_some_and(|uid| !there.contains(&uid)) {
                        tokio::spawn(connection::gone(Connection::clone(&missing), context.clone()));
                    }
                }
                if std::mem::take(&mut first) {
                    listed.one_more();
                    health.shown();
                }
            }
            Ok(watcher::Event::InitApply(_) | watcher::Event::Apply(_)) => {}
            Err(error) => tracing::warn!(%error, "The watch of KoreConnections was interrupted"),
        })
        .applied_objects()
}

fn uses(campaign: &Campaign, connection: &Connection) -> bool {
    campaign.0.as_ref().is_ok_and(|campaign| {
        campaign.namespace() == connection.namespace()
            && campaign.spec.connection_ref.name == connection.name_any()
    })
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
