//! A client of a kubeconfig's cluster, and errors about the kubeconfig.

use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{anyhow, ensure};
use kube::Client;
use kube::client::ClientBuilder;
use regex::Regex;
use tower::timeout::TimeoutLayer;

use super::counted::{Count, Counting};

/// What an error quotes of a kubeconfig, or of the output of its credential plugin.
static QUOTED: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::unwrap_used, reason = "a constant pattern, compiled by the tests below")]
    Regex::new(
        r#"(string|stdout:) "(?:[^"\\]|\\.)*"|(variant|integer|float|point|boolean|character) `[^`]*`"#,
    )
    .unwrap()
});
/// A file whose path may be a token or a key, if somebody has put that in its place.
static FILE: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::unwrap_used, reason = "a constant pattern, compiled by the tests below")]
    Regex::new(r#"(token file|read file) '.*?'(:|$)"#).unwrap()
});
/// A credential plugin with its arguments, which may be a password.
static COMMAND: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::unwrap_used, reason = "a constant pattern, compiled by the tests below")]
    Regex::new("(auth exec command) '.*'( failed with status)").unwrap()
});
/// What an address has before its host, also where somebody has put the address in place of a name.
static USER_OF_ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::unwrap_used, reason = "a constant pattern, compiled by the tests below")]
    Regex::new(r"://\S*@").unwrap()
});
/// A name, in whose place somebody may have put something else.
static NAME: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::unwrap_used, reason = "a constant pattern, compiled by the tests below")]
    Regex::new(r"(failed to load (?:the cluster of|current) context:) .*?(\)*)$").unwrap()
});
/// A line of an excerpt, or the place that it is from.
static EXCERPT: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::unwrap_used, reason = "a constant pattern, compiled by the tests below")]
    Regex::new(r"^\s*(?:[0-9]*\s*\||-->)").unwrap()
});
/// Longest error that is shown, in characters.
const LONGEST: usize = 1000;

/// How long the API server may take to begin an answer. It gives a request up after 60 s itself
/// (`--request-timeout`), but a credential plugin may have a person log in before.
const ANSWERS: Duration = Duration::from_secs(180);
/// How long an answer may pause: kube-rs has the API server end a watch after 290 s.
const PAUSES: Duration = Duration::from_secs(295);

/// A client of this cluster for a command, which does not wait for ever.
///
/// # Errors
/// See [`unusable_cluster`].
pub fn client_of(mut cluster: kube::Config) -> anyhow::Result<Client> {
    cluster.read_timeout = Some(PAUSES);
    // The time counts from the last write, and not from the end of the answer before.
    cluster.reset_reader_on_write = true;
    check_server(&cluster)?;
    let builder = ClientBuilder::try_from(cluster).map_err(|error| unusable_cluster(&error))?;
    Ok(builder.with_layer(&TimeoutLayer::new(ANSWERS)).build())
}

/// A client of this cluster whose calls are counted.
///
/// # Errors
/// See [`unusable_cluster`].
pub fn counted_client_of(cluster: kube::Config, count: Count) -> anyhow::Result<Client> {
    check_server(&cluster)?;
    let builder = ClientBuilder::try_from(cluster).map_err(|error| unusable_cluster(&error))?;
    Ok(builder.with_layer(&Counting(count)).build())
}

/// Looks at what `ClientBuilder` takes as it is: kube-rs panics at the first request to half an address.
///
/// # Errors
/// If the server of the cluster is not a whole address.
pub fn check_server(cluster: &kube::Config) -> anyhow::Result<()> {
    let begins_well = matches!(cluster.cluster_url.scheme_str(), Some("http" | "https"));
    ensure!(
        begins_well && cluster.cluster_url.authority().is_some(),
        "the Kubernetes client can't be configured: the `server` of the cluster must begin with `https://` or `http://`"
    );
    Ok(())
}

/// The configuration of the cluster can't be used for a client. The address of a proxy may have a password
/// anywhere, so that is not shown.
pub fn unusable_cluster(error: &kube::Error) -> anyhow::Error {
    let why = match error {
        kube::Error::ProxyProtocolUnsupported { .. } | kube::Error::ProxyProtocolDisabled { .. } => {
            "the address of its proxy must begin with `http://` or `https://`".to_owned()
        }
        other => without_content(&other.to_string()),
    };
    anyhow!("the Kubernetes client can't be configured: {why}")
}

/// The text of an error on one line, without what it quotes of a kubeconfig or a manifest: that may be a
/// token, or a password. The YAML parser shows the lines around a mistake, serde shows a value of the wrong
/// type, and kube-rs shows the path of a file, or a command.
pub fn without_content(error: &str) -> String {
    let lines = error.lines().filter(|line| !EXCERPT.is_match(line)).map(str::trim);
    let text = lines.collect::<Vec<_>>().join(" ");
    let text = QUOTED.replace_all(&text, "$1$2 […]");
    let text = FILE.replace_all(&text, "$1 […]$2");
    let text = COMMAND.replace_all(&text, "$1 […]$2");
    let text = USER_OF_ADDRESS.replace_all(&text, "://[…]@");
    let text = NAME.replace_all(&text, "$1 […]$2");
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kubeconfig with a mistake beside the token, or with the token in the wrong place.
    #[test]
    fn an_error_about_a_kubeconfig_shows_none_of_its_content() {
        for kubeconfig in [
            "s3cret-token",
            "users:\n- name: a\n  user:\n    token: s3cret-token\n   broken: x\n",
            "users:\n- name: a\n  user: s3cret-token\n",
            "apiVersion: v1\nclusters: [{name: a, cluster: s3cret-token}]\n",
            "clusters: [{name: a, cluster: {insecure-skip-tls-verify: s3cret-token}}]\n",
            "users: [{name: a, user: {exec: {interactiveMode: s3cret-token}}}]\n",
            "users: [{name: a, user: {token: \"s3cret-token\" x}}]\n",
            "users: [{name: a, user: {token: *s3cret-token}}]\n",
        ] {
            let error = kube::config::Kubeconfig::from_yaml(kubeconfig).expect_err(kubeconfig).to_string();
            let shown = without_content(&error);
            assert!(!shown.contains("s3cret"), "{shown}");
            assert!(shown.starts_with("failed to parse kubeconfig YAML: "), "{shown}");
            assert!(!shown.contains('\n') && shown.len() < 300, "{shown}");
        }
    }

    /// Somebody may wait at a terminal, for an address that takes the connection and says nothing.
    #[tokio::test(start_paused = true)]
    async fn a_command_does_not_wait_for_ever() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let client = client_of(kube::Config::new(url.parse().unwrap())).unwrap();
        let error = client.apiserver_version().await.unwrap_err().to_string();
        assert!(error.contains("request timed out"), "{error}");
    }

    #[test]
    fn a_server_is_a_whole_address() {
        for server in ["s3cret", "s3cret:6443", "/s3cret", "ftp://s3cret"] {
            let cluster = || kube::Config::new(server.parse().unwrap());
            for client in [client_of(cluster()), counted_client_of(cluster(), std::sync::Arc::new(|_| ()))] {
                let Err(error) = client else { panic!("{server}") };
                let shown = format!("{error:?}");
                assert!(!shown.contains("s3cret") && shown.contains("must begin with `https://`"), "{shown}");
            }
        }
    }

    /// A proxy may want a password, which stands in its address, however that is written.
    #[test]
    fn an_address_of_a_proxy_is_not_shown() {
        for address in [
            "socks5://user:s3cret@proxy:1080",
            "ftp://user:s3cret@proxy",
            "user:s3cret@proxy:3128",
            "socks5://user:s3cret#3@proxy:1080",
        ] {
            let url = "https://127.0.0.1:1".parse().unwrap();
            let mut cluster = kube::Config::new(url);
            cluster.proxy_url = address.parse().ok();
            assert!(cluster.proxy_url.is_some(), "{address}");
            let Err(error) = client_of(cluster) else { panic!("{address}") };
            let shown = format!("{error:?}");
            assert!(!shown.contains("s3cret") && shown.contains("must begin with"), "{shown}");
        }
    }

    /// Somebody may put a token, or an address with a password, where the name of a cluster belongs.
    #[test]
    fn what_stands_for_a_name_is_not_shown() {
        for kind in ["the cluster of context", "current context"] {
            let error = format!("(failed to load {kind}: u:s3cret)@127.0.0.1:1/x)");
            assert_eq!(without_content(&error), format!("(failed to load {kind}: […])"));
        }
        let error = "failed to parse cluster url: http://u:s3cret#/@4@127.0.0.1:1/x, and so on";
        let shown = "failed to parse cluster url: http://[…]@127.0.0.1:1/x, and so on";
        assert_eq!(without_content(error), shown);
    }

    /// Somebody may put a token where its file belongs.
    #[test]
    fn the_path_of_a_file_is_not_shown() {
        for file in ["token file", "file"] {
            let error =
                format!("auth exec: failed to read {file} '\"/x/s3cret\"': No such file or directory");
            assert_eq!(
                without_content(&error),
                format!("auth exec: failed to read {file} […]: No such file or directory")
            );
        }
    }

    /// An argument of a credential plugin may be a password, and its output a token.
    #[test]
    fn an_error_of_a_plugin_shows_none_of_its_output() {
        let error = r#"auth exec command 'login --client-secret=s3cret --as='it''s'' failed with status exit status: 1: Output { status: ExitStatus(256), stdout: "s3cret-\"token", stderr: "log in first" }"#;
        let shown = without_content(error);
        assert!(!shown.contains("s3cret") && shown.contains("log in first"), "{shown}");
    }
}
