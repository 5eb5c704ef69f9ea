use tokio::sync::watch;

/// Whether all watches of a kind have listed what there is.
///
/// kube-rs's own `Store::wait_until_ready` wakes only one of those who wait, and its controller is one of them.
#[derive(Debug)]
pub struct Listed {
    missing: watch::Sender<usize>,
}

impl Listed {
    /// None of so many watches has.
    pub fn of(watches: usize) -> Self {
        Self { missing: watch::Sender::new(watches) }
    }

    /// One more of them has.
    pub fn one_more(&self) {
        self.missing.send_modify(|missing| *missing = missing.saturating_sub(1));
    }

    /// Whether all have.
    pub fn is_complete(&self) -> bool {
        *self.missing.borrow() == 0
    }

    /// Returns when all have.
    pub async fn wait(&self) {
        // An error means that the sender is gone, which is ourselves.
        let _ = self.missing.subscribe().wait_for(|missing| *missing == 0).await;
    }
}
