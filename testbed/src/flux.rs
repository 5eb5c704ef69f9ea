//! Flux, as processes: its kustomize-controller and its helm-controller. There is no source-controller: what
//! it would have fetched is published here, as the artifact of a source.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::process::{self, Process};
use crate::{Kubectl, binaries, image, repository, wait};

/// Where Flux's objects are, as its own installation has it.
pub const NAMESPACE: &str = "flux-system";
/// The modules whose folders have the definitions, and where in `testbed/` their versions stand.
const DEFINITIONS: [(&str, &str); 3] = [
    ("github.com/fluxcd/kustomize-controller", "flux"),
    ("github.com/fluxcd/helm-controller", "flux"),
    ("github.com/fluxcd/source-controller", "flux/source-controller"),
];

/// Running controllers, with what they apply.
#[derive(Debug)]
pub struct Flux {
    kubectl: Kubectl,
    folder: tempfile::TempDir,
    address: SocketAddr,
    controllers: Vec<Process>,
}

/// Builds the controllers and downloads the definitions, where they are missing: later there may be no
/// network.
///
/// # Errors
/// If one can't be had.
pub fn build() -> Result<()> {
    binaries::gitops("kustomize-controller")?;
    DEFINITIONS.into_iter().try_for_each(|(module, versions)| folder_of(module, versions).map(drop))
}

impl Flux {
    /// Installs the definitions, and starts the controllers.
    ///
    /// # Errors
    /// If something can't be built, or is refused.
    pub fn start(kubectl: &Kubectl) -> Result<Self> {
        for (module, versions) in DEFINITIONS {
            let folder = folder_of(module, versions)?.join("config/crd/bases").display().to_string();
            kubectl.try_run(&["apply", "--server-side", "--filename", &folder])?;
        }
        kubectl.try_run(&["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"])?;
        kubectl.try_run(&["create", "namespace", NAMESPACE])?;
        let folder = tempfile::Builder::new().prefix("voicecampaign-flux-").tempdir()?;
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let served = folder.path().to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Who asks will ask again.
                let _ = serve(stream, &served);
            }
        });
        let mut flux = Self { kubectl: kubectl.clone(), folder, address, controllers: Vec::new() };
        for name in ["kustomize-controller", "helm-controller"] {
            let temporary = flux.folder.path().join(format!("{name}-tmp"));
            fs::create_dir(&temporary)?;
            let mut command = Command::new(binaries::gitops(name)?);
            command
                .args(["--metrics-addr=0", "--health-addr=0"])
                .env("KUBECONFIG", kubectl.kubeconfig())
                .env("TMPDIR", temporary)
                .env_remove("SOURCE_CONTROLLER_LOCALHOST");
            let mut process = Process::start(name, command, flux.folder.path())?;
            wait::until(&format!("{name} works"), Duration::from_secs(60), || {
                process.assert_running()?;
                Ok(process.output().contains("Starting workers").then_some(()))
            })?;
            flux.controllers.push(process);
        }
        Ok(flux)
    }

    /// Publishes files as the newest revision of a GitRepository: path and text of each.
    ///
    /// # Errors
    /// If it can't be written, or is refused.
    pub fn publish_files(&self, source: &str, files: &[(String, String)]) -> Result<()> {
        let content = tempfile::tempdir_in(self.folder.path())?;
        for (path, text) in files {
            let path = content.path().join(path);
            fs::create_dir_all(path.parent().context("a folder")?)?;
            fs::write(path, text)?;
        }
        let artifact = self.pack(content.path(), ".")?;
        let spec = json!({"interval": "1h", "url": "https://git.example/none"});
        let revision = format!("main@{}", artifact["digest"].as_str().unwrap_or_default());
        self.publish("GitRepository", source, &spec, artifact, &revision)
    }

    /// Publishes a chart's folder as a HelmChart, for a HelmRelease's `chartRef`.
    ///
    /// # Errors
    /// If it can't be written, or is refused.
    pub fn publish_chart(&self, name: &str, chart: &Path, version: &str) -> Result<()> {
        let (parent, folder) = (chart.parent().context("a folder")?, chart.file_name().context("a name")?);
        let artifact = self.pack(parent, &folder.to_string_lossy())?;
        let source = json!({"kind": "HelmRepository", "name": "none"});
        let spec = json!({"interval": "1h", "chart": "none", "version": "*", "sourceRef": source});
        self.publish("HelmChart", name, &spec, artifact, version)
    }

    /// What the controllers have logged so far.
    pub fn output(&self) -> String {
        self.controllers.iter().map(Process::output).collect()
    }

    fn publish(
        &self,
        kind: &str,
        name: &str,
        spec: &Value,
        mut artifact: Value,
        revision: &str,
    ) -> Result<()> {
        artifact["revision"] = json!(revision);
        let object = json!({"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": kind,
            "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec});
        self.kubectl.apply(&object.to_string())?;
        let object = self.kubectl.get(kind, NAMESPACE, name)?.context("it was applied")?;
        let status =
            json!({"status": {"observedGeneration": object["metadata"]["generation"], "artifact": artifact}});
        let patch =
            ["patch", kind, name, "--namespace", NAMESPACE, "--subresource=status", "--type=merge", "-p"];
        self.kubectl.try_run(&[&patch[..], &[&status.to_string()]].concat()).map(|_| ())
    }

    /// Packs a folder for download.
    fn pack(&self, parent: &Path, folder: &str) -> Result<Value> {
        let unnamed = self.folder.path().join("unnamed");
        let mut tar = Command::new("tar");
        tar.arg("--create")
            .arg("--gzip")
            .arg("--file")
            .arg(&unnamed)
            .arg("--directory")
            .arg(parent)
            .arg(folder);
        process::run(tar)?;
        let bytes = fs::read(&unnamed)?;
        let digest = image::digest(&bytes);
        let path = format!("{digest}.tar.gz");
        fs::rename(unnamed, self.folder.path().join(&path))?;
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        Ok(json!({"path": path, "url": format!("http://{}/{path}", self.address), "size": bytes.len(),
            "digest": format!("sha256:{digest}"), "lastUpdateTime": now}))
    }
}

impl Drop for Flux {
    /// Shows what the controllers had to say, if that may explain a failure.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let output = self.output();
            let lines: Vec<&str> =
                output.lines().filter(|line| !line.contains(r#""level":"info""#)).collect();
            eprintln!("{}", lines[lines.len().saturating_sub(20)..].join("\n"));
        }
    }
}

/// Answers one request for a file of the folder.
fn serve(mut stream: TcpStream, folder: &Path) -> Result<()> {
    let mut request = [0; 4096];
    let length = stream.read(&mut request)?;
    let text = String::from_utf8_lossy(&request[..length]);
    let name = text.split([' ', '/']).nth(2).unwrap_or_default();
    match fs::read(folder.join(name)) {
        Ok(bytes) => {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                bytes.len()
            )?;
            stream.write_all(&bytes)?;
        }
        Err(_) => write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?,
    }
    Ok(())
}

/// The folder of a Go module, downloaded if it is not there.
fn folder_of(module: &str, versions: &str) -> Result<PathBuf> {
    let mut go = Command::new("go");
    go.args(["mod", "download", "-json", module])
        .env("GOFLAGS", "-mod=readonly")
        .current_dir(repository().join("testbed").join(versions));
    let told: Value = serde_json::from_slice(&process::run(go)?)?;
    let folder = told["Dir"].as_str().context("go says where the module is")?;
    ensure!(Path::new(folder).is_dir(), "{folder} is no folder");
    Ok(folder.into())
}
