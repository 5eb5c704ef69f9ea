//! Objects without what the operator never reads, which is skipped while they are decoded. Managed fields
//! are three quarters of an object's memory, and annotations of others may hold 256 KB (kubectl's
//! last-applied one repeats the whole object).

use std::borrow::Cow;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::error_boundary::InvalidObject;
use serde::de::{DeserializeOwned, DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Prefix of the operator's own annotations.
const OURS: &str = "voicecampaign.dev/";

/// An object without its managed fields and without annotations of others.
#[derive(Clone, Debug)]
pub struct Pruned<K>(pub K);

/// Like [`Pruned`], but an object that does not deserialize as its kind does not fail the list that it is in.
#[derive(Clone, Debug)]
pub struct Guarded<K>(pub Result<K, InvalidObject>);

impl<K> Pruned<K> {
    /// The object.
    pub fn into_inner(self) -> K {
        self.0
    }
}

impl<'de, K: DeserializeOwned> Deserialize<'de> for Pruned<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        K::deserialize(Part::Object.deserialize(deserializer)?).map(Self).map_err(D::Error::custom)
    }
}

impl<'de, K: DeserializeOwned> Deserialize<'de> for Guarded<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Part::Object.deserialize(deserializer)?;
        let error = match K::deserialize(&object) {
            Ok(object) => return Ok(Self(Ok(object))),
            Err(error) => error.to_string(),
        };
        let metadata = ObjectMeta::deserialize(&object["metadata"]).map_err(D::Error::custom)?;
        Ok(Self(Err(InvalidObject { error, metadata })))
    }
}

impl<K: Resource> Resource for Pruned<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(dt)
    }

    fn group(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::group(dt)
    }

    fn version(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::version(dt)
    }

    fn plural(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(dt)
    }

    fn meta(&self) -> &ObjectMeta {
        self.0.meta()
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.meta_mut()
    }
}

impl<K: Resource> Resource for Guarded<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(dt)
    }

    fn group(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::group(dt)
    }

    fn version(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::version(dt)
    }

    fn plural(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(dt)
    }

    fn meta(&self) -> &ObjectMeta {
        self.0.as_ref().map_or_else(|invalid| &invalid.metadata, K::meta)
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.as_mut().map_or_else(|invalid| &mut invalid.metadata, K::meta_mut)
    }
}

/// A part of an object in which something is skipped.
#[derive(Clone, Copy)]
enum Part {
    Object,
    Metadata,
    Annotations,
}

/// What becomes of an entry of a part.
enum Entry {
    Kept,
    Skipped,
    Pruned(Part),
}

impl Part {
    fn entry(self, key: &str) -> Entry {
        match (self, key) {
            (Self::Object, "metadata") => Entry::Pruned(Self::Metadata),
            (Self::Metadata, "annotations") => Entry::Pruned(Self::Annotations),
            (Self::Metadata, "managedFields") => Entry::Skipped,
            (Self::Annotations, name) if !name.starts_with(OURS) => Entry::Skipped,
            _ => Entry::Kept,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Part {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of the Kubernetes API")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut kept = Map::new();
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            match self.entry(&key) {
                Entry::Kept => kept.insert(key.into_owned(), map.next_value()?),
                Entry::Pruned(part) => kept.insert(key.into_owned(), map.next_value_seed(part)?),
                Entry::Skipped => map.next_value::<IgnoredAny>().map(|_| None)?,
            };
        }
        Ok(Value::Object(kept))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::ResourceExt;
    use serde_json::json;

    fn object() -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"annotations": "kept", "managedFields": "kept"},
            "metadata": {
                "name": "x", "labels": {"shard": "a"}, "managedFields": [{"manager": "kubectl"}],
                "annotations": {"voicecampaign.dev/refresh-requested-at": "now", "example.com/notes": "long",
                                "kubectl.kubernetes.io/last-applied-configuration": "{}"}}})
    }

    /// What is left of the object.
    fn left() -> Value {
        let mut left = object();
        left["metadata"].as_object_mut().unwrap().remove("managedFields");
        left["metadata"]["annotations"] = json!({"voicecampaign.dev/refresh-requested-at": "now"});
        left
    }

    #[test]
    fn managed_fields_and_annotations_of_others_are_skipped() {
        for text in [object().to_string(), serde_json::to_string_pretty(&object()).unwrap()] {
            let Pruned(pruned) = serde_json::from_str::<Pruned<ConfigMap>>(&text).unwrap();
            assert_eq!(serde_json::to_value(&pruned).unwrap(), left());
            let Guarded(guarded) = serde_json::from_str(&text).unwrap();
            assert_eq!(pruned, guarded.unwrap());
        }
    }

    #[test]
    fn an_object_that_does_not_fit_keeps_its_metadata() {
        let mut object = object();
        object["data"] = json!("not a map");
        assert!(serde_json::from_value::<Pruned<ConfigMap>>(object.clone()).is_err());
        let guarded = serde_json::from_value::<Guarded<ConfigMap>>(object).unwrap();
        assert_eq!((guarded.name_any(), guarded.labels()["shard"].as_str()), ("x".to_owned(), "a"));
        assert_eq!(serde_json::to_value(guarded.meta()).unwrap(), left()["metadata"]);
        assert!(guarded.0.unwrap_err().error.contains("not a map"));
    }

    /// An API server may write an empty map as null.
    #[test]
    fn an_empty_part_may_be_null() {
        let object =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "annotations": null}});
        assert_eq!(serde_json::from_value::<Pruned<ConfigMap>>(object).unwrap().0.name_any(), "x");
    }

    /// Nothing that a watch delivers is read in another way, whatever the order of its fields.
    #[test]
    fn an_event_of_a_watch_may_name_its_type_last() {
        let text = format!(r#"{{"object": {}, "type": "ADDED"}}"#, object());
        let event = serde_json::from_str(&text).unwrap();
        let kube::api::WatchEvent::Added(Guarded::<ConfigMap>(added)) = event else { panic!("{event:?}") };
        assert_eq!(serde_json::to_value(added.unwrap()).unwrap(), left());
    }
}
