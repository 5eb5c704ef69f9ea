//! One account's trouble: what it costs the account, and that it costs nobody else.

use std::time::Duration;

use kore_simulator::{CampaignKey, Entry, Fault, Operation, When};
use serde_json::{Value, json};
use testbed::faults::Relay;
use testbed::{Operator, wait};

use crate::support::*;

/// R1: an outage of a minute, with 100 deletions: a few calls, one write per object, and when it is over all
/// go at once, oldest first, with no pause of their own. Who is to probe next shows when.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_probed_and_then_made_up_for() {
    let world = World::new("probed").await;
    let _operator = world.operator();
    let names = found(&world, "c", 100);
    let maintenance = Fault::answer_delete(None, 503, r#"{"message":"maintenance"}"#);
    world.kore.add_fault(Fault { operation: None, ..maintenance });
    let (before, written) = (world.kore.journal().len(), world.status_writes());
    let begun = std::time::Instant::now();
    delete_all(&world, &names);
    names.iter().for_each(|name| drop(world.wait_for_reason(name, "AccountUnavailable")));
    std::thread::sleep(Duration::from_secs(40));
    let calls = world.kore.journal().len() - before;
    // After 5, 15, 35 s, and so on, as long as the machine has taken to come here.
    let probes =
        (0..).take_while(|&tries| Duration::from_secs(5 * ((2 << tries) - 1)) <= begun.elapsed()).count();
    // Before them, those that were under way when it began.
    assert!(probes >= 3 && calls <= 4 + 3 + probes, "{calls} calls, {probes} probes");
    // All at one time; a probe may be under way, and the next one not told yet.
    let next = world.run(&["get", "vcamp", "--output=jsonpath={.items[*].status.deletion.nextAttemptAt}"]);
    assert!(next.split_whitespace().count() <= 2, "one is to probe next: {next}");
    for name in &names {
        let object = world.get(name).unwrap();
        assert_eq!(ready(&object)["reason"], "AccountUnavailable", "{object:#}");
        assert!(ready(&object)["message"].as_str().unwrap().contains("HTTP 503, maintenance"), "{object:#}");
        assert!(object["status"]["deletion"]["failures"].as_i64().unwrap_or(0) <= 1, "{object:#}");
    }
    // One that says so, and another of those that have called, or that a busy machine let wait before the
    // trouble was known.
    let writes = world.status_writes() - written;
    println!("{writes} writes for {} deletions in an outage", names.len());
    assert!(writes <= names.len() + names.len() / 2, "{writes} writes");
    world.kore.clear_faults();
    let over = world.kore.journal().len();
    names.iter().for_each(|name| world.wait_until_gone_within(name, Duration::from_secs(120)));
    let calls = world.kore.journal().split_off(over);
    let deletes = calls.iter().filter(|entry| entry.operation == Operation::Delete).count();
    assert_eq!(deletes, names.len(), "one DELETE for each");
    // Those that were asked to be deleted during the outage are looked at before.
    assert!(calls.len() - deletes <= 8, "{calls:#?}");
    world.assert_no_violations();
}

/// A process that is killed in the middle of an outage does not begin its probes again.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_in_an_outage_probes_on() {
    let world = World::new("probed-on").await;
    let mut operator = world.operator();
    let names = found(&world, "c", 20);
    let maintenance = Fault::answer_delete(None, 503, r#"{"message":"maintenance"}"#);
    world.kore.add_fault(Fault { operation: None, ..maintenance });
    delete_all(&world, &names);
    names.iter().for_each(|name| drop(world.wait_for_reason(name, "AccountUnavailable")));
    // The probes after 5 and 15 s are over; the next one is after 35 s.
    std::thread::sleep(Duration::from_secs(18));
    let before = world.kore.journal().len();
    operator.kill();
    let _restarted = world.operator();
    std::thread::sleep(Duration::from_secs(40));
    let calls = world.kore.journal().split_off(before);
    assert!(calls.len() <= 2, "{calls:#?}");
    let since = |name: &String| world.get(name).unwrap()["status"]["deletion"]["heldSince"].clone();
    assert!(names.iter().all(|name| since(name) == since(&names[0])), "since the same time as before");
    world.kore.clear_faults();
    names.iter().for_each(|name| world.wait_until_gone_within(name, Duration::from_secs(90)));
}

/// One namespace has credentials that Kore refuses, and 50 campaigns to delete; another one's deletions in
/// the same account are done as if those were not there. The refused ones need a person, and go when the
/// Secret is right.
#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_hold_up_nobody_with_others() {
    const QUOTA: usize = 60;
    let world = World::new("prod").await;
    let dev = world.beside("prod-dev");
    dev.create_secret("cs-bogus", "a-secret-that-was-revoked");
    for world in [&world, &dev] {
        world.create_connection(u32::try_from(QUOTA).unwrap(), 10);
    }
    let mut options = world.options();
    options.arguments = vec!["--watch-namespaces=prod,prod-dev".to_owned()];
    let _operator = Operator::start(&world.plane, &options).unwrap();
    let names = dev.create_campaigns("dev", 50);
    names.iter().for_each(|name| drop(dev.wait_for_reason(name, "CredentialsRejected")));
    let healthy = found(&world, "prod", 40);
    delete_all(&dev, &names);
    std::thread::sleep(Duration::from_secs(3));
    delete_all(&world, &healthy);
    healthy.iter().for_each(|name| world.wait_until_gone(name));
    // By Kore's clock: how long kubectl takes on a busy machine is no matter.
    let asked: Vec<_> = healthy.iter().map(|name| world.deletes(name)[0].at).collect();
    let took = asked.iter().max().unwrap().duration_since(*asked.iter().min().unwrap());
    assert!(took.as_secs() < 20, "{took}");
    let mut next = 0;
    for name in &names {
        let object = dev.wait_for_reason(name, "CredentialsRejected");
        assert_eq!(condition(&object, "Stalled")["status"], "True", "{object:#}");
        next += usize::from(object["status"]["deletion"]["nextAttemptAt"].is_string());
    }
    assert!(next <= 3, "one is to try next, not {next}");
    let calls = world.kore.journal();
    let refused = calls.iter().filter(|entry| entry.violation.is_some()).count();
    // Listings and DELETEs before the first refusal was heard, then probes: after 5, 15, 35, 75 s.
    assert!(refused <= 12, "{refused} calls with refused credentials");
    dev.create_secret(CLIENT_ID, CLIENT_SECRET);
    names.iter().for_each(|name| dev.wait_until_gone_within(name, Duration::from_secs(180)));
    assert!(names.iter().all(|name| !dev.in_kore(name)));
}

/// A refusal that takes longer than a moment: whoever reads that a person is needed reads so all the time,
/// also while it is tried again.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_needs_a_person_says_so_all_the_time() {
    let world = World::new("stays-stalled").await;
    let _operator = world.operator();
    world.create_found("refused");
    let forbidden = Fault::answer_delete(None, 403, r#"{"message":"Forbidden"}"#);
    world.kore.add_fault(Fault { delay_ms: 700, ..forbidden });
    world.delete("refused");
    let since = |object: &Value| condition(object, "Stalled")["lastTransitionTime"].clone();
    let first = since(&world.wait_for_reason("refused", "CredentialsRejected"));
    let attempts = || world.deletes("refused").len();
    let begun = attempts();
    wait::until("it is tried three times more", Duration::from_secs(60), || {
        let object = world.get("refused").unwrap();
        assert_eq!(
            (condition(&object, "Stalled")["status"].as_str(), since(&object)),
            (Some("True"), first.clone())
        );
        Ok((attempts() >= begun + 3).then_some(()))
    })
    .unwrap();
}

/// Campaigns whose DELETE always fails, while reads work: two of them hold up nobody, and 50 of them cost a
/// tenth of the quota.
#[tokio::test(flavor = "multi_thread")]
async fn poisoned_campaigns_do_not_hold_up_a_healthy_one() {
    let world = World::new("poisoned").await;
    let _operator = world.operator();
    let poisoned = found(&world, "poisoned", 50);
    let healthy = found(&world, "healthy", 2);
    for name in &poisoned {
        let campaign_id = Some(id(name));
        world.kore.add_fault(Fault { campaign_id, ..Fault::answer_delete(None, 500, "{}") });
    }
    delete_all(&world, &poisoned[..2]);
    poisoned[..2].iter().for_each(|name| drop(world.wait_for_reason(name, "AccountUnavailable")));
    let begun = jiff::Timestamp::now();
    delete_all(&world, &healthy[..1]);
    world.wait_until_gone(&healthy[0]);
    let took = world.deletes(&healthy[0])[0].at.duration_since(begun);
    assert!(took.as_secs() < 4, "two that fail, and it took {took}");
    delete_all(&world, &poisoned[2..]);
    let failed =
        |name: &String| world.get(name).unwrap()["status"]["deletion"]["attempts"].as_i64() > Some(0);
    wait::until("many have failed", PATIENCE, || {
        Ok((poisoned.iter().filter(|name| failed(name)).count() > 10).then_some(()))
    })
    .unwrap();
    let begun = jiff::Timestamp::now();
    delete_all(&world, &healthy[1..]);
    world.wait_until_gone(&healthy[1]);
    let took = world.deletes(&healthy[1])[0].at.duration_since(begun);
    assert!(took.as_secs() < 60, "fifty that fail, and it took {took}");
    assert!(poisoned.iter().all(|name| world.in_kore(name)));
    world.kore.clear_faults();
    poisoned.iter().for_each(|name| world.wait_until_gone_within(name, Duration::from_secs(400)));
}

/// DELETEs take effect, and their answers are lost, while reads work: each campaign is asked to be deleted
/// once, and a look tells the rest.
#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_are_looked_for() {
    let world = World::new("lost-answers").await;
    let _operator = world.operator();
    let names = found(&world, "c", 12);
    found(&world, "stays", 1);
    world.kore.add_fault(Fault { when: When::AfterEffect, ..Fault::answer_delete(None, 504, "<html>") });
    delete_all(&world, &names);
    names.iter().for_each(|name| world.wait_until_gone_within(name, Duration::from_secs(240)));
    for name in &names {
        let deletes = world.deletes(name).len();
        assert!(!world.in_kore(name) && deletes <= 3, "{name}: {deletes} DELETEs");
    }
    let deletes: usize = names.iter().map(|name| world.deletes(name).len()).sum();
    assert!(deletes <= 2 * names.len(), "{deletes} DELETEs for {} campaigns", names.len());
}

/// The quota of the connection is raised while many wait: the times that they were promised move up within a
/// minute, also after a restart.
#[tokio::test(flavor = "multi_thread")]
async fn promised_times_move_up_with_the_quota() {
    let world = World::new("raised").await;
    let mut operator = world.operator();
    let names = found(&world, "c", 60);
    world.create_connection(1, 10);
    delete_all(&world, &names);
    let late = |name: &String| {
        world.get(name).is_some_and(|object| {
            let next = object["status"]["deletion"]["nextAttemptAt"].as_str().unwrap_or_default().to_owned();
            next.parse::<jiff::Timestamp>().is_ok_and(|next| {
                next.duration_since(jiff::Timestamp::now()) > jiff::SignedDuration::from_mins(10)
            })
        })
    };
    wait::until("most are promised a late time", PATIENCE, || {
        Ok((names.iter().filter(|name| late(name)).count() > 30).then_some(()))
    })
    .unwrap();
    operator.kill();
    world.create_connection(60, 10);
    let _restarted = world.operator();
    wait::until("the times move up", PATIENCE, || Ok(names.iter().all(|name| !late(name)).then_some(())))
        .unwrap();
    names.iter().for_each(|name| world.wait_until_gone_within(name, Duration::from_secs(200)));
}

/// A quota of one call a minute, and a stream whose listing has two pages: it is read nevertheless.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make test-long"]
async fn a_listing_is_read_however_slow_the_quota_makes_it() {
    let world = World::new("slow-pages").await;
    (0..60).for_each(|number| world.kore.seed(world.key(&format!("other{number}")), &json!({})));
    world.create_connection(1, 10);
    let _operator = world.operator();
    world.create_campaign("c", &json!({}));
    world.wait_for("c", "the finalizer", |object| object["metadata"]["finalizers"].is_array());
    world.kore.remove(&world.key("c"));
    world.delete("c");
    // A DELETE, a GET, and two listings of two pages.
    world.wait_until_gone_within("c", Duration::from_secs(720));
}

/// A connection to an account whose calls a relay can hang, for as long as a call may take.
fn connect_through(world: &World, relay: &Relay, name: &str, account: &str, quota: usize) {
    world.apply(&json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
        "metadata": {"name": name}, "spec": {"host": format!("http://{}", relay.address()),
        "accountId": account, "credentialsSecretRef": {"name": "kore-jwt-app"}, "timeoutSeconds": 30,
        "rateLimit": {"requestsPerMinute": quota}}}));
}

/// R8: all calls to one account hang; another one's deletions do not notice.
#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_account_does_not_hold_up_another() {
    let world = World::new("hanging-account").await;
    let relay = Relay::start(world.kore.address()).unwrap();
    connect_through(&world, &relay, "hanging", ACCOUNT, 6000);
    let _operator = world.operator();
    let healthy = found(&world, "healthy", 20);
    let dead: Vec<String> = (0..60).map(|number| format!("dead{number}")).collect();
    for name in &dead {
        world.create_campaign(name, &json!({"connectionRef": {"name": "hanging"}}));
    }
    dead.iter().for_each(|name| drop(world.wait_for_reason(name, "CampaignFound")));
    relay.freeze();
    delete_all(&world, &dead);
    // On a busy machine the first has given up before the last is looked at.
    let is_tried = |object: &Value| {
        ["Deleting", "AccountUnavailable"].contains(&ready(object)["reason"].as_str().unwrap_or_default())
    };
    dead.iter().for_each(|name| drop(world.wait_for(name, "it is tried", is_tried)));
    delete_all(&world, &healthy);
    healthy.iter().for_each(|name| world.wait_until_gone(name));
    assert!(dead.iter().all(|name| world.get(name).is_some() && world.in_kore(name)));
    let told = |name: &String| ready(&world.get(name).unwrap())["reason"] == "AccountUnavailable";
    wait::until("the dead account is told", PATIENCE, || Ok(dead.iter().all(told).then_some(()))).unwrap();
}

/// Two accounts answer nothing, each after it has worked, so that all of its calls are under way; a third one
/// of their namespace does not notice: who waits for Kore holds nothing that is needed to ask the API server.
#[tokio::test(flavor = "multi_thread")]
async fn two_hanging_accounts_do_not_hold_up_a_third_in_their_namespace() {
    const UNDER_WAY: usize = 16;
    let world = World::new("two-hanging").await;
    let relay = Relay::start(world.kore.address()).unwrap();
    let accounts = ["one", "other"];
    accounts.iter().for_each(|account| connect_through(&world, &relay, account, account, 6000));
    let _operator = world.operator();
    let healthy = found(&world, "healthy", 5);
    let all = accounts
        .map(|account| (0..=UNDER_WAY).map(|number| format!("{account}{number}")).collect::<Vec<_>>());
    for (account, names) in accounts.iter().zip(&all) {
        for name in names {
            let key = CampaignKey { account_id: (*account).into(), ..world.key(name) };
            world.kore.seed(key, &json!({}));
            world.apply(&world.campaign(name, &json!({"connectionRef": {"name": account}})));
        }
    }
    all.iter().flatten().for_each(|name| drop(world.wait_for_reason(name, "CampaignFound")));
    for names in &all {
        world.delete(&names[0]);
        world.wait_until_gone(&names[0]);
    }
    relay.freeze();
    all.iter().for_each(|names| delete_all(&world, &names[1..]));
    let deleting = || {
        let told = world.run(&["get", "vcamp", REASONS]);
        told.lines().filter(|reason| *reason == "Deleting").count()
    };
    let all_under_way = || Ok((deleting() == 2 * UNDER_WAY).then_some(()));
    wait::until("all calls are under way", PATIENCE, all_under_way).unwrap();
    delete_all(&world, &healthy);
    healthy.iter().for_each(|name| world.wait_until_gone(name));
    assert_eq!(deleting(), 2 * UNDER_WAY, "no call has ended meanwhile");
}

/// All calls to an account hang: as many deletions as its quota lets call wait for an answer, and the others
/// say that they wait for the quota, before anybody has got an answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_account_has_no_more_callers_than_its_quota() {
    const QUOTA: usize = 20;
    let world = World::new("hanging-quota").await;
    let relay = Relay::start(world.kore.address()).unwrap();
    relay.freeze();
    connect_through(&world, &relay, "hanging", ACCOUNT, QUOTA);
    let _operator = world.operator();
    let names: Vec<String> = (0..3 * QUOTA).map(|number| format!("c{number:03}")).collect();
    for name in &names {
        world.create_campaign(name, &json!({"connectionRef": {"name": "hanging"}}));
    }
    let held = |object: &Value| object["metadata"]["finalizers"].is_array();
    names.iter().for_each(|name| drop(world.wait_for(name, "the finalizer", held)));
    delete_all(&world, &names);
    // All at one time: a call ends after 30 s, and so many reads take seconds.
    let deleting = wait::until("all are told", PATIENCE, || {
        let told = world.run(&["get", "vcamp", REASONS]);
        let count = |wanted: &str| told.lines().filter(|reason| *reason == wanted).count();
        let deleting = count("Deleting");
        Ok((deleting + count("WaitingForQuota") == names.len()).then_some(deleting))
    })
    .unwrap();
    assert!((1..=QUOTA).contains(&deleting), "{deleting} wait for an answer");
}

/// Many campaigns of an account that Kore refuses to delete use its quota up; others of the account go before
/// them nevertheless.
#[tokio::test(flavor = "multi_thread")]
async fn refused_campaigns_do_not_hold_up_others_of_their_account() {
    const QUOTA: u32 = 30;
    let world = World::new("refused").await;
    let _operator = world.operator();
    let refused = found(&world, "refused", 60);
    let good = found(&world, "good", 5);
    world.create_connection(QUOTA, 10);
    for name in &refused {
        let campaign_id = Some(id(name));
        world.kore.add_fault(Fault { campaign_id, ..Fault::answer_delete(None, 409, "{}") });
    }
    delete_all(&world, &refused);
    wait::until("the quota is used up", PATIENCE, || {
        Ok(refused.iter().any(|name| reason(&world, name) == "WaitingForQuota").then_some(()))
    })
    .unwrap();
    let asked: Vec<_> = refused.iter().filter(|name| !world.deletes(name).is_empty()).collect();
    let before = world.kore.journal().len();
    delete_all(&world, &good);
    good.iter().for_each(|name| world.wait_until_gone_within(name, Duration::from_secs(180)));
    // First those that were deleted earlier and have not been asked for yet, then the good ones, and all
    // others again with what the good ones leave of a minute.
    let since = world.kore.journal().split_off(before);
    let bursts = bursts(&since);
    let last =
        bursts.iter().rposition(|burst| burst.iter().any(|entry| good.iter().any(|name| is_of(entry, name))));
    let earlier = bursts[..last.unwrap()].concat();
    let again = earlier.iter().filter(|entry| asked.iter().any(|name| is_of(entry, name))).count();
    assert!(again <= 2, "{again} of {} calls before the good ones were repetitions", earlier.len());
    world.assert_no_violations();
}

/// A restart in the middle of a full queue: the order is kept, and no minute has more calls than the quota,
/// those of before included.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_the_order_and_the_quota() {
    const QUOTA: usize = 10;
    let world = World::new("requeued").await;
    let mut operator = world.operator();
    let names = found(&world, "c", 2 * QUOTA + 3);
    world.create_connection(u32::try_from(QUOTA).unwrap(), 10);
    // Three batches, of different seconds.
    let batches = [&names[..QUOTA], &names[QUOTA..2 * QUOTA], &names[2 * QUOTA..]];
    for batch in &batches {
        delete_all(&world, batch);
        std::thread::sleep(Duration::from_secs(2));
    }
    world.wait_for_reason(names.last().unwrap(), "WaitingForQuota");
    std::thread::sleep(Duration::from_secs(3));
    operator.kill();
    let _restarted = world.operator();
    names.iter().for_each(|name| world.wait_until_gone_within(name, Duration::from_secs(240)));
    let calls: Vec<Entry> =
        world.kore.journal().into_iter().filter(|entry| entry.operation == Operation::Delete).collect();
    assert_eq!(calls.len(), names.len(), "each once");
    assert_within(&calls, QUOTA);
    let batch = |entry: &Entry| batches.iter().position(|batch| batch.iter().any(|name| is_of(entry, name)));
    let order: Vec<Vec<_>> = bursts(&calls).iter().map(|burst| burst.iter().map(batch).collect()).collect();
    let in_order = |pair: &[Vec<Option<usize>>]| pair[0].iter().max() <= pair[1].iter().min();
    assert!(order.len() > 2 && order.windows(2).all(in_order), "{order:?}");
}

/// 200 deletions with the quota that Kore documents, and nobody else who calls: no minute has more calls,
/// nothing is refused, and the quota is used: 0.95 of it at least.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make test-long"]
async fn two_hundred_deletions_take_the_documented_quota() {
    const QUOTA: usize = 60;
    let world = World::new("documented").await;
    let _operator = world.operator();
    let names = found(&world, "c", 200);
    world.create_connection(u32::try_from(QUOTA).unwrap(), 10);
    let before = world.kore.journal().len();
    delete_all(&world, &names);
    names.iter().for_each(|name| world.wait_until_gone_within(name, Duration::from_secs(400)));
    let calls = world.kore.journal().split_off(before);
    assert_eq!(calls.len(), names.len(), "each once");
    assert_within(&calls, QUOTA);
    // A burst of the quota, and one more every minute.
    let ideal = Duration::from_secs(180);
    let drain = Duration::try_from(calls[199].at.duration_since(calls[0].at)).unwrap();
    println!(
        "200 deletions at {QUOTA} calls a minute: {drain:.1?}, {:.3} of the quota",
        ideal.div_duration_f64(drain)
    );
    assert!(ideal.div_duration_f64(drain) >= 0.95, "{drain:?}");
    world.assert_no_violations();
}

/// An outage of ten minutes with 1,000 deletions, and a quota that is scaled to them: 150 calls at most; and
/// then all are gone in 1.05 of the time that the quota takes.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a quarter of an hour: make test-long"]
async fn ten_minutes_of_outage_cost_few_calls() {
    const QUOTA: usize = 300;
    let world = World::new("ten-minutes").await;
    let _operator = world.operator();
    let names = found(&world, "c", 1000);
    world.create_connection(u32::try_from(QUOTA).unwrap(), 10);
    world.kore.add_fault(Fault {
        operation: None,
        ..Fault::answer_delete(None, 503, r#"{"message":"maintenance"}"#)
    });
    let before = world.kore.journal().len();
    delete_all(&world, &names);
    std::thread::sleep(Duration::from_secs(600));
    let during = world.kore.journal().len() - before;
    world.kore.clear_faults();
    let over = world.kore.journal().len();
    names.iter().for_each(|name| world.wait_until_gone_within(name, Duration::from_secs(600)));
    let calls = world.kore.journal().split_off(over);
    assert_within(&calls, QUOTA);
    let last = calls.len() - 1;
    let drain = Duration::try_from(calls[last].at.duration_since(calls[0].at)).unwrap();
    let ideal = Duration::from_secs(180);
    println!(
        "1000 deletions: {during} calls in an outage of 10 min; then {drain:.1?}, {:.3} of the ideal time",
        drain.div_duration_f64(ideal)
    );
    assert!(during <= 150, "{during} calls during the outage");
    assert!(drain.div_duration_f64(ideal) <= 1.05, "{drain:?}");
    world.assert_no_violations();
}

/// The calls of each minute: all whose turn it is come together, and in any order.
fn bursts(calls: &[Entry]) -> Vec<Vec<Entry>> {
    let together = |a: &Entry, b: &Entry| b.at.duration_since(a.at).as_secs() < 20;
    calls.chunk_by(together).map(<[Entry]>::to_vec).collect()
}

/// No minute has more calls than the quota.
fn assert_within(calls: &[Entry], quota: usize) {
    for window in calls.windows(quota + 1) {
        let span = window[quota].at.duration_since(window[0].at);
        assert!(span.as_secs() >= 60, "{} calls within {span}", quota + 1);
    }
}

/// Campaigns that the operator has found in Kore.
fn found(world: &World, prefix: &str, count: usize) -> Vec<String> {
    let names = world.create_campaigns(prefix, count);
    names.iter().for_each(|name| drop(world.wait_for_reason(name, "CampaignFound")));
    names
}

fn delete_all(world: &World, names: &[String]) {
    let mut arguments = vec!["delete", "vcamp", "--wait=false"];
    arguments.extend(names.iter().map(String::as_str));
    world.run(&arguments);
}

fn reason(world: &World, name: &str) -> String {
    world
        .get(name)
        .map(|object| ready(&object)["reason"].as_str().unwrap_or_default().to_owned())
        .unwrap_or_default()
}

fn is_of(entry: &Entry, name: &str) -> bool {
    entry.operation == Operation::Delete && entry.campaign_id.as_deref() == Some(id(name).as_str())
}
