use std::sync::Arc;

use kube::runtime::reflector::Store;
use tokio::sync::watch as signal;

use super::health::Health;
use super::scope::{Scope, Wakes};
use super::settings::Settings;
use crate::campaign::Watched as Campaign;
use crate::campaign::{self, Accounts, Claims, Emptiness, Listings, MAX_ASKING_PASSES, MAX_WORKING_PASSES};
use crate::connection::{self, Connections, Keeper, Users};
use crate::kube_ext::{Events, Kube, Leadership, Slots, Synced, Wake};
use crate::metrics::Metrics;

/// What a term gives to its controllers.
pub(super) struct Wiring<S> {
    pub settings: Settings,
    pub kube: Kube,
    pub service: Arc<S>,
    pub leadership: Leadership,
    pub metrics: Arc<Metrics>,
    pub health: Arc<Health>,
    /// Whether the controllers are to stop: then no reconcile begins any more.
    pub stopping: signal::Receiver<bool>,
}

/// What the two controllers of one scope work with.
pub(super) struct Contexts<S> {
    pub campaigns: Arc<campaign::Context<S>>,
    pub connections: Arc<connection::Context>,
}

impl<S> Wiring<S> {
    /// Builds what all scopes share. The returned function takes a scope's cache of campaigns, and builds the
    /// contexts of that scope.
    pub(super) fn contexts<'a>(
        &'a self,
        scopes: &[Scope],
        wakes: Wakes,
    ) -> impl Fn(Store<Campaign>) -> Contexts<S> + use<'a, S> {
        let Self { settings, kube, service, leadership, metrics, health: _, stopping } = self;
        let Settings { namespaces, selected, instance, .. } = settings;
        let wake = wakes.campaigns;
        let [synced, connections_synced] =
            [(); 2].map(|()| Arc::new(Synced::new(scopes.iter().map(|scope| scope.namespace.clone()))));
        let keeper = self.keeper();
        let connections = Arc::new(self.connections(scopes, keeper.clone(), wakes.connections));
        let users = Arc::<Users>::default();
        let accounts = Arc::new(Accounts::new(wake.clone()));
        let listings = Arc::new(Listings::new(wake.clone()));
        let (connections_of, accounts_of) = (connections.clone(), accounts.clone());
        let claims =
            Claims::new(kube.clone(), connections_of, accounts_of, namespaces.clone(), synced.clone());
        let claims = Arc::new(claims);
        let both_synced = [synced.clone(), connections_synced.clone()];
        let emptiness = Arc::new(Emptiness::new(claims.clone(), connections.clone(), both_synced));
        let pass_permits = Arc::new(Slots::new(MAX_WORKING_PASSES));
        let asking_permits = Arc::new(Slots::new(MAX_ASKING_PASSES));
        move |cache| {
            let events = Events::new(kube.clone(), instance.clone());
            let connection_context = connection::Context {
                kube: kube.clone(),
                connections: connections.clone(),
                users: users.clone(),
                selected: selected.clone(),
                keeper: keeper.clone(),
                synced: synced.clone(),
                events: events.clone(),
                memory: connection::Memory::default(),
            };
            let campaign_context = campaign::Context {
                kube: kube.clone(),
                connections: connections.clone(),
                cache,
                pass_permits: pass_permits.clone(),
                asking_permits: asking_permits.clone(),
                accounts: accounts.clone(),
                listings: listings.clone(),
                claims: claims.clone(),
                emptiness: emptiness.clone(),
                users: users.clone(),
                synced: synced.clone(),
                connections_synced: connections_synced.clone(),
                wake: wake.clone(),
                memory: campaign::Memory::default(),
                events,
                metrics: metrics.clone(),
                service: service.clone(),
                leadership: leadership.clone(),
                stopping: stopping.clone(),
            };
            Contexts { campaigns: Arc::new(campaign_context), connections: Arc::new(connection_context) }
        }
    }

    fn keeper(&self) -> Arc<Keeper> {
        let Settings { role_binding, selected, .. } = &self.settings;
        let keeper = Keeper::new(
            self.kube.clone(),
            campaign::needs_connection,
            role_binding.clone(),
            selected.clone(),
        );
        Arc::new(keeper)
    }

    fn connections(
        &self,
        scopes: &[Scope],
        keeper: Arc<Keeper>,
        wake: Wake<connection::Watched>,
    ) -> Connections {
        let Settings { selected, allowed_hosts, .. } = &self.settings;
        let stores = scopes.iter().map(|scope| scope.connections.store.clone()).collect();
        Connections::new(self.kube.clone(), stores, keeper, wake, selected.clone(), allowed_hosts.clone())
    }
}
