use hyper::{Method, Uri};
use serde::{Deserialize, Serialize};

/// Group of our kinds.
const GROUP: &str = "voicecampaign.dev";

/// What a request of the operator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// PATCH of the status of a VoiceCampaign.
    Status,
    /// PATCH of a VoiceCampaign itself: its finalizer.
    Finalizer,
    /// PATCH of the status of a KoreConnection.
    ConnectionStatus,
    /// PATCH of a KoreConnection itself: its finalizer.
    ConnectionFinalizer,
    /// PATCH of a Secret: its finalizer.
    SecretFinalizer,
    /// An event that is written or counted up.
    Event,
    /// GET of an object, or of a list from its beginning.
    Read,
    /// GET of a further page of a list.
    NextPage,
    /// A watch.
    Watch,
    /// DELETE of a campaign in Kore.
    KoreDelete,
    /// GET of a campaign in Kore.
    KoreGet,
    /// A page of Kore's listing of campaigns.
    KoreList,
    /// Anything else: discovery, leases.
    Other,
}

impl Kind {
    /// What a request to the API server is.
    pub fn of_kubernetes(method: &Method, uri: &Uri) -> Self {
        match (method.as_str(), segments(uri).as_slice()) {
            ("PATCH", ["apis", GROUP, _, "namespaces", _, "voicecampaigns", _, "status"]) => Self::Status,
            ("PATCH", ["apis", GROUP, _, "namespaces", _, "voicecampaigns", _]) => Self::Finalizer,
            ("PATCH", ["apis", GROUP, _, "namespaces", _, "koreconnections", _, "status"]) => {
                Self::ConnectionStatus
            }
            ("PATCH", ["apis", GROUP, _, "namespaces", _, "koreconnections", _]) => Self::ConnectionFinalizer,
            ("PATCH", ["api", _, "namespaces", _, "secrets", _]) => Self::SecretFinalizer,
            (
                "POST" | "PATCH",
                ["api", _, "namespaces", _, "events", ..]
                | ["apis", "events.k8s.io", _, "namespaces", _, "events", ..],
            ) => Self::Event,
            ("GET", ["api", _, _, ..] | ["apis", _, _, _, ..]) if watches(uri) => Self::Watch,
            ("GET", ["api", _, _, ..] | ["apis", _, _, _, ..]) if continues(uri) => Self::NextPage,
            ("GET", ["api", _, _, ..] | ["apis", _, _, _, ..]) => Self::Read,
            _ => Self::Other,
        }
    }

    /// What a request to Kore is.
    pub fn of_kore(method: &Method, uri: &Uri) -> Self {
        let segments = segments(uri);
        let ["campaign", "api", "v2", "public", _, "campaign", last] = segments.as_slice() else {
            return Self::Other;
        };
        match (method.as_str(), *last) {
            ("POST", "getAllCampaignDetails") => Self::KoreList,
            ("DELETE", _) => Self::KoreDelete,
            ("GET", _) => Self::KoreGet,
            _ => Self::Other,
        }
    }

    /// Whether it is a step of the operator's work: a write, or a question to Kore, which is part of a
    /// deletion's proof. Events are none: nothing depends on them.
    pub fn is_effect(self) -> bool {
        match self {
            Self::Status
            | Self::Finalizer
            | Self::ConnectionStatus
            | Self::ConnectionFinalizer
            | Self::SecretFinalizer
            | Self::KoreDelete
            | Self::KoreGet
            | Self::KoreList => true,
            Self::Event | Self::Read | Self::NextPage | Self::Watch | Self::Other => false,
        }
    }
}

fn segments(uri: &Uri) -> Vec<&str> {
    uri.path().split('/').skip(1).collect()
}

fn continues(uri: &Uri) -> bool {
    uri.query()
        .unwrap_or_default()
        .split('&')
        .any(|pair| pair.starts_with("continue=") && pair != "continue=")
}

fn watches(uri: &Uri) -> bool {
    let query = uri.query().unwrap_or_default();
    query.split('&').any(|pair| pair == "watch=true" || pair == "watch=1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_kubernetes(method: &str, path: &str) -> Kind {
        Kind::of_kubernetes(&method.parse().unwrap(), &path.parse().unwrap())
    }

    fn of_kore(method: &str, path: &str) -> Kind {
        Kind::of_kore(&method.parse().unwrap(), &path.parse().unwrap())
    }

    /// A write that goes by another name would be in no plan.
    #[test]
    fn each_write_to_the_api_server_has_its_kind() {
        let ours = "/apis/voicecampaign.dev/v1alpha1/namespaces/marketing";
        let written = |path: &str| of_kubernetes("PATCH", &format!("{ours}/{path}"));
        assert_eq!(written("voicecampaigns/winback/status?fieldManager=x"), Kind::Status);
        assert_eq!(written("voicecampaigns/winback"), Kind::Finalizer);
        assert_eq!(written("koreconnections/production/status"), Kind::ConnectionStatus);
        assert_eq!(written("koreconnections/production?"), Kind::ConnectionFinalizer);
        assert_eq!(of_kubernetes("PATCH", "/api/v1/namespaces/marketing/secrets/jwt"), Kind::SecretFinalizer);
        assert_eq!(of_kubernetes("POST", "/api/v1/namespaces/marketing/events"), Kind::Event);
        let events = "/apis/events.k8s.io/v1/namespaces/marketing/events";
        assert_eq!(of_kubernetes("POST", events), Kind::Event);
        assert_eq!(of_kubernetes("PATCH", &format!("{events}/winback.17")), Kind::Event);
        assert_eq!(of_kubernetes("DELETE", &format!("{ours}/voicecampaigns/winback")), Kind::Other);
        assert_eq!(of_kubernetes("PUT", "/apis/coordination.k8s.io/v1/namespaces/x/leases/y"), Kind::Other);
    }

    #[test]
    fn a_watch_is_told_from_a_read_and_from_discovery() {
        let list = "/apis/voicecampaign.dev/v1alpha1/voicecampaigns";
        assert_eq!(of_kubernetes("GET", list), Kind::Read);
        assert_eq!(of_kubernetes("GET", &format!("{list}?limit=500&watch=false")), Kind::Read);
        assert_eq!(of_kubernetes("GET", &format!("{list}?&watch=true&timeoutSeconds=290")), Kind::Watch);
        assert_eq!(of_kubernetes("GET", &format!("{list}?watch=1")), Kind::Watch);
        assert_eq!(of_kubernetes("GET", &format!("{list}?limit=500&continue=eyJ2")), Kind::NextPage);
        assert_eq!(of_kubernetes("GET", &format!("{list}?limit=500&continue=")), Kind::Read);
        assert_eq!(of_kubernetes("GET", "/api/v1/namespaces/marketing/secrets/jwt"), Kind::Read);
        for path in ["/version", "/apis", "/apis/voicecampaign.dev/v1alpha1", "/api/v1", "/readyz"] {
            assert_eq!(of_kubernetes("GET", path), Kind::Other, "{path}");
        }
    }

    #[test]
    fn each_call_to_kore_has_its_kind() {
        let base = "/campaign/api/v2/public/st-06031/campaign";
        assert_eq!(
            of_kore("DELETE", &format!("{base}/cd-1?accountId=a&campaignType=voice")),
            Kind::KoreDelete
        );
        assert_eq!(of_kore("GET", &format!("{base}/cd-1?accountId=a")), Kind::KoreGet);
        assert_eq!(of_kore("POST", &format!("{base}/getAllCampaignDetails?accountId=a")), Kind::KoreList);
        assert_eq!(of_kore("POST", &format!("{base}/cd-1/start")), Kind::Other);
        assert_eq!(of_kore("POST", base), Kind::Other);
    }

    #[test]
    fn questions_to_kore_are_effects_and_events_are_none() {
        assert!(Kind::KoreGet.is_effect() && Kind::KoreList.is_effect() && Kind::Finalizer.is_effect());
        assert!(!Kind::Event.is_effect() && !Kind::Read.is_effect() && !Kind::Watch.is_effect());
    }
}
