//! What is done to the operator while it works.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kore_simulator::{Entry, Fault};
use serde_json::{Value, json};
use testbed::documents::{Block, Check, blocks_for};
use testbed::flux::{self, Flux};
use testbed::helm;

use crate::cluster::{CAMPAIGNS, Cluster, PATIENCE, RELEASE, SYSTEM, longest_gap};

/// What the lease of a leader that is gone lasts.
const LEASE: Duration = Duration::from_secs(15);

type Scenario = fn(&Cluster);

pub const ALL: [(&str, Scenario); 8] = [
    ("installed_as_the_readme_says", installed_as_the_readme_says),
    ("a_leader_that_is_deleted_loses_nothing", a_leader_that_is_deleted_loses_nothing),
    ("evictions_leave_one_at_work", evictions_leave_one_at_work),
    ("an_upgrade_with_200_deletions_in_flight", an_upgrade_with_200_deletions_in_flight),
    ("too_little_memory_loses_nothing", too_little_memory_loses_nothing),
    ("one_namespace_without_a_cluster_role", one_namespace_without_a_cluster_role),
    ("an_uninstall_strands_nothing", an_uninstall_strands_nothing),
    ("flux_applies_prunes_and_removes", flux_applies_prunes_and_removes),
];

/// The commands of the README, word for word: from nothing to a deleted campaign, at Kore's own address, and
/// back. Only the registry is left out. Kore's own address leads to the simulator through a proxy, so the
/// proxy and its CA are added.
fn installed_as_the_readme_says(cluster: &Cluster) {
    cluster.create_namespace(SYSTEM);
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kore-ca", "namespace": SYSTEM},
        "data": {"ca.crt": cluster.kore_ca}});
    cluster.pipe(&["apply", "--filename", "-"], &map.to_string()).unwrap();
    let surroundings = [
        &format!("proxy.httpsProxy=http://{}", cluster.proxy_at),
        "extraEnv[0].name=KORE_CA_FILE,extraEnv[0].value=/etc/kore/ca.crt",
        "extraVolumes[0].name=kore-ca,extraVolumes[0].configMap.name=kore-ca",
        "extraVolumeMounts[0].name=kore-ca,extraVolumeMounts[0].mountPath=/etc/kore",
    ]
    .map(|value| format!(" --set '{value}'"))
    .concat();
    cluster.kore.seed(cluster.samples.campaign.clone(), &json!({}));
    assert_both_readmes_say_the_same();
    let commands = readme_commands();
    assert_eq!(commands.len(), 8, "{commands:#?}");
    for mut command in commands {
        if command.starts_with("helm install") {
            command = command.replace("REGISTRY/", "") + &surroundings;
        }
        let said = cluster.shell(&command);
        if command.starts_with("helm test") {
            assert!(said.contains("Succeeded"), "{said}");
        }
        if command == "kubectl get vcamp" {
            cluster.until("the campaign is found", || cluster.shell(&command).contains("CampaignFound"));
        }
        if command.starts_with("kubectl delete voicecampaign") {
            assert!(cluster.kore.campaigns().is_empty());
            asked_as_the_documents_say(cluster);
        }
    }
    cluster.run(&["delete", "namespace", SYSTEM, "--timeout=60s"]);
}

/// The commands of the README that need Pods, in its order: from nothing to a deleted campaign and back.
fn readme_commands() -> Vec<String> {
    let blocks = blocks_for(Check::Pods).unwrap().into_iter().filter(|block| block.document == "README.md");
    let blocks: String = blocks.map(|block| block.text).collect();
    let blocks = blocks.replace("\\\n", " ");
    let lines = blocks.lines().map(|line| line.split('#').next().unwrap());
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// What other documents tell those to type who run the operator in Pods.
fn asked_as_the_documents_say(cluster: &Cluster) {
    let of_others = |block: &Block| !block.document.ends_with("README.md");
    for block in blocks_for(Check::Pods).unwrap().into_iter().filter(of_others) {
        let said = cluster.shell(&block.text);
        assert!(!said.trim().is_empty(), "{block} says nothing");
    }
}

/// The chart's README has no other commands than that of the repository.
fn assert_both_readmes_say_the_same() {
    let readme = include_str!("../../README.md").split_whitespace().collect::<Vec<_>>().join(" ");
    let of_chart = |block: &Block| block.document.starts_with("charts/");
    for block in blocks_for(Check::Pods).unwrap().into_iter().filter(of_chart) {
        for line in block.text.replace("\\\n", " ").lines().filter(|line| line.starts_with("helm")) {
            let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(
                readme.replace("\\ ", "").contains(&line),
                "{block}: README.md has another command than {line}"
            );
        }
    }
}

/// The leader's Pod is deleted with deletions in flight. It finishes what it has begun, and lets go of the
/// lease; the other one goes on.
fn a_leader_that_is_deleted_loses_nothing(cluster: &Cluster) {
    let names = at_work(cluster, &["replicas=2"], 60);
    cluster.kore.add_fault(Fault::delay_delete(None, 1500));
    cluster.delete(&names);
    cluster.until("the first is asked for", || !cluster.deletes(&names).is_empty());
    let leader = cluster.leader();
    cluster.run(&["delete", "pod", &leader, "--namespace", SYSTEM, "--wait=false"]);
    cluster.until_gone(&names);
    assert_ne!(cluster.leader(), leader);
    let deletes = cluster.deletes(&names);
    assert_once(&deletes, 0);
    assert!(longest_gap(&deletes) < LEASE / 2, "{:?}", longest_gap(&deletes));

    // Killed without a word.
    let names = cluster.create_found("killed", 60);
    cluster.delete(&names);
    cluster.until("the first is asked for", || !cluster.deletes(&names).is_empty());
    let leader = cluster.leader();
    cluster.run(&[
        "delete",
        "pod",
        &leader,
        "--namespace",
        SYSTEM,
        "--wait=false",
        "--grace-period=0",
        "--force",
    ]);
    cluster.until_gone(&names);
    let deletes = cluster.deletes(&names);
    // What was under way then is asked for again.
    assert_once(&deletes, 16);
    assert!(longest_gap(&deletes) < LEASE + Duration::from_secs(4), "{:?}", longest_gap(&deletes));
    cluster.clear();
}

/// A node is drained: one Pod goes, and the next only when there is another.
fn evictions_leave_one_at_work(cluster: &Cluster) {
    let names = at_work(cluster, &["replicas=2"], 60);
    let evict = |pod: &str| {
        let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": SYSTEM}});
        let path = format!("/api/v1/namespaces/{SYSTEM}/pods/{pod}/eviction");
        cluster.pipe(&["create", "--raw", &path, "--filename", "-"], &eviction.to_string())
    };
    cluster.kore.add_fault(Fault::delay_delete(None, 3000));
    cluster.delete(&names);
    cluster.until("the first is asked for", || !cluster.deletes(&names).is_empty());
    let leader = cluster.leader();
    let other = cluster.pods().into_iter().map(|(name, _)| name).find(|name| *name != leader).unwrap();
    evict(&leader).unwrap();
    let refused = evict(&other).unwrap_err().to_string();
    assert!(refused.contains("disruption budget"), "{refused}");
    cluster.until_gone(&names);
    assert_once(&cluster.deletes(&names), 0);
    cluster.clear();
}

/// Another version of the image is rolled out.
fn an_upgrade_with_200_deletions_in_flight(cluster: &Cluster) {
    let names = at_work(cluster, &["replicas=2"], 200);
    let before: Vec<String> = cluster.pods().into_iter().map(|(name, _)| name).collect();
    // So slow that the old leader can't be through with them before the new one comes.
    cluster.kore.add_fault(Fault::delay_delete(None, 8000));
    cluster.delete(&names);
    cluster.until("some are asked for", || cluster.deletes(&names).len() > 20);
    cluster.install(&["replicas=2", &format!("image.tag={}", crate::cluster::NEXT)]);
    cluster.until("the old ones are gone", || cluster.pods().iter().all(|(name, _)| !before.contains(name)));
    cluster.kore.clear_faults();
    cluster.until_gone(&names);
    let deletes = cluster.deletes(&names);
    assert_once(&deletes, 0);
    assert!(longest_gap(&deletes) < LEASE, "{:?}", longest_gap(&deletes));
    let later = deletes.iter().filter(|entry| entry.at > cluster.leading_since()).count();
    println!("  {later} of {} calls were the new leader's", deletes.len());
    assert!(later > 20 && later < deletes.len(), "the upgrade was not in the middle");
    println!("  longest pause between two calls: {:.1?}", longest_gap(&deletes));
    cluster.clear();
}

/// Somebody puts so much into annotations that a page of the list does not fit into the memory, and the
/// operator dies with deletions in flight: the kernel kills it at each start. With more memory all goes on.
fn too_little_memory_loses_nothing(cluster: &Cluster) {
    let small = ["replicas=1", "resources.requests.memory=16Mi", "resources.limits.memory=16Mi"];
    let names = at_work(cluster, &small, 150);
    // What is watched comes one by one, and fits. Before the deletions: this takes a slow machine a minute.
    cluster.create_fat(100);
    // Sixteen at a time: so slow that a slow machine, too, has requested all deletions long before the last.
    let patient = r#"{"spec": {"timeoutSeconds": 30}}"#;
    cluster.run(&["patch", "kconn", "production", "--namespace", CAMPAIGNS, "--type=merge", "-p", patient]);
    cluster.kore.add_fault(Fault::delay_delete(None, 20_000));
    cluster.delete(&names);
    cluster.until("the first is asked for", || !cluster.deletes(&names).is_empty());
    let killed =
        ["delete", "pod", &cluster.pods()[0].0, "--namespace", SYSTEM, "--grace-period=0", "--force"];
    cluster.run(&killed);
    cluster.until("the kernel has killed the next", || {
        cluster.pods().iter().any(|(_, pod)| pod["status"].to_string().contains("OOMKilled"))
    });
    assert!(cluster.deletes(&names).len() < names.len(), "some are left to be done");
    cluster.kore.clear_faults();
    cluster.install(&["replicas=1"]);
    cluster.until_gone(&names);
    assert_once(&cluster.deletes(&names), 16);
    cluster.clear();
}

/// With rights in one namespace only, everything works there, and nothing elsewhere is looked at.
fn one_namespace_without_a_cluster_role(cluster: &Cluster) {
    let namespaces = format!("watchNamespaces={{{CAMPAIGNS}}}");
    let names = at_work(cluster, &[&namespaces, "rbac.aggregateRoles=false", "rbac.clusterRoles=false"], 10);
    let roles = cluster.run(&[
        "get",
        "clusterroles",
        "--selector=app.kubernetes.io/part-of=voicecampaign-operator",
        "--output=name",
    ]);
    assert!(roles.is_empty(), "{roles}");
    cluster.helm(&["test", RELEASE, "--namespace", SYSTEM]);
    let page = cluster.run(&["logs", &format!("{RELEASE}-check"), "--namespace", SYSTEM]);
    assert!(page.contains(&format!("has its rights in {CAMPAIGNS}")) && page.contains(" leads\n"), "{page}");
    cluster.delete(&names);
    cluster.until_gone(&names);
    assert_once(&cluster.deletes(&names), 0);
    cluster.clear();
}

/// `helm uninstall` with campaigns left, as its hook's Job on the node: refused, with the list; deleted in
/// Kore; let go. The definitions are kept each time.
fn an_uninstall_strands_nothing(cluster: &Cluster) {
    let names = at_work(cluster, &[], 3);
    let refused = cluster.try_uninstall().unwrap_err().to_string();
    println!("  {}", refused.replace('\n', "\n  "));
    assert!(
        refused.contains("3 VoiceCampaigns are left")
            && refused.contains(&format!("{CAMPAIGNS}/{}", names[0])),
        "{refused}"
    );
    assert_eq!(cluster.leader(), cluster.pods()[0].0, "it works on");
    // After an uninstall that was refused, helm upgrades nothing before it was rolled back; as the message
    // says.
    assert!(refused.contains("helm rollback"), "{refused}");
    cluster.helm(&["rollback", RELEASE, "1", "--namespace", SYSTEM]);
    cluster.install(&["uninstall.onRemaining=delete-and-wait"]);
    cluster.try_uninstall().unwrap();
    cluster.until_gone(&names);
    assert_once(&cluster.deletes(&names), 0);
    cluster.assert_uninstalled();
    let namespaces = ["delete", "namespace", CAMPAIGNS, SYSTEM, "--timeout=60s"];
    cluster.run(&namespaces);

    let names = at_work(cluster, &["uninstall.onRemaining=orphan"], 3);
    cluster.kore.add_fault(Fault::answer_delete(None, 503, ""));
    cluster.delete(&names[..1]);
    cluster.until("Kore was asked", || !cluster.deletes(&names).is_empty());
    cluster.try_uninstall().unwrap();
    let events = cluster.json(&["get", "events", "--namespace", CAMPAIGNS]);
    let is_reported = |name: &String| {
        let about = |event: &Value| event["involvedObject"]["name"] == *name && event["reason"] == "Orphaned";
        events["items"].as_array().unwrap().iter().any(about)
    };
    assert!(names.iter().all(is_reported), "{events:#}");
    cluster.kore.clear_faults();
    cluster.assert_uninstalled();
    // Nobody is there, and nothing holds anything.
    cluster.run(&namespaces);
    assert!(names.iter().all(|name| cluster.in_kore(name)));
}

/// Flux, with what `deploy/flux` has: it installs the operator, waits until the campaigns are found, prunes
/// one, waits until all are deleted in Kore, and uninstalls the operator; which is refused as long as
/// campaigns are left.
fn flux_applies_prunes_and_removes(cluster: &Cluster) {
    cluster.prepare();
    let flux = Flux::start(cluster.kubectl()).unwrap();
    flux.publish_chart(RELEASE, &helm::chart(), env!("CARGO_PKG_VERSION")).unwrap();
    let names: Vec<String> = (0..3).map(|number| format!("flux-{number}")).collect();
    let publish = |names: &[String]| {
        let campaign = |name: &String| (format!("campaigns/{name}.yaml"), cluster.campaign(name).to_string());
        let mut files = vec![("operator/release.yaml".to_owned(), helm_release().to_string())];
        files.extend(names.iter().map(campaign));
        flux.publish_files("fleet", &files).unwrap();
    };
    names.iter().for_each(|name| cluster.seed(name));
    publish(&names);
    let kustomizations = include_str!("../../deploy/flux/kustomizations.yaml");
    cluster.pipe(&["apply", "--server-side", "--filename", "-"], kustomizations).unwrap();
    cluster.until("there is a connection to make", || {
        cluster.run(&["get", "crds", "--output=name"]).contains("koreconnections")
    });
    cluster.connect();
    let state =
        |kind: &str, name: &str| cluster.json_if_any(&["get", kind, name, "--namespace", flux::NAMESPACE]);
    let is_ready = |kind: &str, name: &str| state(kind, name).is_some_and(|object| is_settled(&object));
    let until = |what: &str, holds: &dyn Fn() -> bool| cluster.until_within(what, PATIENCE, holds);
    until("the campaigns are applied", &|| is_ready("kustomization", "campaigns"));
    let listed = cluster.run(&["get", "vcamp", "--namespace", CAMPAIGNS, "--no-headers"]);
    assert_eq!(listed.matches("CampaignFound").count(), 3, "it has waited until Kore was asked: {listed}");

    publish(&names[1..]);
    cluster.until_gone(&names[..1]);
    until("the rest is as it was", &|| is_ready("kustomization", "campaigns"));
    // The service is that of all scenarios, and one of them has left campaigns there.
    let in_kore = || names.iter().filter(|name| cluster.in_kore(name)).count();
    assert_eq!(in_kore(), 2);

    // In the wrong order: nothing is lost, and it says why it waits.
    let delete = |kind: &str, name: &str| {
        cluster.run(&["delete", kind, name, "--namespace", flux::NAMESPACE, "--wait=false"])
    };
    delete("kustomization", RELEASE);
    until("the uninstall is refused", &|| {
        state("helmrelease", RELEASE)
            .is_some_and(|release| release["status"].to_string().contains("UninstallFailed"))
    });
    // It is tried again and again, each time by a new Job.
    let job = format!("job/{RELEASE}-uninstall");
    until("the log says what is left", &|| {
        let logs = cluster.kubectl().try_run(&["logs", &job, "--namespace", SYSTEM]).unwrap_or_default();
        logs.contains("2 VoiceCampaigns are left") && logs.contains(&names[1])
    });

    cluster.kore.add_fault(Fault::delay_delete(None, 3000));
    delete("kustomization", "campaigns");
    until("the first is asked for", &|| !cluster.deletes(&names[1..]).is_empty());
    assert!(state("kustomization", "campaigns").is_some(), "it waits for the campaigns");
    until("it has waited", &|| state("kustomization", "campaigns").is_none());
    assert_eq!(in_kore(), 0, "Kore has confirmed all by then");
    cluster.until_gone(&names);
    assert_once(&cluster.deletes(&names), 0);
    cluster.kore.clear_faults();
    until("the operator is uninstalled", &|| state("helmrelease", RELEASE).is_none());
    cluster.assert_uninstalled();
    cluster.run(&["delete", "namespace", CAMPAIGNS, SYSTEM, flux::NAMESPACE, "--timeout=60s"]);
}

/// The HelmRelease of `deploy/flux`, with the image and the chart of the test.
fn helm_release() -> Value {
    let mut release: Value = serde_saphyr::from_str(include_str!("../../deploy/flux/operator.yaml")).unwrap();
    let spec = release["spec"].as_object_mut().unwrap();
    spec.remove("chart").expect("it names a chart");
    spec.insert("chartRef".into(), json!({"kind": "HelmChart", "name": RELEASE}));
    spec["values"]["image"]["repository"] = json!("voicecampaign-operator");
    release
}

/// Whether a controller of Flux is through with the present version of its object.
fn is_settled(object: &Value) -> bool {
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let is = |type_: &str| conditions.iter().any(|one| one["type"] == type_ && one["status"] == "True");
    is("Ready")
        && !is("Reconciling")
        && object["status"]["observedGeneration"] == object["metadata"]["generation"]
}

/// An operator with these values, and campaigns that it has found.
fn at_work(cluster: &Cluster, values: &[&str], campaigns: usize) -> Vec<String> {
    cluster.prepare();
    cluster.install(values);
    cluster.connect();
    // The journal of the service is of all scenarios.
    static SCENARIOS: AtomicUsize = AtomicUsize::new(1);
    cluster.create_found(&format!("c{}", SCENARIOS.fetch_add(1, Ordering::Relaxed)), campaigns)
}

/// Every campaign was deleted; and all but so many were asked for once.
fn assert_once(deletes: &[Entry], repeated: usize) {
    let mut times: HashMap<&str, usize> = HashMap::new();
    for entry in deletes {
        *times.entry(entry.campaign_id.as_deref().unwrap()).or_default() += 1;
    }
    let again = times.values().filter(|times| **times > 1).count();
    assert!(again <= repeated, "{again} campaigns were asked for more than once");
    assert!(times.values().all(|times| *times <= 2), "{times:?}");
}
