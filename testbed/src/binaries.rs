//! Where the programs come from: a variable, or our own cache, which is built when it is missing. A kubectl
//! on PATH is not used: its version is unknown.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};

use crate::{process, repository};

/// A program from a Go module: its name, the variable that may name another one, its package.
type Program = (&'static str, &'static str, &'static str);

/// Programs that are built together, when the first of them is needed.
struct Set {
    /// The folder of the Go module in `testbed/`.
    module: &'static str,
    /// What the released programs say of themselves.
    version: Version,
    programs: &'static [Program],
}

/// What the linker writes into programs, because Go does not.
#[derive(Clone, Copy)]
enum Version {
    /// Nothing.
    Unsaid,
    /// That they are Kubernetes of this version.
    Kubernetes(&'static str),
    /// That a helm was made for Kubernetes of this minor version.
    HelmFor(&'static str),
}

/// etcd; and the API server, its controllers and kubectl of the version that everything is tested with.
const CONTROL_PLANE: Set = Set {
    module: "control-plane",
    version: Version::Kubernetes("1.36.4"),
    programs: &[
        ("etcd", "TEST_ASSET_ETCD", "go.etcd.io/etcd/server/v3"),
        API_SERVER,
        CONTROLLER_MANAGER,
        KUBECTL,
    ],
};

const API_SERVER: Program =
    ("kube-apiserver", "TEST_ASSET_KUBE_APISERVER", "k8s.io/kubernetes/cmd/kube-apiserver");
const CONTROLLER_MANAGER: Program = (
    "kube-controller-manager",
    "TEST_ASSET_KUBE_CONTROLLER_MANAGER",
    "k8s.io/kubernetes/cmd/kube-controller-manager",
);
const KUBECTL: Program = ("kubectl", "TEST_ASSET_KUBECTL", "k8s.io/kubernetes/cmd/kubectl");

/// The oldest version that we promise, one in the middle, and the newest, for `make test-kubernetes`. Their
/// etcd is that of [`CONTROL_PLANE`].
const OTHER_KUBERNETES: [Set; 3] = [
    kubernetes("kubernetes-1.30", "1.30.14"),
    kubernetes("kubernetes-1.33", "1.33.13"),
    kubernetes("kubernetes-1.37", "1.37.2"),
];

const fn kubernetes(module: &'static str, version: &'static str) -> Set {
    Set {
        module,
        version: Version::Kubernetes(version),
        programs: &[API_SERVER, CONTROLLER_MANAGER, KUBECTL],
    }
}

/// Names the version of Kubernetes to test with, in place of [`CONTROL_PLANE`]'s.
pub const KUBERNETES: &str = "TESTBED_KUBERNETES";

/// What makes a node of a machine, of the version of the control plane; and what holds a Pod's namespaces.
const NODE: Set = Set {
    module: "node",
    version: CONTROL_PLANE.version,
    programs: &[
        ("kubelet", "TEST_ASSET_KUBELET", "k8s.io/kubernetes/cmd/kubelet"),
        ("kube-proxy", "TEST_ASSET_KUBE_PROXY", "k8s.io/kubernetes/cmd/kube-proxy"),
        ("kube-scheduler", "TEST_ASSET_KUBE_SCHEDULER", "k8s.io/kubernetes/cmd/kube-scheduler"),
        ("pause", "TEST_ASSET_PAUSE", "./pause"),
    ],
};

/// How Pods find Services.
const DNS: Set =
    Set { module: "dns", version: Version::Unsaid, programs: &[("coredns", "TEST_ASSET_COREDNS", ".")] };

/// The helm of today.
const HELM_4: Set = Set {
    module: "helm-4",
    version: Version::Unsaid,
    programs: &[("helm", "TEST_ASSET_HELM", "helm.sh/helm/v4/cmd/helm")],
};

/// The helm that many still have, and what writes the chart's README.
const HELM_3: Set = Set {
    module: "helm-3",
    version: Version::HelmFor("37"),
    programs: &[
        ("helm", "TEST_ASSET_HELM_3", "helm.sh/helm/v3/cmd/helm"),
        ("helm-docs", "TEST_ASSET_HELM_DOCS", "github.com/norwoodj/helm-docs/cmd/helm-docs"),
    ],
};

/// What says how Helm, kstatus and Flux read a status.
const KSTATUS: Set =
    Set { module: "kstatus", version: Version::Unsaid, programs: &[("kstatus", "TEST_ASSET_KSTATUS", ".")] };

/// What says what Argo CD makes of the scripts that its users are given.
const ARGO_CD: Set = Set {
    module: "argo-cd",
    version: Version::Unsaid,
    programs: &[("argo-lua", "TEST_ASSET_ARGO_LUA", ".")],
};

/// What applies a Kustomization and a HelmRelease.
const FLUX: Set = Set {
    module: "flux",
    version: Version::Unsaid,
    programs: &[
        ("kustomize-controller", "TEST_ASSET_KUSTOMIZE_CONTROLLER", "github.com/fluxcd/kustomize-controller"),
        ("helm-controller", "TEST_ASSET_HELM_CONTROLLER", "github.com/fluxcd/helm-controller"),
    ],
};

/// What shows our objects in Prometheus, for those who want each by its name.
const KUBE_STATE_METRICS: Set = Set {
    module: "kube-state-metrics",
    version: Version::Unsaid,
    programs: &[("kube-state-metrics", "TEST_ASSET_KUBE_STATE_METRICS", "k8s.io/kube-state-metrics/v2")],
};

/// The program of this name: from its variable, from `KUBEBUILDER_ASSETS`, or from our cache, there of the
/// version that [`KUBERNETES`] names.
///
/// # Errors
/// If the name is none of ours, the program can't be built, or there is no such version.
pub fn control_plane(name: &str) -> Result<PathBuf> {
    let from_assets = std::env::var_os("KUBEBUILDER_ASSETS").map(|folder| PathBuf::from(folder).join(name));
    let from_assets = from_assets.filter(|path| path.is_file());
    let set = if name == "etcd" { &CONTROL_PLANE } else { kubernetes_of(&kubernetes_version())? };
    set.find(name, from_assets)
}

/// The version of Kubernetes that tests run on.
pub fn kubernetes_version() -> String {
    let usual = || CONTROL_PLANE.kubernetes().unwrap_or_default().to_owned();
    std::env::var(KUBERNETES).unwrap_or_else(|_| usual())
}

/// Its minor version.
///
/// # Errors
/// If there is none.
pub fn kubernetes_minor(version: &str) -> Result<u32> {
    let minor = version.split('.').nth(1).with_context(|| format!("{version} has no minor version"))?;
    minor.parse().with_context(|| format!("{minor} is no minor version"))
}

/// The versions of Kubernetes that there are, the oldest first.
pub fn kubernetes_versions() -> Vec<&'static str> {
    let mut versions: Vec<_> = all_kubernetes().map(|(version, _)| version).collect();
    versions.sort_unstable();
    versions
}

fn all_kubernetes() -> impl Iterator<Item = (&'static str, &'static Set)> {
    let sets = OTHER_KUBERNETES.iter().chain([&CONTROL_PLANE]);
    sets.filter_map(|set| Some((set.kubernetes()?, set)))
}

fn kubernetes_of(wanted: &str) -> Result<&'static Set> {
    let found = all_kubernetes().find(|(version, _)| *version == wanted);
    let versions = kubernetes_versions().join(", ");
    Ok(found.with_context(|| format!("there is no Kubernetes {wanted} here, only {versions}"))?.1)
}

/// helm, of this major version.
///
/// # Errors
/// If it can't be built.
pub fn helm(major: u8) -> Result<PathBuf> {
    if major == 3 { HELM_3.find("helm", None) } else { HELM_4.find("helm", None) }
}

/// A program of a node, or `coredns`.
///
/// # Errors
/// If the name is none of ours, or the program can't be built.
pub fn node(name: &str) -> Result<PathBuf> {
    if name == "coredns" { DNS.find(name, None) } else { NODE.find(name, None) }
}

/// `kstatus` or `argo-lua`, or a controller of Flux.
///
/// # Errors
/// If the name is none of ours, or the program can't be built.
pub fn gitops(name: &str) -> Result<PathBuf> {
    match name {
        "kstatus" => KSTATUS.find(name, None),
        "argo-lua" => ARGO_CD.find(name, None),
        _ => FLUX.find(name, None),
    }
}

/// Builds what the tests on a control plane need, all but the programs of a node: what is built while tests
/// run takes their time.
///
/// # Errors
/// If one can't be built.
pub fn build() -> Result<()> {
    for (name, ..) in CONTROL_PLANE.programs {
        control_plane(name)?;
    }
    for set in [HELM_4, HELM_3, KSTATUS, ARGO_CD] {
        for (name, ..) in set.programs {
            set.find(name, None)?;
        }
    }
    Ok(())
}

/// kube-state-metrics.
///
/// # Errors
/// If it can't be built.
pub fn kube_state_metrics() -> Result<PathBuf> {
    KUBE_STATE_METRICS.find("kube-state-metrics", None)
}

/// helm-docs.
///
/// # Errors
/// If it can't be built.
pub fn helm_docs() -> Result<PathBuf> {
    HELM_3.find("helm-docs", None)
}

impl Version {
    /// What the linker is told.
    fn flags(self) -> String {
        match self {
            Self::Unsaid => String::new(),
            Self::Kubernetes(version) => {
                let minor = version.split('.').nth(1).unwrap_or_default();
                let of = "k8s.io/component-base/version";
                format!("-X {of}.gitVersion=v{version} -X {of}.gitMajor=1 -X {of}.gitMinor={minor}")
            }
            Self::HelmFor(minor) => ["pkg/chartutil", "pkg/lint/rules"]
                .map(|package| {
                    let of = format!("helm.sh/helm/v3/{package}");
                    format!("-X {of}.k8sVersionMajor=1 -X {of}.k8sVersionMinor={minor}")
                })
                .join(" "),
        }
    }
}

impl Set {
    fn kubernetes(&self) -> Option<&'static str> {
        match self.version {
            Version::Kubernetes(version) => Some(version),
            Version::Unsaid | Version::HelmFor(_) => None,
        }
    }

    /// The program of this name: from its variable, else this other one, else from our cache.
    fn find(&self, name: &str, other: Option<PathBuf>) -> Result<PathBuf> {
        let (_, variable, _) =
            self.programs.iter().find(|program| program.0 == name).context("no such program")?;
        if let Some(path) = std::env::var_os(variable).map(PathBuf::from) {
            ensure!(path.is_file(), "{variable} names {}, which is no file", path.display());
            return Ok(path);
        }
        match other {
            Some(path) => Ok(path),
            None => Ok(self.cache()?.join(name)),
        }
    }

    /// Builds what is missing; says what it does, because it takes minutes the first time.
    fn cache(&self) -> Result<PathBuf> {
        static BUILT: Mutex<BTreeMap<&str, PathBuf>> = Mutex::new(BTreeMap::new());
        // Not held during a build: it would hold up who needs another program.
        let built = || BUILT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = built().get(self.module) {
            return Ok(folder.clone());
        }
        let module = repository().join("testbed").join(self.module);
        // What it is built from: the versions, and what we have written ourselves.
        let mut sources = fs::read(module.join("go.sum"))?;
        for source in ["main.go", "pause/main.go"] {
            sources.extend(fs::read(module.join(source)).unwrap_or_default());
        }
        let key: String = Sha256::digest(&sources).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let folder = user_cache()?.join("voicecampaign-testbed").join(key);
        fs::create_dir_all(&folder)?;
        // One build of it at a time, among processes and threads.
        let lock = fs::File::create(folder.join("lock"))?;
        let _lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, error)| error)?;
        let missing: Vec<_> =
            self.programs.iter().filter(|(name, ..)| !folder.join(name).is_file()).collect();
        for (number, (name, _, package)) in missing.iter().enumerate() {
            eprintln!(
                "testbed: building {name} ({} of {}) from its Go module into {}; the first build takes minutes",
                number + 1,
                missing.len(),
                folder.display()
            );
            self.build(&module, &folder, name, package)?;
        }
        built().insert(self.module, folder.clone());
        Ok(folder)
    }

    fn build(&self, module: &Path, folder: &Path, name: &str, package: &str) -> Result<()> {
        let flags = format!("-s -w {}", self.version.flags());
        let unfinished = folder.join(format!("{name}.unfinished"));
        let started = std::time::Instant::now();
        let mut go = Command::new("go");
        go.args(["build", "-trimpath", "-ldflags", &flags, "-o"])
            .arg(&unfinished)
            .arg(package)
            .env("CGO_ENABLED", "0")
            .env("GOFLAGS", "-mod=readonly -buildvcs=false")
            .current_dir(module);
        process::run(go).with_context(|| format!("Go (1.26 or newer) is needed to build {name}"))?;
        fs::rename(unfinished, folder.join(name))?;
        eprintln!("testbed: built {name} in {} s", started.elapsed().as_secs());
        Ok(())
    }
}

/// A program of this workspace, built first, so that nobody tests yesterday's.
///
/// # Errors
/// If the build fails.
pub fn workspace(program: &str) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(&cargo);
    build
        .args(["build", "--quiet", "--locked", "--message-format=json-render-diagnostics"])
        // All of them, as `make` builds them: another choice would have other features, and compile
        // everything again.
        .args(["--workspace", "--bins"])
        .args((!cfg!(debug_assertions)).then_some("--release"))
        .current_dir(repository());
    let output = process::run(build).with_context(|| format!("building {program} failed"))?;
    let executable = String::from_utf8_lossy(&output)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .find(|path| path.file_name() == Some(OsStr::new(program)));
    executable.with_context(|| format!("cargo does not say where {program} is"))
}

fn user_cache() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty()) {
        return Ok(folder.into());
    }
    match std::env::var_os("HOME") {
        Some(home) => Ok(Path::new(&home).join(".cache")),
        None => bail!("neither XDG_CACHE_HOME nor HOME is set: there is no place for the built programs"),
    }
}
