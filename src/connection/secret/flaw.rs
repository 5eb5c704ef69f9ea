/// Why a value can be neither a client ID nor a client secret. Reveals nothing of the value. The text
/// continues "The value of the key … in the Secret … ".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Neither UTF-8 nor UTF-16.
    #[error("is not text; save it as plain UTF-8 text")]
    NotText,
    /// A line of a file, a whole file, or JSON.
    #[error(
        "is a whole line or file, or JSON (as `clientSecret: …`, `NAME=…` or `{{…}}`); store only the value itself"
    )]
    Pasted,
    /// A template that was not filled in, or an encrypted form that was not decrypted.
    #[error(
        "is a template (as `${{…}}`, `$NAME`, `{{{{ … }}}}`, `<…>`) that was not filled in, or encrypted (as SOPS's `ENC[…]`)"
    )]
    Template,
    /// The place where a value is stored.
    #[error("is a reference to a value (an address, a path, or as `vault:…`) that was not resolved")]
    Reference,
    /// A word or a mask that somebody was to replace.
    #[error("is a placeholder, or is masked")]
    Placeholder,
    /// A JWT or a JWE.
    #[error("is a token (it begins with `eyJ`), and not a credential to make tokens with")]
    Token,
    /// A key or a certificate.
    #[error(
        "is a PEM block (it begins with `-----BEGIN`); a JWT app with HS256 or HS512 has a client secret"
    )]
    Pem,
    /// Another id of Kore.
    #[error("is the id of something else (as of a campaign or a stream), and not of a JWT app")]
    OtherId,
    /// Two words, or two lines.
    #[error("has a blank or a line break in it")]
    Blank,
    /// A control character, or one of no width.
    #[error("has an invisible character in it, as some editors and web pages insert; type the value again")]
    Invisible,
    /// A letter or a mark outside of ASCII.
    #[error(
        "has a character in it that is not ASCII, as a dash or a quote that an editor has replaced; copy the value again"
    )]
    NotAscii,
    /// The id is encoded, and the secret is not.
    #[error("is not encoded, while that of clientId is {0}. Store both without encoding under `stringData`")]
    NotEncoded(&'static str),
    /// The same value under both keys.
    #[error("is the same as that of clientId")]
    SameAsId,
    /// A client id in place of the secret.
    #[error("is a client id (it begins with `cs-`)")]
    ClientId,
}
