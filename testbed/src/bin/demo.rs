//! `make demo`: what the operator does, shown on a real control plane. Ends with 0 only if all it shows came
//! true.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kore_simulator::{Entry, Fault, Operation};
use serde_json::Value;
use testbed::showcase::{self, NAMESPACE, Showcase, campaign_id, campaign_manifest};
use testbed::wait;

/// How long one step may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<()> {
    showcase::end_on_signal()?;
    println!(
        "Kore.ai runs outbound voice campaigns. With this operator each campaign is a resource in Kubernetes, and deleting
the resource deletes the campaign: the resource stays until Kore has confirmed, and says meanwhile what it waits for.
"
    );
    let demo = Demo { show: Showcase::start().await? };
    let logs = demo.show.plane.folder().to_owned();
    demo.run()
        .await
        .with_context(|| format!("not everything came true; the logs are in {}", logs.display()))?;
    demo.show.finish();
    Ok(())
}

struct Demo {
    show: Showcase,
}

impl Demo {
    async fn run(&self) -> Result<()> {
        let started = Instant::now();
        self.declare().await?;
        self.delete_one().await?;
        self.delete_while_kore_fails().await?;
        self.orphan_one().await?;
        self.summary(started).await
    }

    /// Campaigns as a team keeps them in Git.
    async fn declare(&self) -> Result<()> {
        title("1. A team declares where Kore is, and its voice campaigns");
        self.show.seed(&["renewal-outreach", "winback", "survey", "legacy"]).await?;
        let manifest = campaign_manifest("renewal-outreach", "Delete");
        let connection = self.show.connection_manifest();
        println!(
            "campaigns.yaml holds a Secret with the credentials, the connection to Kore, and four campaigns:\n"
        );
        let (_, shown_connection) = connection.split_once("---\n").context("a connection")?;
        println!(
            "{}  ---\n{}  ... (winback, survey; and legacy, with deletionPolicy Orphan)\n",
            indented(shown_connection),
            indented(&manifest)
        );
        let mut manifests = vec![connection, manifest];
        manifests.extend(["winback", "survey"].map(|name| campaign_manifest(name, "Delete")));
        manifests.push(campaign_manifest("legacy", "Orphan"));
        shown(
            "kubectl apply --server-side -f campaigns.yaml",
            &self.show.kubectl.apply(&manifests.join("---\n"))?,
        );
        wait::until("all campaigns are found in Kore", PATIENCE, || {
            let list = self.kubectl(&["get", "vcamp", "--output=json"])?;
            let list: Value = serde_json::from_str(&list)?;
            let found = |object: &Value| ready(object)["reason"] == "CampaignFound";
            Ok(list["items"]
                .as_array()
                .filter(|items| items.len() == 4 && items.iter().all(found))
                .map(|_| ()))
        })?;
        shown("kubectl get vcamp", &self.kubectl(&["get", "vcamp"])?);
        Ok(())
    }

    /// The happy way.
    async fn delete_one(&self) -> Result<()> {
        title("2. Deleting the resource deletes the campaign in Kore");
        let watcher = self.watch("renewal-outreach", &["--output=json"])?;
        shown(
            "kubectl delete vcamp renewal-outreach",
            &self.kubectl(&["delete", "vcamp", "renewal-outreach"])?,
        );
        let seen = finish(watcher)?;
        let objects = serde_json::Deserializer::from_slice(&seen).into_iter::<Value>().map_while(Result::ok);
        let last = objects.last().context("the watcher has seen the object")?;
        println!("What a watcher saw in .status before the object went:");
        let deletion = &last["status"]["deletion"];
        println!("  ready reason     {}", text(&ready(&last)["reason"]));
        println!("  message          {}", text(&ready(&last)["message"]));
        println!("  remote status    {}", text(&last["status"]["campaign"]["status"]));
        println!(
            "  Kore's answer    HTTP {}, {}: {}",
            deletion["lastAnswer"]["httpStatus"],
            text(&deletion["lastAnswer"]["status"]),
            text(&deletion["lastAnswer"]["message"])
        );
        println!("  attempts         {}", deletion["attempts"]);
        println!(
            "  outcome           {}, confirmed at {}",
            text(&deletion["outcome"]),
            text(&deletion["confirmedAt"])
        );
        ensure!(deletion["outcome"] == "Deleted", "the watcher has not seen the confirmation");
        let deletes = self.deletes("renewal-outreach").await?;
        ensure!(deletes.len() == 1, "{} DELETE requests instead of one", deletes.len());
        println!("\nThe request that Kore received:");
        print_request(&deletes[0]);
        ensure!(!self.in_kore("renewal-outreach").await?, "the campaign is still in Kore");
        Ok(())
    }

    /// Kore answers 503 twice.
    async fn delete_while_kore_fails(&self) -> Result<()> {
        title("3. While Kore fails, the resource stays, says why, and the operator asks again");
        let body = r#"{"message":"upstream is restarting"}"#;
        let fault =
            Fault { campaign_id: Some(campaign_id("winback")), ..Fault::answer_delete(Some(2), 503, body) };
        self.show.kore.add_fault(&fault).await?;
        println!("(the simulated Kore now answers 503 to the next two DELETE requests for winback)\n");
        let table = self.watch("winback", &[])?;
        let arguments = ["delete", "vcamp", "winback", "--wait=false"];
        shown("kubectl delete vcamp winback --wait=false", &self.kubectl(&arguments)?);
        println!("$ kubectl get vcamp winback --watch");
        let mut messages = Vec::new();
        wait::until("winback is deleted", PATIENCE, || {
            let object = self.show.kubectl.get("vcamp", NAMESPACE, "winback")?;
            messages.extend(
                object.as_ref().map(ready).filter(|ready| ready["reason"] == "ServiceUnavailable").cloned(),
            );
            Ok(object.is_none().then_some(()))
        })?;
        let table = String::from_utf8_lossy(&finish(table)?).into_owned();
        println!("{}", indented(&table));
        for attempts in ["1", "2"] {
            let row = table.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
            let telling = |row: Vec<&str>| {
                row.get(3) == Some(&"ServiceUnavailable")
                    && row.get(4) == Some(&attempts)
                    && row.get(5).is_some_and(|next| next.ends_with('Z'))
            };
            ensure!(row.into_iter().any(telling), "the columns did not show attempt {attempts} and the next");
        }
        let told = messages.first().context("the reason ServiceUnavailable was not shown")?;
        let message = text(&told["message"]);
        println!("The message of the condition Ready, while it waited:\n  {message}\n");
        let events = self.kubectl(&[
            "get",
            "events",
            "--field-selector=involvedObject.name=winback",
            "--output=custom-columns=TYPE:.type,REASON:.reason,MESSAGE:.message",
        ])?;
        shown("kubectl get events --field-selector=involvedObject.name=winback", &events);
        ensure!(events.contains("ServiceUnavailable"), "no event tells of the failure");
        let answers: Vec<_> =
            self.deletes("winback").await?.iter().filter_map(|entry| entry.answer).collect();
        println!("Kore's answers to the DELETE requests: {answers:?}");
        ensure!(answers == [503, 503, 200], "other answers than expected");
        ensure!(!self.in_kore("winback").await?, "the campaign is still in Kore");
        Ok(())
    }

    /// The campaign is left alone.
    async fn orphan_one(&self) -> Result<()> {
        title("4. With deletionPolicy Orphan the campaign stays in Kore");
        shown("kubectl delete vcamp legacy", &self.kubectl(&["delete", "vcamp", "legacy"])?);
        ensure!(self.deletes("legacy").await?.is_empty(), "a DELETE was sent");
        ensure!(self.in_kore("legacy").await?, "the campaign is gone");
        println!("DELETE requests for it: 0; Kore still has the campaign.");
        Ok(())
    }

    async fn summary(&self, started: Instant) -> Result<()> {
        title("Summary");
        shown("kubectl get vcamp", &self.kubectl(&["get", "vcamp"])?);
        let left = self.show.kore.campaigns().await?;
        let left: Vec<&str> = left.iter().map(|key| key.campaign_id.as_str()).collect();
        ensure!(left == ["cd-legacy", "cd-survey"], "other campaigns are left: {left:?}");
        println!("Campaigns left in Kore: {}", left.join(", "));
        println!("  renewal-outreach  deleted at the first request");
        println!("  winback           deleted at the third, after two failures that everybody could see");
        println!("  legacy            left alone, as its policy says");
        println!("  survey            alive; nobody deleted it");
        println!(
            "All of it came true, in {:.0} s. `make playground` leaves it running for you to try.",
            started.elapsed().as_secs_f64()
        );
        Ok(())
    }

    fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        let mut all = vec!["--namespace", NAMESPACE];
        all.extend(arguments);
        self.show.kubectl.try_run(&all)
    }

    fn watch(&self, name: &str, more: &[&str]) -> Result<Child> {
        let mut arguments = vec!["get", "vcamp", name, "--namespace", NAMESPACE, "--watch"];
        arguments.extend(more);
        let watcher = self.show.kubectl.command(&arguments).stdout(Stdio::piped()).spawn()?;
        // The watch must stand before the object changes.
        std::thread::sleep(Duration::from_secs(1));
        Ok(watcher)
    }

    async fn deletes(&self, name: &str) -> Result<Vec<Entry>> {
        let id = campaign_id(name);
        let journal = self.show.kore.journal().await?;
        let wanted = |entry: &Entry| {
            entry.operation == Operation::Delete && entry.campaign_id.as_deref() == Some(id.as_str())
        };
        Ok(journal.into_iter().filter(wanted).collect())
    }

    async fn in_kore(&self, name: &str) -> Result<bool> {
        Ok(self.show.kore.campaigns().await?.iter().any(|key| key.campaign_id == campaign_id(name)))
    }
}

/// Ends a watch, and returns what it has printed.
fn finish(mut watcher: Child) -> Result<Vec<u8>> {
    std::thread::sleep(Duration::from_millis(500));
    watcher.kill()?;
    Ok(watcher.wait_with_output()?.stdout)
}

fn print_request(entry: &Entry) {
    println!("  {} {}?{}", entry.method, entry.path, entry.query);
    for (name, value) in &entry.headers {
        println!("  {name}: {value}");
    }
}

fn title(text: &str) {
    println!("\n{text}\n{}\n", "-".repeat(text.len()));
}

fn shown(command: &str, output: &str) {
    println!("$ {command}\n{}", indented(output));
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

fn ready(object: &Value) -> &Value {
    let conditions = object["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    conditions.iter().find(|condition| condition["type"] == "Ready").unwrap_or(&Value::Null)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
