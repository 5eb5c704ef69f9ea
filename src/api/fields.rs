//! What fields of both kinds have in common.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::{Deserialize, Deserializer};

/// Which identifiers are allowed.
///
/// Kore's identifiers are `st-…`, `cd-…` or hexadecimal, but the documents do not promise a format (the
/// samples are masked), so the rule only keeps out what would change the path of a request.
pub const IDENTIFIER_RULE: &str = "self.matches('^[A-Za-z0-9][A-Za-z0-9._-]*$')";

/// Which names of objects are allowed: a reference to a name that no object can have could never be mended.
pub const OBJECT_NAME_RULE: &str =
    "self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$')";

/// A time as status records it. Somebody who may write a status may write a time at the end of what
/// [`Timestamp`] can hold, and the next addition would end the process: such a time counts as the nearest one
/// to which years can be added.
pub fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
    Time::deserialize(deserializer).map(bounded)
}

/// The same, of a time that may be absent.
pub fn optional_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
    Ok(Option::<Time>::deserialize(deserializer)?.map(bounded))
}

/// The nearest time to which years can be added.
pub fn bounded(time: Time) -> Time {
    let years = SignedDuration::from_hours(10 * 365 * 24);
    Time(time.0.clamp(Timestamp::MIN + years, Timestamp::MAX - years))
}
