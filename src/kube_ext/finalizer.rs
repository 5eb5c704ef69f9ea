use std::marker::PhantomData;

use json_patch::Patch;
use kube::api::ObjectMeta;
use serde_json::json;

/// A finalizer of ours, and what must be in hand to remove it.
///
/// kube-rs's own helper removes the finalizer on any `Ok` and patches by name alone; it would finalize an object that was
/// re-created under the same name. These patches test the uid and the value they touch, and touch no other finalizer.
#[derive(Debug)]
pub struct Finalizer<Permit> {
    name: &'static str,
    permit: PhantomData<fn(Permit)>,
}

/// The administrator has said, at an uninstall, that everything may go that our finalizers hold.
#[derive(Debug)]
pub struct AllMayGo(());

impl AllMayGo {
    /// For `crate::uninstall` alone, where that was said.
    pub(crate) fn as_the_administrator_says() -> Self {
        Self(())
    }
}

impl<Permit> Finalizer<Permit> {
    /// A finalizer of this name; removing it takes a `Permit`.
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

    /// The patch that adds it; fails if the object is another one, or its finalizers have changed since.
    pub fn adding(&self, metadata: &ObjectMeta) -> Patch {
        let uid = json!({"op": "test", "path": "/metadata/uid", "value": metadata.uid});
        let seen = json!({"op": "test", "path": "/metadata/finalizers", "value": metadata.finalizers});
        let add = match &metadata.finalizers {
            Some(others) if !others.is_empty() => {
                json!({"op": "add", "path": "/metadata/finalizers/-", "value": self.name})
            }
            Some(_) | None => json!({"op": "add", "path": "/metadata/finalizers", "value": [self.name]}),
        };
        patch(json!([uid, seen, add]))
    }

    /// The patch that removes it, if the object carries it; fails if the object is another one, or the finalizer has
    /// moved since.
    pub fn removing(&self, metadata: &ObjectMeta, _permit: Permit) -> Option<Patch> {
        let path = format!("/metadata/finalizers/{}", self.position(metadata)?);
        Some(patch(json!([
            {"op": "test", "path": "/metadata/uid", "value": metadata.uid},
            {"op": "test", "path": path, "value": self.name},
            {"op": "remove", "path": path},
        ])))
    }

    /// The same; and it fails if the value at `path` is not `value` when it is applied.
    pub fn removing_while(
        &self,
        metadata: &ObjectMeta,
        permit: Permit,
        (path, value): (&str, &str),
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

    /// K15, K16: others' finalizers stay, wherever ours stands.
    #[test]
    fn removing_takes_only_ours() {
        let patch = OURS.removing(&metadata(&["foregroundDeletion", "example.com/ours", "b"]), ()).unwrap();
        assert_eq!(
            apply(&patch, "u-1", json!(["foregroundDeletion", "example.com/ours", "b"])),
            Some(json!(["foregroundDeletion", "b"]))
        );
    }

    /// K15: an object re-created under the same name, and a finalizer that has moved, are left alone.
    #[test]
    fn removing_fails_on_another_object_and_on_a_moved_finalizer() {
        let patch = OURS.removing(&metadata(&["example.com/ours"]), ()).unwrap();
        assert_eq!(apply(&patch, "u-2", json!(["example.com/ours"])), None);
        assert_eq!(apply(&patch, "u-1", json!(["new", "example.com/ours"])), None);
        assert!(OURS.removing(&metadata(&["new"]), ()).is_none());
    }

    /// What the removal depends on may have changed since the object was read.
    #[test]
    fn removing_fails_when_its_reason_is_gone() {
        let patch =
            OURS.removing_while(&metadata(&["example.com/ours"]), (), ("/spec/reason", "good")).unwrap();
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
