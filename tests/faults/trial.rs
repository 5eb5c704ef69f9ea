//! One plan, run against a real API server and a simulated Kore, with the operator as a process between two
//! proxies.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::StreamExt;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::api::events::v1::Event;
use kore_simulator::{App, CampaignKey, Simulator};
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use testbed::faults::{Nemesis, Plan, Proxy, Seen, Upstream};
use testbed::operator::Options;
use testbed::{ControlPlane, Operator};
use voicecampaign_operator::api::{KoreConnection, VoiceCampaign};

use crate::oracles::{self, Evidence, Sighting};
use crate::scenario::Scenario;

const ACCOUNT: &str = "67777ce93e25326494exxxxx";
const STREAM: &str = "st-0603182c-7ffb-53c3-b307-47ca14bxxxxx";
const CLIENT_ID: &str = "cs-1f9b3e2d-test-client";
const CLIENT_SECRET: &str = "s3cr3t-that-must-never-show-9f8e7d";
const TARGET: &str = "renewal";
const BYSTANDER: &str = "bystander";

/// How long a trial may take to its end, its faults included: a view that is a minute old, a proof that
/// begins again, and a slow machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// What all trials share.
#[derive(Clone)]
pub struct Rig {
    pub plane: Arc<ControlPlane>,
    pub client: Client,
    pub program: PathBuf,
}

/// What became of a plan.
pub struct Report {
    pub plan: Plan,
    pub violations: Vec<String>,
    pub effects: Vec<Seen>,
    pub injected: u32,
    pub took: Duration,
    pub namespace: String,
}

impl Report {
    /// One line of JSON; the plan in it can be run again.
    pub fn line(&self) -> String {
        let verdict = if self.violations.is_empty() { "ok" } else { "violated" };
        json!({"plan": self.plan, "verdict": verdict, "violations": self.violations, "injected": self.injected,
            "seconds": self.took.as_secs(), "effects": self.effects, "namespace": self.namespace})
        .to_string()
    }
}

/// Runs a plan. What could not even be set up is a violation, too.
pub async fn run(rig: &Rig, plan: Plan) -> Report {
    static TRIALS: AtomicUsize = AtomicUsize::new(1);
    let namespace = format!("trial-{}", TRIALS.fetch_add(1, Ordering::Relaxed));
    let (started, nemesis) = (Instant::now(), Nemesis::new());
    let violations = match trial(rig, &plan, &namespace, &nemesis).await {
        Ok(evidence) => oracles::violations(&evidence),
        Err(error) => vec![format!("the trial failed: {error:#}")],
    };
    let (effects, injected) = (nemesis.effects(), nemesis.injected());
    Report { plan, violations, effects, injected, took: started.elapsed(), namespace }
}

async fn trial(rig: &Rig, plan: &Plan, namespace: &str, nemesis: &Nemesis) -> Result<Evidence> {
    let scenario =
        Scenario::of_plan(&plan.name).with_context(|| format!("{} names no scenario", plan.name))?;
    let world = World::create(rig, scenario, namespace, nemesis).await?;
    let mut operator = Some(world.start().await?);
    for name in objects(scenario) {
        world.wait_until_found(name).await?;
    }
    if scenario == Scenario::Absent {
        world.kore.remove(&key(TARGET));
    }
    let watched = Watched::begin(&world).await?;
    nemesis.arm(plan.clone());
    world.delete(scenario).await?;

    let (begun, mut restarts, mut deaths) = (Instant::now(), 0, Vec::new());
    let gone = loop {
        if watched.gone() && world.rest_is_gone(scenario).await? {
            break true;
        }
        if begun.elapsed() > PATIENCE {
            break false;
        }
        // Whatever kills it, it comes back, as a Pod does.
        if let Some(running) = operator.as_mut()
            && let Some(status) = running.ended()?
        {
            deaths.push(format!("it has ended ({status})"));
            operator = None;
        }
        if operator.is_none() {
            restarts += 1;
            operator = world.start().await.map_err(|error| deaths.extend(Operator::own_end(&error))).ok();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    nemesis.disarm();
    // Nothing may follow.
    tokio::time::sleep(Duration::from_millis(700)).await;
    let bystander = world.campaigns().get_opt(BYSTANDER).await?;
    let texts = world.texts().await?;
    drop(operator);
    Ok(Evidence {
        scenario,
        plan: plan.clone(),
        target: key(TARGET),
        others: others(),
        gone,
        had_campaign: watched.had_campaign(),
        campaigns: world.kore.campaigns(),
        journal: world.kore.journal(),
        seen: watched.seen(),
        bystander,
        effects: nemesis.effects(),
        restarts,
        deaths,
        missed: nemesis.missed(),
        texts,
        secrets: vec![CLIENT_SECRET.to_owned()],
    })
}

/// The surroundings of one trial.
struct World {
    rig: Rig,
    namespace: String,
    kore: Simulator,
    nemesis: Nemesis,
    api_proxy: Proxy,
    kore_proxy: Proxy,
}

impl World {
    async fn create(rig: &Rig, scenario: Scenario, namespace: &str, nemesis: &Nemesis) -> Result<Self> {
        let app = App { client_id: CLIENT_ID.into(), client_secret: CLIENT_SECRET.into() };
        let kore = Simulator::start(([127, 0, 0, 1], 0).into(), vec![app], scenario.behaviour()).await?;
        objects(scenario).iter().for_each(|name| kore.seed(key(name), &json!({})));
        others().into_iter().for_each(|other| kore.seed(other, &json!({})));
        let upstream = Upstream::Kubernetes { url: rig.plane.api_url(), ca_pem: rig.plane.ca_pem()? };
        let world = Self {
            rig: rig.clone(),
            namespace: namespace.to_owned(),
            api_proxy: Proxy::start(upstream, nemesis.clone())?,
            kore_proxy: Proxy::start(Upstream::Kore { url: kore.url() }, nemesis.clone())?,
            kore,
            nemesis: nemesis.clone(),
        };
        let client = &rig.client;
        create(&Api::<Namespace>::all(client.clone()), json!({"metadata": {"name": namespace}})).await?;
        let secret = json!({"metadata": {"name": "kore-jwt-app"},
            "stringData": {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}});
        create(&Api::<Secret>::namespaced(client.clone(), namespace), secret).await?;
        let connection = json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
            "metadata": {"name": "production"}, "spec": {"host": world.kore_proxy.url(), "accountId": ACCOUNT,
            "credentialsSecretRef": {"name": "kore-jwt-app"}, "timeoutSeconds": 2,
            "rateLimit": {"requestsPerMinute": 6000}}});
        create(&Api::<KoreConnection>::namespaced(client.clone(), namespace), connection).await?;
        for name in objects(scenario) {
            create(&world.campaigns(), campaign(name)).await?;
        }
        Ok(world)
    }

    /// Starts the operator; `None` if it was killed before it was ready.
    async fn start(&self) -> Result<Operator> {
        let (plane, nemesis) = (self.rig.plane.clone(), self.nemesis.clone());
        let mut options = Options::new(self.rig.program.clone());
        options.arguments = vec![format!("--watch-namespaces={}", self.namespace)];
        options.name = format!("operator-{}", self.namespace);
        options.server = Some(self.api_proxy.url());
        options.nemesis = Some(nemesis);
        tokio::task::spawn_blocking(move || Operator::launch(&plane, &options)).await?
    }

    fn campaigns(&self) -> Api<VoiceCampaign> {
        Api::namespaced(self.rig.client.clone(), &self.namespace)
    }

    async fn wait_until_found(&self, name: &str) -> Result<()> {
        let api = self.campaigns();
        for _ in 0..600 {
            let object = api.get(name).await?;
            let ready = object.status.iter().flat_map(|status| &status.conditions);
            if ready.into_iter().any(|condition| condition.reason == "CampaignFound") {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("{name} was not found in Kore within a minute")
    }

    async fn delete(&self, scenario: Scenario) -> Result<()> {
        let (client, parameters) = (&self.rig.client, DeleteParams::default());
        if scenario == Scenario::Everything {
            Api::<Secret>::namespaced(client.clone(), &self.namespace)
                .delete("kore-jwt-app", &parameters)
                .await?;
            Api::<KoreConnection>::namespaced(client.clone(), &self.namespace)
                .delete("production", &parameters)
                .await?;
        }
        self.campaigns().delete(TARGET, &parameters).await?;
        Ok(())
    }

    async fn rest_is_gone(&self, scenario: Scenario) -> Result<bool> {
        if scenario != Scenario::Everything {
            return Ok(true);
        }
        let client = &self.rig.client;
        let secret =
            Api::<Secret>::namespaced(client.clone(), &self.namespace).get_opt("kore-jwt-app").await?;
        let connections = Api::<KoreConnection>::namespaced(client.clone(), &self.namespace);
        Ok(secret.is_none() && connections.get_opt("production").await?.is_none())
    }

    /// Logs of the operator's runs, and the events.
    async fn texts(&self) -> Result<String> {
        let mut texts = String::new();
        let prefix = format!("operator-{}-", self.namespace);
        for entry in std::fs::read_dir(self.rig.plane.folder())?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(&prefix) && name.ends_with(".log") {
                texts.push_str(&std::fs::read_to_string(entry.path())?);
            }
        }
        let events: Api<Event> = Api::namespaced(self.rig.client.clone(), &self.namespace);
        texts.push_str(&serde_json::to_string(&events.list(&ListParams::default()).await?.items)?);
        Ok(texts)
    }
}

/// The object as a watcher sees it.
struct Watched {
    state: Arc<Mutex<Sightings>>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Sightings {
    seen: Vec<Sighting>,
    gone: bool,
    had_campaign: bool,
}

impl Watched {
    async fn begin(world: &World) -> Result<Self> {
        let only = watcher::Config::default().fields(&format!("metadata.name={TARGET}"));
        let mut events = Box::pin(watcher(world.campaigns(), only).default_backoff());
        let state = Arc::new(Mutex::new(Sightings::default()));
        let (listed, ready) = tokio::sync::oneshot::channel();
        let (shared, kore) = (state.clone(), world.kore.clone());
        let task = tokio::spawn(async move {
            let mut listed = Some(listed);
            while let Some(event) = events.next().await {
                let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
                match event {
                    Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => {
                        state.seen.push(Sighting::now(object))
                    }
                    Ok(watcher::Event::Delete(object)) => {
                        state.had_campaign = kore.campaigns().contains(&key(TARGET));
                        state.gone = true;
                        state.seen.push(Sighting::now(object));
                    }
                    Ok(watcher::Event::InitDone) => drop(listed.take().map(|listed| listed.send(()))),
                    Ok(watcher::Event::Init) | Err(_) => {}
                }
            }
        });
        ready.await.context("the watch has not begun")?;
        Ok(Self { state, task })
    }

    fn gone(&self) -> bool {
        self.state().gone
    }

    fn had_campaign(&self) -> bool {
        self.state().had_campaign
    }

    fn seen(&self) -> Vec<Sighting> {
        self.state().seen.clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, Sightings> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn create<K>(api: &Api<K>, object: Value) -> Result<()>
where
    K: kube::Resource + Clone + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
{
    let object: K = serde_json::from_value(object)?;
    api.create(&PostParams::default(), &object).await.with_context(|| object.name_any())?;
    Ok(())
}

fn campaign(name: &str) -> Value {
    json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign", "metadata": {"name": name},
        "spec": {"connectionRef": {"name": "production"}, "streamId": STREAM, "campaignId": format!("cd-{name}")}})
}

fn key(name: &str) -> CampaignKey {
    CampaignKey { account_id: ACCOUNT.into(), stream_id: STREAM.into(), campaign_id: format!("cd-{name}") }
}

/// Campaigns that nobody deletes: of the same stream, of another, and of another account under the same id.
fn others() -> Vec<CampaignKey> {
    vec![
        key("unmanaged"),
        CampaignKey { stream_id: "st-other".into(), ..key(TARGET) },
        CampaignKey { account_id: "another".into(), ..key(TARGET) },
    ]
}

/// The VoiceCampaigns of a scenario: the one that is deleted, and one that lives and needs the connection.
fn objects(scenario: Scenario) -> &'static [&'static str] {
    match scenario {
        Scenario::Confirmed | Scenario::Absent | Scenario::Accepted => &[TARGET, BYSTANDER],
        Scenario::Everything => &[TARGET],
    }
}
