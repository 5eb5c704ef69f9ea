use crate::kore::failure::FailureKind;

/// The kind of call that was answered.
#[derive(Clone, Copy, PartialEq)]
pub enum Operation {
    Delete,
    Read,
}

impl Operation {
    /// The kind of an answer that says neither that the operation was done nor that it was not.
    pub fn undecided(self) -> FailureKind {
        match self {
            Self::Delete => FailureKind::Accepted,
            Self::Read => FailureKind::Unreadable,
        }
    }
}
