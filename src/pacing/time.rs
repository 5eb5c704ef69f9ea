use jiff::{SignedDuration, Timestamp};

/// The clocks of two instances may differ by so much; a time that is further ahead was never right.
pub const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(10);

/// The first whole second at or after `time`: status stores no fractions of a second.
pub fn whole_second(time: Timestamp) -> Timestamp {
    let has_fraction = time.subsec_nanosecond() > 0;
    Timestamp::from_second(time.as_second() + i64::from(has_fraction)).unwrap_or(time)
}
