//! Finds telephone numbers in a text from outside, in every common spelling, and distinguishes them from
//! identifiers, addresses and times.
//!
//! ```text
//!   at each position:  identifier, address, version, count or time?  ─▶ it stays
//!                      otherwise, telephone number?                  ─▶ [number]
//! ```
//!
//! A telephone number has 7 to 15 digits [E.164], in groups. A run of digits that may be one or something
//! else (a count of millions, milliseconds since 1970, a date without separators) is masked, too: a message
//! without such a number is nearly as useful, and a telephone number identifies a person.

use std::net::Ipv6Addr;
use std::sync::LazyLock;

use regex::{Match, Regex};

use super::chars::is_invisible;

/// Fewest digits of a telephone number [E.164, with the shortest country codes and national numbers in use].
const FEWEST_DIGITS: usize = 7;
/// Most digits in one run of a telephone number: the 15 of E.164, and a prefix (`00`, `011`). A longer run is
/// a hash, or an identifier that happens to have no letters.
const LONGEST_RUN: usize = 19;
/// Most visible characters between two groups of one number, as in `(0) - 511`.
const WIDEST_GAP: usize = 4;
/// Most digits of a group beside a separator of [`LIST`]. Longer groups are numbers of their own in a list.
const LONGEST_LISTED: usize = 6;
/// Separators of lists. Within one number they are accepted only alone, and between groups of at least two
/// digits.
const LIST: [char; 6] = [',', ';', '|', '\u{ff0c}', '\u{3001}', '\u{60c}'];
/// Most characters of an IPv6 address.
const LONGEST_ADDRESS: usize = 39;

/// Kore's identifiers: `cd-` campaign, `cid-` its run, `cl-` list, `cf-` flow, `st-` stream, `cs-` client.
/// The samples in the documentation have 7 or 8 characters in the first group and end in `xxxxx`; a text may
/// abbreviate them.
static KORE_ID: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?i-u:cd|cid|cl|cf|st|cs)-[0-9a-fA-Fx]{7,8}(-[0-9a-fA-F]{4}){0,3}(-[0-9a-fA-Fx]{1,12})?(?-u:\b)",
    )
});
/// A UUID, whole or abbreviated.
static UUID: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^[0-9a-fA-F]{7,8}(-[0-9a-fA-F]{4}){1,3}(-[0-9a-fA-Fx]{1,12})?(?-u:\b)"));
/// Hexadecimal digits, the end of which may be masked with `x`.
static HEXADECIMAL: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[0-9a-fA-F]{11,}x*"));

static DATES: LazyLock<[Regex; 2]> = LazyLock::new(|| {
    [
        pattern(r"^(?P<y>(?:19|20)[0-9]{2})[-/._](?P<a>[0-9]{1,2})[-/._](?P<b>[0-9]{1,2})"),
        pattern(r"^(?P<a>[0-9]{1,2})[-/._](?P<b>[0-9]{1,2})[-/._](?P<y>(?:19|20)[0-9]{2})"),
    ]
});
/// ISO 8601 without separators, with a time. A date alone looks like a telephone number.
static COMPACT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:19|20)[0-9]{6}T[0-9]{4,6}(?:[.][0-9]{1,9})?"));
static CLOCK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^(?:[01]?[0-9]|2[0-4]):[0-5][0-9](?::[0-6][0-9](?:[.][0-9]{1,9}|,[0-9]{3})?)?")
});
static OFFSET: LazyLock<Regex> = LazyLock::new(|| pattern(r"^ ?[+-](?:0[0-9]|1[0-4]):?(?:00|15|30|45)"));
/// An IPv4 address, and its port.
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    let octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
    pattern(&format!("^(?:{octet}[.]){{3}}{octet}(?::[0-9]{{1,5}})?"))
});
/// A version; accepted if it has fewer digits than a telephone number.
static VERSION: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(?:0|[1-9][0-9]*)(?:[.][0-9]+){2,3}"));
/// A version that begins with a year.
static CALENDAR: LazyLock<Regex> = LazyLock::new(|| pattern(r"^20[0-9]{2}(?:[.][0-9]{1,2}){2}"));
/// A version after `v` or a name, as in `v11.24.0` and `Chrome/120.0.6099.109`; accepted if it has fewer
/// digits than a telephone number, or a group of a single digit.
static NAMED_VERSION: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[1-9][0-9]{0,3}(?:[.][0-9]{1,8}){1,3}"));
/// A count with separators, in Western or Indian groups.
static COUNT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^(?:[1-9][0-9]{0,2}(?:,[0-9]{3}){2,}|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3})(?:[.][0-9]{1,2})?")
});
/// Three groups with colons between them. Two groups may be a line and a column.
static COLONS: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[0-9]{1,6}(?::[0-9]{3,6}){2}"));
/// An extension, as in `ext. 12`.
static EXTENSION: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^[ ,;]*(?i-u:x|ext|extension|#)[ .:=]*[0-9]{1,7}"));

fn pattern(pattern: &str) -> Regex {
    #[expect(clippy::unwrap_used, reason = "a constant pattern, compiled by the tests below")]
    Regex::new(pattern).unwrap()
}

/// The text with `[number]` in place of each telephone number.
pub fn masked(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let stays = protected(text, at).or_else(|| grouped(text, at)).unwrap_or_default();
        let number = if stays == 0 { number(text, at) } else { Number::default() };
        if number.is_telephone() {
            shown.push_str("[number]");
            at += number.length;
        } else {
            let length = stays.max(number.length).max(c.len_utf8());
            shown.push_str(&text[at..at + length]);
            at += length;
        }
    }
    shown
}

/// The length in bytes of the identifier or time that begins at this position.
fn protected(text: &str, at: usize) -> Option<usize> {
    let rest = &text[at..];
    if !rest.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let before = text[..at].chars().next_back();
    if !before.is_some_and(char::is_alphanumeric)
        && let Some(length) = identifier(rest)
    {
        return Some(length);
    }
    time(&text[..at], rest)
}

fn identifier(rest: &str) -> Option<usize> {
    let found = |regex: &Regex| whole(rest, regex.find(rest)?.end());
    if let Some(length) = found(&KORE_ID) {
        return Some(length);
    }
    if let Some(length) = found(&UUID) {
        let uuid = &rest[..length];
        let is_complete = uuid.len() >= 35 && uuid.split('-').count() == 5;
        // An abbreviated one without letters inside may be a telephone number: `8163301-1234`, or a letter
        // and that.
        let within = uuid.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        if is_complete || within.contains(|c: char| c.is_ascii_alphabetic()) {
            return Some(length);
        }
    }
    if let Some(length) = found(&HEXADECIMAL) {
        let digits = rest[..length].trim_end_matches('x');
        // Letters before or after digits (`c8163301234`) do not make a hash, but letters between them do.
        let within = digits.trim_matches(|c: char| c.is_ascii_alphabetic());
        let is_hash = length >= 16 && within.contains(|c: char| c.is_ascii_alphabetic());
        if is_hash || within.len() > LONGEST_RUN {
            return Some(length);
        }
    }
    None
}

/// The length in bytes of the address, version or count that begins at this position: like telephone numbers,
/// these have digits in groups.
fn grouped(text: &str, at: usize) -> Option<usize> {
    let (before, rest) = text.split_at(at);
    let begins = rest.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !begins || before.ends_with(char::is_alphanumeric) || is_in_a_number(before) {
        return None;
    }
    let found = |regex: &Regex, separator: char, rest: &str| {
        let length = regex.find(rest)?.end();
        let behind = rest[length..].strip_prefix(separator).unwrap_or(&rest[length..]);
        (!behind.starts_with(char::is_numeric)).then_some(length)
    };
    let is_short = |version: &str| version.bytes().filter(u8::is_ascii_digit).count() < FEWEST_DIGITS;
    let has_digit = |version: &str| version.split('.').skip(1).any(|group| group.len() == 1);
    let version = |regex: &Regex, rest: &str, is_one: &dyn Fn(&str) -> bool| {
        found(regex, '.', rest).filter(|length| is_one(&rest[..*length]))
    };
    let named = |rest: &str| version(&NAMED_VERSION, rest, &|text| is_short(text) || has_digit(text));
    // After other digits, three groups may be the end of a telephone number.
    let alone = !before.trim_end_matches(|c: char| !c.is_alphanumeric()).ends_with(char::is_numeric);
    let name = before.strip_suffix('/').is_some_and(|name| name.ends_with(|c: char| c.is_ascii_alphabetic()));
    rest.strip_prefix(['v', 'V'])
        .and_then(|version| Some(1 + named(version)?))
        .or_else(|| named(rest).filter(|_| name))
        .or_else(|| found(&ADDRESS, '.', rest))
        .or_else(|| version(&VERSION, rest, &|text| is_short(text) && (alone || has_digit(text))))
        .or_else(|| found(&CALENDAR, '.', rest))
        .or_else(|| found(&COUNT, ',', rest))
        .or_else(|| ipv6(rest))
}

fn ipv6(rest: &str) -> Option<usize> {
    let run = rest.bytes().take(LONGEST_ADDRESS).take_while(|b| b.is_ascii_hexdigit() || *b == b':').count();
    let address = rest[..run].strip_suffix(':').filter(|left| !left.ends_with(':')).unwrap_or(&rest[..run]);
    address.parse::<Ipv6Addr>().ok().and_then(|_| whole(rest, address.len()))
}

/// Whether a number that began in this text may continue after it.
fn is_in_a_number(before: &str) -> bool {
    let mut last = before.chars().rev();
    match last.next() {
        Some(c) if c.is_numeric() || is_plus(c) => true,
        Some('-' | '.' | '/') => last.next().is_some_and(char::is_numeric),
        _ => false,
    }
}

fn time(before: &str, rest: &str) -> Option<usize> {
    if is_in_a_number(before) {
        return None;
    }
    if let Some(compact) = COMPACT.find(rest) {
        return whole(rest, zoned(rest, compact.end()));
    }
    if let Some(length) = date(rest) {
        let clock = rest[length..].strip_prefix(['T', 't', ' ', '_', ':']).and_then(clock);
        let length = clock.map_or(length, |clock| zoned(rest, length + 1 + clock));
        return whole_but_for_unit(rest, length);
    }
    clock(rest).map(|length| zoned(rest, length))
}

/// The length in bytes of the date that begins here. Neither `2025-12-0412` nor `2012-11-10-99` is a date.
fn date(rest: &str) -> Option<usize> {
    let found = DATES.iter().find_map(|regex| regex.captures(rest))?;
    let two = |name: &str| found[name].parse::<u8>().unwrap_or_default();
    let (a, b) = (two("a"), two("b"));
    let length = found[0].len();
    let separators: Vec<char> = found[0].chars().filter(|c| !c.is_ascii_digit()).collect();
    let is_date =
        separators[0] == separators[1] && (1..=31).contains(&a.max(b)) && (1..=12).contains(&a.min(b));
    let mut behind = rest[length..].chars();
    let goes_on = match behind.next() {
        Some(c) if c.is_numeric() => true,
        Some('-' | '.' | '/') => (1..FEWEST_DIGITS).contains(&behind.take_while(|c| c.is_numeric()).count()),
        _ => false,
    };
    (is_date && !goes_on).then_some(length)
}

fn clock(rest: &str) -> Option<usize> {
    let length = CLOCK.find(rest)?.end();
    whole_but_for_unit(rest, length)
}

/// The length of a time with the offset from UTC that follows, if one does.
fn zoned(rest: &str, length: usize) -> usize {
    let is_offset = |offset: &Match<'_>| {
        let end = length + offset.end();
        whole(rest, end).is_some() && !(is_code(offset.as_str()) && digits_follow(&rest[end..]))
    };
    OFFSET.find(&rest[length..]).filter(is_offset).map_or(length, |offset| length + offset.end())
}

/// Whether a telephone number may begin like this offset: after a blank and without a colon. No country code
/// begins with a zero [E.164].
fn is_code(offset: &str) -> bool {
    offset.strip_prefix(' ').is_some_and(|offset| offset[1..].starts_with('1') && !offset.contains(':'))
}

fn digits_follow(behind: &str) -> bool {
    behind.trim_start_matches(|c: char| !c.is_alphanumeric()).starts_with(char::is_numeric)
}

/// `length`, if no letter or digit follows.
fn whole(rest: &str, length: usize) -> Option<usize> {
    let behind = rest[length..].chars().next();
    (!behind.is_some_and(|c| c.is_alphanumeric() && !matches!(c, 'Z' | 'z'))).then_some(length)
}

/// `length`, if no digit follows; a letter may, as in `2025-12-04T` or `10:50:56Z`.
fn whole_but_for_unit(rest: &str, length: usize) -> Option<usize> {
    (!rest[length..].starts_with(char::is_numeric)).then_some(length)
}

/// Digits in groups.
#[derive(Default)]
struct Number {
    /// Length in bytes, with the characters between the groups and before the first one.
    length: usize,
    digits: usize,
}

impl Number {
    fn is_telephone(&self) -> bool {
        self.digits >= FEWEST_DIGITS
    }
}

/// The groups of digits that begin at this position, with a `+` or parenthesis before them and an extension
/// after them.
fn number(text: &str, at: usize) -> Number {
    let rest = &text[at..];
    let mut number = Number::default();
    let lead = rest.chars().take_while(|c| is_plus(*c) || matches!(c, '(' | ' ')).take(WIDEST_GAP);
    let mut reached = lead.map(char::len_utf8).sum();
    if rest.starts_with(' ') || !rest[reached..].starts_with(char::is_numeric) {
        return number;
    }
    // An international or trunk prefix: this is a telephone number, and no address or version begins within
    // it.
    let dialled = rest[..reached].contains(is_plus) || rest[reached..].starts_with('0');
    let (mut groups, mut colons) = (0, false);
    loop {
        let group = &rest[reached..];
        let end = group.find(|c: char| !c.is_numeric()).unwrap_or(group.len());
        let digits = group[..end].chars().count();
        if digits > LONGEST_RUN && number.digits == 0 {
            return Number { length: reached + end, digits: 0 };
        }
        if digits > LONGEST_RUN {
            break;
        }
        groups += 1;
        number.digits += digits;
        number.length = reached + end;
        let behind = &rest[number.length..];
        let Some(next) = behind.find(char::is_numeric) else { break };
        let gap = &behind[..next];
        reached = number.length + next;
        colons = is_colon(gap) && (colons || COLONS.is_match(group));
        if !(colons || joins(gap, digits, &behind[next..]))
            || protected(text, at + reached).is_some()
            || (!dialled && (groups == 1 || number.is_telephone()) && grouped(text, at + reached).is_some())
        {
            break;
        }
    }
    if number.is_telephone() {
        number.length += EXTENSION.find(&rest[number.length..]).map_or(0, |extension| extension.end());
    }
    // An opening parenthesis belongs to the number only if the number closes it.
    if rest.starts_with('(') && !rest[..number.length].contains(')') { Number::default() } else { number }
}

fn is_plus(c: char) -> bool {
    matches!(c, '+' | '\u{ff0b}')
}

fn is_colon(gap: &str) -> bool {
    matches!(gap, ":" | "\u{ff1a}")
}

/// Whether a gap is within one number: it follows a group of `before` digits, and `others` follows the gap.
fn joins(gap: &str, before: usize, others: &str) -> bool {
    let mut seen = gap.chars().filter(|c| !is_invisible(*c));
    if gap.contains(LIST) {
        let after = others.chars().take_while(|c| c.is_numeric()).count();
        return seen.count() == 1 && before <= LONGEST_LISTED && (2..=LONGEST_LISTED).contains(&after);
    }
    seen.clone().count() <= WIDEST_GAP && seen.all(is_separator)
}

/// Separators between two groups of digits: blanks of every width, dashes, dots, slashes, parentheses, and a
/// backslash that escapes one of them.
fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || is_plus(c)
        || matches!(c, '-' | '.' | '/' | '_' | '(' | ')' | '*' | '~' | '\\' | '·' | '•')
        || matches!(
            c,
            '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{20e3}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}'
        )
        || matches!(c, '\u{ff08}'..='\u{ff0a}' | '\u{ff0d}'..='\u{ff0f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_telephone_number_is_masked_however_it_is_written() {
        for number in [
            "+18163301234",
            "8163301234",
            "5551234",
            "555-1234",
            "+1 (816) 330-12345",
            "(816) 330-1234",
            "(+1) 816 330 1234",
            "816.330.1234",
            "+49 (0) 511 / 123 456",
            "0049-511-123456",
            "011 44 20 7946 0958",
            "+91 98765 43210",
            "816\u{a0}330\u{a0}1234",
            "816\u{2009}330\u{202f}1234",
            "816\u{2013}330\u{2011}1234",
            "816\u{200b}330\u{200b}1234",
            "\u{ff0b}\u{ff11}\u{ff18}\u{ff11}\u{ff16}\u{ff13}\u{ff13}\u{ff10}\u{ff11}",
            "\u{661}\u{662}\u{663}\u{664}\u{665}\u{666}\u{667}",
            "816_330_1234",
            "8\u{fe0f}\u{20e3}1\u{fe0f}\u{20e3}6330123",
            "816-330-1234 ext. 12",
            "8163301234x12",
            "+1-816-330-1234;ext=12",
            "1764158400000",
            "816\u{1}330\u{1}1234",
            "816,330,1234",
            "+91,98765,43210",
            "01,42,68,53,00",
            "816;330;1234",
            "816|330|1234",
            "816\u{ff0c}330\u{ff0c}1234",
            "816*330*1234",
            "816~330~1234",
            "816:330:1234",
            "+91:98765:43210",
            "816\\-330\\-1234",
            "816\\.330\\.1234",
            "816\u{fe0e}-\u{fe0e}330\u{fe0e}-\u{fe0e}1234",
            "8\u{fe0e}1\u{fe0e}6\u{fe0e}3301234",
            "816\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}330\u{2066}1234",
            "+45 12.34.56.78",
            "0045 12.34.56.78",
            "33.6.12.34.56.78",
            "02/123.45.67",
            "0475/12.34.56",
            "0475 12.34.56",
            "32 475 12.34.56",
            "475 12.34.56",
            "(475) 12.34.56",
            "+1,816,330,123",
        ] {
            assert_eq!(masked(number), "[number]");
            assert_eq!(masked(&format!("to {number}, HTTP 400")), "to [number], HTTP 400");
            assert_eq!(masked(&format!("2025-12-04 {number}!")), "2025-12-04 [number]!");
            assert_eq!(masked(&format!("{number} 2025-12-04 10:50:56")), "[number] 2025-12-04 10:50:56");
        }
        for (text, shown) in [
            ("p919876543210", "p[number]"),
            ("c919876543210", "c[number]"),
            ("c919876543210123", "c[number]"),
            ("f8163301-1234", "f[number]"),
            ("tel:+18163301234", "tel:[number]"),
            ("contact_8163301234", "contact_[number]"),
            ("816+330+1234", "[number]"),
            ("%2B919876543210", "%[number]"),
            ("(8163301234)", "([number])"),
            ("2025-12-04-8163301234", "2025-12-04-[number]"),
            ("2025-12-04T10:50:56Z 8163301234", "2025-12-04T10:50:56Z [number]"),
            ("10:50:56 +0530 8163301234", "10:50:56 +0530 [number]"),
            ("10:50:56 +10:30 8163301234", "10:50:56 +10:30 [number]"),
            ("10:50:56+1030 8163301234", "10:50:56+1030 [number]"),
            ("10:50:56 +1030 8163301234", "10:50:56 [number]"),
            ("10:50:56 +1045 000", "10:50:56 [number]"),
            ("10:50:56 -1200-555-1234", "10:50:56 -[number]"),
            ("20251204T105056 +1045 000", "20251204T105056 [number]"),
            ("10:50 8163301234", "10:50 [number]"),
            ("8163301234,8163301235", "[number],[number]"),
            ("5551234;5551235|5551236", "[number];[number]|[number]"),
            ("/contacts/816.330.1234", "/contacts/[number]"),
            ("/contacts/33.6.12.34.56.78", "/contacts/[number]"),
            ("v11.24.0 8163301234", "v11.24.0 [number]"),
            ("192.168.100.200 816-330-1234", "192.168.100.200 [number]"),
            ("1,234,567 of 816,330,1234", "1,234,567 of [number]"),
            ("816-330-1234 192.168.100.200", "[number] 192.168.100.200"),
            ("cd-a1e45a7-e8ba 8163301234", "cd-a1e45a7-e8ba [number]"),
            ("2012-11-10-99", "[number]"),
            ("2025-12-0412", "[number]"),
        ] {
            let shown = shown.replace("%[number]", "%2B[number]");
            assert_eq!(masked(text), shown);
        }
    }

    #[test]
    fn identifiers_times_and_counts_stay() {
        for text in [
            "cd-12345678-4af3-…",
            "cd-12345678-1234-1234-1234-123456789012",
            "cd-1234567",
            "cd-a1e45a7-e8ba-4e97-a339-476ebc7xxxxx, st-0603182c-7ffb-53c3-b307-47ca14bxxxxx",
            "Renewal_2025_12_04, Renewal_2025_12_04_1000",
            "67777ce93e25326494exxxxx",
            "67777ce93e25326494e12345",
            "677772193125326494212345",
            "12345678-1234-1234-1234-123456789012",
            "12345678-4af3-4e97",
            "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "2025-12-04 10:50:56",
            "2025-12-04 10:50:56,123",
            "2025-12-05T06:31:23.308Z",
            "2025-12-05T06:31:23.308123456+05:30",
            "2025-12-05T06:31:23-0800 and 404",
            "20251204T105056Z",
            "2025/12/04, 04.12.2025, 12/04/2025",
            "04/Dec/2025:10:50:56 +0000",
            "[04/Dec/2025:10:50:56 +1100] 404, 10:50:56 +1000, 1000 rows at 10:50:56 -1000 2025-12-04",
            "Mon, 23 Nov 2026 12:00:30 GMT",
            "between 2025-12-04 and 2025-12-05.",
            "1000 of 60000 rows, page 12 of 45 in 999999 ms",
            "dial 10.244.120.133:8443: refused, then 192.168.100.200:443",
            "192.168.100.200, 10.244.120.133/16 and 10.0.0.1,10.244.120.134: no route; HTTP 504 from 192.168.100.200.",
            "[2001:4860:4860::8888]:443, 2001:4860:4860::8844: refused, 2001:0:1234:5678:9012:3456:7890:1234",
            "v11.24.0 (25 Apr 2026), v11.24.10 (25 Apr 2026) and 11.24.10 (25 Apr 2026)",
            "nginx/1.25.13 (Ubuntu 22.04.1) 504",
            "2024.11.0 and 2024.11.12-rc1, v2024.11.0",
            "nginx/1.25.3 504, HTTP/1.1 504 123, Chrome/120.0.6099.109 Safari/537.36",
            "HTTP 504 11.24.0 (25 Apr 2026)",
            "1,234,567 rows, 12,345,678.90 and 12,34,567 of 1,234,567,890.",
            "404, 500, 503, 1000 and 1,2,3,4,5,6,7,8",
            "src/main.rs:1024:135",
        ] {
            assert_eq!(masked(text), text);
        }
    }

    /// The time grows in proportion to the length of a text.
    #[test]
    fn a_long_text_takes_no_square_of_its_length() {
        for part in
            ["a", "(", "+", "1", "1 ", "1a", "a1 ", "1-", "abcdef-", "12:", "a:", "1.", "v1.", "1,123,"]
        {
            let begun = std::time::Instant::now();
            masked(&part.repeat(64 * 1024 / part.len()));
            assert!(begun.elapsed().as_secs() < 30, "{part}");
        }
    }

    /// A number of E.164 as people and programs write it.
    fn spelled() -> impl Strategy<Value = String> {
        let separator = prop::sample::select(vec![
            "", " ", "-", ".", "/", "*", "\\-", "\u{1}", "\u{fe0e}", "\u{a0}", "\u{2009}", "\u{2013}", " - ",
            ") ",
        ]);
        let lead = prop::sample::select(vec![
            "", "+", "00", "011", "tel:", "tel:+", "p", "a", "nr.", "(+", "\u{ff0b}", "x",
        ]);
        ("[1-9][0-9]{6,14}", prop::collection::vec(1..5_usize, 1..15), separator, lead, any::<bool>())
            .prop_map(|(digits, groups, separator, lead, wide)| {
                let mut spelled = lead.to_owned();
                let mut rest = digits.as_str();
                for group in groups {
                    let (head, tail) = rest.split_at(group.min(rest.len()));
                    spelled.push_str(head);
                    rest = tail;
                    if rest.is_empty() {
                        break;
                    }
                    spelled.push_str(separator);
                }
                spelled.push_str(rest);
                let widened = |c: char| match c.to_digit(10) {
                    Some(digit) if wide => char::from_u32(0xff10 + digit).unwrap(),
                    _ => c,
                };
                spelled.chars().map(widened).collect()
            })
            .prop_filter("a date, an address or a version", |spelled: &String| {
                let first = spelled.find(char::is_numeric).unwrap();
                protected(spelled, first).or_else(|| grouped(spelled, first)).is_none()
            })
    }

    fn sentence() -> impl Strategy<Value = (&'static str, &'static str)> {
        prop::sample::select(vec![
            ("", ""),
            ("call to ", " failed"),
            ("2025-12-04 ", ", code x"),
            ("2025-12-04T10:50:56.308Z ", "."),
            ("at 10:50:56 ", "; cd-a1e45a7-e8ba-4e97-a339-476ebc712345"),
            ("\"", "\""),
            ("contact=", "&a=b"),
            ("cd-12345678-1234-1234-1234-123456789012: ", " / 2025-12-04 10:50"),
            ("Anruf bei «", "» nicht möglich"),
        ])
    }

    fn identifier() -> impl Strategy<Value = String> {
        let hexadecimal = |length: usize| {
            let mixed = format!("[0-9][0-9a-f]{{{}}}[a-f][0-9]", length - 3);
            prop::string::string_regex(&mixed).unwrap()
        };
        prop_oneof![
            "(cd|cid|cl|cf|st|cs)-([0-9a-f]{7,8}|[0-9]{7,8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-([0-9a-f]{12}|[0-9a-f]{7}xxxxx)",
            "(cd|cid|cl|cf|st|cs)-[0-9]{7,8}(-[0-9a-f]{4}){0,3}",
            "([0-9a-f]{8}-[0-9a-f]{4}|[0-9]{8}-[0-9]{4})-[0-9a-f]{4}-[0-9]{4}-[0-9]{12}",
            hexadecimal(24),
            hexadecimal(32),
            hexadecimal(40),
            hexadecimal(64),
        ]
    }

    fn moment() -> impl Strategy<Value = String> {
        let format = prop::sample::select(vec![
            "%Y-%m-%dT%H:%M:%SZ",
            "%Y-%m-%dT%H:%M:%S.%6fZ",
            "%Y-%m-%dT%H:%M:%S%.f+05:30",
            "%Y-%m-%dT%H:%M:%S.%3f-0800",
            "%Y-%m-%d %H:%M:%S",
            "%Y-%m-%d %H:%M:%S,%3f",
            "%Y-%m-%d %H:%M",
            "%Y-%m-%d",
            "%Y/%m/%d %H:%M:%S",
            "%d.%m.%Y",
            "%H:%M:%S.%9f",
            "%Y%m%dT%H%M%SZ",
            "%a, %d %b %Y %H:%M:%S GMT",
            "%a %b %e %H:%M:%S %Y",
        ]);
        (946_684_800_000_000_i64..4_000_000_000_000_000, format).prop_map(|(micros, format)| {
            jiff::Timestamp::from_microsecond(micros).unwrap().strftime(format).to_string()
        })
    }

    proptest! {
        /// No digit of the number is left, and the text around it stays.
        #[test]
        fn no_telephone_number_is_shown((before, after) in sentence(), number in spelled()) {
            let shown = masked(&format!("{before}{number}{after}"));
            let digits = |text: &str| text.chars().filter(|c| c.is_numeric()).collect::<String>();
            prop_assert!(shown.contains("[number]"), "{shown}");
            prop_assert_eq!(digits(&shown), digits(before) + &digits(after), "{}", shown);
        }

        #[test]
        fn no_identifier_and_no_time_is_masked(
            (before, after) in sentence(),
            what in prop_oneof![identifier(), moment()],
        ) {
            let text = format!("{before}{what}{after}");
            prop_assert_eq!(masked(&text), text);
        }
    }
}
