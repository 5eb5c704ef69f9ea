/// First characters of Kore's client ids, as far as is known.
pub const ID_PREFIX: &str = "cs-";
/// First characters of Kore's other ids: of a campaign, its run, a list, a flow, a stream.
const OTHER_PREFIXES: [&str; 5] = ["cd-", "cid-", "cl-", "cf-", "st-"];

/// Whether this is a client id: `cs-` and a UUID.
pub fn is_client_id(value: &str) -> bool {
    is_id(value, ID_PREFIX)
}

/// Whether this is an id of something else.
pub fn is_other_id(value: &str) -> bool {
    OTHER_PREFIXES.iter().any(|prefix| is_id(value, prefix))
}

/// Whether this is an id of Kore: a prefix and a UUID, in which Kore's samples leave out single digits.
fn is_id(value: &str, prefix: &str) -> bool {
    let groups = value.strip_prefix(prefix).unwrap_or_default().split('-');
    let lengths: Vec<usize> = groups.map(str::len).collect();
    matches!(lengths[..], [7..=8, 4, 4, 4, 7..=12])
        && value[prefix.len()..].chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}
