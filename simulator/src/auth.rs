use std::collections::HashSet;
use std::str::FromStr;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

/// A JWT app: client ID and secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Client ID.
    pub client_id: String,
    /// Client secret.
    pub client_secret: String,
}

impl FromStr for App {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (id, secret) = text.split_once(':').ok_or("must be CLIENT_ID:CLIENT_SECRET")?;
        Ok(Self { client_id: id.to_owned(), client_secret: secret.to_owned() })
    }
}

/// Claims of an API token.
#[derive(Debug, Deserialize)]
pub(crate) struct Claims {
    sub: Option<String>,
    #[serde(rename = "appId")]
    app_id: Option<String>,
    iat: Option<i64>,
    exp: Option<i64>,
    jti: Option<String>,
}

/// Longest life of a token with a `jti` [sdk-security].
const MAX_JTI_LIFE_SECONDS: i64 = 3600;

/// Tokens whose `jti` has been used.
#[derive(Debug, Default)]
pub(crate) struct Replays(HashSet<String>);

impl Replays {
    /// Checks a token; the message is what the service would say.
    pub(crate) fn check(
        &mut self,
        token: Option<&str>,
        apps: &[App],
        enforce_jti: bool,
    ) -> Result<(), String> {
        let token = token.ok_or("auth header is required")?;
        let claims = unverified(token).ok_or("error verifying the jwt: malformed")?;
        let app_id = claims.app_id.as_deref().ok_or("error verifying the jwt: appId is required")?;
        let app = apps.iter().find(|app| app.client_id == app_id).ok_or("Invalid SDK credentials")?;
        let algorithm =
            decode_header(token).map_err(|error| format!("error verifying the jwt: {error}"))?.alg;
        if !matches!(algorithm, Algorithm::HS256 | Algorithm::HS512) {
            return Err("error verifying the jwt: algorithm not allowed".to_owned());
        }
        let mut validation = Validation::new(algorithm);
        validation.required_spec_claims.clear();
        validation.leeway = 0;
        decode::<Claims>(token, &DecodingKey::from_secret(app.client_secret.as_bytes()), &validation)
            .map_err(|error| format!("error verifying the jwt: {error}"))?;
        if claims.sub.is_none() {
            return Err("error verifying the jwt: sub is required".to_owned());
        }
        let now = jiff::Timestamp::now().as_second();
        match (&claims.jti, claims.exp) {
            (Some(_), Some(exp)) if exp - now > MAX_JTI_LIFE_SECONDS => {
                Err(r#"error verifying the jwt: if "jti" claim "exp" must be <= 1 hour(s)"#.to_owned())
            }
            (Some(_), None) => Err(r#"error verifying the jwt: if "jti" claim "exp" is required"#.to_owned()),
            (Some(jti), Some(_)) if !self.0.insert(jti.clone()) => {
                Err("error verifying the jwt: possibly a replay".to_owned())
            }
            (None, _) if enforce_jti => Err("error verifying the jwt: jti is required".to_owned()),
            _ => Ok(()),
        }
    }
}

/// What of a token may be shown.
pub(crate) fn describe(token: &str) -> String {
    match unverified(token) {
        Some(Claims { sub, app_id, iat, exp, jti }) => format!(
            "<JWT sub={} appId={} exp-iat={}s jti={}>",
            sub.unwrap_or_default(),
            app_id.unwrap_or_default(),
            exp.zip(iat).map_or(0, |(exp, iat)| exp - iat),
            if jti.is_some() { "yes" } else { "no" },
        ),
        None => "<not a JWT>".to_owned(),
    }
}

fn unverified(token: &str) -> Option<Claims> {
    jsonwebtoken::dangerous::insecure_decode::<Claims>(token).ok().map(|token| token.claims)
}
