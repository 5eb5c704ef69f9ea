//! JSON in which a field may be repeated.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// A JSON value in which a repeated field holds the array of its values. `serde_json` keeps the last one,
/// which hides what the others say: a campaign, an error, or another `status`.
///
/// No field that decides is an array in an answer that counts, so such a field confirms nothing, and an array
/// that was no repetition does neither: a proof then takes the place of a confirmation. A field whose values
/// are all the same is not repeated.
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
        let mut repeated: HashMap<String, Vec<Value>> = HashMap::new();
        while let Some((name, Repeated(value))) = fields.next_entry::<String, Repeated>()? {
            let Some(first) = read.get(&name) else {
                read.insert(name, value);
                continue;
            };
            match repeated.get_mut(&name) {
                // Without a search among them: an answer may repeat a field a hundred thousand times.
                Some(values) => values.push(value),
                None if *first == value => {}
                None => drop(repeated.insert(name, vec![first.clone(), value])),
            }
        }
        read.extend(repeated.into_iter().map(|(name, values)| (name, values.into())));
        Ok(Value::Object(read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In time that grows with the answer: a search would take minutes.
    #[test]
    fn a_field_may_be_repeated_all_over_an_answer() {
        let fields: Vec<String> = (0..100_000).map(|value| format!("\"a\":{value}")).collect();
        let Repeated(value) = serde_json::from_str(&format!("{{{}}}", fields.join(","))).unwrap();
        assert_eq!(value["a"].as_array().unwrap().len(), fields.len());
    }
}
