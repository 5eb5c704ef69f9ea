//! A release of the chart that works in a namespace of its own, so that each test can have rights and
//! policies of its own.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use testbed::helm::{Helm, chart};
use testbed::operator::{Options, ServiceAccount};
use testbed::{Kubectl, Operator, wait};

use crate::support::*;

pub const RELEASE: &str = "voicecampaign-operator";

/// A namespace with a release that works in it.
pub async fn installed(name: &str) -> World {
    installed_with(name, &[]).await
}

/// The same with more values.
pub async fn installed_with(name: &str, values: &[&str]) -> World {
    let world = World::new(name).await;
    world.install(values);
    world.wait_until_creatable();
    world
}

/// An operator with the ServiceAccount and the environment that this Deployment gives to its Pods.
pub fn as_deployed(world: &World, namespace: &str, name: &str) -> Options {
    let deployment = world.kubectl.get("deployment", namespace, name).unwrap().expect("a Deployment");
    let pod = &deployment["spec"]["template"]["spec"];
    let account = pod["serviceAccountName"].as_str().unwrap();
    let variable = |variable: &Value| {
        let value = match variable["valueFrom"]["fieldRef"]["fieldPath"].as_str() {
            Some("spec.serviceAccountName") => account,
            Some("metadata.name") => name,
            Some(other) => panic!("{other} is not known here"),
            None => variable["value"].as_str().unwrap_or_default(),
        };
        (variable["name"].as_str().unwrap().to_owned(), value.to_owned())
    };
    let mut options = world.options();
    options.arguments.clear();
    options.variables = pod["containers"][0]["env"].as_array().unwrap().iter().map(variable).collect();
    options.service_account = ServiceAccount { namespace: namespace.into(), name: account.into() };
    options
}

impl World {
    /// Installs the chart for this namespace. What is the same for all is there already.
    pub fn install(&self, values: &[&str]) {
        self.set_up(&self.helm(), "install", values).unwrap();
    }

    /// Upgrades it to other values.
    pub fn install_again(&self, values: &[&str]) {
        self.try_install_again(values).unwrap();
    }

    pub fn try_install_again(&self, values: &[&str]) -> anyhow::Result<String> {
        self.set_up(&self.helm(), "upgrade", values)
    }

    /// Installs or upgrades it by this helm.
    pub fn set_up(&self, helm: &Helm, command: &str, values: &[&str]) -> anyhow::Result<String> {
        let (name, chart) = (self.namespace.as_str(), chart().display().to_string());
        let scope = format!("watchNamespaces={{{name}}},rbac.aggregateRoles=false,crds.enabled=false");
        let mut arguments = vec![command, RELEASE, &chart, "--namespace", name, "--set", &scope];
        arguments.extend(values.iter().flat_map(|value| ["--set", value]));
        helm.run(&arguments)
    }

    pub fn helm(&self) -> Helm {
        Helm::on(&self.plane, 4).unwrap()
    }

    /// An operator as the chart would start it: its ServiceAccount, and a lease.
    pub fn released_operator(&self) -> Operator {
        Operator::start(&self.plane, &self.as_released()).unwrap()
    }

    pub fn as_released(&self) -> Options {
        let mut options = self.options();
        let named = [format!("--lease-name={RELEASE}"), format!("--role-binding={RELEASE}")];
        options.arguments.extend(["--leader-elect".to_owned()].into_iter().chain(named));
        options.service_account = self.account();
        options
    }

    pub fn account(&self) -> ServiceAccount {
        ServiceAccount { namespace: self.namespace.clone(), name: RELEASE.into() }
    }

    /// kubectl as a ServiceAccount of this namespace.
    pub fn kubectl_of(&self, account: &str) -> Kubectl {
        Kubectl::new(self.kubeconfig_of(account, None)).unwrap()
    }

    /// The same for any client, which reaches the API server at this address, if not its own.
    pub fn kubeconfig_of(&self, account: &str, server: Option<&str>) -> PathBuf {
        let token = self.run(&["create", "token", account, "--duration=24h"]);
        let name = format!("{account}-{}", self.namespace);
        self.plane.kubeconfig_for_token(&name, &self.namespace, token.trim(), server).unwrap()
    }

    /// Waits until the API server keeps the policies: until then an object is created without a finalizer.
    pub fn wait_for_policies(&self) {
        if !serves_mutating_policies() {
            return self.wait_for_protection();
        }
        let manifest = self.campaign("probe", &json!({})).to_string();
        wait::until("an object has its finalizer when it is created", PATIENCE, || {
            let created = ["create", "--dry-run=server", "--output=json", "--filename", "-"];
            // For up to 5 s after a definition is new, the API server answers 503 where a policy would
            // mutate.
            let created = self.kubectl.pipe(&created, &manifest);
            Ok(created.is_ok_and(|created| created.contains("remote-campaign")).then_some(()))
        })
        .unwrap();
    }

    /// The same where no policy mutates.
    fn wait_for_protection(&self) {
        let protected = json!({"deletionPolicy": "Orphan"});
        let mut manifest = self.campaign("protected-probe", &protected);
        manifest["metadata"]["annotations"] = json!({"voicecampaign.dev/protect": "true"});
        self.apply(&manifest);
        wait::until("a protected object is not deleted", PATIENCE, || {
            let deleted = self.kubectl.try_run(&["delete", "vcamp", "protected-probe", "--dry-run=server"]);
            Ok(deleted.is_err_and(|refused| refused.to_string().contains("protect")).then_some(()))
        })
        .unwrap();
        self.run(&["annotate", "vcamp", "protected-probe", "voicecampaign.dev/protect-"]);
        self.run(&["delete", "vcamp", "protected-probe", "--wait=false"]);
    }

    /// How many policies and bindings of this release there are.
    pub fn policies(&self) -> usize {
        let mut kinds = "validatingadmissionpolicies,validatingadmissionpolicybindings".to_owned();
        if serves_mutating_policies() {
            kinds += ",mutatingadmissionpolicies,mutatingadmissionpolicybindings";
        }
        let all = self.kubectl.try_run(&["get", &kinds, "--output=name"]).unwrap();
        all.lines().filter(|name| name.ends_with(&format!(".{}", self.namespace))).count()
    }
}

/// How many policies and bindings the chart has where the tests run.
pub fn all_policies() -> usize {
    2 * (4 + usize::from(serves_mutating_policies()))
}

/// Whether a command succeeds, and what it says.
pub fn finished(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    (output.status.success(), said)
}
