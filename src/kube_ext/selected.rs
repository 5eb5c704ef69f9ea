use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use kube::core::{Expression, Selector, SelectorExt};
use kube::{Resource, ResourceExt};

/// The label selector of this instance. It reconciles the objects that the selector selects; all if it is
/// empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected(Selector);

impl Selected {
    /// Whether this instance reconciles the object.
    pub fn selects(&self, object: &impl Resource) -> bool {
        self.0.matches(object.labels())
    }

    /// Whether this instance reconciles all objects.
    pub fn selects_all(&self) -> bool {
        self.0.selects_all()
    }

    /// The selector, for lists and watches.
    pub fn selector(&self) -> &Selector {
        &self.0
    }
}

impl fmt::Display for Selected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Parses what kubectl accepts as `--selector`.
impl FromStr for Selected {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expressions: Option<Vec<Expression>> =
            requirements(text).into_iter().map(|part| requirement(part.trim())).collect();
        expressions.map(|expressions| Self(expressions.into_iter().collect())).ok_or_else(|| {
            "must be requirements separated by commas, such as `shard=a`, `shard!=a`, `shard in (a,b)`, `shard notin (a,b)`, \
             `shard` or `!shard`"
                .to_owned()
        })
    }
}

/// Splits at the commas that are not in parentheses.
fn requirements(text: &str) -> Vec<&str> {
    let mut depth = 0;
    let parts = text.split(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    });
    if text.trim().is_empty() { Vec::new() } else { parts.collect() }
}

fn requirement(text: &str) -> Option<Expression> {
    if let Some((before, values)) = text.trim_end().strip_suffix(')').and_then(|text| text.split_once('(')) {
        let (name, operator) = before.trim().rsplit_once(char::is_whitespace)?;
        let not_empty = Some(values).filter(|values| !values.trim().is_empty())?;
        let values: Option<BTreeSet<String>> = not_empty.split(',').map(value).collect();
        match operator {
            "in" => Some(Expression::In(key_of(name)?, values?)),
            "notin" => Some(Expression::NotIn(key_of(name)?, values?)),
            _ => None,
        }
    } else if let Some((name, other)) = text.split_once("!=") {
        Some(Expression::NotEqual(key_of(name)?, value(other)?))
    } else if let Some((name, other)) = text.split_once("==").or_else(|| text.split_once('=')) {
        Some(Expression::Equal(key_of(name)?, value(other)?))
    } else if let Some(name) = text.strip_prefix('!') {
        key_of(name).map(Expression::DoesNotExist)
    } else {
        key_of(text).map(Expression::Exists)
    }
}

/// A label key: a name, optionally after a DNS domain and `/`.
fn key_of(text: &str) -> Option<String> {
    let text = text.trim();
    let (domain, name) = text.split_once('/').map_or((None, text), |(domain, name)| (Some(domain), name));
    let domain_fits =
        domain.is_none_or(|domain| !domain.is_empty() && domain.len() <= 253 && is_label_text(domain));
    (domain_fits && !name.is_empty() && name.len() <= 63 && is_label_text(name)).then(|| text.to_owned())
}

fn value(text: &str) -> Option<String> {
    let text = text.trim();
    (text.len() <= 63 && is_label_text(text)).then(|| text.to_owned())
}

fn is_label_text(text: &str) -> bool {
    let at_ends = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.chars().all(inside) && at_ends(text.chars().next()) && at_ends(text.chars().last())
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;

    fn with(labels: &[(&str, &str)]) -> ConfigMap {
        let mut object = ConfigMap::default();
        object.metadata.labels =
            Some(labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect());
        object
    }

    #[test]
    fn a_selector_selects_as_kubectl_does() {
        let (a, b, none) = (with(&[("shard", "a"), ("x/y", "1")]), with(&[("shard", "b")]), with(&[]));
        for (text, selected) in [
            ("", [true, true, true]),
            ("shard=a", [true, false, false]),
            (" shard == a ", [true, false, false]),
            ("shard!=a", [false, true, true]),
            ("shard in (a, b)", [true, true, false]),
            ("shard in(a,b)", [true, true, false]),
            ("shard notin(a),shard  in  ( b , )", [false, true, false]),
            ("shard notin (a,c),shard", [false, true, false]),
            ("!shard", [false, false, true]),
            ("x/y=1,shard", [true, false, false]),
        ] {
            let parsed: Selected = text.parse().unwrap();
            assert_eq!([&a, &b, &none].map(|object| parsed.selects(object)), selected, "{text}");
            assert_eq!(parsed.selects_all(), text.is_empty());
            assert_eq!(parsed.to_string().parse::<Selected>().unwrap(), parsed, "{parsed}");
        }
    }

    #[test]
    fn a_wrong_selector_is_refused_with_what_is_allowed() {
        for text in [
            ",",
            "a b",
            "=a",
            "shard=a,",
            "shard in a",
            "shard in (a",
            "a//b=c",
            "-a",
            "a=ä",
            "a=b=c",
            "!",
            "a in ()",
            "a in ( )",
            "in (a)",
            "a of (b)",
            "a (b)",
            "a in (b) c",
        ] {
            let refused = text.parse::<Selected>();
            assert!(refused.as_ref().is_err_and(|error| error.contains("`shard!=a`")), "{text}: {refused:?}");
        }
    }
}
