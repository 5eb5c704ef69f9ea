//! One object from its creation to its end.

use serde_json::{Value, json};

use super::schema::Change;
use super::world::{ACCOUNT, PRODUCTION, SECRET, World};
use crate::lane::Class;

/// The kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Connection,
    Campaign,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Connection => "KoreConnection",
            Self::Campaign => "VoiceCampaign",
        }
    }
}

/// An object, as a difference from one that is right.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    pub kind: Kind,
    pub changes: Vec<Change>,
    /// The field that breaks a rule.
    pub breaks: Option<String>,
    /// A field that must not be changed later, and another value for it.
    pub immutable: Option<(String, Change)>,
}

impl Case {
    /// The beginning of its name, which is its own, too.
    fn short(&self) -> &str {
        &self.name[..self.name.len().min(20)]
    }

    fn base(&self, world: &World) -> Value {
        let short = self.short();
        match self.kind {
            Kind::Connection => json!({"host": world.kore.url(), "accountId": format!("account-{short}"),
                "credentialsSecretRef": {"name": SECRET}, "rateLimit": {"requestsPerMinute": 6000}}),
            Kind::Campaign => {
                json!({"connectionRef": {"name": PRODUCTION}, "streamId": format!("st-{short}"),
                "campaignId": format!("cd-{short}")})
            }
        }
    }

    fn spec(&self, world: &World) -> Value {
        let mut spec = self.base(world);
        self.changes.iter().for_each(|change| change.apply(&mut spec));
        spec
    }

    /// Another connection that the object names.
    pub fn connection(&self) -> Option<&str> {
        let change = self.changes.iter().rfind(|change| change.is_of("connectionRef"));
        change.and_then(|change| change.value.as_ref()?.as_str())
    }

    fn changes(&self, field: &str) -> bool {
        self.changes.iter().any(|change| change.is_of(field))
    }
}

/// Calls a minute; with fewer, a first call may take longer than anybody waits here.
const SMALL_QUOTA: u8 = 60;

/// What an object says of itself, once it says something.
struct Told {
    is_ready: bool,
    reason: String,
}

fn told(object: &Value) -> Option<Told> {
    let conditions = object["status"]["conditions"].as_array()?;
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready")?;
    let text = |field: &str| ready[field].as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    let (reason, _message) = (text("reason")?, text("message")?);
    let is_newest = ready["observedGeneration"] == object["metadata"]["generation"];
    // That Kore has not been asked yet says nothing.
    (is_newest && reason != "Pending").then(|| Told { is_ready: ready["status"] == "True", reason })
}

impl World {
    /// Lets an object live; the classes that it went through.
    pub async fn live(&self, case: Case) -> Result<Vec<Class>, String> {
        let spec = case.spec(self);
        self.lived(&case, &spec).await.map_err(|violation| {
            format!("{violation}\n  {} {}: {spec}\n  {case:?}", case.kind.name(), case.name)
        })
    }

    async fn lived(&self, case: &Case, spec: &Value) -> Result<Vec<Class>, String> {
        let created = self.create(case.kind, &case.name, spec).await;
        if let Some(field) = &case.breaks {
            return refused(created, field).map(|()| vec!["refused"]);
        }
        created.map_err(|error| format!("refused, although it breaks no rule: {error}"))?;
        let mut classes = match case.kind {
            Kind::Connection => self.connection_lives(case, spec).await?,
            Kind::Campaign => self.campaign_lives(case, spec).await?,
        };
        classes.push("gone");
        Ok(classes)
    }

    async fn campaign_lives(&self, case: &Case, spec: &Value) -> Result<Vec<Class>, String> {
        let text = |pointer: &str| spec.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let key = self.seed(ACCOUNT, text("/streamId"), text("/campaignId"));
        let mut classes = vec![self.says(case.kind, &case.name).await?];
        classes.extend(self.stays(case, spec).await?);
        let connection = text("/connectionRef/name");
        let other = json!({"host": self.kore.url(), "accountId": ACCOUNT, "credentialsSecretRef": {"name": SECRET},
            "rateLimit": {"requestsPerMinute": 6000}});
        let has_other = connection != PRODUCTION;
        if has_other {
            self.create(Kind::Connection, connection, &other).await.map_err(|error| format!("{error}"))?;
        }
        let mended = self.patch(case.kind, &case.name, &json!({"suspend": false})).await;
        mended.map_err(|error| format!("the mended spec is refused: {error}"))?;
        self.recovers(&case.name).await?;
        classes.push("mended");
        self.goes(case.kind, &case.name).await?;
        if has_other {
            self.goes(Kind::Connection, connection).await?;
        }
        let is_left = self.kore.campaigns().contains(&key);
        if is_left != (spec["deletionPolicy"] == "Orphan") {
            return Err(format!("gone, and its campaign is left in Kore: {is_left}"));
        }
        Ok(classes)
    }

    async fn connection_lives(&self, case: &Case, spec: &Value) -> Result<Vec<Class>, String> {
        let account = spec["accountId"].as_str().unwrap_or_default();
        // Not to be sent anywhere but to the simulator.
        let calls_kore = !case.changes("host");
        let campaign_id = format!("cd-{}", case.short());
        let key = self.seed(account, "st-user", &campaign_id);
        let user = format!("u-{}", case.name.chars().take(60).collect::<String>());
        let user_spec =
            json!({"connectionRef": {"name": case.name}, "streamId": "st-user", "campaignId": campaign_id});
        let create = async || {
            let created = self.create(Kind::Campaign, &user, &user_spec).await;
            created.map_err(|error| format!("its campaign is refused: {error}"))
        };
        if calls_kore {
            create().await?;
        }
        let mut classes = vec![self.says(case.kind, &case.name).await?];
        // With a small quota, which it shares with others of its account, it may wait for minutes until the
        // connection is mended, and says so.
        let quota = spec.pointer("/rateLimit/requestsPerMinute").and_then(Value::as_f64);
        if calls_kore && quota.is_none_or(|quota| quota >= f64::from(SMALL_QUOTA)) {
            classes.push(self.says(Kind::Campaign, &user).await?);
        }
        classes.extend(self.stays(case, spec).await?);
        let mut mended = case.base(self);
        if let Some(fields) = mended.as_object_mut() {
            fields.insert("accountId".to_owned(), json!(account));
            for (name, value) in [("iid", json!(null)), ("timeoutSeconds", json!(10)), ("jwt", json!(null))] {
                fields.insert(name.to_owned(), value);
            }
            // The address may be another if the one before is a former one.
            let former = if calls_kore { json!(null) } else { json!([spec["host"]]) };
            fields.insert("formerHosts".to_owned(), former);
        }
        let patched = self.patch(case.kind, &case.name, &mended).await;
        patched.map_err(|error| format!("the mended spec is refused: {error}"))?;
        if !calls_kore {
            create().await?;
        }
        self.recovers(&user).await?;
        let accepted = |object: Option<&Value>| told(object?).filter(|told| told.is_ready).map(drop);
        self.wait(case.kind, &case.name, "the mended connection is ready", accepted).await?;
        classes.push("mended");
        self.goes(Kind::Campaign, &user).await?;
        self.goes(case.kind, &case.name).await?;
        if self.kore.campaigns().contains(&key) {
            return Err("gone, and its campaign is left in Kore".to_owned());
        }
        Ok(classes)
    }

    /// Waits until an object says how it is.
    async fn says(&self, kind: Kind, name: &str) -> Result<Class, String> {
        let told = self.wait(kind, name, "the object says something", |object| told(object?)).await?;
        Ok(if told.is_ready { "ready" } else { "condition" })
    }

    /// Changes a field that must not change: the API server names it.
    async fn stays(&self, case: &Case, spec: &Value) -> Result<Option<Class>, String> {
        let Some((field, change)) = &case.immutable else { return Ok(None) };
        let mut other = spec.clone();
        change.apply(&mut other);
        if other == *spec {
            return Ok(None);
        }
        // A merge of the host keeps the former ones: they may permit it.
        other["formerHosts"] = json!(null);
        refused(self.patch(case.kind, &case.name, &other).await, field).map(|()| Some("refused"))
    }

    async fn recovers(&self, name: &str) -> Result<(), String> {
        let found =
            |object: Option<&Value>| told(object?).filter(|told| told.reason == "CampaignFound").map(drop);
        self.wait(Kind::Campaign, name, "the mended campaign is found", found).await
    }

    async fn goes(&self, kind: Kind, name: &str) -> Result<(), String> {
        self.delete(kind, name).await.map_err(|error| format!("it can't be deleted: {error}"))?;
        self.wait(kind, name, "the deleted object goes", |object| object.is_none().then_some(())).await
    }
}

/// Checks that the API server has refused an object, and named the field.
fn refused(outcome: kube::Result<()>, field: &str) -> Result<(), String> {
    match outcome {
        Err(kube::Error::Api(status)) if matches!(status.code, 400 | 422) => {
            let message = &status.message;
            if message.contains(field) {
                Ok(())
            } else {
                Err(format!("refused without naming `{field}`: {message}"))
            }
        }
        Err(error) => Err(format!("not refused, but failed: {error}")),
        Ok(()) => Err(format!("taken, although `{field}` breaks a rule")),
    }
}
