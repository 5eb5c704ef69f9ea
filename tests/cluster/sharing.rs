//! One campaign, two objects; and objects that went without a outcome.

use serde_json::{Value, json};
use testbed::faults::{Action, Answer, Kind, Lasting};
use testbed::{Operator, wait};

use crate::proxied::{behind_a_proxy, behind_a_proxy_with, plan};
use crate::support::*;

/// Two namespaces with a connection to the same Kore, and one operator for both.
async fn two_namespaces(name: &str) -> (World, World, Operator) {
    let (old, new_name) = (World::new(name).await, format!("{name}-new"));
    let new = old.beside(&new_name);
    new.create_secret(CLIENT_ID, CLIENT_SECRET);
    new.create_connection(6000, 10);
    let mut options = old.options();
    options.arguments = vec![format!("--watch-namespaces={name},{new_name}")];
    let operator = Operator::start(plane(), &options).unwrap();
    (old, new, operator)
}

/// A manifest is moved between namespaces: apply the new, delete the old at once. The campaign stays, and the
/// old object goes when it is told to leave it.
#[tokio::test(flavor = "multi_thread")]
async fn a_move_between_namespaces_does_not_delete_the_campaign() {
    let (old, new, _operator) = two_namespaces("moved").await;
    old.create_found("renewal");
    new.apply(&new.campaign("renewal", &json!({})));
    old.delete("renewal");
    let held = old.wait_for_reason("renewal", "CampaignShared");
    let stalled = condition(&held, "Stalled");
    assert_eq!(stalled["status"], "True");
    assert!(stalled["message"].as_str().unwrap().contains("moved-new/renewal"), "{stalled}");
    assert!(old.events("renewal").contains(&"CampaignShared".to_owned()));
    let keeper =
        new.wait_for("renewal", "it is told, too", |object| condition(object, "Shared")["status"] == "True");
    assert!(condition(&keeper, "Shared")["message"].as_str().unwrap().contains("moved/renewal"));
    assert!(old.in_kore("renewal") && old.deletes("renewal").is_empty());

    old.patch_spec("renewal", &json!({"deletionPolicy": "Orphan"}));
    old.wait_until_gone("renewal");
    new.wait_for("renewal", "it is alone again", |object| {
        condition(object, "Shared").is_null() && ready(object)["reason"] == "CampaignFound"
    });
    assert!(old.in_kore("renewal") && old.deletes("renewal").is_empty());
}

/// Somebody else names the campaign, and can't be shown it: that holds its deletion for as long as its
/// connection may be on its way, which a test can't wait for; but not when it was applied after that.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_without_a_connection_is_told_and_holds_for_a_while() {
    let (mine, other, _operator) = two_namespaces("squatted").await;
    mine.kore.seed(mine.key("bystander"), &json!({}));
    mine.create_found("renewal");
    let mut claim = other.campaign("renewal", &json!({}));
    claim["spec"]["connectionRef"]["name"] = json!("none");
    other.apply(&claim);
    other.wait_for_reason("renewal", "ConnectionNotFound");
    mine.delete("renewal");
    let held = mine.wait_for_reason("renewal", "CampaignShared");
    assert!(condition(&held, "Stalled")["message"].as_str().unwrap().contains("10 minutes"), "{held:#}");
    other.run(&["delete", "vcamp", "renewal", "--wait=false"]);
    mine.wait_until_gone("renewal");
    assert!(!mine.in_kore("renewal"));
}

/// Two spellings of one host are one account: the keeper of a campaign is recognised.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_one_however_it_is_spelled() {
    let old = World::new("spelled").await;
    let new = old.beside("spelled-new");
    new.create_secret(CLIENT_ID, CLIENT_SECRET);
    new.create_connection_to(&old.kore.url().replace("127.0.0.1", "127.00.0.001"));
    let mut options = old.options();
    options.arguments = vec!["--watch-namespaces=spelled,spelled-new".to_owned()];
    let _operator = Operator::start(plane(), &options).unwrap();
    old.create_found("renewal");
    new.apply(&new.campaign("renewal", &json!({})));
    let found = new.wait_for_reason("renewal", "CampaignFound");
    assert_eq!(found["status"]["account"]["host"], old.kore.url(), "as it is compared");
    old.delete("renewal");
    old.wait_for_reason("renewal", "CampaignShared");
    assert!(old.in_kore("renewal") && old.deletes("renewal").is_empty());
}

/// An environment was renamed: the connection moves with its campaigns, which go on where they are, and are
/// deleted there.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_moves_to_its_new_host() {
    let (world, other, _operator) = two_namespaces("renamed").await;
    world.create_found("renewal");
    world.create_found("survey");
    // Another host, which leads to the same service here.
    let (before, after) = (world.kore.url(), world.kore.url().replace("127.0.0.1", "localhost"));
    let moved = |former: &[&String]| {
        let patch = json!({"spec": {"host": after, "formerHosts": former}}).to_string();
        world.try_run(&["patch", "kconn", "production", "--type=merge", "-p", &patch])
    };
    let refused = moved(&[]).unwrap_err().to_string();
    assert!(refused.contains("`host` is immutable") && refused.contains("formerHosts"), "{refused}");
    moved(&[&before]).unwrap();
    let at_its_host = |object: &Value| object["status"]["account"]["host"] == after.as_str();
    for name in ["renewal", "survey"] {
        let object = world.wait_for(name, "it has moved", at_its_host);
        assert_eq!(object["status"]["account"]["accountId"], ACCOUNT);
    }
    // Somebody still knows it by its old address: it is the same campaign.
    other.apply(&other.campaign("survey", &json!({})));
    other.wait_for_reason("survey", "CampaignFound");
    world.delete("survey");
    world.wait_for_reason("survey", "CampaignShared");
    world.delete("renewal");
    world.wait_until_gone("renewal");
    assert!(!world.in_kore("renewal") && world.in_kore("survey"));
}

/// A held deletion goes on when the other is deleted, too; or when the other is to leave the campaign alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_held_deletion_goes_on_when_nobody_keeps_the_campaign() {
    let (old, new, _operator) = two_namespaces("held").await;
    // Whoever finds its campaign gone must not find the stream empty, too: that is not believed at once.
    old.kore.seed(old.key("bystander"), &json!({}));
    for (name, gives_up) in [("deleted", true), ("orphaned", false)] {
        old.create_found(name);
        new.apply(&new.campaign(name, &json!({})));
        new.wait_for_reason(name, "CampaignFound");
        old.delete(name);
        old.wait_for_reason(name, "CampaignShared");
        if gives_up {
            new.delete(name);
            // The second of them finds the campaign gone.
            new.wait_until_gone(name);
        } else {
            new.patch_spec(name, &json!({"deletionPolicy": "Orphan"}));
        }
        old.wait_until_gone(name);
        assert!(!old.in_kore(name));
    }
}

/// K14, K13: an object whose finalizer was stripped, or that was deleted before it had one: the campaign may
/// still call.
#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_left_behind_is_counted_and_reported() {
    let world = World::new("left-behind").await;
    let operator = world.operator();
    world.create_found("stripped");
    world.kore.add_fault(kore_simulator::Fault::answer_delete(None, 503, ""));
    world.delete("stripped");
    world.wait_for_reason("stripped", "ServiceUnavailable");
    world.run(&["patch", "vcamp", "stripped", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]);
    world.wait_until_gone("stripped");
    let orphans = |count: usize| {
        wait::until(&format!("{count} are counted"), PATIENCE, || {
            let metrics = operator.ask("/metrics")?.1;
            Ok(metrics
                .contains(&format!("voicecampaign_operator_campaigns_left_behind_total {count}\n"))
                .then_some(()))
        })
        .unwrap();
    };
    orphans(1);
    let list: Value = serde_json::from_str(&world.run(&["get", "events", "--output=json"])).unwrap();
    let event = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|event| event["reason"] == "CampaignLeftBehind")
        .unwrap_or_else(|| panic!("{list:#}"));
    let message = event["message"].as_str().unwrap();
    for part in [world.kore.url().as_str(), ACCOUNT, STREAM, "cd-stripped", "campaignType=voice"] {
        assert!(message.contains(part), "{part} is missing in {message}");
    }
    assert!(
        operator.output().contains("CampaignLeftBehind")
            || operator.output().contains("may still call people")
    );

    // What goes with a outcome is none.
    world.kore.clear_faults();
    world.create_found("regular");
    world.delete("regular");
    world.wait_until_gone("regular");
    world.create_campaign("left", &json!({"deletionPolicy": "Orphan"}));
    world.wait_for_reason("left", "CampaignFound");
    world.delete("left");
    world.wait_until_gone("left");
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    orphans(1);
}

/// The patch that lets an object go has done so, and its answer is lost: the deletion is counted all the
/// same, once, and nothing is reported.
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_is_counted_though_the_last_answer_is_lost() {
    let world = World::new("uncounted").await;
    let (operator, _proxy, nemesis) = behind_a_proxy(&world);
    let lost = [("lost", Action::LoseAnswer), ("silent", Action::HangAfter), ("held", Action::LoseAnswer)];
    for (number, (name, action)) in lost.into_iter().enumerate() {
        world.create_found(name);
        if name == "held" {
            let theirs = r#"[{"op":"add","path":"/metadata/finalizers/-","value":"example.com/theirs"}]"#;
            world.run(&["patch", "vcamp", name, "--type=json", "-p", theirs]);
        }
        nemesis.arm(plan(&[Kind::Finalizer], Lasting::Times(1), action));
        world.delete(name);
        if name == "held" {
            let ours_is_off = json!(["example.com/theirs"]);
            world.wait_for(name, "ours is off", |object| object["metadata"]["finalizers"] == ours_is_off);
        } else {
            world.wait_until_gone(name);
        }
        wait::until(&format!("{name} is counted"), PATIENCE, || {
            let counted =
                format!(r#"voicecampaign_operator_deletions_total{{outcome="Deleted"}} {}"#, number + 1);
            Ok(operator.ask("/metrics")?.1.contains(&counted).then_some(()))
        })
        .unwrap_or_else(|error| panic!("{error}: {}", operator.ask("/metrics").unwrap().1));
        assert_eq!(nemesis.injected(), 1, "{name}");
    }
    world.run(&["patch", "vcamp", "held", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]);
    world.wait_until_gone("held");
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let metrics = operator.ask("/metrics").unwrap().1;
    assert!(metrics.contains(r#"voicecampaign_operator_deletions_total{outcome="Deleted"} 3"#), "{metrics}");
    assert!(metrics.contains("voicecampaign_operator_campaigns_left_behind_total 0"), "{metrics}");
}

/// A read that fails does not say that an object is gone: one with other labels is not reported as left
/// behind, and one that was let go by force is, once the API server can be asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_fails_leaves_nothing_behind() {
    let world = World::new("unread").await;
    let mut options = world.options();
    options.arguments.push("--selector=shard=a".into());
    for name in ["moved", "stripped"] {
        let mut manifest = world.campaign(name, &json!({}));
        manifest["metadata"]["labels"] = json!({"shard": "a"});
        world.kore.seed(world.key(name), &json!({}));
        world.apply(&manifest);
    }
    world.run(&["label", "kconn", "production", "shard=a"]);
    let (operator, _proxy, nemesis) = behind_a_proxy_with(options);
    world.wait_for_reason("moved", "CampaignFound");
    world.wait_for_reason("stripped", "CampaignFound");
    let asked = |count: usize| {
        wait::until("it has asked in vain", PATIENCE, || {
            let output = operator.output();
            let times = output
                .lines()
                .filter(|line| line.contains("can't read whether the object still exists"))
                .count();
            Ok((times >= count).then_some(()))
        })
        .unwrap_or_else(|error| panic!("{error}: {}", operator.output()));
    };
    let orphans = || {
        operator.ask("/metrics").unwrap().1.contains("voicecampaign_operator_campaigns_left_behind_total 1")
    };
    nemesis.arm(plan(&[Kind::Read], Lasting::Times(1000), Action::Answer(Answer::status(503))));
    world.run(&["label", "vcamp", "moved", "--overwrite", "shard=b"]);
    asked(2);
    assert!(!orphans(), "{}", operator.output());
    nemesis.disarm();
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    assert!(!orphans(), "{}", operator.output());

    world.kore.add_fault(kore_simulator::Fault::answer_delete(None, 503, ""));
    world.delete("stripped");
    world.wait_for_reason("stripped", "ServiceUnavailable");
    nemesis.arm(plan(&[Kind::Read], Lasting::Times(1), Action::Answer(Answer::status(500))));
    world.run(&["patch", "vcamp", "stripped", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]);
    world.wait_until_gone("stripped");
    wait::until("it is counted", PATIENCE, || Ok(orphans().then_some(())))
        .unwrap_or_else(|error| panic!("{error}: {}", operator.output()));
}
