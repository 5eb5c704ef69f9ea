use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// A time for a status, in whole seconds, not after the given one.
pub fn round_down(time: Timestamp) -> Time {
    Time(rounded(time, RoundMode::Floor))
}

/// A time for a status, in whole seconds, not before the given one: nothing may happen earlier than the
/// status says.
pub fn round_up(time: Timestamp) -> Time {
    Time(rounded(time, RoundMode::Ceil))
}

fn rounded(time: Timestamp, mode: RoundMode) -> Timestamp {
    time.round(TimestampRound::new().smallest(Unit::Second).mode(mode)).unwrap_or(time)
}
