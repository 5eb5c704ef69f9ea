//! What the playground prints can be typed.

#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testbed::{repository, wait};

/// The README's commands on the playground: with the samples unchanged, and at Kore's own address.
#[test]
fn the_samples_work_on_the_playground_as_they_are() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_playground"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut commands = Vec::new();
    for line in lines.by_ref().take_while(|line| !line.starts_with("Ctrl-C")) {
        commands
            .extend(line.strip_prefix("  ").map(|line| line.split('#').next().unwrap().trim().to_owned()));
    }
    let typed = |line: &str| commands.iter().find(|command| command.starts_with(line)).unwrap().clone();
    let environment = [typed("export KUBECONFIG"), typed("export PATH")].join("; ");
    let shell = |line: &str| {
        let script = format!("{environment}; {line}");
        let output = Command::new("sh").args(["-c", &script]).current_dir(repository()).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    shell(&typed("kubectl apply -k"));
    wait::until("the campaign is found", Duration::from_secs(60), || {
        Ok(shell("kubectl get vcamp").contains("CampaignFound").then_some(()))
    })
    .unwrap();
    let campaigns = typed("curl http").replace("journal", "campaigns");
    assert!(shell(&campaigns).contains("cd-a1e45a7-e8ba-4e97-a339-476ebc7xxxxx"));
    shell(&typed("kubectl delete voicecampaign"));
    assert!(!shell(&campaigns).contains("cd-a1e45a7-e8ba-4e97-a339-476ebc7xxxxx"));
    shell("helm version");
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    child.wait().unwrap();
}
