use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which objects use which connection, as the watches show it.
#[derive(Default)]
pub struct Users {
    index: Mutex<Index>,
}

/// Namespace and name of a connection.
pub type ConnectionKey = (String, String);

#[derive(Default)]
struct Index {
    /// How many objects use each.
    connections: HashMap<Arc<ConnectionKey>, usize>,
    /// The connection of each uid.
    used: HashMap<Box<str>, Arc<ConnectionKey>>,
}

impl Users {
    /// An object uses a connection. Whether that is news.
    pub fn uses(&self, uid: &str, connection: ConnectionKey) -> bool {
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

    /// An object needs no connection any more. Which one it has used.
    pub fn gone(&self, uid: &str) -> Option<ConnectionKey> {
        self.index().forget(uid).map(|connection| (*connection).clone())
    }

    /// How many objects use a connection.
    pub fn count(&self, namespace: &str, connection: &str) -> usize {
        let key = (namespace.to_owned(), connection.to_owned());
        self.index().connections.get(&key).copied().unwrap_or_default()
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    fn forget(&mut self, uid: &str) -> Option<Arc<ConnectionKey>> {
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
        let (users, key) = (Users::default(), ("n".to_owned(), "c".to_owned()));
        assert!(users.uses("u-1", key.clone()));
        assert!(!users.uses("u-1", key.clone()));
        assert!(users.uses("u-2", key.clone()));
        assert_eq!(users.count("n", "c"), 2);
        assert!(users.uses("u-2", ("n".into(), "d".into())));
        assert_eq!((users.count("n", "c"), users.count("n", "d")), (1, 1));
        assert!(users.uses("u-2", key.clone()));
        assert_eq!(users.gone("u-1"), Some(key.clone()));
        assert_eq!(users.gone("u-1"), None);
        assert_eq!((users.count("n", "c"), users.count("n", "d")), (1, 0));
    }
}
