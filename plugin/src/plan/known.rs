//! What the cluster has, as far as the user may read it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use kube::ResourceExt;
use voicecampaign_operator::api::{DeletionPolicy, KoreConnection, VoiceCampaign, is_protected};
use voicecampaign_operator::connection::{Brake, Passage, Renames};
use voicecampaign_operator::kore::Account;
use voicecampaign_operator::kube_ext::{Dated, Guarded};

use super::fate::{Around, Link, Planned, missing, planned};
use super::manifests::{Manifests, Name};
use crate::cluster::{Cluster, Scope, is_denied};
use crate::seen::{Phase, Seen, holds, is_kept_by_us};

/// Which deletions that begin now a brake lets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passes {
    /// So many.
    So(usize),
    /// All that are requested before, because a person has approved them.
    AllUntil(Timestamp),
}

/// The VoiceCampaigns and KoreConnections that the user may read.
#[derive(Default)]
pub struct Known {
    campaigns: BTreeMap<Name, Dated<VoiceCampaign>>,
    /// The resources of each campaign, by stream and campaign id.
    of_campaign: HashMap<(String, String), Vec<Name>>,
    connections: BTreeMap<Name, Guarded<KoreConnection>>,
    /// The hosts that lead to one account, as the connections of each namespace say for its deletions. (Where
    /// the administrator has listed their hosts, the operator believes those of all namespaces: it may hold a
    /// deletion then that is said here to reach Kore, and not the other way round.)
    renames: HashMap<String, Renames>,
    /// Whether the connections could be read.
    knows_connections: bool,
    /// Whether all namespaces could be read: a VoiceCampaign in another one may keep a campaign.
    sees_all: bool,
}

impl Known {
    /// Reads all namespaces, or, without the right to that, these.
    ///
    /// # Errors
    /// If these can't be read either.
    pub async fn read(namespaces: &BTreeSet<String>, cluster: &Cluster) -> anyhow::Result<Self> {
        let mut known = Self::default();
        let of_namespaces: Vec<_> = namespaces.iter().cloned().map(Scope::Namespace).collect();
        let everywhere = known.read_campaigns(&[Scope::All], cluster).await;
        known.sees_all = everywhere.is_ok();
        match everywhere {
            Err(error) if is_denied(&error) => {
                known.campaigns.clear();
                known.read_campaigns(&of_namespaces, cluster).await?;
            }
            other => other?,
        }
        for scopes in [&[Scope::All][..], &of_namespaces] {
            known.connections.clear();
            match known.read_connections(scopes, cluster).await {
                Err(error) if is_denied(&error) => {}
                read => {
                    read?;
                    known.knows_connections = true;
                    break;
                }
            }
        }
        known.index();
        Ok(known)
    }

    /// Whether all namespaces could be read.
    pub fn sees_all(&self) -> bool {
        self.sees_all
    }

    /// Whether the connections could be read.
    pub fn knows_connections(&self) -> bool {
        self.knows_connections
    }

    /// Whether the deletion of this resource was requested and goes on by itself.
    pub fn goes_on(&self, name: &Name) -> bool {
        self.campaigns.get(name).is_some_and(|object| {
            let seen = Seen::of(object);
            seen.phase.is_deletion() && seen.phase != Phase::Held && !seen.suspend
        })
    }

    /// What the brake of each connection, as `namespace/name`, does to deletions that begin now.
    pub fn brakes(&self, now: Timestamp) -> impl Iterator<Item = (String, Passes)> {
        self.connections.iter().filter_map(move |(name, connection)| {
            let brake = Brake::of(connection.0.as_ref().ok()?)?;
            let passes = match (brake.room(now), brake.approved_until()) {
                (Some(room), _) => Passes::So(room.saturating_sub(self.before(name, &brake))),
                (None, until) => Passes::AllUntil(until?),
            };
            Some((name.to_string(), passes))
        })
    }

    /// How many deletions of a connection were requested, and are about to ask the brake.
    fn before(&self, connection: &Name, brake: &Brake) -> usize {
        let asks = |seen: &Seen| {
            let waits = seen.has_not_begun() && seen.kept && !seen.suspend;
            let is_of_it = seen.connection.as_deref() == Some(&connection.name);
            let passage = seen.requested_at().map(|requested| brake.passage(&seen.uid, requested));
            waits && is_of_it && seen.deletes() && passage == Some(Passage::Undecided)
        };
        let objects = self.campaigns.iter().filter(|(name, _)| name.namespace == connection.namespace);
        objects.map(|(_, object)| Seen::of(object)).filter(asks).count()
    }

    async fn read_campaigns(&mut self, scopes: &[Scope], cluster: &Cluster) -> anyhow::Result<()> {
        for scope in scopes {
            let take = |object: Dated<VoiceCampaign>| drop(self.campaigns.insert(name_of(&object), object));
            cluster.each(scope, None, take).await?;
        }
        Ok(())
    }

    async fn read_connections(&mut self, scopes: &[Scope], cluster: &Cluster) -> anyhow::Result<()> {
        for scope in scopes {
            let take =
                |object: Guarded<KoreConnection>| drop(self.connections.insert(name_of(&object), object));
            cluster.each(scope, None, take).await?;
        }
        Ok(())
    }

    fn index(&mut self) {
        let Self { campaigns, of_campaign, connections, renames, .. } = self;
        let namespaces: BTreeSet<&String> = connections.keys().map(|name| &name.namespace).collect();
        let of = |namespace: &str| {
            let own = connections.iter().filter(|(name, _)| name.namespace == namespace);
            Renames::new(own.filter_map(|(_, connection)| Some(&connection.0.as_ref().ok()?.spec)))
        };
        *renames = namespaces.into_iter().map(|namespace| (namespace.clone(), of(namespace))).collect();
        for (name, object) in campaigns {
            if let Ok(campaign) = &object.0 {
                of_campaign.entry(key_of(campaign)).or_default().push(name.clone());
            }
        }
    }

    /// What would become of the campaigns of these resources, if all of them were deleted.
    pub fn plan(&self, manifests: &Manifests) -> Vec<Planned> {
        let in_whole = self.campaigns.keys().filter(|name| manifests.whole.contains(&name.namespace));
        let all: BTreeSet<Name> = manifests.campaigns.iter().chain(in_whole).cloned().collect();
        all.iter().map(|name| self.plan_one(name, &all)).collect()
    }

    fn plan_one(&self, name: &Name, all: &BTreeSet<Name>) -> Planned {
        let Some(object) = self.campaigns.get(name) else {
            return missing(&name.namespace, &name.name);
        };
        let Ok(campaign) = &object.0 else {
            return planned(object, &Around::NOTHING);
        };
        let others = self.others(name, campaign);
        let in_words = |(name, _): &(&Name, &VoiceCampaign)| name.to_string();
        let stays = |(name, other): &&(&Name, &VoiceCampaign)| {
            // What is protected stays, also if it is named.
            let goes = all.contains(name) && !is_protected(&other.metadata);
            let lives = !goes && other.metadata.deletion_timestamp.is_none();
            lives && other.spec.deletion_policy == DeletionPolicy::Delete
        };
        // The operator of one namespace may not know the resources of another.
        let is_known =
            |other: &Name| other.namespace == name.namespace || holds(campaign, "Shared").is_some();
        // Kore has shown it the campaign: that keeps the campaign for sure.
        let is_confirmed = |(name, other): &&(&Name, &VoiceCampaign)| {
            is_known(name) && other.status.as_ref().is_some_and(|status| status.campaign.is_some())
        };
        let (keepers, claimants): (Vec<_>, Vec<_>) = others.iter().filter(stays).partition(is_confirmed);
        let [keepers, claimants] =
            [keepers, claimants].map(|some| some.into_iter().map(in_words).collect::<Vec<_>>());
        let takes = |(name, other): &&(&Name, &VoiceCampaign)| {
            let goes = all.contains(name) || other.metadata.deletion_timestamp.is_some();
            let deletes = other.spec.deletion_policy == DeletionPolicy::Delete && is_kept_by_us(other);
            goes && deletes && other.deletion().is_none_or(|deletion| deletion.outcome.is_none())
        };
        let takers: Vec<_> = others.iter().filter(takes).map(|(name, _)| (*name).clone()).collect();
        let sharers: Vec<_> = others.iter().map(in_words).collect();
        let link = self.link(campaign);
        let (keepers, claimants) = (&keepers, &claimants);
        planned(object, &Around { link, keepers, claimants, takers: &takers, sharers: &sharers })
    }

    /// Other resources of the same campaign.
    fn others(&self, name: &Name, campaign: &VoiceCampaign) -> Vec<(&Name, &VoiceCampaign)> {
        let same =
            self.of_campaign.get(&key_of(campaign)).into_iter().flatten().filter(|other| *other != name);
        let same = same.filter_map(|other| {
            let (other, object) = self.campaigns.get_key_value(other)?;
            Some((other, object.0.as_ref().ok()?))
        });
        let renames = self.renames.get(&name.namespace);
        let account = |campaign: &VoiceCampaign| {
            let account = self.account(campaign)?;
            Some(renames.map_or(account.clone(), |renames| renames.one(account)))
        };
        let in_same_account = |other: &VoiceCampaign| match (account(campaign), account(other)) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        same.filter(|(_, other)| in_same_account(other)).collect()
    }

    /// The connection of a campaign.
    fn link(&self, campaign: &VoiceCampaign) -> Link<'_> {
        let name = campaign.spec.connection_ref.name.clone();
        let key = Name { namespace: campaign.namespace().unwrap_or_default(), name };
        match self.connections.get(&key) {
            _ if !self.knows_connections => Link::Unknown,
            None => Link::Missing,
            Some(Guarded(Err(_))) => Link::Invalid,
            Some(Guarded(Ok(connection))) => Link::To(connection),
        }
    }

    /// The account of a campaign, by one of its hosts: as the status has it, else as its connection has it.
    fn account(&self, campaign: &VoiceCampaign) -> Option<Account> {
        let recorded = campaign.status.as_ref().and_then(|status| status.account.as_ref());
        let recorded = recorded.map(|account| Account::new(&account.host, &account.account_id));
        recorded.or_else(|| match self.link(campaign) {
            Link::To(connection) => Some(Account::new(&connection.spec.host, &connection.spec.account_id)),
            Link::Unknown | Link::Missing | Link::Invalid => None,
        })
    }
}

/// Stream and id of a campaign: the operator compares them as they are.
fn key_of(campaign: &VoiceCampaign) -> (String, String) {
    (campaign.spec.stream_id.clone(), campaign.spec.campaign_id.clone())
}

fn name_of(object: &impl kube::Resource) -> Name {
    Name { namespace: object.namespace().unwrap_or_default(), name: object.name_any() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use voicecampaign_operator::api::{APPROVE_DELETIONS, PROTECT};

    use super::super::show::Plan;
    use super::*;
    use crate::plan::Fate;
    use crate::sample::{add, at, condition, deleting, living};

    fn known(objects: Vec<Dated<VoiceCampaign>>) -> Known {
        let connection = json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
            "metadata": {"name": "production", "namespace": "team-a"},
            "spec": {"host": "https://kore", "accountId": "a-1", "credentialsSecretRef": {"name": "s"}}});
        let connection: KoreConnection = serde_json::from_value(connection).unwrap();
        let mut known = Known {
            campaigns: objects.into_iter().map(|object| (name_of(&object), object)).collect(),
            connections: [(name_of(&connection), Guarded(Ok(connection)))].into(),
            knows_connections: true,
            sees_all: true,
            ..Known::default()
        };
        known.index();
        known
    }

    fn same_campaign(object: &mut Value) {
        object["spec"]["campaignId"] = json!("cd-shared");
    }

    fn all_kinds() -> Known {
        known(vec![
            living("plain", |_| {}),
            living("kept", |object| object["spec"]["deletionPolicy"] = json!("Orphan")),
            living("paused", |object| object["spec"]["suspend"] = json!(true)),
            living("one", same_campaign),
            living("other", same_campaign),
            living("adrift", |object| object["spec"]["connectionRef"]["name"] = json!("nowhere")),
            living("precious", |object| {
                object["metadata"]["annotations"] = json!({"voicecampaign.dev/protect": "true"});
            }),
            living("unmanaged", |object| object["metadata"]["finalizers"] = json!([])),
            living("stalled", |object| {
                object["status"]["conditions"][0]["reason"] = json!("CredentialsMissing");
                add(object, condition("Stalled", "True", "CredentialsMissing", "m"));
            }),
            deleting("going", "Deleting", |_| {}),
        ])
    }

    fn fates(known: &Known, names: &[&str]) -> Vec<(String, Fate)> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let planned = known.plan(&Manifests::of_names(&names, "team-a"));
        planned.into_iter().map(|planned| (planned.seen.name, planned.fate)).collect()
    }

    #[test]
    fn a_fate_is_what_the_operator_does() {
        let known = all_kinds();
        for (name, fate) in [
            ("plain", Fate::Deleted),
            ("kept", Fate::Orphaned),
            ("paused", Fate::Held),
            ("one", Fate::Held),
            ("adrift", Fate::Held),
            ("precious", Fate::Protected),
            ("unmanaged", Fate::Left),
            ("stalled", Fate::Held),
            ("going", Fate::Deleting),
            ("nobody", Fate::NotFound),
        ] {
            assert_eq!(fates(&known, &[name]), [(name.to_owned(), fate)]);
        }
        // What the API server refuses now, it refuses to its deletion, too.
        let obstructed =
            |object: &mut Value| add(object, condition("Obstructed", "True", "ApiServerError", "no key"));
        let denied = self::known(vec![living("denied", obstructed)]);
        let plan = denied.plan(&Manifests::of_names(&["denied".to_owned()], "team-a"));
        assert_eq!(plan[0].fate, Fate::Deleted);
        assert!(plan[0].in_doubt && plan[0].why.as_ref().unwrap().contains("no key"), "{:?}", plan[0].why);
        // Nobody knows which campaigns these are.
        let misfit = |object: &mut Value| object["spec"]["campaignId"] = json!(7);
        let names = ["m1", "m2", "m3"].map(str::to_owned);
        let misfits = self::known(names.iter().map(|name| living(name, misfit)).collect());
        let plan = misfits.plan(&Manifests::of_names(&names, "team-a"));
        assert_eq!(Plan::new(plan, &misfits, at(0)).campaigns_at_risk(), 3);
        // A policy may put the finalizer on a resource that no operator works for.
        let unseen = self::known(vec![living("new", |object| object["status"] = json!({}))]);
        let plan = unseen.plan(&Manifests::of_names(&["new".to_owned()], "team-a"));
        assert!(plan[0].why.as_ref().unwrap().contains("none has seen it yet"), "{:?}", plan[0]);
    }

    /// Two resources of one campaign hold each other only if one of them stays.
    #[test]
    fn a_shared_campaign_goes_with_the_last_of_its_resources() {
        let both = fates(&all_kinds(), &["one", "other"]);
        assert!(both.iter().all(|(_, fate)| *fate == Fate::Deleted), "{both:?}");
        // With one of them the campaign goes, whatever the policy of the other is.
        let mixed = known(vec![
            living("one", same_campaign),
            living("other", |object| {
                same_campaign(object);
                object["spec"]["deletionPolicy"] = json!("Orphan");
            }),
        ]);
        let both = mixed.plan(&Manifests::of_names(&["one", "other"].map(str::to_owned), "team-a"));
        let plan = Plan::new(both, &mixed, at(0));
        assert_eq!(plan.of(Fate::Deleted).count(), 2);
        assert!(plan.table().contains("Deleted in Kore: 1 (of 2 resources)."), "{}", plan.table());
        assert_eq!(fates(&mixed, &["other"]), [("other".to_owned(), Fate::Orphaned)]);
        let elsewhere = known(vec![
            living("one", same_campaign),
            living("other", |object| {
                same_campaign(object);
                object["status"]["account"]["accountId"] = json!("another");
            }),
        ]);
        assert_eq!(fates(&elsewhere, &["one"]), [("one".to_owned(), Fate::Deleted)]);
        // Its status names the host from before the environment was renamed.
        let renamed = |namespace: &str, former: &str| {
            let other = living("other", |object| {
                same_campaign(object);
                object["status"]["account"]["host"] = json!("https://before");
            });
            let mut known = known(vec![living("one", same_campaign), other]);
            let mut connection = known.connections.values().next().unwrap().0.clone().unwrap();
            connection.spec.former_hosts = vec![former.to_owned()];
            connection.metadata.namespace = Some(namespace.to_owned());
            known.connections.insert(name_of(&connection), Guarded(Ok(connection)));
            known.index();
            fates(&known, &["one"])[0].1
        };
        assert_eq!(renamed("team-a", "https://before"), Fate::Held);
        assert_eq!(renamed("team-a", "https://elsewhere"), Fate::Deleted);
        assert_eq!(
            renamed("team-b", "https://before"),
            Fate::Deleted,
            "the operator believes its own namespace"
        );
        // Kore has never shown it to the other: that holds the deletion for a while at most.
        let unconfirmed = known(vec![
            living("one", same_campaign),
            living("other", |object| {
                same_campaign(object);
                object["status"]["campaign"] = Value::Null;
            }),
        ]);
        let plan = unconfirmed.plan(&Manifests::of_names(&["one".to_owned()], "team-a"));
        assert_eq!((plan[0].fate, plan[0].in_doubt), (Fate::Deleted, true));
        assert!(plan[0].why.as_ref().unwrap().contains("and may keep it"), "{:?}", plan[0].why);
        // Another operator may work for another namespace, and this one does not know of it then.
        let elsewhere = |shared: &'static str| {
            let one = living("one", move |object| {
                same_campaign(object);
                add(object, condition("Shared", shared, "CampaignShared", "m"));
            });
            let other = living("other", |object| {
                same_campaign(object);
                object["metadata"]["namespace"] = json!("team-b");
            });
            known(vec![one, other]).plan(&Manifests::of_names(&["one".to_owned()], "team-a"))[0].fate
        };
        assert_eq!((elsewhere("False"), elsewhere("True")), (Fate::Deleted, Fate::Held));
    }

    /// `delete` leaves what is protected, and what no operator manages goes with what one manages.
    #[test]
    fn each_of_a_campaign_decides_for_the_others() {
        let protected = living("protected", |object| {
            same_campaign(object);
            object["metadata"]["annotations"] = json!({PROTECT: "true"});
        });
        let both = known(vec![living("one", same_campaign), protected]);
        let both = fates(&both, &["one", "protected"]);
        assert_eq!(
            both,
            [("one", Fate::Held), ("protected", Fate::Protected)].map(|(name, fate)| (name.to_owned(), fate))
        );
        let unmanaged = living("unmanaged", |object| {
            same_campaign(object);
            object["metadata"]["finalizers"] = json!([]);
        });
        let both = known(vec![living("one", same_campaign), unmanaged]);
        let names = ["one", "unmanaged"].map(str::to_owned);
        let plan = Plan::new(both.plan(&Manifests::of_names(&names, "team-a")), &both, at(0));
        assert_eq!(plan.of(Fate::Deleted).count(), 2);
    }

    /// Whoever keeps a campaign calling must not read that it is deleted.
    #[test]
    fn a_resource_that_is_held_takes_no_campaign() {
        let orphan = || {
            living("orphan", |object| {
                same_campaign(object);
                object["spec"]["deletionPolicy"] = json!("Orphan");
            })
        };
        let fate = |taker: Dated<VoiceCampaign>, names: &[&str]| {
            let known = known(vec![orphan(), taker]);
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            let plan = Plan::new(known.plan(&Manifests::of_names(&names, "team-a")), &known, at(0));
            plan.items.iter().find(|planned| planned.seen.name == "orphan").unwrap().fate
        };
        assert_eq!(fate(deleting("taker", "WaitingForQuota", same_campaign), &["orphan"]), Fate::Deleted);
        for reason in ["Suspended", "MassDeletion"] {
            let held = deleting("taker", reason, |object| {
                same_campaign(object);
                add(object, condition("Stalled", "True", reason, "m"));
            });
            assert_eq!(fate(held, &["orphan"]), Fate::Orphaned, "{reason}");
        }
        let suspended = living("taker", |object| {
            same_campaign(object);
            object["spec"]["suspend"] = json!(true);
        });
        assert_eq!(fate(suspended, &["orphan", "taker"]), Fate::Orphaned);
    }

    /// What is said of a living campaign holds no deletion of it.
    #[test]
    fn only_what_holds_a_deletion_is_foreseen_to_hold_it() {
        let stalled = |reason: &'static str| {
            living("a", move |object| {
                object["status"]["conditions"][0]["reason"] = json!(reason);
                add(object, condition("Stalled", "True", reason, "m"));
            })
        };
        for (reason, fate) in [
            ("StreamSuddenlyEmpty", Fate::Deleted),
            ("CredentialsRejected", Fate::Deleted),
            ("CampaignNotFound", Fate::Deleted),
            ("NotSelected", Fate::Held),
            ("HostNotAllowed", Fate::Held),
            ("AccountChanged", Fate::Held),
            ("CredentialsMissing", Fate::Held),
        ] {
            let plan = known(vec![stalled(reason)]).plan(&Manifests::of_names(&["a".to_owned()], "team-a"));
            assert_eq!(plan[0].fate, fate, "{reason}");
            assert!(
                plan[0].why.as_ref().unwrap().contains(reason) || reason == "CampaignNotFound",
                "{:?}",
                plan[0].why
            );
        }
    }

    #[test]
    fn a_namespace_goes_with_all_that_is_in_it() {
        let plan = all_kinds().plan(&Manifests::of_namespaces(&["team-a".to_owned()]));
        assert_eq!(plan.len(), 10);
        assert!(all_kinds().plan(&Manifests::of_namespaces(&["team-b".to_owned()])).is_empty());
    }

    #[test]
    fn a_plan_says_what_a_brake_would_hold() {
        let mut known = all_kinds();
        for connection in known.connections.values_mut() {
            let connection = connection.0.as_mut().unwrap();
            connection.spec.deletion_brake = serde_json::from_value(json!({"maxPerHour": 1})).unwrap();
        }
        let plan = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            Plan::new(known.plan(&Manifests::of_names(&names, "team-a")), &known, at(0))
        };
        assert!(plan(&["plain", "kept"]).braked.is_empty());
        let table = plan(&["plain", "one", "other"]).table();
        assert!(table.contains("team-a/production lets 1 of 3 deletions begin"), "{table}");
        assert!(table.contains("held by the brake: 3 (1 may begin)."), "{table}");
        // One that was requested before takes the room.
        let queued = deleting("queued", "Pending", |_| {});
        known.campaigns.insert(name_of(&queued), queued);
        let names = ["plain", "one", "other"].map(str::to_owned);
        let plan = Plan::new(known.plan(&Manifests::of_names(&names, "team-a")), &known, at(0));
        assert_eq!(plan.of(Fate::Braked).count(), 3);
        assert!(plan.table().contains("team-a/production holds 3 deletions until"), "{}", plan.table());
        assert_eq!(plan.names().len(), 3, "they may be deleted all the same, once that is approved");
        // Those that a person has approved ask no brake.
        for connection in known.connections.values_mut() {
            let connection = connection.0.as_mut().unwrap();
            let approval = json!({"until": at(-30), "seenAt": at(-90)});
            connection.metadata.annotations =
                Some([(APPROVE_DELETIONS.to_owned(), at(-30).to_string())].into());
            connection.status = Some(
                serde_json::from_value(json!({"campaigns": 0, "deletionBrake": {"approval": approval}}))
                    .unwrap(),
            );
        }
        let plan = Plan::new(known.plan(&Manifests::of_names(&names, "team-a")), &known, at(0));
        assert!(plan.table().contains("lets 1 of 3 deletions begin"), "{}", plan.table());
        let plan = Plan::new(known.plan(&Manifests::of_names(&names, "team-a")), &known, at(-40));
        assert!(plan.braked.is_empty() && plan.approved.len() == 1, "{plan:?}");
        assert!(plan.table().contains("holds none that is requested before"), "{}", plan.table());
    }

    #[test]
    fn a_plan_is_a_table_and_a_comment() {
        let names = ["plain", "one"].map(str::to_owned);
        let seen = Known { sees_all: false, ..all_kinds() };
        let plan = Plan::new(seen.plan(&Manifests::of_names(&names, "team-a")), &seen, at(0));
        let table = "\
NAMESPACE   NAME    CAMPAIGN         STATE    CONTACT LISTS   WOULD BE          WHY
team-a      plain   Campaign plain   Active   leads           deleted in Kore
team-a      one     Campaign one     Active   leads           held              CampaignShared: team-a/other names the same campaign and keeps it; shared with team-a/other

Deleted in Kore: 1. Held: 1.
You may not read all namespaces: a VoiceCampaign in another one may name the same campaign and keep it.";
        assert_eq!(plan.table(), table);
        let markdown = plan.markdown();
        assert!(
            markdown.starts_with("**Deleted in Kore: 1. Held: 1.**\n\n| namespace | name |"),
            "{markdown}"
        );
        assert!(
            markdown.contains("| team-a | plain | Campaign plain | Active | leads | deleted in Kore |  |"),
            "{markdown}"
        );
        assert_eq!(plan.names(), ["voicecampaign.voicecampaign.dev/plain"]);
    }
}
