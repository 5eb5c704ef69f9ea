//! JSON as it is written: with repeated fields, and with numbers that no program can hold.

use std::fmt;

use proptest::sample::Index;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// A value, its fields in their order.
#[derive(Clone, PartialEq)]
pub enum Tree {
    /// A text, number, boolean or null.
    Leaf(Value),
    /// What stands in place of a value, as it stands.
    Raw(&'static str),
    List(Vec<Tree>),
    Fields(Vec<(String, Tree)>),
}

impl Tree {
    /// Reads a text strictly; `None` if it is not JSON.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The values of all fields of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Tree> {
        self.fields().iter().filter(move |(field, _)| field == name).map(|(_, value)| value)
    }

    pub fn fields(&self) -> &[(String, Tree)] {
        if let Self::Fields(fields) = self { fields } else { &[] }
    }

    pub fn entries(&self) -> &[Tree] {
        if let Self::List(entries) = self { entries } else { &[] }
    }

    pub fn text(&self) -> Option<&str> {
        if let Self::Leaf(Value::String(text)) = self { Some(text) } else { None }
    }

    /// Calls `look` with the name and value of every field, at any depth.
    pub fn every_field<'a>(&'a self, look: &mut impl FnMut(&'a str, &'a Tree)) {
        match self {
            Self::Fields(fields) => {
                for (name, value) in fields {
                    look(name, value);
                    value.every_field(look);
                }
            }
            Self::List(entries) => entries.iter().for_each(|entry| entry.every_field(look)),
            Self::Leaf(_) | Self::Raw(_) => {}
        }
    }

    /// Any value in this one, or this one itself.
    pub fn pick(&mut self, index: &Index) -> &mut Tree {
        let at = index.index(self.size());
        self.nth(at).unwrap_or_else(|_| unreachable!("it has so many values"))
    }

    fn size(&self) -> usize {
        match self {
            Self::Fields(fields) => 1 + fields.iter().map(|(_, value)| value.size()).sum::<usize>(),
            Self::List(entries) => 1 + entries.iter().map(Self::size).sum::<usize>(),
            Self::Leaf(_) | Self::Raw(_) => 1,
        }
    }

    /// The value at this position, or how far behind this value it is.
    fn nth(&mut self, at: usize) -> Result<&mut Tree, usize> {
        if at == 0 {
            return Ok(self);
        }
        let mut left = at - 1;
        let inside: Vec<&mut Tree> = match self {
            Self::Fields(fields) => fields.iter_mut().map(|(_, value)| value).collect(),
            Self::List(entries) => entries.iter_mut().collect(),
            Self::Leaf(_) | Self::Raw(_) => Vec::new(),
        };
        for value in inside {
            match value.nth(left) {
                Ok(found) => return Ok(found),
                Err(behind) => left = behind,
            }
        }
        Err(left)
    }
}

impl From<&str> for Tree {
    fn from(text: &str) -> Self {
        Self::Leaf(text.into())
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaf(value) => write!(f, "{value}"),
            Self::Raw(text) => f.write_str(text),
            Self::List(entries) => {
                f.write_str("[")?;
                for (number, entry) in entries.iter().enumerate() {
                    write!(f, "{}{entry}", if number > 0 { "," } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Fields(fields) => {
                f.write_str("{")?;
                for (number, (name, value)) in fields.iter().enumerate() {
                    let comma = if number > 0 { "," } else { "" };
                    write!(f, "{comma}{}:{value}", Value::from(name.as_str()))?;
                }
                f.write_str("}")
            }
        }
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Leaf(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Tree, A::Error> {
        let mut read = Vec::new();
        while let Some(entry) = entries.next_element()? {
            read.push(entry);
        }
        Ok(Tree::List(read))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Tree, A::Error> {
        let mut read = Vec::new();
        while let Some(field) = fields.next_entry()? {
            read.push(field);
        }
        Ok(Tree::Fields(read))
    }
}
