//! The operator on a real control plane, driven by the real kubectl, against the simulated Kore over HTTP.

#![expect(clippy::unwrap_used, reason = "a panic in a test is a failed test")]

mod absence;
mod account;
mod admission;
mod answers;
mod api_server;
mod audited;
mod brake;
mod checked;
mod configuration;
mod connection;
mod deletion;
mod documented;
mod guarded;
mod identity;
mod installed;
mod kustomized;
mod leadership;
mod lifecycle;
mod monitored;
mod named;
mod namespaces;
mod observation;
mod obstructed;
mod outage;
mod plugin;
mod proxied;
mod read_by_tools;
mod release;
mod roles;
mod scale;
mod scopes;
mod service;
mod sharing;
mod stuck;
mod support;
mod uninstalled;
mod views;
