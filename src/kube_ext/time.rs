use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

/// A time for a status, in whole seconds, not after the given one.
pub fn round_down(time: Timestamp) -> Time {
    Time(rounded(time, RoundMode::Floor))
}

/// A time for a status, in whole seconds, not before the given one: nothing may happen earlier than the
/// status says.
pub fn round_up(time: Timestamp) -> Time {
    Time(rounded(time, RoundMode::Ceil))
}

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

fn rounded(time: Timestamp, mode: RoundMode) -> Timestamp {
    time.round(TimestampRound::new().smallest(Unit::Second).mode(mode)).unwrap_or(time)
}

/// When anybody has last written an object, as the API server notes it in `metadata.managedFields`.
pub fn written_at(metadata: &ObjectMeta) -> Option<Timestamp> {
    let written = metadata.managed_fields.iter().flatten();
    written.filter_map(|written| written.time.as_ref()).map(|time| time.0).max()
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
}
