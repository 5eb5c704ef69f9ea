//! What a Secret holds: credentials, or what is wrong with it. Pure.
//!
//! What can have one meaning only is healed (blanks and quotes around a value, UTF-16, a second base64). Everything else is
//! named for what it is, without the value, a part of it, or its length.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use secrecy::SecretString;
use secrecy::zeroize::{Zeroize, Zeroizing};

use super::Problem;
use crate::api::KoreConnection;
use crate::kore::Credentials;

const CLIENT_ID: &str = "clientId";
const CLIENT_SECRET: &str = "clientSecret";
/// What Kore's client ids begin with.
const ID_PREFIX: &str = "cs-";
/// Most characters of the name of a key that are shown.
const LONGEST_KEY: usize = 64;
/// Fewest characters of a text that base64 may have made of another.
const SHORTEST_ENCODED: usize = 8;
/// Quotes that a shell or an editor may have left around a value: opening, closing.
const QUOTES: [[char; 2]; 6] = [['"', '"'], ['\'', '\''], ['`', '`'], ['“', '”'], ['‘', '’'], ['„', '“']];
/// What stands for a value: how it begins, how it ends.
const PLACEHOLDERS: [[&str; 2]; 4] = [["${", "}"], ["{{", "}}"], ["<", ">"], ["ENC[", "]"]];
/// Line ends that were written out, as by `--from-literal='x\n'`.
const WRITTEN_LINE_ENDS: [&str; 2] = ["\\n", "\\r"];

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
    /// A line of a file, or a whole file.
    #[error("a whole line or file (as in `clientSecret: …`); only what stands behind the name belongs there")]
    Pasted,
    /// A template that nothing has filled in, or an encrypted form that nothing has decrypted.
    #[error(
        "what stands for a value (as `${{…}}`, `{{{{ … }}}}`, `<…>` or SOPS's `ENC[…]`), and not the value"
    )]
    Placeholder,
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
    /// The id is base64 of base64, and the secret is not.
    #[error(
        "a value that is not encoded as the other is: clientId is the base64 of the base64. Give both as they are under `stringData`"
    )]
    NotEncoded,
    /// A client id in the place of the secret.
    #[error("a client id (it begins with `cs-`)")]
    ClientId,
}

/// What was found in a Secret.
#[derive(Clone, Debug)]
pub struct Found {
    /// The credentials.
    pub credentials: Credentials,
    /// The keys whose values look like base64. That is no error: a true one may look so.
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
            Some(found) => {
                SecretProblem::KeyMisspelled { key, found: crate::kore::scrub::cut(found, LONGEST_KEY) }
            }
            None => SecretProblem::KeyMissing(key),
        })
    };
    let values = (value(CLIENT_ID), value(CLIENT_SECRET));
    data.values_mut().for_each(|ByteString(bytes)| bytes.zeroize());
    let (id, client_secret) = (values.0?, values.1?);
    check(CLIENT_ID, &id)?;
    check(CLIENT_SECRET, &client_secret)?;
    credentials(id, client_secret)
}

fn credentials(id: Zeroizing<String>, secret: Zeroizing<String>) -> Result<Found, SecretProblem> {
    let (decoded_id, decoded_secret) = (decoded(&id), decoded(&secret));
    // Nothing but the encoded id decodes to what every id of Kore begins with.
    let is_encoded = decoded_id.as_ref().is_some_and(|id| id.starts_with(ID_PREFIX));
    let (id, secret) = match (is_encoded, decoded_id, decoded_secret) {
        (true, Some(id), Some(secret)) => (id, secret),
        (true, _, None) => return Err(SecretProblem::Unusable(CLIENT_SECRET, Flaw::NotEncoded)),
        (true | false, _, _) => (id, secret),
    };
    if is_client_id(&secret) {
        return Err(SecretProblem::Unusable(CLIENT_SECRET, Flaw::ClientId));
    }
    let encoded = [(CLIENT_ID, &id), (CLIENT_SECRET, &secret)];
    let encoded =
        encoded.into_iter().filter(|(_, value)| decoded(value).is_some()).map(|(key, _)| key).collect();
    let shared = |text: &str| SecretString::from(text);
    Ok(Found { credentials: Credentials { client_id: shared(&id), client_secret: shared(&secret) }, encoded })
}

/// The text of a value, without what editors, shells and encoders leave around it; `None` if it is no text.
fn text(bytes: &[u8]) -> Option<Zeroizing<String>> {
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
fn bare(text: &str) -> &str {
    let text = text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c));
    let unquoted = QUOTES.iter().find_map(|[open, close]| text.strip_prefix(*open)?.strip_suffix(*close));
    let inner = unquoted.or_else(|| WRITTEN_LINE_ENDS.iter().find_map(|end| text.strip_suffix(end)));
    inner.map_or(text, bare)
}

/// A control character, or a mark of no width: byte order, joiners, directions, soft hyphen.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{fffe}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}')
}

/// Whether a value can be a client id or a client secret: printable ASCII without blanks.
fn check(key: &'static str, value: &str) -> Result<(), SecretProblem> {
    let flaw = if PLACEHOLDERS.iter().any(|[open, close]| value.starts_with(open) && value.ends_with(close)) {
        Flaw::Placeholder
    } else if is_pasted(value) {
        Flaw::Pasted
    } else if value.contains(char::is_whitespace) {
        Flaw::Blank
    } else if value.contains(is_invisible) {
        Flaw::Invisible
    } else if !value.is_ascii() {
        Flaw::NotAscii
    } else {
        return Ok(());
    };
    Err(SecretProblem::Unusable(key, flaw))
}

/// Whether the name of a key stands before the value, as in a line of YAML, of JSON, or of an environment file.
fn is_pasted(value: &str) -> bool {
    value.char_indices().filter(|(_, c)| matches!(c, ':' | '=')).any(|(at, _)| {
        let before = value[..at].trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
        let word = before.rsplit(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '{' | ',')).next();
        // Something follows: base64 may end in `=`.
        let follows = value[at + 1..].contains(|c: char| !c.is_whitespace() && c != '=');
        let names = |word: &str| {
            [CLIENT_ID, CLIENT_SECRET].iter().any(|key| is_spelling_of(word, key))
                || ["id", "appId", "secret"].iter().any(|name| word.eq_ignore_ascii_case(name))
        };
        follows && word.is_some_and(names)
    })
}

/// Whether a name means this key, however it is written: `client_id`, `ClientID`, `KORE_CLIENT_ID`.
fn is_spelling_of(name: &str, key: &str) -> bool {
    let letters = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
    };
    letters(name).ends_with(&letters(key))
}

/// What base64 has made this value of, if that is printable ASCII without blanks.
fn decoded(value: &str) -> Option<Zeroizing<String>> {
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
    let ByteString(mut bytes) = serde_json::from_str(&quoted).ok()?;
    let text =
        text(&bytes).filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()));
    bytes.zeroize();
    text
}

/// Whether this is a client id: `cs-` and a UUID.
fn is_client_id(value: &str) -> bool {
    value.strip_prefix(ID_PREFIX).is_some_and(|rest| uuid::Uuid::try_parse(rest).is_ok())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    const ID: &str = "cs-0a1b2c3d-1234-5678-9abc-0123456789ab";
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
        assert!(found.encoded.is_empty());
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
        assert_eq!(both(base64(ID).as_bytes(), b"s3cr3t").err(), unusable(CLIENT_SECRET, Flaw::NotEncoded));

        // A true secret may look so.
        let found = both(ID.as_bytes(), base64(SECRET).as_bytes()).unwrap();
        assert_eq!(found.credentials.client_secret.expose_secret(), base64(SECRET));
        assert_eq!(found.encoded, [CLIENT_SECRET]);
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
            (b"${KORE_CLIENT_SECRET}", Flaw::Placeholder),
            (b"{{ .Values.clientSecret }}", Flaw::Placeholder),
            (b"<client-secret>", Flaw::Placeholder),
            (b"ENC[AES256_GCM,data:4Xvs,iv:s0me=,tag:0f=,type:str]", Flaw::Placeholder),
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
            assert_eq!(both(value, SECRET.as_bytes()).err(), unusable(CLIENT_ID, flaw), "{flaw:?}");
            assert_eq!(both(ID.as_bytes(), value).err(), unusable(CLIENT_SECRET, flaw), "{flaw:?}");
        }
        assert_eq!(both(SECRET.as_bytes(), ID.as_bytes()).err(), unusable(CLIENT_SECRET, Flaw::ClientId));
    }

    /// What may be part of a secret stays.
    #[test]
    fn a_lone_quote_and_every_mark_of_ascii_stay() {
        for value in ["\"lone", "lone'", "a=b:c", "id=", "!#$%&()*+,-./:;<=>?@[]^_{|}~", "x"] {
            let found = both(ID.as_bytes(), value.as_bytes()).unwrap();
            assert_eq!(found.credentials.client_secret.expose_secret(), value);
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
