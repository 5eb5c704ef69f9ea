//! `approve`: lets deletions begin that the brake of a connection holds.

use std::time::Duration;

use anyhow::{bail, ensure};
use jiff::{SignedDuration, Timestamp};
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio::time::Instant;
use voicecampaign_operator::api::{APPROVE_DELETIONS, DeletionBrakeStatus, KoreConnection};
use voicecampaign_operator::connection::{LONGEST_APPROVAL, is_void};
use voicecampaign_operator::kube_ext::Guarded;

use crate::cli::ApproveArgs;
use crate::cluster::{Cluster, Scope, explain};
use crate::end::End;
use crate::output;
use crate::question::confirmed;
use crate::words::{at, count};

/// How long to wait for the operator to take the approval: one that works does so within a second.
const PATIENCE: Duration = Duration::from_secs(15);
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Runs the command.
///
/// # Errors
/// If there is no such connection, or it has no brake; if nobody can be asked, or the connection can't be
/// changed.
pub async fn run(arguments: ApproveArgs, cluster: &Cluster) -> anyhow::Result<End> {
    let ApproveArgs { connection, time, yes } = arguments;
    let found = read(&connection, cluster).await?;
    ensure!(
        found.spec.deletion_brake.is_some(),
        "the KoreConnection {connection} has no deletionBrake: nothing is held"
    );
    // When a deletion is requested, the API server writes down by its own clock.
    let now = cluster.now().await?;
    let until = now + SignedDuration::try_from(time)?;
    ensure!(until.duration_since(now) <= LONGEST_APPROVAL, "an approval is for 24 hours at most");
    if let Some(approved) = approved(&found, now).filter(|approved| *approved > until) {
        output::print(&format!(
            "approved already, until {approved:.0}; a shorter time would hold again what has not begun"
        ))?;
        return Ok(End::Done);
    }
    output::say(&held(&connection, &brake(found), now));
    let question =
        format!("Approve them, and all deletions of the connection that are requested before {until:.0}?");
    if !yes && !confirmed(&question).await? {
        output::say("Nothing was approved.");
        return Ok(End::Held);
    }
    let api = cluster.api::<Guarded<KoreConnection>>(&Scope::Namespace(cluster.namespace().to_owned()));
    let until = at_a_second(until);
    let patch = Patch::Merge(json!({"metadata": {"annotations": {APPROVE_DELETIONS: until.to_string()}}}));
    let changed = api.patch(&connection, &PatchParams::default(), &patch).await;
    changed.map_err(|error| explain(&error, &format!("can't change the KoreConnection {connection}")))?;
    taken(&connection, until, cluster).await
}

/// Waits until the operator has taken the approval, and says so.
async fn taken(connection: &str, until: Timestamp, cluster: &Cluster) -> anyhow::Result<End> {
    let begun = Instant::now();
    let has_it = |brake: &DeletionBrakeStatus| {
        brake.approval.as_ref().is_some_and(|approval| approval.until.0 == until)
    };
    while begun.elapsed() < PATIENCE {
        let status = brake(read(connection, cluster).await?);
        if has_it(&status) {
            let rest = match usize::try_from(status.held).unwrap_or_default() {
                0 => String::new(),
                held => format!("; {} were requested later, and are held", count(held, "deletion")),
            };
            let watch = format!("kubectl vcamp watch -n {}{}", cluster.namespace(), cluster.options());
            output::print(&format!("approved until {until}{rest}. To see the deletions: {watch}"))?;
            return Ok(End::Done);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    output::say(&format!(
        "The annotation is set, until {until}, but no operator has taken the approval yet. Once one does, the deletions begin. \
         To see whether one works: kubectl vcamp check{}",
        cluster.options()
    ));
    Ok(End::Held)
}

async fn read(connection: &str, cluster: &Cluster) -> anyhow::Result<KoreConnection> {
    let namespace = cluster.namespace();
    match cluster.find::<Guarded<KoreConnection>>(namespace, connection).await? {
        Some(Guarded(Ok(found))) => Ok(found),
        _ => bail!(
            "there is no KoreConnection {connection} in the namespace {namespace}, or it does not fit its schema"
        ),
    }
}

fn brake(connection: KoreConnection) -> DeletionBrakeStatus {
    let status = connection.status.and_then(|status| status.deletion_brake);
    status.map(|status| *status).unwrap_or_default()
}

/// Until when deletions are approved already; not by an annotation that approves nothing.
fn approved(connection: &KoreConnection, now: Timestamp) -> Option<Timestamp> {
    let annotations = connection.metadata.annotations.as_ref().filter(|_| !is_void(connection))?;
    let until: Timestamp = annotations.get(APPROVE_DELETIONS)?.parse().ok()?;
    Some(until).filter(|until| until.duration_since(now) <= LONGEST_APPROVAL)
}

/// A time as the status of a connection can repeat it.
fn at_a_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn held(connection: &str, status: &DeletionBrakeStatus, now: Timestamp) -> String {
    let held = usize::try_from(status.held).unwrap_or_default();
    match &status.holding_since {
        Some(since) => format!(
            "The brake of the KoreConnection {connection} holds {} since {}.",
            count(held, "deletion"),
            at(since.0, now)
        ),
        None => format!("The brake of the KoreConnection {connection} holds no deletion."),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::sample;

    #[test]
    fn an_annotation_that_approves_nothing_is_no_approval() {
        let connection = |until: &Value, status: &Value| -> KoreConnection {
            serde_json::from_value(
                json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
                "metadata": {"name": "production", "annotations": {APPROVE_DELETIONS: until}},
                "spec": {"host": "https://kore", "accountId": "a", "credentialsSecretRef": {"name": "s"},
                    "deletionBrake": {"maxPerHour": 1}},
                "status": {"campaigns": 0, "deletionBrake": status}}),
            )
            .unwrap()
        };
        let (hour, days) = (sample::at(3600), sample::at(3 * 86400));
        let approved = |until: Value, status: Value| approved(&connection(&until, &status), sample::at(0));
        assert_eq!(approved(json!(hour), json!({})), Some(hour));
        assert_eq!(approved(json!("tomorrow"), json!({})), None);
        assert_eq!(approved(json!(days), json!({})), None, "too far ahead");
        let seen = json!({"approval": {"until": hour, "seenAt": sample::at(-3 * 86400)}});
        assert_eq!(approved(json!(hour), seen), None, "it was too far ahead when it was seen");
    }
}
