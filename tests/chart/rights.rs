//! Roles and policies of the chart, and what its check knows of them.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use voicecampaign_operator::api::{BREAK_GLASS, PROTECT};
use voicecampaign_operator::campaign::REMOTE_CAMPAIGN;
use voicecampaign_operator::check::{LEASE, NEW_LEASE, ROLE_BINDING, RULES, Rule};
use voicecampaign_operator::connection::IN_USE;

use crate::support::*;

/// No role has `*`. Roles allow only `get` and `patch` on Secrets, except that the uninstall may list Helm's.
/// With `watchNamespaces` no role is bound in the whole cluster.
#[test]
fn the_roles_are_narrow() {
    for (name, values) in SETS {
        let all = objects(&render(4, values).unwrap());
        let roles = all.iter().filter(|object| object["kind"].as_str().unwrap().ends_with("Role"));
        let mut with_secrets = Vec::new();
        for role in roles {
            for rule in role["rules"].as_array().unwrap() {
                assert!(!rule.to_string().contains('*'), "{name}: {rule}");
                let of_uninstall = role["metadata"]["name"] == format!("{RELEASE}-uninstall-operator");
                if of_uninstall && rule["resources"] == json!(["secrets"]) {
                    assert_eq!(role["metadata"]["namespace"], NAMESPACE, "{name}: {rule}");
                    assert_eq!(rule["verbs"], json!(["list"]), "{name}: {rule}");
                } else if rule["resources"].to_string().contains("secrets") {
                    assert_eq!(rule["verbs"], json!(["get", "patch"]), "{name}: {rule}");
                    with_secrets.push(role["kind"].as_str().unwrap());
                }
            }
        }
        assert_eq!(with_secrets, ["ClusterRole"], "{name}");
        // Except the rights to the policies, which are cluster-scoped.
        let bound: Vec<&str> = all
            .iter()
            .filter(|object| object["kind"] == "ClusterRoleBinding")
            .map(|binding| binding["roleRef"]["name"].as_str().unwrap())
            .filter(|role| !role.starts_with("policies."))
            .collect();
        assert_eq!(bound.is_empty(), name == "namespaced", "{name}: {bound:?}");
    }
}

/// The chart renders the policies that the cluster serves; with `selector` only `protect`, because a policy
/// can't tell which instance an object belongs to.
#[test]
fn policies_are_rendered_where_they_are_served() {
    let policies = |values: &[&str]| {
        let all = objects(&render(4, values).unwrap());
        let name =
            |object: &Value| object["metadata"]["name"].as_str()?.split('.').next().map(ToOwned::to_owned);
        let policies =
            all.iter().filter(|object| object["kind"].as_str().unwrap().ends_with("AdmissionPolicy"));
        policies.filter_map(name).collect::<Vec<_>>()
    };
    let guards = ["guard", "guard-connections", "guard-secrets", "protect"];
    assert_eq!(policies(&["--kube-version=1.36.0"]), [&["finalizer"], &guards[..]].concat());
    assert_eq!(policies(&["--kube-version=1.35.9"]), guards);
    assert_eq!(policies(&["--set", "selector=shard=a"]), ["protect"]);
    assert_eq!(policies(&["--set", "admissionPolicies.mutating=false"]), guards);
    assert_eq!(policies(&["--set", "admissionPolicies.validating=false"]), ["finalizer"]);
    // With a cluster, its API decides and not its version.
    let served = ["--kube-version=1.36.0", "--api-versions=v1/Pod"];
    assert_eq!(policies(&served), [""; 0]);
    let one = "--api-versions=admissionregistration.k8s.io/v1/MutatingAdmissionPolicy";
    assert_eq!(policies(&[&served[..], &[one]].concat()), ["finalizer"]);
}

/// The uninstall deletes every policy that the chart renders.
#[test]
fn the_uninstall_knows_every_policy() {
    let all = objects(&render(4, &[]).unwrap());
    let policies = all.iter().filter(|object| object["kind"].as_str().unwrap().ends_with("AdmissionPolicy"));
    let names: Vec<&str> = policies.map(|policy| policy["metadata"]["name"].as_str().unwrap()).collect();
    let job = all.iter().find(|object| object["kind"] == "Job").unwrap();
    let arguments = &job["spec"]["template"]["spec"]["containers"][0]["args"];
    assert!(arguments.to_string().contains(&format!("--policies={}\"", names.join(","))), "{arguments}");
    let role = all
        .iter()
        .find(|object| object["metadata"]["name"].as_str().unwrap().starts_with("policies."))
        .unwrap();
    assert_eq!(role["rules"][0]["resourceNames"], json!(names));
}

/// `helm test` checks every policy that the chart renders, and has the right to read no other.
#[test]
fn the_check_knows_every_policy() {
    let chart = chart().display().to_string();
    let sets = [
        "",
        "selector=shard=a",
        "admissionPolicies.mutating=false",
        "admissionPolicies.validating=false",
        "admissionPolicies.mutating=false,admissionPolicies.validating=false",
    ];
    for (values, version) in sets.iter().flat_map(|values| ["1.36.0", "1.35.0"].map(|v| (values, v))) {
        let version = format!("--kube-version={version}");
        let arguments = ["template", RELEASE, &chart, "--namespace", NAMESPACE, &version, "--set", values];
        let all = objects(&Helm::new(4).unwrap().run(&arguments).unwrap());
        let kind = |object: &Value, wanted: &str| object["kind"].as_str().unwrap().ends_with(wanted);
        let name = |object: &Value| object["metadata"]["name"].as_str().unwrap().to_owned();
        let policies: Vec<String> =
            all.iter().filter(|object| kind(object, "AdmissionPolicy")).map(name).collect();
        let role =
            all.iter().find(|object| name(object).starts_with("policies.voicecampaign-operator-check"));
        let pod = all.iter().find(|object| kind(object, "Pod")).unwrap();
        let arguments = pod["spec"]["containers"][0]["args"].to_string();
        assert_eq!(role.is_some(), !policies.is_empty(), "{values} {version}");
        if let Some(role) = role {
            assert_eq!(role["rules"][0]["resourceNames"], json!(policies), "{values} {version}");
        }
        // Without a policy, none: to list them, it has no right.
        let wanted = format!("--policies={}\"", policies.join(","));
        assert!(arguments.contains(&wanted), "{values} {version}: {arguments}");
    }
}

/// `helm test` asks for each right that the roles of the operator give, and for no other: what a rule no
/// longer gives, it finds.
#[test]
fn the_check_asks_for_every_right() {
    let rights = |rules: &[Rule]| -> BTreeSet<String> {
        let each = |rule: &Rule| {
            let Rule { group, resource, verbs } = *rule;
            verbs.iter().map(|verb| format!("{verb} {group}/{resource}")).collect::<Vec<_>>()
        };
        rules.iter().flat_map(each).collect()
    };
    let lease = rights(&[LEASE, NEW_LEASE]);
    for (values, expected) in [
        ("", rights(&RULES)),
        ("watchNamespaces={a}", rights(&[&RULES[..], &[ROLE_BINDING]].concat())),
        ("watchNamespaces={a},rbac.clusterRoles=false", rights(&RULES)),
    ] {
        let rendered = render(4, &["--show-only=templates/rbac.yaml", "--set", values]).unwrap();
        let mut granted = BTreeSet::new();
        for role in objects(&rendered).iter().filter(|object| object["rules"].is_array()) {
            for rule in role["rules"].as_array().unwrap() {
                let texts =
                    |field: &str| rule[field].as_array().unwrap().iter().map(|text| text.as_str().unwrap());
                for (group, resource) in
                    texts("apiGroups").flat_map(|group| texts("resources").map(move |r| (group, r)))
                {
                    granted.extend(texts("verbs").map(|verb| format!("{verb} {group}/{resource}")));
                }
            }
        }
        assert_eq!(granted, &expected | &lease, "{values}");
    }
}

/// `helm test` may read what the page is about, create what it tries as a dry run, and nothing more; with
/// `watchNamespaces` in those namespaces only, where its rights belong to the release: a namespace that is
/// being deleted when the test runs does not hinder it.
#[test]
fn the_roles_of_the_check_are_narrow() {
    let chart = chart().display().to_string();
    for (values, namespaces) in [
        ("", &[][..]),
        ("watchNamespaces={a,b}", &["a", "b"][..]),
        ("watchNamespaces={a},rbac.clusterRoles=false", &["a"]),
    ] {
        let set = format!("admissionPolicies.mutating=false,admissionPolicies.validating=false,{values}");
        let arguments = ["template", RELEASE, &chart, "--namespace", NAMESPACE, "--set", &set];
        let all = objects(&Helm::new(4).unwrap().run(&arguments).unwrap());
        let name = |object: &Value| object["metadata"]["name"].as_str().unwrap().to_owned();
        let roles: Vec<&Value> = all
            .iter()
            .filter(|object| object["rules"].is_array() && name(object).contains("-check"))
            .collect();
        for role in &roles {
            for rule in role["rules"].as_array().unwrap() {
                let reads = rule["verbs"] == json!(["get"]) || rule["verbs"] == json!(["list"]);
                let tries = rule["verbs"] == json!(["create"])
                    && (rule["resources"] == json!(["voicecampaigns"])
                        || rule["resources"].to_string().contains("subjectaccessreviews"));
                assert!(reads || tries, "{values}: {rule}");
            }
        }
        let of_release: Vec<&str> = roles
            .iter()
            .filter(|role| role["metadata"]["annotations"].is_null())
            .map(|role| role["metadata"]["namespace"].as_str().unwrap())
            .collect();
        assert_eq!(of_release, namespaces, "{values}");
        let of_cluster = roles.iter().filter(|role| role["kind"] == "ClusterRole").count();
        assert_eq!(of_cluster, usize::from(namespaces.is_empty()), "{values}");
        assert_eq!(roles.len(), 1 + namespaces.len() + of_cluster, "{values}");
    }
}

/// The policies use the same finalizers and annotations as the operator.
#[test]
fn the_policies_name_what_the_operator_does() {
    let rendered = render(4, &["--show-only", "templates/policies/*.yaml"]).unwrap();
    let known = [REMOTE_CAMPAIGN.name(), IN_USE.name(), BREAK_GLASS, PROTECT];
    for name in known {
        assert!(rendered.contains(&format!("'{name}'")), "{name}");
    }
    let ours = rendered
        .split("'voicecampaign.dev/")
        .skip(1)
        .map(|rest| rest.split(&['\'', ' '][..]).next().unwrap());
    for name in ours {
        assert!(known.contains(&format!("voicecampaign.dev/{name}").as_str()), "{name}");
    }
}
