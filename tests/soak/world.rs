//! The surroundings: a control plane, a simulated Kore, two instances, three namespaces of two accounts.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use futures::future::join_all;
use jiff::Timestamp;
use kore_simulator::{App, Behaviour, CampaignKey, Entry, Operation, Simulator};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::reflector::{self, Store};
use kube::runtime::watcher::Event;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Config, ResourceExt};
use serde_json::{Value, json};
use testbed::faults::{Nemesis, Proxy, Upstream};
use testbed::{ControlPlane, operator};
use tokio::sync::watch;
use voicecampaign_operator::api::{DeletionPolicy, VoiceCampaign};
use voicecampaign_operator::campaign::REMOTE_CAMPAIGN;

use crate::instance::{Instance, Measured};
use crate::life::{self, Patience};
use crate::oracles::{self, Evidence};
use crate::round::Round;
use crate::trouble::{self, Made};

/// Streams of an account. With all campaigns in one, no listing would be complete as long as others come and
/// go, and deletions that need one would wait for minutes.
const STREAMS: usize = 8;
const CLIENT_ID: &str = "cs-1f9b3e2d-test-client";
const CLIENT_SECRET: &str = "s3cr3t-that-must-never-show-9f8e7d";
/// Namespaces and the accounts of their connections: two share one.
const TENANTS: [(&str, &str); 3] =
    [("soak-a", "67777ce93e25326494exxxxx"), ("soak-b", "67777ce93e25326494exxxxx"), ("soak-c", "another")];
/// A VoiceCampaign of each namespace that nobody deletes.
const BYSTANDER: &str = "bystander";
/// Campaigns that no VoiceCampaign names, one in each stream of each account.
const UNMANAGED: &str = "unmanaged";
/// The quota is scaled up: at the documented one, a round would take an hour.
const REQUESTS_PER_MINUTE: i32 = 6000;
/// Long enough that a slow machine is no trouble, short enough that hanging requests come to their end within
/// a round.
const TIMEOUT_SECONDS: u32 = 5;
/// How long restored objects live before they are deleted again.
const RESTORED_FOR: Duration = Duration::from_secs(3);
/// With fewer objects, all may be gone when the backup is made.
const ENOUGH_FOR_A_BACKUP: usize = 50;
/// How long objects may take to their end once all troubles are over: the longest pauses of the operator, and
/// a slow machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// The same where nothing fails, and all objects are deleted at once: twice the operator's longest pause.
const CALM_PATIENCE: Duration = Duration::from_secs(120);
/// How long an object that is being deleted may wait without saying why, once all troubles are over.
const SILENCE: Duration = Duration::from_secs(30);
/// The same where nothing fails: from the moment in which hundreds are deleted at once.
const CALM_SILENCE: Duration = Duration::from_secs(60);

/// See above.
pub struct World {
    pub plane: Arc<ControlPlane>,
    pub kore: Simulator,
    pub kore_nemesis: Nemesis,
    pub kore_proxy: Proxy,
    pub instances: Arc<[Instance; 2]>,
    client: Client,
    stores: Vec<Watched>,
    /// What the watches have seen that must not be.
    wrong: Wrong,
    /// Campaigns that somebody has asked to delete in this round, by way of an object.
    asked: Mutex<BTreeMap<CampaignKey, Asked>>,
    /// Campaigns whose objects came back from a backup in this round.
    restored: BTreeSet<CampaignKey>,
    /// How far the journal, and the logs, have been read.
    journal_read: usize,
    logs_read: HashMap<PathBuf, usize>,
}

/// That a campaign is to be deleted.
pub struct Asked {
    pub at: Timestamp,
    /// When it was; `None` if that has not come to its end.
    pub until: Option<Timestamp>,
}

/// What a round has come to.
pub struct Outcome {
    /// Deletions while there was trouble, whatever it touched.
    pub disturbed: usize,
    /// And without.
    pub undisturbed: usize,
    /// Troubles that have met something.
    pub troubles: usize,
    pub starts: usize,
    pub violations: Vec<String>,
}

/// Violations that the watches have seen.
type Wrong = Arc<Mutex<Vec<String>>>;

/// A cache of a namespace.
struct Watched {
    store: Store<VoiceCampaign>,
    task: tokio::task::JoinHandle<()>,
}

impl World {
    pub async fn create() -> Result<Self> {
        let plane = tokio::task::spawn_blocking(|| -> Result<ControlPlane> {
            let plane = ControlPlane::start()?;
            operator::install(&plane)?;
            Ok(plane)
        });
        let plane = Arc::new(plane.await??);
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let kubeconfig = Kubeconfig::read_from(plane.kubeconfig())?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        let client = Client::try_from(config)?;
        let limit = usize::try_from(REQUESTS_PER_MINUTE)?;
        let behaviour = Behaviour { requests_per_minute: Some(limit), ..Behaviour::default() };
        let kore = Simulator::start(([127, 0, 0, 1], 0).into(), apps(), behaviour).await?;
        let kore_nemesis = Nemesis::new();
        let kore_proxy = Proxy::start(Upstream::Kore { url: kore.url() }, kore_nemesis.clone())?;
        let kubectl = plane.kubectl()?;
        for (tenant, (namespace, account)) in TENANTS.into_iter().enumerate() {
            kept(tenant).for_each(|campaign| kore.seed(campaign, &json!({})));
            kubectl.try_run(&["create", "namespace", namespace])?;
            let secret = json!({"apiVersion": "v1", "kind": "Secret",
                "metadata": {"name": "kore-jwt-app", "namespace": namespace},
                "stringData": {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}});
            kubectl.apply(&secret.to_string())?;
            let connection = json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
                "metadata": {"name": "production", "namespace": namespace},
                "spec": {"host": kore_proxy.url(), "accountId": account,
                "credentialsSecretRef": {"name": "kore-jwt-app"}, "timeoutSeconds": TIMEOUT_SECONDS,
                "rateLimit": {"requestsPerMinute": REQUESTS_PER_MINUTE}}});
            kubectl.apply(&connection.to_string())?;
        }
        let program = operator::copy_of(Path::new(env!("CARGO_BIN_EXE_voicecampaign-operator")), &plane)?;
        let instances = [Instance::start(&plane, program.clone(), 1)?, Instance::start(&plane, program, 2)?];
        let instances = Arc::new(instances);
        // Whoever leads has sent it.
        let both = instances.clone();
        kore_nemesis.on_crash(Arc::new(move || {
            both.iter().for_each(|instance| _ = instance.kill());
        }));
        let wrong = Wrong::default();
        let stores = (0..TENANTS.len()).map(|tenant| watched(&client, tenant, &kore, &wrong)).collect();
        let world = Self {
            plane,
            kore,
            kore_nemesis,
            kore_proxy,
            instances,
            client,
            stores,
            wrong,
            asked: Mutex::default(),
            restored: BTreeSet::new(),
            journal_read: 0,
            logs_read: HashMap::new(),
        };
        for tenant in 0..TENANTS.len() {
            let object = manifest(BYSTANDER, &bystander(tenant), false);
            world.apply(tenant, "kubectl", &object).await?;
        }
        Ok(world)
    }

    /// Runs a round, and says what it has violated.
    pub async fn run(&mut self, round: &Round) -> Result<Outcome> {
        let starts = self.starts();
        let (over, end) = watch::channel(None);
        let (world, made) = (&*self, Made::default());
        let (lasts, silence) =
            if round.is_calm() { (CALM_PATIENCE, CALM_SILENCE) } else { (PATIENCE, SILENCE) };
        let live = |life| life::live(world, life, Patience { lasts, silence, end: end.clone() });
        let lives = join_all(round.lives.iter().map(live));
        let troubles = async {
            let outcome = trouble::make(world, &round.troubles, &made).await;
            over.send_replace(Some(Instant::now()));
            outcome
        };
        let (lived, outcome) = tokio::join!(lives, troubles);
        outcome?;
        let (disturbed, undisturbed) = self.deletions(&made);
        let mut violations: Vec<String> = lived.into_iter().flatten().collect();
        if round.restored {
            self.restore(round.lives.len() >= ENOUGH_FOR_A_BACKUP, &mut violations).await?;
        }
        let starts = self.starts() - starts;
        violations.extend(oracles::violations(&self.evidence(&made, starts).await?));
        violations.append(&mut self.wrong.lock().unwrap_or_else(PoisonError::into_inner));
        violations.extend(self.instances.iter().flat_map(Instance::deaths));
        Ok(Outcome { disturbed, undisturbed, troubles: made.met(), starts, violations })
    }

    /// How many campaigns were deleted while a trouble was under way somewhere, and how many others.
    fn deletions(&self, made: &Made) -> (usize, usize) {
        let asked = self.asked();
        let spans = asked.values().filter_map(|Asked { at, until }| Some((*at, (*until)?)));
        let (disturbed, undisturbed): (Vec<_>, Vec<_>) =
            spans.partition(|(at, until)| made.between(*at, *until) > 0);
        (disturbed.len(), undisturbed.len())
    }

    async fn evidence<'a>(&mut self, made: &'a Made, starts: usize) -> Result<Evidence<'a>> {
        // Nothing may follow.
        tokio::time::sleep(Duration::from_millis(700)).await;
        let journal = self.kore.journal_since(self.journal_read);
        self.journal_read += journal.len();
        let mut bystanders = Vec::new();
        for tenant in 0..TENANTS.len() {
            bystanders.push(
                insist("read the bystander", async || self.api(tenant).get_opt(BYSTANDER).await).await?,
            );
        }
        let texts = self.new_logs()?;
        let asked = std::mem::take(&mut *self.asked());
        Ok(Evidence {
            made,
            starts,
            asked,
            restored: std::mem::take(&mut self.restored),
            lost: (0..TENANTS.len()).flat_map(kept).filter(|kept| !self.kore.has(kept)).collect(),
            bystanders,
            journal,
            texts,
            secret: CLIENT_SECRET,
        })
    }

    /// What the instances have logged since this was last asked.
    fn new_logs(&mut self) -> Result<String> {
        let mut texts = String::new();
        for entry in std::fs::read_dir(self.plane.folder())?.flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if name.starts_with("operator-") && name.ends_with(".log") {
                // Something is being written: a character may not be there as a whole.
                let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
                let read = self.logs_read.insert(path, text.len()).unwrap_or_default();
                texts.push_str(text.get(read..).unwrap_or_default());
            }
        }
        Ok(texts)
    }

    /// Restores etcd from the backup: objects whose campaigns are deleted live again, or are in the middle of
    /// their deletion. Those that live get their campaigns back, and keep them, until all are deleted again.
    async fn restore(&mut self, some: bool, violations: &mut Vec<String>) -> Result<()> {
        self.blocking(ControlPlane::restore).await?;
        let since = Timestamp::now();
        // A watch from before would wait for versions of the future.
        let watched = |tenant| watched(&self.client, tenant, &self.kore, &self.wrong);
        self.stores = (0..TENANTS.len()).map(watched).collect();
        let mut restored = Vec::new();
        for tenant in 0..TENANTS.len() {
            let list = insist("list", async || self.api(tenant).list(&Default::default()).await).await?;
            for object in list.items.into_iter().filter(|object| object.name_any() != BYSTANDER) {
                let campaign = campaign_of(tenant, &object);
                self.restored.insert(campaign.clone());
                if object.metadata.deletion_timestamp.is_none() {
                    self.kore.seed(campaign.clone(), &json!({}));
                }
                restored.push((tenant, object, campaign));
            }
        }
        if some && restored.is_empty() {
            violations.push("nothing was in the backup".to_owned());
        }
        tokio::time::sleep(RESTORED_FOR).await;
        let since_then = Instant::now();
        for (tenant, object, campaign) in &restored {
            let name = object.name_any();
            let read = async || self.api(*tenant).get_metadata(&name).await;
            let lives = object.metadata.deletion_timestamp.is_none();
            // Without the finalizer, nobody would delete the campaign.
            while lives && !REMOTE_CAMPAIGN.is_on(&insist("read", read).await?.metadata) {
                ensure!(since_then.elapsed() < PATIENCE, "O5: {name}, from a backup, got no finalizer");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            let is_delete = |request: &Entry| {
                request.operation == Operation::Delete
                    && request.campaign_id.as_ref() == Some(&campaign.campaign_id)
            };
            if lives && (!self.kore.has(campaign) || self.requests(since).any(|request| is_delete(&request)))
            {
                violations.push(format!("O2: the campaign of {name} went before it was deleted again"));
            }
            self.delete(*tenant, &name, None).await?;
        }
        let begun = Instant::now();
        for (tenant, object, campaign) in &restored {
            let name = object.name_any();
            let read = async || self.api(*tenant).get_metadata_opt(&name).await;
            while insist("read", read).await?.is_some() {
                if begun.elapsed() > PATIENCE {
                    violations.push(format!("O5: {name}, from a backup, did not come to its end in time"));
                    break;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            let is_kept = object.spec.deletion_policy == DeletionPolicy::Orphan
                && object.metadata.deletion_timestamp.is_none();
            if self.kore.has(campaign) != is_kept {
                let kept = if is_kept { "was to stay, and is gone" } else { "is still there" };
                violations.push(format!("O1: the campaign of {name}, from a backup, {kept}"));
            }
            self.kore.remove(campaign);
        }
        Ok(())
    }

    pub async fn apply(&self, tenant: usize, applier: &str, object: &Value) -> Result<VoiceCampaign> {
        let parameters = PatchParams::apply(applier).force();
        let name = object["metadata"]["name"].as_str().context("it has no name")?;
        let (api, patch) = (self.api(tenant), Patch::Apply(object));
        insist("apply", async || api.patch(name, &parameters, &patch).await).await
    }

    /// Deletes an object; with this uid, if it is given.
    pub async fn delete(&self, tenant: usize, name: &str, uid: Option<String>) -> Result<()> {
        let preconditions =
            uid.map(|uid| kube::api::Preconditions { uid: Some(uid), resource_version: None });
        let parameters = DeleteParams { preconditions, ..DeleteParams::default() };
        let api = self.api(tenant);
        insist("delete", async || match api.delete(name, &parameters).await {
            // An answer was lost, and it is gone, or another one.
            Err(kube::Error::Api(status)) if [404, 409].contains(&status.code) => Ok(()),
            other => other.map(|_| ()),
        })
        .await
    }

    /// The object with this uid, as the watch shows it.
    pub fn seen(&self, tenant: usize, name: &str, uid: &str) -> Option<Arc<VoiceCampaign>> {
        let found = self.stores[tenant].store.get(&reflector::ObjectRef::new(name).within(TENANTS[tenant].0));
        found.filter(|found| found.uid().as_deref() == Some(uid))
    }

    /// Whether the API server has no object with this uid any more.
    pub async fn is_gone(&self, tenant: usize, name: &str, uid: &str) -> Result<bool> {
        let found = insist("read", async || self.api(tenant).get_metadata_opt(name).await).await?;
        Ok(found.is_none_or(|found| found.uid().as_deref() != Some(uid)))
    }

    /// Notes that the campaign is to be deleted.
    pub fn ask_for(&self, campaign: CampaignKey) {
        self.asked().insert(campaign, Asked { at: Timestamp::now(), until: None });
    }

    /// Notes that the campaign is deleted.
    pub fn is_over(&self, campaign: &CampaignKey) {
        self.asked().get_mut(campaign).into_iter().for_each(|asked| asked.until = Some(Timestamp::now()));
    }

    /// The requests to Kore of this round, from then on.
    pub fn requests(&self, since: Timestamp) -> impl Iterator<Item = Entry> {
        self.kore.journal_since(self.journal_read).into_iter().filter(move |request| request.at >= since)
    }

    /// Work on the control plane that blocks.
    pub async fn blocking(
        &self,
        work: impl FnOnce(&ControlPlane) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let plane = self.plane.clone();
        tokio::task::spawn_blocking(move || work(&plane)).await?
    }

    /// What the instances take.
    pub fn measured(&self) -> Result<Vec<Measured>> {
        self.instances.iter().map(Instance::measured).collect()
    }

    /// The same, in words.
    pub fn sizes(&self) -> String {
        let sizes = self.instances.iter().map(|instance| match instance.measured() {
            Ok(measured) => measured.size.to_string(),
            Err(_) => "down".to_owned(),
        });
        sizes.collect::<Vec<_>>().join(" and ")
    }

    fn starts(&self) -> usize {
        self.instances.iter().map(Instance::starts).sum()
    }

    fn api(&self, tenant: usize) -> Api<VoiceCampaign> {
        Api::namespaced(self.client.clone(), TENANTS[tenant].0)
    }

    fn asked(&self) -> MutexGuard<'_, BTreeMap<CampaignKey, Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The JWT apps that Kore knows.
pub fn apps() -> Vec<App> {
    vec![App { client_id: CLIENT_ID.into(), client_secret: CLIENT_SECRET.into() }]
}

fn account(tenant: usize) -> String {
    TENANTS[tenant].1.to_owned()
}

/// The stream of a campaign: names that differ by one in a digit have different ones.
fn stream(campaign: &str) -> String {
    let sum: usize = campaign.bytes().map(usize::from).sum();
    format!("st-{:08}-7ffb-53c3-b307-47ca14bxxxxx", sum % STREAMS)
}

/// The campaigns that nobody deletes.
fn kept(tenant: usize) -> impl Iterator<Item = CampaignKey> {
    let unmanaged = (0..STREAMS).map(move |number| key(tenant, &format!("{UNMANAGED}-{number}")));
    unmanaged.chain([key(tenant, &bystander(tenant))])
}

/// A campaign of a tenant's account.
pub fn key(tenant: usize, campaign: &str) -> CampaignKey {
    CampaignKey {
        account_id: account(tenant),
        stream_id: stream(campaign),
        campaign_id: format!("cd-{campaign}"),
    }
}

/// An object as Git has it.
pub fn manifest(name: &str, campaign: &str, orphan: bool) -> Value {
    json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign", "metadata": {"name": name},
        "spec": {"connectionRef": {"name": "production"}, "streamId": stream(campaign),
                 "campaignId": format!("cd-{campaign}"),
                 "deletionPolicy": if orphan { "Orphan" } else { "Delete" }}})
}

/// Makes a call until it works: the control plane may be away.
async fn insist<T>(what: &str, call: impl AsyncFn() -> kube::Result<T>) -> Result<T> {
    let begun = Instant::now();
    loop {
        let error = match tokio::time::timeout(Duration::from_secs(10), call()).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => error.to_string(),
            Err(_elapsed) => "no answer within 10 s".to_owned(),
        };
        ensure!(begun.elapsed() < Duration::from_secs(120), "could not {what}: {error}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn bystander(tenant: usize) -> String {
    format!("{BYSTANDER}-{tenant}")
}

/// Watches a tenant's objects, and looks at each state of them, and at the last one with what Kore has then.
fn watched(client: &Client, tenant: usize, kore: &Simulator, wrong: &Wrong) -> Watched {
    let (store, writer) = reflector::store();
    let api: Api<VoiceCampaign> = Api::namespaced(client.clone(), TENANTS[tenant].0);
    let events = reflector::reflector(writer, watcher(api, watcher::Config::default()).default_backoff());
    let (kore, wrong) = (kore.clone(), wrong.clone());
    let task = tokio::spawn(async move {
        let mut events = std::pin::pin!(events);
        while let Some(event) = events.next().await {
            let found = match event {
                Ok(Event::Apply(object) | Event::InitApply(object)) => oracles::shown(&object, CLIENT_SECRET),
                Ok(Event::Delete(object)) => {
                    let has_campaign = kore.has(&campaign_of(tenant, &object));
                    oracles::shown(&object, CLIENT_SECRET).or(oracles::ended(&object, has_campaign))
                }
                Ok(Event::Init | Event::InitDone) | Err(_) => None,
            };
            wrong.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
        }
    });
    Watched { store, task }
}

/// The campaign that an object names.
fn campaign_of(tenant: usize, object: &VoiceCampaign) -> CampaignKey {
    let (stream_id, campaign_id) = (object.spec.stream_id.clone(), object.spec.campaign_id.clone());
    CampaignKey { stream_id, campaign_id, account_id: account(tenant) }
}
