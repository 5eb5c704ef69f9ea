use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use json_patch::Patch;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use kube::api::{ApiResource, DynamicObject, ListParams, PatchParams};
use kube::core::{DeserializeGuard, NamespaceResourceScope, PartialObjectMeta};
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::lease::Leadership;

/// Deadline of one call to the API server, once it is under way.
const DEADLINE: Duration = Duration::from_secs(10);
/// Calls under way at once. Each has its own TLS connection (kube-rs speaks HTTP/1.1), so more would not be faster.
const CONCURRENT_CALLS: usize = 32;

/// The API server, with a deadline on each call and a bound on how many are under way. Only who leads writes.
#[derive(Clone)]
pub struct Kube {
    client: Client,
    seats: Arc<Semaphore>,
    leadership: Leadership,
}

/// The right to one of the calls under way.
pub struct Room {
    _permit: Option<OwnedSemaphorePermit>,
}

/// A call that did not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallError {
    /// The object is gone.
    #[error("the API server says that the object is not there")]
    Gone,
    /// The object is another one (re-created under its name), or has changed in the part that the write tests; or so says a webhook.
    #[error("the API server says that the object has changed: {0}")]
    Changed(String),
    /// The API server refuses the content of the write.
    #[error("the API server refuses the write: {0}")]
    Refused(String),
    /// The operator's role lacks the right.
    #[error("the API server does not allow it: {0}")]
    Forbidden(String),
    /// Anything else: not reachable, overloaded.
    #[error("the call to the API server failed")]
    Failed(#[source] Arc<kube::Error>),
    /// Another instance leads; nothing was written.
    #[error("another instance leads by now")]
    NotLeading,
    /// No answer in time.
    #[error("the API server did not answer within {} s", DEADLINE.as_secs())]
    Deadline,
}

/// What a failed write asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallErrorClass {
    /// Somebody else has written first, or the object is gone: read it again.
    Race,
    /// The API server, a webhook or a policy refuses the content: another write with the same content fails, too.
    Refused,
    /// Anything else: the same write may succeed later.
    Other,
}

impl CallError {
    /// What the error asks of whoever wrote.
    pub fn class(&self) -> CallErrorClass {
        match self {
            Self::Changed(_) | Self::Gone => CallErrorClass::Race,
            Self::Refused(_) => CallErrorClass::Refused,
            Self::Forbidden(_) | Self::Failed(_) | Self::NotLeading | Self::Deadline => CallErrorClass::Other,
        }
    }

    /// The error with what the API server has said, for people. Nothing of an answer that could not be read: it may be a Secret.
    pub fn said(&self) -> String {
        match self {
            Self::Failed(error) => match &**error {
                kube::Error::Api(status) => format!("{self}: {}", status.message),
                _ => self.to_string(),
            },
            Self::Gone
            | Self::Changed(_)
            | Self::Refused(_)
            | Self::Forbidden(_)
            | Self::NotLeading
            | Self::Deadline => self.to_string(),
        }
    }

    /// Whether the API server has answered.
    pub fn is_answer(&self) -> bool {
        match self {
            Self::Failed(error) => matches!(**error, kube::Error::Api(_)),
            Self::Gone | Self::Changed(_) | Self::Refused(_) | Self::Forbidden(_) => true,
            Self::NotLeading | Self::Deadline => false,
        }
    }
}

impl Kube {
    /// Wraps a client.
    pub fn new(client: Client, leadership: Leadership) -> Self {
        Self { client, seats: Arc::new(Semaphore::new(CONCURRENT_CALLS)), leadership }
    }

    /// The client inside, for watches and reads.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Room for a call; waits until there is some.
    pub async fn room(&self) -> Room {
        // The semaphore is never closed.
        Room { _permit: self.seats.clone().acquire_owned().await.ok() }
    }

    /// Patches the main resource. The patch must test the uid.
    ///
    /// # Errors
    /// See [`CallError`]; nothing is retried here.
    pub async fn patch<K>(&self, object: &K, patch: Patch) -> Result<K, CallError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let api = self.api(object);
        let patch = kube::api::Patch::Json::<()>(patch);
        self.write(api.patch(&object.name_any(), &as_the_operator(), &patch)).await
    }

    /// Patches the main resource of an object of which only the metadata is known, and is returned. The patch must test the
    /// uid.
    ///
    /// # Errors
    /// See [`CallError`]; nothing is retried here.
    pub async fn patch_metadata<K>(
        &self,
        object: &PartialObjectMeta<K>,
        patch: Patch,
    ) -> Result<PartialObjectMeta<K>, CallError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let api: Api<K> = Api::namespaced(self.client(), &object.namespace().unwrap_or_default());
        let patch = kube::api::Patch::Json::<()>(patch);
        self.write(api.patch_metadata(&object.name_any(), &as_the_operator(), &patch)).await
    }

    /// Reads the metadata of an object; `None` if there is none of that name.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn find_metadata<K>(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<PartialObjectMeta<K>>, CallError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let api: Api<K> = Api::namespaced(self.client(), namespace);
        self.read(api.get_metadata_opt(name)).await
    }

    /// Replaces the whole status of the very object (tested by its uid).
    ///
    /// A `uid` in a merge patch on `/status` is not checked by the API server; a JSON patch `test` is.
    ///
    /// # Errors
    /// See [`CallError`]; nothing is retried here.
    pub async fn replace_status<K>(&self, object: &K, status: &impl Serialize) -> Result<K, CallError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        self.replace_status_in(self.room().await, object, status).await
    }

    /// The same, in room that there is for it.
    ///
    /// # Errors
    /// See [`CallError`]; nothing is retried here.
    pub async fn replace_status_in<K>(
        &self,
        room: Room,
        object: &K,
        status: &impl Serialize,
    ) -> Result<K, CallError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let patch = status_patch(object.uid(), status)?;
        let api = self.api(object);
        self.write_in(room, api.patch_status(&object.name_any(), &as_the_operator(), &patch)).await
    }

    /// Puts one condition in the status of the very object, beside those that are stored as far as is known; and leaves all else in it as it
    /// is.
    ///
    /// # Errors
    /// See [`CallError`]; nothing is retried here.
    pub async fn put_condition<K>(
        &self,
        object: &K,
        stored: &[Condition],
        condition: &Condition,
    ) -> Result<K, CallError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let patch = patch_of(putting(object.meta(), stored, condition))?;
        self.write(self.api(object).patch_status(&object.name_any(), &as_the_operator(), &patch)).await
    }

    /// Takes one of the stored conditions out of the status of the very object, and leaves all else in it as it is.
    ///
    /// # Errors
    /// See [`CallError`]; nothing is retried here.
    pub async fn drop_condition<K>(
        &self,
        object: &K,
        stored: &[Condition],
        type_: &str,
    ) -> Result<(), CallError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let Some(index) = stored.iter().position(|stored| stored.type_ == type_) else { return Ok(()) };
        let patch = patch_of(dropping(object.meta(), index, type_))?;
        let written =
            self.write(self.api(object).patch_status(&object.name_any(), &as_the_operator(), &patch)).await;
        written.map(|_| ())
    }

    /// Like [`Self::replace_status`], for an object that does not fit the type of its kind.
    ///
    /// # Errors
    /// See [`CallError`]; nothing is retried here.
    pub async fn replace_raw_status<K>(&self, object: &DynamicObject, status: &Value) -> Result<(), CallError>
    where
        K: Resource<DynamicType = ()>,
    {
        let patch = status_patch(object.uid(), status)?;
        let api = self.raw_api::<K>(&object.namespace().unwrap_or_default());
        self.write(api.patch_status(&object.name_any(), &as_the_operator(), &patch)).await.map(|_| ())
    }

    /// Like [`Self::read_again`], for an object that does not fit the type of its kind.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn read_raw<K>(&self, object: &DynamicObject) -> Result<Option<DynamicObject>, CallError>
    where
        K: Resource<DynamicType = ()>,
    {
        let api = self.raw_api::<K>(&object.namespace().unwrap_or_default());
        let fresh = self.read(api.get_opt(&object.name_any())).await?;
        Ok(fresh.filter(|fresh| fresh.uid() == object.uid()))
    }

    /// Reads the object anew; `None` if it is gone, or another one has its name.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn read_again<K>(&self, object: &K) -> Result<Option<K>, CallError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let found = self.find::<K>(&object.namespace().unwrap_or_default(), &object.name_any()).await?;
        Ok(found.filter(|found| found.uid() == object.uid()))
    }

    /// The objects of a namespace that a field selector selects; perhaps more, where the API server knows no such selector
    /// (before Kubernetes 1.31). One that does not fit its schema is not an error for the others.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn select<K>(
        &self,
        namespace: &str,
        fields: &str,
    ) -> Result<Vec<DeserializeGuard<K>>, CallError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let api: Api<DeserializeGuard<K>> = Api::namespaced(self.client(), namespace);
        let selected = ListParams::default().fields(fields);
        let list = match self.read(api.list(&selected)).await {
            Err(CallError::Failed(error)) if matches!(&*error, kube::Error::Api(status) if status.code == 400) => {
                self.read(api.list(&ListParams::default())).await
            }
            other => other,
        };
        list.map(|list| list.items)
    }

    /// All objects of a namespace, whether they fit the type of their kind or not.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn list_raw<K>(&self, namespace: &str) -> Result<Vec<DynamicObject>, CallError>
    where
        K: Resource<DynamicType = ()>,
    {
        let list = self.read(self.raw_api::<K>(namespace).list(&ListParams::default())).await?;
        Ok(list.items)
    }

    fn api<K>(&self, object: &K) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client(), &object.namespace().unwrap_or_default())
    }

    fn raw_api<K: Resource<DynamicType = ()>>(&self, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client(), namespace, &ApiResource::erase::<K>(&()))
    }

    /// Makes a call that writes, if this instance leads when it is its turn.
    pub(super) async fn write<T>(&self, call: impl Future<Output = kube::Result<T>>) -> Result<T, CallError> {
        self.write_in(self.room().await, call).await
    }

    async fn write_in<T>(
        &self,
        room: Room,
        call: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, CallError> {
        within_deadline(room, async {
            if self.leadership.is_held() { call.await.map_err(classify) } else { Err(CallError::NotLeading) }
        })
        .await
    }

    async fn read<T>(&self, call: impl Future<Output = kube::Result<T>>) -> Result<T, CallError> {
        within_deadline(self.room().await, async { call.await.map_err(classify) }).await
    }

    /// Reads an object; `None` if there is none of that name.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn find<K>(&self, namespace: &str, name: &str) -> Result<Option<K>, CallError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let api: Api<K> = Api::namespaced(self.client(), namespace);
        self.read(api.get_opt(name)).await
    }
}

/// Makes a call in its room, within its deadline from then on: those who wait do not fail because they are many.
async fn within_deadline<T>(
    _room: Room,
    call: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    tokio::time::timeout(DEADLINE, call).await.unwrap_or(Err(CallError::Deadline))
}

fn as_the_operator() -> PatchParams {
    PatchParams { field_manager: Some(crate::NAME.to_owned()), ..PatchParams::default() }
}

fn status_patch(uid: Option<String>, status: &impl Serialize) -> Result<kube::api::Patch<()>, CallError> {
    patch_of(json!([
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "add", "path": "/status", "value": status},
    ]))
}

/// The operations that put a condition beside those that are stored.
fn putting(metadata: &ObjectMeta, stored: &[Condition], condition: &Condition) -> Value {
    let uid = json!({"op": "test", "path": "/metadata/uid", "value": metadata.uid});
    match stored.iter().position(|stored| stored.type_ == condition.type_) {
        Some(index) => {
            let path = format!("/status/conditions/{index}");
            json!([
                uid,
                {"op": "test", "path": format!("{path}/type"), "value": condition.type_},
                {"op": "replace", "path": path, "value": condition},
            ])
        }
        // There may be some by now: they must not be replaced.
        None if stored.is_empty() => json!([
            uid,
            {"op": "test", "path": "/metadata/resourceVersion", "value": metadata.resource_version},
            {"op": "add", "path": "/status/conditions", "value": [condition]},
        ]),
        None => json!([uid, {"op": "add", "path": "/status/conditions/-", "value": condition}]),
    }
}

/// The operations that take the condition of this type from its place.
fn dropping(metadata: &ObjectMeta, index: usize, type_: &str) -> Value {
    let path = format!("/status/conditions/{index}");
    json!([
        {"op": "test", "path": "/metadata/uid", "value": metadata.uid},
        {"op": "test", "path": format!("{path}/type"), "value": type_},
        {"op": "remove", "path": path},
    ])
}

fn patch_of(operations: Value) -> Result<kube::api::Patch<()>, CallError> {
    serde_json::from_value(operations)
        .map(kube::api::Patch::Json)
        .map_err(|error| CallError::Refused(error.to_string()))
}

/// An error and its causes, in one line.
pub fn in_full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

pub(super) fn classify(error: kube::Error) -> CallError {
    match error {
        kube::Error::Api(status) if status.is_not_found() => CallError::Gone,
        kube::Error::Api(status) if status.is_forbidden() => CallError::Forbidden(status.message),
        kube::Error::Api(status) if status.is_conflict() || status.is_already_exists() => {
            CallError::Changed(status.message)
        }
        // The API server answers 422 for a failed `test` as well as for invalid content; only the former names no field.
        kube::Error::Api(status) if status.is_invalid() => {
            let names_a_field = status.details.as_ref().is_some_and(|details| !details.causes.is_empty());
            if names_a_field {
                CallError::Refused(status.message)
            } else {
                CallError::Changed(status.message)
            }
        }
        other => CallError::Failed(Arc::new(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(type_: &str, message: &str) -> Condition {
        let now = jiff::Timestamp::UNIX_EPOCH;
        Condition {
            type_: type_.into(),
            status: "True".into(),
            reason: "Any".into(),
            message: message.into(),
            observed_generation: None,
            last_transition_time: k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now),
        }
    }

    /// Applied as the API server does; `None`: it is refused.
    fn applied(operations: Value, stored: &[Condition], version: &str) -> Option<Vec<String>> {
        let patch: Patch = serde_json::from_value(operations).unwrap();
        let mut object = json!({"metadata": {"uid": "u-1", "resourceVersion": version},
            "status": {"conditions": stored, "deletion": {"attempts": 3}}});
        json_patch::patch(&mut object, &patch).ok()?;
        assert_eq!(object["status"]["deletion"]["attempts"], 3, "all else stays");
        let conditions = object["status"]["conditions"].as_array().unwrap();
        Some(
            conditions
                .iter()
                .map(|one| format!("{} {}", one["type"], one["message"]).replace('"', ""))
                .collect(),
        )
    }

    /// Whatever the view of it is: no other condition is lost, and none is there twice.
    #[test]
    fn a_condition_is_put_beside_the_others_and_taken_out() {
        let metadata = |uid: &str| ObjectMeta {
            uid: Some(uid.into()),
            resource_version: Some("7".into()),
            ..ObjectMeta::default()
        };
        let (ready, told, anew) = (condition("Ready", "a"), condition("Told", "b"), condition("Told", "c"));
        let put = |uid: &str, seen: &[Condition]| putting(&metadata(uid), seen, &anew);
        let both = [ready.clone(), told];
        let some = |texts: &[&str]| Some(texts.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(applied(put("u-1", &[]), &[], "7"), some(&["Told c"]));
        assert_eq!(applied(put("u-1", &[]), std::slice::from_ref(&ready), "8"), None, "the view lags behind");
        let beside = put("u-1", std::slice::from_ref(&ready));
        assert_eq!(applied(beside, std::slice::from_ref(&ready), "8"), some(&["Ready a", "Told c"]));
        assert_eq!(applied(put("u-1", &both), &both, "8"), some(&["Ready a", "Told c"]));
        let moved = [both[1].clone(), both[0].clone()];
        assert_eq!(applied(put("u-1", &both), &moved, "8"), None, "it has moved");
        assert_eq!(applied(put("u-2", &both), &both, "8"), None, "another object");
        assert_eq!(applied(dropping(&metadata("u-1"), 1, "Told"), &both, "8"), some(&["Ready a"]));
        assert_eq!(applied(dropping(&metadata("u-1"), 1, "Told"), &moved, "8"), None);
        assert_eq!(applied(dropping(&metadata("u-2"), 1, "Told"), &both, "8"), None);
    }
}
