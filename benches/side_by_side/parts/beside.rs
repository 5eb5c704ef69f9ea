//! Single deletions by the operator while something else keeps it busy.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use testbed::faults::Relay;

use crate::bench::{AMPLE, Bench, CONNECTION, Tenant, answers};
use crate::contender::Contender;
use crate::results::Beside;

/// Deletions in a round: many, because the slowest of a few say little.
const COUNT: usize = 150;
const ROUNDS: usize = 4;

impl Bench {
    /// As many of another account of the namespace hang, as if Kore's host were dead.
    pub async fn beside_a_dead_account(&self, program: &Path) -> Beside {
        let relay = Relay::start(self.kore.url().trim_start_matches("http://").parse().unwrap()).unwrap();
        let dead = Tenant::usual();
        self.connect(&dead, "dead", &format!("http://{}", relay.address()), AMPLE);
        let begin = async || relay.freeze();
        let end = async || relay.thaw();
        self.beside("as many of another account hang", program, &dead, "dead", begin, end).await
    }

    /// Kore refuses the credentials of another account of the namespace, which has as many deletions.
    pub async fn beside_refused_credentials(&self, program: &Path) -> Beside {
        let refused = Tenant { account: "account-that-is-refused".into(), ..Tenant::usual() };
        self.connect(&refused, "refused", self.kore.url(), AMPLE);
        let fault = answers(&refused, 401, "");
        let begin = async || self.kore.add_fault(&fault).await.unwrap();
        let end = async || self.kore.clear_faults().await.unwrap();
        self.beside("the credentials of as many are refused", program, &refused, "refused", begin, end).await
    }

    /// Alone; and while deletions of another connection can't get on.
    async fn beside(
        &self,
        what: &str,
        program: &Path,
        other: &Tenant,
        connection: &str,
        begin: impl AsyncFn(),
        end: impl AsyncFn(),
    ) -> Beside {
        let tenant = Tenant::usual();
        let _running = self.run(Contender::Ours, program, &tenant.namespace);
        let mut figures = Beside { what: what.into(), alone: Vec::new(), beside: Vec::new() };
        for _ in 0..ROUNDS {
            figures.alone.extend(self.one_after_the_other(&tenant, COUNT).await);
            let held = self.create(other, connection, 0..COUNT, connection).await;
            self.until_held(other, &held).await;
            begin().await;
            self.delete(other, &held).await;
            figures.beside.extend(self.one_after_the_other(&tenant, COUNT).await);
            end().await;
            self.until_none(other, &held).await;
        }
        figures
    }

    /// Another namespace deletes as many campaigns as `burst` says at once.
    pub async fn beside_a_burst(&self, program: &Path, burst: usize) -> Beside {
        let (busy, quiet) = (Tenant::usual(), self.tenant("bench-quiet"));
        let namespaces = format!("{},{}", busy.namespace, quiet.namespace);
        let _running = self.run(Contender::Ours, program, &namespaces);
        let names = self.create(&quiet, "beside", 0..burst, CONNECTION).await;
        self.until_held(&quiet, &names).await;
        let many = self.create(&busy, "burst", 0..burst, CONNECTION).await;
        self.until_held(&busy, &many).await;
        let (first, rest) = names.split_at(COUNT);
        let alone = self.delete_each(&quiet, first, || true).await;
        let bursting = AtomicBool::new(true);
        let all = async {
            self.delete_all(&busy, &many).await;
            bursting.store(false, Ordering::Relaxed);
        };
        let ((), beside) =
            tokio::join!(all, self.delete_each(&quiet, rest, || bursting.load(Ordering::Relaxed)));
        // Those that the burst has left no time for.
        let left = self.there(&quiet).await;
        self.delete_all(&quiet, &left).await;
        Beside { what: format!("another namespace deletes {burst} at once"), alone, beside }
    }
}
