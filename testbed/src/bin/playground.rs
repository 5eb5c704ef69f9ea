//! `make playground`: everything running, with samples, until Ctrl-C.

use anyhow::Result;
use testbed::binaries;
use testbed::showcase::{self, NAMESPACE, Showcase, campaign_manifest};

#[tokio::main]
async fn main() -> Result<()> {
    showcase::end_on_signal()?;
    let show = Showcase::start().await?;
    let names = ["renewal-outreach", "winback", "survey"];
    show.seed(&names).await?;
    show.seed_sample().await?;
    let campaigns = names.map(|name| campaign_manifest(name, "Delete")).join("---\n");
    show.kubectl.apply(&format!("{}---\n{campaigns}", show.connection_manifest()))?;
    let kore = show.kore.url();
    let plugin = binaries::workspace("kubectl-vcamp")?;
    let programs = [binaries::control_plane("kubectl")?, binaries::helm(4)?, plugin];
    let programs =
        programs.iter().filter_map(|program| program.parent()).map(|folder| folder.display().to_string());
    let programs = programs.collect::<Vec<_>>().join(":");
    println!(
        r#"
Ready. In another terminal:

  export KUBECONFIG={kubeconfig}
  export PATH=$PATH:{programs}
  kubectl -n {NAMESPACE} get vcamp
  kubectl -n {NAMESPACE} describe vcamp survey
  kubectl -n {NAMESPACE} delete vcamp renewal-outreach

With the plugin (docs/plugin.md):

  kubectl vcamp check
  kubectl vcamp -n {NAMESPACE} plan namespace {NAMESPACE}
  kubectl vcamp -n {NAMESPACE} suspend survey
  kubectl vcamp -n {NAMESPACE} delete survey
  kubectl vcamp -n {NAMESPACE} why survey
  kubectl vcamp -n {NAMESPACE} resume survey

The README's commands from "Connect Kore and declare a campaign" on, with the samples unchanged. Here Kore's own address leads the
operator to the simulator (not `kubectl vcamp import`: take the connection of the namespace {NAMESPACE} for that):

  kubectl apply -k deploy/samples
  kubectl delete voicecampaign renewal-outreach

Make Kore fail, and watch what becomes of a deletion:

  curl -X POST -H 'content-type: application/json' {kore}/_control/faults \
    -d '{{"operation":"delete","then":{{"answer":{{"status":503,"body":"{{}}"}}}}}}'
  kubectl -n {NAMESPACE} delete vcamp winback --wait=false
  kubectl -n {NAMESPACE} get vcamp --watch
  curl -X DELETE {kore}/_control/faults       # Kore is well again

What Kore has received, and what it still has:

  curl {kore}/_control/journal
  curl {kore}/_control/campaigns

The operator is a process here (helm and `kubectl logs` do not know it), and its log: {log}
Ctrl-C ends everything."#,
        kubeconfig = show.plane.kubeconfig().display(),
        log = show.operator.log().display(),
    );
    std::future::pending().await
}
