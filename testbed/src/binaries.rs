//! Where the programs come from: a variable, or our own cache, which is built when it is missing. A kubectl on PATH is not
//! used: its version is unknown.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};

use crate::{process, repository};

/// Version of Kubernetes in `testbed/control-plane/go.mod`.
const KUBERNETES: &str = "v1.36.4";

/// Programs of the control plane: name, the variable that may name another one, Go package.
const PROGRAMS: [(&str, &str, &str); 4] = [
    ("etcd", "TEST_ASSET_ETCD", "go.etcd.io/etcd/server/v3"),
    ("kube-apiserver", "TEST_ASSET_KUBE_APISERVER", "k8s.io/kubernetes/cmd/kube-apiserver"),
    (
        "kube-controller-manager",
        "TEST_ASSET_KUBE_CONTROLLER_MANAGER",
        "k8s.io/kubernetes/cmd/kube-controller-manager",
    ),
    ("kubectl", "TEST_ASSET_KUBECTL", "k8s.io/kubernetes/cmd/kubectl"),
];

/// The program of this name: from its variable, from `KUBEBUILDER_ASSETS`, or from our cache.
///
/// # Errors
/// If the name is none of ours, or the program can't be built.
pub fn control_plane(name: &str) -> Result<PathBuf> {
    let (_, variable, _) = PROGRAMS.iter().find(|program| program.0 == name).context("no such program")?;
    if let Some(path) = std::env::var_os(variable).map(PathBuf::from) {
        ensure!(path.is_file(), "{variable} names {}, which is no file", path.display());
        return Ok(path);
    }
    if let Some(folder) = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from) {
        let path = folder.join(name);
        if path.is_file() {
            return Ok(path);
        }
    }
    Ok(cache()?.join(name))
}

/// Builds what is missing of the control plane; says what it does, because it takes minutes the first time.
///
/// # Errors
/// If Go is missing or a build fails.
pub fn cache() -> Result<PathBuf> {
    static CACHE: OnceLock<PathBuf> = OnceLock::new();
    if let Some(folder) = CACHE.get() {
        return Ok(folder.clone());
    }
    let module = repository().join("testbed/control-plane");
    let sums = fs::read(module.join("go.sum"))?;
    let key: String = Sha256::digest(&sums).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let folder = user_cache()?.join("voicecampaign-testbed").join(key);
    fs::create_dir_all(&folder)?;
    // Two builds at once would only wait for each other's memory.
    let lock = fs::File::create(folder.join("lock"))?;
    let _lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, error)| error)?;
    let missing: Vec<_> = PROGRAMS.iter().filter(|(name, ..)| !folder.join(name).is_file()).collect();
    for (number, (name, _, package)) in missing.iter().enumerate() {
        eprintln!(
            "testbed: building {name} ({} of {}) from its Go module into {}; the first build takes minutes",
            number + 1,
            missing.len(),
            folder.display()
        );
        build(&module, &folder, name, package)?;
    }
    Ok(CACHE.get_or_init(|| folder).clone())
}

fn build(module: &Path, folder: &Path, name: &str, package: &str) -> Result<()> {
    let version = "k8s.io/component-base/version";
    let (major, minor) = KUBERNETES.trim_start_matches('v').split_once('.').context("a version")?;
    let minor = minor.split('.').next().unwrap_or_default();
    let flags = format!(
        "-s -w -X {version}.gitVersion={KUBERNETES} -X {version}.gitMajor={major} -X {version}.gitMinor={minor}"
    );
    let unfinished = folder.join(format!("{name}.unfinished"));
    let started = std::time::Instant::now();
    let mut go = Command::new("go");
    go.args(["build", "-trimpath", "-ldflags", &flags, "-o"])
        .arg(&unfinished)
        .arg(package)
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-mod=readonly -buildvcs=false")
        .current_dir(module);
    process::run(go).context("Go (1.26 or newer) is needed to build the control plane")?;
    fs::rename(unfinished, folder.join(name))?;
    eprintln!("testbed: built {name} in {} s", started.elapsed().as_secs());
    Ok(())
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
        // All of them, as `make` builds them: another choice would have other features, and compile everything again.
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
