//! How a command ended: the exit code.

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All that was asked for is done.
    Done,
    /// Something is held, or was refused; the command has said what.
    Held,
    /// The user has ended it.
    Interrupted,
}
