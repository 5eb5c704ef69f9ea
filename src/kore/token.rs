//! Tokens: a fresh JWT for each request.

use std::time::Duration;

use jsonwebtoken::{EncodingKey, Header, encode};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use uuid::Uuid;

/// Tolerated difference between the service's clock and ours, in either direction. Machines with NTP stay far
/// below a minute, and a minute more is of no use to the thief of a token.
const CLOCK_MARGIN: Duration = Duration::from_secs(60);
/// Longest validity: Kore refuses a token with a `jti` whose `exp` is further ahead of its clock
/// [sdk-security]. The same bound is kept between `iat` and `exp`, for a service that compares these.
const LONGEST_LIFE: Duration = Duration::from_secs(60 * 60);

/// Client ID and secret of a JWT app. `Debug` shows neither.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Client ID, sent as claim `appId`.
    pub client_id: SecretString,
    /// Client secret, the key of the signature.
    pub client_secret: SecretString,
}

/// How tokens are made.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenSettings {
    /// Signing algorithm of the JWT app.
    pub algorithm: Algorithm,
    /// Claim `sub`.
    pub subject: String,
    /// Validity of a token by every clock that is at most a minute off ours.
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

/// The seconds of `iat` and `exp`.
struct Validity {
    from: u64,
    until: u64,
}

impl Validity {
    /// `iat` is [`CLOCK_MARGIN`] ago and `exp` as far beyond the `ttl`, so that the token is valid for a
    /// service whose clock is behind or ahead; but a clock that is behind never sees `exp` more than
    /// [`LONGEST_LIFE`] ahead.
    fn around(now: Duration, ttl: Duration) -> Self {
        let ahead = (ttl + CLOCK_MARGIN).min(LONGEST_LIFE - CLOCK_MARGIN);
        Self { from: now.saturating_sub(CLOCK_MARGIN).as_secs(), until: (now + ahead).as_secs() }
    }
}

/// Signs a fresh token. One token serves one request: Kore refuses a used `jti` as a replay [sdk-security].
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
    let Validity { from, until } = Validity::around(now, settings.ttl);
    let claims = Claims {
        sub: &settings.subject,
        app_id: credentials.client_id.expose_secret(),
        iat: from,
        exp: until,
        jti: Uuid::new_v4(),
    };
    let key = EncodingKey::from_secret(credentials.client_secret.expose_secret().as_bytes());
    encode(&Header::new(algorithm), &claims, &key).map(SecretString::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For every `ttl`, no clock within a minute of ours finds the token too new, expired, or valid for too
    /// long.
    #[test]
    fn a_token_is_valid_by_every_clock_within_a_minute() {
        for milliseconds in [1_764_158_400_000, 1_764_158_400_999] {
            let now = Duration::from_millis(milliseconds);
            for ttl in [30, 300, 3480, 3540, 3600].map(Duration::from_secs) {
                let Validity { from, until } = Validity::around(now, ttl);
                let [from, until] = [from, until].map(Duration::from_secs);
                assert!(until - from <= LONGEST_LIFE);
                for behind in 0..=60 {
                    let clock = now - Duration::from_secs(behind);
                    assert!(from <= clock, "{ttl:?}: iat is in the future of a clock {behind} s behind");
                    assert!(
                        until - clock <= LONGEST_LIFE,
                        "{ttl:?}: exp is too far for one {behind} s behind"
                    );
                }
                for ahead in 0..=60 {
                    let clock = now + Duration::from_secs(ahead);
                    // The seconds of a token have no fraction.
                    let promised = ttl.min(LONGEST_LIFE - CLOCK_MARGIN * 2) - Duration::from_secs(1);
                    assert!(until >= clock + promised, "{ttl:?}: over too soon for a clock {ahead} s ahead");
                }
            }
        }
    }

    /// The claims are those that were computed.
    #[test]
    fn a_token_carries_its_validity() {
        let credentials = Credentials { client_id: "cs-1".into(), client_secret: "secret".into() };
        let settings = TokenSettings {
            algorithm: Algorithm::HS256,
            subject: "operator".to_owned(),
            ttl: Duration::from_secs(300),
        };
        let token = sign(&credentials, &settings, Duration::from_secs(10_000)).unwrap();
        let claims = jsonwebtoken::dangerous::insecure_decode::<serde_json::Value>(token.expose_secret())
            .unwrap()
            .claims;
        assert_eq!((claims["iat"].as_u64(), claims["exp"].as_u64()), (Some(9_940), Some(10_360)));
    }
}
