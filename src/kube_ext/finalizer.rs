use std::marker::PhantomData;

use json_patch::Patch;
use kube::api::ObjectMeta;
use serde_json::json;

/// A finalizer of this operator. The type says what permits its removal.
///
/// kube-rs's own helper removes the finalizer on any `Ok`, and patches by name alone: it would finalize an
/// object that was re-created under the same name. The patches here test the uid and the value that they
/// change, and change no other finalizer.
#[derive(Debug)]
pub struct Finalizer<Permit> {
    name: &'static str,
    permit: PhantomData<fn(Permit)>,
}

/// The administrator has permitted an uninstall to remove the operator's finalizers from all objects.
#[derive(Debug)]
pub struct AllMayGo(());

impl AllMayGo {
    /// For `crate::uninstall` alone, which takes the administrator's option.
    pub(crate) fn granted_by_the_administrator() -> Self {
        Self(())
    }
}

/// What must hold of an object when the API server applies a patch to it.
#[derive(Clone, Copy, Debug)]
pub struct Precondition<'a> {
    /// JSON pointer to a field.
    pub path: &'a str,
    /// The value that the field must have.
    pub value: &'a str,
}

impl<Permit> Finalizer<Permit> {
    /// A finalizer of this name. Its removal takes a `Permit`.
    pub const fn new(name: &'static str) -> Self {
        Self { name, permit: PhantomData }
    }

    /// The name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether the object carries it.
    pub fn is_on(&self, metadata: &ObjectMeta) -> bool {
        self.position(metadata).is_some()
    }

    /// The patch that adds it. The API server rejects the patch if another object has the name by now, or the
    /// finalizers have changed.
    pub fn adding(&self, metadata: &ObjectMeta) -> Patch {
        let uid = json!({"op": "test", "path": "/metadata/uid", "value": metadata.uid});
        let unchanged = json!({"op": "test", "path": "/metadata/finalizers", "value": metadata.finalizers});
        let add = match &metadata.finalizers {
            Some(others) if !others.is_empty() => {
                json!({"op": "add", "path": "/metadata/finalizers/-", "value": self.name})
            }
            Some(_) | None => json!({"op": "add", "path": "/metadata/finalizers", "value": [self.name]}),
        };
        patch(json!([uid, unchanged, add]))
    }

    /// The patch that removes it; `None` if the object does not carry it. The API server rejects the patch if
    /// another object has the name by now, or the finalizer has moved.
    pub fn removing(&self, metadata: &ObjectMeta, _permit: Permit) -> Option<Patch> {
        let path = format!("/metadata/finalizers/{}", self.position(metadata)?);
        Some(patch(json!([
            {"op": "test", "path": "/metadata/uid", "value": metadata.uid},
            {"op": "test", "path": path, "value": self.name},
            {"op": "remove", "path": path},
        ])))
    }

    /// Like [`Self::removing`]. The API server also rejects the patch if the precondition does not hold when
    /// it applies the patch.
    pub fn removing_while(
        &self,
        metadata: &ObjectMeta,
        permit: Permit,
        Precondition { path, value }: Precondition<'_>,
    ) -> Option<Patch> {
        let mut patch = self.removing(metadata, permit)?;
        let test = self::patch(json!([{"op": "test", "path": path, "value": value}]));
        patch.0.splice(0..0, test.0);
        Some(patch)
    }

    fn position(&self, metadata: &ObjectMeta) -> Option<usize> {
        metadata.finalizers.as_ref()?.iter().position(|name| name == self.name)
    }
}

fn patch(operations: serde_json::Value) -> Patch {
    #[expect(
        clippy::expect_used,
        reason = "the operations above are a JSON patch; the tests below build each form"
    )]
    serde_json::from_value(operations).expect("a JSON patch")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Finalizer<()> = Finalizer::new("example.com/ours");

    fn metadata(finalizers: &[&str]) -> ObjectMeta {
        ObjectMeta {
            uid: Some("u-1".into()),
            finalizers: Some(finalizers.iter().map(ToString::to_string).collect()),
            ..ObjectMeta::default()
        }
    }

    /// Applies a patch as the API server does, to an object with the given uid and finalizers.
    fn apply(patch: &Patch, uid: &str, finalizers: serde_json::Value) -> Option<serde_json::Value> {
        let mut object = json!({"metadata": {"uid": uid, "finalizers": finalizers}});
        json_patch::patch(&mut object, patch).ok()?;
        Some(object["metadata"]["finalizers"].clone())
    }

    /// K15, K16: others' finalizers stay, wherever ours is in the list.
    #[test]
    fn removing_takes_only_ours() {
        let patch = OURS.removing(&metadata(&["foregroundDeletion", "example.com/ours", "b"]), ()).unwrap();
        assert_eq!(
            apply(&patch, "u-1", json!(["foregroundDeletion", "example.com/ours", "b"])),
            Some(json!(["foregroundDeletion", "b"]))
        );
    }

    /// K15: the patch changes neither an object re-created under the same name, nor a finalizer that has
    /// moved.
    #[test]
    fn removing_fails_on_another_object_and_on_a_moved_finalizer() {
        let patch = OURS.removing(&metadata(&["example.com/ours"]), ()).unwrap();
        assert_eq!(apply(&patch, "u-2", json!(["example.com/ours"])), None);
        assert_eq!(apply(&patch, "u-1", json!(["new", "example.com/ours"])), None);
        assert!(OURS.removing(&metadata(&["new"]), ()).is_none());
    }

    /// The field that permits the removal may have changed since the object was read.
    #[test]
    fn removing_fails_when_its_reason_is_gone() {
        let precondition = Precondition { path: "/spec/reason", value: "good" };
        let patch = OURS.removing_while(&metadata(&["example.com/ours"]), (), precondition).unwrap();
        for (uid, reason, removed) in [("u-1", "good", true), ("u-1", "bad", false), ("u-2", "good", false)] {
            let mut object = json!({"metadata": {"uid": uid, "finalizers": ["example.com/ours"]}, "spec": {"reason": reason}});
            assert_eq!(json_patch::patch(&mut object, &patch).is_ok(), removed);
        }
    }

    #[test]
    fn adding_keeps_what_others_put_on() {
        let patch = OURS.adding(&metadata(&["theirs"]));
        assert_eq!(apply(&patch, "u-1", json!(["theirs"])), Some(json!(["theirs", "example.com/ours"])));
        assert_eq!(apply(&patch, "u-2", json!(["theirs"])), None);
        assert_eq!(apply(&patch, "u-1", json!(["theirs", "late"])), None);
    }
}
