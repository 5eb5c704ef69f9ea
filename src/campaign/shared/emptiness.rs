//! Whether the operator believes an empty listing of a stream: what the stream had when it was last shown,
//! and so what is missing.
//!
//! Kore shows an empty stream to an app that has lost its access. So an empty listing is doubted exactly when
//! campaigns are missing that nobody asked us to delete: those of living VoiceCampaigns (`claims.rs` knows
//! them, and their statuses survive a restart), and those that no VoiceCampaign names. The newest listing
//! that has campaigns tells of the latter, and after a restart the status of the KoreConnection.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::claim::was_there;
use super::claims::{Claims, Stream};
use crate::api::VoiceCampaign;
use crate::connection::{ConnectionName, Connections};
use crate::kore::{Account, Identity, Listing, is_spelled};
use crate::kube_ext::Synced;

/// For so long a listing may show a campaign that was deleted before it began: far longer than Kore's reads
/// are assumed to lag behind its writes. A listing that shows the campaign later has it.
const LAG: SignedDuration = SignedDuration::from_mins(10);

/// How many namespaces are named that are not known: enough for a message, which must not be endless. The log
/// and `/readyz` name all.
const MAX_UNSEEN: usize = 5;

/// What there is to doubt of a listing that is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Doubt {
    /// Campaigns that nobody asked to delete should be in it.
    pub suddenly_empty: bool,
    /// Kore has never shown a campaign of the stream to the reader.
    pub to_a_stranger: bool,
    /// Namespaces whose VoiceCampaigns are not known may have campaigns in it, and nothing else tells what
    /// should be in it.
    pub unseen_namespaces: Vec<String>,
}

/// What the streams should have.
pub struct Emptiness {
    claims: Arc<Claims>,
    connections: Arc<Connections>,
    /// Whether all objects of either kind are known.
    synced: [Arc<Synced>; 2],
    streams: Mutex<HashMap<StreamName, LastShown>>,
}

/// Account and id of a stream.
type StreamName = (Account, String);

/// What a stream was last shown to have.
#[derive(Clone, Default)]
struct LastShown {
    /// The newest complete listing that has campaigns.
    listing: Option<Arc<Listing>>,
    /// The identities that were shown campaigns.
    to: HashSet<Identity>,
    /// The campaigns that we have deleted since, and when.
    deleted: HashMap<String, Timestamp>,
}

impl LastShown {
    fn has_deleted(&self, written: &str) -> bool {
        self.deleted.contains_key(written) || self.deleted.keys().any(|id| is_spelled(written, id))
    }
}

impl Emptiness {
    /// Nothing was listed yet.
    pub fn new(claims: Arc<Claims>, connections: Arc<Connections>, synced: [Arc<Synced>; 2]) -> Self {
        Self { claims, connections, synced, streams: Mutex::default() }
    }

    /// What there is to doubt of a listing that was read over a connection; remembers what it shows.
    pub fn judge(&self, account: &Account, reader: &ConnectionName, listing: &Arc<Listing>) -> Doubt {
        if !listing.is_complete() {
            return Doubt::default();
        }
        let renames = self.connections.believed_in(&reader.namespace);
        let stream = Stream { account, stream_id: listing.stream_id(), renames: &renames };
        if listing.shows_nothing() {
            return self.doubt(&stream, listing.identity());
        }
        self.remember(account, listing);
        let shown = self.last_shown(account, stream.stream_id);
        let is_known = |id: &String| self.claims.is_named(&stream, id) || shown.has_deleted(id);
        let others = listing.rows().any(|ids| !ids.iter().any(is_known));
        self.connections.note_others(reader, account, stream.stream_id, others);
        Doubt::default()
    }

    fn doubt(&self, stream: &Stream<'_>, identity: &Identity) -> Doubt {
        let shown = self.last_shown(stream.account, stream.stream_id);
        let suddenly_empty = self.is_somebody_missing(stream, &shown);
        let is_known = suddenly_empty || shown.listing.is_some();
        let was_shown = shown.to.contains(identity) || self.claims.was_shown_to(stream.stream_id, identity);
        Doubt {
            suddenly_empty,
            to_a_stranger: !was_shown,
            unseen_namespaces: if is_known { Vec::new() } else { self.unseen() },
        }
    }

    /// Whether campaigns that nobody asked to delete should be in a stream.
    fn is_somebody_missing(&self, stream: &Stream<'_>, shown: &LastShown) -> bool {
        if self.claims.expects_any(stream, |id| shown.has_deleted(id)) {
            return true;
        }
        match &shown.listing {
            Some(listing) => {
                let is_asked_for =
                    |id: &String| shown.has_deleted(id) || self.claims.is_asked_for(stream, id);
                listing.rows().any(|ids| !ids.iter().any(is_asked_for))
            }
            // Since the start no campaign of the stream was listed: the connection's status has what was
            // known before.
            None => self.connections.others_were_seen(stream.account, stream.stream_id),
        }
    }

    /// The namespaces of which not all is known: the VoiceCampaigns, or the KoreConnections, which tell of
    /// campaigns that nobody names.
    fn unseen(&self) -> Vec<String> {
        let unseen: BTreeSet<_> = self.synced.iter().flat_map(|synced| synced.forbidden()).collect();
        unseen.into_iter().take(MAX_UNSEEN).collect()
    }

    /// The campaign of an object is deleted, or proven to be absent.
    pub fn deleted(&self, object: &VoiceCampaign) {
        if let Some(account) = self.claims.account_of(object) {
            let mut streams = self.streams();
            let shown = streams.entry((account, object.spec.stream_id.clone())).or_default();
            shown.deleted.insert(object.spec.campaign_id.clone(), Timestamp::now());
        }
    }

    /// The campaign of an object is left in Kore: from now on nobody names it, unless another object does.
    pub fn left(&self, object: &VoiceCampaign) {
        let is_nobodys = was_there(object) && self.claims.others(object).is_empty();
        if let Some(account) = self.claims.account_of(object).filter(|_| is_nobodys) {
            let connection = ConnectionName::used_by(object);
            self.connections.note_others(&connection, &account, &object.spec.stream_id, true);
        }
    }

    /// Remembers a complete listing that has campaigns.
    fn remember(&self, account: &Account, listing: &Arc<Listing>) {
        let mut streams = self.streams();
        let shown = streams.entry((account.clone(), listing.stream_id().to_owned())).or_default();
        shown.deleted.retain(|_, at| *at + LAG > listing.begun_at());
        shown.to.insert(listing.identity().clone());
        shown.listing = Some(listing.clone());
    }

    fn last_shown(&self, account: &Account, stream_id: &str) -> LastShown {
        self.streams().get(&(account.clone(), stream_id.to_owned())).cloned().unwrap_or_default()
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<StreamName, LastShown>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt;
    use kube::runtime::{reflector, watcher};
    use serde_json::{Value, json};

    use super::*;
    use crate::campaign::Watched;
    use crate::campaign::shared::accounts::Accounts;
    use crate::connection::{self, AllowedHosts, Connections, Keeper};
    use crate::kore::{
        Algorithm, Campaign, CampaignKey, CampaignService, ConfirmedDeletion, Credentials, Failure, Page,
        PageRequest, Progress, RawAnswer, Reading, Target, TokenSettings, answers,
    };
    use crate::kube_ext::{Kube, Leadership, Selected, Wake};

    /// Answers a listing with these rows.
    struct Service(Value);

    impl CampaignService for Service {
        async fn delete(&self, _: &Target, _: &CampaignKey) -> Result<ConfirmedDeletion, Failure> {
            panic!("not asked for")
        }

        async fn get(&self, _: &Target, _: &CampaignKey) -> Result<Campaign, Failure> {
            panic!("not asked for")
        }

        async fn list(&self, _: &Target, _: &str, _: PageRequest) -> Result<Page, Failure> {
            let count = self.0.as_array().unwrap().len();
            let data = json!({"results": self.0, "hasMore": false, "totalResults": count});
            let body = json!({"status": "success", "data": data}).to_string().into();
            answers::listing(&RawAnswer { http_status: 200, body, ..RawAnswer::default() })
        }
    }

    fn target(client_id: &str) -> Target {
        Target {
            account: account(),
            address: "https://h".into(),
            iid: None,
            timeout: Duration::from_secs(10),
            token: TokenSettings {
                algorithm: Algorithm::HS256,
                subject: "s".into(),
                ttl: Duration::from_secs(300),
            },
            credentials: Credentials { client_id: client_id.into(), client_secret: "secret".into() },
        }
    }

    fn reader(namespace: &str) -> ConnectionName {
        ConnectionName::new(namespace, "c")
    }

    fn account() -> Account {
        Account { host: "https://h".into(), account_id: "a".into() }
    }

    fn listing(ids: &[&str]) -> Arc<Listing> {
        listing_as("app-1", ids)
    }

    fn listing_as(client_id: &str, ids: &[&str]) -> Arc<Listing> {
        let rows: Vec<Value> = ids.iter().map(|id| json!({"_id": id, "name": "n"})).collect();
        listing_with(client_id, &json!(rows))
    }

    fn listing_of(rows: &Value) -> Arc<Listing> {
        listing_with("app-1", rows)
    }

    fn listing_with(client_id: &str, rows: &Value) -> Arc<Listing> {
        let target = target(client_id);
        let reading = Reading::begin(&target, "st-1", Timestamp::now());
        match reading.next(&Service(rows.clone()), &target, Timestamp::now).now_or_never() {
            Some(Ok(Progress::Done(listing))) => Arc::new(listing),
            _ => panic!("one page, at once"),
        }
    }

    /// The claims of a process that has just started, and what writes its connection.
    struct World {
        claims: Arc<Claims>,
        emptiness: Emptiness,
        connections: Arc<Connections>,
        synced: [Arc<Synced>; 2],
        store: reflector::Store<connection::Watched>,
        writer: reflector::store::Writer<connection::Watched>,
    }

    impl World {
        fn new() -> Self {
            let config = kube::Config::new("http://127.0.0.1:9".parse().unwrap());
            let kube = Kube::new(kube::Client::try_from(config).unwrap(), Leadership::unlimited());
            let (store, writer) = reflector::store();
            let keeper = Arc::new(Keeper::new(kube.clone(), |_| true, None, Selected::default()));
            let (wake, _) = Wake::of(&[None]);
            let accounts = Arc::new(Accounts::new(Arc::new(Wake::of(&[None]).0)));
            let (selected, allowed) = (Selected::default(), AllowedHosts::default());
            let stores = vec![store.clone()];
            let connections = Connections::new(kube.clone(), stores, keeper, wake, selected, allowed);
            let connections = Arc::new(connections);
            let synced = [(); 2].map(|()| Arc::new(Synced::new([Some("b".to_owned())])));
            let of_campaigns = synced[0].clone();
            let claims = Claims::new(kube, connections.clone(), accounts, Vec::new(), of_campaigns);
            let claims = Arc::new(claims);
            let emptiness = Emptiness::new(claims.clone(), connections.clone(), synced.clone());
            let mut world = Self { claims, emptiness, connections, synced, store, writer };
            world.connection(&Value::Null);
            world
        }

        /// The connection, with this status.
        fn connection(&mut self, status: &Value) {
            let connection = serde_json::from_value(Self::connection_with(status)).unwrap();
            self.writer.apply_watcher_event(&watcher::Event::Apply(connection));
        }

        fn connection_with(status: &Value) -> Value {
            json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
                "metadata": {"name": "c", "namespace": "n"}, "status": status,
                "spec": {"host": "https://h", "accountId": "a", "credentialsSecretRef": {"name": "s"}}})
        }

        /// What the status of the connection is to say.
        fn stored(&self) -> Value {
            let connection = self.store.state().remove(0);
            json!({"streams": self.connections.streams_of(connection.0.as_ref().unwrap())})
        }

        fn update(&self, object: &Value) {
            self.claims.update(&Arc::new(watched(object)), false);
        }

        fn judge(&self, listing: &Arc<Listing>) -> Doubt {
            self.emptiness.judge(&account(), &reader("n"), listing)
        }

        fn is_doubted(&self) -> bool {
            self.judge(&listing(&[])).suddenly_empty
        }
    }

    fn watched(object: &Value) -> Watched {
        serde_json::from_value(object.clone()).unwrap()
    }

    /// An object for this campaign, which was seen.
    fn seen(id: &str) -> Value {
        json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign",
            "metadata": {"name": id, "namespace": "n", "uid": format!("uid-{id}"), "finalizers": ["f"]},
            "spec": {"connectionRef": {"name": "c"}, "streamId": "st-1", "campaignId": id},
            "status": {"campaign": {"id": id}, "seenAs": target("app-1").identity().as_str()}})
    }

    fn being_deleted(id: &str) -> Value {
        let mut object = seen(id);
        object["metadata"]["deletionTimestamp"] = json!("2026-11-23T10:00:00Z");
        object
    }

    /// R10: the operator doubts an empty listing exactly when a campaign that nobody asked to delete is
    /// missing; after a restart, too.
    #[tokio::test]
    async fn an_empty_stream_is_doubted_when_somebody_else_is_missing() {
        let world = World::new();
        assert!(!world.is_doubted(), "nothing was ever there");
        world.update(&being_deleted("cd-1"));
        assert!(!world.is_doubted(), "all that was there is being deleted");
        let with = |field: &str, value: Value| {
            let mut object = seen("cd-2");
            object["status"][field] = value;
            object
        };
        let not_found = json!([{"type": "Ready", "status": "False", "reason": "CampaignNotFound", "message": "m",
            "lastTransitionTime": "2026-11-23T10:00:00Z"}]);
        let mut orphan = seen("cd-2");
        orphan["spec"]["deletionPolicy"] = json!("Orphan");
        for (what, object, doubted) in [
            ("it lives", seen("cd-2"), true),
            ("a GET alone did not return it", with("conditions", not_found), true),
            ("it is to be left alone", orphan, true),
            ("it was missed among others", with("notListedSince", json!("2026-11-23T10:00:00Z")), false),
            ("it was never seen", with("campaign", Value::Null), false),
            ("it is being deleted", being_deleted("cd-2"), false),
        ] {
            world.update(&object);
            assert_eq!(world.is_doubted(), doubted, "{what}");
        }
        let mut held = being_deleted("cd-2");
        (held["metadata"]["name"], held["metadata"]["uid"]) = (json!("old"), json!("uid-old"));
        world.update(&held);
        world.update(&seen("cd-2"));
        assert!(world.is_doubted(), "a deletion that is held for another that keeps the campaign is no wish");
        world.claims.remove(&watched(&held));
        world.update(&being_deleted("cd-2"));
        assert!(!world.is_doubted());
        let mut suspended = being_deleted("cd-2");
        suspended["spec"]["suspend"] = json!(true);
        world.update(&suspended);
        assert!(world.is_doubted(), "a deletion that is suspended before it has begun may never be made");
        let mut braked = being_deleted("cd-2");
        braked["status"]["conditions"] = json!([{"type": "Ready", "status": "False", "reason": "MassDeletion",
            "message": "", "lastTransitionTime": "2026-11-23T10:00:00Z"}]);
        world.update(&braked);
        assert!(world.is_doubted(), "so may one that the brake holds");
        suspended["status"]["deletion"] =
            json!({"uid": "uid-cd-2", "requestedAt": "2026-11-23T10:00:00Z", "attempts": 1});
        world.update(&suspended);
        assert!(!world.is_doubted(), "Kore was asked");
        world.update(&being_deleted("cd-2"));
        let mut elsewhere = seen("cd-3");
        elsewhere["spec"]["streamId"] = json!("st-2");
        world.update(&elsewhere);
        assert!(!world.is_doubted(), "another stream");
        world.claims.remove(&watched(&being_deleted("cd-1")));
        assert!(!world.is_doubted(), "a leader was killed after it had deleted that one");
    }

    /// R24, R10: somebody deleted the missing campaigns, and Kore keeps their rows: so Kore does not hide
    /// them from us.
    #[tokio::test]
    async fn a_stream_of_which_all_is_deleted_is_not_empty() {
        let world = World::new();
        world.update(&being_deleted("cd-1"));
        world.update(&seen("cd-2"));
        assert!(world.is_doubted());
        let rows = json!(["cd-1", "cd-2"].map(|id| json!({"_id": id, "status": "Deleted"})));
        assert_eq!(world.judge(&listing_of(&rows)), Doubt::default());
    }

    /// K33, R10: since the start the API server refuses to show the VoiceCampaigns of a namespace. Only what
    /// Kore has shown since tells whether theirs are missing.
    #[tokio::test]
    async fn an_empty_stream_is_doubted_as_long_as_a_namespace_is_not_known() {
        let world = World::new();
        let [campaigns, connections] = &world.synced;
        campaigns.set_forbidden(Some("b"));
        connections.set_forbidden(Some("b"));
        world.update(&being_deleted("cd-1"));
        let unseen = |ids| world.judge(&listing(ids)).unseen_namespaces;
        assert_eq!(unseen(&[]), ["b"]);
        world.update(&seen("cd-2"));
        assert_eq!(unseen(&[]), [""; 0], "it is missing in any case");
        assert!(world.is_doubted());
        world.update(&being_deleted("cd-2"));
        assert_eq!(unseen(&["cd-1"]), [""; 0]);
        assert_eq!(world.judge(&listing(&[])), Doubt::default(), "all that was there is being deleted");
        let world = World::new();
        let [campaigns, connections] = &world.synced;
        for (listed, other) in [(campaigns, connections), (connections, campaigns)] {
            listed.set_forbidden(Some("b"));
            assert!(listed.is_complete());
            assert_eq!(
                (world.judge(&listing(&[])).unseen_namespaces, other.forbidden()),
                (vec!["b".into()], vec![])
            );
            listed.set_synced(Some("b"));
            assert_eq!(world.judge(&listing(&[])).unseen_namespaces, [""; 0]);
        }
        (0..9).for_each(|number| campaigns.set_forbidden(Some(&format!("b-{number}"))));
        assert_eq!(world.judge(&listing(&[])).unseen_namespaces.len(), MAX_UNSEEN);
    }

    /// An object to which Kore has not shown the campaign, and can't any more, casts no doubt on its
    /// deletion.
    #[tokio::test]
    async fn a_claim_that_holds_nothing_casts_no_doubt() {
        let world = World::new();
        world.judge(&listing(&["cd-1"]));
        world.update(&being_deleted("cd-1"));
        let mut claimer = seen("cd-1");
        (claimer["metadata"]["name"], claimer["metadata"]["uid"]) = (json!("claimer"), json!("uid-claimer"));
        world.update(&claimer);
        assert!(world.is_doubted(), "it was shown the campaign");
        claimer["status"] = json!({"conditions": [{"type": "Ready", "status": "False", "reason": "CredentialsRejected",
            "message": "m", "lastTransitionTime": "2026-11-23T10:00:00Z"}]});
        world.update(&claimer);
        assert!(!world.is_doubted());
    }

    /// Campaigns that no VoiceCampaign names count, too: from the last listing that had some, but for those
    /// that we have deleted; and after a restart from the status of the connection, which is written when
    /// that changes, and only then.
    #[tokio::test]
    async fn campaigns_that_nobody_names_are_missed_also_after_a_restart() {
        let mut world = World::new();
        world.update(&being_deleted("cd-1"));
        assert_eq!(world.judge(&listing(&["cd-1"])), Doubt::default());
        assert!(!world.is_doubted());
        assert_eq!(world.stored(), json!({"streams": []}));
        // The object has gone, the listing is older: it is no other's.
        world.emptiness.deleted(watched(&being_deleted("cd-1")).0.as_ref().unwrap());
        world.claims.remove(&watched(&being_deleted("cd-1")));
        world.judge(&listing(&["cd-1"]));
        assert!(!world.is_doubted());
        assert_eq!(world.stored(), json!({"streams": []}));

        world.judge(&listing(&["cd-1", "created-by-hand"]));
        assert!(world.is_doubted());
        let stored = world.stored();
        assert_eq!(stored["streams"][0]["streamId"], "st-1");
        world.connection(&stored);
        world.judge(&listing(&["created-by-hand"]));
        assert_eq!(world.stored(), stored, "nothing new: nothing to write");
        let mut restarted = World::new();
        assert!(!restarted.is_doubted());
        restarted.connection(&stored);
        assert!(restarted.is_doubted());
        restarted.update(&being_deleted("cd-2"));
        restarted.judge(&listing(&["cd-2"]));
        assert!(!restarted.is_doubted(), "somebody has deleted it while the stream was not empty");
        assert_eq!(restarted.stored(), json!({"streams": []}));

        // From now on no object names the campaign that was left in Kore.
        world.connection(&json!({}));
        let world = World::new();
        world.emptiness.left(watched(&being_deleted("cd-2")).0.as_ref().unwrap());
        assert_eq!(world.stored()["streams"][0]["streamId"], "st-1");
        assert!(world.is_doubted());
    }

    /// The service names a campaign by two ids, and writes one of them in its own way: whichever a
    /// VoiceCampaign names, it is one campaign.
    #[tokio::test]
    async fn a_campaign_with_two_ids_is_missed_once() {
        let world = World::new();
        world.update(&being_deleted("cd-1"));
        world.judge(&listing_of(&json!([{"_id": "row-1", "id": " CD-1", "name": "n"}])));
        assert!(!world.is_doubted());
        assert_eq!(world.stored(), json!({"streams": []}));
        world.emptiness.deleted(watched(&being_deleted("cd-1")).0.as_ref().unwrap());
        world.claims.remove(&watched(&being_deleted("cd-1")));
        assert!(!world.is_doubted());
        world.judge(&listing_of(&json!([{"_id": "row-1", "id": "cd-1"}, {"_id": "row-2", "id": "cd-2"}])));
        assert!(world.is_doubted(), "nobody names the second");
        assert_eq!(world.stored()["streams"][0]["streamId"], "st-1");
    }

    /// After the environment was renamed, what was known of the stream is found, whichever name comes first
    /// in the alphabet.
    #[tokio::test]
    async fn a_rename_loses_nothing_of_what_was_there() {
        for (host, former) in [("https://h", "https://a"), ("https://h", "https://z")] {
            let mut world = World::new();
            let mut connection = json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
                "metadata": {"name": "c", "namespace": "n"}, "spec": {"host": host, "formerHosts": [former],
                "accountId": "a", "credentialsSecretRef": {"name": "s"}}});
            connection["status"] =
                json!({"streams": [{"streamId": "st-1", "othersSeenAt": "2026-11-23T10:00:00Z"}]});
            let renamed = serde_json::from_value(connection).unwrap();
            world.writer.apply_watcher_event(&watcher::Event::Apply(renamed));
            let account = world.connections.key(world.connections.called(&reader("n")).unwrap());
            let doubt = world.emptiness.judge(&account, &reader("n"), &listing(&[]));
            assert!(doubt.suddenly_empty, "{former}");

            // So is what Kore has shown to a VoiceCampaign under the former host.
            let mut known = seen("cd-2");
            known["status"]["account"] = json!({"host": former, "accountId": "a"});
            world.connection(&Value::Null);
            world.update(&known);
            assert!(!world.is_doubted(), "of another account");
            let mut connection = World::connection_with(&Value::Null);
            connection["spec"]["formerHosts"] = json!([former]);
            let renamed = serde_json::from_value(connection).unwrap();
            world.writer.apply_watcher_event(&watcher::Event::Apply(renamed));
            assert!(world.is_doubted(), "{former}");
            known["metadata"]["deletionTimestamp"] = json!("2026-11-23T10:00:00Z");
            world.update(&known);
            assert!(!world.is_doubted(), "{former}");
        }
    }

    /// What a connection of another namespace says of former hosts joins nobody's accounts: neither what is
    /// counted and remembered, nor whose campaigns are the same.
    #[tokio::test]
    async fn a_rename_counts_in_its_own_namespace() {
        for (host, former) in [
            ("https://evil", "https://h"),
            ("https://zevil", "https://h"),
            ("https://h", "https://evil"),
            ("https://h", "https://zevil"),
        ] {
            let mut world = World::new();
            let strange = json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
                "metadata": {"name": "c", "namespace": "evil"}, "spec": {"host": host, "formerHosts": [former],
                "accountId": "a", "credentialsSecretRef": {"name": "s"}}});
            let strange = serde_json::from_value(strange).unwrap();
            world.writer.apply_watcher_event(&watcher::Event::Apply(strange));
            let key =
                |namespace| world.connections.key(world.connections.called(&reader(namespace)).unwrap());
            assert_eq!(key("n"), account());
            assert_eq!(key("evil"), Account::new(host, "a"));
            // A host of his own has shown him the campaign.
            let mut claimer = seen("cd-1");
            claimer["metadata"] = json!({"name": "claimer", "namespace": "evil", "uid": "uid-claimer", "finalizers": ["f"],
                    "creationTimestamp": "2026-11-20T10:00:00Z"});
            let own = if host == "https://h" { former } else { host };
            claimer["status"]["account"] = json!({"host": own, "accountId": "a"});
            claimer["status"]["conditions"] = json!([{"type": "Ready", "status": "False",
                "reason": "CampaignNotFound", "message": "m", "lastTransitionTime": "2026-11-23T10:00:00Z"}]);
            world.update(&claimer);
            let deleted = watched(&being_deleted("cd-1"));
            let deleted = deleted.0.as_ref().unwrap();
            assert!(!world.claims.others(deleted).iter().any(|other| other.keeps), "{host}, once {former}");
            // Until it was asked there, it may keep a campaign of the account that it calls now.
            claimer["status"]["conditions"] = json!([]);
            world.update(&claimer);
            let keeps = world.claims.others(deleted).iter().any(|other| other.keeps);
            assert_eq!(keeps, host == "https://h", "{host}, once {former}");
        }
    }

    /// An identity to which Kore has shown a campaign of the stream is no stranger; after a restart a status
    /// says so.
    #[tokio::test]
    async fn a_stranger_is_who_was_never_shown_the_stream() {
        let world = World::new();
        let is_stranger = |client_id| world.judge(&listing_as(client_id, &[])).to_a_stranger;
        assert!(is_stranger("app-1") && is_stranger("app-2"));
        world.update(&being_deleted("cd-1"));
        assert!(!is_stranger("app-1") && is_stranger("app-2"));
        world.judge(&listing_as("app-2", &["cd-1"]));
        assert!(!is_stranger("app-2"));
    }
}
