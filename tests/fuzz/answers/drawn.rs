//! Answers around the documented ones: a sample, mutated as JSON, then as bytes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use secrecy::SecretString;
use serde_json::{Value, json};
use voicecampaign_operator::kore::RawAnswer;

use super::words::{NAMES, RAW, TEXTS};
use super::{SECRET, TOKEN};
use crate::tree::Tree;

/// An answer, as the operator's own code takes it.
#[derive(Clone)]
pub struct Answer {
    pub http_status: u16,
    pub retry_after: Option<Duration>,
    pub oversized: bool,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn raw(&self) -> RawAnswer {
        RawAnswer {
            http_status: self.http_status,
            retry_after: self.retry_after,
            body: self.body.clone(),
            oversized: self.oversized,
            secrets: [TOKEN, SECRET].map(SecretString::from).to_vec(),
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { http_status, oversized, body, .. } = self;
        let oversized = if *oversized { ", oversized" } else { "" };
        let body: String = body.escape_ascii().to_string().chars().take(4000).collect();
        write!(f, "HTTP {http_status}{oversized}: {body}")
    }
}

/// One change of a JSON value.
#[derive(Clone, Debug)]
enum Change {
    Remove,
    Become(Tree),
    Repeat(Tree),
    Add(&'static str, Tree),
    Rename(&'static str),
    Nest(usize),
    Fill(usize),
    Graft(Index),
}

/// One change of the bytes of a body.
#[derive(Clone, Debug)]
enum Damage {
    Byte(Index, u8),
    Insert(Index, &'static [u8]),
    Cut(Index),
    Behind(&'static [u8]),
    /// A byte order mark.
    Mark,
    Instead(&'static [u8]),
    Escaped,
}

/// Answers to any call.
pub fn answer(samples: &Arc<Vec<Tree>>) -> impl Strategy<Value = Answer> + use<> {
    let all = samples.clone();
    let retry_after = prop::option::weighted(0.1, (0u64..1000).prop_map(Duration::from_secs));
    let changes = few((any::<Index>(), any::<Index>(), change()), 2);
    let damage = few(damage(), 6);
    (select(samples.to_vec()), changes, damage, status(), retry_after, prop::bool::weighted(0.01)).prop_map(
        move |(mut tree, changes, damage, http_status, retry_after, oversized)| {
            for (place, field, change) in changes {
                apply(&mut tree, &all, &place, &field, change);
            }
            let mut body = tree.to_string().into_bytes();
            damage.into_iter().for_each(|damage| spoil(&mut body, damage));
            if oversized {
                // The client keeps nothing of it.
                body.clear();
            }
            Answer { http_status, retry_after, oversized, body }
        },
    )
}

/// None of them, so often; otherwise one, or a few.
fn few<S: Strategy<Value: Clone> + 'static>(one: S, none: u32) -> impl Strategy<Value = Vec<S::Value>> {
    let one = one.boxed();
    prop_oneof![none => vec(one.clone(), 0), 2 => vec(one.clone(), 1), 1 => vec(one, 2..5)]
}

fn status() -> impl Strategy<Value = u16> {
    let documented = select(&[202u16, 204, 301, 400, 401, 403, 404, 408, 410, 422, 425, 429, 500, 503][..]);
    prop_oneof![6 => Just(200), 1 => Just(404), 2 => documented, 1 => 100u16..1000]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        2 => Just(Change::Remove),
        4 => leaf().prop_map(Change::Become),
        2 => leaf().prop_map(Change::Repeat),
        4 => (select(&NAMES[..]), leaf()).prop_map(|(name, value)| Change::Add(name, value)),
        1 => select(&NAMES[..]).prop_map(Change::Rename),
        1 => (1usize..300).prop_map(Change::Nest),
        1 => (1usize..20_000).prop_map(Change::Fill),
        2 => any::<Index>().prop_map(Change::Graft),
    ]
}

fn leaf() -> impl Strategy<Value = Tree> {
    let number = prop_oneof![
        select(&[-1i64, 0, 1, 2, 50, 200, 202, 400, 404, 429, 500, i64::MAX, i64::MIN][..])
            .prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (400i64..600).prop_map(Value::from),
    ];
    prop_oneof![
        6 => select(&TEXTS[..]).prop_map(|text| Tree::Leaf(text.into())),
        1 => ".{0,40}".prop_map(|text: String| Tree::Leaf(text.into())),
        2 => number.prop_map(Tree::Leaf),
        1 => any::<bool>().prop_map(|flag| Tree::Leaf(flag.into())),
        1 => Just(Tree::Leaf(Value::Null)),
        1 => select(&RAW[..]).prop_map(Tree::Raw),
        1 => Just(Tree::List(Vec::new())),
        1 => Just(Tree::Fields(Vec::new())),
        1 => select(&TEXTS[..]).prop_map(|text| Tree::List(vec![text.into()])),
        1 => (select(&NAMES[..]), select(&TEXTS[..]))
            .prop_map(|(name, text)| Tree::Fields(vec![(name.to_owned(), text.into())])),
    ]
}

fn apply(tree: &mut Tree, samples: &[Tree], place: &Index, field: &Index, change: Change) {
    let node = tree.pick(place);
    match (change, node) {
        (Change::Remove, Tree::Fields(fields)) if !fields.is_empty() => {
            fields.remove(field.index(fields.len()));
        }
        (Change::Remove, Tree::List(entries)) if !entries.is_empty() => {
            entries.remove(field.index(entries.len()));
        }
        (Change::Repeat(value), Tree::Fields(fields)) if !fields.is_empty() => {
            let name = fields[field.index(fields.len())].0.clone();
            fields.insert(field.index(fields.len() + 1), (name, value));
        }
        (Change::Add(name, value), Tree::Fields(fields)) => {
            fields.insert(field.index(fields.len() + 1), (name.to_owned(), value));
        }
        (Change::Rename(name), Tree::Fields(fields)) if !fields.is_empty() => {
            let at = field.index(fields.len());
            name.clone_into(&mut fields[at].0);
        }
        (Change::Become(value) | Change::Repeat(value), node) => *node = value,
        (Change::Nest(depth), node) => {
            for _ in 0..depth {
                let inside = std::mem::replace(node, Tree::Leaf(Value::Null));
                *node = Tree::List(vec![inside]);
            }
        }
        (Change::Fill(length), node) => *node = Tree::Leaf("ü7 ".repeat(length).into()),
        (Change::Graft(other), node) => {
            let mut other = samples[other.index(samples.len())].clone();
            *node = other.pick(field).clone();
        }
        (Change::Remove | Change::Add(..) | Change::Rename(_), node) => *node = Tree::Leaf(json!(null)),
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    let pieces: &[&[u8]] = &[
        b"\xef\xbb\xbf",
        b"\xff",
        b"\xc3",
        b"\0",
        b"\n",
        b"\t",
        b"\\ud83d",
        b"\\x",
        b"\"",
        b"}",
        b",",
        b"\xe2\x80\x8b",
    ];
    let bodies: &[&[u8]] = &[
        b"",
        b" ",
        b"null",
        b"[]",
        b"\"success\"",
        b"{",
        b"\x1f\x8b\x08",
        b"Campaign not found",
        b"No campaigns found",
        b"<html><body>404 Not Found: cd-a1e45a7-e8ba-4e97-a339-476ebc7xxxxx</body></html>",
        b"<!DOCTYPE html><title>success</title>",
        b"upstream connect error",
    ];
    prop_oneof![
        2 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Byte(at, byte)),
        2 => (any::<Index>(), select(pieces)).prop_map(|(at, piece)| Damage::Insert(at, piece)),
        1 => any::<Index>().prop_map(Damage::Cut),
        1 => select(pieces).prop_map(Damage::Behind),
        1 => select(bodies).prop_map(Damage::Instead),
        1 => Just(Damage::Mark),
        1 => Just(Damage::Escaped),
    ]
}

fn spoil(body: &mut Vec<u8>, damage: Damage) {
    match damage {
        Damage::Byte(at, byte) if !body.is_empty() => {
            let at = at.index(body.len());
            body[at] = byte;
        }
        Damage::Byte(..) => {}
        Damage::Insert(at, piece) => {
            let at = at.index(body.len() + 1);
            body.splice(at..at, piece.iter().copied());
        }
        Damage::Cut(at) => body.truncate(at.index(body.len() + 1)),
        Damage::Mark => drop(body.splice(0..0, *b"\xef\xbb\xbf")),
        Damage::Behind(piece) => body.extend_from_slice(piece),
        Damage::Instead(whole) => *body = whole.to_vec(),
        Damage::Escaped => *body = escaped(&String::from_utf8_lossy(body)).into_bytes(),
    }
}

/// Each letter `s` and `c` as an escape of JSON: the same text to whoever reads it.
fn escaped(text: &str) -> String {
    text.replace('s', "\\u0073").replace('c', "\\u0063")
}
