//! When a connection is reconciled again, if nothing happens.

use std::time::Duration;

/// Shortest time between two passes over a connection, so that a thousand campaigns that come or go cost a
/// few writes.
pub const PAUSE: Duration = Duration::from_secs(1);
/// Requeue of a connection that a person has to correct: a missing Secret, for example, may exist by now. Its
/// new status wakes the campaigns.
pub const RETRY: Duration = Duration::from_secs(10);
/// Requeue of a connection that needs nothing.
pub const INTERVAL: Duration = Duration::from_secs(600);
