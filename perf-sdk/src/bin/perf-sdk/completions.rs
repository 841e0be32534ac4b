//! `completions`: what a shell needs to complete the command line.

use clap::Args;
use clap_complete::Shell;

use crate::failure::{Outcome, Status};
use crate::output::Target;

/// Write completions for a shell to stdout
#[derive(Args)]
pub(crate) struct Arguments {
    /// bash, elvish, fish, powershell or zsh
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments, line: &mut clap::Command) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, line, "perf-sdk", &mut script);
    Target::Stdout.write(&script)?;
    Ok(Status::Well)
}
