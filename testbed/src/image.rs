//! The operator's image, without Docker: from scratch, with one static program, the certificates of public
//! authorities, and the licences of what the program is made of. The Dockerfile makes the same.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{process, repository};

/// Name and tag of the operator's image, as the chart has it.
pub const OPERATOR: &str = concat!("voicecampaign-operator:", env!("CARGO_PKG_VERSION"));
/// Writes the list of dependencies into the program.
const AUDITABLE: (&str, &str) = ("cargo-auditable", "0.7.7");
/// Where Debian, and many others, keep the certificates of public authorities; also where the program looks
/// for them.
const AUTHORITIES: &str = "etc/ssl/certs/ca-certificates.crt";
/// Who runs it: nobody that a system knows.
const USER: &str = "65532:65532";

/// Builds the operator, statically, and packs it; returns the archive, which `docker load`, `ctr images
/// import` and `kind load image-archive` take.
///
/// # Errors
/// If the build fails, or this machine has no certificates to put in.
pub fn operator() -> Result<PathBuf> {
    let program = build()?;
    let archive = archive();
    pack(&archive, OPERATOR, &program)?;
    Ok(archive)
}

/// The archive that [`operator`] has made, and one of the same image with another tag.
///
/// # Errors
/// If the other one can't be written.
pub fn archives(tag: &str) -> Result<[PathBuf; 2]> {
    let other = archive().with_file_name(format!("{tag}.tar"));
    let (name, _) = OPERATOR.split_once(':').context("name and tag")?;
    pack(&other, &format!("{name}:{tag}"), &program()?)?;
    Ok([archive(), other])
}

fn archive() -> PathBuf {
    repository().join("target/image/voicecampaign-operator.tar")
}

fn pack(archive: &Path, name: &str, program: &Path) -> Result<()> {
    let authorities = fs::read(Path::new("/").join(AUTHORITIES))
        .with_context(|| format!("/{AUTHORITIES} is needed: install ca-certificates"))?;
    let mut files = licenses()?;
    files.push((AUTHORITIES.to_owned(), authorities));
    let files: Vec<_> = files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
    write(archive, name, program, USER, &files)
}

/// Licences of what the program is made of, with their paths in the image, in order.
fn licenses() -> Result<Vec<(String, Vec<u8>)>> {
    let folder = tempfile::tempdir()?;
    let mut collect = Command::new("sh");
    collect.arg("licenses.sh").arg(folder.path()).arg(target()?).current_dir(repository());
    process::run(collect)?;
    let mut files = Vec::new();
    let mut folders = vec![folder.path().to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = Path::new("licenses").join(path.strip_prefix(folder.path())?);
                files.push((name.display().to_string(), fs::read(&path)?));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Where the static program is.
fn program() -> Result<PathBuf> {
    let folder =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from);
    Ok(folder.join(target()?).join("release/voicecampaign-operator"))
}

/// Builds the operator as a static program with the list of its dependencies.
fn build() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tools = repository().join("target/tools");
    let (name, version) = AUDITABLE;
    if !tools.join("bin").join(name).is_file() {
        eprintln!("testbed: installing {name} {version} into {}", tools.display());
        let mut install = Command::new(&cargo);
        install.args(["install", "--quiet", "--locked", "--version", version, name, "--root"]).arg(&tools);
        process::run(install)?;
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let target = target()?;
    let mut build = Command::new(&cargo);
    build
        .args(["auditable", "build", "--quiet", "--release", "--locked", "--bin", "voicecampaign-operator"])
        // Named, so that what runs while it is built is not static.
        .args(["--target", target])
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env("PATH", format!("{}:{path}", tools.join("bin").display()))
        .current_dir(repository());
    process::run(build)?;
    program()
}

fn target() -> Result<&'static str> {
    Ok(match std::env::consts::ARCH {
        "x86_64" => "x86_64-unknown-linux-gnu",
        "aarch64" => "aarch64-unknown-linux-gnu",
        other => bail!("no image for {other}"),
    })
}

/// Packs a static program and some files as an image that runs it. The same input makes the same image.
///
/// # Errors
/// If the program is not static, or the archive can't be written.
pub fn write(archive: &Path, name: &str, program: &Path, user: &str, files: &[(&str, &[u8])]) -> Result<()> {
    let binary = fs::read(program).with_context(|| format!("{} can't be read", program.display()))?;
    ensure!(
        !needs_interpreter(&binary),
        "{} is not static: it would not start without a system",
        program.display()
    );
    let entry = program.file_name().context("a name")?.to_string_lossy().into_owned();
    let mut layer = tar::Builder::new(Vec::new());
    add(&mut layer, &entry, &binary, 0o755)?;
    let (number, _) = user.split_once(':').context("user and group")?;
    add(&mut layer, "etc/passwd", format!("operator:x:{number}:{number}::/:/\n").as_bytes(), 0o644)?;
    for (path, bytes) in files {
        add(&mut layer, path, bytes, 0o644)?;
    }
    let layer = layer.into_inner()?;
    let architecture = if std::env::consts::ARCH == "aarch64" { "arm64" } else { "amd64" };
    let (title, version) = name.split_once(':').context("name and tag")?;
    let created = "1970-01-01T00:00:00Z";
    let config = json!({
        "architecture": architecture, "os": "linux", "created": created,
        "config": {
            "User": user, "Entrypoint": [format!("/{entry}")], "WorkingDir": "/", "Env": ["PATH=/"],
            "Labels": {
                "org.opencontainers.image.title": title, "org.opencontainers.image.version": version,
                "org.opencontainers.image.licenses": "Apache-2.0",
            },
        },
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", digest(&layer))]},
        "history": [{"created": created}],
    })
    .to_string();
    let config_file = format!("{}.json", digest(config.as_bytes()));
    let manifest = json!([{"Config": config_file, "RepoTags": [name], "Layers": ["layer.tar"]}]).to_string();
    let mut image = tar::Builder::new(Vec::new());
    add(&mut image, "manifest.json", manifest.as_bytes(), 0o644)?;
    add(&mut image, &config_file, config.as_bytes(), 0o644)?;
    add(&mut image, "layer.tar", &layer, 0o644)?;
    fs::create_dir_all(archive.parent().context("a folder")?)?;
    fs::write(archive, image.into_inner()?)?;
    Ok(())
}

fn add<W: Write>(archive: &mut tar::Builder<W>, path: &str, bytes: &[u8], mode: u32) -> Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(mode);
    header.set_mtime(0);
    archive.append_data(&mut header, path, bytes)?;
    Ok(())
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether an ELF file (64 bits, little-endian) has a program header PT_INTERP, or is no such file.
fn needs_interpreter(binary: &[u8]) -> bool {
    const PT_INTERP: u32 = 3;
    let number = |at: usize, length: usize| -> Option<u64> {
        let mut bytes = [0; 8];
        bytes[..length].copy_from_slice(binary.get(at..at + length)?);
        Some(u64::from_le_bytes(bytes))
    };
    let headers = || -> Option<Vec<u64>> {
        let (start, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
        (0..count).map(|index| number(usize::try_from(start + index * size).ok()?, 4)).collect()
    };
    let is_elf = binary.starts_with(b"\x7fELF\x02\x01");
    !is_elf || headers().is_none_or(|types| types.contains(&PT_INTERP.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each part of the program is named with its licence, and has its text, if it brings one; and the
    /// Dockerfile puts them in, too.
    #[test]
    fn the_image_has_the_licences_of_its_parts() {
        let files = licenses().unwrap();
        let text = |path: &str| {
            let (_, bytes) = files.iter().find(|(name, _)| name == path).unwrap_or_else(|| panic!("{path}"));
            String::from_utf8(bytes.clone()).unwrap()
        };
        assert!(text("licenses/LICENSE").contains("Apache License"));
        let dependencies = text("licenses/DEPENDENCIES");
        let lock = fs::read_to_string(repository().join("Cargo.lock")).unwrap();
        let mut with_text = 0;
        for line in dependencies.lines().skip(1) {
            let [part, licence, _] = line.split(" | ").collect::<Vec<_>>()[..] else { panic!("{line}") };
            assert!(!licence.is_empty(), "{line}");
            let Some((name, version)) = part.split_once(" v") else { continue };
            assert!(lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"\n")), "{line}");
            let folder = format!("licenses/{name}-{version}/");
            let has_text = files.iter().any(|(path, bytes)| path.starts_with(&folder) && !bytes.is_empty());
            // These are published without: kube under the same licence as ours.
            assert!(has_text || name.starts_with("kube") || name == "cel", "{line}");
            with_text += usize::from(has_text);
        }
        assert!(with_text > 100, "{dependencies}");
        for part in ["tokio v", "aws-lc-sys v", "tikv-jemalloc-sys v", "GNU C library"] {
            assert!(dependencies.contains(&format!("\n{part}")), "{part}");
        }
        assert!(files.iter().any(|(path, _)| path.contains("jemalloc/COPYING")), "code of another project");
        let dockerfile = fs::read_to_string(repository().join("Dockerfile")).unwrap();
        assert!(dockerfile.contains("sh licenses.sh /image/licenses \"$target\""));
    }

    /// jemalloc ends a program whose pages are larger than those that it was built for.
    #[test]
    fn the_allocator_is_built_for_every_arm64_kernel() {
        let config = fs::read_to_string(repository().join(".cargo/config.toml")).unwrap();
        assert!(config.contains("\nAARCH64_UNKNOWN_LINUX_GNU_JEMALLOC_SYS_WITH_LG_PAGE = \"16\"\n"));
    }

    /// A program that needs the C library of a system is noticed; a test itself is one.
    #[test]
    fn a_dynamic_program_makes_no_image() {
        let folder = tempfile::tempdir().unwrap();
        let program = std::env::current_exe().unwrap();
        let refused = write(&folder.path().join("x.tar"), "x:1", &program, USER, &[]).unwrap_err();
        assert!(refused.to_string().contains("is not static"), "{refused}");
    }
}
