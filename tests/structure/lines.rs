//! How wide lines are.

use std::path::{Path, PathBuf};

/// Widest comment, in columns.
const COMMENT: usize = 110;
/// Widest line of Markdown, in columns.
const MARKDOWN: usize = 120;
/// What is not ours, or is made by programs.
const SKIPPED: &[&str] = &["target", ".git", "snapshots"];

/// Comments and lines of Markdown that are too wide, by file and number.
pub fn wide() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(root, &mut files);
    let count = |extension: &str| {
        files.iter().filter(|file| file.extension().is_some_and(|it| it == extension)).count()
    };
    assert!(count("rs") > 150 && count("md") > 8, "the files are elsewhere by now");
    let mut wide = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let is_markdown = file.extension().is_some_and(|extension| extension == "md");
        let is_wide = if is_markdown { is_wide_prose } else { is_wide_comment };
        let mut in_code = false;
        for (number, line) in text.lines().enumerate() {
            in_code ^= is_markdown && line.trim_start().starts_with("```");
            if !in_code && is_wide(line) {
                wide.push(format!("{}:{}", file.strip_prefix(root).unwrap().display(), number + 1));
            }
        }
    }
    wide
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !SKIPPED.contains(&name) {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "md") {
            files.push(path);
        }
    }
}

fn is_wide_comment(line: &str) -> bool {
    line.trim_start().starts_with("//") && line.chars().count() > COMMENT
}

/// A table has rows as wide as its words, and an address can't be broken.
fn is_wide_prose(line: &str) -> bool {
    let is_table = line.trim_start().starts_with('|');
    let is_address = line.contains("](") || line.contains("://");
    line.chars().count() > MARKDOWN && !is_table && !is_address
}
