//! What a VoiceCampaign says of itself: as `voicecampaign-operator check` reads it.

pub use voicecampaign_operator::check::seen::*;

#[cfg(test)]
mod tests {
    use serde_json::json;
    use voicecampaign_operator::api::VoiceCampaign;
    use voicecampaign_operator::kube_ext::Dated;

    use super::*;
    use crate::sample::{add, at, condition, deleting, living};

    #[test]
    fn the_phase_is_what_can_be_expected() {
        let phase = |object: &Dated<VoiceCampaign>| Seen::of(object).phase;
        assert_eq!(phase(&living("a", |_| {})), Phase::Living);
        assert_eq!(phase(&living("a", |object| object["status"] = json!({}))), Phase::New);
        let stalled = |reason: &'static str| {
            move |object: &mut serde_json::Value| add(object, condition("Stalled", "True", reason, "m"))
        };
        assert_eq!(phase(&living("a", stalled("ConnectionNotFound"))), Phase::Stalled);
        assert_eq!(phase(&deleting("a", "ServiceUnavailable", |_| {})), Phase::Continuing);
        assert_eq!(phase(&deleting("a", "Suspended", stalled("Suspended"))), Phase::Held);
        let failing = |object: &mut serde_json::Value| object["status"]["deletion"]["failures"] = json!(3);
        assert_eq!(phase(&deleting("a", "RefusedByService", failing)), Phase::Held);
        let proving = |object: &mut serde_json::Value| {
            failing(object);
            object["status"]["deletion"]["proof"] = json!({"identity": "i", "answeredAt": at(-60)});
        };
        assert_eq!(phase(&deleting("a", "AwaitingProof", proving)), Phase::Continuing);
        let blind = |object: &mut serde_json::Value| {
            proving(object);
            object["status"]["deletion"]["proof"]["failures"] = json!(3);
        };
        assert_eq!(phase(&deleting("a", "AwaitingProof", blind)), Phase::Held);
        let obstructed = |object: &mut _| add(object, condition("Obstructed", "True", "ApiServerError", "m"));
        assert_eq!(phase(&deleting("a", "Deleted", obstructed)), Phase::Held);
        assert_eq!(
            Seen::of(&deleting("a", "Deleted", obstructed)).reason_in_words(),
            "Obstructed: ApiServerError"
        );
        // It may be all that the operator could say of the deletion.
        let at_once = |object: &mut serde_json::Value| {
            object["status"]["observedGeneration"] = json!(1);
            add(object, condition("Obstructed", "True", "ApiServerError", "m"));
            object["status"]["conditions"][1]["observedGeneration"] = json!(2);
        };
        assert_eq!(phase(&deleting("a", "CampaignFound", at_once)), Phase::Held);
        let unanswered = |object: &mut serde_json::Value| {
            object["status"]["observedGeneration"] = json!(1);
            object["status"].as_object_mut().unwrap().remove("deletion");
        };
        assert_eq!(phase(&deleting("a", "CampaignFound", unanswered)), Phase::Unanswered);
        let ended =
            |object: &mut serde_json::Value| object["status"]["deletion"]["outcome"] = json!("Deleted");
        assert_eq!(phase(&deleting("a", "Deleted", ended)), Phase::Ending);
        let foreign = |object: &mut serde_json::Value| {
            ended(object);
            object["metadata"]["finalizers"] = json!(["example.com/hold"]);
        };
        assert_eq!(phase(&deleting("a", "Deleted", foreign)), Phase::Held, "another finalizer holds it");
        let failing = |failures: i32| {
            move |object: &mut serde_json::Value| object["status"]["deletion"]["failures"] = json!(failures)
        };
        assert_eq!(phase(&deleting("a", "RefusedByService", failing(2))), Phase::Continuing);
        assert_eq!(phase(&deleting("a", "RefusedByService", failing(3))), Phase::Held);
        let misfit = living("a", |object| object["spec"]["suspend"] = json!("perhaps"));
        assert_eq!((phase(&misfit), Seen::of(&misfit).reason.as_deref()), (Phase::Stalled, Some("Invalid")));
    }

    /// A record that was restored onto another object says nothing about this one.
    #[test]
    fn the_record_of_another_object_is_ignored() {
        let restored = |object: &mut serde_json::Value| {
            object["status"]["deletion"] =
                json!({"uid": "another", "requestedAt": at(-60), "attempts": 7, "outcome": "Deleted"});
        };
        let earlier = |object: &mut serde_json::Value| {
            object["status"]["deletion"] =
                json!({"uid": "uid-a", "requestedAt": at(-999), "attempts": 7, "outcome": "Deleted"});
        };
        for seen in
            [Seen::of(&deleting("a", "Deleted", restored)), Seen::of(&deleting("a", "Deleted", earlier))]
        {
            assert_eq!((seen.outcome, seen.attempts, seen.phase), (None, None, Phase::Continuing));
        }
    }

    #[test]
    fn an_operator_that_is_silent_for_long_is_missed() {
        let unanswered = |object: &mut serde_json::Value| object["status"] = json!({"observedGeneration": 1});
        let seen = Seen::of(&deleting("a", "CampaignFound", unanswered));
        assert!(!seen.is_overdue(at(-30)) && seen.is_overdue(at(-29)));
        let promised =
            |object: &mut serde_json::Value| object["status"]["deletion"]["nextAttemptAt"] = json!(at(0));
        let seen = Seen::of(&deleting("a", "ServiceUnavailable", promised));
        assert!(!seen.is_overdue(at(60)) && seen.is_overdue(at(61)));
        // The status is not written for each page of a listing.
        let reads = |next: Option<i64>| {
            Seen::of(&deleting("a", "AwaitingProof", |object| {
                object["status"]["deletion"]["proof"] = json!({"identity": "i", "answeredAt": at(-60)});
                object["status"]["deletion"]["nextAttemptAt"] = json!(next.map(at));
            }))
        };
        for (seen, last) in [(reads(Some(0)), 3600), (reads(None), 3540)] {
            assert!(!seen.is_overdue(at(last)) && seen.is_overdue(at(last + 1)));
        }
        // It was killed in the middle of a step.
        let ended =
            |object: &mut serde_json::Value| object["status"]["deletion"]["outcome"] = json!("Deleted");
        for seen in [Seen::of(&deleting("a", "Deleting", |_| {})), Seen::of(&deleting("a", "Deleted", ended))]
        {
            assert!(!seen.is_overdue(at(120)) && seen.is_overdue(at(121)), "{:?}", seen.reason);
        }
    }

    #[test]
    fn a_place_is_by_the_time_of_the_turn_and_by_account() {
        let waiting = |name: &str, next: i64, account: &str| {
            Seen::of(&deleting(name, "WaitingForQuota", |object| {
                object["status"]["deletion"]["nextAttemptAt"] = json!(at(next));
                object["status"]["account"]["accountId"] = json!(account);
            }))
        };
        let all = [waiting("late", 90, "a"), waiting("soon", 30, "a"), waiting("other", 60, "b")];
        let places = places(all.iter());
        let of =
            |name: &str| places.get(format!("uid-{name}").as_str()).map(|place| (place.number, place.of));
        assert_eq!([of("late"), of("soon"), of("other")], [Some((2, 2)), Some((1, 2)), Some((1, 1))]);
    }
}
