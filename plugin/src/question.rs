//! A question to the user.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::bail;

/// Asks a question on the terminal. Whatever is no yes is a no.
///
/// # Errors
/// If there is no terminal to ask on.
pub async fn confirmed(question: &str) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("nobody can be asked, because the standard input is no terminal; --yes goes on without asking");
    }
    let mut terminal = io::stderr().lock();
    write!(terminal, "\n{question} [y/N] ")?;
    terminal.flush()?;
    drop(terminal);
    // On a thread of its own, which is not waited for.
    let answer = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    Ok(["y", "yes"].contains(&answer.await??.trim().to_lowercase().as_str()))
}
