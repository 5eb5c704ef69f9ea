//! Values that can't be right.

use super::flaw::Flaw;
use super::id::is_other_id;
use super::names::{ends_as_a_credential, is_name_of_a_credential, is_placeholder, without_prefix};
use super::problem::SecretProblem;
use super::text::within;
use crate::kore::scrub::is_invisible;

/// Marks around a template: opening, closing.
const TEMPLATES: [[&str; 2]; 10] = [
    ["${", "}"],
    ["$(", ")"],
    ["#{", "}"],
    ["{{", "}}"],
    ["[[", "]]"],
    ["((", "))"],
    ["<", ">"],
    ["ENC[", "]"],
    ["ENC(", ")"],
    ["@Microsoft.KeyVault(", ")"],
];
/// Marks around the name of a variable: opening, closing.
const AROUND_A_NAME: [[&str; 2]; 9] = [
    ["$", ""],
    ["$", "$"],
    ["$env:", ""],
    ["%", "%"],
    ["%(", ")s"],
    ["__", "__"],
    ["@", "@"],
    ["#", "#"],
    ["!", "!"],
];
/// First characters of a reference to a store of secrets, or of a value that one has encrypted. A URL is a
/// reference, too.
const REFERENCES: [&str; 17] = [
    "vault:",
    "bao:",
    "arn:aws",
    "ref+",
    "secretref:",
    "keyvault:",
    "ssm:",
    "awssm:",
    "gcpsm:",
    "file:",
    "/run/secrets/",
    "/vault/secrets/",
    "secret/data/",
    "{cipher}",
    "$ANSIBLE_VAULT;",
    "projects/",
    "/etc/",
];
/// Most characters of a value that are searched for the name of a credential.
const LONGEST_READ: usize = 1024;

type Test = fn(&str) -> bool;

/// The tests for flaws. The first flaw is reported.
const FLAWS: [(Flaw, Test); 10] = [
    (Flaw::Template, is_template),
    (Flaw::Reference, is_reference),
    (Flaw::Placeholder, is_placeholder),
    (Flaw::Token, is_token),
    (Flaw::Pem, |value| value.starts_with("-----BEGIN")),
    (Flaw::OtherId, is_other_id),
    (Flaw::Pasted, |value| is_pasted(value) || is_json(value)),
    (Flaw::Blank, |value| value.contains(char::is_whitespace)),
    (Flaw::Invisible, |value| value.contains(is_invisible)),
    (Flaw::NotAscii, |value| !value.is_ascii()),
];

/// Checks that a value can be a client ID or a client secret: printable ASCII without blanks, which is not
/// certainly something else.
///
/// # Errors
/// If the value has a flaw.
pub fn check(key: &'static str, value: &str) -> Result<(), SecretProblem> {
    let flaw = FLAWS.iter().find(|(_, is_flawed)| is_flawed(value));
    flaw.map_or(Ok(()), |(flaw, _)| Err(SecretProblem::Unusable(key, *flaw)))
}

fn is_template(value: &str) -> bool {
    let value = without_prefix(value);
    TEMPLATES.iter().any(|around| within(value, around).is_some())
        || AROUND_A_NAME.iter().filter_map(|around| within(value, around)).any(is_variable)
}

/// Whether this is the name of a variable: capitals, or words that names of credentials consist of.
fn is_variable(name: &str) -> bool {
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let capitals = bare.len() > 1 && bare.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    capitals || is_name_of_a_credential(name)
}

fn is_reference(value: &str) -> bool {
    let is_url = value.split_once("://").is_some_and(|(scheme, _)| {
        scheme.len() > 1 && scheme.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '+' | '-'))
    });
    is_url || REFERENCES.iter().any(|start| value.starts_with(start))
}

/// A JWT has three parts, and a JWE five. The first part is base64url of JSON.
fn is_token(value: &str) -> bool {
    let token = value.strip_prefix("Bearer ").unwrap_or(value);
    token.starts_with("eyJ")
        && matches!(token.split('.').count(), 3 | 5)
        && token.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '='))
}

fn is_json(value: &str) -> bool {
    value.starts_with(['{', '[']) && serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok()
}

/// Whether the name of a credential comes before the value, as in a line of YAML, of JSON, or of an
/// environment file.
fn is_pasted(value: &str) -> bool {
    value.char_indices().take(LONGEST_READ).filter(|(_, c)| matches!(c, ':' | '=')).any(|(at, _)| {
        let before = value[..at].trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
        let word = before.rsplit(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '{' | ',')).next();
        // A value must follow: base64 may end in `=`.
        let follows = value[at + 1..].contains(|c: char| !c.is_whitespace() && c != '=');
        let names = |word: &str| ends_as_a_credential(word) || is_name_of_a_credential(word);
        follows && word.is_some_and(names)
    })
}
