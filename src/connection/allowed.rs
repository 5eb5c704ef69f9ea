use crate::kore::normal_host;

/// The hosts that tokens may be sent to (`--allowed-hosts`); any host, if the list is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AllowedHosts(Vec<String>);

impl AllowedHosts {
    /// These base addresses, in any spelling. Empty ones are ignored.
    pub fn new<'a>(hosts: impl IntoIterator<Item = &'a str>) -> Self {
        Self(hosts.into_iter().filter(|host| !host.is_empty()).map(normal_host).collect())
    }

    /// Whether a host is in the list.
    pub fn names(&self, host: &str) -> bool {
        self.0.contains(&normal_host(host))
    }

    /// Whether the operator may call a host.
    pub fn allows(&self, host: &str) -> bool {
        self.0.is_empty() || self.0.contains(&normal_host(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_allowed_however_it_is_spelled_and_no_other_is() {
        let hosts = AllowedHosts::new(["https://Platform.kore.ai:443", "", "http://kore.test.svc"]);
        for good in
            ["https://platform.kore.ai", "https://platform.kore.ai.", "http://kore.test.svc.cluster.local:80"]
        {
            assert!(hosts.allows(good), "{good}");
        }
        for bad in [
            "https://platform.kore.ai:8443",
            "http://platform.kore.ai",
            "https://platform.kore.ai.evil.example",
            "https://evil.example",
            "",
        ] {
            assert!(!hosts.allows(bad), "{bad}");
        }
        assert!(AllowedHosts::new([""]).allows("https://anywhere"), "the list is empty");
    }
}
