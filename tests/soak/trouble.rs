//! What goes wrong, and how it ends.

use std::time::{Duration, Instant};

use anyhow::Result;
use kore_simulator::{Fault as KoreFault, Outcome, When};
use testbed::ControlPlane;
use testbed::faults::Plan;

use crate::round::{Timed, Trouble};
use crate::world::{World, apps};

/// Makes the troubles of a round, one after another, and ends them all.
pub async fn make(world: &World, troubles: &[Timed]) -> Result<()> {
    let begun = Instant::now();
    for Timed { after_ms, what } in troubles {
        tokio::time::sleep_until((begun + Duration::from_millis(*after_ms)).into()).await;
        one(world, what).await?;
    }
    for instance in world.instances.iter() {
        instance.nemesis.disarm();
    }
    world.kore_nemesis.disarm();
    Ok(())
}

async fn one(world: &World, trouble: &Trouble) -> Result<()> {
    let plan =
        |fault: &testbed::faults::Fault| Plan { name: String::new(), seed: 0, faults: vec![fault.clone()] };
    match trouble {
        Trouble::Kill { instance } => world.instances[*instance].kill(),
        Trouble::Freeze { instance, ms } => {
            world.instances[*instance].freeze();
            pause(*ms).await;
            world.instances[*instance].thaw();
        }
        Trouble::Clock { instance, seconds, ms } => {
            world.instances[*instance].clock.set(*seconds)?;
            pause(*ms).await;
            world.instances[*instance].clock.set(0)?;
        }
        Trouble::Kubernetes { instance, fault } => world.instances[*instance].nemesis.arm(plan(fault)),
        Trouble::Kore { fault } => world.kore_nemesis.arm(plan(fault)),
        Trouble::Cut { instance } => {
            world.instances[*instance].proxy.cut_all();
            world.kore_proxy.cut_all();
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
            pause(*ms).await;
            world.kore.clear_faults();
        }
        Trouble::Revoked { ms } => {
            world.kore.set_apps(Vec::new());
            pause(*ms).await;
            world.kore.set_apps(apps());
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
                    plane.start_etcd()
                })
                .await?
        }
    }
    Ok(())
}

async fn pause(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}
