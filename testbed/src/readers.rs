//! What tools make of an object: kstatus (Helm 4, Flux, `kubectl wait`-like tools) and Argo CD, by their own
//! code.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::binaries;

/// A status in one word, and why.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Word {
    /// `Current`, `InProgress` and so on, as the tool has them.
    pub status: String,
    /// Why.
    pub message: String,
}

/// What kstatus says, and Flux's fork of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Kstatus {
    /// kstatus itself.
    pub kstatus: Word,
    /// The fork that Flux and Helm use.
    pub flux: Word,
}

/// What Argo CD shows.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct ArgoCd {
    /// What a user sees: an object that is being deleted is "Pending deletion" before any script is asked.
    pub health: Word,
    /// What the script itself says.
    pub script: Word,
    /// The actions that a user is offered.
    pub actions: Vec<Action>,
    /// What each action makes of the object.
    pub results: std::collections::BTreeMap<String, Value>,
}

/// An action that a user is offered.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Action {
    /// Its name.
    pub name: String,
    /// Whether it can't be used now.
    pub disabled: bool,
}

/// Asks kstatus about each object.
///
/// # Errors
/// If it can't be built, or does not take the objects.
pub fn kstatus(objects: &[Value]) -> Result<Vec<Kstatus>> {
    ask("kstatus", &Value::from(objects))
}

/// Asks Argo CD about each object, with these scripts: `health`, `discovery` and `actions` by their names.
///
/// # Errors
/// If it can't be built, or a script fails.
pub fn argo_cd(scripts: &Value, objects: &[Value]) -> Result<Vec<ArgoCd>> {
    ask("argo-lua", &serde_json::json!({"scripts": scripts, "objects": objects}))
}

fn ask<T: DeserializeOwned>(program: &str, question: &Value) -> Result<T> {
    let mut child = Command::new(binaries::gitops(program)?)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut input = child.stdin.take().context("standard input")?;
    let question = question.to_string();
    // It reads to the end before it writes.
    input.write_all(question.as_bytes())?;
    drop(input);
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}
