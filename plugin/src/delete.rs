//! `delete`: what would be deleted, a question, the deletion, and how it goes.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::ensure;
use futures::{Stream, StreamExt, stream};
use jiff::Timestamp;
use kube::api::{Api, DeleteParams, Preconditions};
use tokio::time::Instant;
use voicecampaign_operator::api::VoiceCampaign;
use voicecampaign_operator::kube_ext::{Dated, Selected};

use crate::cli::DeleteArgs;
use crate::cluster::{AT_ONCE, Cluster, Scope, explain, is_missing, is_refused};
use crate::end::End;
use crate::live::{Board, Call, Calls, Followed, Request, Until, follow};
use crate::output;
use crate::plan::{Fate, Known, Manifests, Plan, Planned, of_files, of_kustomization};
use crate::question::confirmed;
use crate::seen::Seen;
use crate::words::{NAMED, count, some};

/// How often a deletion is tried while the operator writes the status of the resource at the same time.
const RACES: usize = 10;

/// Runs the command.
///
/// # Errors
/// If the resources can't be read or watched, or nobody can be asked.
pub async fn run(arguments: DeleteArgs, cluster: &Cluster) -> anyhow::Result<End> {
    let DeleteArgs { whom, filename, recursive, kustomize, yes, no_wait, timeout } = arguments;
    let manifests = match (&whom.selector, &kustomize, filename.as_slice()) {
        (Some(selector), ..) => Manifests::of_names(&cluster.selected(selector).await?, cluster.namespace()),
        (None, Some(folder), _) => of_kustomization(folder, cluster)?.without_namespaces(),
        (None, None, []) => Manifests::of_names(&whom.names, cluster.namespace()),
        (None, None, files) => of_files(files, recursive, cluster)?.without_namespaces(),
    };
    let namespaces = manifests.namespaces();
    let known = Known::read(&namespaces, cluster).await?;
    check_rights(&namespaces, no_wait, cluster).await?;
    let plan = Plan::new(known.plan(&manifests), &known, cluster.now());
    // Whoever is asked must see what about, also if the standard output is a file.
    if yes {
        output::print(&plan.table())?
    } else {
        output::say(&plan.table())
    }
    manifests.not_deleted().for_each(|what| output::say(&format!("Not deleted by this command: {what}.")));
    let there: Vec<&Planned> = plan.items.iter().filter(|planned| planned.fate != Fate::NotFound).collect();
    let begins = there.iter().filter(|planned| begins(planned)).count();
    if begins > 0 && !yes && !agreed(&plan, begins).await? {
        let running = there.len() - begins;
        output::say(match running {
            0 => "Nothing was deleted.",
            _ => "No deletion was begun. Those that were being deleted before go on.",
        });
        return Ok(End::Held);
    }
    let now = cluster.now();
    if let Some(over) = plan.approved.iter().find(|approved| approved.until.0 <= now && begins > 0) {
        output::say(&format!(
            "Nothing was deleted: what the brake of the KoreConnection {} would hold was approved until {:.0}, which is over.",
            over.connection, over.until.0
        ));
        return Ok(End::Held);
    }
    let end = match there.is_empty() {
        true => End::Done,
        false => carry_out(&there, no_wait, timeout, cluster).await?,
    };
    let missing = plan.of(Fate::NotFound).next().is_some();
    Ok(if missing && end == End::Done { End::Held } else { end })
}

/// Checks the rights before anything is deleted.
async fn check_rights(namespaces: &BTreeSet<String>, no_wait: bool, cluster: &Cluster) -> anyhow::Result<()> {
    let verbs = if no_wait { &["delete"][..] } else { &["delete", "watch"] };
    for namespace in namespaces {
        for verb in verbs {
            let may = cluster.may(verb, &Scope::Namespace(namespace.clone())).await?;
            ensure!(
                may,
                "you lack the right to {verb} voicecampaigns in the namespace {namespace}; nothing was deleted"
            );
        }
    }
    Ok(())
}

/// Asks whether to delete what the plan says.
async fn agreed(plan: &Plan, begins: usize) -> anyhow::Result<bool> {
    let in_kore = match plan.campaigns_at_risk() {
        0 => String::new(),
        number => format!(", and with them {} in Kore", count(number, "campaign")),
    };
    confirmed(&format!("Delete {}{in_kore}? A deletion can't be undone.", count(begins, "resource"))).await
}

async fn carry_out(
    there: &[&Planned],
    no_wait: bool,
    timeout: Option<Duration>,
    cluster: &Cluster,
) -> anyhow::Result<End> {
    let mut board = Board::of(there.iter().map(|planned| planned.seen.clone()).collect(), cluster.now());
    for planned in there.iter().filter(|planned| planned.fate == Fate::Protected) {
        let why = planned.why.clone().unwrap_or_default();
        board.called(&planned.seen.uid, Call::Refused(why), cluster.now());
    }
    let calls = Calls::default();
    let deleting = deletions(there, &calls, cluster);
    if no_wait {
        return without_waiting(there, &mut board, deleting, &calls, cluster).await;
    }
    let requests = requests_of(there);
    let until = Until { deadline: timeout.map(|timeout| Instant::now() + timeout), settled: true };
    let followed = follow(cluster, &requests, &mut board, deleting, &calls, until).await;
    finish(followed, &board, &requests, cluster)
}

/// What to watch for these resources.
fn requests_of(there: &[&Planned]) -> Vec<Request> {
    let namespaces: BTreeSet<&str> = there.iter().map(|planned| planned.seen.namespace.as_str()).collect();
    let of_namespace = |namespace: &str| Request {
        scope: Scope::Namespace(namespace.to_owned()),
        selected: Selected::default(),
    };
    namespaces.into_iter().map(of_namespace).collect()
}

/// The command that shows the rest again.
fn again(requests: &[Request], cluster: &Cluster) -> String {
    let scope = match requests {
        [Request { scope: Scope::Namespace(namespace), .. }] => format!("-n {namespace}"),
        _ => "-A".to_owned(),
    };
    format!("kubectl vcamp watch {scope}{}", cluster.options())
}

/// Makes the calls, and does not wait for what becomes of the resources.
async fn without_waiting(
    there: &[&Planned],
    board: &mut Board,
    mut deleting: impl Stream<Item = (String, Call)> + Unpin,
    calls: &Calls,
    cluster: &Cluster,
) -> anyhow::Result<End> {
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    let interrupted = loop {
        tokio::select! {
            called = deleting.next() => match called {
                Some((uid, call)) => drop(board.called(&uid, call, cluster.now())),
                None => break false,
            },
            _ = &mut interrupt => break true,
        }
    };
    if interrupted {
        calls.stop();
        calls.end(deleting, tokio::signal::ctrl_c(), board, || cluster.now(), drop).await;
    }
    // What becomes of them, nobody has waited for: the plan says what is to be expected.
    let mut tally = board.tally(cluster.now());
    (tally.going, tally.held) = (0, Vec::new());
    let deleted: Vec<_> = there.iter().filter(|planned| board.is_deleted(&planned.seen.uid)).collect();
    let requested = deleted.iter().filter(|planned| begins(planned)).count();
    let of = |fate: Fate| deleted.iter().filter(|planned| planned.fate == fate).count();
    let expected: Vec<_> = Fate::ALL
        .into_iter()
        .filter(|fate| of(*fate) > 0)
        .map(|fate| format!("\n  {}: {}", fate.in_words(), of(fate)))
        .collect();
    let now = cluster.now();
    let may_stay: Vec<_> =
        deleted.iter().filter(|planned| may_stay(planned, now)).map(|planned| planned.seen.key()).collect();
    let said = format!("{} requested. As planned:{}", count(requested, "deletion"), expected.concat());
    let staying = match may_stay.len() {
        0 => String::new(),
        _ => format!(
            "May stay (`kubectl vcamp why NAME --namespace NAMESPACE` says why): {}",
            some(&may_stay, NAMED)
        ),
    };
    let rest = tally.in_words();
    let texts = [said, staying, rest].into_iter().filter(|text| !text.is_empty());
    output::print(&texts.collect::<Vec<_>>().join("\n"))?;
    output::say(&format!("To see how it goes: {}", again(&requests_of(there), cluster)));
    Ok(match tally.is_clean() && may_stay.is_empty() {
        _ if interrupted => End::Interrupted,
        true => End::Done,
        false => End::Held,
    })
}

/// Whether the resource may stay, or its campaign in Kore although the policy is `Delete`.
fn may_stay(planned: &Planned, now: Timestamp) -> bool {
    let by_plan = match planned.fate {
        Fate::Left | Fate::Held | Fate::Braked => true,
        Fate::Deleted | Fate::Orphaned | Fate::Protected | Fate::Deleting | Fate::NotFound => false,
    };
    by_plan || planned.seen.is_stuck(now) || (begins(planned) && planned.in_doubt)
}

/// Says what has become of all.
fn finish(followed: Followed, board: &Board, requests: &[Request], cluster: &Cluster) -> anyhow::Result<End> {
    let again = again(requests, cluster);
    let tally = board.tally(cluster.now());
    output::print(&tally.in_words())?;
    let goes_on = "The deletions that have begun go on without this command.";
    Ok(match followed {
        Followed::Interrupted => {
            output::say(&format!("{goes_on} To see them again: {again}"));
            End::Interrupted
        }
        Followed::TimedOut => {
            output::say(&format!("The time is over. {goes_on} To see them again: {again}"));
            End::Held
        }
        Followed::Lost(error) => {
            output::say(&format!("error: {error:#}. {goes_on}"));
            End::Held
        }
        Followed::ToTheEnd if tally.is_clean() => End::Done,
        Followed::ToTheEnd => End::Held,
    })
}

/// Whether the command deletes a resource: it does not touch what is protected, also where no policy denies
/// it.
fn begins(planned: &Planned) -> bool {
    !matches!(planned.fate, Fate::Deleting | Fate::Protected)
}

/// The calls that delete, each with the uid of its resource.
fn deletions(
    there: &[&Planned],
    calls: &Calls,
    cluster: &Cluster,
) -> impl Stream<Item = (String, Call)> + Unpin + use<> {
    let begins = there.iter().filter(|planned| begins(planned));
    let each: Vec<_> = begins.map(|planned| delete(planned.seen.clone(), calls.clone(), cluster)).collect();
    stream::iter(each).buffer_unordered(AT_ONCE).boxed()
}

fn delete(
    shown: Seen,
    calls: Calls,
    cluster: &Cluster,
) -> impl Future<Output = (String, Call)> + Send + use<> {
    let api = cluster.api::<Dated<VoiceCampaign>>(&Scope::Namespace(shown.namespace.clone()));
    async move {
        let call = calls.make(&shown.uid, delete_as_shown(&api, &shown)).await;
        (shown.uid, call)
    }
}

/// Deletes the resource, if it is what was shown: the API server tests its version, which each write of the
/// operator changes, too.
async fn delete_as_shown(api: &Api<Dated<VoiceCampaign>>, shown: &Seen) -> Call {
    let mut version = shown.version.clone();
    for _ in 0..RACES {
        let preconditions = Preconditions { uid: Some(shown.uid.clone()), resource_version: version };
        let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::background() };
        let error = match api.delete(&shown.name, &parameters).await {
            Ok(_) => return Call::Taken,
            Err(error) if is_missing(&error) => return Call::Gone,
            Err(error) => error,
        };
        let said = format!("{:#}", explain(&error, "can't delete it"));
        let is_conflict = matches!(&error, kube::Error::Api(status) if status.is_conflict());
        if is_refused(&error) && !is_conflict {
            return Call::Refused(said);
        }
        let now = match api.get(&shown.name).await {
            Ok(object) => Seen::of(&object),
            Err(error) if is_missing(&error) => return Call::Gone,
            Err(_) => return Call::Unknown(said),
        };
        match () {
            () if now.uid != shown.uid => return Call::Gone,
            () if now.phase.is_deletion() => return Call::Taken,
            // A call that was not answered may be under way still.
            () if !is_conflict => return Call::Unknown(said),
            () => {}
        }
        if let Some(change) = change(shown, &now) {
            return Call::Refused(format!("it has changed since it was shown: {change}"));
        }
        version = now.version;
    }
    Call::Refused("it changes all the time".to_owned())
}

/// What has changed of what decides over the campaign.
fn change(shown: &Seen, now: &Seen) -> Option<&'static str> {
    match () {
        () if shown.deletion_policy != now.deletion_policy => Some("its deletionPolicy is another"),
        () if shown.suspend != now.suspend => Some("it was suspended or resumed"),
        () if shown.protected != now.protected => Some("it was protected, or is not any more"),
        () if shown.kept != now.kept => Some("the operator's finalizer was put on it or removed"),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sample::living;

    /// Whoever is asked about a resource that is left in Kore has not agreed to delete it there.
    #[test]
    fn what_decides_over_the_campaign_is_what_was_shown() {
        let shown = Seen::of(&living("a", |_| {}));
        let observed = |object: &mut serde_json::Value| object["status"]["observedGeneration"] = json!(7);
        assert_eq!(change(&shown, &Seen::of(&living("a", observed))), None);
        for changed in [
            living("a", |object| object["spec"]["deletionPolicy"] = json!("Orphan")),
            living("a", |object| object["spec"]["suspend"] = json!(true)),
            living("a", |object| {
                object["metadata"]["annotations"] = json!({"voicecampaign.dev/protect": "true"});
            }),
            living("a", |object| object["metadata"]["finalizers"] = json!([])),
        ] {
            assert!(change(&shown, &Seen::of(&changed)).is_some());
        }
    }
}
