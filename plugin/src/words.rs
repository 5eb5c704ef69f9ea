//! Times, numbers and texts, for people.

use jiff::Timestamp;
pub use voicecampaign_operator::kore::scrub::plain;
pub use voicecampaign_operator::kube_ext::long;

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

/// How many resources of one kind are named.
pub const NAMED: usize = 5;

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
    fn of_many_some_are_named() {
        let texts = ["a", "b", "c"].map(str::to_owned);
        assert_eq!((some(&texts, 2), some(&texts, 3)), ("a, b and 1 more".to_owned(), "a, b, c".to_owned()));
    }
}
