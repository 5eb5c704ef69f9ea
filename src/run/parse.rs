//! Parses the values of options. An empty environment variable counts as one that is not set.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where the admin server listens; `None` for nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdminAddress(pub(super) Option<SocketAddr>);

/// `none`, or an IP address and a port.
pub(super) fn admin_address(text: &str) -> Result<AdminAddress, String> {
    if text == "none" {
        return Ok(AdminAddress(None));
    }
    let expected = "must be an IP address and a port, such as 127.0.0.1:8080 or [::]:8080, or `none`";
    text.parse().map(|address| AdminAddress(Some(address))).map_err(|_error| expected.to_owned())
}

/// `true` or `false`.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" | "" => Ok(false),
        _ => Err("must be `true` or `false`".to_owned()),
    }
}

/// A number of seconds, up to a week.
pub(super) fn timeout_seconds(text: &str) -> Result<u64, String> {
    let seconds = text.parse().ok().filter(|seconds| (1..=604_800).contains(seconds));
    seconds.ok_or_else(|| "must be a number of seconds from 1 to 604800, which is a week".to_owned())
}

/// A name of an object: a DNS subdomain.
pub(super) fn object_name(text: &str) -> Result<String, String> {
    if text.is_empty() || (text.len() <= 253 && text.split('.').all(is_label)) {
        return Ok(text.to_owned());
    }
    Err("must be a name of a Kubernetes object: at most 253 lower-case letters, digits, `-` and `.`"
        .to_owned())
}

/// clap's own parser rejects an empty path.
pub(super) fn path(text: &str) -> Result<PathBuf, Infallible> {
    Ok(text.into())
}

/// A base address. One that no KoreConnection can have is an error: it would allow nothing, and nothing
/// would say why.
pub(super) fn host(text: &str) -> Result<String, String> {
    let text = text.trim().trim_end_matches('/');
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    if text.is_empty()
        || rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['/', '?', '#', '@', '*', ' ']))
    {
        return Ok(text.to_owned());
    }
    Err("must be base addresses, separated by commas: `https://` (or `http://`), a host and perhaps a port, without a path \
         or a `*`, such as https://platform.kore.ai"
        .to_owned())
}

/// A name of a namespace: a DNS label.
pub(super) fn namespace(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || (text.len() <= 63 && is_label(text)) {
        return Ok(text.to_owned());
    }
    Err("must be names of namespaces, separated by commas: 1 to 63 lower-case letters, digits and `-` each"
        .to_owned())
}

/// Whether it is a DNS label, of any length.
fn is_label(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.chars().all(allowed) && !text.starts_with('-') && !text.ends_with('-')
}
