//! A folder with a manifest for each campaign, and a kustomization.yaml. What somebody has changed in it
//! stays.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::manifest::Imported;
use super::resources::Key;
use crate::output;

/// The first line of a kustomization.yaml that the command adds to.
const MARK: &str = "# Written by `kubectl vcamp import`, which adds to `resources`.";
const KUSTOMIZATION: &str = "kustomization.yaml";
const NOT_OURS: &str = "has more than this command writes: name another folder, and add it to the `resources` of that kustomization";
const NO_LIST: &str = "has no `resources` that this command can add to: write them at the end of the file, one in a line, as `- a.yaml`";
/// Other names that kustomize takes for the same.
const OTHER_NAMES: [&str; 2] = ["kustomization.yml", "Kustomization"];

/// The campaigns that the manifests of an earlier run name, each with its file. Somebody may have taken one
/// out of the list who wants it no more: such a file names its campaign, too.
///
/// # Errors
/// If a file that is listed can't be read.
pub fn resources(folder: &Path) -> anyhow::Result<Vec<(Key, String)>> {
    let listed = listed(folder)?;
    let mut found = Vec::new();
    for file in &listed {
        found.extend(campaigns(&folder.join(file))?.into_iter().map(|key| (key, file.clone())));
    }
    // Without a list, the run before was ended before it had written one.
    let unlisted = if folder.join(KUSTOMIZATION).exists() { unlisted(folder, &listed) } else { Vec::new() };
    for file in unlisted {
        let keys = campaigns(&folder.join(&file)).unwrap_or_default();
        found.extend(
            keys.into_iter().map(|key| (key, format!("{file}, which {KUSTOMIZATION} does not list"))),
        );
    }
    Ok(found)
}

fn campaigns(path: &Path) -> anyhow::Result<Vec<Key>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    of_text(&text).with_context(|| path.display().to_string())
}

fn of_text(text: &str) -> anyhow::Result<Vec<Key>> {
    let manifests = output::read_yaml(text)?;
    let key = |manifest: &Value| {
        let text = |field: &str| manifest["spec"][field].as_str().map(str::to_owned);
        Some(Key { stream_id: text("streamId")?, campaign_id: text("campaignId")? })
    };
    Ok(manifests.iter().filter_map(key).collect())
}

/// The manifests beside those that are listed.
fn unlisted(folder: &Path, listed: &BTreeSet<String>) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| is_manifest(name) && name != KUSTOMIZATION && !listed.contains(name)).collect()
}

/// Whether an entry of `resources` may be one that this command has written.
fn is_manifest(entry: &str) -> bool {
    entry.ends_with(".yaml") && !entry.contains(['/', ':'])
}

/// Writes manifests into a folder.
///
/// # Errors
/// If the folder can't be written, or has a kustomization of somebody else.
pub fn write(folder: &Path, imported: &[Imported]) -> anyhow::Result<()> {
    let mut resources = listed(folder)?;
    if imported.is_empty() {
        return Ok(());
    }
    let path = folder.join(KUSTOMIZATION);
    let mut text = match std::fs::read_to_string(&path) {
        Ok(text) => emptied(text.trim_end()).to_owned() + "\n",
        Err(_) => {
            format!("{MARK}\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n")
        }
    };
    let of = |imported: &Imported| format!("{}.yaml", imported.name);
    // As the list is indented.
    let last = text.lines().rev().find(|line| line.trim_start().starts_with("- ")).unwrap_or_default();
    let indent = last[..last.len() - last.trim_start().len()].to_owned();
    for file in imported.iter().map(of) {
        if resources.insert(file.clone()) {
            text.push_str(&format!("{indent}- {file}\n"));
        }
    }
    ensure!(entries(&text).is_ok_and(|entries| entries == resources), "{} {NO_LIST}", path.display());
    imported.iter().try_for_each(|imported| check(&folder.join(of(imported)), &imported.manifest))?;
    std::fs::create_dir_all(folder).with_context(|| format!("can't make the folder {}", folder.display()))?;
    for imported in imported {
        put(&folder.join(of(imported)), &imported.manifest)?;
    }
    // What is missing in a list that is half written would be pruned.
    write_whole(&path, &text)
}

/// Writes a file as a whole, or not at all. A link still leads to it, and who may read it stays.
fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = std::fs::canonicalize(path).unwrap_or_else(|_new| path.to_owned());
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    // No manifest by its name, if it is left behind.
    let beside = file.with_file_name(format!(".{name}.new"));
    let permissions = std::fs::metadata(&file).map(|metadata| metadata.permissions());
    std::fs::write(&beside, text)
        .and_then(|()| permissions.map_or(Ok(()), |same| std::fs::set_permissions(&beside, same)))
        .and_then(|()| std::fs::rename(&beside, &file))
        .with_context(|| format!("can't write {}", path.display()))
}

/// A kustomization whose `resources` were all taken out has room for others.
fn emptied(text: &str) -> &str {
    text.strip_suffix("\nresources: []").map_or(text, |_| text.trim_end_matches([' ', '[', ']']))
}

/// The `resources` of a kustomization.
fn entries(text: &str) -> anyhow::Result<BTreeSet<String>> {
    let read = output::read_yaml(text)?.into_iter().next().unwrap_or_default();
    let entries = read["resources"].as_array().into_iter().flatten();
    Ok(entries.filter_map(Value::as_str).map(ToOwned::to_owned).collect())
}

/// The manifests that an earlier run has listed.
fn listed(folder: &Path) -> anyhow::Result<BTreeSet<String>> {
    for name in OTHER_NAMES {
        ensure!(!folder.join(name).exists(), "{} has a {name}: name another folder", folder.display());
    }
    let path = folder.join(KUSTOMIZATION);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(error).with_context(|| format!("can't read {}", path.display())),
    };
    let read = output::read_yaml(&text).with_context(|| path.display().to_string())?;
    let read = read.into_iter().next().unwrap_or_default();
    let only_resources = read.as_object().is_some_and(|fields| {
        fields.keys().all(|key| ["apiVersion", "kind", "resources"].contains(&key.as_str()))
    });
    if !text.starts_with(MARK) || !only_resources {
        bail!("{} {NOT_OURS}", path.display());
    }
    let mut files = BTreeSet::new();
    for entry in read["resources"].as_array().into_iter().flatten() {
        // What is not written again is pruned, and its campaign deleted.
        let file = entry.as_str().filter(|file| is_manifest(file) || folder.join(file).exists());
        let file = file.with_context(|| {
            format!(
                "{} lists {entry}, which this command has not written: name another folder, and add it to the `resources` of that \
                 kustomization",
                path.display()
            )
        })?;
        ensure!(
            folder.join(file).exists(),
            "{} lists {file}, which is not there: restore the file, or take it out of `resources`",
            path.display()
        );
        files.insert(file.to_owned());
    }
    Ok(files)
}

/// Fails if there is a file of this name that does not name the same campaign, such as one that is empty,
/// because the disk was full.
fn check(path: &Path, manifest: &str) -> anyhow::Result<()> {
    let names_it = || Ok::<_, anyhow::Error>(campaigns(path)? == of_text(manifest)?);
    ensure!(
        !path.exists() || names_it().unwrap_or_default(),
        "{} does not name the campaign that is to be written there: remove it, or name another folder",
        path.display()
    );
    Ok(())
}

/// Writes a manifest, unless somebody has written another one of its name.
fn put(path: &Path, manifest: &str) -> anyhow::Result<()> {
    if !path.exists() {
        return write_whole(path, manifest);
    }
    let known = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    if known != manifest {
        output::say(&format!("kept as it is: {}", path.display()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str) -> Imported {
        Imported {
            name: name.to_owned(),
            manifest: format!("spec: {{streamId: st, campaignId: cd-{name}}}\n"),
        }
    }

    fn text(folder: &Path, file: &str) -> String {
        std::fs::read_to_string(folder.join(file)).unwrap()
    }

    #[test]
    fn a_second_import_adds_to_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert!(resources(folder).unwrap().is_empty());
        write(folder, &[one("b"), one("a")]).unwrap();
        std::fs::write(
            folder.join("b.yaml"),
            "# Mine.\nspec: {streamId: st, campaignId: cd-b, suspend: true}\n",
        )
        .unwrap();
        write(folder, &[one("b"), one("c")]).unwrap();
        std::fs::remove_file(folder.join("a.yaml")).unwrap();
        let error = write(folder, &[one("d")]).unwrap_err().to_string();
        assert!(error.contains("lists a.yaml, which is not there"), "{error}");
        let without = text(folder, KUSTOMIZATION).replace("- a.yaml\n", "");
        std::fs::write(folder.join(KUSTOMIZATION), without).unwrap();
        write(folder, &[one("d")]).unwrap();
        let list = text(folder, KUSTOMIZATION);
        assert!(list.ends_with("resources:\n- b.yaml\n- c.yaml\n- d.yaml\n"), "{list}");
        assert!(text(folder, "b.yaml").starts_with("# Mine."), "what somebody has changed stays");
        let named: Vec<_> =
            resources(folder).unwrap().into_iter().map(|(key, file)| (key.campaign_id, file)).collect();
        let expected = ["b", "c", "d"].map(|name| (format!("cd-{name}"), format!("{name}.yaml")));
        assert_eq!(named, expected);
    }

    /// What somebody has noted in the list stays, also if a formatter has indented it.
    #[test]
    fn comments_in_the_list_stay() {
        for indent in ["", "  "] {
            let folder = tempfile::tempdir().unwrap();
            let folder = folder.path();
            write(folder, &[one("b"), one("a")]).unwrap();
            let noted = text(folder, KUSTOMIZATION).replace("- a.yaml", "# - a.yaml  # legal hold\n- b.yaml");
            let noted = noted.replacen("- b.yaml\n", "", 1).replace("\n- ", &format!("\n{indent}- "));
            std::fs::write(folder.join(KUSTOMIZATION), &noted).unwrap();
            write(folder, &[one("c")]).unwrap();
            assert_eq!(text(folder, KUSTOMIZATION), format!("{noted}{indent}- c.yaml\n"));
        }
    }

    /// Nor is a list written in another way: an empty one is added to, and another is left to its author.
    #[test]
    fn a_list_of_another_form_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let list = |resources: &str| format!("{MARK}\nkind: Kustomization\nresources:{resources}\n");
        std::fs::write(folder.join(KUSTOMIZATION), list(" []")).unwrap();
        write(folder, &[one("a")]).unwrap();
        assert_eq!(text(folder, KUSTOMIZATION), list("\n- a.yaml"));
        std::fs::write(folder.join(KUSTOMIZATION), list(" [a.yaml]")).unwrap();
        let error = write(folder, &[one("b")]).unwrap_err().to_string();
        assert!(error.contains("one in a line"), "{error}");
        assert!(!folder.join("b.yaml").exists());
    }

    /// The disk was full, or the file is somebody else's: nothing is written, and what is there stays.
    #[test]
    fn a_file_that_names_another_campaign_is_no_manifest() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, &[one("a")]).unwrap();
        for content in ["", "{ no YAML", "spec: {streamId: st, campaignId: cd-x}\n"] {
            std::fs::write(folder.join("b.yaml"), content).unwrap();
            let error = write(folder, &[one("c"), one("b")]).unwrap_err().to_string();
            assert!(error.contains("b.yaml does not name the campaign"), "{error}");
            assert!(!folder.join("c.yaml").exists() && !text(folder, KUSTOMIZATION).contains("b.yaml"));
            assert_eq!(text(folder, "b.yaml"), content);
        }
    }

    /// A list that is a link, and that others may read.
    #[test]
    fn a_link_stays_one_and_so_does_who_may_read_it() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (shared, folder) = (folder.path().join("shared.yaml"), folder.path().join("campaigns"));
        write(&folder, &[one("a")]).unwrap();
        std::fs::rename(folder.join(KUSTOMIZATION), &shared).unwrap();
        std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o664)).unwrap();
        symlink("../shared.yaml", folder.join(KUSTOMIZATION)).unwrap();
        write(&folder, &[one("b")]).unwrap();
        assert!(folder.join(KUSTOMIZATION).is_symlink());
        assert!(std::fs::read_to_string(&shared).unwrap().ends_with("- a.yaml\n- b.yaml\n"));
        assert_eq!(std::fs::metadata(&shared).unwrap().permissions().mode() & 0o777, 0o664);
    }

    /// Somebody who wants a campaign no more has taken its file out of the list.
    #[test]
    fn a_file_that_is_not_listed_names_its_campaign() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, &[one("a"), one("b")]).unwrap();
        let without = text(folder, KUSTOMIZATION).replace("- a.yaml\n", "");
        std::fs::write(folder.join(KUSTOMIZATION), without).unwrap();
        std::fs::write(folder.join("notes.yaml"), "{ no YAML").unwrap();
        std::fs::write(folder.join("more.yml"), "spec: {}\n").unwrap();
        let with = text(folder, KUSTOMIZATION) + "- more.yml\n";
        std::fs::write(folder.join(KUSTOMIZATION), with).unwrap();
        let named = resources(folder).unwrap();
        let files: Vec<_> = named.iter().map(|(_, file)| file.as_str()).collect();
        assert_eq!(files, ["b.yaml", "a.yaml, which kustomization.yaml does not list"]);
        std::fs::remove_file(folder.join(KUSTOMIZATION)).unwrap();
        assert!(resources(folder).unwrap().is_empty(), "another run writes what is missing");
    }

    #[test]
    fn a_kustomization_of_somebody_else_is_left_alone() {
        for (file, content) in [
            (KUSTOMIZATION, "resources: [mine.yaml]\n".to_owned()),
            (KUSTOMIZATION, format!("{MARK}\nnamespace: team-a\nresources: []\n")),
            (KUSTOMIZATION, format!("{MARK}\nresources: [\"https://example.com/campaigns?ref=v3\"]\n")),
            (KUSTOMIZATION, format!("{MARK}\nresources: [../others.yaml]\n")),
            ("kustomization.yml", "resources: []\n".to_owned()),
        ] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(file), &content).unwrap();
            let error = write(folder.path(), &[one("d")]).unwrap_err().to_string();
            assert!(error.contains("name another folder"), "{error}");
            assert_eq!(text(folder.path(), file), content);
            assert!(!folder.path().join("d.yaml").exists());
        }
    }
}
