use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Which objects use which connection, as the watches show it.
#[derive(Default)]
pub struct Users {
    index: Mutex<Index>,
}

/// Namespace and name of a connection.
pub type ConnectionKey = (String, String);

#[derive(Default)]
struct Index {
    /// Uids by connection.
    connections: HashMap<ConnectionKey, HashSet<String>>,
    /// The connection of each uid: an object may be unreadable when it goes.
    used: HashMap<String, ConnectionKey>,
}

impl Users {
    /// An object uses a connection. Whether that is news.
    pub fn uses(&self, uid: &str, connection: ConnectionKey) -> bool {
        let mut index = self.index();
        index.used.insert(uid.to_owned(), connection.clone());
        index.connections.entry(connection).or_default().insert(uid.to_owned())
    }

    /// An object needs no connection any more. Which one it has used.
    pub fn gone(&self, uid: &str) -> Option<ConnectionKey> {
        let mut index = self.index();
        let connection = index.used.remove(uid)?;
        let users = index.connections.get_mut(&connection)?;
        users.remove(uid);
        if users.is_empty() {
            index.connections.remove(&connection);
        }
        Some(connection)
    }

    /// How many objects use a connection.
    pub fn count(&self, namespace: &str, connection: &str) -> usize {
        let key = (namespace.to_owned(), connection.to_owned());
        self.index().connections.get(&key).map_or(0, HashSet::len)
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_counts_once_and_goes_by_its_uid() {
        let (users, key) = (Users::default(), ("n".to_owned(), "c".to_owned()));
        assert!(users.uses("u-1", key.clone()));
        assert!(!users.uses("u-1", key.clone()));
        assert!(users.uses("u-2", key.clone()));
        assert_eq!(users.count("n", "c"), 2);
        assert_eq!(users.gone("u-1"), Some(key.clone()));
        assert_eq!(users.gone("u-1"), None);
        assert_eq!((users.count("n", "c"), users.count("n", "d")), (1, 0));
    }
}
