//! kubeconfigs around a whole one, as JSON, which is YAML, too; and files that are none.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use crate::tree::Tree;

/// What must not be shown, wherever it stands in a kubeconfig.
pub const SECRETS: [&str; 6] = [
    "kubeconfig-token-0123456789",
    "kubeconfig-password-0123456789",
    "a3ViZWNvbmZpZy1rZXktMDEyMzQ1Njc4OQ==",
    "kubeconfig-environment-0123456789",
    "kubeconfig-refresh-0123456789",
    "proxy-password-0123",
];

/// A kubeconfig of an API server that is not there.
pub fn whole() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "fuzz", "preferences": {},
        "clusters": [{"name": "fuzz", "cluster": {"server": "https://127.0.0.1:1", "insecure-skip-tls-verify": true}}],
        "contexts": [{"name": "fuzz", "context": {"cluster": "fuzz", "user": "fuzz", "namespace": "fuzz"}}],
        "users": [{"name": "fuzz", "user": {"token": SECRETS[0]}}],
    })
}

/// The same with every way to log in.
fn users() -> Vec<Value> {
    let [token, password, key, environment, refresh, _] = SECRETS;
    vec![
        json!({"token": token}),
        json!({"username": "fuzz", "password": password}),
        json!({"client-certificate-data": key, "client-key-data": key}),
        json!({"client-certificate": "/nonexistent", "client-key": "/nonexistent", "token": token}),
        json!({"tokenFile": "/nonexistent"}),
        json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/nonexistent", "args": ["login"],
            "interactiveMode": "Never", "env": [{"name": "SECRET", "value": environment}]}}),
        json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/echo", "args": [token],
            "interactiveMode": "Never", "env": null}}),
        json!({"auth-provider": {"name": "oidc", "config": {"refresh-token": refresh, "id-token": token,
            "client-id": "fuzz", "client-secret": password, "idp-issuer-url": "https://127.0.0.1:1"}}}),
        json!({"auth-provider": {"name": "unheard-of", "config": {"access-token": token}}}),
    ]
}

/// Files that are no kubeconfig.
const FILES: [&[u8]; 16] = [
    b"", b"\n", b"null", b"[]", b"{}", b"0", b"\xff\xfe\x00", b"\x00\x00", b"- a\n- b", b"a: b: c", b"\tkey: value",
    b"---\n---\n---\n", b"clusters: &a [*a]", b"users: !!binary x", b"kubeconfig-token-0123456789",
    b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
      d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n\
      g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: &h [*g,*g,*g,*g,*g,*g,*g,*g,*g]\nusers: *h\n",
];

const NAMES: [&str; 17] = [
    "server",
    "certificate-authority-data",
    "certificate-authority",
    "insecure-skip-tls-verify",
    "tls-server-name",
    "proxy-url",
    "token",
    "tokenFile",
    "client-key",
    "client-certificate",
    "client-key-data",
    "client-certificate-data",
    "namespace",
    "user",
    "current-context",
    "clusters",
    "unheardOf",
];

#[derive(Clone, Debug)]
enum Change {
    Remove,
    Become(Tree),
    Add(&'static str, Tree),
    /// Another part of the same file takes its place.
    Graft(Index),
    Nest(usize),
}

pub fn drawn() -> impl Strategy<Value = Vec<u8>> {
    let change = prop_oneof![
        2 => Just(Change::Remove),
        3 => leaf().prop_map(Change::Become),
        3 => (select(&NAMES[..]), leaf()).prop_map(|(name, value)| Change::Add(name, value)),
        3 => any::<Index>().prop_map(Change::Graft),
        1 => prop_oneof![1..3usize, Just(2000)].prop_map(Change::Nest),
    ];
    let changed =
        (select(users()), vec((any::<Index>(), any::<Index>(), change), 0..4)).prop_map(|(user, changes)| {
            let mut config = whole();
            config["users"][0]["user"] = user;
            let mut tree = Tree::parse(&config.to_string()).unwrap();
            for (place, field, change) in changes {
                apply(&mut tree, &place, &field, change);
            }
            tree.to_string().into_bytes()
        });
    let damaged = (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| {
        let mut file = whole().to_string().into_bytes();
        let at = at.index(file.len());
        file[at] = byte;
        file
    });
    let cut = any::<Index>().prop_map(|at| {
        let mut file = whole().to_string().into_bytes();
        file.truncate(at.index(file.len()));
        file
    });
    prop_oneof![8 => changed, 1 => damaged, 1 => cut, 2 => select(&FILES[..]).prop_map(<[u8]>::to_vec)]
}

fn leaf() -> impl Strategy<Value = Tree> {
    let texts: &[&str] = &[
        "",
        "https://127.0.0.1:1",
        "http://127.0.0.1:1",
        "127.0.0.1",
        "https://",
        "https://[",
        "unix:///x",
        "not base64!",
        "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCkFBQUEKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=",
        "/nonexistent",
        "/",
        "other",
        "http://u:kubeconfig-password-0123456789@127.0.0.1:1",
        "https://u:kubeconfig-password-0123456789@127.0.0.1:1",
        "socks5://u:kubeconfig-password-0123456789@127.0.0.1:1",
        "ftp://u:kubeconfig-password-0123456789@127.0.0.1:1",
        "u:kubeconfig-password-0123456789@127.0.0.1:1",
        "socks5://u:kubeconfig-password-0123456789#@127.0.0.1:1",
        SECRETS[0],
        SECRETS[2],
        "true",
        "\u{0}",
        "ä",
    ];
    prop_oneof![
        6 => select(texts).prop_map(|text| Tree::Leaf(text.into())),
        1 => any::<i64>().prop_map(|number| Tree::Leaf(number.into())),
        1 => any::<bool>().prop_map(|flag| Tree::Leaf(flag.into())),
        1 => Just(Tree::Leaf(Value::Null)),
        1 => Just(Tree::List(Vec::new())),
        1 => Just(Tree::Fields(Vec::new())),
    ]
}

fn apply(tree: &mut Tree, place: &Index, field: &Index, change: Change) {
    let copy = tree.clone();
    match (change, tree.pick(place)) {
        (Change::Remove, Tree::Fields(fields)) if !fields.is_empty() => {
            drop(fields.remove(field.index(fields.len())))
        }
        (Change::Remove, Tree::List(entries)) if !entries.is_empty() => {
            drop(entries.remove(field.index(entries.len())))
        }
        (Change::Add(name, value), Tree::Fields(fields)) => fields.push((name.to_owned(), value)),
        (Change::Become(value) | Change::Add(_, value), node) => *node = value,
        (Change::Graft(other), node) => {
            let mut copy = copy;
            *node = copy.pick(&other).clone();
        }
        (Change::Nest(depth), node) => {
            for _ in 0..depth {
                let inside = std::mem::replace(node, Tree::Leaf(Value::Null));
                *node = Tree::List(vec![inside]);
            }
        }
        (Change::Remove, node) => *node = Tree::Leaf(Value::Null),
    }
}
