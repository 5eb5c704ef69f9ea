//! The normal form of a base address. Pure.

use url::{Host, Url};

/// The spelling of a base address that comparisons use: scheme, host, and the port unless it is the scheme's
/// default.
///
/// It is in lower case, without a trailing dot, a path, leading zeros in the port, and the domain
/// `cluster.local` of a Service. IP addresses are in canonical form, and IPv4-mapped IPv6 addresses become
/// IPv4. A text that is no address is only converted to lower case.
pub fn normal_host(host: &str) -> String {
    let as_written = || host.to_lowercase();
    let Ok(url) = Url::parse(host) else { return as_written() };
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    let name = match url.host() {
        Some(Host::Domain(name)) => {
            let bare = name.trim_end_matches('.');
            let service = bare.strip_suffix(".cluster.local").filter(|bare| bare.ends_with(".svc"));
            let bare = service.unwrap_or(bare);
            if bare != name {
                // Without the dot it may be an IP address.
                return normal_host(&format!("{}://{bare}{port}", url.scheme()));
            }
            name.to_owned()
        }
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => {
            address.to_ipv4_mapped().map_or_else(|| format!("[{address}]"), |address| address.to_string())
        }
        None => return as_written(),
    };
    format!("{}://{name}{port}", url.scheme())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Each entry is one host in several spellings; no two entries are the same host.
    const HOSTS: [&[&str]; 10] = [
        &[
            "https://h",
            "https://h:443",
            "https://h:0443",
            "https://h.",
            "https://H",
            "HTTPS://h.:443",
            "https://h/",
        ],
        &["https://h:80", "https://H.:00080"],
        &["https://h:8443", "https://h.:8443", "https://h:08443"],
        &["http://h", "http://h:80", "http://h.:80"],
        &["http://h:443"],
        &["https://a.h", "https://A.h.:443"],
        &[
            "http://kore.test.svc",
            "http://kore.test.svc.cluster.local:80",
            "http://kore.test.svc.cluster.local.",
        ],
        &["http://[::1]", "http://[0:0:0:0:0:0:0:1]", "http://[0::1]:80"],
        &["https://[2001:db8::a]", "https://[2001:DB8:0::0a]:443", "https://[2001:0db8:0:0:0:0:0:000a]"],
        &[
            "http://127.0.0.1",
            "http://127.0.0.1.",
            "http://127.1",
            "http://0x7f.0.0.1",
            "http://[::ffff:127.0.0.1]",
        ],
    ];

    #[test]
    fn every_spelling_of_a_host_has_one_normal_form() {
        let mut forms: Vec<String> = Vec::new();
        for spellings in HOSTS {
            let normal = normal_host(spellings[0]);
            for spelling in spellings {
                assert_eq!(normal_host(spelling), normal, "{spelling}");
            }
            assert!(!forms.contains(&normal), "{normal} is another host");
            forms.push(normal);
        }
        // Texts that are no addresses can be compared, too.
        assert_eq!(normal_host("https://h:99999"), normal_host("https://H:99999"));
        assert_ne!(normal_host("https://h:99999"), normal_host("https://h:99998"));
    }

    proptest! {
        /// Normalizing twice changes nothing, for every host that the CRD admits.
        #[test]
        fn a_normal_form_is_its_own(
            host in r"https://[a-z0-9]([a-z0-9.-]{0,9}[a-z0-9])?[.]?(:[0-9]{1,5})?|http://\[(([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|[0-9a-f:]{2,9})\](:[0-9]{1,5})?"
        ) {
            let normal = normal_host(&host);
            prop_assert_eq!(normal_host(&normal), normal);
        }

        /// Case, a trailing dot and leading zeros of the port do not distinguish hosts; the port does.
        #[test]
        fn spellings_are_one_and_ports_are_not(name in "[a-z]{1,9}([.][a-z]{1,9}){0,3}", port in 1_u16..) {
            let normal = normal_host(&format!("https://{name}:{port}"));
            prop_assert_eq!(&normal_host(&format!("https://{}.:00{port}", name.to_uppercase())), &normal);
            prop_assert_ne!(&normal_host(&format!("https://{name}:{}", port.wrapping_add(1).max(1))), &normal);
        }
    }
}
