//! Words and names in place of a value: placeholders, and the names of credentials.

use super::id::ID_PREFIX;
use super::text::letters;

/// Words that say that a text is no value.
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
/// Words beside them.
const BESIDE: [&str; 26] = [
    "me", "my", "the", "this", "that", "it", "in", "with", "by", "for", "from", "to", "of", "be", "here",
    "goes", "real", "actual", "own", "ai", "set", "before", "use", "some", "please", "put",
];
/// Words that names of credentials consist of, as `KORE_APP_ID`.
const NAMES: [&str; 11] =
    ["kore", "jwt", "app", "api", "client", "id", "secret", "key", "token", "password", "value"];
/// Last words of the names of credentials, whatever comes before.
const LAST_NAMES: [&str; 7] =
    ["clientid", "appid", "secret", "token", "password", "credential", "credentials"];
/// Most letters of a text that is compared with these words.
const LONGEST_WORDS: usize = 64;
/// Characters that mask a value, and characters between them.
const MASKS: [char; 6] = ['x', 'X', '*', '.', '…', '•'];
const BETWEEN_MASKS: [char; 4] = ['-', '_', '?', '#'];
/// Fewest masking characters that are taken for a mask.
const FEWEST_MASKS: usize = 3;

/// The text after `cs-`, which may stand before a placeholder.
pub fn without_prefix(value: &str) -> &str {
    value.strip_prefix(ID_PREFIX).unwrap_or(value)
}

/// Whether a value consists of words of a placeholder, or is masked except for its first characters at most.
pub fn is_placeholder(value: &str) -> bool {
    let value = without_prefix(value);
    let begin = value.trim_end_matches(|c: char| MASKS.contains(&c) || BETWEEN_MASKS.contains(&c));
    let masked = &value[begin.len()..];
    let count = if begin.is_empty() {
        masked.chars().count()
    } else {
        // The first characters of an id, or of a secret of such digits.
        let is_of_an_id = begin.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
        masked.chars().filter(|c| is_of_an_id && MASKS.contains(c)).count()
    };
    let words = letters(value);
    let says_so = NO_VALUE.iter().any(|word| words.contains(word));
    value.is_empty()
        || count >= FEWEST_MASKS
        || count > 0 && masked.contains('…')
        || says_so && consists_of(&words, &[&NO_VALUE, &BESIDE, &NAMES])
}

/// Whether letters consist of these words, one after the other, and of nothing else.
fn consists_of(letters: &str, words: &[&[&str]]) -> bool {
    let is_short = letters.len() <= LONGEST_WORDS;
    let mut rest = words.iter().copied().flatten().filter_map(|word| letters.strip_prefix(word));
    letters.is_empty() || is_short && rest.any(|rest| consists_of(rest, words))
}

/// Whether a name consists of words that names of credentials consist of, and of nothing else.
pub fn is_name_of_a_credential(name: &str) -> bool {
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    let words = letters(name);
    is_name && !words.is_empty() && consists_of(&words, &[&NAMES])
}

/// Whether a name ends as the names of credentials do.
pub fn ends_as_a_credential(name: &str) -> bool {
    let words = letters(name);
    LAST_NAMES.iter().any(|name| words.ends_with(name))
}
