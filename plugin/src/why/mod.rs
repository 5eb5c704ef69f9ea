//! `why`: what holds a resource, what happens next, and what would change that.
//!
//! ```text
//!   facts.rs     the resource, its connection, the operators, as far as the user may read them
//!     └─▶ answer.rs  the answer (PURE)
//!           ├─ advice.rs    what a reason means for its reader, and what to do
//!           └─ operator.rs  why no operator acts on the resource
//! ```

mod advice;
mod answer;
mod facts;
mod operator;
mod todo;

#[cfg(test)]
pub use answer::Why;

use crate::cli::{TextFormat, WhyArgs};
use crate::cluster::Cluster;
use crate::end::End;
use crate::output;
use facts::Facts;

/// Runs the command.
///
/// # Errors
/// If the resource can't be read, or there is none of that name.
pub async fn run(arguments: WhyArgs, cluster: &Cluster) -> anyhow::Result<End> {
    let WhyArgs { name, output } = arguments;
    let facts = Facts::read(&name, cluster).await?;
    let why = answer::of(&facts);
    output::print(&match output {
        TextFormat::Text => why.text(),
        TextFormat::Json => output::json(&why)?,
        TextFormat::Yaml => output::yaml(&why)?,
    })?;
    Ok(End::Done)
}
