//! `plan`: what would become of the campaigns if resources were deleted.
//!
//! ```text
//!   manifests.rs  files and kustomizations ─▶ names     known.rs  what the cluster has
//!                             └──────────────┬───────────────────────┘
//!                                         fate.rs  what a deletion does (PURE) ─▶ show.rs
//! ```

mod fate;
mod known;
mod manifests;
mod show;

pub use fate::{Fate, Planned};
pub use known::Known;
pub use manifests::{Manifests, of_files, of_kustomization};
pub use show::Plan;

use anyhow::{bail, ensure};

use crate::cli::{PlanArgs, PlanFormat};
use crate::cluster::Cluster;
use crate::end::End;
use crate::output;

/// Runs the command.
///
/// # Errors
/// If the manifests or the resources can't be read.
pub async fn run(arguments: PlanArgs, cluster: &Cluster) -> anyhow::Result<End> {
    let PlanArgs { what, selector, filename, recursive, kustomize, output } = arguments;
    let manifests = match (&selector, &kustomize, filename.as_slice()) {
        (Some(selector), ..) => Manifests::of_names(&cluster.selected(selector).await?, cluster.namespace()),
        (None, Some(folder), _) => of_kustomization(folder, cluster)?,
        (None, None, []) => named(&what, cluster.namespace())?,
        (None, None, files) => of_files(files, recursive, cluster)?,
    };
    look_for(&manifests, !what.is_empty(), cluster).await?;
    let is_elsewhere = manifests.namespaces().iter().any(|namespace| namespace != cluster.namespace());
    ensure!(
        output != PlanFormat::Name || !is_elsewhere,
        "names alone do not say in which namespace they are: name it with --namespace, or use --output json"
    );
    let known = Known::read(&manifests.namespaces(), cluster).await?;
    let plan = Plan::new(known.plan(&manifests), &known, cluster.now());
    let plan = Plan { appliers: manifests.appliers().map(ToOwned::to_owned).collect(), ..plan };
    let text = match output {
        PlanFormat::Table => plan.table(),
        PlanFormat::Markdown => plan.markdown(),
        PlanFormat::Json => output::json(&plan)?,
        PlanFormat::Yaml => output::yaml(&plan)?,
        PlanFormat::Name => return output::print_names(&plan.names()).map(|()| End::Done),
    };
    output::print(&text)?;
    Ok(End::Done)
}

/// Looks whether the namespaces exist that go as a whole: a wrong name on the command line must not pass for
/// nothing to lose.
async fn look_for(manifests: &Manifests, named: bool, cluster: &Cluster) -> anyhow::Result<()> {
    for namespace in &manifests.whole {
        match cluster.has_namespace(namespace).await? {
            Some(true) => {}
            Some(false) if named => bail!("there is no namespace {namespace}"),
            Some(false) => output::say(&format!("There is no namespace {namespace}.")),
            None => output::say(&format!(
                "You may not read the namespace {namespace}: whether it exists is not known."
            )),
        }
    }
    Ok(())
}

/// `namespace NAME` or `voicecampaign NAME…`.
fn named(what: &[String], namespace: &str) -> anyhow::Result<Manifests> {
    let (kind, names) = what.split_first().map_or(("", &[][..]), |(kind, names)| (kind.as_str(), names));
    match kind {
        "namespace" | "namespaces" | "ns" => {
            Ok(Manifests::of_namespaces(&all(names.iter().map(|name| output::object_name(name)))?))
        }
        "voicecampaign" | "voicecampaigns" | "vcamp" => {
            Ok(Manifests::of_names(&all(names.iter().map(|name| output::named(name)))?, namespace))
        }
        other => bail!("can't plan for {other}: name `namespace NAME` or `voicecampaign NAME…`"),
    }
}

/// All names, if each is one.
fn all(names: impl Iterator<Item = Result<String, String>>) -> anyhow::Result<Vec<String>> {
    names.collect::<Result<_, _>>().map_err(anyhow::Error::msg)
}
