//! What keeps the operators from a resource. Pure.

use jiff::Timestamp;
use kube::Resource;
use voicecampaign_operator::kube_ext::{Deployed, Leader};

use super::facts::{Facts, Operator, Readable};
use super::todo::Todo;
use crate::words::long;

/// What keeps one operator from a resource.
struct Found {
    /// How near the operator is to acting on the resource; 0 is nearest.
    rank: u8,
    said: String,
    todo: Todo,
}

/// The rank of an operator that watches and selects the resource.
const COVERS: u8 = 1;
/// The rank of one that nothing is known to keep from acting.
const SHOULD_ACT: u8 = 0;

/// What keeps the operators from a resource that none acts on, and what to do about it.
pub fn trouble(facts: &Facts) -> (Vec<String>, Vec<Todo>) {
    let (said, todo) = match &facts.operators {
        Readable::Not(why) => (
            format!("Whether an operator runs can't be seen from here: {why}."),
            Todo::says(
                "Ask whoever runs the operator to run this command, too, or to look whether it runs",
                &format!(
                    "kubectl get deployments -A -l app.kubernetes.io/part-of=voicecampaign-operator{}",
                    facts.options
                ),
            ),
        ),
        Readable::Read(operators) if operators.is_empty() => (
            "No Deployment of the cluster runs an operator.".to_owned(),
            Todo::only(
                "Install the operator (docs/install.md); if it runs outside of the cluster, look there",
            ),
        ),
        Readable::Read(operators) => {
            let found: Vec<_> = operators.iter().map(|operator| of_one(operator, facts)).collect();
            // One that would act on the resource, and can't, says more than others that would not.
            let best = found.iter().map(|found| found.rank).min();
            let told = found.into_iter().filter(|found| Some(found.rank) == best);
            return told.map(|found| (found.said, found.todo)).unzip();
        }
    };
    (vec![said], vec![todo])
}

/// What keeps all operators that watch and select the resource, if something is known to: whatever its status
/// says, nothing happens then.
pub fn known_trouble(facts: &Facts) -> Option<(Vec<String>, Vec<Todo>)> {
    // Another one may work for it.
    let operators = facts.operators.read().filter(|_| facts.other_operators.is_none())?;
    let found: Vec<_> = operators.iter().map(|operator| of_one(operator, facts)).collect();
    let best = found.iter().map(|found| found.rank).min()?;
    (best == COVERS).then(|| trouble(facts))
}

/// What can't be seen of the operators, if nothing can.
pub fn unseen(facts: &Facts) -> Option<String> {
    match &facts.operators {
        Readable::Not(why) => Some(format!("whether an operator runs: {why}")),
        Readable::Read(operators) if operators.is_empty() => Some(
            "whether an operator runs: no Deployment of the cluster runs one, and one outside of it can't be seen".to_owned(),
        ),
        Readable::Read(_) => None,
    }
}

fn of_one(operator: &Operator, facts: &Facts) -> Found {
    let Deployed { namespace: own, name, release, watches, selected, .. } = &operator.deployed;
    let metadata = facts.object.meta();
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    if let Some(watches) = watches.as_ref().filter(|_| !operator.deployed.watches(namespace)) {
        let watches = watches.join(", ");
        let values = match release {
            Some(release) => {
                format!(
                    "helm get values -n {own} {release}{}",
                    facts.options.replace("--context=", "--kube-context=")
                )
            }
            None => format!("kubectl get deployment -n {own} {name} -o yaml{}", facts.options),
        };
        return Found {
            rank: 3,
            said: format!(
                "{} does not watch the namespace {namespace}; it watches {watches}.",
                who(operator)
            ),
            todo: Todo::says("Add the namespace to those that it watches (watchNamespaces)", &values),
        };
    }
    if let Some(selected) = selected.as_ref().filter(|selected| !selected.selects(&facts.object)) {
        let name = metadata.name.as_deref().unwrap_or_default();
        let labels = format!("kubectl get vcamp -n {namespace} {name} --show-labels");
        return Found {
            rank: 2,
            said: format!("{} does not select the resource: its selector is `{selected}`.", who(operator)),
            todo: todo(
                facts,
                "Give the resource, and its KoreConnection, the labels of that selector",
                &labels,
            ),
        };
    }
    of_covering(operator, facts, namespace)
}

/// What keeps an operator that watches and selects the resource.
fn of_covering(operator: &Operator, facts: &Facts, namespace: &str) -> Found {
    let Operator { deployed, lease, may_list } = operator;
    let Deployed { namespace: own, name, pods, watches, .. } = deployed;
    let who = who(operator);
    let logs = format!("kubectl logs -n {own} deployment/{name}");
    let found = |rank, said: String, what: &str, command: &str| Found {
        rank,
        said,
        todo: todo(facts, what, command),
    };
    if *may_list == Readable::Read(false) {
        let place = match watches.iter().flatten().next() {
            None => "all namespaces".to_owned(),
            Some(_) => format!("the namespace {namespace}"),
        };
        let said = format!("{who} may not list VoiceCampaigns in {place}.");
        return found(
            COVERS,
            said,
            "Give it its roles again (docs/troubleshooting.md); its log names what it lacks",
            &logs,
        );
    }
    if pods.wanted == 0 {
        let scale = format!("kubectl scale -n {own} deployment/{name} --replicas=1");
        let said = format!("{who} does not run: its Deployment is scaled to 0.");
        let what = "Somebody may have stopped it on purpose: once it runs, the campaigns of what is being deleted are deleted in Kore, \
                    unless you set the resources to Orphan before. To start it";
        return found(COVERS, said, what, &scale);
    }
    if pods.ready == 0 {
        return found(COVERS, format!("{who} is not ready: none of its Pods is."), "Look why", &logs);
    }
    if let Some(Readable::Read(leader)) = lease
        && let Some(said) = no_leader(leader.as_ref(), facts.now)
    {
        let said = format!("{who} runs, and no instance of it works: {said}.");
        return found(COVERS, said, "Its log says why", &logs);
    }
    let unseen = match (lease, may_list) {
        (Some(Readable::Not(_)), _) => " Whether an instance of it leads can't be seen from here.",
        (_, Readable::Not(_)) => " Whether it may list the resource can't be seen from here.",
        _ => "",
    };
    let said = format!("{who} runs, and should act on the resource.{unseen}");
    found(SHOULD_ACT, said, "Its log says what keeps it", &logs)
}

fn who(operator: &Operator) -> String {
    format!("The operator {}/{}", operator.deployed.namespace, operator.deployed.name)
}

/// Something to do, with a command in the cluster of the facts.
fn todo(facts: &Facts, what: &str, command: &str) -> Todo {
    Todo::says(what, &format!("{command}{}", facts.options))
}

/// Why nobody leads, if nobody does.
fn no_leader(leader: Option<&Leader>, now: Timestamp) -> Option<String> {
    let Some(leader) = leader else { return Some("there is no Lease".to_owned()) };
    let Some(holder) = &leader.holder else { return Some("nobody holds the Lease".to_owned()) };
    let away = leader.away_for(now)?;
    Some(format!("{holder} holds the Lease, and has not renewed it for {}", long(away)))
}
