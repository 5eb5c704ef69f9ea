//! What somebody can do about a resource.

use schemars::JsonSchema;
use serde::Serialize;

/// Something to do.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
pub struct Todo {
    /// What.
    pub what: String,
    /// The command that does it, or shows more.
    pub command: Option<String>,
}

impl Todo {
    /// Something with a command.
    pub fn says(what: &str, command: &str) -> Self {
        Self { what: what.to_owned(), command: Some(command.to_owned()) }
    }

    /// Something without a command of the terminal.
    pub fn only(what: &str) -> Self {
        Self { what: what.to_owned(), command: None }
    }
}

impl Todo {
    /// For a terminal.
    pub fn lines(&self) -> Vec<String> {
        let Self { what, command } = self;
        match command {
            Some(command) => vec![format!("- {what}:"), format!("    {command}")],
            None => vec![format!("- {what}.")],
        }
    }
}
