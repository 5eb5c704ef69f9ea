use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::flaw::Flaw;
use super::problem::{CLIENT_ID, CLIENT_SECRET, SecretProblem};
use super::read::{Found, read};

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

fn assert_repaired(id: impl AsRef<[u8]>, secret_value: impl AsRef<[u8]>) {
    let found = both(id.as_ref(), secret_value.as_ref())
        .unwrap_or_else(|problem| panic!("{problem:?}: {:?}", String::from_utf8_lossy(id.as_ref())));
    assert_eq!(found.credentials.client_id.expose_secret(), ID);
    assert_eq!(found.credentials.client_secret.expose_secret(), SECRET);
    assert_eq!(found.hints, NONE);
}

/// A value does not include what a shell, an editor or an encoder leaves around it.
#[test]
fn quotes_and_blanks_around_a_value_are_removed() {
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
        assert_repaired(around(ID), around(SECRET));
        assert_repaired(around(ID), SECRET);
    }
}

/// PowerShell's `>` writes UTF-16.
#[test]
fn utf_16_is_read() {
    for text in [SECRET.to_owned(), format!("{SECRET}\r\n")] {
        assert_repaired(ID, utf16(&text, u16::to_le_bytes, &[0xff, 0xfe]));
        assert_repaired(ID, utf16(&text, u16::to_be_bytes, &[0xfe, 0xff]));
        assert_repaired(ID, utf16(&text, u16::to_le_bytes, &[]));
        assert_repaired(ID, utf16(&text, u16::to_be_bytes, &[]));
    }
}

/// The id proves the encoding if it decodes to a text with the prefix of client ids.
#[test]
fn the_base64_of_the_base64_is_decoded_if_the_id_proves_it() {
    assert_repaired(base64(ID), base64(SECRET));
    assert_repaired(base64(ID) + "\n", base64(&format!("{SECRET}\n")));
    assert_repaired(base64(ID).trim_end_matches('='), base64(SECRET).trim_end_matches('='));
    let not_encoded = Flaw::NotEncoded("base64-encoded twice");
    assert_eq!(both(base64(ID).as_bytes(), b"s3cr3t").err(), unusable(CLIENT_SECRET, not_encoded));
}

/// `base64` and `xxd` wrap long lines.
#[test]
fn wrapped_lines_are_joined_where_the_id_shows_that_it_is_encoded() {
    let long = SECRET.repeat(9);
    let wrapped = |text: &str, at: usize| {
        let lines: Vec<&str> = text.as_bytes().chunks(at).map(|l| std::str::from_utf8(l).unwrap()).collect();
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

/// Like base64, if the id proves the encoding.
#[test]
fn other_encodings_are_decoded_if_the_id_proves_them() {
    assert_repaired(hexadecimal(ID), hexadecimal(SECRET));
    assert_repaired(hexadecimal(ID).to_uppercase(), hexadecimal(SECRET) + "\n");
    assert_repaired(ID.replace('-', "%2D"), "s3cr3t%2Bwith%2fmarks%3Dand%3D%3D");
    assert_repaired(ID.replace('-', "&#45;"), "s3cr3t&#43;with&#x2f;marks=and==");
    assert_repaired(ID.replace('-', "\\u002d"), "s3cr3t+with\\/marks\\u003dand\\u003D=");
    assert_repaired(format!("b'{}'", base64(ID)), format!("b'{}'", base64(SECRET)));
    let not_encoded = Flaw::NotEncoded("written in hexadecimal digits");
    assert_eq!(both(hexadecimal(ID).as_bytes(), b"s3cr3t").err(), unusable(CLIENT_SECRET, not_encoded));
}

/// A value that may be right is used, with a hint for the case that Kore refuses it.
#[test]
fn what_looks_wrong_and_may_be_right_is_a_hint() {
    for (id, value, hint) in [
        (ID, base64(SECRET).as_str(), "clientSecret looks base64-encoded twice"),
        (ID, "s3cr3t%2Bwith%2Fmarks", "clientSecret looks percent-encoded"),
        (ID, "s3cr3t&amp;with&#x2f;marks", "clientSecret has HTML entities"),
        (ID, "s3cr3t\\u003d\\u0026marks", "clientSecret has JSON escapes"),
        (ID, "cs-1f9b3e2d-test-client", "clientSecret begins with `cs-`"),
        ("1f9b3e2d-test-client", SECRET, "clientId does not have the known form"),
        ("cs-0a1b2c3d-1234", SECRET, "clientId does not have the known form"),
    ] {
        let found = both(id.as_bytes(), value.as_bytes()).unwrap();
        assert_eq!(found.credentials.client_id.expose_secret(), id);
        assert_eq!(found.credentials.client_secret.expose_secret(), value);
        assert_eq!(found.hints.len(), 1, "{:?}", found.hints);
        assert!(found.hints[0].contains(hint) && !found.hints[0].contains(value), "{hint}");
    }
    for value in
        [SECRET, "100%", "50%2", "%zz", "a&b", "a&b;c", "a+b%2B", "a\\b", "a\\u00zz", &hexadecimal(SECRET)]
    {
        assert_eq!(both(ID.as_bytes(), value.as_bytes()).unwrap().hints, NONE, "{value}");
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what it is compared with is an option")]
fn unusable(key: &'static str, flaw: Flaw) -> Option<SecretProblem> {
    Some(SecretProblem::Unusable(key, flaw))
}

#[test]
fn a_value_that_cannot_be_repaired_is_named() {
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

/// Characters that may be part of a secret stay.
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

/// A Secret may be large, perhaps on purpose.
#[test]
fn a_large_value_takes_no_square_of_its_length_and_no_stack() {
    for part in ["'", "\"", ":", "x:", "\\n", "<", "{", "[", "%2", "&#4", "null", "/etc/"] {
        let begun = std::time::Instant::now();
        let large = part.repeat((1 << 18) / part.len());
        let _ = both(large.as_bytes(), large.as_bytes());
        assert!(begun.elapsed().as_secs() < 30, "{part}");
    }
}

/// The playground uses the samples as they are; the example in the documentation is reported as a template.
#[test]
fn the_samples_are_taken_and_the_documents_example_is_not() {
    let values = |text: &str| {
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(": "));
            line.unwrap().to_owned()
        };
        (value(CLIENT_ID), value(CLIENT_SECRET))
    };
    let (id, sample) = values(include_str!("../../../deploy/samples/credentials.yaml"));
    assert!(both(id.as_bytes(), sample.as_bytes()).is_ok());
    let (id, example) = values(include_str!("../../../docs/koreconnection.md"));
    assert_eq!(both(id.as_bytes(), SECRET.as_bytes()).err(), unusable(CLIENT_ID, Flaw::Template));
    assert_eq!(both(ID.as_bytes(), example.as_bytes()).err(), unusable(CLIENT_SECRET, Flaw::Template));
}

proptest! {
    /// An id and a secret of ordinary characters are not changed.
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
    let misspelled = SecretProblem::KeyMisspelled { key: CLIENT_SECRET, found: "client-secret".to_owned() };
    assert_eq!(read(secret(&[(CLIENT_ID, ID), ("client-secret", SECRET)])).err(), Some(misspelled));
}
