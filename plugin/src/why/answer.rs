//! The answer to "why": what holds a resource, what happens next, and what would change that. Pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use schemars::JsonSchema;
use serde::Serialize;
use voicecampaign_operator::api::{DeletionStatus, LastAnswer, Reason, VoiceCampaign};

use super::advice::{self, Subject};
use super::facts::{Facts, Readable};
use super::operator;
use super::todo::Todo;
use crate::output::bold_if;
use crate::seen::{self, PATIENCE, Phase, Seen};
use crate::words::{at, plain};

/// What `why --output json` prints.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    /// The resource, as `namespace/name`.
    pub resource: String,
    /// What is asked of it, and since when.
    pub state: String,
    /// What holds it; the reason first.
    pub holds: Vec<String>,
    /// The last answers of Kore.
    pub answers: Vec<String>,
    /// What happens next.
    pub next: String,
    /// What would change that.
    pub todo: Vec<Todo>,
    /// What can't be read with the rights of the user.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<String>,
    /// The resource, as it is now.
    pub seen: Seen,
}

/// The answer.
pub fn of(facts: &Facts) -> Why {
    let seen = Seen::of(&facts.object);
    let object = facts.object.0.as_ref().ok();
    let advice = advice::of(&seen, &Subject::new(&seen, facts), object, facts.object.meta());
    let mut why = Why {
        resource: seen.key(),
        state: state(&seen, object, facts.now),
        holds: holds(&seen, object, facts.object.meta()),
        answers: object.map(|object| answers(object, facts.now)).unwrap_or_default(),
        next: advice.next,
        todo: advice.todo,
        unseen: Vec::new(),
        seen,
    };
    if let Readable::Not(said) = &facts.connection {
        why.unseen.push(format!("the KoreConnection: {said}"));
    }
    why.unseen.extend(facts.other_operators.as_ref().map(|said| format!("other operators: {said}")));
    let trouble = match is_silent(&why.seen, object, facts) {
        true => Some(operator::trouble(facts)),
        false if concerns_the_operator(&why.seen) && !is_attended(object, facts.now) => {
            operator::known_trouble(facts)
        }
        false => None,
    };
    if trouble.is_none() && concerns_the_operator(&why.seen) && !is_attended(object, facts.now) {
        why.unseen.extend(operator::unseen(facts));
    }
    if let Some((said, todo)) = trouble {
        why.holds.splice(..0, said);
        why.next = "Nothing, until an operator works for the resource.".to_owned();
        why.todo = todo
            .into_iter()
            .chain(advice::console(why.seen.phase.is_deletion() && why.seen.deletes()))
            .collect();
    } else if object.is_some_and(|object| !seen::is_answered(object)) {
        why.holds.push("The operator has not taken note of the last change of the resource yet.".to_owned());
    }
    why
}

/// Whether the resource waits for the operator, and not only for others.
fn concerns_the_operator(seen: &Seen) -> bool {
    seen.kept || !seen.phase.is_deletion()
}

/// Whether an operator has just called Kore for it: it may run where its Deployment says nothing of it.
fn is_attended(object: Option<&VoiceCampaign>, now: Timestamp) -> bool {
    let deletion = object.and_then(VoiceCampaign::deletion);
    let called_at = deletion.and_then(|deletion| deletion.last_attempt_at.as_ref());
    called_at.is_some_and(|called_at| now.duration_since(called_at.0) <= PATIENCE)
}

/// Whether an operator should have said something by now.
fn is_silent(seen: &Seen, object: Option<&VoiceCampaign>, facts: &Facts) -> bool {
    let ago = |time: Timestamp| facts.now.duration_since(time) > PATIENCE;
    let created = facts.object.meta().creation_timestamp.as_ref().map(|time| time.0);
    // It has said what keeps it; or nobody put its finalizer on, and it has nothing to do with the deletion.
    if object.and_then(seen::obstructed).is_some() || seen.phase.is_deletion() && !seen.kept {
        return false;
    }
    match seen.phase {
        Phase::Unanswered | Phase::Continuing => seen.is_overdue(facts.now),
        Phase::New => created.is_some_and(ago),
        Phase::Ending => {
            let ended =
                object.and_then(VoiceCampaign::deletion).and_then(|deletion| deletion.confirmed_at.as_ref());
            ended.is_some_and(|ended| ago(ended.0))
        }
        Phase::Stalled | Phase::Living => seen.is_overdue(facts.now),
        Phase::Held => {
            let unanswered = object.is_some_and(|object| !seen::is_answered(object));
            unanswered && seen.requested_at().is_some_and(ago)
        }
    }
}

fn state(seen: &Seen, object: Option<&VoiceCampaign>, now: Timestamp) -> String {
    let campaign = match (&seen.campaign_name, &seen.campaign_id) {
        (Some(name), Some(id)) => format!("the campaign \"{name}\" ({id})"),
        (None, Some(id)) => format!("the campaign {id}"),
        (_, None) => "its campaign".to_owned(),
    };
    let state = seen
        .state
        .as_deref()
        .map(|state| format!(", which Kore last returned as {state}"))
        .unwrap_or_default();
    match seen.requested_at() {
        Some(requested)
            if seen.deletion_policy.as_deref() == Some("Orphan")
                && (seen.has_sent_a_delete() || seen.announces_a_delete()) =>
        {
            let sent = if seen.has_sent_a_delete() { "was sent" } else { "may be on its way" };
            format!(
                "Being deleted since {}. Its policy is Orphan, but a DELETE {sent} for {campaign}{state}.",
                at(requested, now)
            )
        }
        Some(requested) if seen.deletion_policy.as_deref() == Some("Orphan") => {
            format!(
                "Being deleted since {}. Its policy is Orphan: it leaves {campaign} in Kore{state}.",
                at(requested, now)
            )
        }
        Some(requested) => {
            format!("Being deleted since {}, and with it {campaign}{state}.", at(requested, now))
        }
        None => format!("Stands for {campaign}{state}. Nobody has asked to delete it."),
    }
    .chars()
    .chain(
        object.filter(|object| object.spec.suspend).map(|_| " It is suspended.").unwrap_or_default().chars(),
    )
    .collect()
}

fn holds(seen: &Seen, object: Option<&VoiceCampaign>, metadata: &ObjectMeta) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(obstacle) = object.and_then(seen::obstructed) {
        said.push(format!("{}: {}", obstacle.type_, seen::said_by(&obstacle)));
    }
    if let Some(ready) = object.and_then(seen::said) {
        said.push(format!("{}: {}", ready.reason, seen::said_by(ready)));
    } else if let (Some(reason), Some(message)) = (&seen.reason, &seen.message) {
        said.push(format!("{reason}: {message}"));
    }
    if let Some(shared) = object.and_then(|object| seen::holds(object, "Shared"))
        && seen.reason.as_deref() != Some(Reason::CampaignShared.as_str())
    {
        said.push(format!("Shared: {}", seen::said_by(shared)));
    }
    if !seen.kept && matches!(seen.phase, Phase::Stalled | Phase::Living) {
        said.push(
            "The operator's finalizer is not on it: if it is deleted, nobody deletes its campaign."
                .to_owned(),
        );
    }
    let others: Vec<_> = seen::foreign_finalizers(metadata).collect();
    if seen.phase.is_deletion() && !others.is_empty() {
        said.push(format!("Finalizers of others are on it, too: {}.", others.join(", ")));
    }
    said
}

/// The last answers of Kore, the newest first.
fn answers(object: &VoiceCampaign, now: Timestamp) -> Vec<String> {
    let Some(deletion) = object.deletion() else { return Vec::new() };
    let DeletionStatus { attempts, last_attempt_at, last_answer, proof, .. } = deletion;
    let mut answers = Vec::new();
    if let (Some(answer), 1..) = (last_answer, *attempts) {
        let when =
            last_attempt_at.as_ref().map(|time| format!(", sent at {}", at(time.0, now))).unwrap_or_default();
        answers.push(format!("to DELETE number {attempts}{when}: {}", quoted(answer)));
    }
    let read = proof.as_ref().and_then(|proof| proof.last_failure.as_ref());
    answers.extend(read.map(|answer| format!("to the last read: {}", quoted(answer))));
    answers
}

fn quoted(answer: &LastAnswer) -> String {
    let LastAnswer { http_status, status, message, reason } = answer;
    let http_status = http_status.map(|code| format!("HTTP {code}"));
    let status = status.as_deref().map(|status| format!("status {status}"));
    let message = Some(plain(message)).filter(|message| !message.is_empty());
    let parts: Vec<_> = http_status.into_iter().chain(status).chain(message).collect();
    format!("{} ({reason})", parts.join(", "))
}

impl Why {
    /// For a terminal.
    pub fn text(&self) -> String {
        let mut lines =
            vec![bold_if(&format!("VoiceCampaign {}", self.resource)), format!("  {}", self.state)];
        let mut section = |title: &str, entries: Vec<String>| {
            if !entries.is_empty() {
                lines.push(String::new());
                lines.push(bold_if(title));
                lines.extend(entries.into_iter().map(|entry| format!("  {entry}")));
            }
        };
        let holds = if self.seen.phase.is_deletion() { "What holds it" } else { "What the operator says" };
        section(holds, self.holds.clone());
        section("Kore's last answers", self.answers.clone());
        section("What happens next", vec![self.next.clone()]);
        section("What you can do", self.todo.iter().flat_map(Todo::lines).collect());
        section("What can't be read from here", self.unseen.clone());
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use voicecampaign_operator::kube_ext::obstacle::OBSTRUCTED_BY;
    use voicecampaign_operator::kube_ext::{Dated, Deployed, Election, Leader, Pods};

    use super::super::facts::Operator;
    use super::*;
    use crate::sample::{add, at as time, condition, deleting, living};

    fn facts(object: Dated<VoiceCampaign>) -> Facts {
        let connection = json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
            "metadata": {"name": "production", "namespace": "team-a"},
            "spec": {"host": "https://kore", "accountId": "a-1", "credentialsSecretRef": {"name": "kore-jwt-app"}}});
        Facts {
            object,
            connection: Readable::Read(Some(serde_json::from_value(connection).unwrap())),
            operators: Readable::Read(vec![running()]),
            other_operators: None,
            options: String::new(),
            now: time(0),
        }
    }

    fn running() -> Operator {
        Operator {
            deployed: Deployed {
                namespace: "voicecampaign-system".to_owned(),
                name: "voicecampaign-operator".to_owned(),
                release: Some("voicecampaign-operator".to_owned()),
                service_account: "voicecampaign-operator".to_owned(),
                pods: Pods { wanted: 1, ready: 1, updated: Some(1), is_stuck: false },
                watches: Some(Vec::new()),
                selected: Some("".parse().unwrap()),
                lease: Election::Lease("voicecampaign-operator".to_owned()),
                role_binding: None,
            },
            lease: Some(Readable::Read(Some(Leader {
                holder: Some("pod-1".to_owned()),
                renewed_at: Some(time(-3)),
            }))),
            may_list: Readable::Read(true),
        }
    }

    fn changed(change: impl FnOnce(&mut Deployed)) -> Operator {
        let mut operator = running();
        change(&mut operator.deployed);
        operator
    }

    fn unanswered(object: &mut Value) {
        object["status"]["observedGeneration"] = json!(1);
        object["status"].as_object_mut().unwrap().remove("deletion");
    }

    #[test]
    fn a_refusal_is_explained_whole() {
        let why = of(&facts(deleting("winback", "RefusedByService", |object| {
            object["status"]["deletion"] = json!({"uid": "uid-winback", "requestedAt": time(-60), "attempts": 4,
                "failures": 4, "lastAttemptAt": time(-120), "nextAttemptAt": time(90),
                "lastAnswer": {"httpStatus": 409, "status": "error", "message": "Campaign is \u{1b}[31mrunning",
                    "reason": "RefusedByService"}});
        })));
        let text = "\
VoiceCampaign team-a/winback
  Being deleted since 2027-01-15T07:59:00Z (60s ago), and with it the campaign \"Campaign winback\" (cd-winback), which Kore last returned as Active.

What holds it
  RefusedByService: What RefusedByService means.

Kore's last answers
  to DELETE number 4, sent at 2027-01-15T07:58:00Z (2m ago): HTTP 409, status error, Campaign is  [31mrunning (RefusedByService)

What happens next
  The operator tries again at 2027-01-15T08:01:30Z (in 90s).

What you can do
  - Follow Kore's answer: a campaign that is running has to be stopped first, in Kore's console.
  - To remove the resource and leave the campaign in Kore, where it may go on calling people:
      kubectl vcamp orphan winback -n team-a
  - If the calls must stop now, stop the campaign in Kore's console; if you delete it there, the deletion ends as Absent.";
        assert_eq!(why.text(), text);
    }

    /// Every reason says what happens next; what needs a person says what to do.
    #[test]
    fn no_reason_leaves_its_reader_alone() {
        for reason in Reason::all() {
            for object in [
                deleting("a", reason.as_str(), |_| {}),
                living("a", |object| object["status"]["conditions"][0]["reason"] = json!(reason.as_str())),
            ] {
                let why = of(&facts(object));
                assert!(why.next.ends_with('.'), "{reason:?}: {}", why.next);
                assert!(!reason.needs_a_person() || !why.todo.is_empty(), "{reason:?}");
                for Todo { what, command } in &why.todo {
                    assert!(!what.ends_with(['.', ':']), "{what}");
                    assert!(
                        command.as_ref().is_none_or(|command| command.starts_with("kubectl ")),
                        "{command:?}"
                    );
                }
                assert!(why.holds[0].starts_with(reason.as_str()), "{:?}", why.holds);
            }
        }
    }

    #[test]
    fn without_an_operator_the_cause_is_the_operator() {
        let cause = |operators: Readable<Vec<Operator>>| {
            let why = of(&Facts { operators, ..facts(deleting("a", "CampaignFound", unanswered)) });
            assert_eq!(why.next, "Nothing, until an operator works for the resource.");
            assert!(!why.todo.is_empty());
            why.holds[0].clone()
        };
        let one = |change: &dyn Fn(&mut Operator)| {
            let mut operator = running();
            change(&mut operator);
            cause(Readable::Read(vec![operator]))
        };
        let said = cause(Readable::Not("you lack a right".to_owned()));
        assert!(said.contains("can't be seen from here: you lack a right"), "{said}");
        assert!(cause(Readable::Read(Vec::new())).contains("No Deployment of the cluster runs an operator"));
        assert!(
            one(&|operator| operator.deployed.pods.ready = 0).contains("is not ready: none of its Pods is")
        );
        let scaled = one(&|operator| {
            operator.deployed.pods.ready = 0;
            operator.deployed.pods.wanted = 0;
        });
        assert!(scaled.contains("scaled to 0"), "{scaled}");
        assert!(
            one(&|operator| operator.deployed.watches = Some(vec!["team-b".to_owned()]))
                .contains("does not watch the namespace team-a")
        );
        assert!(
            one(&|operator| operator.deployed.selected = "shard=b".parse().ok())
                .contains("does not select the resource")
        );
        let lease = |holder: Option<&str>, renewed: i64| {
            let (holder, renewed_at) = (holder.map(str::to_owned), Some(time(renewed)));
            Some(Readable::Read(Some(Leader { holder, renewed_at })))
        };
        assert!(one(&|operator| operator.lease = lease(None, -3)).contains("nobody holds the Lease"));
        assert!(
            one(&|operator| operator.lease = lease(Some("pod-1"), -45))
                .contains("has not renewed it for 45s")
        );
        assert!(one(&|operator| operator.lease = Some(Readable::Read(None))).contains("there is no Lease"));
        assert!(
            one(&|operator| operator.may_list = Readable::Read(false))
                .contains("may not list VoiceCampaigns")
        );
        assert!(one(&|_| {}).contains("should act on the resource"));
    }

    /// Of several operators, the one that is nearest to acting is named.
    #[test]
    fn an_operator_of_others_is_no_cause() {
        let other = changed(|other| {
            (other.watches, other.name) = (Some(vec!["team-b".to_owned()]), "other".to_owned())
        });
        let down = changed(|down| down.pods.ready = 0);
        let operators = Readable::Read(vec![other, down]);
        let why = of(&Facts { operators, ..facts(deleting("a", "CampaignFound", unanswered)) });
        assert!(why.holds[0].contains("is not ready: none of its Pods is"), "{:?}", why.holds);
        assert!(!why.holds.iter().any(|said| said.contains("other")), "{:?}", why.holds);
    }

    /// Whatever the status says, nothing happens without an operator.
    #[test]
    fn an_operator_that_is_known_to_be_down_comes_first() {
        let down = changed(|down| down.pods.ready = 0);
        let of_others = changed(|others| others.watches = Some(vec!["team-b".to_owned()]));
        for object in [deleting("a", "AccountUnavailable", |_| {}), living("a", |_| {})] {
            let with =
                |operators| of(&Facts { operators: Readable::Read(operators), ..facts(object.clone()) });
            assert!(with(vec![down.clone()]).holds[0].contains("is not ready"));
            assert!(!with(vec![down.clone(), running()]).holds[0].contains("is not ready"));
            // One that is for others says nothing: another may run outside of the cluster.
            assert!(!with(vec![of_others.clone()]).holds[0].contains("does not watch"));
        }
        // Somebody works for it, wherever.
        let attended = deleting("a", "RefusedByService", |object| {
            object["status"]["deletion"]["lastAttemptAt"] = json!(time(-7));
        });
        let why = of(&Facts { operators: Readable::Read(vec![down.clone()]), ..facts(attended) });
        assert!(!why.holds[0].contains("is not ready"), "{:?}", why.holds);
        // Another one may, where the user could not look.
        let (operators, other_operators) =
            (Readable::Read(vec![down]), Some("only some were read".to_owned()));
        let why =
            of(&Facts { operators, other_operators, ..facts(deleting("a", "AccountUnavailable", |_| {})) });
        assert!(!why.holds[0].contains("is not ready"), "{:?}", why.holds);
        assert_eq!(why.unseen, ["other operators: only some were read"]);
    }

    #[test]
    fn what_can_not_be_seen_of_operators_is_said() {
        let unavailable = || deleting("a", "AccountUnavailable", |_| {});
        let why = of(&Facts { operators: Readable::Not("forbidden".to_owned()), ..facts(unavailable()) });
        assert_eq!(why.unseen, ["whether an operator runs: forbidden"]);
        let why = of(&Facts { operators: Readable::Read(Vec::new()), ..facts(unavailable()) });
        assert!(why.unseen[0].contains("no Deployment of the cluster runs one"), "{:?}", why.unseen);
        assert!(of(&facts(unavailable())).unseen.is_empty());
    }

    /// Whatever its status says: it is of an operator that worked for it once.
    #[test]
    fn a_living_resource_without_the_finalizer_is_not_well() {
        let why = of(&facts(living("a", |object| object["metadata"]["finalizers"] = json!([]))));
        assert!(why.holds.iter().any(|said| said.contains("finalizer is not on it")), "{:?}", why.holds);
        assert!(why.next.contains("until an operator works"), "{}", why.next);
    }

    /// The commands lead to the cluster that was asked about.
    #[test]
    fn a_command_names_the_context() {
        let object =
            deleting("a", "Suspended", |object| add(object, condition("Stalled", "True", "Suspended", "m")));
        let why = of(&Facts { options: " --context=prod".to_owned(), ..facts(object) });
        let commands: Vec<_> = why.todo.iter().filter_map(|todo| todo.command.as_deref()).collect();
        assert_eq!(commands[0], "kubectl vcamp resume a -n team-a --context=prod");
        assert!(commands.iter().all(|command| command.ends_with(" --context=prod")), "{commands:?}");
        let of_others = changed(|others| others.watches = Some(vec!["team-b".to_owned()]));
        let silent = facts(deleting("a", "CampaignFound", unanswered));
        let (operators, options) = (Readable::Read(vec![of_others]), " --context=prod".to_owned());
        let why = of(&Facts { operators, options, ..silent });
        let command = why.todo[0].command.as_deref().unwrap();
        assert!(command.starts_with("helm ") && command.ends_with(" --kube-context=prod"), "{command}");
    }

    #[test]
    fn a_moment_of_silence_is_no_silence() {
        let just = |object: &mut Value| {
            unanswered(object);
            object["metadata"]["deletionTimestamp"] = json!(time(-5));
        };
        let why = of(&facts(deleting("a", "CampaignFound", just)));
        assert!(why.next.contains("about to begin the deletion"), "{}", why.next);
        // The operator has not said yet that it sends no DELETE.
        for (spec, next) in
            [("deletionPolicy", "stays in Kore"), ("suspend", "Nothing, until `spec.suspend`")]
        {
            let why = of(&facts(deleting("a", "CampaignFound", |object| {
                just(object);
                object["spec"][spec] = if spec == "suspend" { json!(true) } else { json!("Orphan") };
            })));
            assert!(why.next.contains(next), "{}", why.next);
        }
        let overdue = |object: &mut Value| object["status"]["deletion"]["nextAttemptAt"] = json!(time(-120));
        let why = of(&facts(deleting("a", "ServiceUnavailable", overdue)));
        assert!(why.holds[0].contains("should act on the resource"), "{:?}", why.holds);
    }

    #[test]
    fn a_finalizer_of_others_is_named() {
        let foreign = |object: &mut Value| {
            object["status"]["deletion"]["outcome"] = json!("Deleted");
            object["metadata"]["finalizers"] = json!(["example.com/hold"]);
        };
        let why = of(&facts(deleting("a", "Deleted", foreign)));
        assert!(why.next.contains("finalizers of others are removed"), "{}", why.next);
        let forced = |object: &mut Value| object["metadata"]["finalizers"] = json!(["example.com/hold"]);
        let nobodys = of(&facts(deleting("a", "ServiceUnavailable", forced)));
        assert!(nobodys.next.contains("Nobody deletes the campaign"), "{}", nobodys.next);
        assert!(nobodys.todo[0].what.contains("cd-a"), "{:?}", nobodys.todo);
        assert!(why.todo[0].what.contains("example.com/hold"), "{:?}", why.todo);
        // The operator does nothing for it, whether it fits its schema or not.
        let misfit = |object: &mut Value| {
            forced(object);
            object["spec"]["campaignId"] = json!(7);
        };
        let nobodys = of(&facts(deleting("a", "ServiceUnavailable", misfit)));
        assert!(nobodys.next.contains("Nobody deletes the campaign"), "{}", nobodys.next);
        assert!(nobodys.holds.iter().any(|said| said.contains("example.com/hold")), "{:?}", nobodys.holds);
        let obstructed =
            |object: &mut Value| add(object, condition("Obstructed", "True", "ApiServerError", "denied"));
        let why = of(&facts(deleting("a", "Deleted", obstructed)));
        assert!(why.holds[0].starts_with("Obstructed: denied"), "{:?}", why.holds);
        assert!(why.todo[0].what.contains("a policy of the cluster"), "{:?}", why.todo);
        // Where the status can't say it, an annotation does.
        let annotated = |object: &mut Value| {
            object["metadata"]["annotations"] = json!({OBSTRUCTED_BY: "Suspended: it waits."});
        };
        let why = of(&facts(deleting("a", "ServiceUnavailable", annotated)));
        assert_eq!(why.holds[0], "Obstructed: Suspended: it waits.");
    }

    /// What is to stay in Kore is not to be deleted there by hand.
    #[test]
    fn nobody_is_told_to_delete_what_stays() {
        let orphan = |object: &mut Value| {
            object["metadata"]["finalizers"] = json!(["example.com/hold"]);
            object["spec"]["deletionPolicy"] = json!("Orphan");
        };
        let why = of(&facts(deleting("a", "ServiceUnavailable", orphan)));
        assert!(why.next.contains("stays in Kore") && why.todo.len() == 1, "{} {:?}", why.next, why.todo);
        let shared = |object: &mut Value| {
            object["metadata"]["finalizers"] = json!(["example.com/hold"]);
            add(object, condition("Shared", "True", "CampaignShared", "team-b/a names it, too."));
        };
        let why = of(&facts(deleting("a", "ServiceUnavailable", shared)));
        assert!(why.todo[0].what.contains("unless another resource keeps it (team-b/a"), "{:?}", why.todo);
    }
}
