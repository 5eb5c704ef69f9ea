use std::collections::HashMap;
use std::mem::discriminant;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::connection::name::ConnectionName;
use crate::connection::status::Verdict;

/// Whether Kore accepted the credentials of connections when they were last used.
#[derive(Default)]
pub struct Verdicts {
    known: Mutex<HashMap<ConnectionName, Known>>,
}

/// A verdict on the credentials in a Secret.
struct Known {
    verdict: Verdict,
    secret: String,
}

impl Verdicts {
    /// Records a verdict on the credentials in a Secret. Returns whether it differs from the last one; the
    /// texts of two refusals may differ each time, and do not count.
    pub fn record(&self, connection: &ConnectionName, secret: &str, verdict: Verdict) -> bool {
        let mut verdicts = self.known();
        let is_known = verdicts.get(connection).is_some_and(|known| {
            known.secret == secret && discriminant(&known.verdict) == discriminant(&verdict)
        });
        if !is_known {
            verdicts.insert(connection.clone(), Known { verdict, secret: secret.to_owned() });
        }
        !is_known
    }

    /// The last verdict on the credentials of a connection, if they were in this Secret.
    pub fn get(&self, connection: &ConnectionName, secret: &str) -> Option<Verdict> {
        let verdicts = self.known();
        verdicts.get(connection).filter(|known| known.secret == secret).map(|known| known.verdict.clone())
    }

    pub fn forget(&self, connection: &ConnectionName) {
        self.known().remove(connection);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<ConnectionName, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
