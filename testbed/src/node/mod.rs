//! A node on a control plane: kubelet, containerd, kube-proxy, a scheduler and DNS, as local processes inside
//! of an [`enclosure`].
//!
//! What is not obvious about the settings: `restrict_oom_score_adj`, because runc may not lower its own
//! without CAP_SYS_RESOURCE; `failCgroupV1: false` for older and mixed hierarchies; no image is ever removed,
//! because none could be pulled again.

pub mod enclosure;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use serde_json::json;

use crate::addresses::{BRIDGE, NODE, Network, START};
use crate::control_plane::{ControlPlane, Reach};
use crate::process::Process;
use crate::{binaries, image, wait};

/// The image of what holds a Pod's namespaces.
const PAUSE: &str = "pause:testbed";

/// A control plane with a node.
#[derive(Debug)]
pub struct Node {
    // In the order in which they are ended.
    kubelet: Process,
    others: Vec<Process>,
    containerd: Process,
    /// The control plane.
    pub plane: ControlPlane,
    /// Its network.
    pub network: Network,
}

impl Node {
    /// Builds what is missing for it, which needs the machine's network: so before the enclosure.
    ///
    /// # Errors
    /// If something can't be built.
    pub fn build() -> Result<()> {
        for name in ["kubelet", "coredns"] {
            binaries::node(name)?;
        }
        binaries::control_plane("kubectl")?;
        Ok(())
    }

    /// Starts all of it, and waits until Pods can be made.
    ///
    /// # Errors
    /// If something does not come up.
    pub fn start() -> Result<Self> {
        enclosure::assert_inside()?;
        let network = Network::default();
        bridge(network)?;
        let plane = ControlPlane::start_for(Reach::Node(network))?;
        let folder = plane.folder().to_owned();
        let containerd = start_containerd(&folder, network)?;
        let pause = folder.join("pause.tar");
        image::write(&pause, PAUSE, &binaries::node("pause")?, "65535:65535", &[])?;
        load(&folder, &pause)?;
        let others =
            vec![start_dns(&plane, network)?, start_scheduler(&plane)?, start_proxy(&plane, network)?];
        let kubelet = start_kubelet(&plane, network)?;
        let mut node = Self { kubelet, others, containerd, plane, network };
        let kubectl = node.plane.kubectl()?;
        wait::until("the node is ready", START, || {
            node.others.iter_mut().chain([&mut node.containerd]).try_for_each(Process::assert_running)?;
            let wanted = format!("node/{NODE}");
            Ok(kubectl.try_run(&["wait", "--for=condition=Ready", &wanted, "--timeout=1s"]).ok())
        })?;
        Ok(node)
    }

    /// Ends it, and removes its folder with the logs.
    pub fn finish(self) {
        let Self { kubelet, others, containerd, plane, network: _ } = self;
        drop((kubelet, others, containerd));
        plane.finish();
    }

    /// Loads an image that is packed as [`image::write`] does.
    ///
    /// # Errors
    /// If containerd does not take it.
    pub fn load(&self, archive: &Path) -> Result<()> {
        load(self.plane.folder(), archive)
    }
}

fn bridge(network: Network) -> Result<()> {
    let ip = |arguments: &[&str]| enclosure::command("/usr/sbin/ip", arguments);
    ip(&["link", "add", BRIDGE, "type", "bridge"])?;
    ip(&["address", "add", &format!("{}/24", network.gateway), "dev", BRIDGE])?;
    ip(&["link", "set", BRIDGE, "up"])?;
    // A way out, so that addresses of Services have a route before kube-proxy leads them elsewhere.
    ip(&["route", "add", "default", "dev", BRIDGE])?;
    // This setting belongs to the network, which ends with the enclosure.
    fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
    Ok(())
}

fn start_containerd(folder: &Path, network: Network) -> Result<Process> {
    let at = folder.display();
    let cni = folder.join("cni");
    fs::create_dir_all(&cni)?;
    let ranges = json!([[{"subnet": network.pods, "gateway": network.gateway}]]);
    let plugin = json!({"type": "bridge", "bridge": BRIDGE, "isGateway": true, "hairpinMode": true, "ipam": {
        "type": "host-local", "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": folder.join("cni-addresses")}});
    let list = json!({"cniVersion": "1.0.0", "name": NODE, "plugins": [plugin]});
    fs::write(cni.join("10-testbed.conflist"), list.to_string())?;
    let config = format!(
        r#"version = 2
root = "{at}/containerd/root"
state = "{at}/containerd/state"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "{at}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{at}/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "/usr/sbin/runc"
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{at}/cni"
"#
    );
    let file = folder.join("containerd.toml");
    fs::write(&file, config)?;
    let mut command = Command::new("/usr/bin/containerd");
    command.arg("--config").arg(file);
    let mut process = Process::start("containerd", command, folder)?;
    wait::until("containerd answers", START, || {
        process.assert_running()?;
        Ok(ctr(folder, &["version"]).ok())
    })?;
    Ok(process)
}

fn ctr(folder: &Path, arguments: &[&str]) -> Result<()> {
    let socket = folder.join("containerd.sock").display().to_string();
    let mut all = vec!["--address", socket.as_str(), "--namespace", "k8s.io"];
    all.extend(arguments);
    enclosure::command("/usr/bin/ctr", &all)
}

fn load(folder: &Path, archive: &Path) -> Result<()> {
    ctr(folder, &["images", "import", &archive.display().to_string()])
}

fn start_dns(plane: &ControlPlane, network: Network) -> Result<Process> {
    let config = format!(
        "cluster.local:53 {{\n bind {}\n errors\n kubernetes cluster.local {{\n  kubeconfig {}\n }}\n}}\n",
        network.gateway,
        plane.kubeconfig().display()
    );
    let file = plane.folder().join("Corefile");
    fs::write(&file, config)?;
    let mut command = Command::new(binaries::node("coredns")?);
    command.arg("-conf").arg(file);
    Process::start("coredns", command, plane.folder())
}

fn start_scheduler(plane: &ControlPlane) -> Result<Process> {
    let mut command = Command::new(binaries::node("kube-scheduler")?);
    command
        .arg(format!("--kubeconfig={}", plane.kubeconfig().display()))
        .args(["--leader-elect=false", "--secure-port=0"]);
    Process::start("kube-scheduler", command, plane.folder())
}

fn start_proxy(plane: &ControlPlane, network: Network) -> Result<Process> {
    let config = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration", "mode": "nftables",
        "clientConnection": {"kubeconfig": plane.kubeconfig()}, "hostnameOverride": NODE,
        "clusterCIDR": network.pods, "healthzBindAddress": "127.0.0.1:10256", "metricsBindAddress": "127.0.0.1:10249",
        "nodePortAddresses": [format!("{}/32", network.gateway)],
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    });
    let file = write_config(plane, "kube-proxy.json", &config)?;
    let mut command = Command::new(binaries::node("kube-proxy")?);
    command.arg("--config").arg(file);
    Process::start("kube-proxy", command, plane.folder())
}

fn start_kubelet(plane: &ControlPlane, network: Network) -> Result<Process> {
    let folder = plane.folder();
    let file = |name: &str| folder.join(name).display().to_string();
    let config = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": format!("unix://{}", file("containerd.sock")),
        "failCgroupV1": false, "cgroupDriver": "cgroupfs",
        "authentication": {"anonymous": {"enabled": false}, "webhook": {"enabled": true}, "x509": {"clientCAFile": file("ca.crt")}},
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": file("kubelet.crt"), "tlsPrivateKeyFile": file("kubelet.key"),
        "address": network.gateway, "port": 10250, "healthzPort": 0, "readOnlyPort": 0,
        "clusterDomain": "cluster.local", "clusterDNS": [network.gateway], "resolvConf": "",
        "seccompDefault": true, "failSwapOn": false, "makeIPTablesUtilChains": false,
        "podLogsDir": file("pod-logs"), "volumePluginDir": file("volume-plugins"),
        "imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "nodefs.inodesFree": "1%", "imagefs.available": "1%"},
        "enforceNodeAllocatable": ["pods"], "maxPods": 50,
    });
    let config = write_config(plane, "kubelet.json", &config)?;
    let mut command = Command::new(binaries::node("kubelet")?);
    command
        .arg("--config")
        .arg(config)
        .arg(format!("--kubeconfig={}", plane.write_node_kubeconfig()?.display()))
        .arg(format!("--hostname-override={NODE}"))
        .arg(format!("--node-ip={}", network.gateway))
        .arg(format!("--root-dir={}", file("kubelet")))
        .arg(format!("--cert-dir={}", file("kubelet-certificates")));
    Process::start("kubelet", command, folder)
}

fn write_config(plane: &ControlPlane, name: &str, config: &serde_json::Value) -> Result<PathBuf> {
    let path = plane.folder().join(name);
    fs::write(&path, config.to_string())?;
    Ok(path)
}
