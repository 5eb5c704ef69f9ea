/// Whether a character does not show: a control character, or a mark of no width (byte order, joiners,
/// directions, variations, soft hyphen).
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{fffe}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}')
}

/// At most `max` characters, with blanks in place of control characters. A text that is cut ends with `…`.
pub fn cut(text: &str, max: usize) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    if text.chars().nth(max).is_none() {
        return text.chars().map(clean).collect();
    }
    text.chars().take(max - 1).map(clean).chain(['…']).collect()
}
