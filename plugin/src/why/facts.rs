//! What there is to know of a resource, as far as its user may read it.

use anyhow::bail;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authorization::v1::ResourceAttributes;
use k8s_openapi::api::coordination::v1::Lease;
use voicecampaign_operator::api::{GROUP, KoreConnection, VoiceCampaign};
use voicecampaign_operator::kube_ext::{Account, Dated, Deployed, Election, Guarded, Leader};

use crate::cluster::{Cluster, Scope, explain};

/// Where the documents install the operator.
const USUAL_NAMESPACE: &str = "voicecampaign-system";

/// What there is to know.
pub struct Facts {
    /// The resource.
    pub object: Dated<VoiceCampaign>,
    /// Its connection.
    pub connection: Readable<Option<KoreConnection>>,
    /// The operators of the cluster.
    pub operators: Readable<Vec<Operator>>,
    /// Why there may be others, if only those of a part of the cluster were read.
    pub other_operators: Option<String>,
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

/// An operator, and what there is to know of it beside its Deployment.
#[derive(Clone, Debug, PartialEq)]
pub struct Operator {
    /// As its Deployment describes it.
    pub deployed: Deployed,
    /// Who holds its Lease; `None` if it takes none, or which it takes can't be seen.
    pub lease: Option<Readable<Option<Leader>>>,
    /// Whether it may list VoiceCampaigns where it watches: in the namespace of the resource, or in all.
    pub may_list: Readable<bool>,
}

impl Facts {
    /// Reads them.
    ///
    /// # Errors
    /// If the resource can't be read, or there is none of that name.
    pub async fn read(name: &str, cluster: &Cluster) -> anyhow::Result<Self> {
        let namespace = cluster.namespace();
        let Some(object) = cluster.find::<Dated<VoiceCampaign>>(namespace, name).await? else {
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
        let (operators, other_operators) = operators(namespace, cluster).await;
        let (options, now) = (cluster.options(), cluster.now());
        Ok(Self { object, connection, operators, other_operators, options, now })
    }
}

/// The operators of the cluster; those of the usual namespace, if the user may not list all, and why.
async fn operators(namespace: &str, cluster: &Cluster) -> (Readable<Vec<Operator>>, Option<String>) {
    let mut found = Vec::new();
    let mut others = None;
    let all = cluster.each::<Deployment>(&Scope::All, None, |deployment| found.push(deployment)).await;
    if let Err(error) = all {
        found.clear();
        others = Some(format!("only those in {USUAL_NAMESPACE} were read: {error:#}"));
        let usual = Scope::Namespace(USUAL_NAMESPACE.to_owned());
        let read = cluster.each::<Deployment>(&usual, None, |deployment| found.push(deployment)).await;
        if read.is_err() || found.iter().all(|deployment| Deployed::of(deployment).is_none()) {
            return (Readable::Not(format!("{error:#}")), None);
        }
    }
    let mut operators = Vec::new();
    for deployed in found.iter().filter_map(Deployed::of) {
        operators.push(operator(deployed, namespace, cluster).await);
    }
    (Readable::Read(operators), others)
}

async fn operator(deployed: Deployed, namespace: &str, cluster: &Cluster) -> Operator {
    let lease = match &deployed.lease {
        Election::Lease(name) => Some(leader(&deployed.namespace, name, cluster).await),
        Election::None | Election::Unseen => None,
    };
    Operator { may_list: may_list(&deployed, namespace, cluster).await, lease, deployed }
}

async fn leader(namespace: &str, lease: &str, cluster: &Cluster) -> Readable<Option<Leader>> {
    let found = cluster.find::<Lease>(namespace, lease).await;
    Readable::of(found.map(|lease| lease.as_ref().map(Leader::of)))
}

/// Whether the operator may list VoiceCampaigns: in the namespace, if it watches some, or in all. Only
/// administrators may ask.
async fn may_list(deployed: &Deployed, namespace: &str, cluster: &Cluster) -> Readable<bool> {
    let Some(watches) = &deployed.watches else {
        return Readable::Not("its Deployment does not say which namespaces it watches".to_owned());
    };
    let attributes = ResourceAttributes {
        group: Some(GROUP.to_owned()),
        resource: Some("voicecampaigns".to_owned()),
        verb: Some("list".to_owned()),
        namespace: (!watches.is_empty()).then(|| namespace.to_owned()),
        ..ResourceAttributes::default()
    };
    let account = Account { namespace: &deployed.namespace, name: &deployed.service_account };
    let may = account.may(&cluster.client(), attributes).await;
    Readable::of(may.map_err(|error| explain(&error, "can't ask for its rights")))
}
