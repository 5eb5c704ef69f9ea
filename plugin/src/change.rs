//! `refresh`, `suspend`, `resume`, `orphan`: the patches that the documents have people type.

use std::collections::BTreeMap;

use anyhow::anyhow;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use voicecampaign_operator::api::{KoreConnection, REFRESH, VoiceCampaign};
use voicecampaign_operator::kube_ext::{Dated, Guarded};

use crate::cli::{Names, OrphanArgs, Whom};
use crate::cluster::{AT_ONCE, Cluster, Scope, explain, is_refused};
use crate::end::End;
use crate::output;
use crate::question::confirmed;
use crate::seen::Seen;
use crate::words::count;

/// What to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Have the campaign read.
    Refresh,
    /// Set `spec.suspend`.
    Suspend,
    /// Unset it.
    Resume,
    /// Set the policy `Orphan`.
    Orphan,
}

impl Change {
    fn patch(self, now: Timestamp) -> Value {
        match self {
            Self::Refresh => json!({"metadata": {"annotations": {REFRESH: now.to_string()}}}),
            Self::Suspend => json!({"spec": {"suspend": true}}),
            Self::Resume => json!({"spec": {"suspend": false}}),
            Self::Orphan => json!({"spec": {"deletionPolicy": "Orphan"}}),
        }
    }

    /// What follows for this resource, which has the change.
    fn done(self, seen: &Seen) -> &'static str {
        let is_deleted = seen.phase.is_deletion();
        match self {
            Self::Refresh if is_deleted => "is being deleted: the operator reads it as its deletion needs",
            Self::Refresh if seen.suspend => "is suspended: the operator reads it once it is resumed",
            Self::Refresh => "asked for: the operator reads it within the quota of the account",
            Self::Suspend if seen.outcome.is_some() => "suspended, and its deletion is over",
            Self::Suspend if is_deleted && seen.has_sent_a_delete() => {
                "suspended: its deletion waits, but a DELETE was sent before"
            }
            Self::Suspend if is_deleted => {
                "suspended: its deletion waits, unless a DELETE is on its way just now"
            }
            Self::Suspend => "suspended",
            Self::Resume if is_deleted && seen.deletes() && !seen.kept => {
                "resumed, but the operator's finalizer is not on it: nobody deletes its campaign"
            }
            Self::Resume if is_deleted && seen.deletes() => {
                "resumed: its deletion goes on, and deletes its campaign in Kore, unless something else holds it (`kubectl vcamp why`)"
            }
            Self::Resume => "resumed",
            Self::Orphan if seen.outcome.is_some() => {
                "set to Orphan, but its deletion is over (`kubectl vcamp why`)"
            }
            Self::Orphan if is_deleted && seen.has_sent_a_delete() => {
                "set to Orphan. A DELETE was sent before: whether Kore still has the campaign, its console shows"
            }
            Self::Orphan if seen.is_untold() => {
                "set to Orphan, but its status can't be written: whether a DELETE was sent before is not known (`kubectl vcamp why`)"
            }
            // The status says that a DELETE is on its way only if the answer takes long.
            Self::Orphan if is_deleted && seen.kept => {
                "set to Orphan: its own deletion leaves the campaign in Kore, unless a DELETE is on its way just now"
            }
            Self::Orphan => "set to Orphan: its own deletion leaves the campaign in Kore",
        }
    }
}

/// Whether it is a deletion of this connection whose campaign can still be saved.
fn may_be_saved(seen: &Seen, connection: &str) -> bool {
    seen.may_be_saved() && seen.connection.as_deref() == Some(connection)
}

impl From<Names> for OrphanArgs {
    fn from(Names { whom }: Names) -> Self {
        Self { whom, not_begun: None, yes: false }
    }
}

/// What to know of a resource that was changed and does not fit its schema.
const MISFIT: &str = "but it does not fit its schema: the operator does nothing for it until that is mended (`kubectl vcamp why`), and \
                      whether a DELETE was sent before is not known";

/// Those whose DELETE may be next come before those that wait longer, and before those that the brake holds.
fn in_danger_first(waiting: &mut [Seen]) {
    waiting.sort_by_cached_key(|seen| (seen.is_held_by_brake(), seen.next_at(), seen.key()));
}

/// The deletions of a connection whose campaigns can still be saved, and the names of those that do not fit
/// their schema.
async fn waiting_of(
    connection: &str,
    scope: &Scope,
    cluster: &Cluster,
) -> anyhow::Result<(Vec<Seen>, Vec<String>)> {
    let (mut waiting, mut misfits) = (Vec::new(), Vec::new());
    let take = |object: Dated<VoiceCampaign>| {
        let seen = Seen::of(&object);
        if object.0.is_err() && seen.phase.is_deletion() {
            misfits.push(seen.name);
        } else if may_be_saved(&seen, connection) {
            waiting.push(seen);
        }
    };
    cluster.each(scope, None, take).await?;
    in_danger_first(&mut waiting);
    Ok((waiting, misfits))
}

/// Why no deletion of a connection can be saved.
async fn nothing_waits(connection: &str, cluster: &Cluster) -> anyhow::Error {
    let namespace = cluster.namespace();
    match cluster.find::<Guarded<KoreConnection>>(namespace, connection).await {
        Ok(None) => anyhow!("there is no KoreConnection {connection} in the namespace {namespace}"),
        Ok(Some(_)) | Err(_) => anyhow!(
            "in the namespace {namespace} no deletion of the KoreConnection {connection} waits for its first DELETE"
        ),
    }
}

/// Whom to change.
struct Chosen {
    names: Vec<String>,
    /// Of those that were looked at: another one of the same name has not been.
    uids: BTreeMap<String, String>,
    /// How the command ends, if all of them are changed.
    end: End,
}

/// Chooses whom to change; `None` if the user does not want that.
async fn chosen(whom: OrphanArgs, scope: &Scope, cluster: &Cluster) -> anyhow::Result<Option<Chosen>> {
    let OrphanArgs { whom: Whom { names, selector }, not_begun, yes } = whom;
    let mut chosen = Chosen { names, uids: BTreeMap::new(), end: End::Done };
    if let Some(selector) = &selector {
        chosen.names = cluster.selected(selector).await?;
    }
    let Some(connection) = &not_begun else { return Ok(Some(chosen)) };
    let (waiting, misfits) = waiting_of(connection, scope, cluster).await?;
    for Seen { name, uid, .. } in waiting {
        chosen.names.push(name.clone());
        chosen.uids.insert(name, uid);
    }
    if !misfits.is_empty() {
        let misfits = misfits.join(", ");
        output::say(&format!(
            "error: these do not fit their schema, so it is not known whose they are; set them to Orphan by their names: {misfits}"
        ));
        chosen.end = End::Held;
    }
    if chosen.names.is_empty() {
        return match chosen.end {
            End::Done => Err(nothing_waits(connection, cluster).await),
            _ => Ok(Some(chosen)),
        };
    }
    let question = format!(
        "Leave the campaigns of {} of the connection {connection}{} in Kore, where they may go on calling people?",
        count(chosen.names.len(), "deletion"),
        cluster.place()
    );
    if yes || confirmed(&question).await? {
        return Ok(Some(chosen));
    }
    output::say("Nothing was changed.");
    Ok(None)
}

/// Changes resources. Those that can't be changed are named; the others are changed nevertheless.
///
/// # Errors
/// If the resources can't be listed.
pub async fn run(change: Change, whom: OrphanArgs, cluster: &Cluster) -> anyhow::Result<End> {
    let scope = Scope::Namespace(cluster.namespace().to_owned());
    let Some(Chosen { names, uids, mut end }) = chosen(whom, &scope, cluster).await? else {
        return Ok(End::Held);
    };
    let api = &cluster.api::<Dated<VoiceCampaign>>(&scope);
    let each = names.into_iter().map(|name| {
        let mut patch = change.patch(cluster.now());
        if let Some(uid) = uids.get(&name) {
            patch["metadata"]["uid"] = json!(uid);
        }
        async move {
            let changed = api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await;
            (name, changed)
        }
    });
    // One that is not answered holds up no other; and what can't be printed saves no fewer campaigns.
    let mut each = stream::iter(each).buffer_unordered(AT_ONCE);
    let mut printed = Ok(());
    let mut print = |line: String| {
        if let Err(error) = output::print(&line)
            && printed.is_ok()
        {
            printed = Err(error);
        }
    };
    while let Some((name, changed)) = each.next().await {
        match changed {
            Ok(Guarded(Err(_))) => {
                print(format!("{} changed, {MISFIT}", output::name(&name)));
                end = End::Held;
            }
            Ok(changed) => {
                let seen = Seen::of(&changed);
                print(format!("{} {}", output::name(&name), change.done(&seen)));
                if change == Change::Orphan && seen.is_untold() {
                    end = End::Held;
                }
            }
            Err(error) => {
                let unknown = if is_refused(&error) { "" } else { "; it may be changed nevertheless" };
                let error = explain(&error, &format!("can't change {name}"));
                output::say(&format!("error: {error:#}{unknown}"));
                end = End::Held;
            }
        }
    }
    printed?;
    Ok(end)
}

#[cfg(test)]
mod tests {
    use voicecampaign_operator::kube_ext::obstacle::OBSTRUCTED_BY;

    use super::*;
    use crate::sample::{at, deleting, living};

    #[test]
    fn what_follows_is_not_promised_too_much() {
        let sent = |object: &mut Value| object["status"]["deletion"]["attempts"] = json!(1);
        let orphan = |object| Change::Orphan.done(&Seen::of(&object));
        assert!(orphan(deleting("a", "ServiceUnavailable", sent)).contains("A DELETE was sent before"));
        assert!(orphan(deleting("a", "Deleting", |_| {})).contains("unless a DELETE is on its way"));
        assert!(orphan(deleting("a", "WaitingForQuota", |_| {})).contains("leaves the campaign in Kore"));
        let untold =
            |object: &mut Value| object["metadata"]["annotations"] = json!({OBSTRUCTED_BY: "Denied."});
        assert!(orphan(deleting("a", "CampaignFound", untold)).contains("is not known"));
        assert!(
            Change::Resume
                .done(&Seen::of(&deleting("a", "Suspended", |_| {})))
                .contains("its deletion goes on")
        );
        let unkept = |object: &mut Value| object["metadata"]["finalizers"] = json!(["example.com/hold"]);
        let unkept = Change::Resume.done(&Seen::of(&deleting("a", "Suspended", unkept)));
        assert!(unkept.contains("nobody deletes its campaign"), "{unkept}");
        assert_eq!(Change::Resume.done(&Seen::of(&living("a", |_| {}))), "resumed");
        let suspend = |object| Change::Suspend.done(&Seen::of(&object));
        assert!(suspend(deleting("a", "ServiceUnavailable", sent)).contains("a DELETE was sent before"));
        assert!(suspend(deleting("a", "Deleting", |_| {})).contains("unless a DELETE is on its way"));
        assert!(suspend(deleting("a", "WaitingForQuota", |_| {})).contains("unless a DELETE is on its way"));
        let over = |object: &mut Value| object["status"]["deletion"]["outcome"] = json!("Deleted");
        assert!(suspend(deleting("a", "Deleted", over)).contains("its deletion is over"));
        assert!(orphan(deleting("a", "Deleted", over)).contains("its deletion is over"));
        let suspended = living("a", |object| object["spec"]["suspend"] = json!(true));
        assert!(Change::Refresh.done(&Seen::of(&suspended)).contains("once it is resumed"));
    }

    #[test]
    fn what_has_not_begun_can_be_saved() {
        let sent = |object: &mut Value| object["status"]["deletion"]["attempts"] = json!(1);
        let saved = |object| may_be_saved(&Seen::of(&object), "production");
        // One that waits in line for its call is said to be on its way, too.
        for reason in ["MassDeletion", "WaitingForQuota", "Deleting"] {
            assert!(saved(deleting("a", reason, |_| {})), "{reason}");
        }
        assert!(!saved(deleting("a", "ServiceUnavailable", sent)));
        assert!(!saved(living("a", |_| {})));
        let other = |object: &mut Value| object["spec"]["connectionRef"]["name"] = json!("other");
        assert!(!saved(deleting("a", "MassDeletion", other)));
        let over = |object: &mut Value| object["status"]["deletion"]["outcome"] = json!("Absent");
        assert!(!saved(deleting("a", "Absent", over)));
    }

    #[test]
    fn what_is_deleted_next_is_saved_first() {
        let waits = |name: &str, next: i64| {
            Seen::of(&deleting(name, "WaitingForQuota", |object| {
                object["status"]["deletion"]["nextAttemptAt"] = json!(at(next));
            }))
        };
        let held = Seen::of(&deleting("a-held", "MassDeletion", |_| {}));
        let new = Seen::of(&deleting("new", "Pending", |_| {}));
        let mut waiting = [held, waits("late", 90), waits("soon", 30), new];
        in_danger_first(&mut waiting);
        assert_eq!(waiting.map(|seen| seen.name), ["new", "soon", "late", "a-held"]);
    }

    #[test]
    fn each_change_is_what_the_documents_say() {
        let patch = |change: Change| change.patch(Timestamp::UNIX_EPOCH).to_string();
        assert_eq!(patch(Change::Suspend), r#"{"spec":{"suspend":true}}"#);
        assert_eq!(patch(Change::Resume), r#"{"spec":{"suspend":false}}"#);
        assert_eq!(patch(Change::Orphan), r#"{"spec":{"deletionPolicy":"Orphan"}}"#);
        let refresh = r#"{"metadata":{"annotations":{"voicecampaign.dev/refresh-requested-at":"1970-01-01T00:00:00Z"}}}"#;
        assert_eq!(patch(Change::Refresh), refresh);
    }
}
