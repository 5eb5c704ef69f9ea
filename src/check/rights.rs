//! Whether an operator has its rights.

use futures::stream::{self, StreamExt};
use k8s_openapi::api::authorization::v1::ResourceAttributes;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};

use super::page::{Finding, list};
use crate::api::GROUP;
use crate::kube_ext::{Account, Deployed, Election};

/// A rule of a role: verbs that it allows to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// API group of the resource.
    pub group: &'static str,
    /// The resource, perhaps with a subresource.
    pub resource: &'static str,
    /// The verbs.
    pub verbs: &'static [&'static str],
}

/// What an operator needs in each namespace that it watches, or in all. The chart's `_rbac.tpl` grants it,
/// and says for what each rule is.
pub const RULES: [Rule; 6] = [
    Rule { group: GROUP, resource: "voicecampaigns", verbs: &["get", "list", "watch", "patch"] },
    Rule { group: GROUP, resource: "voicecampaigns/status", verbs: &["patch"] },
    Rule { group: GROUP, resource: "koreconnections", verbs: &["get", "list", "watch", "patch"] },
    Rule { group: GROUP, resource: "koreconnections/status", verbs: &["patch"] },
    Rule { group: "", resource: "secrets", verbs: &["get", "patch"] },
    Rule { group: "events.k8s.io", resource: "events", verbs: &["create", "patch"] },
];
/// What it needs for its Lease, in its own namespace.
pub const LEASE: Rule =
    Rule { group: "coordination.k8s.io", resource: "leases", verbs: &["get", "watch", "update"] };
/// What it needs to take a Lease that is not there yet. The request has no name that a rule could match.
pub const NEW_LEASE: Rule = Rule { verbs: &["create"], ..LEASE };
/// What it needs for the RoleBinding that it keeps in each watched namespace.
pub const ROLE_BINDING: Rule =
    Rule { group: "rbac.authorization.k8s.io", resource: "rolebindings", verbs: &["get", "patch"] };

/// How many rights are named, which are those of one namespace; the others are counted.
const NAMED: usize = 18;
/// How many reviews to ask for at once.
const AT_ONCE: usize = 8;

/// A right that an operator needs.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Needed {
    group: &'static str,
    resource: &'static str,
    verb: &'static str,
    /// `None` for all.
    namespace: Option<String>,
    /// `None` for objects of any name.
    name: Option<String>,
}

/// Whether the operator has its rights.
pub(super) async fn of(operator: &Deployed, client: &Client) -> Finding {
    let account = Account { namespace: &operator.namespace, name: &operator.service_account };
    let Some(watches) = &operator.watches else {
        return Finding::not_checked(format!(
            "which namespaces {} watches: its variables are set elsewhere",
            operator.name
        ));
    };
    // Who administers some namespaces may ask for rights in them alone.
    let everywhere = watches.is_empty();
    let reviews = stream::iter(needed(operator, watches)).map(async |needed| {
        let attributes = needed.attributes();
        let may = match needed.namespace.as_deref().filter(|_| !everywhere) {
            Some(namespace) => account.may_in(namespace, client, attributes).await,
            None => account.may(client, attributes).await,
        };
        may.map(|may| (!may).then_some(needed))
    });
    let (mut lacks, mut refused) = (Vec::new(), None);
    for review in reviews.buffered(AT_ONCE).collect::<Vec<_>>().await {
        match review {
            Ok(lacked) => lacks.extend(lacked),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    let gone = gone(watches, &lacks, client).await;
    let finding = finding(operator, watches, &lacks, &gone);
    match refused {
        Some(error) => {
            finding.and(Finding::refused(&error, &format!("not all rights of {}", account.user())))
        }
        None => finding,
    }
}

/// Those of the namespaces in which rights are missing that do not exist any more, or are being deleted, as
/// far as this can be read.
async fn gone(watches: &[String], lacks: &[Needed], client: &Client) -> Vec<String> {
    let api: Api<Namespace> = Api::all(client.clone());
    let mut gone = Vec::new();
    for name in
        watches.iter().filter(|name| lacks.iter().any(|lacked| lacked.namespace.as_ref() == Some(*name)))
    {
        let found = api.get_metadata_opt(name).await;
        if found.is_ok_and(|found| found.is_none_or(|found| found.metadata.deletion_timestamp.is_some())) {
            gone.push(name.clone());
        }
    }
    gone
}

fn finding(operator: &Deployed, watches: &[String], lacks: &[Needed], gone: &[String]) -> Finding {
    let Deployed { namespace, service_account, .. } = operator;
    let account = format!("ServiceAccount {namespace}/{service_account}");
    let is_gone = |lacked: &&Needed| lacked.namespace.as_ref().is_some_and(|name| gone.contains(name));
    let lacks: Vec<_> = lacks.iter().filter(|lacked| !is_gone(lacked)).map(Needed::in_words).collect();
    let rest = watches.iter().filter(|name| !gone.contains(name)).cloned().collect::<Vec<_>>();
    let place = match (watches, rest.as_slice()) {
        ([], _) => "all namespaces".to_owned(),
        (_, []) => "no namespace".to_owned(),
        (_, rest) => rest.join(", "),
    };
    let finding = match lacks.as_slice() {
        [] => Finding::ok(format!("{account} has its rights in {place}")),
        lacks => Finding::failed(format!(
            "{account} lacks rights. Give it its roles again (docs/install.md). It may not:{}",
            list(lacks, NAMED)
        )),
    };
    match gone {
        [] => finding,
        gone => finding.and(Finding::attention(format!(
            "of the namespaces that it watches, these are gone or being deleted: {}",
            gone.join(", ")
        ))),
    }
}

/// The rights that an operator needs.
fn needed(operator: &Deployed, watches: &[String]) -> Vec<Needed> {
    let scopes = match watches {
        [] => vec![None],
        watches => watches.iter().cloned().map(Some).collect(),
    };
    let mut all = Vec::new();
    for namespace in scopes {
        for rule in RULES {
            all.extend(each(rule, namespace.as_ref(), None));
        }
        let binding = operator.role_binding.as_ref().filter(|_| namespace.is_some());
        all.extend(binding.into_iter().flat_map(|_| each(ROLE_BINDING, namespace.as_ref(), binding)));
    }
    if let Election::Lease(lease) = &operator.lease {
        all.extend(each(LEASE, Some(&operator.namespace), Some(lease)));
        all.extend(each(NEW_LEASE, Some(&operator.namespace), None));
    }
    all
}

/// One right for each verb.
fn each(
    Rule { group, resource, verbs }: Rule,
    namespace: Option<&String>,
    name: Option<&String>,
) -> impl Iterator<Item = Needed> {
    let (namespace, name) = (namespace.cloned(), name.cloned());
    let needed =
        move |verb| Needed { group, resource, verb, namespace: namespace.clone(), name: name.clone() };
    verbs.iter().copied().map(needed)
}

impl Needed {
    fn attributes(&self) -> ResourceAttributes {
        let (resource, subresource) = match self.resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
            None => (self.resource, None),
        };
        ResourceAttributes {
            group: Some(self.group.to_owned()),
            resource: Some(resource.to_owned()),
            subresource,
            verb: Some(self.verb.to_owned()),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            ..ResourceAttributes::default()
        }
    }

    fn in_words(&self) -> String {
        let Self { resource, verb, namespace, name, .. } = self;
        let name = name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
        let place = namespace.as_ref().map(|namespace| format!(" in {namespace}"));
        format!("{verb} {resource}{name}{}", place.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::page::Verdict;
    use crate::check::sample::operator_in;

    fn all(watches: &[&str]) -> Vec<Needed> {
        let operator = operator_in(watches);
        needed(&operator, operator.watches.as_deref().unwrap())
    }

    fn found(watches: &[&str], lacks: &[Needed], gone: &[&str]) -> Finding {
        let operator = operator_in(watches);
        let gone: Vec<_> = gone.iter().map(|&name| name.to_owned()).collect();
        finding(&operator, operator.watches.as_deref().unwrap(), lacks, &gone)
    }

    #[test]
    fn rights_are_needed_where_the_operator_works() {
        let words = |watches: &[&str]| -> Vec<_> { all(watches).iter().map(Needed::in_words).collect() };
        let everywhere = words(&[]);
        assert_eq!(everywhere.len(), 14 + 4, "{everywhere:?}");
        assert!(everywhere.contains(&"patch voicecampaigns/status".to_owned()), "{everywhere:?}");
        assert!(everywhere.contains(&"update leases operator in system".to_owned()), "{everywhere:?}");
        let some = words(&["a", "b"]);
        assert_eq!(some.len(), 2 * (14 + 2) + 4, "{some:?}");
        assert!(some.contains(&"patch rolebindings rights in b".to_owned()), "{some:?}");
    }

    #[test]
    fn a_right_that_is_missing_is_named() {
        assert_eq!(
            found(&[], &[], &[]),
            Finding::ok("ServiceAccount system/operator has its rights in all namespaces")
        );
        let lacks: Vec<_> =
            all(&["a"]).into_iter().filter(|needed| needed.resource == "voicecampaigns/status").collect();
        let finding = found(&["a"], &lacks, &[]);
        assert_eq!(finding.verdict, Verdict::Failed);
        assert!(
            finding.said.ends_with("It may not:\n- patch voicecampaigns/status in a"),
            "{}",
            finding.said
        );
    }

    /// The rights went with the namespace.
    #[test]
    fn a_namespace_that_is_gone_lacks_nothing() {
        let lacks: Vec<_> =
            all(&["a", "b"]).into_iter().filter(|needed| needed.namespace.as_deref() == Some("b")).collect();
        let finding = found(&["a", "b"], &lacks, &["b"]);
        let said = "of the namespaces that it watches, these are gone or being deleted: b";
        assert_eq!(finding, Finding::attention(said));
        let others = found(&["a", "b"], &all(&["a", "b"]), &["b"]);
        assert!(others.verdict == Verdict::Failed && others.said.contains(said), "{}", others.said);
        assert!(!others.said.contains(" in b"), "{}", others.said);
    }

    #[test]
    fn a_subresource_is_asked_for_as_one() {
        let all = all(&[]);
        let status = all.iter().find(|needed| needed.resource == "koreconnections/status").unwrap();
        let attributes = status.attributes();
        assert_eq!(attributes.resource.as_deref(), Some("koreconnections"));
        assert_eq!(attributes.subresource.as_deref(), Some("status"));
    }
}
