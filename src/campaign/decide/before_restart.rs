//! What the statuses say of the time before this process, so that a restart begins nothing again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::place::promised;
use crate::api::{DeletionStatus, Reason, VoiceCampaign};
use crate::campaign::evidence::{answer, proof};
use crate::campaign::status;
use crate::connection::ConnectionName;
use crate::kore::FailureKind;
use crate::pacing::{ARRIVES_WITHIN, Outage, Past, Pause, Refusal, longest_backoff};

/// What the statuses of an account's objects say of the time before this process.
pub fn past<'a>(objects: impl Iterator<Item = &'a VoiceCampaign>) -> Past {
    let mut past = Past::default();
    let mut listings = BTreeSet::new();
    let mut outages: BTreeMap<String, Outage> = BTreeMap::new();
    let mut proven = BTreeSet::new();
    let earlier = |known: Option<Timestamp>, time| Some(known.map_or(time, |known| known.min(time)));
    for object in objects {
        past.latest = past.latest.max(happened(object).max());
        // Kore has shown a campaign over this connection.
        if object.status.as_ref().is_some_and(|status| status.seen_as.is_some()) {
            proven.insert(ConnectionName::used_by(object).to_string());
        }
        let Some(record) = object.deletion() else { continue };
        let reason = object.status.as_ref().map(status::reason);
        past.calls.extend(own_calls(record));
        past.under_way += usize::from(reason == Some(Reason::Deleting));
        listings.extend(shared_calls(record));
        past.pauses.extend(reason.and_then(|reason| asked_for(record, reason)));
        if let Some(promised) = promised(object) {
            past.promised.push(promised);
        }
        let Some(since) = record.held_since.as_ref().map(|since| since.0) else { continue };
        let next = record.next_attempt_at.as_ref().map(|next| next.0);
        match reason {
            Some(Reason::AccountUnavailable) => {
                let held = Some(record.uid.clone()).filter(|_| record.failures == 0);
                let outage = Outage::new(since, next, held);
                let connection = ConnectionName::used_by(object).to_string();
                let known = outages.remove(&connection);
                outages.insert(connection, known.into_iter().fold(outage, Outage::join));
            }
            // A right may be missing for one stream or campaign alone: that the first calls will show.
            Some(Reason::Service(FailureKind::CredentialsRejected))
                if !record.last_answer.as_ref().is_some_and(answer::lacks_right) =>
            {
                let refusal = Refusal { since, probe: None };
                let known =
                    past.refusals.entry(ConnectionName::used_by(object).to_string()).or_insert(refusal);
                known.since = known.since.min(since);
                known.probe = next.map_or(known.probe, |next| earlier(known.probe, next));
            }
            Some(_) | None => {}
        }
    }
    past.calls.extend(listings);
    let (of_all, unproven) = outages.into_iter().partition(|(connection, _)| proven.contains(connection));
    let of_all: BTreeMap<String, Outage> = of_all;
    past.outage = of_all.into_values().reduce(Outage::join);
    past.unproven = unproven;
    past
}

/// When something happened, as a status says.
fn happened(object: &VoiceCampaign) -> impl Iterator<Item = Timestamp> {
    let conditions = object.status.iter().flat_map(|status| &status.conditions);
    let begun = conditions.map(|condition| condition.last_transition_time.0);
    let record = object.deletion();
    let calls = record.into_iter().flat_map(|record| record.last_attempt_at.iter().chain(&record.held_since));
    let seen = record.into_iter().flat_map(|record| &record.seen_at);
    let proven = record.into_iter().flat_map(|record| &record.proof).flat_map(proof::happened);
    begun.chain(calls.chain(seen).map(|time| time.0)).chain(proven)
}

/// When calls about this campaign alone had arrived, at the latest: times are cut to a second.
fn own_calls(record: &DeletionStatus) -> impl Iterator<Item = Timestamp> {
    let proof = record.proof.as_ref();
    let looked = proof.and_then(|proof| proof.not_returned_at.as_ref().max(proof.silent_at.as_ref()));
    record
        .last_attempt_at
        .iter()
        .chain(looked)
        .map(|time| time.0 + SignedDuration::from_secs(1) + ARRIVES_WITHIN)
}

/// When it was read with others of its stream; or seen, perhaps so. Each counts once, however many statuses
/// name it.
fn shared_calls(record: &DeletionStatus) -> impl Iterator<Item = Timestamp> {
    let read = record.proof.iter().flat_map(proof::listings).map(|listing| listing.ended_at.0);
    read.chain(record.seen_at.iter().map(|seen| seen.0))
}

/// The pause that the service may have asked for with its last answer.
fn asked_for(record: &DeletionStatus, reason: Reason) -> Option<Pause> {
    let until = record.next_attempt_at.as_ref().filter(|_| record.held_since.is_none())?.0;
    let Reason::Service(kind) = reason else { return None };
    let failures = record.failures.max(record.proof.as_ref().map_or(0, |proof| proof.failures));
    let own = match kind {
        // When to come again after that, only the service says.
        FailureKind::Throttled => Duration::ZERO,
        // After several failures the pause may be about this campaign alone.
        FailureKind::Unavailable if failures <= 1 => longest_backoff(failures),
        // That is no pause for all.
        FailureKind::Unavailable
        | FailureKind::MayBeAbsent
        | FailureKind::Accepted
        | FailureKind::CredentialsRejected
        | FailureKind::Refused
        | FailureKind::Unreachable
        | FailureKind::Unreadable
        | FailureKind::ContractViolation => return None,
    };
    Some(Pause { until, own: SignedDuration::try_from(own).unwrap_or(SignedDuration::MAX) })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::place::{place, place_of_read};
    use super::*;
    use crate::api::{self, KoreConnectionStatus, VoiceCampaignStatus};
    use crate::pacing::AccountClock;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    /// A deletion with this reason and this in its record.
    fn deleted(reason: &str, record: &Value) -> VoiceCampaign {
        let mut deletion = json!({"uid": "u", "requestedAt": at(-90), "attempts": 1});
        deletion.as_object_mut().unwrap().extend(record.as_object().unwrap().clone());
        let ready = json!({"type": "Ready", "status": "False", "reason": reason, "message": "m",
            "lastTransitionTime": at(-90)});
        let object = json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign",
            "metadata": {"name": "x", "namespace": "n", "uid": "u", "deletionTimestamp": at(-90)},
            "spec": {"connectionRef": {"name": "production"}, "streamId": "st-1", "campaignId": "cd-1"},
            "status": {"conditions": [ready], "deletion": deletion}});
        serde_json::from_value(object).unwrap()
    }

    /// A pause that Kore asked for with a 429 is one; with a 503 it is, if the backoff of the campaign can't
    /// explain it, and it is not about a campaign that fails again and again.
    #[test]
    fn a_pause_that_kore_asked_for_is_read_back() {
        let own = |reason, failures| {
            let next = json!({"nextAttemptAt": at(900), "failures": failures});
            past([deleted(reason, &next)].iter()).pauses.first().map(|pause| (pause.until, pause.own))
        };
        assert_eq!(own("Throttled", 2), Some((at(900), SignedDuration::ZERO)));
        assert_eq!(own("ServiceUnavailable", 1), Some((at(900), SignedDuration::from_secs(2))));
        assert_eq!(own("ServiceUnavailable", 2), None);
        assert_eq!((own("WaitingForQuota", 1), own("CredentialsRejected", 1)), (None, None));
    }

    /// All calls that statuses know of count; a listing that many name, once.
    #[test]
    fn looks_and_listings_count_as_calls() {
        let listing = json!({"begunAt": at(-6), "endedAt": at(-5), "campaigns": 1, "suddenlyEmpty": false});
        let proof = json!({"identity": "i", "answeredAt": at(-20), "silentGets": 3, "silentAt": at(-10),
            "firstListing": listing});
        let record = json!({"lastAttemptAt": at(-30), "proof": proof});
        let seen = json!({"lastAttemptAt": at(-40), "seenAt": at(-8)});
        let objects = [
            deleted("AwaitingProof", &record),
            deleted("AwaitingProof", &record),
            deleted("RefusedByService", &seen),
            // Nobody knows whether its DELETE was sent.
            deleted("Deleting", &json!({"attempts": 0})),
        ];
        let Past { mut calls, under_way, .. } = past(objects.iter());
        calls.sort();
        assert_eq!(under_way, 1);
        assert_eq!(calls, [-33, -23, -23, -8, -5, -3, -3].map(at));
    }

    /// The latest time at which something happened shows whether the clock that wrote it was ahead. A time to
    /// come shows nothing.
    #[test]
    fn the_latest_that_happened_is_read_back() {
        let latest = |record: &Value| past([deleted("AwaitingProof", record)].iter()).latest;
        assert_eq!(latest(&json!({"nextAttemptAt": at(400)})), Some(at(-90)), "that of the condition");
        let listing = json!({"begunAt": at(-6), "endedAt": at(-5), "campaigns": 1});
        let proof = json!({"identity": "i", "answeredAt": at(-20), "firstListing": listing});
        for record in [
            json!({"lastAttemptAt": at(-5)}),
            json!({"heldSince": at(-5)}),
            json!({"seenAt": at(-5), "lastAttemptAt": at(-7)}),
            json!({"proof": proof}),
        ] {
            assert_eq!(latest(&record), Some(at(-5)), "{record}");
        }
    }

    /// Since when the credentials of a connection were refused, and when somebody was to probe them.
    #[test]
    fn refused_credentials_are_read_back() {
        let held = |since: i64| json!({"heldSince": at(since)});
        let next = json!({"heldSince": at(-50), "nextAttemptAt": at(7)});
        let objects = [
            deleted("CredentialsRejected", &held(-60)),
            deleted("CredentialsRejected", &next),
            deleted("CredentialsRejected", &json!({})),
        ];
        let past = past(objects.iter());
        let refusal = Refusal { since: at(-60), probe: Some(at(7)) };
        assert_eq!(past.refusals.into_iter().collect::<Vec<_>>(), [("n/production".to_owned(), refusal)]);
        assert_eq!((past.outage, past.unproven.len()), (None, 0));
    }

    /// An outage is one of the account where the credentials are known to have worked, and otherwise one of
    /// the connection; with whom it held that had not failed for a reason of its own.
    #[test]
    fn an_outage_is_of_those_of_whom_it_was_said() {
        let of = |connection: &str, uid: &str, seen_as: Option<&str>, record: &Value| {
            let mut object = deleted("AccountUnavailable", record);
            object.spec.connection_ref.name = connection.to_owned();
            object.metadata.uid = Some(uid.to_owned());
            let status = object.status.as_mut().unwrap();
            status.seen_as = seen_as.map(str::to_owned);
            status.deletion.as_mut().unwrap().uid = uid.to_owned();
            object
        };
        let held = |since: i64| json!({"heldSince": at(since)});
        let objects = [
            of("production", "a", None, &json!({"heldSince": at(-60), "nextAttemptAt": at(9)})),
            of("production", "b", Some("identity"), &held(-70)),
            of("production", "c", None, &json!({"heldSince": at(-60), "failures": 1})),
            of("dev", "d", None, &json!({"heldSince": at(-900), "nextAttemptAt": at(3)})),
            of("staging", "e", Some("identity"), &json!({"heldSince": at(-50), "nextAttemptAt": at(7)})),
        ];
        let past = past(objects.iter());
        let outage = |since, probe, held: &[&str]| {
            let held = held.iter().map(|held| Outage::new(at(since), probe, Some((*held).to_owned())));
            held.reduce(Outage::join).unwrap()
        };
        assert_eq!(past.outage, Some(outage(-70, Some(at(7)), &["a", "b", "e"])));
        let unproven = [("n/dev".to_owned(), outage(-900, Some(at(3)), &["d"]))];
        assert_eq!(past.unproven.into_iter().collect::<Vec<_>>(), unproven);
    }

    /// What a schema allows, with these times.
    fn filled(schema: &Value, time: &str) -> Value {
        let of = |field: &str| schema[field].as_str().unwrap_or_default();
        match (of("type"), of("format")) {
            ("object", _) => {
                let fields = schema["properties"].as_object().into_iter().flatten();
                fields.map(|(name, field)| (name.clone(), filled(field, time))).collect()
            }
            ("array", _) => json!([filled(&schema["items"], time)]),
            ("string", "date-time") => json!(time),
            ("string", _) => schema["enum"].get(0).cloned().unwrap_or_else(|| json!("u")),
            ("boolean", _) => json!(false),
            _ => json!(7),
        }
    }

    /// An impossible time in any field of a status ends neither the process nor a deletion.
    #[test]
    fn the_ends_of_time_can_be_reckoned_with() {
        let now = at(0);
        let of_kinds = api::crds().map(|crd| {
            let schema = serde_json::to_value(&crd.spec.versions[0].schema).unwrap();
            schema["openAPIV3Schema"]["properties"]["status"].clone()
        });
        for time in [Timestamp::MIN, Timestamp::MAX] {
            let written = time.to_string();
            let [connection, campaign] = of_kinds.each_ref().map(|schema| filled(schema, &written));
            assert!(campaign.to_string().matches(&written).count() > 15, "{campaign}");
            let read: KoreConnectionStatus = serde_json::from_value(connection).unwrap();
            assert!(read.streams.iter().all(|stream| stream.others_seen_at.0 != time));
            for reason in Reason::all() {
                let mut object = deleted(reason.as_str(), &json!({}));
                let ready = object.status.take().unwrap().conditions;
                let status: VoiceCampaignStatus = serde_json::from_value(campaign.clone()).unwrap();
                // The conditions are the API server's type; nothing is added to their times.
                object.status = Some(VoiceCampaignStatus { conditions: ready, ..status });
                let left = serde_json::to_string(&object.status).unwrap();
                assert!(!left.contains(&written), "{left}");
                let deletion = object.status.as_mut().and_then(|status| status.deletion.as_mut()).unwrap();
                deletion.requested_at = object.metadata.deletion_timestamp.clone().unwrap();
                let record = object.deletion().unwrap();
                assert!(!proof::is_plausible(record.proof.as_ref().unwrap(), now) || time < now);
                let past = past([&object].into_iter());
                let mut clock = AccountClock::cautious();
                clock.inherit(&past, now, 60);
                past.unproven.values().for_each(|outage| clock.inherit_outage(outage, now));
                past.refusals.values().for_each(|refusal| clock.inherit_refusal(*refusal, now));
                for place in [place(&object), place_of_read(&object, now)] {
                    past.promised
                        .iter()
                        .for_each(|promised| clock.recall(&record.uid, place, *promised, now));
                    clock.ask(&record.uid, place, now, 60);
                }
            }
        }
    }
}
