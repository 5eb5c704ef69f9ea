//! Everything at once, with samples in it: what the demonstration and the playground start from.

use anyhow::Result;
use kore_simulator::{Behaviour, CampaignKey};
use serde_json::json;

use crate::control_plane::ControlPlane;
use crate::kore::Kore;
use crate::kore_ai::KoreAi;
use crate::kubectl::Kubectl;
use crate::operator::{self, Operator, Options, ServiceAccount};
use crate::samples::Samples;
use crate::{binaries, process};

/// Account and stream of the samples, as masked in Kore's documents.
const ACCOUNT: &str = "67777ce93e25326494exxxxx";
const STREAM: &str = "st-0603182c-7ffb-53c3-b307-47ca14bxxxxx";
/// Namespace of the samples.
pub const NAMESPACE: &str = "marketing";

/// A control plane, a simulated Kore and the operator.
#[derive(Debug)]
pub struct Showcase {
    /// The operator; the first to be ended.
    pub operator: Operator,
    /// The simulated Kore.
    pub kore: Kore,
    /// kubectl as an administrator.
    pub kubectl: Kubectl,
    /// Kore's own address, for the operator.
    kore_ai: KoreAi,
    /// What the simulator knows.
    samples: Samples,
    /// The control plane.
    pub plane: ControlPlane,
}

impl Showcase {
    /// Builds what is missing and starts everything.
    ///
    /// # Errors
    /// If something does not come up.
    pub async fn start() -> Result<Self> {
        process::end_with_starter();
        let program = binaries::workspace("voicecampaign-operator")?;
        binaries::control_plane("kubectl")?;
        println!(
            "Starting etcd, kube-apiserver, kube-controller-manager, a simulated Kore and the operator ..."
        );
        let plane = ControlPlane::start()?;
        let samples = Samples::read()?;
        let (id, secret) = &samples.client;
        let kore = Kore::start(id, secret, &Behaviour::default(), plane.folder()).await?;
        let simulator = kore.url().trim_start_matches("http://").parse()?;
        let kore_ai = KoreAi::start(([127, 0, 0, 1], 0).into(), simulator, plane.folder()).await?;
        operator::install(&plane)?;
        let mut options = Options::new(program);
        options.variables = kore_ai.variables(plane.folder());
        options.arguments.push("--leader-elect".to_owned());
        let operator = Operator::start(&plane, &options)?;
        let ServiceAccount { namespace, name } = &options.service_account;
        operator::stand_for_pods(&plane, namespace, name)?;
        let kubectl = plane.kubectl()?;
        kubectl.try_run(&["create", "namespace", NAMESPACE])?;
        Ok(Self { operator, kore, kubectl, kore_ai, samples, plane })
    }

    /// Ends everything and removes the logs.
    pub fn finish(self) {
        let Self { operator, kore, kubectl: _, kore_ai, samples: _, plane } = self;
        drop((operator, kore, kore_ai));
        plane.finish();
    }

    /// Puts campaigns of these names into Kore.
    ///
    /// # Errors
    /// If the simulator does not answer.
    pub async fn seed(&self, names: &[&str]) -> Result<()> {
        for name in names {
            let key = CampaignKey {
                account_id: ACCOUNT.to_owned(),
                stream_id: STREAM.to_owned(),
                campaign_id: campaign_id(name),
            };
            self.kore.seed(&[key], &json!({"name": name, "lname": name})).await?;
        }
        Ok(())
    }

    /// Puts the campaign of `deploy/samples` into Kore.
    ///
    /// # Errors
    /// If the simulator does not answer.
    pub async fn seed_sample(&self) -> Result<()> {
        self.kore.seed(std::slice::from_ref(&self.samples.campaign), &json!({})).await
    }

    /// The Secret and the KoreConnection, as a user writes them.
    pub fn connection_manifest(&self) -> String {
        let (id, secret) = &self.samples.client;
        format!(
            "apiVersion: v1
kind: Secret
metadata: {{name: kore-jwt-app, namespace: {NAMESPACE}}}
stringData: {{clientId: {id}, clientSecret: {secret}}}
---
apiVersion: voicecampaign.dev/v1alpha1
kind: KoreConnection
metadata: {{name: production, namespace: {NAMESPACE}}}
spec:
  host: {}
  accountId: {ACCOUNT}
  credentialsSecretRef: {{name: kore-jwt-app}}
",
            self.kore.url()
        )
    }
}

/// A VoiceCampaign, as a user writes it.
pub fn campaign_manifest(name: &str, deletion_policy: &str) -> String {
    format!(
        "apiVersion: voicecampaign.dev/v1alpha1
kind: VoiceCampaign
metadata: {{name: {name}, namespace: {NAMESPACE}}}
spec:
  connectionRef: {{name: production}}
  streamId: {STREAM}
  campaignId: {}
  deletionPolicy: {deletion_policy}
",
        campaign_id(name)
    )
}

/// Id in Kore of the campaign of this name.
pub fn campaign_id(name: &str) -> String {
    format!("cd-{name}")
}

/// Ends this process on SIGINT or SIGTERM; its children end with it.
///
/// # Errors
/// If the signals can't be listened for.
pub fn end_on_signal() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut term) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::spawn(async move {
        let code = tokio::select! {
            _ = interrupt.recv() => 130,
            _ = term.recv() => 143,
        };
        eprintln!("Interrupted; everything that was started ends.");
        std::process::exit(code);
    });
    Ok(())
}
