//! Files in the repository that are generated: `make generate` writes them, and tests compare them.

use std::path::Path;

/// Compares a committed file with its generated text. `make generate` writes the file first.
///
/// # Panics
/// If the two differ, or the file can't be written.
pub fn settle(path: &Path, generated: &str) {
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        path.parent().into_iter().for_each(|folder| std::fs::create_dir_all(folder).expect("a folder"));
        std::fs::write(path, generated).expect("the file can be written");
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == generated, "{} is not what the code generates: run `make generate`", path.display());
}

/// The same for what stands in a document between `<!-- mark -->` and `<!-- end of mark -->`.
///
/// # Panics
/// As [`settle`], or if the document has no such marks.
pub fn settle_between(path: &Path, mark: &str, generated: &str) {
    let document = std::fs::read_to_string(path).expect("the document can be read");
    let [begin, end] = [format!("<!-- {mark} -->\n"), format!("<!-- end of {mark} -->\n")];
    let (before, rest) = document.split_once(&begin).expect("the document has the mark");
    let (_, after) = rest.split_once(&end).expect("the document has the end of the mark");
    settle(path, &format!("{before}{begin}{generated}{end}{after}"));
}
