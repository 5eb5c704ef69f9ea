//! Text on the standard output.

use std::io::{ErrorKind, Write, stdout};

/// Prints a line at once. A reader that has gone away, such as `head`, is no failure.
///
/// # Errors
/// If the standard output can't be written to.
pub fn print(line: &str) -> std::io::Result<()> {
    let mut out = stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// Says what goes on. What can't be said ends nothing: something may be half done.
pub fn say(line: &str) {
    let _unheard = print(line);
}
