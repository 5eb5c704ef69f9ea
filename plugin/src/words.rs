//! Times, numbers and texts, for people.

use jiff::{SignedDuration, Timestamp};
use voicecampaign_operator::kore::scrub::is_invisible;

/// How long, as `kubectl get` writes an age: `45s`, `12m`, `3h5m`, `9d`.
pub fn long(time: SignedDuration) -> String {
    let seconds = time.as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match () {
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 && seconds % 60 > 0 => format!("{minutes}m{}s", seconds % 60),
        () if hours < 3 => format!("{minutes}m"),
        () if hours < 8 && minutes % 60 > 0 => format!("{hours}h{}m", minutes % 60),
        () if days < 2 => format!("{hours}h"),
        () => format!("{days}d"),
    }
}

/// A time, and how far away it is.
pub fn at(time: Timestamp, now: Timestamp) -> String {
    if time <= now {
        format!("{time:.0} ({} ago)", long(now.duration_since(time)))
    } else {
        format!("{time:.0} (in {})", long(time.duration_since(now)))
    }
}

/// A number with its noun: `1 campaign`, `2 campaigns`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A text of Kore or of somebody else on one line: without what moves a cursor, ends a line of YAML, is not
/// seen, or turns the direction of what follows.
pub fn plain(text: &str) -> String {
    let one_line = |c: char| if c.is_control() || c.is_whitespace() { ' ' } else { c };
    text.chars().map(one_line).filter(|c| !is_invisible(*c)).collect()
}

/// The first of some texts, and how many more there are.
pub fn some(texts: &[String], most: usize) -> String {
    let shown = texts.iter().take(most).map(String::as_str).collect::<Vec<_>>().join(", ");
    match texts.len().checked_sub(most) {
        Some(more @ 1..) => format!("{shown} and {more} more"),
        Some(0) | None => shown,
    }
}

/// `-` for what is not known, as a table shows it.
pub fn or_dash(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_as_long_as_kubectl_says() {
        let said = [0, 45, 119, 120, 125, 600, 7_200, 11_100, 40_000, 200_000]
            .map(|seconds| long(SignedDuration::from_secs(seconds)));
        assert_eq!(said, ["0s", "45s", "119s", "2m", "2m5s", "10m", "120m", "3h5m", "11h", "2d"]);
    }

    #[test]
    fn a_text_of_kore_is_one_line_and_looks_as_it_is() {
        assert_eq!(plain("a\u{1b}[2Jb\r\nc\u{9b}d"), "a [2Jb  c d");
        assert_eq!(plain("a\u{2028}b\u{2029}c\u{85}d"), "a b c d");
        assert_eq!(plain("a\u{202e}b\u{200b}c"), "abc");
    }

    #[test]
    fn of_many_some_are_named() {
        let texts = ["a", "b", "c"].map(str::to_owned);
        assert_eq!((some(&texts, 2), some(&texts, 3)), ("a, b and 1 more".to_owned(), "a, b, c".to_owned()));
    }
}
