//! Whether the admission policies (docs/guard.md) are in effect. A policy without a binding has no effect,
//! and one that names the wrong ServiceAccount either has no effect or restricts the operator. The API server
//! reports neither.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Container;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams};
use kube::{Api, Client, ResourceExt};
use serde_json::Value;

use crate::api::PROTECT;
use crate::campaign::REMOTE_CAMPAIGN;
use crate::connection::IN_USE;

/// Kinds of policies. The kind of their bindings ends in `Binding`.
const KINDS: [&str; 2] = ["ValidatingAdmissionPolicy", "MutatingAdmissionPolicy"];
/// Label of what the chart and `deploy/` install, unless a kustomization overrides it.
const PART_OF: (&str, &str) = ("app.kubernetes.io/part-of", "voicecampaign-operator");

/// The policies of an operator, and what they should refer to.
#[derive(Debug, Default)]
pub(super) struct Policies {
    policies: Vec<Found>,
    bindings: Vec<Found>,
    /// Names of the policies that must exist.
    required: Vec<String>,
    /// ServiceAccounts that operators run as, as `namespace/name`.
    operators: Vec<String>,
}

/// A policy or a binding.
#[derive(Debug)]
struct Found {
    /// Kind of the policy; for a binding, kind of the policy that it binds.
    kind: &'static str,
    name: String,
    fields: Value,
}

impl Policies {
    /// Reads the policies and bindings of these names; without names, all that belong to an operator. Without
    /// the ServiceAccount of the `operator`, reads those that the Deployments of operators name.
    ///
    /// # Errors
    /// If a call to the API server fails.
    pub(super) async fn read(
        client: &Client,
        names: &[String],
        operator: Option<&str>,
    ) -> kube::Result<Self> {
        let mut all = Self { required: names.to_vec(), ..Self::default() };
        for kind in KINDS {
            all.policies.extend(read(client, kind, kind, names).await?);
            // A user may have bound a policy again, under another name.
            all.bindings.extend(read(client, kind, &format!("{kind}Binding"), names).await?);
        }
        if names.is_empty() {
            all.policies.retain(|policy| is_installed(&policy.fields) || policy.is_of_an_operator());
            let policies = &all.policies;
            let is_of_an_operator = |binding: &Found| {
                policies.iter().any(|policy| policy.is_bound_by(binding)) || is_installed(&binding.fields)
            };
            all.bindings.retain(is_of_an_operator);
        }
        all.operators = match operator {
            Some(operator) => vec![operator.to_owned()],
            None if all.is_empty() => Vec::new(),
            None => operators(client).await?,
        };
        Ok(all)
    }

    /// Whether there are none, and none are required.
    pub(super) fn is_empty(&self) -> bool {
        self.policies.is_empty() && self.bindings.is_empty() && self.required.is_empty()
    }

    /// Whether one of them should add the finalizer to what is created in this namespace: it does not exclude
    /// the namespace by its name.
    pub(super) fn mutate_in(&self, namespace: &str) -> bool {
        let excludes = |resources: &Value| excludes(&resources["namespaceSelector"], namespace);
        self.policies.iter().filter(|policy| policy.kind == KINDS[1]).any(|policy| {
            let mut bindings = self.bindings.iter().filter(|binding| policy.is_bound_by(binding));
            !excludes(&policy.fields["spec"]["matchConstraints"])
                && bindings.any(|binding| !excludes(&binding.fields["spec"]["matchResources"]))
        })
    }

    /// What is wrong with them, and how to fix it.
    pub(super) fn problems(&self) -> Vec<String> {
        let exists = |name: &&String| self.policies.iter().any(|policy| policy.name == **name);
        let missing = self.required.iter().filter(|name| !exists(name));
        let missing = missing.map(|name| format!("the policy {name} does not exist: install it again"));
        let of_policies = self.policies.iter().flat_map(|policy| self.problems_of_policy(policy));
        let of_bindings = self.bindings.iter().flat_map(|binding| self.problems_of_binding(binding));
        missing.chain(of_policies).chain(of_bindings).collect()
    }

    fn problems_of_policy(&self, policy: &Found) -> Vec<String> {
        let Found { kind, name, fields } = policy;
        let mut problems = Vec::new();
        if !self.bindings.iter().any(|binding| policy.is_bound_by(binding)) {
            problems.push(format!(
                "the {kind} {name} has no effect, because no {kind}Binding names it: install it again"
            ));
        }
        if fields["spec"]["failurePolicy"] == "Ignore" && !policy.matches_secrets() {
            problems.push(format!(
                "the {kind} {name} admits every request when it fails: set its `failurePolicy` to Fail"
            ));
        }
        let warnings = fields["status"]["typeChecking"]["expressionWarnings"].as_array();
        for warning in warnings.into_iter().flatten() {
            let text = |field: &str| warning[field].as_str().unwrap_or_default().trim().to_owned();
            problems.push(format!(
                "the API server warns that {} of the {kind} {name} may fail: install it again. The warning: {}",
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
                "the {kind}Binding {name} has no effect, because its policy {policy} does not exist: correct its \
                 `policyName`; with kustomize, include deploy/names"
            ));
        }
        let denies = spec["validationActions"]
            .as_array()
            .is_some_and(|actions| actions.iter().any(|action| action == "Deny"));
        if *kind == KINDS[0] && !denies {
            problems.push(format!(
                "the {kind}Binding {name} denies nothing: set its `validationActions` to [Deny]"
            ));
        }
        let text = |field: &str| spec["paramRef"][field].as_str().unwrap_or_default();
        let account = format!("{}/{}", text("namespace"), text("name"));
        if !self.operators.contains(&account) {
            problems.push(format!(
                "the {kind}Binding {name} names the ServiceAccount {account} as the operator's, but {}. Its policy has no \
                 effect if that ServiceAccount does not exist, and restricts the operator if it does. Correct its \
                 `paramRef`; with kustomize, include deploy/names, and set the same `namespace`, `namePrefix` and \
                 `nameSuffix` for the policies as for the operator",
                match self.operators.as_slice() {
                    [] => "no operator is installed".to_owned(),
                    operators => format!("operators run as {}", operators.join(", ")),
                }
            ));
        }
        problems
    }
}

impl Found {
    /// Whether it is a policy of an operator, whatever its labels are: it refers to a ServiceAccount, and to
    /// one of the finalizers or annotations that the operator's policies are about.
    fn is_of_an_operator(&self) -> bool {
        let spec = &self.fields["spec"];
        let about = [REMOTE_CAMPAIGN.name(), IN_USE.name(), PROTECT].map(|name| format!("'{name}'"));
        let names_ours = |expression: &str| about.iter().any(|name| expression.contains(name));
        spec["paramKind"]["kind"] == "ServiceAccount" && expressions(spec).any(names_ours)
    }

    fn is_bound_by(&self, binding: &Self) -> bool {
        self.kind == binding.kind && binding.fields["spec"]["policyName"] == self.name.as_str()
    }

    /// Whether it matches Secrets. Such a policy evaluates every Secret of the cluster; so when it fails, it
    /// must admit the request.
    fn matches_secrets(&self) -> bool {
        let rules = self.fields["spec"]["matchConstraints"]["resourceRules"].as_array();
        let has_secrets = |rule: &Value| {
            rule["resources"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "secrets"))
        };
        rules.is_some_and(|rules| rules.iter().any(has_secrets))
    }
}

/// Every CEL expression of a policy: conditions, variables, validations and mutations.
fn expressions(value: &Value) -> Box<dyn Iterator<Item = &str> + '_> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("expression").and_then(Value::as_str);
            Box::new(own.into_iter().chain(fields.values().flat_map(expressions)))
        }
        Value::Array(entries) => Box::new(entries.iter().flat_map(expressions)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Box::new(std::iter::empty()),
    }
}

/// Whether a namespace selector excludes a namespace by its name. (The chart selects by names.)
fn excludes(selector: &Value, namespace: &str) -> bool {
    const NAME: &str = "kubernetes.io/metadata.name";
    let label = &selector["matchLabels"][NAME];
    let expressions = selector["matchExpressions"].as_array().into_iter().flatten();
    let mut by_name = expressions.filter(|expression| expression["key"] == NAME);
    let other = !label.is_null() && label != namespace;
    other
        || by_name.any(|expression| {
            let is_named = expression["values"]
                .as_array()
                .is_some_and(|names| names.iter().any(|name| name == namespace));
            match expression["operator"].as_str() {
                Some("In") => !is_named,
                Some("NotIn") => is_named,
                _ => false,
            }
        })
}

/// Whether it has the label of the chart and `deploy/`.
fn is_installed(object: &Value) -> bool {
    let (label, value) = PART_OF;
    object["metadata"]["labels"][label] == value
}

/// Reads objects of a kind of `admissionregistration.k8s.io`: those of these names, or all.
async fn read(client: &Client, of: &'static str, kind: &str, names: &[String]) -> kube::Result<Vec<Found>> {
    let kind = GroupVersionKind::gvk("admissionregistration.k8s.io", "v1", kind);
    let api = Api::<DynamicObject>::all_with(client.clone(), &ApiResource::from_gvk(&kind));
    let mut objects = Vec::new();
    for name in names {
        objects.extend(api.get_opt(name).await?);
    }
    if names.is_empty() {
        match api.list(&ListParams::default()).await {
            Ok(list) => objects = list.items,
            // The API server does not serve the kind.
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

/// The ServiceAccounts that operators run as.
async fn operators(client: &Client) -> kube::Result<Vec<String>> {
    let deployments: Api<Deployment> = Api::all(client.clone());
    let list = deployments.list(&ListParams::default()).await?;
    let account = |deployment: &Deployment| {
        let pod = deployment.spec.as_ref()?.template.spec.as_ref()?;
        pod.containers.iter().find(|container| is_an_operator(container))?;
        let name = pod.service_account_name.as_deref().unwrap_or("default");
        Some(format!("{}/{name}", deployment.namespace()?))
    };
    Ok(list.items.iter().filter_map(account).collect())
}

/// Whether the chart or `deploy/` has made the container, whatever its labels and its image are.
fn is_an_operator(container: &Container) -> bool {
    let has = |name: &str| container.env.iter().flatten().any(|variable| variable.name == name);
    container.args.iter().flatten().any(|argument| argument == "run")
        && has("LEASE_NAME")
        && has("WATCH_NAMESPACES")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn manifests(text: &str) -> Vec<Value> {
        serde_saphyr::from_multiple(text).unwrap()
    }

    /// A kustomization may override all labels.
    #[test]
    fn policies_are_known_without_their_labels() {
        let all = manifests(include_str!("../../deploy/policies/guard/policies.yaml"))
            .into_iter()
            .chain(manifests(include_str!("../../deploy/policies/finalizer/policies.yaml")));
        let found = |fields: Value| Found { kind: KINDS[0], name: "x".into(), fields };
        let mut known = 0;
        for mut policy in all.filter(|object| object["kind"].as_str().unwrap().ends_with("AdmissionPolicy")) {
            policy["metadata"]["labels"] = json!({"app.kubernetes.io/part-of": "outbound"});
            assert!(found(policy.clone()).is_of_an_operator(), "{policy:#}");
            known += 1;
            // Without the ServiceAccount, it is a policy of somebody else.
            let mut foreign = policy.clone();
            foreign["spec"]["paramKind"] = Value::Null;
            assert!(!found(foreign).is_of_an_operator());
            for part in ["variables", "validations", "mutations"] {
                policy["spec"][part] = Value::Null;
            }
            policy["spec"]["matchConditions"] =
                json!([{"name": "a", "expression": "has(object.metadata.labels)"}]);
            assert!(!found(policy).is_of_an_operator());
        }
        assert_eq!(known, 5);
    }

    /// Only a name excludes a namespace for sure. A policy that selects by other labels is tried.
    #[test]
    fn where_the_finalizer_is_put_on_is_known_by_names_alone() {
        let name = "kubernetes.io/metadata.name";
        let by_name = |operator: &str, namespace: &str| {
            json!({"namespaceSelector": {"matchExpressions":
                [{"key": name, "operator": operator, "values": [namespace, "other"]}]}})
        };
        let by_label = json!({"namespaceSelector": {"matchLabels": {"kore": "on"}}});
        let empty = json!({"namespaceSelector": {}, "objectSelector": {}});
        let here = json!({"namespaceSelector": {"matchLabels": {name: "here"}}});
        for (constraints, bound, expected) in [
            (Value::Null, Value::Null, true),
            (empty.clone(), empty, true),
            (by_name("In", "here"), Value::Null, true),
            (by_name("In", "there"), Value::Null, false),
            (by_name("NotIn", "here"), Value::Null, false),
            (by_name("NotIn", "there"), here.clone(), true),
            (Value::Null, by_label.clone(), true),
            (by_label.clone(), here, true),
            (by_label, by_name("NotIn", "here"), false),
            (json!({"objectSelector": {"matchLabels": {"kore": "on"}}}), Value::Null, true),
        ] {
            let found =
                |spec: Value| Found { kind: KINDS[1], name: "p".into(), fields: json!({"spec": spec}) };
            let policies = Policies {
                policies: vec![found(json!({"matchConstraints": constraints}))],
                bindings: vec![found(json!({"policyName": "p", "matchResources": bound}))],
                ..Policies::default()
            };
            assert_eq!(policies.mutate_in("here"), expected, "{:?}", policies);
        }
        assert!(!Policies::default().mutate_in("here"));
    }

    #[test]
    fn operators_are_known_without_their_labels() {
        let all = manifests(include_str!("../../deploy/base/operator.yaml"));
        let deployment = all.into_iter().find(|object| object["kind"] == "Deployment").unwrap();
        let mut deployment: Deployment = serde_json::from_value(deployment).unwrap();
        let mut container = deployment.spec.take().unwrap().template.spec.unwrap().containers.remove(0);
        assert!(is_an_operator(&container));
        container.env.as_mut().unwrap().retain(|variable| variable.name != "LEASE_NAME");
        assert!(!is_an_operator(&container));
    }
}
