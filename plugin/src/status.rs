//! `status`: what is being deleted and what needs somebody.

use anyhow::ensure;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use voicecampaign_operator::api::VoiceCampaign;
use voicecampaign_operator::kube_ext::Dated;

use crate::cli::{Selection, StatusArgs, WatchArgs};
use crate::cluster::Cluster;
use crate::end::End;
use crate::output::{self, Format};
use crate::seen::{self, Phase, Seen};
use crate::watch;
use crate::words::{count, long, or_dash};

/// What `status --output json` prints.
#[derive(Serialize, JsonSchema, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// What is being deleted and what needs somebody, oldest deletion first; with `--all`, all resources.
    pub items: Vec<Seen>,
    /// How many resources there are.
    pub total: usize,
    /// How many of them are being deleted.
    pub deleting: usize,
    /// How many of these wait for somebody.
    pub held: usize,
    /// For how many an operator should have done something by now, and has not: being deleted, or not.
    pub overdue: usize,
}

/// Runs the command.
///
/// # Errors
/// If the resources can't be listed.
pub async fn run(arguments: StatusArgs, cluster: &Cluster) -> anyhow::Result<End> {
    let StatusArgs { selection, all, watch, output } = arguments;
    if watch {
        return watch::run(WatchArgs { selection }, cluster).await;
    }
    ensure!(
        output != Format::Name || !selection.all_namespaces,
        "names alone do not say in which namespace they are: use --output json with --all-namespaces"
    );
    let status = read(&selection, all, cluster).await?;
    let text = match output {
        Format::Table if status.total == 0 => {
            format!("There are no VoiceCampaigns {}.", selection.in_words(cluster.namespace()))
        }
        Format::Table => status.table(selection.all_namespaces, all, cluster.now()),
        Format::Json => output::json(&status)?,
        Format::Yaml => output::yaml(&status)?,
        Format::Name => return output::print_names(&status.names()).map(|()| End::Done),
    };
    output::print(&text)?;
    Ok(End::Done)
}

async fn read(selection: &Selection, all: bool, cluster: &Cluster) -> anyhow::Result<Status> {
    let mut status = Status { items: Vec::new(), total: 0, deleting: 0, held: 0, overdue: 0 };
    let scope = selection.scope(cluster.namespace());
    let now = cluster.now();
    let take = |object: Dated<VoiceCampaign>| status.take(Seen::of(&object), all, now);
    let selector = selection.selector.as_ref().map(ToString::to_string);
    cluster.each(&scope, selector.as_deref(), take).await?;
    status.order();
    Ok(status)
}

impl Status {
    fn take(&mut self, seen: Seen, all: bool, now: Timestamp) {
        self.total += 1;
        self.deleting += usize::from(seen.phase.is_deletion());
        self.held += usize::from(seen.phase == Phase::Held);
        let is_overdue = seen.is_overdue(now);
        self.overdue += usize::from(is_overdue);
        if all || seen.phase.concerns_somebody() || is_overdue {
            self.items.push(seen);
        }
    }

    /// The oldest deletions first, then what else needs somebody.
    fn order(&mut self) {
        let age = |seen: &Seen| (seen.requested_at().is_none(), seen.requested_at());
        self.items.sort_by_cached_key(|seen| (age(seen), seen.key()));
        let places: Vec<_> = {
            let places = seen::places(self.items.iter());
            self.items.iter().map(|seen| places.get(seen.uid.as_str()).copied()).collect()
        };
        self.items.iter_mut().zip(places).for_each(|(seen, place)| seen.queue = place);
    }

    fn table(&self, all_namespaces: bool, all: bool, now: Timestamp) -> String {
        let others = self.total - self.items.len();
        let rest = match others {
            0 => self.in_words(),
            _ if all => self.in_words(),
            _ => format!("{}\nThe others ({others}) need nobody; --all shows them.", self.in_words()),
        };
        if self.items.is_empty() {
            return rest;
        }
        let rows = self.items.iter().map(|seen| row(seen, now));
        let table = if all_namespaces {
            output::table(
                ["NAMESPACE", "NAME", "CAMPAIGN", "REASON", "SINCE", "ATTEMPTS", "NEXT", "QUEUE"],
                self.items.iter().zip(rows).map(|(seen, row)| with_namespace(seen, row)),
            )
        } else {
            output::table(["NAME", "CAMPAIGN", "REASON", "SINCE", "ATTEMPTS", "NEXT", "QUEUE"], rows)
        };
        format!("{table}\n\n{rest}")
    }

    fn in_words(&self) -> String {
        let Self { total, deleting, held, overdue, .. } = self;
        let all = count(*total, "resource");
        let all = match (deleting, held) {
            (0, _) => format!("{all}, none of them being deleted."),
            (_, 0) => format!("{all}, {deleting} being deleted."),
            _ => format!(
                "{all}, {deleting} being deleted, {held} of these held: `kubectl vcamp why NAME` says by what."
            ),
        };
        match overdue {
            0 => all,
            _ => format!(
                "{all}\nAn operator should have acted on {overdue} by now: `kubectl vcamp why NAME` says what keeps it."
            ),
        }
    }

    fn names(&self) -> Vec<String> {
        self.items.iter().map(|seen| output::name(&seen.name)).collect()
    }
}

fn row(seen: &Seen, now: Timestamp) -> [String; 7] {
    let since = seen.requested_at().map(|since| long(now.duration_since(since)));
    let is_overdue = seen.is_overdue(now);
    let next = match seen.next_at().map(|next| now.duration_since(next)) {
        Some(to_come) if to_come.is_negative() && !is_overdue => Some(format!("in {}", long(-to_come))),
        Some(since) if !since.is_negative() && is_overdue => Some(format!("overdue {}", long(since))),
        Some(_) | None if is_overdue => Some("overdue".to_owned()),
        next => next.map(|_| "now".to_owned()),
    };
    [
        seen.name.clone(),
        or_dash(seen.campaign_name.as_deref().or(seen.campaign_id.as_deref())),
        seen.reason_in_words(),
        or_dash(since.as_deref()),
        or_dash(seen.attempts.map(|attempts| attempts.to_string()).as_deref()),
        or_dash(next.as_deref()),
        or_dash(seen.queue.map(|queue| format!("{}/{}", queue.number, queue.of)).as_deref()),
    ]
}

fn with_namespace(seen: &Seen, row: [String; 7]) -> [String; 8] {
    let [name, campaign, reason, since, attempts, next, queue] = row;
    [seen.namespace.clone(), name, campaign, reason, since, attempts, next, queue]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sample::{add, at, condition, deleting, living};

    fn status(all: bool) -> Status {
        let mut status = Status { items: Vec::new(), total: 0, deleting: 0, held: 0, overdue: 0 };
        let next = |object: &mut serde_json::Value| {
            object["status"]["deletion"]["nextAttemptAt"] = json!(at(75));
            object["status"]["deletion"]["attempts"] = json!(1);
        };
        for object in [
            living("well", |_| {}),
            living("unkept", |object| object["metadata"]["finalizers"] = json!([])),
            living("fresh", |object| {
                object["metadata"]["finalizers"] = json!([]);
                object["metadata"]["creationTimestamp"] = json!(at(-5));
                object["status"] = json!({});
            }),
            deleting("winback", "WaitingForQuota", next),
            deleting("cut-off", "Deleting", |object| {
                object["metadata"]["managedFields"] = json!([{"time": at(-300)}]);
            }),
            deleting("survey", "Suspended", |object| {
                object["metadata"]["deletionTimestamp"] = json!(at(-7200));
                object["status"]["deletion"]["requestedAt"] = json!(at(-7200));
                add(object, condition("Stalled", "True", "Suspended", "m"));
            }),
            living("lost", |object| {
                object["status"]["conditions"][0]["reason"] = json!("ConnectionNotFound");
                add(object, condition("Stalled", "True", "ConnectionNotFound", "m"));
            }),
        ] {
            status.take(Seen::of(&object), all, at(0));
        }
        status.order();
        status
    }

    #[test]
    fn the_table_has_the_oldest_deletion_first_and_what_needs_somebody() {
        let table = "\
NAME      CAMPAIGN           REASON                         SINCE   ATTEMPTS   NEXT      QUEUE
survey    Campaign survey    Suspended                      120m    0          -         -
cut-off   Campaign cut-off   Deleting                       60s     0          overdue   -
winback   Campaign winback   WaitingForQuota                60s     1          in 75s    1/1
lost      Campaign lost      ConnectionNotFound             -       -          -         -
unkept    Campaign unkept    (not managed by an operator)   -       -          overdue   -

7 resources, 3 being deleted, 1 of these held: `kubectl vcamp why NAME` says by what.
An operator should have acted on 2 by now: `kubectl vcamp why NAME` says what keeps it.
The others (2) need nobody; --all shows them.";
        assert_eq!(status(false).table(false, false, at(0)), table);
        let all = status(true).table(true, true, at(0));
        assert!(all.contains("\nteam-a      well") && all.starts_with("NAMESPACE   NAME"), "{all}");
        assert!(!all.contains("--all"), "{all}");
    }

    #[test]
    fn names_are_what_kubectl_takes() {
        let names = "voicecampaign.voicecampaign.dev/survey\nvoicecampaign.voicecampaign.dev/cut-off\n\
                     voicecampaign.voicecampaign.dev/winback\n\
                     voicecampaign.voicecampaign.dev/lost\nvoicecampaign.voicecampaign.dev/unkept";
        assert_eq!(status(false).names().join("\n"), names);
    }
}
