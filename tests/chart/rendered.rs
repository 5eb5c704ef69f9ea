//! What the chart renders, and which values it refuses.

use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::{Value, json};
use testbed::documents::{Check, blocks_for};
use voicecampaign_operator::kube_ext::Selected;

use crate::support::*;

/// `helm lint --strict` passes with both major versions.
#[test]
fn the_chart_is_sound() {
    for major in [3, 4] {
        for (name, values) in SETS {
            let chart = chart().display().to_string();
            let mut arguments = vec!["lint", "--strict", &chart];
            arguments.extend(values);
            Helm::new(major).unwrap().run(&arguments).unwrap_or_else(|said| panic!("{name}: {said}"));
        }
    }
}

/// The rendered manifests equal the snapshots, and both major versions of helm render the same. Without the
/// CRDs, which are in `crds/`.
#[test]
fn it_renders_what_it_did() {
    for (name, values) in SETS {
        let mut arguments = vec!["--set", "crds.enabled=false"];
        arguments.extend(values);
        let rendered = render(4, &arguments).unwrap();
        settle(&testbed::repository().join(format!("tests/chart/snapshots/{name}.yaml")), &rendered);
        assert_eq!(
            objects(&rendered),
            objects(&render(3, &arguments).unwrap()),
            "{name}: helm 3 and 4 differ"
        );
    }
}

/// helm refuses a wrong value, and its message names the value.
#[test]
fn a_wrong_value_is_refused_by_its_name() {
    let wrong = [
        ("replica=2", "replica"),
        ("replicas=-1", "replicas"),
        ("image.digest=sha256:12", "digest"),
        ("image.pullPolicy=always", "pullPolicy"),
        ("watchNamespaces={A}", "watchNamespaces"),
        ("logLevel=warning", "logLevel"),
        ("networkPolicy.egressPorts={https}", "egressPorts"),
        ("metrics.serviceMonitor.interval=often", "interval"),
        ("metrics.serviceMonitor.enabled=true,metrics.service.enabled=false", "metrics.podMonitor.enabled"),
        ("serviceAccount.create=false", "serviceAccount.name"),
        ("extraEnv[0].name=LOG_LEVEL,extraEnv[0].value=debug", "LOG_LEVEL"),
        ("extraEnv[0].name=ADMIN_ADDRESS,extraEnv[0].value=none", "ADMIN_ADDRESS"),
        ("extraEnv[0].name=ROLE_BINDING,extraEnv[0].value=own,watchNamespaces={team-a}", "ROLE_BINDING"),
        (r"podLabels.app\.kubernetes\.io/name=x", "app.kubernetes.io/name"),
        ("fullnameOverride=9lives", "fullnameOverride"),
        ("resources.limit.memory=1Gi", "limit"),
        ("resources.limits.memory=1GB", "memory"),
        ("selector=shard=a=b", "selector"),
        ("allowedHosts={platform.kore.ai}", "allowedHosts"),
        ("commonLabels.team=a b", "team"),
        (r"commonLabels.rbac\.authorization\.k8s\.io/aggregate-to-admin=true", "aggregate-to-admin"),
        ("podAnnotations.a b=c", "a b"),
        ("nodeSelector.disk=a/b", "disk"),
        ("image.repository=Example/x y", "repository"),
        ("imagePullSecrets[0]=registry", "imagePullSecrets"),
        ("priorityClassName=High", "priorityClassName"),
        ("dnsConfig.ndots=1", "ndots"),
        ("dnsConfig.nameservers={dns}", "nameservers"),
        ("proxy.httpsProxy=http://a b", "httpsProxy"),
        ("proxy.httpsProxyFromSecret.name=proxy", "key"),
        (
            "proxy.httpProxy=http://p,proxy.httpProxyFromSecret.name=proxy,proxy.httpProxyFromSecret.key=k",
            "proxy.httpProxyFromSecret",
        ),
        ("uninstall.timeoutSeconds=1000000", "timeoutSeconds"),
        ("replicas=null", "replicas"),
        ("uninstall=null", "uninstall"),
        ("extraObjects={not a manifest}", "extraObjects"),
        ("enabled=perhaps", "enabled"),
    ];
    for major in [3, 4] {
        for (value, name) in wrong {
            let said = render(major, &["--set", value]).expect_err(value);
            assert!(said.contains(name), "{value}: {said}");
        }
    }
}

/// The schema has exactly the values of values.yaml.
#[test]
fn the_schema_has_the_values() {
    fn compare(path: &str, schema: &Value, value: &Value) {
        let Some(properties) = schema["properties"].as_object() else { return };
        let Some(values) = value.as_object() else { panic!("{path} is no object") };
        // The default is an empty map.
        if values.is_empty() {
            return;
        }
        assert_eq!(schema["additionalProperties"], false, "{path}");
        for (name, schema) in properties {
            // helm and parent charts add the first two; `claims` has no default.
            if !["global", "enabled", "claims"].contains(&name.as_str()) {
                let value = values.get(name).unwrap_or_else(|| panic!("{path}.{name} is not in values.yaml"));
                compare(&format!("{path}.{name}"), schema, value);
            }
        }
    }
    let read = |name: &str| std::fs::read_to_string(chart().join(name)).unwrap();
    let schema: Value = serde_json::from_str(&read("values.schema.json")).unwrap();
    compare("", &schema, &serde_saphyr::from_str(&read("values.yaml")).unwrap());
}

/// Names that look like numbers stay strings, a Service's name has no dots, and a label that is given twice
/// is rendered once.
#[test]
fn odd_names_render_well() {
    let chart = chart().display().to_string();
    let values = [
        "--set-json",
        r#"watchNamespaces=["2025"],serviceAccount.name="123",podLabels={"team":"b"},commonLabels={"team":"a"}"#,
    ];
    let arguments = [&["template", "my.123", &chart, "--namespace", "2024"][..], &values].concat();
    let all = objects(&Helm::new(4).unwrap().run(&arguments).unwrap());
    let may_have_dots = ["CustomResourceDefinition", "AdmissionPolicy", "ClusterRole"];
    for object in &all {
        let metadata = &object["metadata"];
        let name = metadata["name"].as_str().unwrap_or_else(|| panic!("{object:#}"));
        let kind = object["kind"].as_str().unwrap();
        assert!(metadata["namespace"].is_string() || metadata["namespace"].is_null(), "{object:#}");
        assert!(
            name == "123" || may_have_dots.iter().any(|part| kind.contains(part)) || !name.contains('.'),
            "{name}"
        );
    }
    let deployment = all.iter().find(|object| object["kind"] == "Deployment").unwrap();
    assert_eq!(deployment["spec"]["template"]["metadata"]["labels"]["team"], "b");
    assert_eq!(deployment["metadata"]["labels"]["team"], "a");
}

/// The template `operator.selects`, which upgrades use, agrees with the operator on every selector.
#[test]
fn the_chart_selects_as_the_operator_does() {
    let selectors = [
        "",
        "shard=a",
        " shard == a ",
        "shard=",
        "shard!=a",
        "shard!=",
        "shard in (a,b)",
        "shard in(a,b)",
        "shard notin(a)",
        "shard in (,a)",
        "shard in ( a , b ),x/y-z=1",
        "shard notin (a,c)",
        "shard notin (a) , shard",
        "shard",
        "!shard",
        "! shard,x/y-z",
        "in in (in)",
        "notin notin (a)",
        "shard=b,shard!=a,shard in (b)",
    ];
    let labels = [
        json!({}),
        json!({"shard": "a"}),
        json!({"shard": "b"}),
        json!({"shard": ""}),
        json!({"shard": "c", "x/y-z": "1"}),
        json!({"x/y-z": "1"}),
        json!({"shard": "b", "x/y-z": "1"}),
        json!({"in": "in", "notin": "a"}),
    ];
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("templates")).unwrap();
    let selector = "templates/_selector.tpl";
    std::fs::copy(chart().join(selector), folder.path().join(selector)).unwrap();
    write("Chart.yaml", "apiVersion: v2\nname: selects\nversion: 1.0.0\n");
    write("values.yaml", &json!({"selectors": selectors, "labels": labels}).to_string());
    write(
        "templates/verdicts.yaml",
        r#"verdicts:
{{- range $selector := .Values.selectors }}{{ range $.Values.labels }}
- {{ include "operator.selects" (list $selector .) | quote }}
{{- end }}{{ end }}"#,
    );
    for major in [3, 4] {
        let rendered =
            Helm::new(major).unwrap().run(&["template", "x", &folder.path().display().to_string()]).unwrap();
        let verdicts = objects(&rendered)[0]["verdicts"].as_array().unwrap().clone();
        let pairs = selectors.iter().flat_map(|selector| labels.iter().map(move |labels| (selector, labels)));
        for ((selector, labels), verdict) in pairs.zip(&verdicts) {
            let mut object = ConfigMap::default();
            object.metadata.labels = Some(serde_json::from_value(labels.clone()).unwrap());
            let selected = selector.parse::<Selected>().unwrap().selects(&object);
            assert_eq!(verdict, if selected { "yes" } else { "no" }, "{selector}: {labels}");
        }
        assert_eq!(verdicts.len(), selectors.len() * labels.len());
    }
}

/// A user who may not create cluster-scoped objects can install the operator.
#[test]
fn nothing_needs_to_be_of_the_cluster() {
    let values = "watchNamespaces={team-a},rbac.aggregateRoles=false,rbac.clusterRoles=false,crds.enabled=false,\
                  admissionPolicies.mutating=false,admissionPolicies.validating=false";
    for mode in ["refuse", "delete-and-wait", "orphan"] {
        let mode = format!("uninstall.onRemaining={mode}");
        for object in objects(&render(4, &["--set", values, "--set", &mode]).unwrap()) {
            assert!(object["metadata"]["namespace"].is_string(), "{object:#}");
        }
    }
}

/// With one replica, a PodDisruptionBudget would block every drain.
#[test]
fn a_disruption_budget_is_for_two_and_more() {
    let has = |values: &[&str]| render(4, values).unwrap().contains("kind: PodDisruptionBudget");
    assert!(!has(&[]) && has(&["--set", "replicas=2"]));
    assert!(!has(&["--set", "replicas=2", "--set", "podDisruptionBudget.enabled=false"]));
}

/// The operator and the uninstall get the name of the same RoleBindings, the chart's or the user's own: one
/// puts the finalizer on them, the other checks that it is removed.
#[test]
fn what_the_operator_holds_the_uninstall_looks_at() {
    let watched = "watchNamespaces={team-a}";
    let own_rights = "rbac.create=false,extraEnv[0].name=ROLE_BINDING,extraEnv[0].value=own";
    let own_account = "serviceAccount.create=false,serviceAccount.name=kore";
    let sets = [
        ("", "", None),
        (watched, "", Some(RELEASE)),
        (watched, own_account, Some(RELEASE)),
        (watched, "rbac.clusterRoles=false", None),
        (watched, "rbac.create=false", None),
        (watched, own_rights, Some("own")),
    ];
    for (scope, values, name) in sets {
        let [replica, uninstall] = pods_of(&render(4, &["--set", scope, "--set", values]).unwrap());
        let env = replica["spec"]["containers"][0]["env"].as_array().unwrap();
        let held: Vec<_> = env.iter().filter(|variable| variable["name"] == "ROLE_BINDING").collect();
        assert_eq!(held.len(), usize::from(name.is_some()), "{scope} {values}");
        assert_eq!(held.first().map(|held| held["value"].as_str().unwrap()), name, "{scope} {values}");
        let arguments = uninstall["spec"]["containers"][0]["args"].as_array().unwrap();
        let looked_at =
            arguments.iter().find_map(|argument| argument.as_str().unwrap().strip_prefix("--role-binding="));
        assert_eq!(looked_at, name, "{scope} {values}");
    }
}

/// Uninstalling keeps the CRDs, and so the VoiceCampaigns, unless `crds.keep` is false.
#[test]
fn the_definitions_are_kept() {
    let policies = |values: &[&str]| {
        let all = objects(&render(4, values).unwrap());
        let crds = all.into_iter().filter(|object| object["kind"] == "CustomResourceDefinition");
        let names = ["helm.sh/resource-policy", "argocd.argoproj.io/sync-options"];
        crds.map(|crd| names.map(|name| crd["metadata"]["annotations"][name].clone())).collect::<Vec<_>>()
    };
    assert_eq!(policies(&[]), [["keep", "Prune=false,Delete=false"]; 2]);
    assert_eq!(
        policies(&["--set", "crds.keep=false"]),
        [[Value::Null, Value::Null], [Value::Null, Value::Null]]
    );
    assert!(policies(&["--set", "crds.enabled=false"]).is_empty());
}

/// A digest takes precedence over a tag; without both, the tag is the chart's appVersion.
#[test]
fn the_image_is_named_by_tag_or_digest() {
    let image = |values: &[&str]| {
        let all = objects(&render(4, values).unwrap());
        let deployment = all.into_iter().find(|object| object["kind"] == "Deployment").unwrap();
        deployment["spec"]["template"]["spec"]["containers"][0]["image"].clone()
    };
    let digest = format!("sha256:{}", "0a".repeat(32));
    let with_digest = format!("image.digest={digest},image.tag=v2");
    assert_eq!(image(&[]), concat!("voicecampaign-operator:", env!("CARGO_PKG_VERSION")));
    assert_eq!(image(&["--set", "image.repository=example.com/x,image.tag=v2"]), "example.com/x:v2");
    assert_eq!(image(&["--set", &with_digest]), format!("voicecampaign-operator@{digest}"));
}

/// A version may have build metadata (`+…`), which neither a label nor an image tag allows.
#[test]
fn a_version_with_build_metadata_is_a_label_and_a_tag() {
    let folder = tempfile::tempdir().unwrap();
    let copied = std::process::Command::new("cp").arg("-r").arg(chart()).arg(folder.path()).status().unwrap();
    assert!(copied.success());
    let copy = folder.path().join(chart().file_name().unwrap());
    let long = format!("0.1.0+g{}-.{}", "0".repeat(54), "1".repeat(20));
    for (version, wanted) in
        [("0.1.0+g123", "0.1.0_g123".to_owned()), (&long, format!("0.1.0_g{}", "0".repeat(54)))]
    {
        let metadata = std::fs::read_to_string(chart().join("Chart.yaml")).unwrap();
        let metadata: String = metadata
            .lines()
            .map(|line| match line.starts_with("appVersion:") {
                true => format!("appVersion: {version}\n"),
                false => format!("{line}\n"),
            })
            .collect();
        std::fs::write(copy.join("Chart.yaml"), metadata).unwrap();
        for major in [3, 4] {
            let arguments = ["template", RELEASE, &copy.display().to_string(), "--namespace", NAMESPACE];
            let rendered = Helm::new(major).unwrap().run(&arguments).unwrap();
            for pod in pods_of(&rendered) {
                assert_eq!(pod["metadata"]["labels"]["app.kubernetes.io/version"], *wanted);
                let image = &pod["spec"]["containers"][0]["image"];
                assert_eq!(*image, format!("voicecampaign-operator:{wanted}"));
            }
        }
    }
}

/// A name that is too long is cut so that it ends with a letter or a digit.
#[test]
fn a_long_name_ends_well() {
    let values = format!("nameOverride={}--{}", "a".repeat(27), "b".repeat(23));
    for object in objects(&render(4, &["--set", &values]).unwrap()) {
        let name = object["metadata"]["name"].as_str().unwrap();
        assert!(!name.ends_with('-') && !name.contains("-."), "{name}");
    }
}

/// Each block of values in the documents is what the chart takes.
#[test]
fn the_values_of_the_documents_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    for block in blocks_for(Check::Values).unwrap() {
        let file = folder.path().join("values.yaml");
        std::fs::write(&file, &block.text).unwrap();
        let rendered = render(4, &["--values", file.to_str().unwrap()]);
        assert!(rendered.is_ok(), "{block}: {rendered:?}");
    }
}
