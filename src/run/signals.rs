use tokio::signal::unix::{SignalKind, signal};

/// Ready when the process is asked to terminate: SIGTERM, or SIGINT (Ctrl-C).
///
/// # Errors
/// If the signal handlers can't be installed.
pub fn termination() -> std::io::Result<impl Future<Output = ()> + Send> {
    let (mut term, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Runs a command that ends by itself, unless the process is asked to terminate before. (The kernel discards
/// signals to the first process of a container if it has no handler for them.)
///
/// # Errors
/// Those of the command; or if the process is asked to terminate.
pub async fn until_terminated(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let stop = termination()?;
    tokio::select! {
        outcome = work => outcome,
        () = stop => anyhow::bail!("terminated before everything was done; run it again"),
    }
}
