/// Whether an id in an answer is the id of this campaign: case, and characters that do not show (blanks,
/// marks of no width), are ignored.
pub fn is_spelled(written: &str, campaign_id: &str) -> bool {
    let visible = written.chars().filter(char::is_ascii_graphic);
    visible.map(|c| c.to_ascii_lowercase()).eq(campaign_id.chars().map(|c| c.to_ascii_lowercase()))
}
