//! An operator that reaches the API server through a proxy.

use testbed::Operator;
use testbed::faults::{Action, Fault, Kind, Lasting, Nemesis, Plan, Proxy, Trigger, Upstream};
use testbed::operator::Options;

use crate::support::*;

/// An operator whose way to the API server goes through a proxy.
pub fn behind_a_proxy(world: &World) -> (Operator, Proxy, Nemesis) {
    behind_a_proxy_with(world.options())
}

pub fn behind_a_proxy_with(options: Options) -> (Operator, Proxy, Nemesis) {
    let nemesis = Nemesis::new();
    let (mut operator, proxy) = launch_behind_a_proxy(options, &nemesis);
    operator.wait_until_ready().unwrap();
    (operator, proxy, nemesis)
}

/// One that meets the faults of the nemesis from its start, and need not become ready.
pub fn launch_behind_a_proxy(options: Options, nemesis: &Nemesis) -> (Operator, Proxy) {
    let upstream = Upstream::Kubernetes { url: plane().api_url(), ca_pem: plane().ca_pem().unwrap() };
    let proxy = Proxy::start(upstream, nemesis.clone()).unwrap();
    let options = Options { server: Some(proxy.url()), ..options };
    (Operator::launch(plane(), &options).unwrap(), proxy)
}

pub fn plan(kinds: &[Kind], lasting: Lasting, then: Action) -> Plan {
    let at = Trigger { kinds: kinds.to_vec(), from: 1, lasting };
    Plan { name: "views".into(), seed: 0, faults: vec![Fault { at, then }] }
}
