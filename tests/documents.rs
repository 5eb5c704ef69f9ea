//! The documents say what the code says.

#![expect(clippy::unwrap_used, reason = "a panic in a test is a failed test")]

use serde_json::Value;
use testbed::documents::{Check, blocks, blocks_for, handwritten};
use voicecampaign_operator::api;
use voicecampaign_operator::api::Reason;
use voicecampaign_operator::connection::ConnectionReason;
use voicecampaign_operator::kore::FailureKind;
use voicecampaign_operator::kube_ext::obstacle::API_SERVER_ERROR;

const CAMPAIGN: &str = include_str!("../docs/voicecampaign.md");
const CONNECTION: &str = include_str!("../docs/koreconnection.md");
const TROUBLESHOOTING: &str = include_str!("../docs/troubleshooting.md");

/// Each reason has a row of its own, and each row is a reason.
#[test]
fn every_reason_is_explained() {
    let table = CAMPAIGN.split("## Reasons").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut documented: Vec<&str> =
        table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let mut shipped: Vec<&str> = Reason::all().map(Reason::as_str).collect();
    documented.sort_unstable();
    shipped.sort_unstable();
    assert_eq!(documented, shipped);
}

/// What is no reason of `Ready` is explained beside the conditions.
#[test]
fn an_obstacle_is_explained() {
    let explained = format!("`Obstructed` (reason `{API_SERVER_ERROR}`)");
    assert!(
        CAMPAIGN.contains(&explained)
            && CONNECTION.contains(&explained)
            && TROUBLESHOOTING.contains("`Obstructed`")
    );
}

/// The same of a connection.
#[test]
fn every_reason_of_a_connection_is_explained() {
    let table = CONNECTION.split("| reason |").nth(1).unwrap().split("\n\n").next().unwrap();
    let documented: Vec<&str> =
        table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(documented, ConnectionReason::ALL.map(ConnectionReason::as_str));
}

/// Each reason that has an event of its own is in the table of events, and each of its rows names one.
#[test]
fn every_event_is_explained() {
    let table = CAMPAIGN.split("\n## Events\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let cells = table.lines().filter_map(|row| row.split('|').nth(1));
    let mut explained: Vec<&str> =
        cells.filter(|cell| cell.contains('`')).flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    // An object that does not fit its schema has conditions alone; the kinds of an answer share a row. The
    // event of a mass deletion is one of the connection.
    let of_people = Reason::all().filter(|reason| reason.needs_a_person() && *reason != Reason::Invalid);
    let others = [
        Reason::CampaignNotFound,
        Reason::Deleted,
        Reason::Absent,
        Reason::Orphaned,
        Reason::CampaignLeftBehind,
        Reason::Service(FailureKind::MayBeAbsent),
        Reason::Service(FailureKind::Refused),
    ];
    let mut shipped: Vec<&str> =
        of_people.chain(others).map(Reason::as_str).chain([API_SERVER_ERROR]).collect();
    for names in [&mut explained, &mut shipped] {
        names.sort_unstable();
        names.dedup();
    }
    assert_eq!(explained, shipped);
}

/// The table of docs/troubleshooting.md says what to do for each reason that can delay a deletion.
#[test]
fn every_reason_that_can_delay_a_deletion_is_in_troubleshooting() {
    let never_delay =
        ["CampaignFound", "CampaignNotFound", "Pending", "Deleting", "Deleted", "Absent", "Orphaned"];
    // Never the reason of a condition, so it is explained beside the table.
    let only_an_event = Reason::CampaignLeftBehind.as_str();
    assert!(TROUBLESHOOTING.contains(&format!("`{only_an_event}`")));
    let table = TROUBLESHOOTING.split("| reason |").nth(1).unwrap().split("\n\n").next().unwrap();
    let first_cells: Vec<&str> = table.lines().filter_map(|row| row.split('|').nth(1)).collect();
    for reason in Reason::all()
        .map(Reason::as_str)
        .filter(|reason| !never_delay.contains(reason) && *reason != only_an_event)
    {
        let rows = first_cells.iter().filter(|cell| cell.contains(&format!("`{reason}`"))).count();
        assert_eq!(rows, 1, "rows for {reason} in docs/troubleshooting.md");
    }
}

/// Each field of each kind is in its document.
#[test]
fn every_field_is_documented() {
    for (crd, document) in api::crds().into_iter().zip([CONNECTION, CAMPAIGN]) {
        let schema = serde_json::to_value(&crd.spec.versions[0].schema).unwrap();
        for part in ["spec", "status"] {
            let properties = &schema["openAPIV3Schema"]["properties"][part];
            // Of the campaign in status, the fields are Kore's.
            collect(properties, &format!(".{part}"), &mut |path| {
                let kores = path.starts_with(".status.campaign.") || path.starts_with(".status.conditions[");
                assert!(
                    kores || document.contains(&format!("`{path}`")),
                    "{}: {path} is not documented",
                    crd.spec.names.kind
                );
            });
        }
    }

    fn collect(schema: &Value, path: &str, found: &mut impl FnMut(&str)) {
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            found(&path);
            collect(field, &path, found);
            collect(&field["items"], &format!("{path}[]"), found);
        }
    }
}

/// A link to a file of the repository leads to one, and a link to a section to a heading.
#[test]
fn links_lead_somewhere() {
    let mut checked = 0;
    for (path, text) in documents() {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(target.exists(), "{} links to {file}, which does not exist", path.display());
            if !anchor.is_empty() {
                let linked = std::fs::read_to_string(&target).unwrap();
                let found = headings(&linked).any(|heading| slug(heading) == anchor);
                assert!(found, "{} links to {link}: no heading has this anchor", path.display());
            }
            checked += 1;
        }
    }
    assert!(checked >= 50, "{checked} links");

    /// The headings of a Markdown text, without the comments in its code.
    fn headings(text: &str) -> impl Iterator<Item = &str> {
        let mut in_code = false;
        text.lines().filter_map(move |line| {
            in_code ^= line.trim_start().starts_with("```");
            line.strip_prefix('#').filter(|_| !in_code).map(|rest| rest.trim_start_matches('#').trim())
        })
    }

    /// The anchor that GitHub gives to a heading.
    fn slug(heading: &str) -> String {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    }
}

/// Each block is checked by somebody; what needs no program is checked here.
#[test]
fn every_block_is_checked() {
    let makefile = include_str!("../Makefile");
    for block in blocks().unwrap() {
        match block.check {
            Check::Make => {
                let targets = block.text.lines().map(|line| line.split_whitespace().nth(1).unwrap());
                for target in targets {
                    assert!(makefile.contains(&format!("\n{target}: ##")), "{block}: no target {target}");
                }
            }
            Check::Excerpt => {
                let part: Value = serde_saphyr::from_str(&block.text).unwrap();
                assert!(part.is_object(), "{block}");
            }
            Check::Json => {
                let object: Value = serde_json::from_str(&block.text).unwrap();
                assert!(object.is_object(), "{block}");
            }
            // Not with Docker: see `both_images_are_alike`.
            Check::Docker => assert!(block.text.contains("docker build "), "{block}"),
            Check::Text
            | Check::Shell
            | Check::Serves
            | Check::Pods
            | Check::Manifests
            | Check::Values
            | Check::Kustomization
            | Check::Query => {}
        }
    }
    assert_eq!(blocks_for(Check::Docker).unwrap().len(), 1);
}

/// A line of Markdown has at most 120 columns, unless it is a row of a table or has a link.
#[test]
fn lines_are_short_enough_to_read() {
    for (path, text) in documents() {
        for (number, line) in (1..).zip(text.lines()) {
            // A row of a table, a link, or an arrow of a picture.
            let may_be_long =
                line.trim_start().starts_with('|') || line.contains("](") || line.contains("<br/>");
            let columns = line.chars().count();
            assert!(may_be_long || columns <= 120, "{}:{number} has {columns} columns", path.display());
        }
    }
}

fn documents() -> Vec<(std::path::PathBuf, String)> {
    let read = |path: std::path::PathBuf| (path.clone(), std::fs::read_to_string(path).unwrap());
    handwritten().unwrap().into_iter().map(read).collect()
}

/// The table of the promise names tests that exist.
#[test]
fn the_promise_names_tests_that_exist() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let reliability = std::fs::read_to_string(root.join("docs/reliability.md")).unwrap();
    let promise = reliability.split("## The promise").nth(1).unwrap().split("\n## ").next().unwrap();
    let situations = std::fs::read_to_string(root.join("docs/situations.md")).unwrap();
    let conformance = std::fs::read_to_string(root.join("docs/conformance.md")).unwrap();
    let mut tests = String::new();
    for folder in ["src", "tests", "testbed/src", "testbed/tests"] {
        read_rust(&root.join(folder), &mut tests);
    }
    // One at a time: a backtick in one must not open a name in the other.
    let of = |text: &str| text.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect::<Vec<_>>();
    let named = [of(promise), of(&situations), of(&conformance)].concat();
    let named: Vec<&str> = named
        .iter()
        .map(String::as_str)
        .filter(|name| name.contains('_') && !name.contains(['.', '/', ':', ' ']))
        .collect();
    assert!(named.len() >= 20, "{named:?}");
    for name in named {
        assert!(
            tests.contains(&format!("fn {name}(")),
            "a document names the test {name}, which does not exist"
        );
    }

    fn read_rust(folder: &std::path::Path, into: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                read_rust(&entry.path(), into);
            } else if entry.path().extension().is_some_and(|extension| extension == "rs") {
                into.push_str(&std::fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
}

/// The Dockerfile makes the image that `make image` makes.
#[test]
fn both_images_are_alike() {
    let dockerfile = include_str!("../Dockerfile");
    let image = include_str!("../testbed/src/image.rs");
    for shared in [
        "65532:65532",
        "target-feature=+crt-static",
        "etc/ssl/certs/ca-certificates.crt",
        "operator:x:",
        "org.opencontainers.image.title",
        "org.opencontainers.image.version",
        "org.opencontainers.image.licenses",
        "0.7.7",
    ] {
        assert!(dockerfile.contains(shared) && image.contains(shared), "{shared}");
    }
    assert!(dockerfile.contains(&format!("VERSION={}\n", env!("CARGO_PKG_VERSION"))));
}

/// Everything may go when an administrator says so, at an uninstall, and at no other time: nothing else makes
/// that value.
#[test]
fn only_an_uninstall_lets_everything_go() {
    fn find(folder: &std::path::Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                find(&path, found);
            } else if std::fs::read_to_string(&path)
                .unwrap()
                .contains("AllMayGo::granted_by_the_administrator(")
            {
                found.push(path.display().to_string());
            }
        }
    }
    let mut found = Vec::new();
    find(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(matches!(&found[..], [one] if one.ends_with("src/uninstall/mod.rs")), "{found:?}");
}
