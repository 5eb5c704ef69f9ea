use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::name::ConnectionName;

/// Which VoiceCampaigns use which connection, as the watches show it.
#[derive(Default)]
pub struct Users {
    index: Mutex<Index>,
}

#[derive(Default)]
struct Index {
    /// Number of objects that use each connection.
    connections: HashMap<Arc<ConnectionName>, usize>,
    /// The connection that the object of each uid uses.
    used: HashMap<Box<str>, Arc<ConnectionName>>,
}

impl Users {
    /// Records that an object uses a connection. Returns whether it used none, or another one, before.
    pub fn uses(&self, uid: &str, connection: ConnectionName) -> bool {
        let mut index = self.index();
        if index.used.get(uid).is_some_and(|known| **known == connection) {
            return false;
        }
        index.forget(uid);
        let known = index.connections.get_key_value(&connection).map(|(key, _)| key.clone());
        let key = known.unwrap_or_else(|| Arc::new(connection));
        *index.connections.entry(key.clone()).or_default() += 1;
        index.used.insert(uid.into(), key);
        true
    }

    /// Records that an object needs no connection any more. Returns the one that it used.
    pub fn gone(&self, uid: &str) -> Option<ConnectionName> {
        self.index().forget(uid).map(|connection| (*connection).clone())
    }

    /// Number of objects that use a connection.
    pub fn count(&self, connection: &ConnectionName) -> usize {
        self.index().connections.get(connection).copied().unwrap_or_default()
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    fn forget(&mut self, uid: &str) -> Option<Arc<ConnectionName>> {
        let connection = self.used.remove(uid)?;
        let users = self.connections.get_mut(&connection)?;
        *users -= 1;
        if *users == 0 {
            self.connections.remove(&connection);
        }
        Some(connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_counts_once_and_goes_by_its_uid() {
        let users = Users::default();
        let [key, other] = ["c", "d"].map(|name| ConnectionName::new("n", name));
        assert!(users.uses("u-1", key.clone()));
        assert!(!users.uses("u-1", key.clone()));
        assert!(users.uses("u-2", key.clone()));
        assert_eq!(users.count(&key), 2);
        assert!(users.uses("u-2", other.clone()));
        assert_eq!((users.count(&key), users.count(&other)), (1, 1));
        assert!(users.uses("u-2", key.clone()));
        assert_eq!(users.gone("u-1"), Some(key.clone()));
        assert_eq!(users.gone("u-1"), None);
        assert_eq!((users.count(&key), users.count(&other)), (1, 0));
    }
}
