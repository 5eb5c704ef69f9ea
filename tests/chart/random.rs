//! Random values that fit the schema: helm renders them to valid YAML, or refuses a value and names it.

use std::collections::BTreeSet;
use std::io::Write as _;

use proptest::collection::{btree_map, vec};
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::string::string_regex;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Number, Value, json};
use testbed::{ControlPlane, Kubectl, binaries};

use crate::support::*;

/// Texts that YAML, templates or a shell might misread.
const ODD: [&str; 16] = [
    "",
    "yes",
    "null",
    "0x1",
    "1e3",
    "1_000",
    "2026-11-26",
    "@a",
    "a: b",
    "#",
    "- a\n- b",
    "it's \"so\"",
    "{{ .Values }}",
    " a\t",
    "a\n---\nb",
    "*&!%`|>",
];
/// How many sets of values helm renders, and how many of the results the API server checks.
const RENDERED: usize = 200;
const APPLIED: usize = 24;
/// Kinds that a dry run can't check: the control plane has no CRDs of the monitors, and a Pod needs an
/// existing ServiceAccount.
const NOT_JUDGED: [&str; 4] = ["ServiceMonitor", "PodMonitor", "PrometheusRule", "Pod"];
/// Values that the schema can't check completely: their fields depend on each other, or on the API server's
/// own rules. It names the wrong field.
const JUDGED_BY_THE_API_SERVER: [&str; 5] =
    ["affinity", "tolerations", "extraVolumes", "extraVolumeMounts", "extraObjects"];

/// Draws a value that this part of the schema allows; sometimes null, by which a user removes a default.
fn allowed(schema: &Value, root: &Value) -> BoxedStrategy<Value> {
    if let Some(name) = schema["$ref"].as_str() {
        let drawn = allowed(root.pointer(name.trim_start_matches('#')).unwrap(), root);
        let is_free = name == "#/definitions/text";
        return if is_free {
            prop_oneof![select(&ODD[..]).prop_map(Value::from), drawn].boxed()
        } else {
            drawn
        };
    }
    if let Some(values) = schema["enum"].as_array() {
        return select(values.clone()).boxed();
    }
    if let Some(types) = schema["type"].as_array() {
        let one_of = types.iter().map(|one| {
            let mut schema = schema.clone();
            schema["type"] = one.clone();
            allowed(&schema, root)
        });
        return proptest::strategy::Union::new(one_of).boxed();
    }
    match schema["type"].as_str().unwrap_or_else(|| panic!("a part of the schema has no type: {schema}")) {
        "boolean" => any::<bool>().prop_map(Value::Bool).boxed(),
        "integer" => {
            let bound = |name: &str, otherwise| schema[name].as_i64().unwrap_or(otherwise);
            let (least, most) = (bound("minimum", i64::MIN), bound("maximum", i64::MAX));
            prop_oneof![Just(least), Just(most), least..=most].prop_map(Value::from).boxed()
        }
        "number" => {
            let numbers = prop_oneof![0.0..1e9, Just(0.5), Just(1e21)];
            numbers.prop_map(|number| Number::from_f64(number).unwrap().into()).boxed()
        }
        "string" => text(schema).prop_map(Value::String).boxed(),
        "array" => {
            let (items, unique) = (allowed(&schema["items"], root), schema["uniqueItems"] == true);
            let least = usize::from(schema["minItems"] == 1);
            vec(items, least..4)
                .prop_map(move |items| {
                    let mut seen = BTreeSet::new();
                    Value::Array(
                        items.into_iter().filter(|item| !unique || seen.insert(item.to_string())).collect(),
                    )
                })
                .boxed()
        }
        "object" => object(schema, root),
        other => panic!("{other} is new in the schema"),
    }
}

fn object(schema: &Value, root: &Value) -> BoxedStrategy<Value> {
    if schema["additionalProperties"].is_object() {
        let names = &schema["propertyNames"];
        let names = allowed(names.pointer("/allOf/0").unwrap_or(names), root);
        let names = names.prop_map(|name| name.as_str().unwrap_or_default().to_owned());
        // Sometimes the same key in several maps, such as podLabels and commonLabels.
        let names = prop_oneof![Just("team".to_owned()), names];
        let values = allowed(&schema["additionalProperties"], root);
        return btree_map(names, values, 0..4).prop_map(|map| json!(map)).boxed();
    }
    let Some(properties) = schema["properties"].as_object() else {
        // The schema allows any fields.
        let odd = || text(&Value::Null);
        return btree_map(odd(), vec(odd(), 0..3), 0..3).prop_map(|map| json!(map)).boxed();
    };
    let is_required = |name: &String| {
        schema["required"].as_array().is_some_and(|names| names.iter().any(|required| required == name))
    };
    // Required fields of list items must be drawn; other required fields have a default in values.yaml.
    let in_a_list = schema["additionalProperties"] != false || properties.contains_key("name");
    let fields: Vec<BoxedStrategy<Option<(String, Value)>>> = properties
        .iter()
        .map(|(name, schema)| {
            let drawn = allowed(schema, root);
            let value = if in_a_list && is_required(name) {
                drawn.prop_map(Some).boxed()
            } else {
                weighted(0.6, prop_oneof![150 => drawn, 1 => Just(Value::Null)]).boxed()
            };
            let name = name.clone();
            value.prop_map(move |value| Some((name.clone(), value?))).boxed()
        })
        .collect();
    fields.prop_map(|fields| Value::Object(fields.into_iter().flatten().collect::<Map<_, _>>())).boxed()
}

fn text(schema: &Value) -> BoxedStrategy<String> {
    if schema["anyOf"].is_array() {
        return select(vec!["10.0.0.10", "fd00::a"]).prop_map(ToOwned::to_owned).boxed();
    }
    let most = schema["maxLength"].as_u64().map_or(usize::MAX, |most| most as usize);
    match schema["pattern"].as_str() {
        // Short texts: long ones find nothing more.
        Some(pattern) => {
            string_regex(&pattern.trim_start_matches('^').trim_end_matches('$').replace('*', "{0,4}"))
                .unwrap()
                .prop_filter("it is too long", move |text| text.len() <= most)
                .boxed()
        }
        None => prop_oneof![4 => select(&ODD[..]).prop_map(ToOwned::to_owned), 1 => ".{1,20}"].boxed(),
    }
}

/// This number of sets of values, the same in each run.
fn draws(number: usize) -> Vec<Value> {
    let schema = std::fs::read_to_string(chart().join("values.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let strategy = allowed(&schema, &schema);
    let mut runner = TestRunner::deterministic();
    (0..number).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// Renders these values. While helm refuses one, its message must name the value, which is then removed.
fn rendered(helm: &Helm, values: &mut Value) -> String {
    loop {
        let said = match helm_template(helm, values) {
            Ok(rendered) => return rendered,
            Err(error) => error.to_string(),
        };
        let by_schema = said.contains("values don't meet the specifications of the schema");
        let by_template = said.contains("execution error at");
        // A user's own template may be wrong.
        let by_user = said.contains("extra-objects.yaml") && said.contains("error calling tpl");
        let map = values.as_object_mut().unwrap();
        let is_named = |name: &&String| {
            [format!("/{name}/"), format!("/{name}'"), format!("'{name}'"), format!("`{name}")]
                .iter()
                .any(|name| said.contains(name))
        };
        let name = match by_user {
            true => Some("extraObjects".to_owned()),
            false => map.keys().find(is_named).cloned(),
        };
        let Some(name) = name.filter(|_| by_schema || by_template || by_user) else {
            panic!("{values:#}\n{said}")
        };
        map.remove(&name);
    }
}

fn helm_template(helm: &Helm, values: &Value) -> anyhow::Result<String> {
    let mut file = tempfile::NamedTempFile::new()?;
    // YAML allows control characters only as escapes.
    for character in values.to_string().chars() {
        match character {
            ' '..='~' => write!(file, "{character}")?,
            other => write!(file, "\\U{:08x}", u32::from(other))?,
        }
    }
    let (chart, file) = (chart().display().to_string(), file.path().display().to_string());
    // Without a cluster, the version decides which kinds of policies the chart renders.
    let version = binaries::kubernetes_version();
    helm.run(&[
        "template",
        RELEASE,
        &chart,
        "--namespace",
        NAMESPACE,
        "--kube-version",
        &version,
        "--values",
        &file,
    ])
}

/// Each object has apiVersion, kind and name, and is rendered once; labels and annotations are strings.
fn assert_is_sound(rendered: &str, values: &Value) {
    let documents: Vec<Value> = serde_saphyr::from_multiple(rendered)
        .unwrap_or_else(|error| panic!("{values:#}\n{error}\n{rendered}"));
    let mut seen = BTreeSet::new();
    for object in documents.iter().filter(|document| !document.is_null()) {
        let metadata = &object["metadata"];
        let texts = [&object["apiVersion"], &object["kind"], &metadata["name"]];
        assert!(texts.iter().all(|text| text.as_str().is_some_and(|text| !text.is_empty())), "{object:#}");
        let identity = format!("{} {} {}", object["kind"], metadata["namespace"], metadata["name"]);
        assert!(seen.insert(identity.clone()), "{identity} is there twice: {values:#}");
        let pod = &object["spec"]["template"]["metadata"];
        for map in ["labels", "annotations"].iter().flat_map(|map| [&metadata[map], &pod[map]]) {
            let texts = map.as_object().is_none_or(|map| map.values().all(Value::is_string));
            assert!(texts, "{map:#}");
        }
    }
    assert!(seen.iter().any(|identity| identity.contains("Deployment")), "{values:#}");
}

#[test]
fn whatever_the_schema_lets_through_renders_well() {
    let mut draws = draws(RENDERED);
    std::thread::scope(|scope| {
        for (number, part) in draws.chunks_mut(RENDERED.div_ceil(4)).enumerate() {
            scope.spawn(move || {
                let helm = Helm::new(if number % 2 == 0 { 3 } else { 4 }).unwrap();
                for values in part {
                    // The CRDs are large, and always the same.
                    values["crds"]["enabled"] = false.into();
                    let rendered = rendered(&helm, values);
                    assert_is_sound(&rendered, values);
                }
            });
        }
    });
}

/// The API server accepts what the schema accepts.
#[test]
fn whatever_the_schema_lets_through_the_api_server_takes() {
    let plane = ControlPlane::start().unwrap();
    let kubectl: Kubectl = plane.kubectl().unwrap();
    let crds = testbed::repository().join("crds").display().to_string();
    kubectl.try_run(&["apply", "--server-side", "--filename", &crds]).unwrap();
    for namespace in [NAMESPACE, "team-a", "team-b"] {
        kubectl.try_run(&["create", "namespace", namespace]).unwrap();
    }
    let helm = Helm::new(4).unwrap();
    let mut refused = Vec::new();
    for mut values in draws(APPLIED) {
        let map = values.as_object_mut().unwrap();
        JUDGED_BY_THE_API_SERVER.iter().for_each(|name| drop(map.remove(*name)));
        // The default requests may exceed a random limit.
        let limits = map.get("resources").map(|resources| resources["limits"].clone());
        map.insert("resources".into(), json!({"requests": null, "limits": limits}));
        // Namespaces that exist.
        if let Some(Value::Array(names)) = map.get_mut("watchNamespaces") {
            *names = ["team-a", "team-b"].into_iter().take(names.len()).map(Value::from).collect();
        }
        for variable in map.get_mut("extraEnv").and_then(Value::as_array_mut).into_iter().flatten() {
            variable.as_object_mut().unwrap().remove("valueFrom");
        }
        let rendered = rendered(&helm, &mut values);
        let is_judged = |text: &&str| {
            let object: Value = serde_saphyr::from_str(text).unwrap();
            !object.is_null() && !NOT_JUDGED.iter().any(|kind| object["kind"] == *kind)
        };
        let judged: Vec<&str> =
            rendered.trim_start_matches("---\n").split("\n---\n").filter(is_judged).collect();
        let dry = [
            "apply",
            "--server-side",
            "--dry-run=server",
            "--validate=strict",
            "--force-conflicts",
            "-f",
            "-",
        ];
        if let Err(error) = kubectl.pipe(&dry, &judged.join("\n---\n")) {
            refused.push(format!("{values:#}\n{error}"));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n\n"));
    plane.finish();
}

/// The operator and the uninstall hook parse every selector that the schema accepts.
#[test]
fn the_operator_takes_every_selector_that_the_schema_takes() {
    let schema = std::fs::read_to_string(chart().join("values.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let (selectors, mut runner) = (text(&schema["properties"]["selector"]), TestRunner::deterministic());
    let mut sets = 0;
    for _ in 0..2000 {
        let selector = selectors.new_tree(&mut runner).unwrap().current();
        sets += usize::from(selector.contains("in("));
        let parsed = selector.parse::<voicecampaign_operator::kube_ext::Selected>();
        assert!(parsed.is_ok(), "{selector:?}: {parsed:?}");
    }
    assert!(sets > 0);
}
