use std::io::Write;
use std::process::{Command, Stdio};

const MISSING: &str =
    "promtool can't be run, so NOTHING WAS CHECKED: install it (apt-get install prometheus)";

/// Runs promtool with this input, and returns what it says.
///
/// # Panics
/// If promtool is missing, or fails.
pub fn promtool(arguments: &[&str], input: &str) -> String {
    let mut command = Command::new("promtool");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = command.spawn().expect(MISSING);
    running.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = running.wait_with_output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert!(output.status.success(), "promtool {} says:\n{said}", arguments.join(" "));
    said
}
