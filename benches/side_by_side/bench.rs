//! The surroundings of a measurement: a control plane, Kore, tenants and their objects.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};
use kore_simulator::{Behaviour, CampaignKey, Fault};
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::Event;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Config, ResourceExt};
use serde_json::json;
use testbed::audit::Request;
use testbed::process::Process;
use testbed::{ControlPlane, Kore, operator};
use tokio::sync::{mpsc, oneshot};
use voicecampaign_operator::api::VoiceCampaign;

use crate::contender::Contender;
use crate::results::Cost;

pub const CONNECTION: &str = "production";
/// Quota of an account whose quota is not what is measured.
pub const AMPLE: u32 = 6000;
const STREAM: &str = "st-0603182c-7ffb-53c3-b307-47ca14bxxxxx";
const CLIENT: (&str, &str) = ("cs-bench-client", "secret-of-the-benchmark");
/// Requests of the benchmark itself under way at once.
const AT_ONCE: usize = 32;
/// Campaigns that the simulator takes in one request of 2 MB.
const SEEDED_AT_ONCE: usize = 5_000;
/// Nothing takes longer, unless it says so.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// A namespace with an account of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    pub namespace: String,
    pub account: String,
}

impl Tenant {
    pub fn new(namespace: &str) -> Self {
        Self { namespace: namespace.into(), account: format!("account-of-{namespace}") }
    }

    /// Who has all objects, unless a figure is about several tenants.
    pub fn usual() -> Self {
        Self::new("bench")
    }
}

pub struct Bench {
    pub plane: ControlPlane,
    pub kore: Kore,
    client: Client,
}

impl Bench {
    pub async fn start() -> Self {
        let plane = ControlPlane::start().unwrap();
        operator::install(&plane).unwrap();
        let behaviour = Behaviour { requests_per_minute: None, ..Behaviour::default() };
        let kore = Self::kore(&plane, &behaviour).await;
        let kubeconfig = Kubeconfig::read_from(plane.kubeconfig()).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        let bench = Self { plane, kore, client: Client::try_from(config).unwrap() };
        bench.settle_in(&Tenant::usual(), bench.kore.url(), AMPLE);
        bench
    }

    /// Another Kore, which behaves otherwise.
    pub async fn kore(plane: &ControlPlane, behaviour: &Behaviour) -> Kore {
        Kore::start(CLIENT.0, CLIENT.1, behaviour, plane.folder()).await.unwrap()
    }

    /// A tenant more, at the usual Kore.
    pub fn tenant(&self, namespace: &str) -> Tenant {
        let tenant = Tenant::new(namespace);
        self.settle_in(&tenant, self.kore.url(), AMPLE);
        tenant
    }

    /// Creates a tenant's namespace, Secret and connection.
    pub fn settle_in(&self, tenant: &Tenant, host: &str, quota: u32) {
        let kubectl = self.plane.kubectl().unwrap();
        kubectl.try_run(&["create", "namespace", &tenant.namespace]).unwrap();
        let credentials = json!({"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "kore-jwt-app", "namespace": tenant.namespace},
            "stringData": {"clientId": CLIENT.0, "clientSecret": CLIENT.1}});
        kubectl.apply(&credentials.to_string()).unwrap();
        self.connect(tenant, CONNECTION, host, quota);
    }

    pub fn connect(&self, tenant: &Tenant, name: &str, host: &str, quota: u32) {
        let connection = json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
            "metadata": {"name": name, "namespace": tenant.namespace},
            "spec": {"host": host, "accountId": tenant.account, "credentialsSecretRef": {"name": "kore-jwt-app"},
                     "rateLimit": {"requestsPerMinute": quota}}});
        self.plane.kubectl().unwrap().apply(&connection.to_string()).unwrap();
    }

    pub fn campaigns(&self, tenant: &Tenant) -> Api<VoiceCampaign> {
        Api::namespaced(self.client.clone(), &tenant.namespace)
    }

    /// Starts a contender for a tenant; several, with commas between, only ours can.
    pub fn run(&self, who: Contender, program: &Path, namespaces: &str) -> Process {
        self.run_with(who, program, namespaces, &[])
    }

    pub fn run_with(
        &self,
        who: Contender,
        program: &Path,
        namespaces: &str,
        variables: &[(&str, &str)],
    ) -> Process {
        static RUNS: AtomicUsize = AtomicUsize::new(1);
        let name = format!("{who:?}-{}", RUNS.fetch_add(1, Ordering::Relaxed)).to_lowercase();
        let mut command = who.command(program);
        command
            .env("KUBECONFIG", operator::kubeconfig(&self.plane).unwrap())
            .env("WATCH_NAMESPACES", namespaces)
            .envs(variables.iter().copied());
        Process::start(&name, command, self.plane.folder()).unwrap()
    }

    pub fn finish(self) {
        drop(self.kore);
        self.plane.finish();
    }

    /// Puts the campaigns of objects with these names into Kore.
    pub async fn seed(&self, kore: &Kore, tenant: &Tenant, names: &[String]) {
        let key = |name: &String| CampaignKey {
            account_id: tenant.account.clone(),
            stream_id: STREAM.into(),
            campaign_id: campaign(name),
        };
        for names in names.chunks(SEEDED_AT_ONCE) {
            let keys: Vec<CampaignKey> = names.iter().map(key).collect();
            kore.seed(&keys, &json!({})).await.unwrap();
        }
    }

    /// Creates objects whose campaigns are in Kore.
    pub async fn create(
        &self,
        tenant: &Tenant,
        prefix: &str,
        numbers: Range<usize>,
        connection: &str,
    ) -> Vec<String> {
        let names = names(prefix, numbers);
        self.seed(&self.kore, tenant, &names).await;
        self.apply(tenant, &names, connection).await;
        names
    }

    /// Creates objects.
    pub async fn apply(&self, tenant: &Tenant, names: &[String], connection: &str) {
        let object = |name: &String| -> VoiceCampaign {
            serde_json::from_value(
                json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign",
                "metadata": {"name": name, "namespace": tenant.namespace},
                "spec": {"connectionRef": {"name": connection}, "streamId": STREAM,
                         "campaignId": campaign(name)}}),
            )
            .unwrap()
        };
        let (campaigns, parameters) = (self.campaigns(tenant), PostParams::default());
        stream::iter(names)
            .map(async |name| campaigns.create(&parameters, &object(name)).await)
            .buffer_unordered(AT_ONCE)
            .try_for_each(async |_| Ok(()))
            .await
            .unwrap();
    }

    /// Sends the DELETEs of all these objects at once.
    pub async fn delete(&self, tenant: &Tenant, names: &[String]) {
        let (campaigns, parameters) = (self.campaigns(tenant), DeleteParams::default());
        let deletes = stream::iter(names).map(|name| campaigns.delete(name, &parameters));
        deletes.buffer_unordered(AT_ONCE).try_for_each(async |_| Ok(())).await.unwrap();
    }

    /// Waits until the contender has put its finalizer on all, and has nothing to do any more.
    pub async fn until_held(&self, tenant: &Tenant, names: &[String]) {
        let begun = Instant::now();
        let mut versions = HashMap::new();
        let mut quiet = 0;
        while quiet < 3 {
            assert!(begun.elapsed() < PATIENCE, "the contender does not hold the objects");
            tokio::time::sleep(Duration::from_millis(500)).await;
            let list = self.campaigns(tenant).list_metadata(&ListParams::default()).await.unwrap();
            let now: HashMap<String, Option<String>> = list.items.iter().map(version).collect();
            let held = list.items.iter().filter(|object| !object.finalizers().is_empty());
            let held: usize = held.filter(|object| names.contains(&object.name_any())).count();
            quiet = if held == names.len() && now == versions { quiet + 1 } else { 0 };
            versions = now;
        }
    }

    /// The objects of a tenant that are there.
    pub async fn there(&self, tenant: &Tenant) -> Vec<String> {
        let list = self.campaigns(tenant).list_metadata(&ListParams::default()).await.unwrap();
        list.items.iter().map(ResourceExt::name_any).collect()
    }

    /// Waits until none of these objects is there.
    pub async fn until_none(&self, tenant: &Tenant, names: &[String]) {
        let campaigns = self.campaigns(tenant);
        let begun = Instant::now();
        for name in names {
            while campaigns.get_metadata_opt(name).await.unwrap().is_some() {
                assert!(begun.elapsed() < PATIENCE, "{name} stays");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    /// Tells which objects are gone, and when that was seen.
    pub async fn watch_gone(&self, tenant: &Tenant) -> Gone {
        let metadata: Api<PartialObjectMeta<VoiceCampaign>> =
            Api::namespaced(self.client.clone(), &tenant.namespace);
        let mut events = watcher(metadata, watcher::Config::default()).default_backoff().boxed();
        let (seen, gone) = mpsc::unbounded_channel();
        let (listed, first) = oneshot::channel();
        tokio::spawn(async move {
            let (mut there, mut before) = (HashSet::new(), HashSet::new());
            let mut listed = Some(listed);
            while let Some(event) = events.next().await
                && !seen.is_closed()
            {
                let mut gone: HashSet<String> = HashSet::new();
                match event {
                    // An error is followed by another list: what went meanwhile is not in it.
                    Err(error) => eprintln!("the benchmark's own watch: {error}"),
                    Ok(Event::Init) => before.extend(std::mem::take(&mut there)),
                    Ok(Event::Apply(object) | Event::InitApply(object)) => {
                        there.insert(object.name_any());
                    }
                    Ok(Event::InitDone) => {
                        gone = std::mem::take(&mut before).difference(&there).cloned().collect();
                        listed.take().map(|listed| listed.send(()));
                    }
                    Ok(Event::Delete(object)) => gone.extend(there.take(&object.name_any())),
                }
                let now = Instant::now();
                if gone.into_iter().any(|name| seen.send((name, now)).is_err()) {
                    return;
                }
            }
        });
        tokio::time::timeout(PATIENCE, first).await.unwrap().unwrap();
        Gone(gone)
    }

    /// The contender's requests of the API server since its audit log ended there.
    pub fn requests_from(&self, audited: u64) -> Vec<Request> {
        let user = operator::user();
        let mut requests = self.plane.requests_from(audited).unwrap();
        requests.retain(|request| request.user == user);
        requests
    }

    /// Begins to count what a contender costs.
    pub async fn meter<'a>(&'a self, contender: &'a Process) -> Meter<'a> {
        Meter {
            bench: self,
            contender,
            audited: self.plane.audited().unwrap(),
            calls: self.kore.received().await.unwrap(),
            cpu: contender.cpu_time().unwrap(),
            api_server_cpu: self.plane.api_server_cpu_time().unwrap(),
        }
    }
}

/// What a contender costs from here on.
pub struct Meter<'a> {
    bench: &'a Bench,
    contender: &'a Process,
    /// Where the audit log ended.
    audited: u64,
    calls: usize,
    cpu: Duration,
    api_server_cpu: Duration,
}

impl Meter<'_> {
    pub async fn read(self, deletions: usize) -> Cost {
        let Bench { plane, kore, .. } = self.bench;
        let mut requests = self.bench.requests_from(self.audited);
        requests.retain(|request| request.verb != "watch");
        let answered = |request: &&Request| request.code < 400;
        let written = |resource: &str| {
            let writes = requests.iter().filter(|request| request.resource == resource).filter(answered);
            writes.filter(|request| ["patch", "update", "create"].contains(&request.verb.as_str())).count()
        };
        Cost {
            deletions,
            cpu: (self.contender.cpu_time().unwrap() - self.cpu).as_secs_f64(),
            api_server_cpu: (plane.api_server_cpu_time().unwrap() - self.api_server_cpu).as_secs_f64(),
            requests: requests.len(),
            refused: requests.len() - requests.iter().filter(answered).count(),
            writes: written("voicecampaigns"),
            events: written("events"),
            calls: kore.received().await.unwrap() - self.calls,
        }
    }
}

/// The objects that go.
pub struct Gone(mpsc::UnboundedReceiver<(String, Instant)>);

impl Gone {
    /// The next one.
    pub async fn next(&mut self) -> (String, Instant) {
        self.within(PATIENCE).await.unwrap()
    }

    /// The next one, if it goes in time.
    pub async fn within(&mut self, limit: Duration) -> Option<(String, Instant)> {
        tokio::time::timeout(limit, self.0.recv()).await.ok().map(Option::unwrap)
    }
}

/// Waits until a program writes this; asks often, because it is timed.
pub async fn until_it_says(program: &Process, text: &str) {
    let begun = Instant::now();
    while !program.output().contains(text) {
        assert!(begun.elapsed() < PATIENCE, "{}", program.output());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Names of objects.
pub fn names(prefix: &str, numbers: Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("{prefix}-{number:06}")).collect()
}

/// The campaign of an object.
pub fn campaign(name: &str) -> String {
    format!("cd-{name}")
}

/// Kore answers whatever it is asked for a tenant's account with this.
pub fn answers(tenant: &Tenant, status: u16, body: &str) -> Fault {
    let account = Some(tenant.account.clone());
    Fault { operation: None, account_id: account, ..Fault::answer_delete(None, status, body) }
}

fn version(object: &PartialObjectMeta<VoiceCampaign>) -> (String, Option<String>) {
    (object.name_any(), object.resource_version())
}
