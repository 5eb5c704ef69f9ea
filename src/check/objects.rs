//! The connections, the campaigns, and what is being deleted.

use std::fmt::Debug;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use kube::api::ListParams;
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;

use super::operator::Operators;
use super::page::{Finding, list};
use super::seen::{PATIENCE, Phase, Seen};
use crate::api::{KoreConnection, VoiceCampaign};
use crate::connection::DELETIONS_HELD;
use crate::kube_ext::{Dated, Deployed, Guarded, ServerClock, each, long, obstacle};

/// What is said of an object that its labels, or its namespace, hide from all operators.
const NOT_COVERED: &str = "no operator works for it now (its selector or its namespaces leave it out)";
/// How many objects are named; the others are counted.
const NAMED: usize = 5;

/// For so long a deletion may wait for Kore until somebody should look: an outage of minutes passes.
const OUTAGE: SignedDuration = SignedDuration::from_mins(10);

/// Where the operators work. All objects there are looked at, also those that no operator selects.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Places {
    /// `None` for all.
    namespaces: Vec<Option<String>>,
    /// All operators of the cluster; none if that is not known.
    operators: Vec<Deployed>,
}

impl Places {
    /// Those of these operators; without one that can be seen, the namespace.
    pub(super) fn of(operators: &Operators, namespace: &str) -> Self {
        let known = operators.known();
        let watches: Option<Vec<&Vec<String>>> =
            known.iter().map(|operator| operator.watches.as_ref()).collect();
        let mut namespaces: Vec<_> = match watches.as_deref() {
            None | Some([]) => vec![Some(namespace.to_owned())],
            Some(all) if all.iter().any(|watches| watches.is_empty()) => vec![None],
            Some(all) => all.iter().copied().flatten().cloned().map(Some).collect(),
        };
        namespaces.sort_unstable();
        namespaces.dedup();
        let operators = if let Operators::All(all) = operators { all.clone() } else { Vec::new() };
        Self { namespaces, operators }
    }

    /// The same, by what this command may look at.
    pub(super) async fn found(operators: &Operators, namespace: &str, client: &Client) -> Self {
        let may_look_everywhere =
            may_list_all::<VoiceCampaign>(client).await && may_list_all::<KoreConnection>(client).await;
        Self::of(operators, namespace).seen(may_look_everywhere, namespace)
    }

    /// All namespaces, if all operators are known: nobody works for what is in a namespace that was taken off
    /// `watchNamespaces`. Where that may not be looked at, this namespace instead.
    fn seen(mut self, may_look_everywhere: bool, namespace: &str) -> Self {
        if may_look_everywhere && !self.operators.is_empty() {
            self.namespaces = vec![None];
        } else if !may_look_everywhere && self.namespaces.contains(&None) {
            self.namespaces.push(Some(namespace.to_owned()));
        }
        self
    }

    /// Whether an operator works for the object, as far as that can be seen.
    fn cover(&self, object: &impl Resource) -> bool {
        self.operators.is_empty() || self.operators.iter().any(|operator| operator.covers(object))
    }

    /// The namespaces that were looked at, in words. Some of them may have been refused.
    fn in_words(&self, refused: Option<&kube::Error>) -> String {
        let names: Vec<&str> = self.namespaces.iter().filter_map(Option::as_deref).collect();
        let all = refused.is_none() && self.namespaces.contains(&None);
        if all || names.is_empty() { "all namespaces".to_owned() } else { names.join(", ") }
    }

    /// Lists the objects of a kind. Returns the last place that this command may not look at, if there is
    /// one: a namespace that is being deleted may have lost its roles.
    ///
    /// # Errors
    /// If the API server fails otherwise.
    async fn each<K>(&self, client: &Client, mut take: impl FnMut(K)) -> kube::Result<Option<kube::Error>>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let mut refused = None;
        for namespace in &self.namespaces {
            let api = match namespace {
                Some(namespace) => Api::namespaced(client.clone(), namespace),
                None => Api::all(client.clone()),
            };
            match each(&api, None, &mut take).await {
                Err(kube::Error::Api(status)) if status.is_forbidden() => {
                    refused = Some(kube::Error::Api(status));
                }
                Ok(()) if namespace.is_none() => return Ok(None),
                listed => listed?,
            }
        }
        Ok(refused)
    }
}

async fn may_list_all<K>(client: &Client) -> bool
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    Api::<K>::all(client.clone()).list_metadata(&ListParams::default().limit(1)).await.is_ok()
}

/// Whether the connections can be used.
pub(super) async fn connections(places: &Places, client: &Client) -> Finding {
    let (mut connections, now) = (Connections::default(), ServerClock::read(client).await.now());
    let take = |connection: Guarded<KoreConnection>| {
        connections.take(&connection, places.cover(&connection), now);
    };
    match places.each(client, take).await {
        Ok(refused) => {
            let place = places.in_words(refused.as_ref());
            as_far_as(connections.finding(&place), refused.as_ref())
        }
        Err(error) => Finding::refused(&error, "the KoreConnections"),
    }
}

/// Whether what is deleted goes, and what lives is well: in that order.
pub(super) async fn campaigns(places: &Places, client: &Client) -> [Finding; 2] {
    let (mut campaigns, now) = (Campaigns::default(), ServerClock::read(client).await.now());
    let take = |campaign: Dated<VoiceCampaign>| {
        campaigns.take(Found { seen: Seen::of(&campaign), covered: places.cover(&campaign) }, now);
    };
    match places.each(client, take).await {
        Ok(refused) => {
            let place = places.in_words(refused.as_ref());
            let findings = [campaigns.deletions(&place, now), campaigns.living(&place)];
            findings.map(|finding| as_far_as(finding, refused.as_ref()))
        }
        Err(error) => [(); 2].map(|()| Finding::refused(&error, "the VoiceCampaigns")),
    }
}

/// A finding, as far as this command may look.
fn as_far_as(finding: Finding, refused: Option<&kube::Error>) -> Finding {
    match refused {
        Some(error) => finding.and(Finding::refused(error, "not all of them")),
        None => finding,
    }
}

#[derive(Debug, Default)]
struct Connections {
    total: usize,
    ready: usize,
    /// What somebody should look at.
    others: Vec<String>,
}

impl Connections {
    fn take(&mut self, connection: &Guarded<KoreConnection>, covered: bool, now: Timestamp) {
        self.total += 1;
        let key = key(connection.meta());
        if !covered {
            return self.others.push(format!("{key}: {NOT_COVERED}"));
        }
        let Ok(connection) = &connection.0 else {
            return self.others.push(format!("{key} does not fit its CustomResourceDefinition"));
        };
        let needed = connection.status.as_ref().map_or(0, |status| status.campaigns);
        let deleted_at = connection.metadata.deletion_timestamp.as_ref();
        let stays = deleted_at.is_some_and(|deleted| now.duration_since(deleted.0) > PATIENCE);
        if deleted_at.is_some() && needed > 0 {
            self.others.push(format!("{key} is being deleted, and {needed} VoiceCampaigns still need it"));
        }
        let found = connection.status.as_ref().map(|status| &status.conditions[..]).unwrap_or_default();
        let holds =
            |kind: &str| found.iter().find(|condition| condition.type_ == kind && condition.status == "True");
        self.ready += usize::from(holds("Ready").is_some());
        let obstructed = obstacle::reported(&connection.metadata, found);
        let bad = holds("Stalled").or(obstructed.as_ref());
        self.others.extend(bad.map(|bad| format!("{key} is not usable: {}", in_words(bad))));
        // The operator's finalizer may be what somebody denies it to remove, here or from the Secret.
        if let (true, 0, None) = (stays, needed, bad) {
            let ready = found.iter().find(|condition| condition.type_ == "Ready");
            let why = ready.map_or_else(|| "no operator has looked at it".to_owned(), in_words);
            self.others.push(format!("{key} is being deleted, and does not go: {why}"));
        }
        let held = holds(DELETIONS_HELD);
        self.others.extend(held.map(|held| format!("{key} holds deletions: {}", in_words(held))));
        if !found.iter().any(|condition| condition.type_ == "Ready") {
            self.others.push(format!("{key}: no operator has looked at it yet"));
        }
    }

    fn finding(&self, place: &str) -> Finding {
        let Self { total, ready, others } = self;
        if *total == 0 {
            return Finding::ok(format!(
                "there is no KoreConnection in {place} yet (docs/koreconnection.md)"
            ));
        }
        let ready = format!("{ready} of {total} KoreConnections in {place} are Ready");
        if others.is_empty() {
            Finding::ok(ready)
        } else {
            Finding::attention(format!("{ready}:{}", list(others, NAMED)))
        }
    }
}

/// A VoiceCampaign, and whether an operator works for it.
#[derive(Clone, Debug)]
struct Found {
    seen: Seen,
    covered: bool,
}

#[derive(Debug, Default)]
struct Campaigns {
    living: usize,
    deleting: usize,
    oldest: Option<Found>,
    /// Deletions that need somebody.
    held: Vec<Found>,
    /// Living ones that need somebody.
    stalled: Vec<Found>,
}

impl Campaigns {
    fn take(&mut self, found: Found, now: Timestamp) {
        let Found { seen, covered } = &found;
        if !seen.phase.is_deletion() {
            self.living += 1;
            // Without the operator's finalizer, a deletion would leave the campaign in Kore.
            let works = seen.kept && *covered && !seen.is_overdue(now) && !seen.waits_for_kore();
            if seen.phase == Phase::Stalled || !works {
                self.stalled.push(found);
            }
            return;
        }
        self.deleting += 1;
        let is_long = seen.requested_at().is_some_and(|requested| now.duration_since(requested) > OUTAGE);
        if seen.is_stuck(now) || !covered || seen.waits_for_kore() && is_long {
            self.held.push(found.clone());
        }
        if self.oldest.as_ref().is_none_or(|oldest| seen.requested_at() < oldest.seen.requested_at()) {
            self.oldest = Some(found);
        }
    }

    fn deletions(&self, place: &str, now: Timestamp) -> Finding {
        let Self { deleting, oldest, held, .. } = self;
        let Some(oldest) = oldest else {
            return Finding::ok(format!("no VoiceCampaign in {place} is being deleted"));
        };
        let oldest = deletion(oldest, now);
        let said = format!("{deleting} in {place}; the oldest:\n- {oldest}");
        if held.is_empty() {
            return Finding::ok(said);
        }
        let mut held: Vec<_> = held.iter().collect();
        held.sort_by_key(|found| (found.seen.requested_at(), found.seen.key()));
        let held: Vec<_> = held.into_iter().map(|found| deletion(found, now)).collect();
        Finding::attention(format!(
            "{said}\nThese need somebody (kubectl vcamp why NAME):{}",
            list(&held, NAMED)
        ))
    }

    fn living(&self, place: &str) -> Finding {
        let Self { living, stalled, .. } = self;
        if stalled.is_empty() {
            return Finding::ok(format!("{living} VoiceCampaigns live in {place}, and none needs anybody"));
        }
        let number = stalled.len();
        let stalled: Vec<_> = stalled.iter().map(said_of).collect();
        let said = format!(
            "{living} VoiceCampaigns live in {place}; {number} of them need somebody:{}",
            list(&stalled, NAMED)
        );
        Finding::attention(said)
    }
}

fn deletion(found: &Found, now: Timestamp) -> String {
    let since = found.seen.requested_at().map(|since| format!(", for {}", long(now.duration_since(since))));
    format!("{}{}", said_of(found), since.unwrap_or_default())
}

fn said_of(found: &Found) -> String {
    let Found { seen, covered } = found;
    let unmanaged = !seen.kept && !seen.phase.is_deletion();
    let unmanaged = if unmanaged { ", not managed by any operator yet" } else { "" };
    let not_covered = if *covered { String::new() } else { format!(", and {NOT_COVERED}") };
    format!("{}: {}{unmanaged}{not_covered}", seen.key(), seen.reason_in_words())
}

fn key(metadata: &ObjectMeta) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    format!("{}/{}", text(&metadata.namespace), text(&metadata.name))
}

fn in_words(condition: &Condition) -> String {
    format!("{}: {}", condition.reason, condition.message)
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use serde_json::{Value, json};

    use super::*;
    use crate::check::page::Verdict;
    use crate::check::sample::{operator, operator_in};

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn at(seconds: i64) -> String {
        (now() + SignedDuration::from_secs(seconds)).to_string()
    }

    fn object<K: DeserializeOwned>(
        kind: &str,
        name: &str,
        spec: &Value,
        change: impl FnOnce(&mut Value),
    ) -> K {
        let mut object = json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": kind, "spec": spec, "metadata":
            {"name": name, "namespace": "team-a", "uid": name, "generation": 2, "creationTimestamp": at(-3600)}});
        change(&mut object);
        serde_json::from_value(object).unwrap()
    }

    fn connection(name: &str, conditions: &Value) -> Guarded<KoreConnection> {
        let spec = json!({"host": "https://kore", "accountId": "a", "credentialsSecretRef": {"name": "s"}});
        object("KoreConnection", name, &spec, |object| {
            object["status"] = json!({"campaigns": 0, "conditions": conditions});
        })
    }

    fn condition(kind: &str, status: &str, reason: &str) -> Value {
        json!({"type": kind, "status": status, "reason": reason, "message": "Because.", "lastTransitionTime": at(-60)})
    }

    fn campaign(name: &str, deleted: i64, observed: i64, conditions: &[Value]) -> Dated<VoiceCampaign> {
        let spec = json!({"connectionRef": {"name": "c"}, "streamId": "st", "campaignId": "cd"});
        object("VoiceCampaign", name, &spec, |object| {
            object["metadata"]["finalizers"] = json!([crate::api::FINALIZER]);
            object["status"] = json!({"observedGeneration": observed, "conditions": conditions});
            if deleted < 0 {
                object["metadata"]["deletionTimestamp"] = json!(at(deleted));
            }
        })
    }

    #[test]
    fn connections_that_need_somebody_are_named() {
        let found = |all: &[Guarded<KoreConnection>]| {
            let mut connections = Connections::default();
            all.iter().for_each(|connection| connections.take(connection, true, now()));
            connections.finding("team-a")
        };
        assert_eq!(found(&[]).verdict, Verdict::Ok);
        let ready = connection("ready", &json!([condition("Ready", "True", "Ready")]));
        assert_eq!(
            found(std::slice::from_ref(&ready)),
            Finding::ok("1 of 1 KoreConnections in team-a are Ready")
        );
        // It goes by itself; unless it is there for long.
        let in_use = |deleted: i64| {
            let mut going = connection(
                "in-use",
                &json!([condition("Ready", "False", "InUse"), condition("Reconciling", "True", "InUse")]),
            );
            going.meta_mut().deletion_timestamp = serde_json::from_value(json!(at(deleted))).unwrap();
            found(&[going])
        };
        assert_eq!(in_use(-20).verdict, Verdict::Ok);
        let said = in_use(-60).said;
        assert!(said.contains("team-a/in-use is being deleted, and does not go: InUse: Because."), "{said}");
        let reason = "CredentialsMissing";
        let wrong = connection(
            "wrong",
            &json!([condition("Ready", "False", reason), condition("Stalled", "True", reason)]),
        );
        let unseen = connection("unseen", &json!([]));
        let braked = connection(
            "braked",
            &json!([condition("Ready", "True", "Ready"), condition(DELETIONS_HELD, "True", "MassDeletion")]),
        );
        let mut leaving = connection("leaving", &json!([condition("Ready", "False", "InUse")]));
        leaving.meta_mut().deletion_timestamp = serde_json::from_value(json!(at(-60))).unwrap();
        leaving.0.as_mut().unwrap().status.as_mut().unwrap().campaigns = 3;
        let invalid = object("KoreConnection", "odd", &json!({}), |_| {});
        let finding = found(&[ready, wrong.clone(), unseen, braked, leaving, invalid]);
        let said = "\
2 of 6 KoreConnections in team-a are Ready:
- team-a/wrong is not usable: CredentialsMissing: Because.
- team-a/unseen: no operator has looked at it yet
- team-a/braked holds deletions: MassDeletion: Because.
- team-a/leaving is being deleted, and 3 VoiceCampaigns still need it
- team-a/odd does not fit its CustomResourceDefinition";
        assert_eq!(finding, Finding::attention(said));
        let many = found(&vec![wrong; 7]);
        assert!(many.said.ends_with("\n- and 2 more"), "{}", many.said);
        assert_eq!(many.said.matches("\n- team-a/wrong").count(), NAMED);
    }

    #[test]
    fn the_oldest_deletion_is_named_and_what_needs_somebody() {
        let found = |all: &[Dated<VoiceCampaign>]| {
            let mut campaigns = Campaigns::default();
            for campaign in all {
                campaigns.take(Found { seen: Seen::of(campaign), covered: true }, now());
            }
            [campaigns.deletions("team-a", now()), campaigns.living("team-a")]
        };
        let living = campaign("living", 0, 2, &[condition("Ready", "True", "CampaignFound")]);
        let well = [
            Finding::ok("no VoiceCampaign in team-a is being deleted"),
            Finding::ok("1 VoiceCampaigns live in team-a, and none needs anybody"),
        ];
        assert_eq!(found(std::slice::from_ref(&living)), well);
        let waits = campaign("waits", -90, 2, &[condition("Ready", "False", "WaitingForQuota")]);
        let down = |deleted: i64| {
            let trouble = [condition("Ready", "False", "AccountUnavailable")];
            found(&[campaign("down", deleted, 2, &trouble)])
        };
        assert_eq!(down(-600)[0].verdict, Verdict::Ok, "an outage of minutes passes");
        assert_eq!([down(-601)[0].verdict, down(0)[1].verdict], [Verdict::Attention; 2]);
        let [deletions, _] = found(&[living.clone(), waits.clone()]);
        assert_eq!(
            deletions,
            Finding::ok("1 in team-a; the oldest:\n- team-a/waits: WaitingForQuota, for 90s")
        );

        let stalled = [condition("Ready", "False", "Suspended"), condition("Stalled", "True", "Suspended")];
        let held = campaign("held", -50, 2, &stalled);
        // The status is of the resource before it was deleted.
        let before = [condition("Ready", "True", "CampaignFound")];
        let (unseen, fresh) = (campaign("unseen", -70, 1, &before), campaign("fresh", -10, 1, &before));
        let mut foreign = campaign("foreign", -40, 2, &before);
        foreign.meta_mut().finalizers = Some(vec!["example.com/hold".to_owned()]);
        let lost = campaign(
            "lost",
            0,
            2,
            &[
                condition("Ready", "False", "ConnectionNotFound"),
                condition("Stalled", "True", "ConnectionNotFound"),
            ],
        );
        let odd = object("VoiceCampaign", "odd", &json!({}), |object| {
            object["metadata"]["finalizers"] = json!([crate::api::FINALIZER]);
            object["metadata"]["deletionTimestamp"] = json!(at(-30));
        });
        let [deletions, campaigns] = found(&[living, waits, held, unseen, fresh, foreign, lost, odd]);
        let said = "\
6 in team-a; the oldest:
- team-a/waits: WaitingForQuota, for 90s
These need somebody (kubectl vcamp why NAME):
- team-a/unseen: (no answer of the operator yet), for 70s
- team-a/held: Suspended, for 50s
- team-a/foreign: (not kept by the operator: nobody deletes the campaign), for 40s
- team-a/odd: Invalid, for 30s";
        assert_eq!(deletions, Finding::attention(said));
        let said =
            "2 VoiceCampaigns live in team-a; 1 of them need somebody:\n- team-a/lost: ConnectionNotFound";
        assert_eq!(campaigns, Finding::attention(said));
        // A policy may put the finalizer on it, also where no operator works.
        let [_, campaigns] = found(&[campaign("unseen", 0, 0, &[])]);
        assert!(
            campaigns.verdict == Verdict::Attention && campaigns.said.contains("not seen"),
            "{campaigns:?}"
        );
        let mut unmanaged = campaign("unmanaged", 0, 0, &[]);
        unmanaged.meta_mut().finalizers = None;
        let [_, campaigns] = found(&[unmanaged]);
        assert!(
            campaigns.verdict == Verdict::Attention && campaigns.said.contains("not managed"),
            "{campaigns:?}"
        );
    }

    #[test]
    fn what_may_not_be_looked_at_is_said() {
        let forbidden = Status::failure("you may not list it in dying", "Forbidden").with_code(403);
        let forbidden = kube::Error::Api(Box::new(forbidden));
        let one = as_far_as(Finding::ok("none"), Some(&forbidden));
        assert_eq!(one, Finding::not_checked("not all of them: you may not list it in dying"));
        let other = as_far_as(Finding::attention("one"), Some(&forbidden));
        assert_eq!(other.verdict, Verdict::Attention);
        assert_eq!(as_far_as(Finding::ok("none"), None), Finding::ok("none"));
    }

    /// Whatever its status says: nobody changes that any more.
    #[test]
    fn what_no_operator_selects_any_more_needs_somebody() {
        let mut sharded = operator_in(&["team-a"]);
        sharded.selected = Some("shard=one".parse().unwrap());
        let places = Places::of(&Operators::All(vec![sharded.clone()]), "team-a");
        let ready = [condition("Ready", "True", "CampaignFound")];
        let (mut mine, other) = (campaign("mine", 0, 2, &ready), campaign("other", 0, 2, &ready));
        mine.meta_mut().labels = Some([("shard".to_owned(), "one".to_owned())].into());
        let deleting = campaign("deleting", -5, 2, &[condition("Ready", "False", "WaitingForQuota")]);
        let mut campaigns = Campaigns::default();
        for campaign in [&mine, &other, &deleting] {
            campaigns.take(Found { seen: Seen::of(campaign), covered: places.cover(campaign) }, now());
        }
        let living = campaigns.living("team-a");
        assert_eq!(living.verdict, Verdict::Attention);
        assert!(
            living.said.contains("1 of them need")
                && living.said.contains("other: CampaignFound, and no operator")
        );
        assert!(
            campaigns.deletions("team-a", now()).said.contains("deleting: WaitingForQuota, and no operator")
        );
        // Others may do so where not all operators are known.
        assert!(Places::of(&Operators::Named(sharded), "team-a").cover(&other));
        let mut connections = Connections::default();
        connections.take(&connection("ready", &json!([condition("Ready", "True", "Ready")])), false, now());
        assert_eq!(connections.finding("team-a").verdict, Verdict::Attention);
    }

    #[test]
    fn all_places_where_an_operator_works_are_looked_at() {
        let places = |operators: Vec<Deployed>| Places::of(&Operators::All(operators), "own").in_words(None);
        assert_eq!(places(Vec::new()), "own");
        assert_eq!(places(vec![operator_in(&["a"])]), "a");
        assert_eq!(places(vec![operator_in(&["a", "b"]), operator_in(&["b"])]), "a, b");
        assert_eq!(places(vec![operator_in(&["a"]), operator("x")]), "all namespaces");
        let unseen = Deployed { watches: None, ..operator("x") };
        assert_eq!(places(vec![unseen]), "own");
        assert_eq!(Places::of(&Operators::Unknown, "own").in_words(None), "own");
    }

    /// Somebody who may look at one namespace is told of that one.
    #[test]
    fn where_not_all_may_be_looked_at_the_namespace_is() {
        let places = |operators, everywhere| Places::of(&operators, "own").seen(everywhere, "own").namespaces;
        let own = Some("own".to_owned());
        for operators in [Operators::All(vec![operator("x")]), Operators::Named(operator("x"))] {
            assert_eq!(places(operators.clone(), false), [None, own.clone()]);
            assert_eq!(places(operators, true), [None]);
        }
        assert_eq!(places(Operators::All(vec![operator_in(&["a"])]), true), [None]);
        assert_eq!(places(Operators::All(vec![operator_in(&["a"])]), false), [Some("a".to_owned())]);
        // Of one kind all may be looked at, and of the other the namespace.
        let places = Places { namespaces: vec![None, own], operators: Vec::new() };
        assert_eq!(places.in_words(None), "all namespaces");
        let refused = kube::Error::Api(Box::new(Status::failure("m", "Forbidden").with_code(403)));
        assert_eq!(places.in_words(Some(&refused)), "own");
    }
}
