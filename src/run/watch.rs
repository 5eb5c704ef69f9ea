//! The watches: they keep the caches, trigger reconciles, and pass on what cannot wait for the next
//! reconcile.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::pin::pin;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use jiff::Timestamp;
use kube::runtime::reflector::{ObjectRef, Store, store::Writer};
use kube::runtime::watcher;
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::progress::Progress;
use super::relist::relisting;
use crate::campaign::Watched as Campaign;
use crate::campaign::{Context, on_watch};
use crate::connection::{self, Watched as Connection};
use crate::kore::CampaignService;
use crate::kube_ext::{Applied, Cache, Change, Selected, Wake, reference};

/// Objects in a page of a list. For each page, etcd counts all objects that follow: with 100,000, smaller
/// pages take much longer. A page is held in memory as a whole, and an object may have 256 KiB of
/// annotations: larger pages can take more than the memory of the Pod. docs/benchmarks.md has the figures.
const LIST_PAGE: u32 = 200;
/// The API server ends a watch after this time. Below the 240 s after which cloud load balancers silently
/// drop a connection.
const WATCH_SECONDS: u32 = 220;

/// Keeps the cache of VoiceCampaigns, passes its changes on to `on_watch`, and triggers a reconcile of each
/// object once the cache has its change.
pub(super) async fn watch_campaigns<S: CampaignService>(
    api: Api<Campaign>,
    writer: Writer<Campaign>,
    selected: Selected,
    context: Arc<Context<S>>,
    mut progress: Progress,
) {
    let config = watch_config().labels_from(selected.selector());
    let mut events = pin!(events(api, config));
    let mut cache = Cache::new(writer);
    while let Some(event) = events.next().await {
        let Some(event) = progress.event(event) else { continue };
        match cache.apply(event) {
            Change::Changed(applied) => {
                campaign_applied(&applied, &context);
                context.wake.wake(reference(applied.object.as_ref()));
            }
            Change::Relisted(applied) => campaign_applied(&applied, &context),
            Change::Gone(object) => on_watch::gone(&object, &context),
            Change::Nothing => {}
            Change::Complete { first, missing } => {
                missing.iter().for_each(|object| on_watch::gone(object, &context));
                let all = oldest_deletions_first(cache.store());
                if first {
                    all.iter().for_each(|object| on_watch::present(object, &context));
                }
                on_watch::relisted(&all, progress.namespace(), &context);
                all.iter().for_each(|object| context.wake.wake(reference(object.as_ref())));
                if first {
                    tracing::info!(objects = all.len(), "Watching {}", progress.name());
                }
                progress.synced();
            }
        }
    }
}

fn campaign_applied<S: CampaignService>(applied: &Applied<Campaign>, context: &Arc<Context<S>>) {
    on_watch::present(&applied.object, context);
    applied.replaced.iter().for_each(|replaced| on_watch::gone(replaced, context));
}

/// The cached objects, the oldest deletions first. In this order they take their places in the queue of their
/// account, so that the times that their statuses promise are kept.
fn oldest_deletions_first(cache: &Store<Campaign>) -> Vec<Arc<Campaign>> {
    let mut all = cache.state();
    all.sort_by_cached_key(|object| {
        let deleted_at = object.meta().deletion_timestamp.as_ref().map_or(Timestamp::MAX, |time| time.0);
        // Within a second, the queue is ordered by uid.
        (deleted_at, object.meta().uid.clone())
    });
    all
}

/// The VoiceCampaigns of a scope, as far as they depend on its KoreConnections.
pub(super) struct Dependents {
    campaigns: Store<Campaign>,
    wake: Arc<Wake<Campaign>>,
}

impl Dependents {
    pub(super) fn new(campaigns: Store<Campaign>, wake: Arc<Wake<Campaign>>) -> Self {
        Self { campaigns, wake }
    }

    /// Triggers reconciles of the VoiceCampaigns that use these connections.
    fn wake(&self, changed: &HashSet<ObjectRef<Connection>>) {
        let campaigns = self.campaigns.state();
        let uses_one =
            |campaign: &&Arc<Campaign>| used_by(campaign).is_some_and(|used| changed.contains(&used));
        campaigns.iter().filter(uses_one).for_each(|campaign| self.wake.wake(reference(campaign.as_ref())));
    }

    /// Triggers reconciles of these VoiceCampaigns.
    fn wake_named(&self, namespace: &str, names: Vec<String>) {
        names.iter().for_each(|name| self.wake.wake(ObjectRef::new(name).within(namespace)));
    }
}

/// The connection that a VoiceCampaign uses.
fn used_by(campaign: &Campaign) -> Option<ObjectRef<Connection>> {
    let campaign = campaign.0.as_ref().ok()?;
    Some(ObjectRef::new(&campaign.spec.connection_ref.name).within(&campaign.namespace()?))
}

/// Keeps the cache of KoreConnections, and triggers a reconcile of each object once the cache has its change;
/// also of its VoiceCampaigns, if the change matters to them.
pub(super) async fn watch_connections(
    api: Api<Connection>,
    writer: Writer<Connection>,
    dependents: Dependents,
    context: Arc<connection::Context>,
    mut progress: Progress,
) {
    let mut events = pin!(events(api, watch_config()));
    let wake = |connection: &Connection| {
        context.connections.wake(&connection::ConnectionName::of(connection));
    };
    let gone = |connection: &Connection| {
        tokio::spawn(connection::gone(connection.clone(), context.clone()));
    };
    // Those that wait for the brake, and whom it has answered.
    let answer = |connection: &Connection| {
        let namespace = connection.namespace().unwrap_or_default();
        dependents.wake_named(&namespace, context.connections.answered(connection));
    };
    let mut cache = Cache::new(writer);
    let mut known = HashMap::new();
    while let Some(event) = events.next().await {
        let Some(event) = progress.event(event) else { continue };
        match cache.apply(event) {
            Change::Changed(Applied { object: connection, replaced }) => {
                replaced.iter().for_each(|replaced| gone(replaced));
                let (one, matters) = (reference(connection.as_ref()), connection::what_matters(&connection));
                if known.insert(one.clone(), matters.clone()).is_none_or(|before| before != matters) {
                    dependents.wake(&HashSet::from([one]));
                } else {
                    answer(&connection);
                }
                wake(&connection);
            }
            Change::Relisted(applied) => applied.replaced.iter().for_each(|replaced| gone(replaced)),
            Change::Gone(connection) => {
                known.remove(&reference(&connection));
                dependents.wake(&HashSet::from([reference(&connection)]));
                gone(&connection);
            }
            Change::Nothing => {}
            Change::Complete { first: _, missing } => {
                missing.iter().for_each(|connection| gone(connection));
                let all = cache.store().state();
                let now: HashMap<_, _> = all
                    .iter()
                    .map(|connection| (reference(connection.as_ref()), connection::what_matters(connection)))
                    .collect();
                dependents.wake(&changed(&known, &now));
                known = now;
                for connection in &all {
                    answer(connection);
                    wake(connection);
                }
                progress.synced();
            }
        }
    }
}

/// The keys whose values differ, or that only one of them has.
fn changed<K: Eq + Hash + Clone, V: PartialEq>(before: &HashMap<K, V>, now: &HashMap<K, V>) -> HashSet<K> {
    let new = now.iter().filter(|(key, value)| before.get(key) != Some(value));
    let missing = before.keys().filter(|key| !now.contains_key(key));
    new.map(|(key, _)| key).chain(missing).cloned().collect()
}

/// The events of a watch that relists from time to time. Its objects are pruned.
fn events<K>(
    api: Api<K>,
    config: watcher::Config,
) -> impl Stream<Item = watcher::Result<watcher::Event<K>>> + Send
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    let is_end_of_list = |event: &watcher::Event<K>| matches!(event, watcher::Event::InitDone);
    relisting(move || watcher(api.clone(), config.clone()), is_end_of_list)
}

fn watch_config() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_SECONDS).page_size(LIST_PAGE)
}
