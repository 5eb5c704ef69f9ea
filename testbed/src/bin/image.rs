//! `make image`: the operator's image, without Docker.

use anyhow::Result;
use testbed::image;

fn main() -> Result<()> {
    let archive = image::operator()?;
    println!("{} is in {}", image::OPERATOR, archive.display());
    println!(
        "docker load --input FILE, ctr --namespace k8s.io images import FILE, or kind load image-archive FILE"
    );
    Ok(())
}
