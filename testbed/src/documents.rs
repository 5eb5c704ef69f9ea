//! The code blocks of the documents, and how each is checked.
//!
//! The first word behind the three backticks is the language, as everywhere. A second word says how the block
//! is checked, where that is not the usual way of the language.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::repository;

/// A code block.
#[derive(Clone, Debug)]
pub struct Block {
    /// Path of the document, from the repository's folder.
    pub document: String,
    /// The line on which it begins.
    pub line: usize,
    /// How it is checked.
    pub check: Check,
    /// What it has, without the indentation of the block.
    pub text: String,
}

/// How a block is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Nobody runs it: a picture, or what a command prints.
    Text,
    /// It runs on a control plane (tests/cluster/documented.rs).
    Shell,
    /// The same; it goes on until it is stopped.
    Serves,
    /// It needs Pods, and runs on a node (tests/node/).
    Pods,
    /// It has targets of the Makefile.
    Make,
    /// It needs Docker, which the tests do without: they build the same image another way.
    Docker,
    /// It is applied, as a dry run.
    Manifests,
    /// It has values of the chart.
    Values,
    /// Kustomize builds it.
    Kustomization,
    /// A part of an object: it is YAML.
    Excerpt,
    /// It is JSON.
    Json,
    /// Prometheus has an answer to it.
    Query,
}

impl Check {
    /// Of a block that begins with these words.
    fn of(words: &str) -> Result<Self> {
        Ok(match words {
            "text" => Self::Text,
            "sh" => Self::Shell,
            "sh serves" => Self::Serves,
            "sh pods" => Self::Pods,
            "sh make" => Self::Make,
            "sh docker" => Self::Docker,
            "yaml" => Self::Manifests,
            "yaml values" => Self::Values,
            "yaml kustomization" => Self::Kustomization,
            "yaml excerpt" => Self::Excerpt,
            "json" => Self::Json,
            "promql" => Self::Query,
            "mermaid" => Self::Text,
            _ => bail!("nobody checks a block of `{words}`: testbed/src/documents.rs has the words"),
        })
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.document, self.line)
    }
}

/// All blocks of the documents for users, in their order.
///
/// # Errors
/// If a document can't be read, or nobody checks a block of its kind.
pub fn blocks() -> Result<Vec<Block>> {
    let mut found = Vec::new();
    let of_chart = repository().join("charts/voicecampaign-operator/README.md");
    for path in [of_chart].into_iter().chain(handwritten()?) {
        let document = path.strip_prefix(repository())?.display().to_string();
        let text = std::fs::read_to_string(&path).with_context(|| document.clone())?;
        found.extend(blocks_of(&document, &text)?);
    }
    ensure!(found.len() > 40, "only {} blocks were found", found.len());
    Ok(found)
}

/// Those that are checked so.
///
/// # Errors
/// See [`blocks`]; and if there is none.
pub fn blocks_for(check: Check) -> Result<Vec<Block>> {
    let found: Vec<_> = blocks()?.into_iter().filter(|block| block.check == check).collect();
    ensure!(!found.is_empty(), "no block is checked by {check:?}");
    Ok(found)
}

/// The documents for people, in the repository's folder and in `docs/`, that no other tool generates.
///
/// # Errors
/// If a folder can't be read, or has too few.
pub fn handwritten() -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for folder in [repository(), repository().join("docs")] {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            paths.extend(
                Some(path).filter(|path| path.extension().is_some_and(|extension| extension == "md")),
            );
        }
    }
    paths.sort();
    ensure!(paths.len() >= 15, "only {} documents were found", paths.len());
    Ok(paths)
}

fn blocks_of(document: &str, text: &str) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut lines = (1..).zip(text.lines());
    while let Some((line, opened)) = lines.next() {
        let Some(words) = opened.trim_start().strip_prefix("```") else { continue };
        let indentation = opened.len() - opened.trim_start().len();
        let check = Check::of(words).with_context(|| format!("{document}:{line}"))?;
        let mut text = String::new();
        for (_, inner) in lines.by_ref().take_while(|(_, inner)| inner.trim() != "```") {
            text.push_str(inner.get(indentation..).unwrap_or_default());
            text.push('\n');
        }
        blocks.push(Block { document: document.to_owned(), line, check, text });
    }
    Ok(blocks)
}

/// A command as a reader types it: bash, with these programs first on PATH, under this kubeconfig. What it
/// has left in the background ends with it.
///
/// # Errors
/// If a program has no folder.
pub fn shell(text: &str, programs: &[&Path], kubeconfig: &Path) -> Result<Command> {
    let mut path = std::env::var("PATH")?;
    for program in programs {
        let folder = program.parent().with_context(|| program.display().to_string())?;
        path = format!("{}:{path}", folder.display());
    }
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c"]);
    command.arg(format!("trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{text}"));
    command.env("PATH", path).env("KUBECONFIG", kubeconfig);
    command.env("KUBECACHEDIR", kubeconfig.with_extension("cache")).env("NO_PROXY", "127.0.0.1");
    command.stdin(Stdio::null());
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_read_without_its_indentation() {
        let text = "1. Do:\n\n   ```sh pods\n   kubectl get \\\n     pods\n   ```\n\n```text\nx\n```\n";
        let blocks = blocks_of("a.md", text).unwrap();
        let read: Vec<_> =
            blocks.iter().map(|block| (block.line, block.check, block.text.as_str())).collect();
        assert_eq!(read, [(3, Check::Pods, "kubectl get \\\n  pods\n"), (8, Check::Text, "x\n")]);
    }

    #[test]
    fn a_block_that_nobody_checks_is_an_error() {
        assert!(blocks_of("a.md", "```sh\nls\n```\n```\nls\n```\n").is_err());
        assert!(blocks_of("a.md", "```python\n```\n").is_err());
    }
}
