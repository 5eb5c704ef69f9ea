use std::time::{Duration, SystemTime};

/// Shortest pause a service can ask for: less would be a hot loop.
pub const MIN_RETRY_AFTER: Duration = Duration::from_secs(1);
/// Longest pause a service can ask for: a header that says ten years must not park a deletion for ten years.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(15 * 60);
/// Pause after a refusal for the rate limit that names none: the documented window is one minute [rate-limit-ccai].
pub const DEFAULT_THROTTLE_PAUSE: Duration = Duration::from_secs(60);

/// Reads a `Retry-After` header: seconds or an HTTP date, bounded; `None` if it is neither.
pub fn parse(header: &str, now: SystemTime) -> Option<Duration> {
    let header = header.trim();
    let pause = match header.parse::<i64>() {
        Ok(seconds) => Duration::from_secs(u64::try_from(seconds).unwrap_or(0)),
        // Digits only, but more than fit: far in the future.
        Err(_) if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) => MAX_RETRY_AFTER,
        Err(_) => httpdate::parse_http_date(header).ok()?.duration_since(now).unwrap_or(Duration::ZERO),
    };
    Some(pause.clamp(MIN_RETRY_AFTER, MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R6: seconds, an HTTP date, absent, 0, negative, ten years, nonsense.
    #[test]
    fn every_spelling_is_bounded() {
        let now = httpdate::parse_http_date("Mon, 23 Nov 2026 12:00:00 GMT").unwrap();
        let parse = |header| parse(header, now);
        assert_eq!(parse("7"), Some(Duration::from_secs(7)));
        assert_eq!(parse(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(parse("Mon, 23 Nov 2026 12:00:30 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(parse("Mon, 23 Nov 2026 11:00:00 GMT"), Some(MIN_RETRY_AFTER));
        assert_eq!(parse("Tue, 25 Nov 2036 12:00:00 GMT"), Some(MAX_RETRY_AFTER));
        assert_eq!(parse("0"), Some(MIN_RETRY_AFTER));
        assert_eq!(parse("-5"), Some(MIN_RETRY_AFTER));
        assert_eq!(parse("315360000"), Some(MAX_RETRY_AFTER));
        assert_eq!(parse("99999999999999999999999"), Some(MAX_RETRY_AFTER));
        assert_eq!(parse("soon"), None);
        assert_eq!(parse(""), None);
    }
}
