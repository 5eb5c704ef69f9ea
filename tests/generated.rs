//! What is generated into the repository is what the code generates.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use testbed::generated::{settle, settle_between};
use testbed::record::Record;
use voicecampaign_operator::api;

#[test]
fn the_custom_resource_definitions_are_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    for crd in api::crds() {
        let yaml = serde_saphyr::to_string(&crd).unwrap();
        let text = format!("# Generated from src/api by `make generate`. Do not edit.\n{yaml}");
        settle(&folder.join(format!("{}.yaml", crd.spec.names.plural)), &text);
    }
}

/// Larger ones can't be applied with a plain `kubectl apply`, which keeps a copy in an annotation.
#[test]
fn the_definitions_are_small_enough_for_every_way_to_apply_them() {
    for crd in api::crds() {
        assert!(serde_json::to_string(&crd).unwrap().len() < 262_144 / 2);
    }
}

/// The table of situations names the tests that say they force them, by its number in the words above a test.
#[test]
fn each_situation_names_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for folder in ["src", "tests"] {
        read_rust(&root.join(folder), &mut |text| note_tests(text, &mut tests));
    }
    let path = root.join("docs/situations.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
        let [ids, situation, ..] = cells[..] else { return None };
        let known = ids.split(", ").all(|id| id.starts_with(['K', 'R']));
        let mut named: Vec<&String> = ids.split(", ").filter_map(|id| tests.get(id)).flatten().collect();
        let mut seen = BTreeSet::new();
        named.retain(|name| seen.insert(*name));
        assert!(!known || !named.is_empty(), "no test says that it forces {ids}: {situation}");
        let named: Vec<String> = named.iter().map(|name| format!("`{name}`")).collect();
        known.then(|| format!("| {ids} | {situation} | {} |", named.join(", ")))
    };
    let lines: Vec<String> =
        document.lines().map(|line| row(line).unwrap_or_else(|| line.to_owned())).collect();
    settle(&path, &format!("{}\n", lines.join("\n")));

    fn read_rust(folder: &Path, found: &mut impl FnMut(&str)) {
        let mut paths: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                read_rust(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }

    /// The words above each test, attributes left out.
    fn note_tests(text: &str, tests: &mut BTreeMap<String, Vec<String>>) {
        let (mut words, mut is_test) = (String::new(), false);
        for line in text.lines().map(str::trim) {
            if let Some(word) = line.strip_prefix("///") {
                words.push_str(word);
            } else if line.starts_with("#[") {
                is_test |= line.contains("test");
            } else {
                let name = line
                    .trim_start_matches("async ")
                    .strip_prefix("fn ")
                    .and_then(|rest| rest.split('(').next());
                let ids = words.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| is_id(word));
                for (id, name) in ids.filter(|_| is_test).flat_map(|id| name.map(|name| (id, name))) {
                    tests.entry(id.to_owned()).or_default().push(name.to_owned());
                }
                (words, is_test) = (String::new(), false);
            }
        }
    }

    fn is_id(word: &str) -> bool {
        let number = word.strip_prefix(['K', 'R']).unwrap_or_default();
        !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())
    }
}

/// What was tried is told as the runs have recorded it.
#[test]
fn the_documents_tell_what_was_recorded() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = std::fs::read_to_string(root.join("testbed/src/bin/mutants/table.rs")).unwrap();
    let all = source.matches("\n    Mutant {\n").count();
    let caught = std::fs::read_to_string(Record::path("mutants")).unwrap();
    let caught: BTreeMap<String, serde_json::Value> = serde_json::from_str(&caught).unwrap();
    let strays: Vec<_> = caught.keys().filter(|name| !source.contains(&format!("name: {name:?},"))).collect();
    assert!(strays.is_empty(), "recorded, and no mutants: {strays:?}");
    let mutants = match caught.len() {
        0 => format!("{all} mutants, none recorded yet"),
        caught => Record::new("", [(all, "mutants"), (caught, "tried and caught")]).to_string(),
    };
    let commands = [("soak", "soak"), ("faults", "test-faults"), ("model", "model"), ("fuzz", "fuzz")];
    let row = |(name, command): (&str, &str)| match Record::of(name).unwrap() {
        Some(record) => format!("| {name} | {record} | `{}` | {} |\n", record.command, record.commit),
        None => format!("| {name} | not recorded yet | `make {command}` | |\n"),
    };
    let mut table = String::from("| test | last recorded run | command | commit |\n|---|---|---|---|\n");
    table.extend(commands.map(row));
    writeln!(table, "| mutants | {mutants} | `make test-mutants` | |").unwrap();
    for document in ["README.md", "docs/reliability.md"] {
        settle_between(&root.join(document), "reliability", &table);
    }
}

/// Every field says what it means: `kubectl explain` is the first documentation a user sees.
#[test]
fn every_field_has_a_description() {
    for crd in api::crds() {
        let schema = &crd.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema;
        let mut missing = Vec::new();
        collect(&serde_json::to_value(schema).unwrap(), &crd.spec.names.kind, &mut missing);
        assert!(missing.is_empty(), "no description: {missing:?}");
    }

    fn collect(schema: &serde_json::Value, path: &str, missing: &mut Vec<String>) {
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            if field["description"].as_str().is_none_or(str::is_empty) && !path.ends_with(".metadata") {
                missing.push(path.clone());
            }
            collect(field, &path, missing);
        }
        if schema["items"].is_object() {
            collect(&schema["items"], &format!("{path}[]"), missing);
        }
    }
}
