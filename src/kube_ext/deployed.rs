//! An operator, as its Deployment describes it.

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Container;
use kube::{Resource, ResourceExt};

use super::lease::lease_name;
use super::selected::Selected;

/// An operator, as its Deployment describes it: its environment as the chart and `deploy/` set it.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployed {
    /// Namespace of the Deployment.
    pub namespace: String,
    /// Name of the Deployment.
    pub name: String,
    /// Release of Helm that it is of, if it is of one.
    pub release: Option<String>,
    /// ServiceAccount that its Pods run as.
    pub service_account: String,
    /// Its Pods.
    pub pods: Pods,
    /// The namespaces that it watches; all if empty, and `None` if that can't be seen.
    pub watches: Option<Vec<String>>,
    /// The labels that it selects; `None` if that can't be seen.
    pub selected: Option<Selected>,
    /// Whether it takes a Lease.
    pub lease: Election,
    /// Its RoleBinding in each watched namespace that it keeps by a finalizer, if it keeps one.
    pub role_binding: Option<String>,
}

/// The Pods of a Deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pods {
    /// How many it is to have.
    pub wanted: i32,
    /// How many are ready, of any version.
    pub ready: i32,
    /// How many are of its newest version; `None` while nobody has looked at that version yet.
    pub updated: Option<i32>,
    /// Whether Kubernetes has given up to wait for the newest version.
    pub is_stuck: bool,
}

/// Whether an operator takes a Lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Election {
    /// The one of this name, in its namespace.
    Lease(String),
    /// None: it always works.
    None,
    /// That can't be seen.
    Unseen,
}

impl Deployed {
    /// `None` if it runs no operator. One is known by the command and the variables of its container,
    /// whatever its labels and its image are.
    pub fn of(deployment: &Deployment) -> Option<Self> {
        let pod = deployment.spec.as_ref()?.template.spec.as_ref()?;
        let container = pod.containers.iter().find(|container| is_an_operator(container))?;
        let service_account = pod.service_account_name.as_deref().unwrap_or("default");
        let value = |name| value(container, name, service_account);
        let watches = value("WATCH_NAMESPACES").map(names);
        let selected: Option<Selected> = value("SELECTOR").and_then(|selector| selector.parse().ok());
        let lease = match (value("LEADER_ELECT"), value("LEASE_NAME"), &watches, &selected) {
            (Some("true"), Some(""), Some(watches), Some(selected)) => {
                Election::Lease(lease_name(watches, selected))
            }
            (Some("true"), Some(name), ..) if !name.is_empty() => Election::Lease(name.to_owned()),
            (Some("" | "false"), ..) => Election::None,
            _ => Election::Unseen,
        };
        let of_helm =
            deployment.labels().get("app.kubernetes.io/managed-by").is_some_and(|manager| manager == "Helm");
        let release = deployment.labels().get("app.kubernetes.io/instance").filter(|_| of_helm).cloned();
        Some(Self {
            namespace: deployment.namespace().unwrap_or_default(),
            name: deployment.name_any(),
            release,
            service_account: service_account.to_owned(),
            pods: Pods::of(deployment),
            watches,
            selected,
            lease,
            role_binding: value("ROLE_BINDING").filter(|name| !name.is_empty()).map(str::to_owned),
        })
    }

    /// Whether it watches a namespace, as far as that can be seen.
    pub fn watches(&self, namespace: &str) -> bool {
        let Some(watches) = &self.watches else { return true };
        watches.is_empty() || watches.iter().any(|watched| watched == namespace)
    }

    /// Whether it works for an object, as far as that can be seen.
    pub fn covers(&self, object: &impl Resource) -> bool {
        let namespace = object.meta().namespace.as_deref().unwrap_or_default();
        self.watches(namespace) && self.selected.as_ref().is_none_or(|selected| selected.selects(object))
    }

    /// Whether it may work for the same resources as another one at the same time.
    pub fn overlaps(&self, other: &Self) -> bool {
        let elects = |operator: &Self| match &operator.lease {
            Election::Lease(name) => Some((operator.namespace.clone(), name.clone())),
            Election::None | Election::Unseen => None,
        };
        let (Some(watches), Some(others)) = (&self.watches, &other.watches) else { return false };
        let (Some(selected), Some(other_selected)) = (&self.selected, &other.selected) else { return false };
        let meet =
            watches.is_empty() || others.is_empty() || watches.iter().any(|watched| others.contains(watched));
        let alike = selected == other_selected || selected.selects_all() || other_selected.selects_all();
        meet && alike && (elects(self).is_none() || elects(self) != elects(other))
    }
}

impl Pods {
    fn of(deployment: &Deployment) -> Self {
        let status = deployment.status.as_ref();
        let observed = status.and_then(|status| status.observed_generation);
        let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
        Self {
            wanted: deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1),
            ready: status.and_then(|status| status.ready_replicas).unwrap_or_default(),
            updated: (observed >= deployment.metadata.generation)
                .then(|| status.and_then(|status| status.updated_replicas).unwrap_or_default()),
            is_stuck: conditions
                .iter()
                .any(|condition| condition.type_ == "Progressing" && condition.status == "False"),
        }
    }
}

/// The names of a list, sorted, once each.
fn names(list: &str) -> Vec<String> {
    let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
    let names: BTreeSet<_> = names.map(str::to_owned).collect();
    names.into_iter().collect()
}

fn is_an_operator(container: &Container) -> bool {
    let has = |name: &str| container.env.iter().flatten().any(|variable| variable.name == name);
    let is_run = container.args.iter().flatten().any(|argument| argument == "run");
    is_run && ["LEADER_ELECT", "LEASE_NAME", "SELECTOR", "WATCH_NAMESPACES"].into_iter().all(has)
}

/// The value of a variable, empty if it is not set; `None` if it can't be seen in the Deployment.
fn value<'a>(container: &'a Container, name: &str, service_account: &'a str) -> Option<&'a str> {
    let Some(variable) = container.env.iter().flatten().find(|variable| variable.name == name) else {
        return Some("");
    };
    let Some(source) = &variable.value_from else {
        return Some(variable.value.as_deref().unwrap_or_default());
    };
    let field = source.field_ref.as_ref().map(|field| field.field_path.as_str());
    (field == Some("spec.serviceAccountName")).then_some(service_account)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The Deployment of `deploy/base`, changed.
    fn deployment(change: impl FnOnce(&mut Value)) -> Deployment {
        let all: Vec<Value> =
            serde_saphyr::from_multiple(include_str!("../../deploy/base/operator.yaml")).unwrap();
        let mut deployment = all.into_iter().find(|object| object["kind"] == "Deployment").unwrap();
        change(&mut deployment);
        serde_json::from_value(deployment).unwrap()
    }

    /// Sets a variable.
    fn set(deployment: &mut Value, name: &str, value: Value) {
        let env = deployment["spec"]["template"]["spec"]["containers"][0]["env"].as_array_mut().unwrap();
        env.retain(|variable| variable["name"] != name);
        let mut variable = value;
        variable["name"] = json!(name);
        env.push(variable);
    }

    /// A kustomization may override all labels.
    #[test]
    fn an_operator_is_known_without_its_labels() {
        let found = Deployed::of(&deployment(|deployment| {
            deployment["metadata"]["labels"] = json!({});
            deployment["metadata"]["generation"] = json!(3);
            deployment["status"] = json!({"readyReplicas": 1, "updatedReplicas": 1, "observedGeneration": 3});
        }));
        let found = found.unwrap();
        assert_eq!((found.name.as_str(), found.service_account.as_str()), (crate::NAME, crate::NAME));
        let pods = Pods { wanted: 1, ready: 1, updated: Some(1), is_stuck: false };
        assert_eq!((found.pods, found.release), (pods, None));
        assert_eq!(found.lease, Election::Lease(crate::NAME.to_owned()));
        assert!(found.watches == Some(Vec::new()) && found.selected.unwrap().selects_all());
        let other = deployment(|deployment| {
            let env = &mut deployment["spec"]["template"]["spec"]["containers"][0]["env"];
            env.as_array_mut().unwrap().retain(|variable| variable["name"] != "LEASE_NAME");
        });
        assert_eq!(Deployed::of(&other), None);
    }

    #[test]
    fn it_says_where_the_operator_works_and_by_which_lease() {
        let found = |change: &dyn Fn(&mut Value)| Deployed::of(&deployment(change)).unwrap();
        let some = found(&|deployment| {
            deployment["metadata"]["labels"] =
                json!({"app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/instance": "mine"});
            set(deployment, "WATCH_NAMESPACES", json!({"value": "b, a,b"}));
            set(deployment, "SELECTOR", json!({"value": "shard=a"}));
            set(deployment, "ROLE_BINDING", json!({"value": "rights"}));
            set(deployment, "LEASE_NAME", json!({"value": ""}));
        });
        let watches = ["a", "b"].map(str::to_owned).to_vec();
        let lease = lease_name(&watches, &"shard=a".parse().unwrap());
        assert_eq!((some.watches, some.lease), (Some(watches), Election::Lease(lease)));
        assert_eq!((some.role_binding.as_deref(), some.release.as_deref()), (Some("rights"), Some("mine")));

        let none = found(&|deployment| set(deployment, "LEADER_ELECT", json!({"value": "false"})));
        assert_eq!(none.lease, Election::None);
        let hidden = json!({"valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}});
        let unseen = found(&|deployment| set(deployment, "SELECTOR", hidden.clone()));
        assert_eq!(unseen.selected, None);
        for name in ["LEADER_ELECT", "LEASE_NAME"] {
            let unseen = found(&|deployment| set(deployment, name, hidden.clone()));
            assert_eq!(unseen.lease, Election::Unseen, "{name}");
        }
        let unseen = found(&|deployment| set(deployment, "WATCH_NAMESPACES", hidden.clone()));
        assert!(unseen.watches.is_none() && unseen.watches("a"));
        let account = json!({"valueFrom": {"fieldRef": {"fieldPath": "spec.serviceAccountName"}}});
        let of_account = found(&|deployment| set(deployment, "LEASE_NAME", account.clone()));
        assert_eq!(of_account.lease, Election::Lease(crate::NAME.to_owned()));
    }

    #[test]
    fn a_version_that_does_not_start_is_told_from_one_that_runs() {
        let pods = |status: Value| {
            let found = deployment(|deployment| {
                deployment["metadata"]["generation"] = json!(2);
                deployment["status"] = status;
            });
            Deployed::of(&found).unwrap().pods
        };
        let old = pods(json!({"readyReplicas": 1, "updatedReplicas": 1, "observedGeneration": 1}));
        assert_eq!((old.ready, old.updated, old.is_stuck), (1, None, false));
        let conditions =
            json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]);
        let stuck = pods(json!({"readyReplicas": 1, "observedGeneration": 2, "conditions": conditions}));
        assert_eq!((stuck.ready, stuck.updated, stuck.is_stuck), (1, Some(0), true));
    }

    #[test]
    fn two_that_work_for_the_same_resources_are_known() {
        let operator = |watches: &str, selector: &str, lease: &str| {
            let found = deployment(|deployment| {
                set(deployment, "WATCH_NAMESPACES", json!({"value": watches}));
                set(deployment, "SELECTOR", json!({"value": selector}));
                set(deployment, "LEASE_NAME", json!({"value": lease}));
            });
            Deployed::of(&found).unwrap()
        };
        let overlap = |one: &Deployed, other: &Deployed| {
            assert_eq!(one.overlaps(other), other.overlaps(one));
            one.overlaps(other)
        };
        assert!(overlap(&operator("", "", "a"), &operator("x", "", "b")));
        assert!(overlap(&operator("x,y", "s=1", "a"), &operator("y", "", "b")));
        assert!(!overlap(&operator("x", "", "a"), &operator("y", "", "b")), "other namespaces");
        assert!(!overlap(&operator("", "s=1", "a"), &operator("", "s=2", "b")), "other resources");
        assert!(!overlap(&operator("", "", "a"), &operator("", "", "a")), "they elect one of them");
    }
}
