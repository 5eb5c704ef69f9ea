use std::fs;
use std::net::IpAddr;
use std::path::Path;

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

use crate::addresses::{KORE_HOST, NODE};

/// Writes what a control plane needs into `folder`: a CA, the certificate of the API server, which is reached
/// at these addresses, the key of the ServiceAccount tokens, and the client certificate of an administrator;
/// and those of a node.
pub fn write(folder: &Path, addresses: &[IpAddr]) -> Result<()> {
    let issuer = authority(folder)?;
    let mut server = named("kube-apiserver");
    let mut names = ["localhost", "kubernetes", "kubernetes.default.svc", NODE]
        .into_iter()
        .map(|name| Ok(SanType::DnsName(name.try_into()?)))
        .collect::<Result<Vec<_>>>()?;
    names.extend(addresses.iter().map(|address| SanType::IpAddress(*address)));
    server.subject_alt_names.clone_from(&names);
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    issue(folder, "apiserver", &server, &issuer)?;

    let mut kubelet = named(NODE);
    kubelet.subject_alt_names = names;
    kubelet.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    issue(folder, "kubelet", &kubelet, &issuer)?;

    let mut node = named(&format!("system:node:{NODE}"));
    node.distinguished_name.push(DnType::OrganizationName, "system:nodes");
    node.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    issue(folder, "node", &node, &issuer)?;

    kore(folder, &issuer)?;

    let mut administrator = named("administrator");
    administrator.distinguished_name.push(DnType::OrganizationName, "system:masters");
    administrator.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    issue(folder, "admin", &administrator, &issuer)?;

    let tokens = KeyPair::generate()?;
    fs::write(folder.join("service-account.key"), tokens.serialize_pem())?;
    fs::write(folder.join("service-account.pub"), tokens.public_key_pem())?;
    Ok(())
}

/// Writes a CA and the certificate for Kore's own address alone.
pub fn write_kore(folder: &Path) -> Result<()> {
    kore(folder, &authority(folder)?)
}

fn kore(folder: &Path, issuer: &Issuer<'_, KeyPair>) -> Result<()> {
    let mut kore = named(KORE_HOST);
    kore.subject_alt_names = vec![SanType::DnsName(KORE_HOST.try_into()?)];
    kore.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    issue(folder, "kore", &kore, issuer)
}

fn authority(folder: &Path) -> Result<Issuer<'static, KeyPair>> {
    let mut authority = named("testbed-ca");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let key = KeyPair::generate()?;
    fs::write(folder.join("ca.crt"), authority.self_signed(&key)?.pem())?;
    Ok(Issuer::new(authority, key))
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn issue(folder: &Path, name: &str, params: &CertificateParams, issuer: &Issuer<'_, KeyPair>) -> Result<()> {
    let key = KeyPair::generate()?;
    fs::write(folder.join(format!("{name}.crt")), params.signed_by(&key, issuer)?.pem())?;
    fs::write(folder.join(format!("{name}.key")), key.serialize_pem())?;
    Ok(())
}
