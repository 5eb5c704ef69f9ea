//! The header `Retry-After`. Pure.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Shortest pause that is accepted; with less, the operator would retry in a hot loop.
pub const MIN_RETRY_AFTER: Duration = Duration::from_secs(1);
/// Longest pause that is accepted: a header of ten years must not delay a deletion for ten years.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(15 * 60);
/// Pause after a refusal because of the rate limit without the header: the documented window is one minute
/// [rate-limit-ccai].
pub const DEFAULT_THROTTLE_PAUSE: Duration = Duration::from_secs(60);
/// A number of seconds since 1970 this close to now is a point in time; as a pause it would be more than
/// fifty years.
const EPOCH_NEIGHBOURHOOD: SignedDuration = SignedDuration::from_hours(24);

/// Reads the `Retry-After` headers of an answer: numbers of seconds, durations or dates. The pause is between
/// [`MIN_RETRY_AFTER`] and [`MAX_RETRY_AFTER`]; `None` if no header can be read. Of several values (two
/// headers, or headers that a proxy has joined) the longest counts, which satisfies all.
///
/// A date refers to the clock of the service. So the pause counts from the answer's `Date` header (`sent`),
/// if that can be read, and from `now` otherwise.
pub fn parse<'a>(
    headers: impl IntoIterator<Item = &'a str>,
    sent: Option<&str>,
    now: Timestamp,
) -> Option<Duration> {
    let clock = sent.and_then(|text| moment(bare(text))).unwrap_or(now);
    let pauses = headers.into_iter().filter_map(|header| {
        // The header as a whole first: a date has a comma, too.
        pause(header, clock).or_else(|| header.split(',').filter_map(|part| pause(part, clock)).max())
    });
    pauses.max().map(|pause| pause.clamp(MIN_RETRY_AFTER, MAX_RETRY_AFTER))
}

/// The text without blanks and quotes around it, and without a parameter or comment after it.
fn bare(text: &str) -> &str {
    let text = text.split([';', '(']).next().unwrap_or_default();
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ','))
}

/// The pause in one text, not bounded yet.
fn pause(text: &str, clock: Timestamp) -> Option<Duration> {
    let text = bare(text);
    if let Some(seconds) = number(text) {
        return Some(match epoch(seconds, clock) {
            Some(moment) => until(moment, clock),
            None => Duration::from_secs_f64(seconds.clamp(0.0, MAX_RETRY_AFTER.as_secs_f64())),
        });
    }
    match moment(text) {
        Some(moment) => Some(until(moment, clock)),
        // A duration: "30s", "2 minutes", "PT30S".
        None => text.parse::<SignedDuration>().ok().map(|pause| pause.try_into().unwrap_or_default()),
    }
}

fn number(text: &str) -> Option<f64> {
    let numeric = text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'+' | b'-'));
    numeric.then(|| text.parse().ok()).flatten()
}

/// The time of a number of seconds or milliseconds since 1970, if it is close to now.
fn epoch(number: f64, clock: Timestamp) -> Option<Timestamp> {
    let moment = |seconds: f64| {
        let since = SignedDuration::try_from_secs_f64(seconds).ok()?;
        let moment = Timestamp::from_duration(since).ok()?;
        (clock.duration_since(moment).abs() < EPOCH_NEIGHBOURHOOD).then_some(moment)
    };
    moment(number).or_else(|| moment(number / 1000.0))
}

fn until(moment: Timestamp, clock: Timestamp) -> Duration {
    moment.duration_since(clock).try_into().unwrap_or_default()
}

/// A date in one of the three formats of HTTP, in that of e-mail (RFC 2822), or in ISO 8601; UTC if it has no
/// offset.
fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(date) = httpdate::parse_http_date(text) {
        return Timestamp::try_from(date).ok();
    }
    // A wrong or missing weekday does not change the date.
    let undated = text.split_once(',').map_or(text, |(_, date)| date.trim_start());
    let email = undated.strip_suffix("UTC").map_or(undated.to_owned(), |date| format!("{date}GMT"));
    jiff::fmt::rfc2822::parse(&email)
        .map(|date| date.timestamp())
        .or_else(|_| text.parse::<Timestamp>())
        .or_else(|_| text.parse::<DateTime>()?.to_zoned(TimeZone::UTC).map(|date| date.timestamp()))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-23T12:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn one(header: &str) -> Option<Duration> {
        parse([header], None, at(NOW))
    }

    /// R6: seconds, absent, 0, negative, ten years, nonsense.
    #[test]
    fn every_spelling_is_bounded() {
        let seconds = |number| Some(Duration::from_secs(number));
        for (header, pause) in [
            ("7", seconds(7)),
            (" 7 ", seconds(7)),
            ("\"7\"", seconds(7)),
            ("+7", seconds(7)),
            ("7.5", Some(Duration::from_millis(7500))),
            ("7.", seconds(7)),
            ("0.2", Some(MIN_RETRY_AFTER)),
            ("7s", seconds(7)),
            ("2 minutes", seconds(120)),
            ("PT30S", seconds(30)),
            ("120;duration=3600", seconds(120)),
            ("120 (busy)", seconds(120)),
            ("5, 10", seconds(10)),
            ("0", Some(MIN_RETRY_AFTER)),
            ("-5", Some(MIN_RETRY_AFTER)),
            ("315360000", Some(MAX_RETRY_AFTER)),
            ("1000000000", Some(MAX_RETRY_AFTER)),
            ("99999999999999999999999", Some(MAX_RETRY_AFTER)),
            ("soon", None),
            ("", None),
            ("\"\"", None),
            ("-", None),
            ("NaN", None),
            ("infinity", None),
        ] {
            assert_eq!(one(header), pause, "{header}");
        }
    }

    #[test]
    fn every_form_of_a_date_is_read() {
        for date in [
            "Mon, 23 Nov 2026 12:00:30 GMT",
            "Monday, 23-Nov-26 12:00:30 GMT",
            "Mon Nov 23 12:00:30 2026",
            " \"Mon, 23 Nov 2026 12:00:30 GMT\" ",
            "Tue, 23 Nov 2026 12:00:30 GMT",
            "23 Nov 2026 12:00:30 GMT",
            "Mon, 23 Nov 2026 12:00:30 UTC",
            "Mon, 23 Nov 2026 17:30:30 +0530",
            "2026-11-23T12:00:30Z",
            "2026-11-23T17:30:30+05:30",
            "2026-11-23 12:00:30Z",
            "2026-11-23T12:00:30.000Z",
            "2026-11-23T12:00:30",
            "1795435230",
            "1795435230000",
        ] {
            assert_eq!(one(date), Some(Duration::from_secs(30)), "{date}");
        }
        assert_eq!(one("Mon, 23 Nov 2026 11:00:00 GMT"), Some(MIN_RETRY_AFTER));
        assert_eq!(one("Sun, 23 Nov 2036 12:00:00 GMT"), Some(MAX_RETRY_AFTER));
    }

    /// Our clock may be an hour off, and so may the service's.
    #[test]
    fn a_date_counts_by_the_clock_of_the_service() {
        let date = "Mon, 23 Nov 2026 12:00:30 GMT";
        let minute = Some(Duration::from_secs(60));
        for ours in ["2026-11-23T11:00:00Z", "2026-11-23T12:00:00Z", "2026-11-23T13:00:00Z"] {
            assert_eq!(parse([date], Some("Mon, 23 Nov 2026 11:59:30 GMT"), at(ours)), minute, "{ours}");
        }
        let half = Some(Duration::from_secs(30));
        assert_eq!(parse([date], Some("yesterday"), at(NOW)), half, "a `Date` that can't be read");
        assert_eq!(
            parse(["30"], Some("Mon, 23 Nov 2026 11:00:00 GMT"), at(NOW)),
            half,
            "seconds depend on no clock"
        );
    }

    /// The longest pause satisfies all.
    #[test]
    fn of_several_the_longest_counts() {
        let several = |headers: &[&str]| parse(headers.iter().copied(), None, at(NOW));
        assert_eq!(several(&["5", "40", "soon"]), Some(Duration::from_secs(40)));
        assert_eq!(several(&["5", "Mon, 23 Nov 2026 12:00:30 GMT"]), Some(Duration::from_secs(30)));
        assert_eq!(several(&["soon", "later"]), None);
        assert_eq!(several(&[]), None);
        let joined = "Mon, 23 Nov 2026 12:00:20 GMT, Mon, 23 Nov 2026 12:00:30 GMT";
        assert_eq!(several(&[joined]), Some(Duration::from_secs(30)));
    }
}
