use super::encoding::{ENCODINGS, Encoding};
use super::id::{ID_PREFIX, is_client_id};

/// Hints at values that look wrong and may be right, as sentences.
pub fn hints(id: &str, secret: &str) -> Vec<&'static str> {
    let form = (!is_client_id(id)).then_some(
        "The value of clientId does not have the known form of client ids (`cs-` and a UUID): check that it is the whole \
         id of the JWT app.",
    );
    let swapped = secret.starts_with(ID_PREFIX).then_some(
        "The value of clientSecret begins with `cs-`, as client ids do: check that the two values are not swapped.",
    );
    let looks = |encoding: &Encoding| (encoding.decode)(secret).is_some_and(|text| *text != secret);
    let encoded = ENCODINGS.iter().filter(|encoding| looks(encoding)).filter_map(|encoding| encoding.hint);
    form.into_iter().chain(swapped).chain(encoded).collect()
}
