//! What there is to know of a resource, as far as its user may read it.

use anyhow::bail;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Container;
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use voicecampaign_operator::api::{GROUP, KoreConnection, VoiceCampaign};
use voicecampaign_operator::kube_ext::{Guarded, Selected};

use crate::cluster::{Cluster, Scope, explain};

/// Where the documents install the operator.
const USUAL_NAMESPACE: &str = "voicecampaign-system";

/// What there is to know.
pub struct Facts {
    /// The resource.
    pub object: Guarded<VoiceCampaign>,
    /// Its connection.
    pub connection: Readable<Option<KoreConnection>>,
    /// The operators of the cluster.
    pub operators: Readable<Vec<Operator>>,
    /// What leads a command to this cluster, as ` --context prod`.
    pub options: String,
    /// Now.
    pub now: Timestamp,
}

/// What the user may read, or not.
#[derive(Clone, Debug, PartialEq)]
pub enum Readable<T> {
    /// What was read.
    Read(T),
    /// Why it was not.
    Not(String),
}

impl<T> Readable<T> {
    /// From the result of a call.
    pub fn of(result: anyhow::Result<T>) -> Self {
        result.map_or_else(|error| Self::Not(format!("{error:#}")), Self::Read)
    }

    /// What was read.
    pub fn read(&self) -> Option<&T> {
        match self {
            Self::Read(read) => Some(read),
            Self::Not(_) => None,
        }
    }
}

/// An operator, as its Deployment describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Operator {
    /// Namespace of the Deployment.
    pub namespace: String,
    /// Name of the Deployment.
    pub name: String,
    /// Release of Helm that it is of, if it is of one.
    pub release: Option<String>,
    /// How many Pods it is to have.
    pub wanted: i32,
    /// How many are ready.
    pub ready: i32,
    /// The namespaces that it watches; all if empty.
    pub watches: Vec<String>,
    /// The labels that it selects; `None` if that can't be seen.
    pub selected: Option<Selected>,
    /// Its Lease; `None` if it takes none, or which it takes can't be seen.
    pub lease: Option<Readable<Option<Leader>>>,
    /// Whether it may list VoiceCampaigns where it watches: in the namespace of the resource, or in all.
    pub may_list: Readable<bool>,
}

/// The leader, as the Lease names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    /// The instance; `None` if nobody holds the Lease.
    pub holder: Option<String>,
    /// When it renewed the Lease last.
    pub renewed_at: Option<Timestamp>,
}

impl Facts {
    /// Reads them.
    ///
    /// # Errors
    /// If the resource can't be read, or there is none of that name.
    pub async fn read(name: &str, cluster: &Cluster) -> anyhow::Result<Self> {
        let namespace = cluster.namespace();
        let Some(object) = cluster.find::<Guarded<VoiceCampaign>>(namespace, name).await? else {
            bail!(
                "there is no VoiceCampaign {name} in the namespace {namespace}. If it has been deleted, the operator's audit \
                 line says what became of its campaign (docs/audit.md)"
            );
        };
        let connection = match &object.0 {
            Ok(campaign) => {
                let connection = &campaign.spec.connection_ref.name;
                Readable::of(cluster.find::<Guarded<KoreConnection>>(namespace, connection).await)
            }
            Err(_) => Readable::Read(None),
        };
        let connection = match connection {
            Readable::Read(found) => Readable::Read(found.and_then(|found| found.0.ok())),
            Readable::Not(why) => Readable::Not(why),
        };
        let operators = operators(namespace, cluster).await;
        Ok(Self { object, connection, operators, options: cluster.options(), now: Timestamp::now() })
    }
}

/// The operators of the cluster; those of the usual namespace, if the user may not list all.
async fn operators(namespace: &str, cluster: &Cluster) -> Readable<Vec<Operator>> {
    let mut found = Vec::new();
    let all = cluster.each::<Deployment>(&Scope::All, None, |deployment| found.push(deployment)).await;
    if let Err(error) = all {
        found.clear();
        let usual = Scope::Namespace(USUAL_NAMESPACE.to_owned());
        let read = cluster.each::<Deployment>(&usual, None, |deployment| found.push(deployment)).await;
        if read.is_err() || found.iter().all(|deployment| Template::of(deployment).is_none()) {
            return Readable::Not(format!("{error:#}"));
        }
    }
    let mut operators = Vec::new();
    for deployment in &found {
        if let Some(template) = Template::of(deployment) {
            operators.push(operator(deployment, &template, namespace, cluster).await);
        }
    }
    Readable::Read(operators)
}

/// What a Deployment says of the operator that it runs.
struct Template<'a> {
    container: &'a Container,
    service_account: &'a str,
}

impl<'a> Template<'a> {
    /// `None` if it runs none: the container has a command and variables of the chart or `deploy/`, whatever
    /// its labels and its image are.
    fn of(deployment: &'a Deployment) -> Option<Self> {
        let pod = deployment.spec.as_ref()?.template.spec.as_ref()?;
        let runs = |container: &&Container| {
            let has = |name: &str| container.env.iter().flatten().any(|variable| variable.name == name);
            let is_run = container.args.iter().flatten().any(|argument| argument == "run");
            is_run && has("LEASE_NAME") && has("WATCH_NAMESPACES")
        };
        let container = pod.containers.iter().find(runs)?;
        Some(Self { container, service_account: pod.service_account_name.as_deref().unwrap_or("default") })
    }

    /// The value of a variable, empty if it is not set; `None` if it can't be seen here.
    fn value(&self, name: &str) -> Option<&'a str> {
        let Some(variable) = self.container.env.iter().flatten().find(|variable| variable.name == name)
        else {
            return Some("");
        };
        let Some(source) = &variable.value_from else {
            return Some(variable.value.as_deref().unwrap_or_default());
        };
        let field = source.field_ref.as_ref().map(|field| field.field_path.as_str());
        (field == Some("spec.serviceAccountName")).then_some(self.service_account)
    }
}

async fn operator(
    deployment: &Deployment,
    template: &Template<'_>,
    namespace: &str,
    cluster: &Cluster,
) -> Operator {
    let own = deployment.namespace().unwrap_or_default();
    let lease = match (template.value("LEADER_ELECT"), template.value("LEASE_NAME")) {
        (Some("true"), Some(name)) if !name.is_empty() => Some(leader(&own, name, cluster).await),
        _ => None,
    };
    let watches = template.value("WATCH_NAMESPACES").unwrap_or_default().split(',');
    let watches: Vec<_> =
        watches.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    let of_helm = deployment.labels().get("app.kubernetes.io/managed-by").is_some_and(|by| by == "Helm");
    let release = deployment.labels().get("app.kubernetes.io/instance").filter(|_| of_helm).cloned();
    Operator {
        name: deployment.name_any(),
        release,
        wanted: deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1),
        ready: deployment.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or_default(),
        selected: template.value("SELECTOR").and_then(|selector| selector.parse().ok()),
        lease,
        may_list: may_list(&own, template.service_account, watches.first().map(|_| namespace), cluster).await,
        watches,
        namespace: own,
    }
}

async fn leader(namespace: &str, lease: &str, cluster: &Cluster) -> Readable<Option<Leader>> {
    Readable::of(cluster.find::<Lease>(namespace, lease).await.map(|lease| {
        let spec = lease?.spec.unwrap_or_default();
        let holder = spec.holder_identity.filter(|holder| !holder.is_empty());
        Some(Leader { holder, renewed_at: spec.renew_time.map(|time| time.0) })
    }))
}

/// Whether the operator's ServiceAccount may list VoiceCampaigns in a namespace, or in all. Only
/// administrators may ask.
async fn may_list(own: &str, account: &str, namespace: Option<&str>, cluster: &Cluster) -> Readable<bool> {
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(format!("system:serviceaccount:{own}:{account}")),
            groups: Some(
                ["system:serviceaccounts", &format!("system:serviceaccounts:{own}"), "system:authenticated"]
                    .map(str::to_owned)
                    .to_vec(),
            ),
            resource_attributes: Some(ResourceAttributes {
                group: Some(GROUP.to_owned()),
                resource: Some("voicecampaigns".to_owned()),
                verb: Some("list".to_owned()),
                namespace: namespace.map(str::to_owned),
                ..ResourceAttributes::default()
            }),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    };
    let reviews: Api<SubjectAccessReview> = Api::all(cluster.client());
    let reviewed = reviews.create(&PostParams::default(), &review).await;
    let reviewed = reviewed.map_err(|error| explain(&error, "can't ask for its rights"));
    Readable::of(reviewed.map(|review| review.status.is_some_and(|status| status.allowed)))
}
