use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Which objects use which connection, as the watches show it.
#[derive(Default)]
pub struct Users {
    /// Uids by namespace and name of the connection.
    connections: Mutex<HashMap<(String, String), HashSet<String>>>,
}

impl Users {
    /// An object uses a connection, or does not any more. Whether that is news.
    pub fn note(&self, namespace: &str, connection: &str, uid: &str, uses: bool) -> bool {
        let key = (namespace.to_owned(), connection.to_owned());
        let mut connections = self.connections();
        if uses {
            return connections.entry(key).or_default().insert(uid.to_owned());
        }
        let Some(users) = connections.get_mut(&key) else { return false };
        let news = users.remove(uid);
        if users.is_empty() {
            connections.remove(&key);
        }
        news
    }

    /// How many objects use a connection.
    pub fn count(&self, namespace: &str, connection: &str) -> usize {
        let key = (namespace.to_owned(), connection.to_owned());
        self.connections().get(&key).map_or(0, HashSet::len)
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<(String, String), HashSet<String>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
