//! How many objects there are, what holds those that are being deleted, and for how long: for the metrics.
//! Pure.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use kube::Resource;

use super::status::{self, Ready};
use super::watched::Watched;
use crate::api::{Reason, VoiceCampaign};
use crate::connection::ConnectionName;
use crate::kube_ext::obstacle;
use crate::metrics::{Deletions, Living, Terminating};

/// Counts objects again and again, and remembers which of them waited for their turn.
#[derive(Debug, Default)]
pub struct Census {
    /// When each object that is being deleted last waited for its turn within the quota, by uid.
    last_waited: HashMap<String, Timestamp>,
}

/// All objects, counted.
#[derive(Debug, Default)]
pub struct Counted {
    /// Those that are not being deleted.
    pub living: BTreeMap<Living, usize>,
    /// Those that are.
    pub terminating: BTreeMap<Terminating, Deletions>,
    /// Since when objects of a connection wait because calls to its account fail, as their statuses say.
    pub failing_since: HashMap<ConnectionName, Timestamp>,
}

impl Census {
    /// Counts these objects. Only connections that exist are named: a thousand objects may name a thousand
    /// that do not.
    pub fn count(
        &mut self,
        objects: &[Arc<Watched>],
        connections: &HashSet<ConnectionName>,
        now: Timestamp,
    ) -> Counted {
        let mut counted = Counted::default();
        let before = std::mem::take(&mut self.last_waited);
        for object in objects {
            let Counting { namespace, connection, ready, reason } = Counting::of(object, connections);
            let meta = object.meta();
            let Some(requested_at) = meta.deletion_timestamp.as_ref().map(|time| time.0) else {
                *counted.living.entry(Living { namespace, connection, ready, reason }).or_default() += 1;
                continue;
            };
            let uid = meta.uid.as_deref().unwrap_or_default();
            // One that has failed, and waits behind those that have not, is held by its failure.
            let waits = reason == Reason::WaitingForQuota.as_str() && !has_failed(object);
            let waits = waits.then_some(now);
            let last_waited = waits.or_else(|| before.get(uid).copied());
            self.last_waited.extend(last_waited.map(|at| (uid.to_owned(), at)));
            let seconds = |since: Timestamp| now.duration_since(since).as_secs_f64().max(0.0);
            let held_since = last_waited.map_or(requested_at, |at| at.max(requested_at));
            let sort = Terminating { namespace, connection, reason };
            let Deletions { objects, oldest_seconds, held_seconds } =
                counted.terminating.entry(sort).or_default();
            *objects += 1;
            *oldest_seconds = oldest_seconds.max(seconds(requested_at));
            *held_seconds = held_seconds.max(seconds(held_since));
            counted.note_failing(object, reason);
        }
        counted
    }
}

impl Counted {
    fn note_failing(&mut self, object: &Watched, reason: &str) {
        let Ok(object) = &object.0 else { return };
        let held_since = object.deletion().and_then(|deletion| deletion.held_since.as_ref());
        if let (true, Some(since)) = (reason == Reason::AccountUnavailable.as_str(), held_since) {
            let known = self.failing_since.entry(ConnectionName::used_by(object)).or_insert(since.0);
            *known = since.0.min(*known);
        }
    }
}

/// How an object is counted.
struct Counting {
    namespace: String,
    connection: String,
    ready: &'static str,
    reason: &'static str,
}

impl Counting {
    fn of(object: &Watched, connections: &HashSet<ConnectionName>) -> Self {
        let namespace = object.meta().namespace.clone().unwrap_or_default();
        let Ok(object) = &object.0 else {
            let (ready, reason) = (Ready::Unknown.as_str(), Reason::Invalid.as_str());
            return Self { namespace, connection: String::new(), ready, reason };
        };
        let connection = Some(ConnectionName::used_by(object)).filter(|name| connections.contains(name));
        Self {
            namespace,
            connection: connection.map(|name| name.to_string()).unwrap_or_default(),
            ready: Ready::stored(object).as_str(),
            reason: reason(object),
        }
    }
}

/// Whether a DELETE of the campaign has failed for a reason of its own.
fn has_failed(object: &Watched) -> bool {
    let deletion = object.0.as_ref().ok().and_then(VoiceCampaign::deletion);
    deletion.is_some_and(|deletion| deletion.failures > 0)
}

/// What holds an object, or is known of its campaign.
fn reason(object: &VoiceCampaign) -> &'static str {
    let Some(stored) = &object.status else { return Reason::Pending.as_str() };
    // An outcome says that the campaign calls nobody any more, whatever keeps the object.
    let is_over = object.deletion().is_some_and(|deletion| deletion.outcome.is_some());
    if !is_over && obstacle::reported(&object.metadata, &stored.conditions).is_some() {
        return obstacle::API_SERVER_ERROR;
    }
    // A deletion raises the generation: what the status says is from before.
    let is_current = stored.observed_generation == object.metadata.generation;
    if is_current { status::reason(stored).as_str() } else { Reason::Pending.as_str() }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    use kube::core::error_boundary::InvalidObject;
    use serde_json::json;

    use super::*;
    use crate::kube_ext::Guarded;

    fn object(deleted: Option<&str>, status: serde_json::Value) -> Watched {
        let object = serde_json::from_value(json!({
            "apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign", "status": status,
            "metadata": {"name": "x", "namespace": "n", "uid": "u", "generation": 2, "deletionTimestamp": deleted},
            "spec": {"connectionRef": {"name": "c"}, "streamId": "st-1", "campaignId": "cd-1"},
        }));
        Guarded(Ok(object.unwrap()))
    }

    fn ready(status: &str, reason: &str, generation: i64) -> serde_json::Value {
        let condition = |type_: &str, status: &str, reason: &str| json!({"type": type_, "status": status, "reason": reason, "message": "", "lastTransitionTime": "2026-11-29T11:00:00Z"});
        json!({"observedGeneration": generation, "conditions": [condition("Ready", status, reason)]})
    }

    fn at(time: &str) -> Timestamp {
        format!("2026-11-29T{time}Z").parse().unwrap()
    }

    fn counted(objects: Vec<Watched>) -> Counted {
        let known = HashSet::from([ConnectionName::new("n", "c")]);
        Census::default().count(&shared(objects), &known, at("12:00:00"))
    }

    fn shared(objects: Vec<Watched>) -> Vec<Arc<Watched>> {
        objects.into_iter().map(Arc::new).collect()
    }

    fn sort(reason: &'static str) -> Terminating {
        Terminating { namespace: "n".into(), connection: "n/c".into(), reason }
    }

    /// However many objects there are, there is one series for each sort; and its age is that of the oldest.
    #[test]
    fn objects_are_counted_by_what_holds_them() {
        let throttled = ready("False", "Throttled", 2);
        let Counted { living, terminating, .. } = counted(vec![
            object(None, ready("True", "CampaignFound", 2)),
            object(None, ready("True", "CampaignFound", 2)),
            object(None, json!(null)),
            object(Some("2026-11-29T11:59:00Z"), throttled.clone()),
            object(Some("2026-11-29T11:58:00Z"), throttled),
            object(Some("2026-11-29T11:59:59Z"), ready("True", "CampaignFound", 1)),
        ]);
        let living: Vec<_> =
            living.into_iter().map(|(sort, objects)| (sort.ready, sort.reason, objects)).collect();
        assert_eq!(living, [("True", "CampaignFound", 2), ("Unknown", "Pending", 1)]);
        let deletions =
            |objects, seconds| Deletions { objects, oldest_seconds: seconds, held_seconds: seconds };
        let expected = [(sort("Pending"), deletions(1, 1.0)), (sort("Throttled"), deletions(2, 120.0))];
        assert_eq!(terminating.into_iter().collect::<Vec<_>>(), expected);
    }

    /// What waited for its turn is held only since then, however long it waited before.
    #[test]
    fn a_wait_for_quota_does_not_count_as_held() {
        let known = HashSet::from([ConnectionName::new("n", "c")]);
        let mut census = Census::default();
        let mut held = |time: &str, reason: &'static str| {
            let objects = shared(vec![object(Some("2026-11-29T08:00:00Z"), ready("False", reason, 2))]);
            let Counted { terminating, .. } = census.count(&objects, &known, at(time));
            let deletions = terminating[&sort(reason)];
            (deletions.oldest_seconds, deletions.held_seconds)
        };
        assert_eq!(held("09:00:00", "WaitingForQuota"), (3600.0, 0.0));
        assert_eq!(held("09:00:30", "Deleting"), (3630.0, 30.0));
        assert_eq!(held("09:01:00", "ServiceUnavailable"), (3660.0, 60.0));
        assert_eq!(census.last_waited.len(), 1);
        // What has failed, and stands behind those that have not, is held by its failure.
        let mut failed = ready("False", "WaitingForQuota", 2);
        failed["deletion"] =
            json!({"uid": "u", "requestedAt": "2026-11-29T08:00:00Z", "attempts": 1, "failures": 1});
        let failed = shared(vec![object(Some("2026-11-29T08:00:00Z"), failed)]);
        let Counted { terminating, .. } = census.count(&failed, &known, at("09:01:30"));
        assert_eq!(terminating[&sort("WaitingForQuota")].held_seconds, 90.0);
        census.count(&[], &known, at("09:02:00"));
        assert!(census.last_waited.is_empty(), "it is gone");
    }

    /// What the API server refuses holds the object, also if that is the first write of its deletion; and an
    /// object that does not fit its schema is counted, too.
    #[test]
    fn obstructed_and_invalid_objects_are_counted() {
        let mut obstructed = ready("True", "CampaignFound", 1);
        let condition = json!({"type": "Obstructed", "status": "True", "reason": "ApiServerError", "message": "",
            "lastTransitionTime": "2026-11-29T11:00:00Z"});
        obstructed["conditions"].as_array_mut().unwrap().push(condition.clone());
        // Nobody is called any more.
        let mut over = ready("False", "Deleted", 2);
        over["conditions"].as_array_mut().unwrap().push(condition);
        over["deletion"] = json!({"uid": "u", "requestedAt": "2026-11-29T11:59:00Z", "attempts": 1,
            "confirmedAt": "2026-11-29T11:59:01Z", "outcome": "Deleted"});
        let metadata = ObjectMeta { namespace: Some("n".into()), ..ObjectMeta::default() };
        let invalid = Guarded(Err(InvalidObject { error: "no spec".into(), metadata }));
        let Counted { living, terminating, .. } = counted(
            [obstructed, over]
                .map(|status| object(Some("2026-11-29T11:59:00Z"), status))
                .into_iter()
                .chain([invalid])
                .collect(),
        );
        let reasons: Vec<_> = terminating.keys().map(|sort| sort.reason).collect();
        assert_eq!(reasons, ["ApiServerError", "Deleted"]);
        let invalid =
            Living { namespace: "n".into(), connection: String::new(), ready: "Unknown", reason: "Invalid" };
        assert_eq!(living.into_iter().collect::<Vec<_>>(), [(invalid, 1)]);
    }

    /// Whatever connections objects name: only those that exist have series.
    #[test]
    fn a_connection_that_does_not_exist_is_not_named() {
        let objects = shared(vec![object(None, json!(null))]);
        let Counted { living, .. } = Census::default().count(&objects, &HashSet::new(), at("12:00:00"));
        assert_eq!(living.keys().map(|sort| sort.connection.as_str()).collect::<Vec<_>>(), [""]);
    }

    #[test]
    fn an_account_that_fails_is_known_from_the_statuses() {
        let mut held = ready("False", "AccountUnavailable", 2);
        held["deletion"] = json!({"uid": "u", "requestedAt": "2026-11-29T11:58:00Z", "attempts": 1,
            "heldSince": "2026-11-29T11:59:00Z"});
        let Counted { failing_since, .. } = counted(vec![object(Some("2026-11-29T11:58:00Z"), held)]);
        assert_eq!(failing_since, HashMap::from([(ConnectionName::new("n", "c"), at("11:59:00"))]));
    }
}
