//! A table of what each admission policy allows and denies. Each line is a request, which the API server
//! answers as a dry run.

use serde_json::{Value, json};
use testbed::wait;

use crate::release::RELEASE;
use crate::support::*;

/// A line of the table: policy, object before, object after, who asks, field manager, outcome.
#[derive(Clone, Copy, Debug)]
struct Case(&'static str, Before, After, Who, &'static str, Outcome);

/// The object before the request. It has two finalizers, the operator's and another one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Before {
    /// There is no object: the request creates it.
    Absent,
    Living,
    BeingDeleted,
    /// Without the operator's finalizer, but with the other one.
    Unheld,
    /// With this value of the annotation voicecampaign.dev/protect.
    Protect(&'static str),
    ProtectedBeingDeleted,
}

/// The object after the request.
#[derive(Clone, Copy, Debug)]
enum After {
    /// Without the operator's finalizer.
    Stripped,
    /// The same, with the deletionPolicy Orphan.
    StrippedOrphan,
    /// The same, with this value of the annotation voicecampaign.dev/break-glass.
    StrippedReason(&'static str),
    /// Without the other finalizer.
    OtherStripped,
    /// With another label.
    Labelled,
    Deleted,
}

#[derive(Clone, Copy, Debug)]
enum Who {
    /// A user who may edit everything in the namespace.
    Editor,
    /// A cluster administrator.
    Admin,
    Operator,
    /// The namespace controller of Kubernetes.
    Namespaces,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    Allowed,
    /// Denied by the policy of the line.
    Denied,
    /// Allowed, and the policy adds the operator's finalizer.
    Added,
}

// Field managers: two of kubectl, which sends what the user has changed, and one of a client that replaces
// whole objects.
const EDIT: &str = "kubectl-edit";
const PATCH: &str = "kubectl-patch";
const WHOLE: &str = "gitops";
/// A deletion has no field manager.
const NONE: &str = "";

use After::*;
use Before::*;
use Outcome::*;
use Who::*;

#[rustfmt::skip]
const CASES: &[Case] = &[
    //   policy               before                 after                    who         client  outcome
    Case("finalizer",         Absent,                Stripped,                Editor,     WHOLE,  Added),
    Case("finalizer",         Absent,                Stripped,                Admin,      EDIT,   Added),
    Case("finalizer",         Absent,                StrippedOrphan,          Editor,     WHOLE,  Added),
    Case("finalizer",         Absent,                StrippedReason("INC-1"), Editor,     WHOLE,  Added),
    Case("finalizer",         Living,                Stripped,                Editor,     WHOLE,  Added),
    Case("finalizer",         Living,                Stripped,                Admin,      WHOLE,  Added),
    Case("finalizer",         Living,                Stripped,                Operator,   WHOLE,  Added),
    Case("finalizer",         Living,                StrippedReason(""),      Editor,     WHOLE,  Added),
    Case("finalizer",         Living,                StrippedReason("INC-1"), Editor,     WHOLE,  Allowed),
    Case("finalizer",         Living,                StrippedOrphan,          Editor,     WHOLE,  Allowed),
    Case("finalizer",         Living,                Stripped,                Editor,     EDIT,   Allowed),
    Case("finalizer",         Living,                Stripped,                Editor,     PATCH,  Allowed),
    Case("finalizer",         BeingDeleted,          Stripped,                Editor,     WHOLE,  Allowed),
    Case("finalizer",         BeingDeleted,          Stripped,                Operator,   WHOLE,  Allowed),
    Case("finalizer",         Unheld,                Labelled,                Editor,     WHOLE,  Allowed),

    Case("guard",             Living,                Stripped,                Editor,     EDIT,   Denied),
    Case("guard",             Living,                Stripped,                Editor,     PATCH,  Denied),
    Case("guard",             Living,                Stripped,                Editor,     WHOLE,  Denied),
    Case("guard",             Living,                Stripped,                Admin,      WHOLE,  Denied),
    Case("guard",             Living,                Stripped,                Operator,   WHOLE,  Allowed),
    Case("guard",             Living,                StrippedReason("INC-1"), Editor,     EDIT,   Allowed),
    Case("guard",             Living,                StrippedOrphan,          Editor,     EDIT,   Allowed),
    Case("guard",             Living,                OtherStripped,           Editor,     EDIT,   Allowed),
    Case("guard",             Living,                Labelled,                Editor,     EDIT,   Allowed),
    Case("guard",             BeingDeleted,          Stripped,                Editor,     WHOLE,  Denied),
    Case("guard",             BeingDeleted,          Stripped,                Admin,      EDIT,   Denied),
    Case("guard",             BeingDeleted,          StrippedReason(""),      Editor,     EDIT,   Denied),
    Case("guard",             BeingDeleted,          StrippedReason("INC-1"), Editor,     EDIT,   Allowed),
    Case("guard",             BeingDeleted,          StrippedOrphan,          Editor,     EDIT,   Allowed),
    Case("guard",             BeingDeleted,          Stripped,                Operator,   WHOLE,  Allowed),
    Case("guard",             Unheld,                Labelled,                Editor,     EDIT,   Allowed),

    Case("guard-connections", Living,                Stripped,                Editor,     EDIT,   Denied),
    Case("guard-connections", Living,                Stripped,                Admin,      PATCH,  Denied),
    Case("guard-connections", Living,                Stripped,                Operator,   PATCH,  Allowed),
    Case("guard-connections", Living,                Stripped,                Editor,     WHOLE,  Allowed),
    Case("guard-connections", Living,                StrippedReason("INC-1"), Editor,     EDIT,   Allowed),
    Case("guard-connections", BeingDeleted,          Stripped,                Editor,     WHOLE,  Denied),
    Case("guard-connections", BeingDeleted,          StrippedReason(""),      Editor,     WHOLE,  Denied),
    Case("guard-connections", BeingDeleted,          StrippedReason("INC-1"), Editor,     WHOLE,  Allowed),
    Case("guard-connections", BeingDeleted,          Stripped,                Operator,   WHOLE,  Allowed),
    Case("guard-connections", BeingDeleted,          OtherStripped,           Editor,     EDIT,   Allowed),
    Case("guard-connections", Unheld,                Labelled,                Editor,     EDIT,   Allowed),

    Case("guard-secrets",     Living,                Stripped,                Editor,     EDIT,   Denied),
    Case("guard-secrets",     Living,                Stripped,                Admin,      PATCH,  Denied),
    Case("guard-secrets",     Living,                Stripped,                Operator,   PATCH,  Allowed),
    Case("guard-secrets",     Living,                Stripped,                Editor,     WHOLE,  Allowed),
    Case("guard-secrets",     Living,                StrippedReason("INC-1"), Editor,     EDIT,   Allowed),
    Case("guard-secrets",     BeingDeleted,          Stripped,                Editor,     WHOLE,  Denied),
    Case("guard-secrets",     BeingDeleted,          StrippedReason(""),      Editor,     WHOLE,  Denied),
    Case("guard-secrets",     BeingDeleted,          StrippedReason("INC-1"), Editor,     WHOLE,  Allowed),
    Case("guard-secrets",     BeingDeleted,          Stripped,                Operator,   WHOLE,  Allowed),
    Case("guard-secrets",     BeingDeleted,          OtherStripped,           Editor,     EDIT,   Allowed),
    Case("guard-secrets",     Unheld,                Labelled,                Editor,     EDIT,   Allowed),

    Case("protect",           Protect("true"),       Deleted,                 Editor,     NONE,   Denied),
    Case("protect",           Protect("true"),       Deleted,                 Admin,      NONE,   Denied),
    Case("protect",           Protect("true"),       Deleted,                 Namespaces, NONE,   Denied),
    Case("protect",           Protect("true"),       Labelled,                Editor,     EDIT,   Allowed),
    Case("protect",           Protect("false"),      Deleted,                 Editor,     NONE,   Allowed),
    Case("protect",           Living,                Deleted,                 Editor,     NONE,   Allowed),
    Case("protect",           ProtectedBeingDeleted, Deleted,                 Editor,     NONE,   Allowed),
];

const OTHER_FINALIZER: &str = "example.com/other";

/// Each policy has the outcomes of its lines. `finalizer` is tried without the validating policies, and these
/// without `finalizer`, which adds the finalizer before `guard` sees that it is missing. Without any policy
/// every request is allowed and no finalizer is added, so a line with another outcome fails if its policy is
/// deleted.
#[tokio::test(flavor = "multi_thread")]
async fn each_policy_does_what_the_table_says() {
    let (mutating, validating): (Vec<Case>, Vec<Case>) =
        CASES.iter().partition(|Case(policy, ..)| *policy == "finalizer");
    if serves_mutating_policies() {
        assert_outcomes("cases-mutating", &mutating, "admissionPolicies.validating=false").await;
    }
    assert_outcomes("cases-validating", &validating, "admissionPolicies.mutating=false").await;
}

/// Compares the outcomes of these lines, first without policies, and then with those that these values
/// install.
async fn assert_outcomes(namespace: &str, cases: &[Case], values: &str) {
    let world = World::new(namespace).await;
    world.install(&["admissionPolicies.mutating=false,admissionPolicies.validating=false"]);
    world.editor();
    for case in cases {
        case.prepare(&world);
    }
    let differ = |expected: &dyn Fn(&Case) -> Outcome| -> Vec<String> {
        let outcomes = cases.iter().map(|case| (case, case.outcome(&world)));
        let differ = outcomes.filter(|(case, outcome)| outcome.as_ref() != Ok(&expected(case)));
        differ.map(|(case, outcome)| format!("{case:?}: {outcome:?}")).collect()
    };
    let without = differ(&|_| Allowed);
    assert!(without.is_empty(), "without policies: {without:#?}");

    world.install_again(&[values]);
    for lines in cases.chunk_by(|one, next| one.0 == next.0) {
        let first =
            lines.iter().find(|case| case.5 != Allowed).expect("a line that only the policy makes true");
        wait::until("the policy takes effect", PATIENCE, || {
            Ok((first.outcome(&world) == Ok(first.5)).then_some(()))
        })
        .unwrap_or_else(|error| panic!("{error}: {first:?}: {:?}", first.outcome(&world)));
    }
    let with = differ(&|case| case.5);
    assert!(with.is_empty(), "{with:#?}");
}

impl Case {
    fn kind(&self) -> &'static str {
        match self.0 {
            "guard-connections" => "KoreConnection",
            "guard-secrets" => "Secret",
            _ => "VoiceCampaign",
        }
    }

    fn finalizer(&self) -> &'static str {
        if self.kind() == "VoiceCampaign" {
            "voicecampaign.dev/remote-campaign"
        } else {
            "voicecampaign.dev/in-use"
        }
    }

    /// The object's name, one for each state before the request.
    fn name(&self) -> String {
        match self.1 {
            Protect(value) => format!("protect-{value}"),
            before => format!("{before:?}").to_lowercase(),
        }
    }

    /// A manifest of the object, without finalizers.
    fn manifest(&self, world: &World) -> Value {
        let mut manifest = match self.kind() {
            "Secret" => json!({"apiVersion": "v1", "kind": "Secret", "metadata": {}}),
            "KoreConnection" => json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
                "metadata": {}, "spec": {"host": world.kore.url(), "accountId": ACCOUNT,
                "credentialsSecretRef": {"name": "kore-jwt-app"}}}),
            _ => world.campaign(&self.name(), &json!({})),
        };
        manifest["metadata"]["name"] = json!(self.name());
        manifest
    }

    /// Creates the object in its state before the request, unless a line above this one has done so.
    fn prepare(&self, world: &World) {
        let Self(_, before, ..) = self;
        let (kind, name) = (self.kind(), self.name());
        if *before == Absent || world.kubectl.get(kind, &world.namespace, &name).unwrap().is_some() {
            return;
        }
        let mut object = self.manifest(world);
        let finalizers = [self.finalizer(), OTHER_FINALIZER];
        object["metadata"]["finalizers"] = json!(finalizers[usize::from(*before == Unheld)..]);
        world.apply(&object);
        if let BeingDeleted | ProtectedBeingDeleted = before {
            world.run(&["delete", kind, &name, "--wait=false"]);
        }
        let protect = match before {
            Protect(value) => value,
            ProtectedBeingDeleted => "true",
            _ => return,
        };
        world.run(&["annotate", kind, &name, &format!("voicecampaign.dev/protect={protect}")]);
    }

    /// What the request changes, as a merge patch.
    fn change(&self) -> Value {
        let stripped = json!({"metadata": {"finalizers": [OTHER_FINALIZER]}});
        match self.2 {
            Stripped => stripped,
            StrippedOrphan => {
                json!({"metadata": stripped["metadata"], "spec": {"deletionPolicy": "Orphan"}})
            }
            StrippedReason(reason) => json!({"metadata": {"finalizers": [OTHER_FINALIZER],
                "annotations": {"voicecampaign.dev/break-glass": reason}}}),
            OtherStripped => json!({"metadata": {"finalizers": [self.finalizer()]}}),
            Labelled => json!({"metadata": {"labels": {"team": "a"}}}),
            Deleted => Value::Null,
        }
    }

    /// Sends the request as a dry run. Returns the error message if anything but the policy refuses the
    /// request.
    fn outcome(&self, world: &World) -> Result<Outcome, String> {
        let Self(policy, before, after, who, client, _) = *self;
        let (kind, name, namespace) = (self.kind(), self.name(), world.namespace.as_str());
        let (manager, change) = (format!("--field-manager={client}"), self.change());
        let user = match who {
            Editor => format!("--as=system:serviceaccount:{namespace}:editor"),
            Operator => format!("--as=system:serviceaccount:{namespace}:{RELEASE}"),
            Namespaces => "--as=system:serviceaccount:kube-system:namespace-controller".to_owned(),
            Admin => "--as=".to_owned(),
        };
        let all = ["--namespace", namespace, "--dry-run=server", &user];
        let answer = match (before, after) {
            (Absent, _) => {
                let mut object = self.manifest(world);
                merge(&mut object, &change);
                let create = ["create", "--filename=-", "--output=json", &manager];
                world.kubectl.pipe(&[&all[..], &create].concat(), &object.to_string())
            }
            (_, Deleted) => {
                let delete = ["delete", kind, &name, "--wait=false"];
                world.kubectl.try_run(&[&all[..], &delete].concat())
            }
            _ => {
                let change = format!("--patch={change}");
                let patch = ["patch", kind, &name, "--type=merge", "--output=json", &change, &manager];
                world.kubectl.try_run(&[&all[..], &patch].concat())
            }
        };
        let denied = format!("AdmissionPolicy '{policy}.{RELEASE}.{namespace}'");
        match answer {
            Err(error) if error.to_string().contains(&denied) => Ok(Denied),
            Err(error) => Err(error.to_string()),
            Ok(object) => {
                let keeps_other = !matches!(after, OtherStripped | Deleted);
                if keeps_other && !object.contains(OTHER_FINALIZER) {
                    return Err(format!("the other finalizer is gone: {object}"));
                }
                let is_stripped = matches!(after, Stripped | StrippedOrphan | StrippedReason(_));
                Ok(if is_stripped && object.contains(self.finalizer()) { Added } else { Allowed })
            }
        }
    }
}

/// Applies a merge patch that deletes nothing.
fn merge(object: &mut Value, change: &Value) {
    match change {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| merge(&mut object[name], value)),
        other => *object = other.clone(),
    }
}
