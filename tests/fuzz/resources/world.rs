//! A control plane, a simulated Kore, and the operator.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Result;
use kore_simulator::{App, Behaviour, CampaignKey, Simulator};
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::{Value, json};
use testbed::operator::{self, Options};
use testbed::{ControlPlane, Operator};
use tokio::runtime::Runtime;

use super::life::Kind;

pub const ACCOUNT: &str = "67777ce93e25326494exxxxx";
const CLIENT_ID: &str = "cs-fuzz";
const CLIENT_SECRET: &str = "resources-secret-0123456789";
const NAMESPACE: &str = "fuzz";
/// The Secret, and the connection that is always right.
pub const SECRET: &str = "kore-jwt-app";
pub const PRODUCTION: &str = "production";
/// Long enough for a loaded machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// Pause between two looks at an object.
const PAUSE: Duration = Duration::from_millis(200);

pub struct World {
    plane: ControlPlane,
    operator: Mutex<Operator>,
    client: Client,
    pub kore: Simulator,
}

impl World {
    pub fn start(runtime: &Runtime) -> Result<Self> {
        let plane = ControlPlane::start()?;
        operator::install(&plane)?;
        let kubectl = plane.kubectl()?;
        kubectl.try_run(&["create", "namespace", NAMESPACE])?;
        let apps = vec![App { client_id: CLIENT_ID.into(), client_secret: CLIENT_SECRET.into() }];
        let behaviour = Behaviour { requests_per_minute: None, ..Behaviour::default() };
        let (kore, client) = runtime.block_on(async {
            let kore = Simulator::start(([127, 0, 0, 1], 0).into(), apps, behaviour).await?;
            let kubeconfig = Kubeconfig::read_from(plane.kubeconfig())?;
            let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
            anyhow::Ok((kore, Client::try_from(config)?))
        })?;
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET, "namespace": NAMESPACE},
            "stringData": {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}});
        kubectl.apply(&secret.to_string())?;
        let options = Options::new(env!("CARGO_BIN_EXE_voicecampaign-operator").into());
        let operator = Mutex::new(Operator::start(&plane, &options)?);
        let world = Self { plane, operator, client, kore };
        let production = json!({"host": world.kore.url(), "accountId": ACCOUNT, "credentialsSecretRef": {"name": SECRET},
            "rateLimit": {"requestsPerMinute": 6000}});
        runtime.block_on(world.create(Kind::Connection, PRODUCTION, &production))?;
        Ok(world)
    }

    /// Puts a campaign into Kore.
    pub fn seed(&self, account_id: &str, stream_id: &str, campaign_id: &str) -> CampaignKey {
        let [account_id, stream_id, campaign_id] =
            [account_id, stream_id, campaign_id].map(ToOwned::to_owned);
        let key = CampaignKey { account_id, stream_id, campaign_id };
        self.kore.seed(key.clone(), &json!({}));
        key
    }

    pub async fn create(&self, kind: Kind, name: &str, spec: &Value) -> kube::Result<()> {
        let object: DynamicObject =
            serde_json::from_value(json!({"apiVersion": "voicecampaign.dev/v1alpha1",
            "kind": kind.name(), "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}))
            .map_err(kube::Error::SerdeError)?;
        self.api(kind).create(&PostParams::default(), &object).await.map(drop)
    }

    /// Changes fields of a spec.
    pub async fn patch(&self, kind: Kind, name: &str, spec: &Value) -> kube::Result<()> {
        let patch = Patch::Merge(json!({"spec": spec}));
        self.api(kind).patch(name, &PatchParams::default(), &patch).await.map(drop)
    }

    pub async fn delete(&self, kind: Kind, name: &str) -> kube::Result<()> {
        self.api(kind).delete(name, &DeleteParams::default()).await.map(drop)
    }

    /// Waits until an object, or its absence, is as wanted; the object as it was last.
    pub async fn wait<T>(
        &self,
        kind: Kind,
        name: &str,
        what: &str,
        wanted: impl Fn(Option<&Value>) -> Option<T>,
    ) -> Result<T, String> {
        let begun = Instant::now();
        loop {
            // The API server may be busy for a moment.
            let read = self.api(kind).get_opt(name).await;
            let found =
                read.map(|object| object.map(|object| serde_json::to_value(object).unwrap_or_default()));
            if let Ok(object) = &found
                && let Some(answer) = wanted(object.as_ref())
            {
                return Ok(answer);
            }
            if begun.elapsed() > PATIENCE {
                let folder = self.plane.folder().display();
                return Err(format!(
                    "{what}: in vain after {PATIENCE:?}; logs: {folder}; the object: {found:?}"
                ));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// What the operator must not have done so far.
    pub fn operator_violations(&self) -> Vec<String> {
        let mut operator = self.operator.lock().unwrap();
        let log = operator.output();
        let mut violations = Vec::new();
        if !operator.is_running() {
            violations.push(format!("the operator has ended: {}", operator.log().display()));
        }
        for word in ["panicked", CLIENT_SECRET] {
            if log.contains(word) {
                violations
                    .push(format!("the operator's log contains `{word}`: {}", operator.log().display()));
            }
        }
        violations
    }

    /// Ends everything; the logs stay if something went wrong.
    pub fn finish(self, well: bool) -> Result<()> {
        let status = self.operator.lock().unwrap().terminate()?;
        anyhow::ensure!(!well || status.success(), "the operator ends with {status}");
        if well {
            self.plane.finish();
        } else {
            println!("  logs: {}", self.plane.folder().display());
        }
        Ok(())
    }

    fn api(&self, kind: Kind) -> Api<DynamicObject> {
        let resource = ApiResource {
            group: "voicecampaign.dev".to_owned(),
            version: "v1alpha1".to_owned(),
            api_version: "voicecampaign.dev/v1alpha1".to_owned(),
            kind: kind.name().to_owned(),
            plural: format!("{}s", kind.name().to_lowercase()),
        };
        Api::namespaced_with(self.client.clone(), NAMESPACE, &resource)
    }
}
