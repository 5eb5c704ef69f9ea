//! Whether the admission policies (docs/guard.md) are in effect. A policy without a binding has no effect,
//! and one that names the wrong ServiceAccount either has no effect or restricts the operator. The API server
//! reports neither.

use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams};
use kube::{Api, Client, ResourceExt};
use serde_json::Value;

use super::definitions;
use super::operator::Operators;
use super::page::Finding;
use crate::api::{FINALIZER, PROTECT};
use crate::connection::IN_USE;
use crate::kube_ext::Deployed;

/// Kinds of policies. The kind of their bindings ends in `Binding`.
const KINDS: [&str; 2] = ["ValidatingAdmissionPolicy", "MutatingAdmissionPolicy"];
/// Label of what the chart and `deploy/` install, unless a kustomization overrides it.
const PART_OF: (&str, &str) = ("app.kubernetes.io/part-of", "voicecampaign-operator");

/// Whether the policies of these names, or all that belong to an operator, are in effect.
pub(super) async fn in_effect(
    names: Option<&[String]>,
    operators: &Operators,
    namespace: &str,
    client: &Client,
) -> Finding {
    if names.is_some_and(<[String]>::is_empty) {
        return Finding::ok("this release installs none (docs/guard.md)");
    }
    let policies = match Policies::read(client, names.unwrap_or_default(), operators).await {
        Ok(policies) => policies,
        Err(error) => return Finding::refused(&error, "whether the admission policies are in effect"),
    };
    if policies.is_empty() {
        return Finding::ok("none is installed (docs/guard.md)");
    }
    let problems = policies.problems();
    if !problems.is_empty() {
        let problems = problems.join("\n- ");
        return Finding::failed(format!("the admission policies are not in effect:\n- {problems}"));
    }
    let mut finding = Finding::ok(format!("in effect: {}", policies.names()));
    if policies.accounts.is_none() {
        finding = finding.and(Finding::not_checked("whether they name the operator's ServiceAccount"));
    }
    if !policies.mutate_in(namespace) {
        return finding;
    }
    match definitions::finalizers(namespace, client).await {
        Ok(finalizers) if finalizers.iter().any(|name| name == FINALIZER) => finding,
        Ok(_) => Finding::failed(format!(
            "a VoiceCampaign is created in {namespace} without its finalizer, although a MutatingAdmissionPolicy should \
             add it (if that policy is not meant for this namespace, name another with --namespace)"
        )),
        Err(refused) => finding.and(refused),
    }
}

/// The policies of operators, and what they should refer to.
#[derive(Debug, Default)]
struct Policies {
    policies: Vec<Found>,
    bindings: Vec<Found>,
    /// Names of the policies that must exist.
    required: Vec<String>,
    /// ServiceAccounts that operators run as, as `namespace/name`; `None` if they are not known.
    accounts: Option<Vec<String>>,
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
    /// Reads the policies and bindings of these names; without names, all that belong to an operator.
    ///
    /// # Errors
    /// If a call to the API server fails.
    async fn read(client: &Client, names: &[String], operators: &Operators) -> kube::Result<Self> {
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
        let account = |operator: &Deployed| format!("{}/{}", operator.namespace, operator.service_account);
        all.accounts = match operators {
            Operators::All(operators) => Some(operators.iter().map(account).collect()),
            Operators::Named(operator) => Some(vec![account(operator)]),
            Operators::Unknown => None,
        };
        if let (Operators::Named(operator), true) = (operators, names.is_empty()) {
            all.keep_those_of(&account(operator));
        }
        Ok(all)
    }

    /// Leaves out the policies and bindings of other operators than that with this ServiceAccount.
    fn keep_those_of(&mut self, account: &str) {
        let (ours, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.bindings).into_iter().partition(|binding| binding.account() == account);
        let is_bound_by =
            |policy: &Found, bindings: &[Found]| bindings.iter().any(|binding| policy.is_bound_by(binding));
        self.policies.retain(|policy| is_bound_by(policy, &ours) || !is_bound_by(policy, &others));
        self.bindings = ours;
    }

    /// Whether there are none, and none are required.
    fn is_empty(&self) -> bool {
        self.policies.is_empty() && self.bindings.is_empty() && self.required.is_empty()
    }

    /// Their names.
    fn names(&self) -> String {
        let names: Vec<_> = self.policies.iter().map(|policy| policy.name.as_str()).collect();
        names.join(", ")
    }

    /// Whether one of them should add the finalizer to what is created in this namespace: it does not exclude
    /// the namespace by its name.
    fn mutate_in(&self, namespace: &str) -> bool {
        let excludes = |resources: &Value| excludes(&resources["namespaceSelector"], namespace);
        self.policies.iter().filter(|policy| policy.kind == KINDS[1]).any(|policy| {
            let mut bindings = self.bindings.iter().filter(|binding| policy.is_bound_by(binding));
            !excludes(&policy.fields["spec"]["matchConstraints"])
                && bindings.any(|binding| !excludes(&binding.fields["spec"]["matchResources"]))
        })
    }

    /// What is wrong with them, and how to fix it.
    fn problems(&self) -> Vec<String> {
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
        let account = binding.account();
        if let Some(accounts) = self.accounts.as_ref().filter(|accounts| !accounts.contains(&account)) {
            problems.push(format!(
                "the {kind}Binding {name} names the ServiceAccount {account} as the operator's, but {}. Its policy has no \
                 effect if that ServiceAccount does not exist, and restricts the operator if it does. Correct its \
                 `paramRef`; with kustomize, include deploy/names, and set the same `namespace`, `namePrefix` and \
                 `nameSuffix` for the policies as for the operator",
                match accounts.as_slice() {
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
        let about = [FINALIZER, IN_USE.name(), PROTECT].map(|name| format!("'{name}'"));
        let names_ours = |expression: &str| about.iter().any(|name| expression.contains(name));
        spec["paramKind"]["kind"] == "ServiceAccount" && expressions(spec).any(names_ours)
    }

    /// The ServiceAccount that a binding names, as `namespace/name`.
    fn account(&self) -> String {
        let text = |field: &str| self.fields["spec"]["paramRef"][field].as_str().unwrap_or_default();
        format!("{}/{}", text("namespace"), text("name"))
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

    /// An installation may have several operators, each with policies of its own.
    #[test]
    fn the_policies_of_another_operator_are_none_of_this_one() {
        let found = |name: &str, spec: Value| Found {
            kind: KINDS[0],
            name: name.into(),
            fields: json!({"spec": spec}),
        };
        let bound = |name: &str, namespace: &str| {
            found(
                name,
                json!({"policyName": name, "validationActions": ["Deny"],
                "paramRef": {"namespace": namespace, "name": "op"}}),
            )
        };
        let all = |accounts: Option<&[&str]>| Policies {
            policies: ["of-eu", "of-us", "unbound"]
                .map(|name| found(name, json!({"failurePolicy": "Fail"})))
                .into(),
            bindings: vec![bound("of-eu", "eu"), bound("of-us", "us")],
            required: Vec::new(),
            accounts: accounts.map(|names| names.iter().map(|&name| name.to_owned()).collect()),
        };
        let mut eu = all(Some(&["eu/op"]));
        assert_eq!(eu.problems().len(), 2, "{:?}", eu.problems());
        eu.keep_those_of("eu/op");
        assert_eq!(eu.names(), "of-eu, unbound");
        let problems = eu.problems();
        assert!(problems.len() == 1 && problems[0].contains("unbound has no effect"), "{problems:?}");
        // Whether they name the right one is not known where operators can't be read.
        assert_eq!(all(None).problems(), problems);
        assert_eq!(all(Some(&["eu/op", "us/op"])).problems(), problems);
    }
}
