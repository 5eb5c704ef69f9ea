use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use secrecy::SecretString;
use secrecy::zeroize::{Zeroize, Zeroizing};

use super::check::check;
use super::encoding::decoded;
use super::flaw::Flaw;
use super::hints::hints;
use super::id::is_client_id;
use super::problem::{CLIENT_ID, CLIENT_SECRET, SecretProblem};
use super::text::{letters, text};
use crate::kore::Credentials;
use crate::kore::scrub::cut;

/// Most characters of the name of a key that are shown.
const LONGEST_KEY: usize = 64;

/// The content of a Secret.
#[derive(Clone, Debug)]
pub struct Found {
    /// The credentials.
    pub credentials: Credentials,
    /// Hints at what looks wrong with them and may be right, as sentences.
    pub hints: Vec<&'static str>,
}

/// Reads the credentials from a Secret, and wipes the Secret.
///
/// # Errors
/// If a key is missing, or its value can't be right.
pub fn read(mut secret: Secret) -> Result<Found, SecretProblem> {
    let mut data = secret.data.take().unwrap_or_default();
    let value = |key: &'static str| {
        let text = match data.get(key) {
            Some(ByteString(bytes)) => text(bytes).ok_or(SecretProblem::Unusable(key, Flaw::NotText))?,
            None => Zeroizing::default(),
        };
        if !text.is_empty() {
            return Ok(text);
        }
        let spelled_otherwise = data.keys().find(|found| found.as_str() != key && is_spelling_of(found, key));
        Err(match spelled_otherwise {
            Some(found) => SecretProblem::KeyMisspelled { key, found: cut(found, LONGEST_KEY) },
            None => SecretProblem::KeyMissing(key),
        })
    };
    let values = (value(CLIENT_ID), value(CLIENT_SECRET));
    data.values_mut().for_each(|ByteString(bytes)| bytes.zeroize());
    let (id, client_secret) = decoded(values.0?, values.1?)?;
    check(CLIENT_ID, &id)?;
    check(CLIENT_SECRET, &client_secret)?;
    let misplaced = |flaw| Err(SecretProblem::Unusable(CLIENT_SECRET, flaw));
    if id == client_secret {
        return misplaced(Flaw::SameAsId);
    }
    if is_client_id(&client_secret) {
        return misplaced(Flaw::ClientId);
    }
    let shared = |text: &str| SecretString::from(text);
    let credentials = Credentials { client_id: shared(&id), client_secret: shared(&client_secret) };
    Ok(Found { credentials, hints: hints(&id, &client_secret) })
}

/// Whether a name means this key in another spelling: `client_id`, `ClientID`, `KORE_CLIENT_ID`.
fn is_spelling_of(name: &str, key: &str) -> bool {
    letters(name).ends_with(letters(key).as_str())
}
