//! Completion. kubectl asks a program of the name `kubectl_complete-vcamp` what may follow `kubectl vcamp`:
//! that is this program under another name. The scripts of `completion` are for those who type
//! `kubectl-vcamp`.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::CommandFactory;
use clap_complete::engine::complete;

use crate::cli::{Cli, CompletionArgs};
use crate::end::End;
use crate::output;

/// The name under which kubectl asks for completions.
const ASKED_AS: &str = "kubectl_complete-vcamp";
/// What kubectl is to do with the completions: offer these, and no files (cobra's
/// ShellCompDirectiveNoFileComp).
const NO_FILES: &str = ":4";

/// Prints the script of a shell.
///
/// # Errors
/// If the standard output can't be written to.
pub fn run(arguments: &CompletionArgs) -> anyhow::Result<End> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "kubectl-vcamp", &mut script);
    output::print(String::from_utf8_lossy(&script).trim_end())?;
    Ok(End::Done)
}

/// Whether kubectl asks for completions.
pub fn is_asked_for(program: Option<OsString>) -> bool {
    program.is_some_and(|program| Path::new(&program).file_name() == Some(OsStr::new(ASKED_AS)))
}

/// What may follow, one per line, as kubectl reads it. An empty last argument asks for a new word.
pub fn answer(arguments: Vec<OsString>) -> String {
    let last = arguments.len();
    let line = [OsString::from("kubectl-vcamp")].into_iter().chain(arguments).collect();
    let candidates = complete(&mut Cli::command(), line, last, None).unwrap_or_default();
    let lines = candidates.iter().filter(|candidate| !candidate.is_hide_set()).map(|candidate| {
        let value = candidate.get_value().to_string_lossy();
        match candidate.get_help() {
            Some(help) => format!("{value}\t{}", help.to_string().lines().next().unwrap_or_default()),
            None => value.into_owned(),
        }
    });
    lines.chain([NO_FILES.to_owned()]).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubectl_is_told_what_may_follow() {
        let asked = |words: &[&str]| answer(words.iter().map(OsString::from).collect());
        let commands = asked(&["su"]);
        assert!(commands.starts_with("suspend\t") && commands.ends_with("\n:4"), "{commands}");
        let formats = asked(&["status", "--output", ""]);
        assert!(formats.contains("yaml") && formats.contains("name"), "{formats}");
        let options = asked(&["delete", "--no"]);
        assert!(options.contains("--no-wait"), "{options}");
    }

    #[test]
    fn kubectl_asks_under_another_name() {
        assert!(is_asked_for(Some("/usr/local/bin/kubectl_complete-vcamp".into())));
        assert!(!is_asked_for(Some("/usr/local/bin/kubectl-vcamp".into())) && !is_asked_for(None));
    }
}
