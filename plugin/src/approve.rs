//! `approve`: lets deletions begin that the brake of a connection holds.

use std::time::Duration;

use anyhow::{anyhow, bail, ensure};
use jiff::{SignedDuration, Timestamp};
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio::time::Instant;
use voicecampaign_operator::api::{APPROVE_DELETIONS, KoreConnection, VoiceCampaign};
use voicecampaign_operator::connection::{LONGEST_APPROVAL, annotated_approval, is_void, stored_brake};
use voicecampaign_operator::kube_ext::{Dated, Guarded, round_down};

use crate::cli::ApproveArgs;
use crate::cluster::{Cluster, Scope, explain, is_denied, is_refused};
use crate::end::End;
use crate::output;
use crate::question::confirmed;
use crate::seen::Seen;
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
    let now = cluster.now();
    let until = round_down(now + SignedDuration::try_from(time)?).0;
    ensure!(until.duration_since(now) <= LONGEST_APPROVAL, "an approval is for 24 hours at most");
    let set =
        annotated_approval(&found).filter(|set| *set > until && set.duration_since(now) <= LONGEST_APPROVAL);
    if let Some(set) = set.filter(|_| !is_void(&found)) {
        output::say(&format!(
            "It is approved already, until {set:.0}; a shorter time would hold again what has not begun."
        ));
        return taken(&connection, set, cluster).await;
    }
    output::say(&held(&connection, &found, now, cluster).await?);
    let question = format!(
        "Let all deletions of the connection {connection}{} begin that were or will be requested before {until:.0}?",
        cluster.place()
    );
    if !yes && !confirmed(&question).await? {
        output::say("Nothing was approved.");
        return Ok(End::Held);
    }
    let api = cluster.api::<Guarded<KoreConnection>>(&Scope::Namespace(cluster.namespace().to_owned()));
    let patch =
        Patch::Merge(json!({"metadata": {"annotations": {APPROVE_DELETIONS: format!("{until:.0}")}}}));
    if let Err(error) = api.patch(&connection, &PatchParams::default(), &patch).await {
        let refused = is_refused(&error);
        let error = explain(&error, &format!("can't change the KoreConnection {connection}"));
        if refused {
            return Err(error);
        }
        output::say(&format!("warning: {error:#}; looking whether it was changed nevertheless"));
    }
    taken(&connection, until, cluster).await
}

/// Waits until the operator has taken the approval, and says so.
async fn taken(connection: &str, until: Timestamp, cluster: &Cluster) -> anyhow::Result<End> {
    let begun = Instant::now();
    let mut last = Ok(false);
    while begun.elapsed() < PATIENCE {
        let answer = tokio::time::timeout(PATIENCE, read(connection, cluster)).await;
        let found = match answer.unwrap_or_else(|_| Err(anyhow!("the API server does not answer"))) {
            Ok(found) => found,
            Err(error) => {
                last = Err(error);
                tokio::time::sleep(LOOK_AGAIN).await;
                continue;
            }
        };
        let is_set = annotated_approval(&found) == Some(until);
        ensure!(
            !is_set || !is_void(&found),
            "the operator does not take the approval, which is for more than 24 hours by its clock: name a shorter time"
        );
        let status = stored_brake(&found);
        if status.approval.as_ref().is_some_and(|approval| approval.until.0 == until) {
            let rest = match usize::try_from(status.held).unwrap_or_default() {
                0 => String::new(),
                held => format!("; the brake holds {} still", count(held, "deletion")),
            };
            let watch = format!("kubectl vcamp watch -n {}{}", cluster.namespace(), cluster.options());
            output::print(&format!("approved until {until:.0}{rest}. To see the deletions: {watch}"))?;
            return Ok(End::Done);
        }
        last = Ok(is_set);
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let check = format!("kubectl vcamp check{}", cluster.options());
    output::say(&match last {
        Ok(true) => format!(
            "The annotation is set, until {until:.0}, but no operator has taken the approval yet. Once one does, the deletions begin. \
             To see whether one works: {check}"
        ),
        Ok(false) => {
            "The annotation is not set, or somebody has changed it meanwhile: nothing is approved by this command.".to_owned()
        }
        Err(error) => format!("It is not known whether the deletions are approved: {error:#}"),
    });
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

/// What the brake holds: as the resources say, which the status of the connection counts every few seconds.
async fn held(
    name: &str,
    connection: &KoreConnection,
    now: Timestamp,
    cluster: &Cluster,
) -> anyhow::Result<String> {
    let mut held = 0;
    let take = |object: Dated<VoiceCampaign>| {
        let seen = Seen::of(&object);
        held += usize::from(seen.is_held_by_brake() && seen.connection.as_deref() == Some(name));
    };
    let listed = cluster.each(&Scope::Namespace(cluster.namespace().to_owned()), None, take).await;
    let status = stored_brake(connection);
    let counted = match listed {
        Ok(()) => count(held, "deletion"),
        Err(error) if is_denied(&error) => {
            format!("{} (at its last count)", count(usize::try_from(status.held)?, "deletion"))
        }
        Err(error) => return Err(error),
    };
    let since = status.holding_since.map(|since| format!(", since {}", at(since.0, now)));
    Ok(format!("The brake of the KoreConnection {name} holds {counted}{}.", since.unwrap_or_default()))
}
