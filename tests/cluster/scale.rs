//! A thousand at once.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use futures::{StreamExt, TryStreamExt, stream};
use kore_simulator::{CampaignKey, Fault, Operation};
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;
use testbed::Operator;
use voicecampaign_operator::api::VoiceCampaign;

use crate::support::*;

const OBJECTS: usize = 1000;
/// The documented answer about a campaign.
const SAMPLE: &str = include_str!("../samples/delete-voice-campaign-v2.json");

/// One thousand at a time is enough for the machine.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Each campaign is deleted exactly once, and all objects go.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_deletions_at_once_delete_each_campaign_once() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let world = World::new("thousand").await;
    let _operator = world.operator();
    let campaigns = create_all(&world).await;
    delete_all(&campaigns).await;
    wait_for_count(&world, "all are gone", |_| true, 0).await;

    assert!(world.kore.campaigns().is_empty());
    world.assert_no_violations();
    let deletes = deletes(&world);
    assert_eq!(deletes.len(), OBJECTS);
    assert!(deletes.values().all(|count| *count == 1), "a campaign was deleted more than once");
}

/// A thousand campaigns were deleted in Kore's own console, and then in Kubernetes. They share the listings
/// of their proofs.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_absences_share_a_few_listings() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let world = World::new("thousand-absent").await;
    world.kore.seed(world.key("bystander"), &json!({}));
    let _operator = world.operator();
    let campaigns = create_all(&world).await;
    for key in world.kore.campaigns() {
        if key != world.key("bystander") {
            world.kore.remove(&key);
        }
    }
    let before = listings(&world);
    delete_all(&campaigns).await;
    wait_for_count(&world, "all are gone", |_| true, 0).await;
    assert_eq!(world.kore.campaigns(), [world.key("bystander")]);
    world.assert_no_violations();
    let deletes = deletes(&world);
    assert_eq!(deletes.len(), OBJECTS);
    assert!(deletes.values().all(|count| *count == 1), "an absence was proven by asking again and again");
    // Two, unless the API server takes so long to delete them that they come in batches; each by itself would
    // take two thousand.
    let listings = listings(&world) - before;
    assert!((2..=20).contains(&listings), "{listings} listings");
}

/// `kubectl vcamp status` reads ten thousand resources, page by page. How long that takes, it prints.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make test-long"]
async fn the_status_of_ten_thousand_takes_little_memory() {
    const MANY: usize = 10_000;
    const MEGABYTES: u64 = 100;
    let _alone = ONE_AT_A_TIME.lock().await;
    let world = World::alone("ten-thousand-shown").await;
    let sample: serde_json::Value = serde_json::from_str(SAMPLE).unwrap();
    let ready = json!({"type": "Ready", "status": "True", "reason": "CampaignFound", "message": "Kore has the campaign.",
        "lastTransitionTime": "2026-11-30T12:00:00Z"});
    let status =
        json!({"status": {"observedGeneration": 1, "conditions": [ready], "campaign": sample["data"]}});
    let (api, world_of, status) = (&world.campaigns().await, &world, &status);
    stream::iter((0..MANY).map(name_of))
        .map(|name| async move {
            let mut object = world_of.campaign(&name, &json!({}));
            object["metadata"]["finalizers"] = json!(["voicecampaign.dev/remote-campaign"]);
            api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await?;
            api.patch_status(&name, &PatchParams::default(), &Patch::Merge(status)).await
        })
        .buffer_unordered(32)
        .try_collect::<Vec<_>>()
        .await
        .unwrap();
    let administrator = world.administrator();
    // The plugin may have to be built first.
    administrator.vcamp(&["--version"]);
    let started = std::time::Instant::now();
    let (said, most) = administrator.measured(&["status", "--all"]);
    println!("{MANY} resources in {:.2} s, with {most} MB at most", started.elapsed().as_secs_f64());
    assert!(said.contains("10000 resources, none of them being deleted."), "{said}");
    assert!(most < MEGABYTES, "{most} MB");
}

/// Ten thousand deletions wait for the quota of an hour and a half, and the operator is restarted. It is
/// ready soon; it makes no call that the minute has no room for; it goes on with the oldest; and it does not
/// write again what is written.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make test-long"]
async fn a_restart_with_ten_thousand_deletions_is_no_storm() {
    const PENDING: usize = 10_000;
    const QUOTA: usize = 100;
    let _alone = ONE_AT_A_TIME.lock().await;
    let world = World::alone("ten-thousand").await;
    world.create_connection(u32::try_from(QUOTA).unwrap(), 10);
    let campaigns = world.campaigns().await;
    let (parameters, api) = (&PostParams::default(), &campaigns);
    stream::iter((0..PENDING).map(name_of))
        .map(|name| {
            world.kore.seed(world.key(&name), &json!({}));
            let mut object = world.campaign(&name, &json!({}));
            object["metadata"]["finalizers"] = json!(["voicecampaign.dev/remote-campaign"]);
            let object: VoiceCampaign = serde_json::from_value(object).unwrap();
            async move { api.create(parameters, &object).await }
        })
        .buffer_unordered(32)
        .try_for_each(async |_| Ok(()))
        .await
        .unwrap();
    // In their order; those of a second are of one age.
    let deleted: Vec<String> = stream::iter((0..PENDING).map(name_of))
        .map(|name| async move {
            let object = api.delete(&name, &DeleteParams::default()).await.unwrap().left().unwrap();
            object.metadata.deletion_timestamp.unwrap().0.to_string()
        })
        .buffered(16)
        .collect()
        .await;

    let mut operator = world.operator();
    let waits = |object: &VoiceCampaign| {
        let status = object.status.as_ref().map(|status| serde_json::to_value(status).unwrap());
        status.is_some_and(|status| status["conditions"].to_string().contains("WaitingForQuota"))
    };
    wait_for_count(&world, "all that are there wait", |object| !waits(object), 0).await;
    operator.kill();
    let written = world.status_writes();
    let begun = std::time::Instant::now();
    let _restarted = world.operator();
    println!("ready again with 10000 pending deletions after {:.2?}", begun.elapsed());
    tokio::time::sleep(std::time::Duration::from_secs(130)).await;

    let calls: Vec<_> =
        world.kore.journal().into_iter().filter(|entry| entry.operation == Operation::Delete).collect();
    println!(
        "{} calls, {} writes to a status after the restart",
        calls.len(),
        world.status_writes() - written
    );
    assert!(calls.len() >= 2 * QUOTA, "{} calls", calls.len());
    assert!(deletes(&world).values().all(|count| *count == 1));
    for window in calls.windows(QUOTA + 1) {
        assert!(window[QUOTA].at.duration_since(window[0].at).as_secs() >= 60);
    }
    // Whoever was called for is older than all who wait, to within the time that a chunk of them takes to
    // come.
    let asked = deletes(&world);
    let seconds = |number: usize| deleted[number].parse::<jiff::Timestamp>().unwrap().as_second();
    let called = (0..PENDING).filter(|number| asked.contains_key(&id(&name_of(*number))));
    let youngest = called.map(seconds).max().unwrap();
    let oldest =
        (0..PENDING).find(|number| !asked.contains_key(&id(&name_of(*number)))).map(seconds).unwrap();
    println!(
        "the youngest that was called for is {} s younger than the oldest that waits",
        youngest - oldest
    );
    assert!(youngest - oldest <= 2);
    let again = world.status_writes() - written;
    // Those whose time has come are told another one: before it began, the minute counts as full.
    assert!(again <= PENDING / 10, "{again} writes");
    world.assert_no_violations();
}

/// Campaigns in Kore and objects that have their finalizer; without it they would just go (kubernetes#77988
/// is another matter).
async fn create_all(world: &World) -> Api<VoiceCampaign> {
    let campaigns = world.campaigns().await;
    let names: Vec<String> = (0..OBJECTS).map(name_of).collect();
    for name in &names {
        world.kore.seed(world.key(name), &json!({}));
    }
    let (parameters, api) = (PostParams::default(), &campaigns);
    stream::iter(&names)
        .map(|name| async {
            let object: VoiceCampaign = serde_json::from_value(world.campaign(name, &json!({}))).unwrap();
            api.create(&parameters, &object).await
        })
        .buffer_unordered(16)
        .try_collect::<Vec<_>>()
        .await
        .unwrap();
    wait_for_count(world, "all have the finalizer", |object| object.metadata.finalizers.is_some(), OBJECTS)
        .await;
    campaigns
}

/// One by one: a DELETE of the collection takes a loaded API server more than the minute that it gives a
/// request.
async fn delete_all(campaigns: &Api<VoiceCampaign>) {
    let parameters = DeleteParams::default();
    stream::iter(0..OBJECTS)
        .map(|number| {
            let parameters = &parameters;
            async move { (number, campaigns.delete(&name_of(number), parameters).await) }
        })
        .buffer_unordered(16)
        .for_each(async |(number, deleted)| assert!(deleted.is_ok(), "{number}: {deleted:?}"))
        .await;
}

fn name_of(number: usize) -> String {
    format!("c{number:04}")
}

fn listings(world: &World) -> usize {
    world.kore.journal().iter().filter(|entry| entry.operation == Operation::List).count()
}

/// How often each campaign was asked to be deleted.
fn deletes(world: &World) -> HashMap<String, usize> {
    let mut deletes: HashMap<String, usize> = HashMap::new();
    for entry in world.kore.journal().into_iter().filter(|entry| entry.operation == Operation::Delete) {
        *deletes.entry(entry.campaign_id.unwrap()).or_default() += 1;
    }
    deletes
}

async fn wait_for_count(world: &World, what: &str, wanted: impl Fn(&VoiceCampaign) -> bool, count: usize) {
    let api = world.campaigns().await;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(300);
    loop {
        // An API server that is busy with ten thousand may end the connection in the middle of their list.
        let listed = api.list(&ListParams::default()).await;
        let now = listed.map(|all| all.items.iter().filter(|object| wanted(object)).count());
        if now.as_ref().is_ok_and(|now| *now == count) {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "{what}: {now:?} instead of {count}");
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
}

/// Two thousand objects, living and held, have as many series as ten; and a scrape writes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_objects_have_the_series_of_ten() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let world = World::new("series").await;
    let operator = world.operator();
    let campaigns = world.campaigns().await;
    create_halves(&world, &campaigns, 0..10).await;
    let few = series(&world, &operator, 10).await;
    create_halves(&world, &campaigns, 10..2000).await;
    let many = series(&world, &operator, 2000).await;
    assert!(few.len() > 150, "{few:#?}");
    assert_eq!(few, many);
    let written = world.status_writes();
    (0..20).for_each(|_| drop(operator.ask("/metrics").unwrap()));
    assert_eq!(world.status_writes(), written);
}

/// Suspended objects; each second one is deleted, and held.
async fn create_halves(world: &World, campaigns: &Api<VoiceCampaign>, numbers: Range<usize>) {
    let parameters = PostParams::default();
    let create = async |number: usize| {
        let mut manifest = world.campaign(&name_of(number), &json!({"suspend": true}));
        manifest["metadata"]["finalizers"] = json!(["voicecampaign.dev/remote-campaign"]);
        campaigns.create(&parameters, &serde_json::from_value(manifest).unwrap()).await.unwrap();
        if number.is_multiple_of(2) {
            campaigns.delete(&name_of(number), &DeleteParams::default()).await.unwrap();
        }
    };
    stream::iter(numbers).map(create).buffer_unordered(16).collect::<Vec<()>>().await;
}

/// The series of `/metrics`, without their values, once it shows so many objects as suspended.
async fn series(world: &World, operator: &Operator, objects: usize) -> BTreeSet<String> {
    let suspended = |object: &VoiceCampaign| {
        let status = object.status.as_ref().map(|status| serde_json::to_value(status).unwrap());
        status.is_some_and(|status| status["conditions"].to_string().contains("Suspended"))
    };
    wait_for_count(world, "all are suspended", suspended, objects).await;
    let deadline = std::time::Instant::now() + PATIENCE;
    // Its cache may lag behind what the API server has.
    let body = loop {
        let (_, body) = operator.ask("/metrics").unwrap();
        let shown = ["voicecampaigns", "terminating"].map(|what| counted(&body, what));
        let settled = !body.contains(r#"reason="Pending""#);
        if settled && shown == [objects as f64 / 2.0; 2] {
            break body;
        }
        assert!(std::time::Instant::now() < deadline, "{objects} objects are shown as {shown:?}");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    };
    let series = body.lines().filter(|line| !line.starts_with('#'));
    series.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

/// The sum of all series of a metric.
fn counted(body: &str, what: &str) -> f64 {
    let name = format!("voicecampaign_operator_{what}{{");
    let of_it = body.lines().filter(|line| line.starts_with(&name));
    of_it.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

/// K30: an object as big as the API server takes it: the longest name, thousands of finalizers of others, a
/// long annotation. It is deleted like any other, and the others' finalizers stay.
#[tokio::test(flavor = "multi_thread")]
async fn a_huge_object_is_deleted_like_any_other() {
    const THEIRS: usize = 10_000;
    let world = World::new("huge").await;
    let operator = world.operator();
    let name = ["n".repeat(62), "a".repeat(62), "m".repeat(62), "e".repeat(64)].join(".");
    assert_eq!(name.len(), 253);
    let mut manifest = world.campaign(&name, &json!({"campaignId": "cd-huge"}));
    let theirs: Vec<String> =
        (0..THEIRS).map(|number| format!("example.com/finalizer-{number:05}")).collect();
    manifest["metadata"]["finalizers"] = json!(theirs);
    manifest["metadata"]["annotations"] = json!({"example.com/long": "x".repeat(200_000)});
    let key = CampaignKey { campaign_id: "cd-huge".into(), ..world.key("any") };
    world.kore.seed(key.clone(), &json!({}));
    let campaigns = world.campaigns().await;
    campaigns.create(&PostParams::default(), &serde_json::from_value(manifest).unwrap()).await.unwrap();
    world.wait_for_reason(&name, "CampaignFound");
    world.kore.add_fault(Fault::answer_delete(Some(1), 503, ""));
    world.delete(&name);
    let released = world.wait_for(&name, "our finalizer is off", |object| {
        object["metadata"]["finalizers"].as_array().is_some_and(|left| left.len() == THEIRS)
    });
    assert!(!world.kore.campaigns().contains(&key));
    assert_eq!(released["metadata"]["finalizers"], json!(theirs));
    // kube-rs names an event after its object, and so this one's name is too long. What it says is in the
    // log.
    assert!(operator.output().contains("Could not publish an event"), "{}", operator.output());
    world.run(&["patch", "vcamp", &name, "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]);
    world.wait_until_gone(&name);
}
