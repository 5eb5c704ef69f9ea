//! What becomes of campaigns that are deleted in trouble: whether they are gone, and their objects with
//! them.

use std::mem::replace;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures::future::join_all;
use kore_simulator::{Fault, Operation, Outcome, When};
use testbed::process::Process;

use crate::bench::{Bench, CONNECTION, Tenant, answers, campaign};
use crate::contender::Contender;
use crate::results::{Results, Trouble};

const OBJECTS: usize = 10;
/// How long Kore is in trouble.
const LASTS: Duration = Duration::from_secs(30);
const KILLED_AFTER: Duration = Duration::from_secs(15);
/// How long the deletions are waited for, from when they were asked for.
const PATIENCE: Duration = Duration::from_secs(180);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A gateway that has lost its route answers 404 to all.
    Gateway,
    /// The credentials are refused.
    Refused,
    /// Each DELETE takes effect, and the answer of the first for each campaign is lost.
    LostAnswer,
    /// Kore answers 503, and the contender is killed and started again in between.
    Killed,
    /// The whole namespace is deleted, with the Secret.
    Namespace,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Gateway, Self::Refused, Self::LostAnswer, Self::Killed, Self::Namespace];

    fn name(self) -> &'static str {
        match self {
            Self::Gateway => "a gateway answers 404 for 30 s",
            Self::Refused => "Kore refuses the credentials for 30 s",
            Self::LostAnswer => "the answer of the first DELETE of each is lost",
            Self::Killed => "Kore answers 503 for 30 s, `kill -9` in between",
            Self::Namespace => "the namespace is deleted",
        }
    }

    fn faults(self, tenant: &Tenant, names: &[String]) -> Vec<Fault> {
        match self {
            Self::Gateway => vec![answers(tenant, 404, "404 page not found")],
            Self::Refused => vec![answers(tenant, 401, "")],
            // Of each campaign, the first.
            Self::LostAnswer => names.iter().map(|name| lost_answer(tenant, name)).collect(),
            Self::Killed => vec![answers(tenant, 503, "")],
            Self::Namespace => Vec::new(),
        }
    }
}

fn lost_answer(tenant: &Tenant, name: &str) -> Fault {
    Fault {
        operation: Some(Operation::Delete),
        campaign_id: Some(campaign(name)),
        times: Some(1),
        when: When::AfterEffect,
        then: Outcome::Cut,
        ..answers(tenant, 200, "")
    }
}

/// Some objects, a kind of trouble, and who has to deal with it.
struct Troubled<'a> {
    who: Contender,
    program: &'a Path,
    kind: Kind,
    tenant: Tenant,
    running: Process,
    names: Vec<String>,
    /// When the deletions were asked for.
    begun: Instant,
    /// How many were there when it was last seen, and how many seconds later that had changed.
    left: usize,
    last: f64,
}

impl Bench {
    /// All at the same time: each has a namespace, an account and a process of its own, and little to do.
    pub async fn troubles(&self, contenders: &[(Contender, PathBuf)], results: &mut Results) {
        let each = contenders.iter().flat_map(|(who, program)| {
            Kind::ALL.map(|kind| async move { self.prepare(*who, program, kind).await })
        });
        let mut all = join_all(each).await;
        let before = self.kore.received().await.unwrap();
        let begun = Instant::now();
        for troubled in &all {
            for fault in troubled.kind.faults(&troubled.tenant, &troubled.names) {
                self.kore.add_fault(&fault).await.unwrap();
            }
        }
        join_all(all.iter_mut().map(|troubled| self.begin(troubled))).await;
        let (mut killed, mut over) = (false, false);
        while all.iter().any(|troubled| troubled.left > 0) && begun.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if begun.elapsed() >= KILLED_AFTER && !replace(&mut killed, true) {
                for troubled in all.iter_mut().filter(|troubled| troubled.kind == Kind::Killed) {
                    troubled.running.kill();
                    troubled.running = self.run(troubled.who, troubled.program, &troubled.tenant.namespace);
                }
            }
            if begun.elapsed() >= LASTS && !replace(&mut over, true) {
                self.kore.clear_faults().await.unwrap();
            }
            for troubled in &mut all {
                let left = self.left(troubled.kind, &troubled.tenant).await;
                if left != troubled.left {
                    (troubled.left, troubled.last) = (left, troubled.begun.elapsed().as_secs_f64());
                }
            }
        }
        self.kore.clear_faults().await.unwrap();
        let campaigns = self.kore.campaigns().await.unwrap();
        let calls = self.kore.journal_from(before).await.unwrap();
        for Troubled { who, kind, tenant, names, last, .. } in all {
            let there = self.there(&tenant).await;
            let remote = |name: &&String| {
                campaigns
                    .iter()
                    .any(|key| key.account_id == tenant.account && key.campaign_id == campaign(name))
            };
            let trouble = Trouble {
                objects: names.len(),
                orphaned: names.iter().filter(|name| !there.contains(name)).filter(remote).count(),
                stuck: self.left(kind, &tenant).await,
                calls: calls.iter().filter(|call| call.account_id == tenant.account).count(),
                last,
            };
            results.of_mut(who).troubles.push((kind.name().into(), trouble));
        }
    }

    async fn prepare<'a>(&self, who: Contender, program: &'a Path, kind: Kind) -> Troubled<'a> {
        let tenant = self.tenant(&format!("{kind:?}-{who:?}").to_lowercase());
        let running = self.run(who, program, &tenant.namespace);
        let names = self.create(&tenant, "troubled", 0..OBJECTS, CONNECTION).await;
        self.until_held(&tenant, &names).await;
        let (left, begun) = (names.len(), Instant::now());
        Troubled { who, program, kind, tenant, running, names, begun, left, last: 0.0 }
    }

    /// How many objects are there yet; the namespace counts, too, if it is to go.
    async fn left(&self, kind: Kind, tenant: &Tenant) -> usize {
        let namespace = || {
            let get = ["get", "namespace", &tenant.namespace, "--ignore-not-found", "--output=name"];
            self.plane.kubectl().unwrap().try_run(&get).unwrap()
        };
        let goes = kind == Kind::Namespace && !namespace().trim().is_empty();
        self.there(tenant).await.len() + usize::from(goes)
    }

    async fn begin(&self, Troubled { kind, tenant, names, begun, .. }: &mut Troubled<'_>) {
        *begun = Instant::now();
        if *kind == Kind::Namespace {
            let delete = ["delete", "namespace", &tenant.namespace, "--wait=false"];
            self.plane.kubectl().unwrap().try_run(&delete).unwrap();
        } else {
            self.delete(tenant, names).await;
        }
    }
}
