//! What a Secret holds: credentials, or what is wrong with it. Pure.
//!
//! ```text
//!   bytes ─▶ text, and what stands around it ─▶ decoded, if the id proves how ─▶ flawed? named ─▶ credentials, and hints
//! ```
//!
//! What can have one meaning only is healed (blanks and quotes around a value, UTF-16, a second base64). What can't be right is
//! named for what it is, without the value, a part of it, or its length. A secret may be any text of ordinary characters,
//! and nobody has documented the form of an id: what only looks wrong is a hint, for when Kore has refused it.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use secrecy::SecretString;
use secrecy::zeroize::{Zeroize, Zeroizing};

use super::Problem;
use crate::api::KoreConnection;
use crate::kore::Credentials;
use crate::kore::scrub::{cut, is_invisible};

const CLIENT_ID: &str = "clientId";
const CLIENT_SECRET: &str = "clientSecret";
/// What Kore's client ids begin with, as far as is known.
const ID_PREFIX: &str = "cs-";
/// What Kore's other ids begin with: of a campaign, its run, a list, a flow, a stream.
const OTHER_PREFIXES: [&str; 5] = ["cd-", "cid-", "cl-", "cf-", "st-"];
/// Most characters of the name of a key that are shown.
const LONGEST_KEY: usize = 64;
/// Fewest characters of a text that base64 may have made of another.
const SHORTEST_ENCODED: usize = 8;
/// Quotes that a shell, an editor or a list may have left around a value: opening, closing.
const QUOTES: [[&str; 2]; 16] = [
    ["b'", "'"],
    ["b\"", "\""],
    ["\"", "\""],
    ["\"", "\","],
    ["\"", "\";"],
    ["'", "'"],
    ["'", "',"],
    ["'", "';"],
    ["$'", "'"],
    ["\\\"", "\\\""],
    ["\\'", "\\'"],
    ["&quot;", "&quot;"],
    ["`", "`"],
    ["“", "”"],
    ["‘", "’"],
    ["„", "“"],
];
/// What a template stands in, whatever it holds: how it begins, how it ends.
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
/// What stands around the name of a variable.
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
/// How a reference to a store of secrets begins, or what one has encrypted. A URL is one, too.
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
/// Words that say that a value is none.
const NO_VALUE: [&str; 30] = [
    "change",
    "replace",
    "fill",
    "insert",
    "enter",
    "paste",
    "provide",
    "your",
    "placeholder",
    "todo",
    "tbd",
    "tba",
    "fixme",
    "example",
    "dummy",
    "redacted",
    "removed",
    "hidden",
    "masked",
    "null",
    "nil",
    "none",
    "undefined",
    "unset",
    "empty",
    "clientid",
    "clientsecret",
    "novalue",
    "notset",
    "defined",
];
/// Words that stand beside them.
const BESIDE: [&str; 26] = [
    "me", "my", "the", "this", "that", "it", "in", "with", "by", "for", "from", "to", "of", "be", "here",
    "goes", "real", "actual", "own", "ai", "set", "before", "use", "some", "please", "put",
];
/// Words that the name of a credential is made of, as in `KORE_APP_ID`.
const NAMES: [&str; 11] =
    ["kore", "jwt", "app", "api", "client", "id", "secret", "key", "token", "password", "value"];
/// How the name of a credential ends, whatever stands before.
const LAST_NAMES: [&str; 7] =
    ["clientid", "appid", "secret", "token", "password", "credential", "credentials"];
/// Longest text that is read for words, in letters.
const LONGEST_WORDS: usize = 64;
/// Within how many characters the name of a credential is looked for.
const LONGEST_READ: usize = 1024;
/// What a value may be masked with, and what may stand between.
const MASKS: [char; 6] = ['x', 'X', '*', '.', '…', '•'];
const BETWEEN_MASKS: [char; 4] = ['-', '_', '?', '#'];
/// Fewest of them that are no accident.
const FEWEST_MASKS: usize = 3;
/// Line ends that were written out, as by `--from-literal='x\n'`, or encoded.
const WRITTEN_LINE_ENDS: [&str; 14] = [
    "\\n", "\\r", "\\x0a", "\\x0d", "\\u000a", "\\u000d", "%0A", "%0D", "%0a", "%0d", "&#10;", "&#13;",
    "&#xA;", "&#xD;",
];

/// Why there are no credentials in a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretProblem {
    /// There is no such Secret.
    NotFound,
    /// It may not be read.
    Forbidden,
    /// It lacks the key, or the key is empty.
    KeyMissing(&'static str),
    /// It lacks the key, and has one that is spelled otherwise.
    KeyMisspelled {
        /// As it must be.
        key: &'static str,
        /// As it is.
        found: String,
    },
    /// What stands under the key can't be right.
    Unusable(&'static str, Flaw),
}

/// Why a value can be no client id and no client secret. Says nothing of the value itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Neither UTF-8 nor UTF-16.
    #[error("something that is not text; save it as plain UTF-8 text")]
    NotText,
    /// A line of a file, a whole file, or JSON.
    #[error(
        "a whole line or file, or JSON (as in `clientSecret: …`, `NAME=…` or `{{…}}`); only the value itself belongs there"
    )]
    Pasted,
    /// A template that nothing has filled in, or an encrypted form that nothing has decrypted.
    #[error(
        "what stands for a value (as `${{…}}`, `$NAME`, `{{{{ … }}}}`, `<…>` or SOPS's `ENC[…]`), and not the value: nothing has filled it in"
    )]
    Template,
    /// Where a value is kept.
    #[error(
        "a reference to a value (an address, a path, or as `vault:…`), and not the value: nothing has looked it up"
    )]
    Reference,
    /// A word or a mask that somebody was to replace.
    #[error("a placeholder or a masked value, which nobody has replaced by the value")]
    Placeholder,
    /// A JWT or a JWE.
    #[error("a token (it begins with `eyJ`), and not what tokens are made with")]
    Token,
    /// A key or a certificate.
    #[error("a PEM block (it begins with `-----BEGIN`); a JWT app with HS256 or HS512 has a client secret")]
    Pem,
    /// Another id of Kore.
    #[error("the id of something else (of a campaign or a stream, for example), and not of a JWT app")]
    OtherId,
    /// Two words, or two lines.
    #[error("a value with a blank or a line break in it")]
    Blank,
    /// A control character, or one of no width.
    #[error(
        "a value with a character in it that can't be seen, as some editors and web pages add; type it anew"
    )]
    Invisible,
    /// A letter or a mark outside of ASCII.
    #[error(
        "a value with a character in it that is not ASCII, as a dash or a quote that an editor has replaced; copy it anew"
    )]
    NotAscii,
    /// The id is encoded, and the secret is not.
    #[error(
        "a value that is not encoded as the other is: clientId is {0}. Give both as they are under `stringData`"
    )]
    NotEncoded(&'static str),
    /// The same value under both keys.
    #[error("the same value as under clientId")]
    SameAsId,
    /// A client id in the place of the secret.
    #[error("a client id (it begins with `cs-`)")]
    ClientId,
}

/// What was found in a Secret.
#[derive(Clone, Debug)]
pub struct Found {
    /// The credentials.
    pub credentials: Credentials,
    /// What looks wrong and may be right, in sentences.
    pub encoded: Vec<&'static str>,
}

impl SecretProblem {
    /// The problem as the status of this connection tells it.
    pub fn of(self, connection: &KoreConnection) -> Problem {
        let secret = connection.spec.credentials_secret_ref.name.clone();
        match self {
            Self::NotFound => Problem::SecretNotFound {
                connection: connection.metadata.name.clone().unwrap_or_default(),
                secret,
            },
            Self::Forbidden => Problem::SecretForbidden { secret },
            Self::KeyMissing(key) => Problem::KeyMissing { secret, key },
            Self::KeyMisspelled { key, found } => Problem::KeyMisspelled { secret, key, found },
            Self::Unusable(key, flaw) => Problem::ValueUnusable { secret, key, flaw },
        }
    }
}

/// Reads the credentials out of a Secret, and wipes it.
///
/// # Errors
/// If a key is missing, or what stands there can't be right.
pub fn read(mut secret: Secret) -> Result<Found, SecretProblem> {
    let mut data = secret.data.take().unwrap_or_default();
    let value = |key: &'static str| {
        let text = match data.get(key) {
            Some(ByteString(bytes)) => text(bytes).ok_or(SecretProblem::Unusable(key, Flaw::NotText))?,
            None => Zeroizing::default(),
        };
        if !text.is_empty() {
            return Ok(text);
        }
        let spelled_otherwise = data.keys().find(|found| found.as_str() != key && is_spelling_of(found, key));
        Err(match spelled_otherwise {
            Some(found) => SecretProblem::KeyMisspelled { key, found: cut(found, LONGEST_KEY) },
            None => SecretProblem::KeyMissing(key),
        })
    };
    let values = (value(CLIENT_ID), value(CLIENT_SECRET));
    data.values_mut().for_each(|ByteString(bytes)| bytes.zeroize());
    let (id, client_secret) = decoded(values.0?, values.1?)?;
    check(CLIENT_ID, &id)?;
    check(CLIENT_SECRET, &client_secret)?;
    let misplaced = |flaw| Err(SecretProblem::Unusable(CLIENT_SECRET, flaw));
    if id == client_secret {
        return misplaced(Flaw::SameAsId);
    }
    if is_client_id(&client_secret) {
        return misplaced(Flaw::ClientId);
    }
    let shared = |text: &str| SecretString::from(text);
    let credentials = Credentials { client_id: shared(&id), client_secret: shared(&client_secret) };
    Ok(Found { credentials, encoded: hints(&id, &client_secret) })
}

type Text = Zeroizing<String>;

/// A way to write a text in other characters.
struct Encoding {
    name: &'static str,
    /// The text, if a value may be written so.
    decode: fn(&str) -> Option<Text>,
    /// What is said of a secret that looks so, and may be right.
    hint: Option<&'static str>,
}

const ENCODINGS: [Encoding; 5] = [
    Encoding {
        name: "the base64 of the base64",
        decode: from_base64,
        hint: Some(
            "What stands under clientSecret looks like the base64 of the base64: `data` takes it encoded once, `stringData` as it is.",
        ),
    },
    // Many a true secret consists of such digits.
    Encoding { name: "written in hexadecimal digits", decode: from_hexadecimal, hint: None },
    Encoding {
        name: "percent-encoded",
        decode: from_percent,
        hint: Some(
            "What stands under clientSecret looks percent-encoded (as `%2B` for `+`): give it as it is.",
        ),
    },
    Encoding {
        name: "written with HTML entities",
        decode: from_entities,
        hint: Some(
            "What stands under clientSecret has HTML entities in it (as `&amp;` for `&`): give it as it is.",
        ),
    },
    Encoding {
        name: "written with the escapes of JSON",
        decode: from_json,
        hint: Some(
            "What stands under clientSecret has escapes of JSON in it (as `\\u003d` for `=`): give it as it is.",
        ),
    },
];

/// Both values, decoded if the id shows how they are encoded: nothing but the encoded id decodes to what ids begin with.
fn decoded(id: Text, secret: Text) -> Result<(Text, Text), SecretProblem> {
    let proven = |encoding: &Encoding| {
        let decoded = (encoding.decode)(&id)?;
        (decoded.starts_with(ID_PREFIX) && !id.starts_with(ID_PREFIX)).then_some((decoded, encoding.name))
    };
    for encoding in &ENCODINGS {
        if let Some((id, name)) = proven(encoding) {
            let not_encoded = SecretProblem::Unusable(CLIENT_SECRET, Flaw::NotEncoded(name));
            return Ok((id, (encoding.decode)(&secret).ok_or(not_encoded)?));
        }
    }
    Ok((id, secret))
}

/// What looks wrong with values that may be right.
fn hints(id: &str, secret: &str) -> Vec<&'static str> {
    let form = (!is_client_id(id)).then_some(
        "What stands under clientId does not have the form of the client ids that are known (`cs-` and a UUID): check that it is the id of the \
         JWT app, and whole.",
    );
    let swapped = secret.starts_with(ID_PREFIX).then_some(
        "What stands under clientSecret begins with `cs-`, as client ids do: check that the two are not swapped.",
    );
    let looks = |encoding: &Encoding| (encoding.decode)(secret).is_some_and(|text| *text != secret);
    let encoded = ENCODINGS.iter().filter(|encoding| looks(encoding)).filter_map(|encoding| encoding.hint);
    form.into_iter().chain(swapped).chain(encoded).collect()
}

/// The text of a value, without what editors, shells and encoders leave around it; `None` if it is no text.
fn text(bytes: &[u8]) -> Option<Text> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let text = char::decode_utf16(pairs.iter().copied().map(unit)).collect::<Result<String, _>>();
        text.ok().filter(|_| rest.is_empty()).map(Zeroizing::new)
    };
    let is_zero_at = |at: usize| !bytes.is_empty() && bytes.iter().skip(at).step_by(2).all(|byte| *byte == 0);
    let whole = match bytes {
        // PowerShell's `>` and `Out-File` write UTF-16 with a mark before it; other tools leave the mark out.
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes)?,
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes)?,
        [_, _, ..] if is_zero_at(1) => utf16(bytes, u16::from_le_bytes)?,
        [_, _, ..] if is_zero_at(0) => utf16(bytes, u16::from_be_bytes)?,
        _ => Zeroizing::new(std::str::from_utf8(bytes).ok()?.to_owned()),
    };
    Some(Zeroizing::new(bare(&whole).to_owned()))
}

/// Without blanks, line ends (also written out as `\n`) and marks around, and without quotes if both ends have one: a lone
/// quote may belong to a secret, and Kore gives out none that begins and ends with one.
fn bare(mut text: &str) -> &str {
    loop {
        text = text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c));
        let unquoted = QUOTES.iter().find_map(|quotes| within(text, quotes));
        let inner = unquoted.or_else(|| WRITTEN_LINE_ENDS.iter().find_map(|end| text.strip_suffix(end)));
        let Some(inner) = inner else { return text };
        text = inner;
    }
}

/// What stands between these two, if the value begins and ends with them.
fn within<'a>(value: &'a str, [open, close]: &[&str; 2]) -> Option<&'a str> {
    value.strip_prefix(open)?.strip_suffix(close)
}

type Test = fn(&str) -> bool;

/// What a value can't be right for, in the order in which it is told.
const FLAWS: [(Flaw, Test); 10] = [
    (Flaw::Template, is_template),
    (Flaw::Reference, is_reference),
    (Flaw::Placeholder, is_placeholder),
    (Flaw::Token, is_token),
    (Flaw::Pem, |value| value.starts_with("-----BEGIN")),
    (Flaw::OtherId, |value| OTHER_PREFIXES.iter().any(|prefix| is_id(value, prefix))),
    (Flaw::Pasted, |value| is_pasted(value) || is_json(value)),
    (Flaw::Blank, |value| value.contains(char::is_whitespace)),
    (Flaw::Invisible, |value| value.contains(is_invisible)),
    (Flaw::NotAscii, |value| !value.is_ascii()),
];

/// Whether a value can be a client id or a client secret: printable ASCII without blanks, and not something else for certain.
fn check(key: &'static str, value: &str) -> Result<(), SecretProblem> {
    let flaw = FLAWS.iter().find(|(_, is_flawed)| is_flawed(value));
    flaw.map_or(Ok(()), |(flaw, _)| Err(SecretProblem::Unusable(key, *flaw)))
}

/// What stands behind `cs-`, which may stand before a placeholder.
fn without_prefix(value: &str) -> &str {
    value.strip_prefix(ID_PREFIX).unwrap_or(value)
}

fn is_template(value: &str) -> bool {
    let value = without_prefix(value);
    TEMPLATES.iter().any(|around| within(value, around).is_some())
        || AROUND_A_NAME.iter().filter_map(|around| within(value, around)).any(is_variable)
}

/// The name of a variable: capitals, or what the names of credentials are made of.
fn is_variable(name: &str) -> bool {
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let capitals = bare.len() > 1 && bare.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    capitals || is_name_of_a_credential(name)
}

/// Whether a name is made of what the names of credentials are made of, and of nothing else.
fn is_name_of_a_credential(name: &str) -> bool {
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    let words = letters(name);
    is_name && !words.is_empty() && is_of(&words, &[&NAMES])
}

fn is_reference(value: &str) -> bool {
    let is_url = value.split_once("://").is_some_and(|(scheme, _)| {
        scheme.len() > 1 && scheme.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '+' | '-'))
    });
    is_url || REFERENCES.iter().any(|start| value.starts_with(start))
}

/// Words that somebody was to replace, or a value of which a mask has left the beginning at most.
fn is_placeholder(value: &str) -> bool {
    let value = without_prefix(value);
    let begin = value.trim_end_matches(|c: char| MASKS.contains(&c) || BETWEEN_MASKS.contains(&c));
    let masked = &value[begin.len()..];
    let count = if begin.is_empty() {
        masked.chars().count()
    } else {
        // An id, or a secret of such digits.
        let is_of_an_id = begin.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
        masked.chars().filter(|c| is_of_an_id && MASKS.contains(c)).count()
    };
    let words = letters(value);
    let says_so = NO_VALUE.iter().any(|word| words.contains(word));
    value.is_empty()
        || count >= FEWEST_MASKS
        || count > 0 && masked.contains('…')
        || says_so && is_of(&words, &[&NO_VALUE, &BESIDE, &NAMES])
}

/// Whether letters are these words, one behind the other, and nothing else.
fn is_of(letters: &str, words: &[&[&str]]) -> bool {
    let is_short = letters.len() <= LONGEST_WORDS;
    let mut rest = words.iter().copied().flatten().filter_map(|word| letters.strip_prefix(word));
    letters.is_empty() || is_short && rest.any(|rest| is_of(rest, words))
}

/// A JWT has three parts, and a JWE five; the first is base64url of JSON.
fn is_token(value: &str) -> bool {
    let token = value.strip_prefix("Bearer ").unwrap_or(value);
    token.starts_with("eyJ")
        && matches!(token.split('.').count(), 3 | 5)
        && token.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '='))
}

fn is_json(value: &str) -> bool {
    value.starts_with(['{', '[']) && serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok()
}

/// Whether the name of a key stands before the value, as in a line of YAML, of JSON, or of an environment file.
fn is_pasted(value: &str) -> bool {
    value.char_indices().take(LONGEST_READ).filter(|(_, c)| matches!(c, ':' | '=')).any(|(at, _)| {
        let before = value[..at].trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
        let word = before.rsplit(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '{' | ',')).next();
        // Something follows: base64 may end in `=`.
        let follows = value[at + 1..].contains(|c: char| !c.is_whitespace() && c != '=');
        let names = |word: &str| {
            let words = letters(word);
            LAST_NAMES.iter().any(|name| words.ends_with(name)) || is_name_of_a_credential(word)
        };
        follows && word.is_some_and(names)
    })
}

/// Whether a name means this key, however it is written: `client_id`, `ClientID`, `KORE_CLIENT_ID`.
fn is_spelling_of(name: &str, key: &str) -> bool {
    letters(name).ends_with(letters(key).as_str())
}

/// The letters and digits of a text, in lower case.
fn letters(text: &str) -> Text {
    let letters = text.chars().filter(char::is_ascii_alphanumeric);
    Zeroizing::new(letters.map(|c| c.to_ascii_lowercase()).collect())
}

/// What base64 has made this value of, if that is printable ASCII without blanks. Lines may be wrapped.
fn from_base64(value: &str) -> Option<Text> {
    let value = without_blanks(value);
    if value.len() < SHORTEST_ENCODED {
        return None;
    }
    let digits = value.trim_end_matches('=');
    let standard = digits.chars().map(|c| {
        if c == '-' {
            '+'
        } else if c == '_' {
            '/'
        } else {
            c
        }
    });
    let padding = digits.len().next_multiple_of(4) - digits.len();
    let padded = Zeroizing::new(standard.chain(std::iter::repeat_n('=', padding)).collect::<String>());
    let quoted = Zeroizing::new(format!("\"{}\"", *padded));
    let ByteString(bytes) = serde_json::from_str(&quoted).ok()?;
    printable(bytes)
}

fn from_hexadecimal(value: &str) -> Option<Text> {
    let value = without_blanks(value);
    let (pairs, rest) = value.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes =
        pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect::<Option<_>>()?;
    if rest.is_empty() { printable(bytes) } else { None }
}

/// As URLs need it: letters, digits and marks that may stand there, and all others as `%` and two digits.
fn from_percent(value: &str) -> Option<Text> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "%-_.!~*'()".contains(c);
    let text = unescaped(value, '%', |escape| {
        let (digits, rest) = escape.split_at_checked(2)?;
        let c = char::from(u8::from_str_radix(digits, 16).ok()?);
        c.is_ascii_punctuation().then_some((c, rest))
    });
    text.filter(|_| value.chars().all(is_plain))
}

fn from_entities(value: &str) -> Option<Text> {
    unescaped(value, '&', |escape| {
        let (name, rest) = escape.split_once(';')?;
        let numbered = |name: &str| match name.strip_prefix(['x', 'X']) {
            Some(digits) => u8::from_str_radix(digits, 16).ok(),
            None => name.parse().ok(),
        };
        let c = match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => name.strip_prefix('#').and_then(numbered).map(char::from).filter(char::is_ascii_graphic)?,
        };
        Some((c, rest))
    })
}

/// As some writers of JSON have `=`, `&`, `<`, `>` and `/`.
fn from_json(value: &str) -> Option<Text> {
    unescaped(value, '\\', |escape| {
        if let Some(rest) = escape.strip_prefix('/') {
            return Some(('/', rest));
        }
        let (digits, rest) = escape.strip_prefix('u')?.split_at_checked(4)?;
        let c = char::from(u8::try_from(u16::from_str_radix(digits, 16).ok()?).ok()?);
        c.is_ascii_graphic().then_some((c, rest))
    })
}

/// The text with each escape replaced by its character; `escape` takes what follows the mark, and gives the character and the
/// rest.
fn unescaped(value: &str, mark: char, escape: fn(&str) -> Option<(char, &str)>) -> Option<Text> {
    let mut parts = value.split(mark);
    let mut text = Zeroizing::new(parts.next()?.to_owned());
    for part in parts {
        let (c, rest) = escape(part)?;
        text.push(c);
        text.push_str(rest);
    }
    Some(text)
}

fn without_blanks(value: &str) -> Text {
    Zeroizing::new(value.split_whitespace().collect())
}

/// The text of decoded bytes, if it can be a value.
fn printable(mut bytes: Vec<u8>) -> Option<Text> {
    let text =
        text(&bytes).filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()));
    bytes.zeroize();
    text
}

/// Whether this is a client id: `cs-` and a UUID.
fn is_client_id(value: &str) -> bool {
    is_id(value, ID_PREFIX)
}

/// Whether this is an id of Kore: what it begins with, and a UUID, of which Kore's samples leave out a digit here and there.
fn is_id(value: &str, prefix: &str) -> bool {
    let groups = value.strip_prefix(prefix).unwrap_or_default().split('-');
    let lengths: Vec<usize> = groups.map(str::len).collect();
    matches!(lengths[..], [7..=8, 4, 4, 4, 7..=12])
        && value[prefix.len()..].chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::*;

    const ID: &str = "cs-0a1b2c3d-1234-5678-9abc-0123456789ab";
    const NONE: [&str; 0] = [];
    const SECRET: &str = "s3cr3t+with/marks=and==";

    fn secret<V: AsRef<[u8]>>(pairs: &[(&str, V)]) -> Secret {
        let data = pairs.iter().map(|(key, value)| ((*key).to_owned(), ByteString(value.as_ref().to_vec())));
        Secret { data: Some(data.collect()), ..Secret::default() }
    }

    fn both(id: &[u8], secret_value: &[u8]) -> Result<Found, SecretProblem> {
        read(secret(&[(CLIENT_ID, id), (CLIENT_SECRET, secret_value)]))
    }

    fn base64(text: &str) -> String {
        let encoded = serde_json::to_value(ByteString(text.as_bytes().to_vec())).unwrap();
        encoded.as_str().unwrap().to_owned()
    }

    fn utf16(text: &str, unit: fn(u16) -> [u8; 2], mark: &[u8]) -> Vec<u8> {
        mark.iter().copied().chain(text.encode_utf16().flat_map(unit)).collect()
    }

    fn assert_healed(id: impl AsRef<[u8]>, secret_value: impl AsRef<[u8]>) {
        let found = both(id.as_ref(), secret_value.as_ref())
            .unwrap_or_else(|problem| panic!("{problem:?}: {:?}", String::from_utf8_lossy(id.as_ref())));
        assert_eq!(found.credentials.client_id.expose_secret(), ID);
        assert_eq!(found.credentials.client_secret.expose_secret(), SECRET);
        assert_eq!(found.encoded, NONE);
    }

    /// What a shell, an editor or an encoder leaves around a value is no part of it.
    #[test]
    fn what_stands_around_a_value_is_healed() {
        for (before, after) in [
            ("", ""),
            ("", "\n"),
            ("", "\r\n"),
            (" \t", " \n\n"),
            ("\u{feff}", ""),
            ("\u{feff}", "\r\n"),
            ("\u{200b}", "\u{200d}\u{2060}"),
            ("\u{a0}", "\u{202f}"),
            ("", "\0"),
            ("\"", "\""),
            ("'", "'\n"),
            ("'\"", "\"'"),
            (" \" ", " \" "),
            ("\u{201c}", "\u{201d}"),
            ("`", "`"),
            ("", "\\n"),
            ("\"", "\\r\\n\""),
            ("\"", "\","),
            ("'", "',\n"),
            ("\"", "\";"),
            ("\\\"", "\\\""),
            ("\"\\\"", "\\\"\""),
            ("&quot;", "&quot;"),
            ("$'", "'"),
            ("b'", "'"),
            ("b\"", "\"\n"),
            ("", "%0A"),
            ("", "%0d%0a"),
            ("", "&#13;&#10;"),
            ("", "\\x0a"),
            ("\"", "\\u000a\""),
        ] {
            let around = |value: &str| format!("{before}{value}{after}");
            assert_healed(around(ID), around(SECRET));
            assert_healed(around(ID), SECRET);
        }
    }

    /// PowerShell's `>` writes UTF-16.
    #[test]
    fn utf_16_is_healed() {
        for text in [SECRET.to_owned(), format!("{SECRET}\r\n")] {
            assert_healed(ID, utf16(&text, u16::to_le_bytes, &[0xff, 0xfe]));
            assert_healed(ID, utf16(&text, u16::to_be_bytes, &[0xfe, 0xff]));
            assert_healed(ID, utf16(&text, u16::to_le_bytes, &[]));
            assert_healed(ID, utf16(&text, u16::to_be_bytes, &[]));
        }
    }

    /// It is certain where the id shows it: it decodes to what begins as every id of Kore does.
    #[test]
    fn the_base64_of_the_base64_is_healed_where_it_is_certain() {
        assert_healed(base64(ID), base64(SECRET));
        assert_healed(base64(ID) + "\n", base64(&format!("{SECRET}\n")));
        assert_healed(base64(ID).trim_end_matches('='), base64(SECRET).trim_end_matches('='));
        let not_encoded = Flaw::NotEncoded("the base64 of the base64");
        assert_eq!(both(base64(ID).as_bytes(), b"s3cr3t").err(), unusable(CLIENT_SECRET, not_encoded));
    }

    /// `base64` and `xxd` wrap long lines.
    #[test]
    fn wrapped_lines_are_joined_where_the_id_shows_that_it_is_encoded() {
        let long = SECRET.repeat(9);
        let wrapped = |text: &str, at: usize| {
            let lines: Vec<&str> =
                text.as_bytes().chunks(at).map(|l| std::str::from_utf8(l).unwrap()).collect();
            lines.join("\n")
        };
        for (id, secret_value) in
            [(base64(ID), wrapped(&base64(&long), 76)), (hexadecimal(ID), wrapped(&hexadecimal(&long), 60))]
        {
            let found = both(wrapped(&id, 30).as_bytes(), secret_value.as_bytes()).unwrap();
            assert_eq!(found.credentials.client_id.expose_secret(), ID);
            assert_eq!(*found.credentials.client_secret.expose_secret(), *long);
        }
        let plain = both(ID.as_bytes(), wrapped(&base64(&long), 76).as_bytes());
        assert_eq!(plain.err(), unusable(CLIENT_SECRET, Flaw::Blank));
    }

    fn hexadecimal(text: &str) -> String {
        text.bytes().map(|byte| format!("{byte:02x}")).collect()
    }

    /// As of base64.
    #[test]
    fn other_encodings_are_healed_where_they_are_certain() {
        assert_healed(hexadecimal(ID), hexadecimal(SECRET));
        assert_healed(hexadecimal(ID).to_uppercase(), hexadecimal(SECRET) + "\n");
        assert_healed(ID.replace('-', "%2D"), "s3cr3t%2Bwith%2fmarks%3Dand%3D%3D");
        assert_healed(ID.replace('-', "&#45;"), "s3cr3t&#43;with&#x2f;marks=and==");
        assert_healed(ID.replace('-', "\\u002d"), "s3cr3t+with\\/marks\\u003dand\\u003D=");
        assert_healed(format!("b'{}'", base64(ID)), format!("b'{}'", base64(SECRET)));
        let not_encoded = Flaw::NotEncoded("written in hexadecimal digits");
        assert_eq!(both(hexadecimal(ID).as_bytes(), b"s3cr3t").err(), unusable(CLIENT_SECRET, not_encoded));
    }

    /// What may be right is taken, and told when Kore has refused it.
    #[test]
    fn what_looks_wrong_and_may_be_right_is_a_hint() {
        for (id, value, hint) in [
            (ID, base64(SECRET).as_str(), "clientSecret looks like the base64 of the base64"),
            (ID, "s3cr3t%2Bwith%2Fmarks", "clientSecret looks percent-encoded"),
            (ID, "s3cr3t&amp;with&#x2f;marks", "clientSecret has HTML entities"),
            (ID, "s3cr3t\\u003d\\u0026marks", "clientSecret has escapes of JSON"),
            (ID, "cs-1f9b3e2d-test-client", "clientSecret begins with `cs-`"),
            ("1f9b3e2d-test-client", SECRET, "clientId does not have the form"),
            ("cs-0a1b2c3d-1234", SECRET, "clientId does not have the form"),
        ] {
            let found = both(id.as_bytes(), value.as_bytes()).unwrap();
            assert_eq!(found.credentials.client_id.expose_secret(), id);
            assert_eq!(found.credentials.client_secret.expose_secret(), value);
            assert_eq!(found.encoded.len(), 1, "{:?}", found.encoded);
            assert!(found.encoded[0].contains(hint) && !found.encoded[0].contains(value), "{hint}");
        }
        for value in [
            SECRET,
            "100%",
            "50%2",
            "%zz",
            "a&b",
            "a&b;c",
            "a+b%2B",
            "a\\b",
            "a\\u00zz",
            &hexadecimal(SECRET),
        ] {
            assert_eq!(both(ID.as_bytes(), value.as_bytes()).unwrap().encoded, NONE, "{value}");
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "what it is compared with is an option")]
    fn unusable(key: &'static str, flaw: Flaw) -> Option<SecretProblem> {
        Some(SecretProblem::Unusable(key, flaw))
    }

    #[test]
    fn what_can_t_be_healed_is_named() {
        for (value, flaw) in [
            (&b"\xfcml\xe4ut"[..], Flaw::NotText),
            (b"\xff\xfea", Flaw::NotText),
            (b"\x89PNG\r\n\x1a\n", Flaw::NotText),
            (b"clientSecret: xyz", Flaw::Pasted),
            (b"clientId=cs-1", Flaw::Pasted),
            (b"export KORE_CLIENT_SECRET='xyz'", Flaw::Pasted),
            (b"client_secret=xyz==", Flaw::Pasted),
            (br#"{"clientId": "cs-1", "clientSecret": "xyz"}"#, Flaw::Pasted),
            (b"\"clientSecret\": \"xyz\",", Flaw::Pasted),
            (b"clientId: cs-1\nclientSecret: xyz\n", Flaw::Pasted),
            (b"secret=xyz", Flaw::Pasted),
            (b"KORE_SECRET=xyz", Flaw::Pasted),
            (b"export PROD_KORE_TOKEN=xyz", Flaw::Pasted),
            (b"token=xyz", Flaw::Pasted),
            (b"app_id: xyz", Flaw::Pasted),
            (b"client-secret: xyz", Flaw::Pasted),
            (b"[\"cs-1\"]", Flaw::Pasted),
            (br#"{"value": "xyz"}"#, Flaw::Pasted),
            (br#"{"data":{"token":"xyz"}}"#, Flaw::Pasted),
            (b"${KORE_CLIENT_SECRET}", Flaw::Template),
            (b"cs-${ID}", Flaw::Template),
            (b"$CLIENT_SECRET", Flaw::Template),
            (b"$secret", Flaw::Template),
            (b"$KORE_APP_2", Flaw::Template),
            (b"$env:KORE_SECRET", Flaw::Template),
            (b"$(cat /tmp/f)", Flaw::Template),
            (b"%SECRET%", Flaw::Template),
            (b"%(client_secret)s", Flaw::Template),
            (b"__SECRET__", Flaw::Template),
            (b"__client_secret__", Flaw::Template),
            (b"@KORE_ID@", Flaw::Template),
            (b"#{KoreSecret}", Flaw::Template),
            (b"{{ .Values.clientSecret }}", Flaw::Template),
            (b"{{.x}}", Flaw::Template),
            (b"<client-secret>", Flaw::Template),
            (b"<path:kv/data/kore#x>", Flaw::Template),
            (b"ENC[AES256_GCM,data:4Xvs,iv:s0me=,tag:0f=,type:str]", Flaw::Template),
            (b"vault:secret/data/kore#x", Flaw::Reference),
            (b"op://prod/kore/x", Flaw::Reference),
            (b"arn:aws:secretsmanager:eu-west-1:123456789012:secret:kore-AbCdEf", Flaw::Reference),
            (b"ref+awsssm://kore/x", Flaw::Reference),
            (b"https://kore.vault.azure.net/secrets/x", Flaw::Reference),
            (b"/run/secrets/kore", Flaw::Reference),
            (b"changeme", Flaw::Placeholder),
            (b"CHANGE_ME", Flaw::Placeholder),
            (b"REPLACE_ME", Flaw::Placeholder),
            (b"replace-with-your-client-secret", Flaw::Placeholder),
            (b"your-client-secret", Flaw::Placeholder),
            (b"please change me", Flaw::Placeholder),
            (b"put-your-secret-here", Flaw::Placeholder),
            (b"YourKoreClientId", Flaw::Placeholder),
            (b"your secret goes here", Flaw::Placeholder),
            (b"client_secret", Flaw::Placeholder),
            (b"[REDACTED]", Flaw::Placeholder),
            (b"TODO", Flaw::Placeholder),
            (b"null", Flaw::Placeholder),
            (b"None", Flaw::Placeholder),
            (b"xxxx", Flaw::Placeholder),
            (b"***", Flaw::Placeholder),
            (b"...", Flaw::Placeholder),
            (b"cs-...", Flaw::Placeholder),
            (b"cs-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", Flaw::Placeholder),
            (b"cs-0a1b2c3d-1234-5678-9abc-0123456xxxxx", Flaw::Placeholder),
            ("cs-\u{2026}".as_bytes(), Flaw::Placeholder),
            ("cs-0a1b\u{2026}".as_bytes(), Flaw::Placeholder),
            ("\u{2022}\u{2022}\u{2022}\u{2022}".as_bytes(), Flaw::Placeholder),
            (b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln", Flaw::Token),
            (b"Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln", Flaw::Token),
            (b"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", Flaw::Pem),
            (b"st-0a1b2c3d-1234-5678-9abc-0123456789ab", Flaw::OtherId),
            (b"cd-a1e45a7-e8ba-4e97-a339-476ebc712345", Flaw::OtherId),
            (b"two words", Flaw::Blank),
            (b"two\nlines", Flaw::Blank),
            ("two\u{a0}words".as_bytes(), Flaw::Blank),
            ("in\u{200b}visible".as_bytes(), Flaw::Invisible),
            ("in\u{feff}visible".as_bytes(), Flaw::Invisible),
            (b"in\x00visible", Flaw::Invisible),
            ("a\u{2013}dash".as_bytes(), Flaw::NotAscii),
            ("\u{201c}lone".as_bytes(), Flaw::NotAscii),
            ("umläut".as_bytes(), Flaw::NotAscii),
        ] {
            let shown = String::from_utf8_lossy(value);
            assert_eq!(both(value, SECRET.as_bytes()).err(), unusable(CLIENT_ID, flaw), "{shown}");
            assert_eq!(both(ID.as_bytes(), value).err(), unusable(CLIENT_SECRET, flaw), "{shown}");
            assert!(!flaw.to_string().contains(&*shown), "{shown} is shown: {flaw}");
        }
        assert_eq!(both(SECRET.as_bytes(), SECRET.as_bytes()).err(), unusable(CLIENT_SECRET, Flaw::SameAsId));
        assert_eq!(both(SECRET.as_bytes(), ID.as_bytes()).err(), unusable(CLIENT_SECRET, Flaw::ClientId));
    }

    /// What may be part of a secret stays.
    #[test]
    fn a_lone_quote_and_every_mark_of_ascii_stay() {
        for value in [
            "\"lone",
            "lone'",
            "a=b:c",
            "id=",
            "!#$%&()*+,-./:;<=>?@[]^_{|}~",
            "x",
            "$",
            "$ecr3t",
            "$bE~F+o-r+_~",
            "$2y$10$abcdef",
            "pa$$word$",
            "%41",
            "__init",
            "[5",
            "{}x",
            "valid=1",
            "monkey:1",
            "change-of-2024",
            "nullable",
            "xxl",
            "eyJhbGciOiJIUzI1NiJ9",
            "st-1",
            "a://b",
            "deadbeef",
            "secret",
        ] {
            let found = both(ID.as_bytes(), value.as_bytes()).unwrap();
            assert_eq!(found.credentials.client_secret.expose_secret(), value);
        }
    }

    /// A Secret may be large, and somebody may have made it so on purpose.
    #[test]
    fn a_large_value_takes_no_square_of_its_length_and_no_stack() {
        for part in ["'", "\"", ":", "x:", "\\n", "<", "{", "[", "%2", "&#4", "null", "/etc/"] {
            let begun = std::time::Instant::now();
            let large = part.repeat((1 << 18) / part.len());
            let _ = both(large.as_bytes(), large.as_bytes());
            assert!(begun.elapsed().as_secs() < 30, "{part}");
        }
    }

    /// The playground takes the samples as they are; the document's example is refused by name.
    #[test]
    fn the_samples_are_taken_and_the_documents_example_is_not() {
        let values = |text: &str| {
            let value = |key: &str| {
                let line = text.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(": "));
                line.unwrap().to_owned()
            };
            (value(CLIENT_ID), value(CLIENT_SECRET))
        };
        let (id, sample) = values(include_str!("../../deploy/samples/credentials.yaml"));
        assert!(both(id.as_bytes(), sample.as_bytes()).is_ok());
        let (id, example) = values(include_str!("../../docs/koreconnection.md"));
        assert_eq!(both(id.as_bytes(), SECRET.as_bytes()).err(), unusable(CLIENT_ID, Flaw::Template));
        assert_eq!(both(ID.as_bytes(), example.as_bytes()).err(), unusable(CLIENT_SECRET, Flaw::Template));
    }

    proptest! {
        /// An id and a secret of ordinary characters go to Kore as they are.
        #[test]
        fn ordinary_values_are_taken_as_they_are(
            id in "(cs-)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(cs-)?[A-Za-z0-9_-]{12,40}",
            value in "[A-Za-z0-9]{12,64}|[0-9a-f]{32,64}|[A-Za-z0-9+/]{20,86}={0,2}|[A-Za-z0-9+/=_.~$-]{12,64}",
        ) {
            prop_assume!(!value[..3].eq_ignore_ascii_case("id="));
            let found = both(id.as_bytes(), value.as_bytes());
            prop_assert!(found.is_ok(), "{:?}", found.err());
            let found = found.unwrap();
            prop_assert_eq!(found.credentials.client_id.expose_secret(), &id);
            prop_assert_eq!(found.credentials.client_secret.expose_secret(), &value);
        }
    }

    #[test]
    fn a_missing_or_empty_key_is_named() {
        let missing = |pairs: &[(&str, &str)]| read(secret(pairs)).err();
        let none = |key| Some(SecretProblem::KeyMissing(key));
        assert_eq!(missing(&[("clientId", "a")]), none(CLIENT_SECRET));
        assert_eq!(missing(&[("clientSecret", "a")]), none(CLIENT_ID));
        assert_eq!(missing(&[("clientId", "a"), ("clientSecret", " \n")]), none(CLIENT_SECRET));
        assert_eq!(missing(&[("clientId", "a"), ("clientSecret", "\"\"")]), none(CLIENT_SECRET));
        assert_eq!(missing(&[("clientId", "a"), ("password", "b")]), none(CLIENT_SECRET));
        assert_eq!(missing(&[]), none(CLIENT_ID));
    }

    #[test]
    fn a_key_that_is_spelled_otherwise_is_named() {
        for found in ["client_id", "ClientID", "clientid", "client-id", "CLIENT_ID", "kore.clientId"] {
            let misspelled = SecretProblem::KeyMisspelled { key: CLIENT_ID, found: found.to_owned() };
            assert_eq!(read(secret(&[(found, ID), (CLIENT_SECRET, SECRET)])).err(), Some(misspelled));
        }
        let misspelled =
            SecretProblem::KeyMisspelled { key: CLIENT_SECRET, found: "client-secret".to_owned() };
        assert_eq!(read(secret(&[(CLIENT_ID, ID), ("client-secret", SECRET)])).err(), Some(misspelled));
    }
}
