//! `approve`: lets deletions begin that the brake of a connection holds.

use anyhow::{bail, ensure};
use jiff::{SignedDuration, Timestamp};
use kube::api::{Patch, PatchParams};
use serde_json::json;
use voicecampaign_operator::api::{APPROVE_DELETIONS, DeletionBrakeStatus, KoreConnection};
use voicecampaign_operator::connection::LONGEST_APPROVAL;
use voicecampaign_operator::kube_ext::Guarded;

use crate::cli::ApproveArgs;
use crate::cluster::{Cluster, Scope, explain};
use crate::end::End;
use crate::output;
use crate::question::confirmed;
use crate::words::{at, count};

/// Runs the command.
///
/// # Errors
/// If there is no such connection, or it has no brake; if nobody can be asked, or the connection can't be
/// changed.
pub async fn run(arguments: ApproveArgs, cluster: &Cluster) -> anyhow::Result<End> {
    let ApproveArgs { connection, time, yes } = arguments;
    let namespace = cluster.namespace();
    let Some(Guarded(Ok(found))) = cluster.find::<Guarded<KoreConnection>>(namespace, &connection).await?
    else {
        bail!(
            "there is no KoreConnection {connection} in the namespace {namespace}, or it does not fit its schema"
        );
    };
    ensure!(
        found.spec.deletion_brake.is_some(),
        "the KoreConnection {connection} has no deletionBrake: nothing is held"
    );
    let now = Timestamp::now();
    let until = now + SignedDuration::try_from(time)?;
    ensure!(until.duration_since(now) <= LONGEST_APPROVAL, "an approval is for 24 hours at most");
    let status = found.status.and_then(|status| status.deletion_brake).unwrap_or_default();
    if let Some(since) = status.holding_since.as_ref().filter(|since| until <= since.0) {
        bail!(
            "an approval until {until:.0} ends before the brake began to hold deletions, at {:.0} by the clocks of the \
             cluster: the clock of this machine is behind",
            since.0
        );
    }
    let annotations = found.metadata.annotations.unwrap_or_default();
    let approved: Option<Timestamp> = annotations.get(APPROVE_DELETIONS).and_then(|until| until.parse().ok());
    if let Some(approved) = approved.filter(|approved| *approved > until) {
        output::print(&format!(
            "approved already, until {approved:.0}; a shorter time would hold again what has not begun"
        ))?;
        return Ok(End::Done);
    }
    output::say(&held(&connection, &status, now));
    let question =
        format!("Approve them, and all deletions of the connection that are requested before {until:.0}?");
    if !yes && !confirmed(&question).await? {
        output::say("Nothing was approved.");
        return Ok(End::Held);
    }
    let api = cluster.api::<Guarded<KoreConnection>>(&Scope::Namespace(namespace.to_owned()));
    let patch =
        Patch::Merge(json!({"metadata": {"annotations": {APPROVE_DELETIONS: format!("{until:.0}")}}}));
    let changed = api.patch(&connection, &PatchParams::default(), &patch).await;
    changed.map_err(|error| explain(&error, &format!("can't change the KoreConnection {connection}")))?;
    let watch = format!("kubectl vcamp watch -n {namespace}{}", cluster.options());
    output::print(&format!("approved until {until:.0}. To see the deletions: {watch}"))?;
    Ok(End::Done)
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
