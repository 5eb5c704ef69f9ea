//! A part of the machine for a node: its own processes, mounts and network. When it ends, for whatever
//! reason, the kernel takes away what was in it. What is not part of it, control groups and some settings of
//! the kernel, is put back by who made it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::addresses::BRIDGE;
use crate::wait;

/// Says to the program which of the three it is.
const ROLE: &str = "TESTBED_ENCLOSURE";
const GUARDIAN: &str = "guardian";
const INSIDE: &str = "inside";
/// What kubelet sets for the whole machine.
const SETTINGS: [&str; 6] = [
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
];
/// The folder of kubelet's control groups, in each hierarchy.
const GROUPS: &str = "kubepods";
/// Programs that a node needs, and the Debian packages that have them.
const PROGRAMS: [(&str, &str); 8] = [
    ("/usr/bin/unshare", "util-linux"),
    ("/usr/sbin/ip", "iproute2"),
    ("/usr/bin/containerd", "containerd"),
    ("/usr/sbin/runc", "runc"),
    ("/usr/lib/cni/bridge", "containernetworking-plugins"),
    ("/usr/sbin/nft", "nftables"),
    ("/usr/sbin/conntrack", "conntrack"),
    ("/usr/bin/curl", "curl"),
];

/// Whether this process is inside of one.
pub fn is_inside() -> bool {
    std::env::var_os(ROLE).is_some_and(|role| role == INSIDE)
}

/// Whether this process is the guardian of one, and has to call [`guard`].
pub fn is_guardian() -> bool {
    std::env::var_os(ROLE).is_some_and(|role| role == GUARDIAN)
}

/// Runs this program again, inside; returns its exit code when everything is as it was before. That is seen
/// to by a guardian, which lives on when this process is killed.
///
/// # Errors
/// If this machine can't have one: it takes root and some programs.
pub fn run_inside() -> Result<i32> {
    ensure!(
        nix::unistd::geteuid().is_root(),
        "a node needs root, or name another cluster with TEST_CLUSTER_KUBECONFIG"
    );
    let missing: Vec<&str> =
        PROGRAMS.iter().filter(|(path, _)| !Path::new(path).exists()).map(|(_, package)| *package).collect();
    ensure!(missing.is_empty(), "a node needs Debian packages: apt-get install {}", missing.join(" "));
    let mut guardian = Command::new(std::env::current_exe()?);
    guardian.args(std::env::args_os().skip(1)).env(ROLE, GUARDIAN).stdin(Stdio::piped());
    // Ctrl-C does not reach it; that we have ended, it hears.
    let mut guardian = guardian.process_group(0).spawn().context("the guardian can't be started")?;
    let held = guardian.stdin.take();
    let status = guardian.wait()?;
    drop(held);
    Ok(status.code().unwrap_or(1))
}

/// Makes an enclosure, runs this program inside, and puts back what has to be: when the inside has ended, or
/// whoever started us.
///
/// # Errors
/// If there is a kubelet on this machine already, or the machine is not as it was.
pub fn guard() -> Result<i32> {
    let is_kubelet = |process: &String| {
        fs::read_to_string(format!("/proc/{process}/comm")).is_ok_and(|name| name.trim() == "kubelet")
    };
    ensure!(
        !names(Path::new("/proc")).iter().any(is_kubelet),
        "there is a kubelet on this machine already; name its cluster with TEST_CLUSTER_KUBECONFIG"
    );
    // What one that was killed together with its guardian has left is nobody's.
    groups().iter().for_each(|group| remove_group(group));
    ensure!(groups().is_empty(), "there are control groups of a kubelet on this machine: {:?}", groups());
    // From the inside, nobody outside is seen to live: what others have in the common folder would look like
    // leftovers.
    let mut folder = tempfile::Builder::new().prefix("voicecampaign-node-").tempdir()?;
    let before = Machine::look(folder.path())?;
    let mut inside = Command::new("/usr/bin/unshare");
    inside
        .args(["--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child", "--"])
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env("TMPDIR", folder.path())
        .env(ROLE, INSIDE)
        .stdin(Stdio::null());
    let mut inside = inside.spawn().context("unshare can't be started")?;
    let number = Pid::from_raw(i32::try_from(inside.id())?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        // Whoever started us has ended.
        let _ = kill(number, Signal::SIGKILL);
    });
    let status = inside.wait()?;
    before.put_back()?;
    let after = Machine::look(folder.path())?;
    ensure!(before == after, "the machine is not as it was: {before:#?}, now {after:#?}");
    // With the logs, if something has failed.
    folder.disable_cleanup(!status.success());
    println!("the machine is as it was before");
    Ok(status.code().unwrap_or(1))
}

/// Makes the inside ready: a network of its own with a loopback, and nothing of the machine's own containers
/// to be seen.
///
/// # Errors
/// If a command fails.
pub fn furnish() -> Result<()> {
    assert_inside()?;
    command("/usr/sbin/ip", &["link", "set", "lo", "up"])?;
    for folder in ["/run", "/var/log", "/var/lib"] {
        command("/usr/bin/mount", &["-t", "tmpfs", "tmpfs", folder])?;
    }
    Ok(())
}

/// Runs a command to its end.
pub(super) fn command(program: &str, arguments: &[&str]) -> Result<()> {
    let output =
        Command::new(program).args(arguments).output().with_context(|| format!("{program} can't be run"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} {}: {said}", arguments.join(" "));
    Ok(())
}

/// What the kernel does not take away with the enclosure: settings and control groups. And what it does, as
/// far as it can be seen: links, mounts and processes of a node.
#[derive(Debug, PartialEq, Eq)]
struct Machine {
    settings: BTreeMap<&'static str, String>,
    groups: Vec<PathBuf>,
    left: Vec<String>,
}

impl Machine {
    /// `ours` is in the paths of everything that belongs to a node.
    fn look(ours: &Path) -> Result<Self> {
        let setting = |name: &&'static str| {
            Some((*name, fs::read_to_string(Path::new("/proc/sys").join(name)).ok()?.trim().to_owned()))
        };
        let ours = ours.display().to_string();
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        let mut left: Vec<String> =
            mounts.lines().filter(|line| line.contains(&ours)).map(ToOwned::to_owned).collect();
        left.extend(names(Path::new("/sys/class/net")).into_iter().filter(|name| name == BRIDGE));
        for process in names(Path::new("/proc")) {
            let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            left.extend(line.contains(&ours).then_some(line));
        }
        Ok(Self { settings: SETTINGS.iter().filter_map(setting).collect(), groups: groups(), left })
    }

    fn put_back(&self) -> Result<()> {
        for (name, value) in &self.settings {
            let path = Path::new("/proc/sys").join(name);
            if fs::read_to_string(&path)?.trim() != value {
                fs::write(path, value)?;
            }
        }
        // A control group is busy until the kernel has buried its last process.
        wait::until("the control groups of the node are gone", std::time::Duration::from_secs(20), || {
            groups().iter().for_each(|group| remove_group(group));
            Ok(groups().is_empty().then_some(()))
        })
    }
}

/// The control groups of a kubelet.
fn groups() -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let mut found: Vec<PathBuf> = names(root).iter().map(|name| root.join(name).join(GROUPS)).collect();
    found.push(root.join(GROUPS));
    found.retain(|group| group.is_dir());
    found
}

/// Removes a control group and those in it, as far as nobody is in them.
fn remove_group(group: &Path) {
    for name in names(group) {
        let path = group.join(name);
        if path.is_dir() {
            remove_group(&path);
        }
    }
    let _ = fs::remove_dir(group);
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Refuses what is not meant for the inside.
pub(super) fn assert_inside() -> Result<()> {
    if is_inside() { Ok(()) } else { bail!("a node is started inside of an enclosure only") }
}
