use std::time::Duration;

use jsonwebtoken::{EncodingKey, Header, encode};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use uuid::Uuid;

use super::Credentials;

/// How tokens are made.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenSettings {
    /// Signing algorithm of the JWT app.
    pub algorithm: Algorithm,
    /// Claim `sub`.
    pub subject: String,
    /// How long a token is valid.
    pub ttl: Duration,
}

/// Signing algorithms with a shared secret that Kore documents [sdk-security].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    HS256,
    /// HMAC with SHA-512.
    HS512,
}

/// Claims of an API token [api-introduction: `sub`, `appId`; sdk-security: `iat`, `exp`, `jti`].
#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    #[serde(rename = "appId")]
    app_id: &'a str,
    iat: u64,
    exp: u64,
    jti: Uuid,
}

/// Signs a fresh token. One token serves one request: a `jti` that was used is refused as a replay [sdk-security].
///
/// # Errors
/// If the secret can't be used as a key.
pub fn sign(
    credentials: &Credentials,
    settings: &TokenSettings,
    now: Duration,
) -> Result<SecretString, jsonwebtoken::errors::Error> {
    let algorithm = match settings.algorithm {
        Algorithm::HS256 => jsonwebtoken::Algorithm::HS256,
        Algorithm::HS512 => jsonwebtoken::Algorithm::HS512,
    };
    let claims = Claims {
        sub: &settings.subject,
        app_id: credentials.client_id.expose_secret(),
        iat: now.as_secs(),
        exp: (now + settings.ttl).as_secs(),
        jti: Uuid::new_v4(),
    };
    let key = EncodingKey::from_secret(credentials.client_secret.expose_secret().as_bytes());
    encode(&Header::new(algorithm), &claims, &key).map(SecretString::from)
}
