//! What goes wrong, and how it ends.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use kore_simulator::{Fault as KoreFault, Outcome, When};
use testbed::ControlPlane;
use testbed::faults::{Action, Fault, Kind, Nemesis, Plan, Seen};

use crate::instance::Instance;
use crate::round::{Timed, Trouble};
use crate::world::{World, apps};

/// What the troubles of a round have done so far.
#[derive(Default)]
pub struct Made(Mutex<Happened>);

#[derive(Default)]
struct Happened {
    times: Vec<Time>,
    /// DELETEs to Kore that a fault has hit.
    deletes: Vec<Seen>,
}

/// A trouble that is over.
struct Time {
    from: Timestamp,
    to: Timestamp,
    /// Whether it has met something: an instance that ran, or a request.
    has_met: bool,
    /// Whether Kore refuses tokens meanwhile.
    refuses: bool,
    /// Whether a DELETE may be sent again because of it.
    repeats: bool,
    /// Whether an instance was frozen: it may have been about to send a request.
    holds: bool,
}

/// A token that is refused may have been made just before the end of a trouble: a clock that is wrong is read
/// once a second, and a request may be slow.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_secs(5);
/// A trouble has its effects until a leader that could not renew its Lease has given up.
const ITS_EFFECTS: SignedDuration = SignedDuration::from_secs(10);

impl Made {
    /// How many troubles that have met something there were at some time between these.
    pub fn between(&self, begun: Timestamp, ended: Timestamp) -> usize {
        let overlaps = |time: &&Time| time.has_met && time.from <= ended && time.to >= begun;
        self.happened().times.iter().filter(overlaps).count()
    }

    /// How many of them may have kept the answer to a DELETE from coming, or from being recorded.
    pub fn repeating(&self, begun: Timestamp, ended: Timestamp) -> usize {
        let overlaps = |time: &&Time| time.repeats && time.from <= ended && time.to + ITS_EFFECTS >= begun;
        self.happened().times.iter().filter(overlaps).count()
    }

    /// How many troubles have met something.
    pub fn met(&self) -> usize {
        self.happened().times.iter().filter(|time| time.has_met).count()
    }

    /// Whether Kore had reason to refuse a token that arrived then.
    pub fn refuses(&self, at: Timestamp) -> bool {
        let covers = |time: &Time| time.refuses && time.from <= at && at <= time.to + ON_ITS_WAY;
        self.happened().times.iter().any(covers)
    }

    /// Whether what arrives then may have been held back: an instance was frozen just before.
    pub fn holds_back(&self, at: Timestamp) -> bool {
        let covers = |time: &Time| time.holds && time.from <= at && at <= time.to + ON_ITS_WAY;
        self.happened().times.iter().any(covers)
    }

    /// How many DELETEs for a campaign a fault has hit, in whatever way.
    pub fn hit(&self, campaign_id: &str) -> usize {
        let is_for = |seen: &&Seen| seen.path.ends_with(campaign_id);
        self.happened().deletes.iter().filter(is_for).count()
    }

    fn happened(&self) -> std::sync::MutexGuard<'_, Happened> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the troubles of a round, each in its time, and ends them all. Several at once, but for those that
/// concern the same.
pub async fn make(world: &World, troubles: &[Timed], made: &Made) -> Result<()> {
    let begun = Instant::now();
    let mut concerned: HashMap<_, tokio::sync::Mutex<()>> = HashMap::new();
    for trouble in troubles {
        concerned.entry(trouble.what.concerns()).or_default();
    }
    let each = troubles.iter().map(|Timed { after_ms, what }| {
        let turn = &concerned[&what.concerns()];
        async move {
            tokio::time::sleep_until((begun + Duration::from_millis(*after_ms)).into()).await;
            let _turn = turn.lock().await;
            let from = Timestamp::now();
            let has_met = one(world, what, made).await?;
            // The token of an instance whose clock is wrong is refused, too.
            let refuses = matches!(what, Trouble::Revoked { .. } | Trouble::Clock { .. });
            let repeats = has_met && what.may_repeat_a_delete();
            let (holds, to) = (matches!(what, Trouble::Freeze { .. }), Timestamp::now());
            made.happened().times.push(Time { from, to, has_met, refuses, repeats, holds });
            anyhow::Ok(())
        }
    });
    try_join_all(each).await?;
    Ok(())
}

/// Makes a trouble, and says whether it has met something.
async fn one(world: &World, trouble: &Trouble, made: &Made) -> Result<bool> {
    match trouble {
        Trouble::Kill { instance } => return Ok(world.instances[*instance].kill()),
        Trouble::Freeze { instance, ms } => {
            let has_frozen = world.instances[*instance].freeze();
            pause(*ms).await;
            // It may have been killed, and started again, meanwhile.
            world.instances[*instance].thaw();
            return Ok(has_frozen);
        }
        Trouble::Clock { instance, seconds, ms } => {
            let runs = world.instances[*instance].runs();
            world.instances[*instance].clock.set(*seconds)?;
            pause(*ms).await;
            world.instances[*instance].clock.set(0)?;
            // It may have been started meanwhile.
            return Ok(runs || world.instances[*instance].runs());
        }
        Trouble::Kubernetes { instance, fault, ms } => {
            let instance = &world.instances[*instance];
            let has_met = inject(&instance.nemesis, fault, *ms, made).await;
            // A list or a watch that hangs would outlast the trouble by minutes.
            let hangs = matches!(fault.then, Action::Hang | Action::HangAfter);
            if hangs && fault.at.kinds.iter().any(|kind| matches!(kind, Kind::Read | Kind::Watch)) {
                instance.proxy.cut_all();
            }
            return Ok(has_met);
        }
        Trouble::Kore { fault, ms } => return Ok(inject(&world.kore_nemesis, fault, *ms, made).await),
        Trouble::Cut { instance } => {
            // The connections to Kore are those of both.
            let runs = world.instances.iter().any(Instance::runs);
            world.instances[*instance].proxy.cut_all();
            world.kore_proxy.cut_all();
            return Ok(runs);
        }
        Trouble::KoreAnswers { status, ms } => {
            let body = "<html>unavailable</html>".to_owned();
            world.kore.add_fault(KoreFault {
                operation: None,
                campaign_id: None,
                account_id: None,
                times: None,
                delay_ms: 0,
                when: When::BeforeEffect,
                then: Outcome::Answer { status: *status, headers: Default::default(), body },
            });
            let since = Timestamp::now();
            pause(*ms).await;
            world.kore.clear_faults();
            return Ok(world.requests(since).any(|request| request.fault.is_some()));
        }
        Trouble::Revoked { ms } => {
            world.kore.set_apps(Vec::new());
            let since = Timestamp::now();
            pause(*ms).await;
            world.kore.set_apps(apps());
            return Ok(world.requests(since).any(|request| request.violation.is_some()));
        }
        Trouble::ApiServerFrozen { ms } => {
            world.plane.pause_api_server()?;
            pause(*ms).await;
            world.plane.resume_api_server()?;
        }
        Trouble::ApiServerKilled => {
            world
                .blocking(|plane| {
                    plane.stop_api_server();
                    plane.start_api_server()
                })
                .await?
        }
        Trouble::BackedUp => world.blocking(ControlPlane::back_up).await?,
        Trouble::EtcdKilled => {
            world
                .blocking(|plane| {
                    plane.stop_etcd();
                    plane.start_etcd()?;
                    plane.wait_for_api_server()
                })
                .await?
        }
    }
    Ok(true)
}

/// Arms a fault for a while, and says whether it has hit a request.
async fn inject(nemesis: &Nemesis, fault: &Fault, ms: u64, made: &Made) -> bool {
    nemesis.arm(Plan { name: String::new(), seed: 0, faults: vec![fault.clone()] });
    pause(ms).await;
    nemesis.disarm();
    let is_hit = |seen: &Seen| {
        seen.kind == Kind::KoreDelete && seen.injected.as_ref().is_some_and(|then| *then != Action::HoldWatch)
    };
    made.happened().deletes.extend(nemesis.effects().into_iter().filter(is_hit));
    nemesis.injected() > 0
}

async fn pause(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}
