use super::flaw::Flaw;

/// The keys that a Secret must have.
pub const CLIENT_ID: &str = "clientId";
pub const CLIENT_SECRET: &str = "clientSecret";

/// Why a Secret provides no credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretProblem {
    /// The Secret does not exist.
    NotFound,
    /// The operator may not read the Secret.
    Forbidden,
    /// The key is missing, or its value is empty.
    KeyMissing(&'static str),
    /// The key is missing, and there is one with another spelling.
    KeyMisspelled {
        /// The required key.
        key: &'static str,
        /// The key in the Secret.
        found: String,
    },
    /// The value of the key can't be right.
    Unusable(&'static str, Flaw),
}
