//! Which resources manifests name.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, anyhow, bail, ensure};
use serde_json::Value;
use voicecampaign_operator::api::GROUP;

use crate::cluster::Cluster;
use crate::output;

/// Namespace and name of a VoiceCampaign.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

/// The resources that manifests name, as far as campaigns are concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifests {
    /// VoiceCampaigns.
    pub campaigns: BTreeSet<Name>,
    /// Namespaces: with them go all VoiceCampaigns in them.
    pub whole: BTreeSet<String>,
    /// Other resources that campaigns need, as `KoreConnection team-a/production`.
    others: BTreeSet<String>,
    /// Resources whose controllers apply manifests, and may delete what they have applied.
    appliers: BTreeSet<String>,
}

/// Kinds whose controllers apply manifests from elsewhere, and may delete what they have applied when the
/// resource is deleted: those of Argo CD and of Flux.
const APPLIERS: [(&str, &str); 4] = [
    ("argoproj.io", "Application"),
    ("argoproj.io", "ApplicationSet"),
    ("kustomize.toolkit.fluxcd.io", "Kustomization"),
    ("helm.toolkit.fluxcd.io", "HelmRelease"),
];

/// The namespace of manifests that name none.
#[derive(Clone, Copy, Debug)]
pub struct Home<'a> {
    /// That of the command line or of the context.
    pub namespace: &'a str,
    /// Whether the command line names it: then a manifest must not name another.
    pub is_named: bool,
}

impl Manifests {
    /// Whole namespaces.
    pub fn of_namespaces(names: &[String]) -> Self {
        Self { whole: names.iter().cloned().collect(), ..Self::default() }
    }

    /// VoiceCampaigns of a namespace, by their names.
    pub fn of_names(names: &[String], namespace: &str) -> Self {
        let name = |name: &String| Name { namespace: namespace.to_owned(), name: name.clone() };
        Self { campaigns: names.iter().map(name).collect(), ..Self::default() }
    }

    /// The namespaces that they are about.
    pub fn namespaces(&self) -> BTreeSet<String> {
        self.campaigns.iter().map(|name| name.namespace.clone()).chain(self.whole.iter().cloned()).collect()
    }

    /// The same without whole namespaces, which stay.
    pub fn without_namespaces(mut self) -> Self {
        self.others
            .extend(std::mem::take(&mut self.whole).into_iter().map(|name| format!("the Namespace {name}")));
        self
    }

    /// Other resources of these manifests.
    pub fn not_deleted(&self) -> impl Iterator<Item = &str> {
        self.others.iter().chain(&self.appliers).map(String::as_str)
    }

    /// Resources that may delete others with them, which these manifests do not name.
    pub fn appliers(&self) -> impl Iterator<Item = &str> {
        self.appliers.iter().map(String::as_str)
    }

    fn add(&mut self, manifest: &Value, home: Home<'_>) -> anyhow::Result<()> {
        if let Some(items) = manifest["items"].as_array().filter(|_| is_list(manifest)) {
            return items.iter().try_for_each(|item| self.add(item, home));
        }
        let version = manifest["apiVersion"].as_str().and_then(|version| version.split_once('/'));
        let group = version.map_or("", |(group, _)| group);
        let metadata = &manifest["metadata"];
        let name = || match metadata["name"].as_str() {
            Some(name) => output::object_name(name)
                .map_err(|error| anyhow!("a name in the manifests is {name:?}: it {error}")),
            None => bail!("a {} in the manifests has no `metadata.name`", manifest["kind"]),
        };
        // An empty one is none, as for kubectl.
        let namespace = || match metadata["namespace"].as_str().filter(|own| !own.is_empty()) {
            Some(own) => {
                let own = output::object_name(own)
                    .map_err(|error| anyhow!("a namespace in the manifests is {own:?}: it {error}"))?;
                let fits = !home.is_named || own == home.namespace;
                ensure!(
                    fits,
                    "the namespace of {own}/{} does not match --namespace {}",
                    name()?,
                    home.namespace
                );
                Ok(own)
            }
            None => Ok(home.namespace.to_owned()),
        };
        let is_ours = group == GROUP;
        match manifest["kind"].as_str() {
            Some("VoiceCampaign") if is_ours => {
                self.campaigns.insert(Name { namespace: namespace()?, name: name()? });
            }
            Some("KoreConnection") if is_ours => {
                self.others.insert(format!("the KoreConnection {}/{}", namespace()?, name()?));
            }
            Some("Namespace") if manifest["apiVersion"] == "v1" => drop(self.whole.insert(name()?)),
            Some("CustomResourceDefinition") if manifest["spec"]["group"] == GROUP => bail!(
                "the manifests have the CustomResourceDefinition {}: deleting it deletes every resource of its kind in the cluster",
                name()?
            ),
            Some(kind) if APPLIERS.contains(&(group, kind)) => {
                // They are where their controller is, and may have no name before they are created.
                let of = |field: &Value, otherwise: &str| {
                    let name = output::object_name(field.as_str().unwrap_or(otherwise));
                    name.unwrap_or_else(|_| "?".to_owned())
                };
                let (namespace, name) =
                    (of(&metadata["namespace"], home.namespace), of(&metadata["name"], "?"));
                self.appliers.insert(format!("the {kind} {namespace}/{name}"));
            }
            _ => {}
        }
        Ok(())
    }
}

fn is_list(manifest: &Value) -> bool {
    manifest["kind"].as_str().is_some_and(|kind| kind.ends_with("List"))
}

impl<'a> Home<'a> {
    fn of(cluster: &'a Cluster) -> Self {
        Self { namespace: cluster.namespace(), is_named: cluster.named_namespace().is_some() }
    }
}

/// What the manifests of files say, or of folders, and, if `recursive`, of those in them; `-` is the standard
/// input.
///
/// # Errors
/// If a file can't be read, or is no YAML.
pub fn of_files(paths: &[PathBuf], recursive: bool, cluster: &Cluster) -> anyhow::Result<Manifests> {
    let (home, mut manifests) = (Home::of(cluster), Manifests::default());
    for path in paths {
        if path == Path::new("-") {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("can't read the standard input")?;
            manifests.add_all(&text, home).context("the standard input")?;
            continue;
        }
        let files = files(path, recursive)?;
        ensure!(!files.is_empty(), "{} has no file that ends in .yaml, .yml or .json", path.display());
        for file in files {
            let text =
                std::fs::read_to_string(&file).with_context(|| format!("can't read {}", file.display()))?;
            manifests.add_all(&text, home).with_context(|| file.display().to_string())?;
        }
    }
    Ok(manifests)
}

/// What the manifests of a kustomization say. `kubectl` builds it: the same version builds it for
/// `kubectl apply`.
///
/// # Errors
/// If kubectl can't be run, or can't build it.
pub fn of_kustomization(folder: &Path, cluster: &Cluster) -> anyhow::Result<Manifests> {
    let built = Command::new("kubectl").arg("kustomize").arg(folder).output();
    let built = built.context("can't run kubectl, which builds the kustomization")?;
    if !built.status.success() {
        bail!("kubectl can't build the kustomization: {}", String::from_utf8_lossy(&built.stderr).trim());
    }
    let mut manifests = Manifests::default();
    manifests.add_all(&String::from_utf8_lossy(&built.stdout), Home::of(cluster))?;
    Ok(manifests)
}

impl Manifests {
    fn add_all(&mut self, text: &str, home: Home<'_>) -> anyhow::Result<()> {
        let all: Vec<Value> = output::read_yaml(text)?;
        let all: Vec<_> = all.iter().filter(|manifest| !manifest.is_null()).collect();
        ensure!(!all.is_empty(), "there is no manifest in it");
        let is_manifest = |manifest: &&Value| manifest["kind"].is_string();
        ensure!(all.iter().all(is_manifest), "something in it is no manifest: it has no `kind`");
        all.into_iter().try_for_each(|manifest| self.add(manifest, home))
    }
}

/// The file, or the manifests of the folder, as `kubectl apply` takes them.
fn files(path: &Path, recursive: bool) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).with_context(|| format!("can't read {}", path.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        // A link to a folder is not followed: it may lead to a folder above.
        if entry.file_type()?.is_dir() {
            found.extend(if recursive { files(&path, true)? } else { Vec::new() });
        } else if ["yaml", "yml", "json"].contains(&ending) && path.is_file() {
            found.push(path);
        }
    }
    found.sort_unstable();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: Home<'static> = Home { namespace: "team-a", is_named: false };

    #[test]
    fn campaigns_and_namespaces_are_found_among_other_manifests() {
        let text = "
apiVersion: voicecampaign.dev/v1alpha1
kind: VoiceCampaign
metadata: {name: a}
---
# A comment alone.
---
apiVersion: v1
kind: List
items:
- {apiVersion: voicecampaign.dev/v1alpha1, kind: VoiceCampaign, metadata: {name: b, namespace: other}}
- {apiVersion: v1, kind: Secret, metadata: {name: c}}
- {apiVersion: voicecampaign.dev/v1alpha1, kind: KoreConnection, metadata: {name: production}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: team-b}}
---
{apiVersion: example.com/v1, kind: VoiceCampaign, metadata: {name: of-somebody-else}}
";
        let mut manifests = Manifests::default();
        manifests.add_all(text, HOME).unwrap();
        let names: Vec<_> = manifests.campaigns.iter().map(Name::to_string).collect();
        assert_eq!(names, ["other/b", "team-a/a"]);
        assert_eq!(manifests.whole, ["team-b".to_owned()].into());
        let namespaces = manifests.namespaces().into_iter().collect::<Vec<_>>();
        assert_eq!(namespaces, ["other", "team-a", "team-b"]);
        let others = manifests.without_namespaces();
        let others: Vec<_> = others.not_deleted().collect();
        assert_eq!(others, ["the KoreConnection team-a/production", "the Namespace team-b"]);
        let applied = "
{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: campaigns, namespace: argocd}}
---
{apiVersion: kustomize.toolkit.fluxcd.io/v1, kind: Kustomization, metadata: {name: campaigns}}
---
{apiVersion: kustomize.config.k8s.io/v1beta1, kind: Kustomization, metadata: {name: of-kustomize-itself}}
";
        let mut manifests = Manifests::default();
        manifests.add_all(applied, HOME).unwrap();
        let appliers: Vec<_> = manifests.appliers().collect();
        assert_eq!(appliers, ["the Application argocd/campaigns", "the Kustomization team-a/campaigns"]);
        let nameless = "{apiVersion: voicecampaign.dev/v1alpha1, kind: VoiceCampaign, metadata: {}}";
        assert!(Manifests::default().add_all(nameless, HOME).is_err());
        let elsewhere = "{apiVersion: voicecampaign.dev/v1alpha1, kind: VoiceCampaign, metadata: {name: a, namespace: b}}";
        // Nothing to plan must not pass for nothing to lose.
        for text in ["", "---\n", "- {kind: VoiceCampaign}\n", "a: b\n"] {
            assert!(Manifests::default().add_all(text, HOME).is_err(), "{text:?}");
        }
        let definition = "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: \
             voicecampaigns.voicecampaign.dev}, spec: {group: voicecampaign.dev}}";
        let error = Manifests::default().add_all(definition, HOME).unwrap_err().to_string();
        assert!(error.contains("deletes every resource of its kind"), "{error}");
        for odd in [r#"name: "a\e[2Jb""#, "name: vcamp/a", r#"name: a, namespace: "b\e[2Jc\nd""#] {
            let odd = format!(
                "{{apiVersion: voicecampaign.dev/v1alpha1, kind: VoiceCampaign, metadata: {{{odd}}}}}"
            );
            let error = Manifests::default().add_all(&odd, HOME).unwrap_err().to_string();
            let shown = error.contains("must be a name") && !error.contains(['\u{1b}', '\n']);
            assert!(shown && error.starts_with("a name"), "{error}");
        }
        let named = Home { is_named: true, ..HOME };
        let error = Manifests::default().add_all(elsewhere, named).unwrap_err().to_string();
        assert!(error.contains("does not match --namespace team-a"), "{error}");
    }
}
