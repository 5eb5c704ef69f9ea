//! Objects without what the operator never reads, which is skipped while they are decoded. Managed fields
//! are three quarters of an object's memory, and annotations of others may hold 256 KB (kubectl's
//! last-applied one repeats the whole object).

use std::borrow::Cow;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::error_boundary::InvalidObject;
use serde::de::{DeserializeOwned, DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Prefix of the operator's own annotations.
const OURS: &str = "voicecampaign.dev/";

/// An object without its managed fields and without annotations of others.
#[derive(Clone, Debug)]
pub struct Pruned<K>(pub K);

/// Like [`Pruned`], but an object that does not deserialize as its kind does not fail the list that it is in.
/// If `DATED`, it keeps the times of its managed fields.
#[derive(Clone, Debug)]
pub struct Guarded<K, const DATED: bool = false>(pub Result<K, InvalidObject>);

/// An object for a command, which asks when somebody has last written it.
pub type Dated<K> = Guarded<K, true>;

impl<K> Pruned<K> {
    /// The object.
    pub fn into_inner(self) -> K {
        self.0
    }
}

impl<'de, K: DeserializeOwned> Deserialize<'de> for Pruned<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Part::Object { dated: false }.deserialize(deserializer)?;
        K::deserialize(object).map(Self).map_err(D::Error::custom)
    }
}

impl<'de, K: DeserializeOwned, const DATED: bool> Deserialize<'de> for Guarded<K, DATED> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Part::Object { dated: DATED }.deserialize(deserializer)?;
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

impl<K: Resource, const DATED: bool> Resource for Guarded<K, DATED> {
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
    Object {
        dated: bool,
    },
    Metadata {
        dated: bool,
    },
    Annotations,
    /// The managed fields.
    Writes,
    /// Those of one manager.
    Write,
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
            (Self::Object { dated }, "metadata") => Entry::Pruned(Self::Metadata { dated }),
            (Self::Metadata { .. }, "annotations") => Entry::Pruned(Self::Annotations),
            (Self::Metadata { dated: true }, "managedFields") => Entry::Pruned(Self::Writes),
            (Self::Metadata { dated: false }, "managedFields") => Entry::Skipped,
            (Self::Annotations, name) if !name.starts_with(OURS) => Entry::Skipped,
            (Self::Write, name) if name != "time" => Entry::Skipped,
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

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Value, A::Error> {
        let mut kept = Vec::new();
        while let Some(one) = all.next_element_seed(Self::Write)? {
            kept.push(one);
        }
        Ok(Value::Array(kept))
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
                "name": "x", "labels": {"shard": "a"}, "managedFields": [{"manager": "kubectl", "time": "2026-11-30T12:00:00Z"}],
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
            let guarded = serde_json::from_str::<Guarded<ConfigMap>>(&text).unwrap();
            assert_eq!(pruned, guarded.0.unwrap());
        }
    }

    #[test]
    fn a_command_sees_when_an_object_was_written() {
        let written = json!([{"time": "2026-11-30T12:00:00Z"}]);
        for data in [json!({}), json!("not a map")] {
            let mut object = object();
            object["data"] = data;
            let dated = serde_json::from_value::<Dated<ConfigMap>>(object).unwrap();
            assert_eq!(serde_json::to_value(&dated.meta().managed_fields).unwrap(), written);
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
        let event = serde_json::from_str::<kube::api::WatchEvent<Guarded<ConfigMap>>>(&text).unwrap();
        let kube::api::WatchEvent::Added(Guarded(added)) = event else { panic!("{event:?}") };
        assert_eq!(serde_json::to_value(added.unwrap()).unwrap(), left());
    }
}
