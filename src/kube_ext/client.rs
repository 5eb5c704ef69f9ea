use std::fmt::Debug;
use std::sync::Arc;

use json_patch::Patch;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{ApiResource, DynamicObject, ListParams, ObjectMeta, PatchParams};
use kube::core::{NamespaceResourceScope, PartialObjectMeta};
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::call_error::{CallError, DEADLINE};
use super::leadership::Leadership;
use super::pruned::{Guarded, Pruned};
use super::slots::{Slot, Slots};
use super::status_patch;

/// Calls in flight at once. Each has its own TLS connection (kube-rs speaks HTTP/1.1), so more would not be
/// faster.
const CONCURRENT_CALLS: usize = 32;
/// Of them, those that can wait: a quarter.
const PATIENT_CALLS: usize = CONCURRENT_CALLS / 4;

/// A client of the API server with a deadline on each call and a bound on the calls in flight. It writes only
/// while this instance leads, and retries nothing.
#[derive(Clone)]
pub struct Kube {
    client: Client,
    calls: Arc<Slots>,
    patient: Arc<Slots>,
    leadership: Leadership,
}

impl Kube {
    /// Wraps a client.
    pub fn new(client: Client, leadership: Leadership) -> Self {
        let [calls, patient] = [CONCURRENT_CALLS, PATIENT_CALLS].map(|calls| Arc::new(Slots::new(calls)));
        Self { client, calls, patient, leadership }
    }

    /// The wrapped client, for watches and reads.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Waits until another call for an object of this namespace may be in flight.
    pub async fn call_permit(&self, namespace: &str) -> Slot {
        self.calls.take(namespace).await
    }

    /// Waits until another call may be made that can wait. It needs a [`Self::call_permit`], too.
    pub async fn patient_permit(&self, namespace: &str) -> Slot {
        self.patient.take(namespace).await
    }

    fn api<K>(&self, object: &K) -> Api<Pruned<K>>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client(), &object.namespace().unwrap_or_default())
    }

    fn raw_api<K: Resource<DynamicType = ()>>(&self, namespace: &str) -> Api<Pruned<DynamicObject>> {
        Api::namespaced_with(self.client(), namespace, &ApiResource::erase::<K>(&()))
    }
}

/// Reads.
impl Kube {
    /// Reads an object; `None` if no object has this name.
    ///
    /// It is decoded from the answer directly: [`Pruned`] would leave a copy of a Secret behind, which nobody
    /// zeroizes.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn find<K>(&self, namespace: &str, name: &str) -> Result<Option<K>, CallError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let api: Api<K> = Api::namespaced(self.client(), namespace);
        self.read(namespace, api.get_opt(name)).await
    }

    /// Reads the metadata of an object; `None` if no object has this name.
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
        self.read(namespace, api.get_metadata_opt(name)).await
    }

    /// Reads an object again; `None` if it is gone, or another object has its name.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn read_again<K>(&self, object: &K) -> Result<Option<K>, CallError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let namespace = object.namespace().unwrap_or_default();
        let found = self.find::<Pruned<K>>(&namespace, &object.name_any()).await?;
        Ok(found.map(Pruned::into_inner).filter(|found| found.uid() == object.uid()))
    }

    /// Like [`Self::read_again`], for an object that does not deserialize as its kind.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn read_raw<K>(&self, object: &DynamicObject) -> Result<Option<DynamicObject>, CallError>
    where
        K: Resource<DynamicType = ()>,
    {
        let namespace = object.namespace().unwrap_or_default();
        let api = self.raw_api::<K>(&namespace);
        let fresh = self.read(&namespace, api.get_opt(&object.name_any())).await?;
        Ok(fresh.map(Pruned::into_inner).filter(|fresh| fresh.uid() == object.uid()))
    }

    /// Lists the objects of a namespace that a field selector selects; all of them if the API server does not
    /// support the selector (before Kubernetes 1.31). An object that does not deserialize does not fail the
    /// list. It takes the slot of the namespace that it is made for.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn select<K>(
        &self,
        made_for: &str,
        namespace: &str,
        fields: &str,
    ) -> Result<Vec<Guarded<K>>, CallError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let api: Api<Guarded<K>> = Api::namespaced(self.client(), namespace);
        let selected = ListParams::default().fields(fields);
        let list = match self.read(made_for, api.list(&selected)).await {
            Err(CallError::Failed(error)) if matches!(&*error, kube::Error::Api(status) if status.code == 400) => {
                self.read(made_for, api.list(&ListParams::default())).await
            }
            other => other,
        };
        list.map(|list| list.items)
    }

    /// Lists all objects of a namespace, whether they deserialize as their kind or not.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn list_raw<K>(&self, namespace: &str) -> Result<Vec<DynamicObject>, CallError>
    where
        K: Resource<DynamicType = ()>,
    {
        let list = self.read(namespace, self.raw_api::<K>(namespace).list(&ListParams::default())).await?;
        Ok(list.items.into_iter().map(Pruned::into_inner).collect())
    }

    async fn read<T>(
        &self,
        namespace: &str,
        call: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, CallError> {
        within_deadline(self.call_permit(namespace).await, async { Ok(call.await?) }).await
    }
}

/// Writes.
impl Kube {
    /// Patches the main resource. The patch must test the uid.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn patch<K>(&self, object: &K, patch: Patch) -> Result<K, CallError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let api = self.api(object);
        let patch = kube::api::Patch::Json::<()>(patch);
        let written = self.write(object.meta(), api.patch(&object.name_any(), &patch_params(), &patch)).await;
        written.map(Pruned::into_inner)
    }

    /// Patches the main resource of the object with this metadata, and returns its new metadata. The patch
    /// must test the uid.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn patch_metadata<K>(
        &self,
        metadata: &ObjectMeta,
        patch: Patch,
    ) -> Result<PartialObjectMeta<K>, CallError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let api: Api<K> = Api::namespaced(self.client(), namespace_of(metadata));
        let patch = kube::api::Patch::Json::<()>(patch);
        let name = metadata.name.as_deref().unwrap_or_default();
        self.write(metadata, api.patch_metadata(name, &patch_params(), &patch)).await
    }

    /// Sets an annotation of the object with this metadata, or removes it; notes the new resourceVersion. The
    /// API server rejects the patch if another object has the name by now.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn annotate<K: Resource<DynamicType = ()>>(
        &self,
        metadata: &mut ObjectMeta,
        annotation: &str,
        value: Option<&str>,
    ) -> Result<(), CallError> {
        // A JSON patch would have to know whether there are other annotations, and others' are not kept.
        let patch = json!({"metadata": {"uid": metadata.uid, "annotations": {annotation: value}}});
        let api = self.raw_api::<K>(namespace_of(metadata));
        let (name, patch) = (metadata.name.clone().unwrap_or_default(), kube::api::Patch::Merge(patch));
        let written = self.write(metadata, api.patch_metadata(&name, &patch_params(), &patch)).await?;
        metadata.resource_version = written.metadata.resource_version;
        let annotations = metadata.annotations.get_or_insert_default();
        match value {
            Some(value) => annotations.insert(annotation.to_owned(), value.to_owned()),
            None => annotations.remove(annotation),
        };
        Ok(())
    }

    /// Replaces the whole status of this very version of the object. It fails if somebody has written the
    /// object since it was read: so a write that arrives late replaces nothing newer.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn replace_status<K>(&self, object: &K, status: &impl Serialize) -> Result<K, CallError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        self.replace_status_with(self.call_permit(namespace_of(object.meta())).await, object, status).await
    }

    /// Like [`Self::replace_status`], with a permit that the caller has waited for.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn replace_status_with<K>(
        &self,
        permit: Slot,
        object: &K,
        status: &impl Serialize,
    ) -> Result<K, CallError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let patch = status_patch::replacing(object.meta(), status)?;
        let api = self.api(object);
        let written =
            self.write_with(permit, api.patch_status(&object.name_any(), &patch_params(), &patch)).await;
        written.map(Pruned::into_inner)
    }

    /// Like [`Self::replace_status`], for an object that does not deserialize as its kind.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn replace_raw_status<K>(
        &self,
        object: &DynamicObject,
        status: &Value,
    ) -> Result<DynamicObject, CallError>
    where
        K: Resource<DynamicType = ()>,
    {
        let patch = status_patch::replacing(&object.metadata, status)?;
        let api = self.raw_api::<K>(&object.namespace().unwrap_or_default());
        let written =
            self.write(&object.metadata, api.patch_status(&object.name_any(), &patch_params(), &patch)).await;
        written.map(Pruned::into_inner)
    }

    /// Sets one condition in the status of this object, beside the `stored` ones as far as the caller knows
    /// them. The rest of the status stays.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn set_condition<K>(
        &self,
        object: &K,
        stored: &[Condition],
        condition: &Condition,
    ) -> Result<K, CallError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let patch = status_patch::setting_condition(object.meta(), stored, condition)?;
        let api = self.api(object);
        let written =
            self.write(object.meta(), api.patch_status(&object.name_any(), &patch_params(), &patch)).await;
        written.map(Pruned::into_inner)
    }

    /// Removes one of the `stored` conditions from the status of this object. The rest of the status stays.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn remove_condition<K>(
        &self,
        object: &K,
        stored: &[Condition],
        type_: &str,
    ) -> Result<(), CallError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let Some(patch) = status_patch::removing_condition(object.meta(), stored, type_)? else {
            return Ok(());
        };
        let written = self
            .write(object.meta(), self.api(object).patch_status(&object.name_any(), &patch_params(), &patch))
            .await;
        written.map(|_| ())
    }

    /// Makes a call that writes, once it has a permit, and only if this instance still leads by then.
    /// The metadata is that of the object that it writes, or writes of.
    pub(super) async fn write<T>(
        &self,
        metadata: &ObjectMeta,
        call: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, CallError> {
        self.write_with(self.call_permit(namespace_of(metadata)).await, call).await
    }

    async fn write_with<T>(
        &self,
        permit: Slot,
        call: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, CallError> {
        within_deadline(permit, async {
            if self.leadership.is_held() { Ok(call.await?) } else { Err(CallError::NotLeading) }
        })
        .await
    }
}

/// Makes a call under its permit. The deadline begins here, after the wait for the permit: no call fails
/// because it waited behind others.
async fn within_deadline<T>(
    _permit: Slot,
    call: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    // Boxed: a call takes kilobytes, and those who wait for something else have none under way.
    let call = Box::pin(tokio::time::timeout(DEADLINE, call));
    call.await.unwrap_or(Err(CallError::Deadline(DEADLINE)))
}

fn namespace_of(metadata: &ObjectMeta) -> &str {
    metadata.namespace.as_deref().unwrap_or_default()
}

fn patch_params() -> PatchParams {
    PatchParams { field_manager: Some(crate::NAME.to_owned()), ..PatchParams::default() }
}
