//! The chart as a dependency of another chart.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::*;

/// Renders a parent chart that depends on this one, under its own name or an alias, with these values and
/// helm of this major version.
fn rendered(major: u8, alias: Option<&str>, values: &Value) -> Result<Vec<Value>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("charts")).unwrap();
    let copied =
        std::process::Command::new("cp").arg("-r").arg(chart()).arg(path("charts")).status().unwrap();
    assert!(copied.success());
    let mut part = json!({"name": "voicecampaign-operator", "version": env!("CARGO_PKG_VERSION"),
        "repository": "", "condition": "voicecampaign-operator.enabled"});
    if let Some(alias) = alias {
        part["alias"] = json!(alias);
    }
    let umbrella =
        json!({"apiVersion": "v2", "name": "outbound", "version": "1.0.0", "dependencies": [part]});
    std::fs::write(path("Chart.yaml"), umbrella.to_string()).unwrap();
    std::fs::write(path("values.yaml"), values.to_string()).unwrap();
    let umbrella = folder.path().display().to_string();
    let arguments = ["template", "outbound", &umbrella, "--namespace", NAMESPACE];
    let rendered = Helm::new(major).unwrap().run(&arguments).map_err(|error| error.to_string())?;
    Ok(objects(&rendered))
}

/// The parent's condition turns the chart on and off, and global values do not change what it renders.
#[test]
fn it_is_a_part_of_another_chart() {
    for major in [3, 4] {
        let global = json!({"imageRegistry": "registry.example.com", "labels": {"team": "outbound"}});
        let with = |enabled: Value| {
            let values = json!({"enabled": enabled, "watchNamespaces": ["team-a"], "uninstall": {"onRemaining": "orphan"}});
            rendered(major, None, &json!({"global": global, "voicecampaign-operator": values}))
        };
        assert_eq!(with(json!(false)).unwrap(), Vec::<Value>::new(), "helm {major}");
        let all = with(json!(true)).unwrap();
        let named = |kind: &str| all.iter().find(|object| object["kind"] == kind).unwrap();
        assert_eq!(named("Deployment")["metadata"]["name"], "outbound-voicecampaign-operator");
        let arguments = &named("Job")["spec"]["template"]["spec"]["containers"][0]["args"];
        assert!(arguments.to_string().contains("\"--release=outbound\""), "{arguments}");
        let alone =
            render(major, &["--set", "watchNamespaces={team-a},uninstall.onRemaining=orphan"]).unwrap();
        let tests = all.iter().filter(|object| object["metadata"]["annotations"]["helm.sh/hook"] == "test");
        assert_eq!(all.len() - tests.count(), objects(&alone).len(), "helm {major}");
        let said = with(json!("no")).unwrap_err();
        assert!(said.contains("enabled"), "{said}");
    }
}

/// An alias may contain characters that object names do not allow, and end with one that label values do not.
#[test]
fn any_alias_names_objects() {
    for (major, alias) in [3, 4].into_iter().flat_map(|major| ["kore_eu", "kore_EU_"].map(|a| (major, a))) {
        for object in rendered(major, Some(alias), &json!({})).unwrap() {
            let name = object["metadata"]["name"].as_str().unwrap();
            let fits = name.split(['.', '-']).all(|part| part.chars().all(|c| c.is_ascii_alphanumeric()));
            assert!(fits && name.to_lowercase() == name, "helm {major}: {name}");
            for (key, value) in object["metadata"]["labels"].as_object().unwrap() {
                let value = value.as_str().unwrap();
                let ends = value.starts_with(char::is_alphanumeric) && value.ends_with(char::is_alphanumeric);
                assert!(ends, "helm {major}: {key}: {value}");
            }
        }
    }
}

/// An alias may have capitals, which object names do not allow.
#[test]
fn an_alias_in_camel_case_names_objects() {
    for major in [3, 4] {
        let all = rendered(major, Some("koreCampaigns"), &json!({})).unwrap();
        let names: Vec<_> = all.iter().map(|object| object["metadata"]["name"].as_str().unwrap()).collect();
        assert!(names.contains(&"outbound-korecampaigns"), "helm {major}: {names:?}");
        let crds = |name: &&&str| !name.ends_with(".voicecampaign.dev");
        assert!(
            names.iter().filter(crds).all(|name| name.to_lowercase() == **name),
            "helm {major}: {names:?}"
        );
    }
}

/// Two aliases that are both part of the release's name still get different object names.
#[test]
fn two_aliases_name_different_objects() {
    for major in [3, 4] {
        let names = |alias: &str| -> BTreeSet<String> {
            let all = rendered(major, Some(alias), &json!({})).unwrap();
            let own = all.iter().filter(|object| object["kind"] != "CustomResourceDefinition");
            own.map(|object| format!("{} {}", object["kind"], object["metadata"]["name"])).collect()
        };
        let (out, bound) = (names("out"), names("bound"));
        assert!(out.contains(r#""Deployment" "outbound-out""#), "helm {major}: {out:?}");
        assert_eq!(out.intersection(&bound).next(), None, "helm {major}");
    }
}
