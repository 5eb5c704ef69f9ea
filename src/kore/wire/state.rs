//! What the name of a state says.

use crate::kore::words::Undone;

/// States of something that is under way, in lower case and without blanks; no page of the documentation
/// names one.
const UNDER_WAY: [&str; 8] =
    ["accepted", "deleting", "initiated", "inprogress", "pending", "processing", "queued", "scheduled"];

/// Whether this is the state of a campaign that does not exist any more. The documentation of today does not
/// name it; the first version of [delete-voice-campaign] did.
pub fn is_deleted(state: &str) -> bool {
    state.trim().eq_ignore_ascii_case("deleted")
}

/// Whether this is the state of something that is under way.
pub fn is_under_way(state: &str) -> bool {
    UNDER_WAY.contains(&letters(state).as_str())
}

/// Whether this state says that something has failed, or that a deletion is not done.
pub fn undone_state(state: &str) -> Option<Undone> {
    let letters = letters(state);
    let has = |part| letters.contains(part);
    if has("fail") || has("error") || has("delet") && (has("not") || has("undeleted")) {
        return Some(Undone::Denied);
    }
    (has("delet") && (!has("deleted") || has("tobe"))).then_some(Undone::UnderWay)
}

/// The letters of a state, in lower case.
fn letters(state: &str) -> String {
    state.chars().filter(|c| c.is_alphabetic()).collect::<String>().to_lowercase()
}
