//! How wide comments are.

use std::path::{Path, PathBuf};

/// Widest comment, in columns.
const WIDEST: usize = 110;
/// Folders with code of ours.
const FOLDERS: &[&str] = &["benches", "plugin", "simulator", "src", "testbed", "tests"];

/// Comments that are too wide, by file and number of the line.
pub fn wide() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    FOLDERS.iter().for_each(|folder| collect(&root.join(folder), &mut files));
    assert!(files.len() > 200, "the code is elsewhere by now: {} files", files.len());
    let mut wide = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let path = file.strip_prefix(root).unwrap().display();
        let numbered = text.lines().zip(1..).filter(|(line, _)| is_wide_comment(line));
        wide.extend(numbered.map(|(_, number)| format!("{path}:{number}")));
    }
    wide
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn is_wide_comment(line: &str) -> bool {
    line.trim_start().starts_with("//") && line.chars().count() > WIDEST
}
