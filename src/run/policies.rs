//! Whether the admission policies (docs/guard.md) do what they are there for. One that is not bound does nothing, and one that takes another
//! ServiceAccount for the operator's does nothing or hinders the operator; the API server says so to nobody.

use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams};
use kube::{Api, Client, ResourceExt};
use serde_json::Value;

/// Kinds of policies; `…Binding` is the kind of what binds one.
const KINDS: [&str; 2] = ["ValidatingAdmissionPolicy", "MutatingAdmissionPolicy"];
/// Label of what the chart and `deploy/` install.
const INSTALLED: &str = "app.kubernetes.io/part-of=voicecampaign-operator";

/// Policies, their bindings, and whom they have to know.
#[derive(Debug, Default)]
pub(super) struct Policies {
    policies: Vec<Found>,
    bindings: Vec<Found>,
    /// Names of what has to be there.
    wanted: Vec<String>,
    /// ServiceAccounts of operators, as `namespace/name`.
    operators: Vec<String>,
}

/// A policy or a binding.
#[derive(Debug)]
struct Found {
    /// Kind of the policy, also of a binding.
    kind: &'static str,
    name: String,
    fields: Value,
}

impl Policies {
    /// Reads the policies of these names and their bindings; or, if there are no names, all that have our label. If no ServiceAccount is
    /// named, the Deployments with our label name them.
    ///
    /// # Errors
    /// If the API server does not let them be read.
    pub(super) async fn read(
        client: &Client,
        names: &[String],
        operator: Option<&str>,
    ) -> kube::Result<Self> {
        let mut all = Self { wanted: names.to_vec(), ..Self::default() };
        let ours = ListParams::default().labels(INSTALLED);
        for kind in KINDS {
            all.policies.extend(read(client, kind, kind, names, &ours).await?);
            // Somebody may have bound them anew.
            let bindings =
                read(client, kind, &format!("{kind}Binding"), names, &ListParams::default()).await?;
            all.bindings.extend(bindings);
        }
        if names.is_empty() {
            let policies = &all.policies;
            let is_ours = |binding: &Found| {
                let labels = &binding.fields["metadata"]["labels"];
                policies.iter().any(|policy| policy.is_bound_by(binding))
                    || labels["app.kubernetes.io/part-of"] == "voicecampaign-operator"
            };
            all.bindings.retain(is_ours);
        }
        all.operators = match operator {
            Some(operator) => vec![operator.to_owned()],
            None if all.is_empty() => Vec::new(),
            None => operators(client).await?,
        };
        Ok(all)
    }

    /// Whether there are none, and none have to be there.
    pub(super) fn is_empty(&self) -> bool {
        self.policies.is_empty() && self.bindings.is_empty() && self.wanted.is_empty()
    }

    /// Whether one of them puts the finalizer on what is created in this namespace.
    pub(super) fn mutate_in(&self, namespace: &str) -> bool {
        self.policies.iter().any(|policy| {
            // The chart selects namespaces by their names.
            let selector = &policy.fields["spec"]["matchConstraints"]["namespaceSelector"];
            let selected = selector["matchExpressions"][0]["values"].as_array();
            policy.kind == KINDS[1] && selected.is_none_or(|names| names.iter().any(|name| name == namespace))
        })
    }

    /// What is wrong with them, and how to mend it.
    pub(super) fn problems(&self) -> Vec<String> {
        let is_there = |name: &&String| self.policies.iter().any(|policy| policy.name == **name);
        let missing = self.wanted.iter().filter(|name| !is_there(name));
        let missing = missing.map(|name| format!("the policy {name} is not there: install it again"));
        let of_policies = self.policies.iter().flat_map(|policy| self.problems_of_policy(policy));
        let of_bindings = self.bindings.iter().flat_map(|binding| self.problems_of_binding(binding));
        missing.chain(of_policies).chain(of_bindings).collect()
    }

    fn problems_of_policy(&self, policy: &Found) -> Vec<String> {
        let Found { kind, name, fields } = policy;
        let mut problems = Vec::new();
        if !self.bindings.iter().any(|binding| policy.is_bound_by(binding)) {
            problems.push(format!(
                "the {kind} {name} does nothing, because no {kind}Binding names it: install it again"
            ));
        }
        if fields["spec"]["failurePolicy"] == "Ignore" && !policy.sees_secrets() {
            problems.push(format!(
                "the {kind} {name} lets everything pass when it fails: set its `failurePolicy` to Fail"
            ));
        }
        let warnings = fields["status"]["typeChecking"]["expressionWarnings"].as_array();
        for warning in warnings.into_iter().flatten() {
            let text = |field: &str| warning[field].as_str().unwrap_or_default().trim().to_owned();
            problems.push(format!(
                "the API server warns of {} of the {kind} {name}, which may fail: install it again. It says: {}",
                text("fieldRef"),
                text("warning")
            ));
        }
        problems
    }

    fn problems_of_binding(&self, binding: &Found) -> Vec<String> {
        let Found { kind, name, fields } = binding;
        let spec = &fields["spec"];
        let mut problems = Vec::new();
        if !self.policies.iter().any(|policy| policy.is_bound_by(binding)) {
            let policy = spec["policyName"].as_str().unwrap_or_default();
            problems.push(format!(
                "the {kind}Binding {name} does nothing, because the policy that it names, {policy}, is not there: mend its \
                 `policyName`; with kustomize, include deploy/names"
            ));
        }
        let denies = spec["validationActions"]
            .as_array()
            .is_some_and(|actions| actions.iter().any(|action| action == "Deny"));
        if *kind == KINDS[0] && !denies {
            problems.push(format!(
                "the {kind}Binding {name} refuses nothing: set its `validationActions` to [Deny]"
            ));
        }
        let text = |field: &str| spec["paramRef"][field].as_str().unwrap_or_default();
        let account = format!("{}/{}", text("namespace"), text("name"));
        if !self.operators.contains(&account) {
            problems.push(format!(
                "the {kind}Binding {name} takes the ServiceAccount {account} for the operator's, and no operator runs under it ({}). Its \
                 policy does nothing if there is no such ServiceAccount, and hinders the operator if there is. Mend its `paramRef`; with \
                 kustomize, include deploy/names, and set the same `namespace`, `namePrefix` and `nameSuffix` for the policies as for the \
                 operator",
                if self.operators.is_empty() { "there is none".to_owned() } else { format!("but under {}", self.operators.join(", ")) }
            ));
        }
        problems
    }
}

impl Found {
    fn is_bound_by(&self, binding: &Self) -> bool {
        self.kind == binding.kind && binding.fields["spec"]["policyName"] == self.name.as_str()
    }

    /// Such a policy sees every Secret of the cluster: when it fails, it must not hold them up.
    fn sees_secrets(&self) -> bool {
        let rules = self.fields["spec"]["matchConstraints"]["resourceRules"].as_array();
        let has_secrets = |rule: &Value| {
            rule["resources"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "secrets"))
        };
        rules.is_some_and(|rules| rules.iter().any(has_secrets))
    }
}

/// Objects of a kind of the API group of the policies: those of these names, or those that a list has.
async fn read(
    client: &Client,
    of: &'static str,
    kind: &str,
    names: &[String],
    listed: &ListParams,
) -> kube::Result<Vec<Found>> {
    let kind = GroupVersionKind::gvk("admissionregistration.k8s.io", "v1", kind);
    let api = Api::<DynamicObject>::all_with(client.clone(), &ApiResource::from_gvk(&kind));
    let mut objects = Vec::new();
    for name in names {
        objects.extend(api.get_opt(name).await?);
    }
    if names.is_empty() {
        match api.list(listed).await {
            Ok(list) => objects = list.items,
            // The cluster does not serve the kind.
            Err(kube::Error::Api(status)) if status.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    let found = |object: DynamicObject| {
        let name = object.name_any();
        let fields = serde_json::to_value(object).map_err(kube::Error::SerdeError)?;
        Ok(Found { kind: of, name, fields })
    };
    objects.into_iter().map(found).collect()
}

/// Under which ServiceAccounts operators run.
async fn operators(client: &Client) -> kube::Result<Vec<String>> {
    let labels = format!("{INSTALLED},app.kubernetes.io/component=operator");
    let deployments: Api<Deployment> = Api::all(client.clone());
    let list = deployments.list(&ListParams::default().labels(&labels)).await?;
    let account = |deployment: &Deployment| {
        let pod = deployment.spec.as_ref()?.template.spec.as_ref()?;
        let name = pod.service_account_name.as_deref().unwrap_or("default");
        Some(format!("{}/{name}", deployment.namespace()?))
    };
    Ok(list.items.iter().filter_map(account).collect())
}
