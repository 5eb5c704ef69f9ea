//! JSON in which a field may be repeated.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Value};

/// A JSON value in which a repeated field holds the array of its values. `serde_json` keeps the last one,
/// which hides what the others say: a campaign, an error, or another `status`.
///
/// No field that decides is an array in an answer that counts, so such a field confirms nothing. Values that
/// are the same count once.
pub struct Repeated(pub Value);

impl<'de> Deserialize<'de> for Repeated {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        while let Some(Repeated(entry)) = entries.next_element()? {
            read.push(entry);
        }
        Ok(Value::Array(read))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut read: Map<String, Value> = Map::new();
        // The values of the fields that are repeated: an array may also be the only value of its field.
        let mut repeated: Map<String, Value> = Map::new();
        while let Some((name, Repeated(value))) = fields.next_entry::<String, Repeated>()? {
            match read.entry(name) {
                Entry::Vacant(new) => drop(new.insert(value)),
                Entry::Occupied(first) => {
                    let values = repeated
                        .entry(first.key().as_str())
                        .or_insert_with(|| Value::Array(vec![first.get().clone()]));
                    if let Value::Array(values) = values
                        && !values.contains(&value)
                    {
                        values.push(value);
                    }
                }
            }
        }
        let differ = |values: &Value| values.as_array().is_some_and(|values| values.len() > 1);
        read.extend(repeated.into_iter().filter(|(_, values)| differ(values)));
        Ok(Value::Object(read))
    }
}
