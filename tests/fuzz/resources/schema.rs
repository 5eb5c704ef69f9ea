//! What the schema of a CRD allows, read from the CRD: values at the edges of each bound, and values that
//! break exactly one rule.

use anyhow::{Context, Result, ensure};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::string::string_regex;
use regex::Regex;
use serde_json::{Value, json};

/// A change of one field of a spec; `None` removes it.
#[derive(Clone, Debug)]
pub struct Change {
    pub path: Vec<String>,
    pub value: Option<Value>,
}

/// A field of a spec, at any depth.
#[derive(Clone, Debug)]
pub struct Field {
    pub path: Vec<String>,
    pub required: bool,
    pub immutable: bool,
    shape: Shape,
}

#[derive(Clone, Debug)]
enum Shape {
    Text { longest: usize, shortest: usize, patterns: Vec<String> },
    Choice(Vec<Value>),
    Integer { least: i64, most: i64 },
    Boolean,
    Texts { longest: usize, most: usize, patterns: Vec<String> },
    Object,
}

/// Every field of the spec of a CRD.
pub fn fields(crd: &str) -> Result<Vec<Field>> {
    let crd: Value = serde_saphyr::from_str(crd)?;
    let spec = crd.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec");
    let mut found = Vec::new();
    collect(spec.context("the CRD has a spec")?, &[], &mut found)?;
    ensure!(found.len() >= 5, "the CRD has {} fields", found.len());
    Ok(found)
}

fn collect(schema: &Value, path: &[String], found: &mut Vec<Field>) -> Result<()> {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in schema["properties"].as_object().context("an object has properties")? {
        let path = [path, std::slice::from_ref(name)].concat();
        let rules = || field["x-kubernetes-validations"].as_array().into_iter().flatten();
        let texts: Vec<&str> = rules().filter_map(|rule| rule["rule"].as_str()).collect();
        let patterns = texts.iter().flat_map(|rule| patterns(rule)).collect();
        let number = |name: &str| field[name].as_f64();
        let longest =
            |schema: &Value| schema["maxLength"].as_u64().and_then(|length| usize::try_from(length).ok());
        let unbounded = || format!("{} has no bound", path.join("."));
        let shape = match field["type"].as_str() {
            Some("string") if field["enum"].is_array() => {
                Shape::Choice(field["enum"].as_array().cloned().unwrap_or_default())
            }
            Some("string") => Shape::Text {
                longest: longest(field).with_context(unbounded)?,
                shortest: usize::from(texts.iter().any(|rule| rule.contains("self.size() >= 1"))),
                patterns,
            },
            Some("integer") => Shape::Integer {
                least: number("minimum").with_context(unbounded)? as i64,
                most: number("maximum").with_context(unbounded)? as i64,
            },
            Some("boolean") => Shape::Boolean,
            Some("array") => Shape::Texts {
                longest: longest(&field["items"]).with_context(unbounded)?,
                most: field["maxItems"]
                    .as_u64()
                    .and_then(|most| usize::try_from(most).ok())
                    .with_context(unbounded)?,
                patterns,
            },
            Some("object") => Shape::Object,
            other => anyhow::bail!("{} is of a type that is new here: {other:?}", path.join(".")),
        };
        let immutable = texts.iter().any(|rule| rule.contains("oldSelf"));
        found.push(Field {
            path: path.clone(),
            required: required.contains(&name.as_str()),
            immutable,
            shape,
        });
        if field["type"] == "object" {
            collect(field, &path, found)?;
        }
    }
    Ok(())
}

/// The patterns that a rule in CEL names, one of which must match.
fn patterns(rule: &str) -> Vec<String> {
    let behind = rule.split("matches('").skip(1);
    behind.filter_map(|text| Some(text.split_once("')")?.0.replace("\\\\", "\\"))).collect()
}

/// Whether a text fits.
fn fits(text: &str, longest: usize, shortest: usize, patterns: &[String]) -> bool {
    let length = text.chars().count();
    let matches = |pattern: &String| Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text));
    (shortest..=longest).contains(&length) && (patterns.is_empty() || patterns.iter().any(matches))
}

/// Texts of these lengths, which most patterns match.
fn of_length(length: usize) -> Vec<String> {
    ["", "https://", "http://localhost"]
        .iter()
        .filter(|begin| begin.len() <= length)
        .map(|begin| format!("{begin}{}", "a".repeat(length - begin.len())))
        .collect()
}

fn fitting(longest: usize, shortest: usize, patterns: &[String]) -> BoxedStrategy<String> {
    let all = patterns.to_vec();
    let edges: Vec<String> = [1, 2, longest]
        .into_iter()
        .flat_map(of_length)
        .chain(["https://127.0.0.1:1".to_owned(), "http://[::1]:65535".to_owned()])
        .filter(|text| fits(text, longest, shortest, patterns))
        .collect();
    let drawn = patterns
        .iter()
        .map(|pattern| string_regex(pattern.trim_start_matches('^').trim_end_matches('$')).unwrap().boxed());
    let drawn: Vec<_> = drawn.chain(patterns.is_empty().then(|| ".{1,40}".boxed())).collect();
    let drawn = proptest::strategy::Union::new(drawn);
    prop_oneof![select(edges), drawn]
        .prop_filter("fits", move |text| fits(text, longest, shortest, &all))
        .boxed()
}

fn unfitting(longest: usize, shortest: usize, patterns: &[String]) -> BoxedStrategy<String> {
    let all = patterns.to_vec();
    let texts = [
        "",
        " ",
        "ä",
        "a b",
        "../x",
        "-a",
        "a-",
        ".",
        "a..b",
        "a.-b",
        "A_",
        "http://platform.kore.ai",
        "https://h/path",
        "https://H",
        "*",
    ];
    let long = of_length(longest + 1);
    let texts = texts.iter().map(|text| (*text).to_owned()).chain(long);
    let texts: Vec<String> = texts.filter(|text| !fits(text, longest, shortest, patterns)).collect();
    prop_oneof![4 => select(texts), 1 => ".{0,20}"]
        .prop_filter("does not fit", move |text| !fits(text, longest, shortest, &all))
        .boxed()
}

impl Field {
    /// The name that an error must contain.
    pub fn name(&self) -> &str {
        self.path.last().map(String::as_str).unwrap_or_default()
    }

    /// A value that is allowed.
    pub fn allowed(&self) -> BoxedStrategy<Change> {
        let value = match &self.shape {
            Shape::Text { longest, shortest, patterns } => {
                fitting(*longest, *shortest, patterns).prop_map(Value::from).boxed()
            }
            Shape::Choice(values) => select(values.clone()).boxed(),
            Shape::Integer { least, most } => {
                prop_oneof![Just(*least), Just(*most), *least..=*most].prop_map(Value::from).boxed()
            }
            Shape::Boolean => any::<bool>().prop_map(Value::from).boxed(),
            Shape::Texts { longest, most, patterns } => {
                proptest::collection::vec(fitting(*longest, 0, patterns), 0..=*most)
                    .prop_map(|texts| json!(texts))
                    .boxed()
            }
            // What is in it has changes of its own.
            Shape::Object => return self.with(Just(None).boxed()),
        };
        self.with(value.prop_map(Some).boxed())
    }

    /// Whether [`Self::allowed`] has something to draw.
    pub fn has_values(&self) -> bool {
        !matches!(self.shape, Shape::Object)
    }

    /// A value that breaks one rule.
    pub fn forbidden(&self) -> BoxedStrategy<Change> {
        let of_another_type = match &self.shape {
            Shape::Text { .. } | Shape::Choice(_) => vec![json!(1), json!(true), json!([]), json!({})],
            Shape::Integer { .. } => vec![json!("1"), json!(1.5), json!([1]), json!({}), json!(true)],
            Shape::Boolean => vec![json!("true"), json!(1), json!([])],
            Shape::Texts { .. } => vec![json!("https://a"), json!([1]), json!({"a": 1})],
            Shape::Object => vec![json!("a"), json!([]), json!(1)],
        };
        let own = match &self.shape {
            Shape::Text { longest, shortest, patterns } => {
                unfitting(*longest, *shortest, patterns).prop_map(Value::from).boxed()
            }
            Shape::Choice(_) => {
                select(vec![json!(""), json!("None"), json!("delete"), json!("hs256")]).boxed()
            }
            Shape::Integer { least, most } => {
                select(vec![json!(least - 1), json!(most + 1), json!(i64::MAX), json!(i64::MIN)]).boxed()
            }
            Shape::Texts { longest, most, patterns } => {
                let many = proptest::collection::vec(Just("https://a".to_owned()), most + 1..most + 3);
                let wrong = unfitting(*longest, 0, patterns).prop_map(|text| vec![text]);
                prop_oneof![many, wrong].prop_map(|texts| json!(texts)).boxed()
            }
            Shape::Boolean | Shape::Object => select(of_another_type.clone()).boxed(),
        };
        let value = prop_oneof![3 => own, 1 => select(of_another_type)].prop_map(Some);
        if self.required {
            self.with(prop_oneof![4 => value, 1 => Just(None)].boxed())
        } else {
            self.with(value.boxed())
        }
    }

    fn with(&self, value: BoxedStrategy<Option<Value>>) -> BoxedStrategy<Change> {
        let path = self.path.clone();
        value.prop_map(move |value| Change { path: path.clone(), value }).boxed()
    }
}

impl Change {
    /// Makes the change.
    pub fn apply(&self, spec: &mut Value) {
        let Some((last, before)) = self.path.split_last() else { return };
        let mut place = spec;
        for name in before {
            place = &mut place[name.as_str()];
        }
        if place.is_null() {
            *place = json!({});
        }
        match (&self.value, place.as_object_mut()) {
            (Some(value), Some(fields)) => drop(fields.insert(last.clone(), value.clone())),
            (None, Some(fields)) => drop(fields.remove(last)),
            (_, None) => {}
        }
    }

    pub fn is_of(&self, name: &str) -> bool {
        self.path.first().is_some_and(|first| first == name)
    }
}
