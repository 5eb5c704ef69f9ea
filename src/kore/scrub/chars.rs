/// Whether a character does not show: a control character, or a mark of no width (byte order, joiners,
/// directions, variations, soft hyphen).
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{fffe}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}')
}

/// A text of Kore or of somebody else on one line: without what moves a cursor, ends a line of YAML, is not
/// seen, or turns the direction of what follows.
pub fn plain(text: &str) -> String {
    let one_line = |c: char| if c.is_control() || c.is_whitespace() { ' ' } else { c };
    text.chars().map(one_line).filter(|c| !is_invisible(*c)).collect()
}

/// At most `max` characters, with blanks in place of control characters. A text that is cut ends with `…`.
pub fn cut(text: &str, max: usize) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    if text.chars().nth(max).is_none() {
        return text.chars().map(clean).collect();
    }
    text.chars().take(max - 1).map(clean).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_kore_is_one_line_and_looks_as_it_is() {
        assert_eq!(plain("a\u{1b}[2Jb\r\nc\u{9b}d"), "a [2Jb  c d");
        assert_eq!(plain("a\u{2028}b\u{2029}c\u{85}d"), "a b c d");
        assert_eq!(plain("a\u{202e}b\u{200b}c"), "abc");
    }
}
