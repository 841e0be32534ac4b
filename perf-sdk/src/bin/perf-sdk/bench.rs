//! `bench`: what the operations of a program cost, as a table or as a file to compare with.

use std::path::PathBuf;

use clap::Args;

use crate::check::Programs;
use crate::failure::{Failure, Outcome, Status, said};
use crate::gate;
use crate::output::{self, Target};

/// Count what the operations of a program cost, and write a file for `check`
#[derive(Args)]
pub(crate) struct Arguments {
    /// A program that ends in perf_sdk::bench::Bench::run, or a test that ends in Bench::test
    program: PathBuf,
    #[command(flatten)]
    programs: Programs,
    /// Write the counts to this file, for `perf-sdk check FILE PROGRAM`: its name ends with .toml
    #[arg(long, value_name = "FILE", value_parser = toml)]
    write: Option<String>,
    /// JSON on stdout
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let program = arguments.programs.program(&arguments.program);
    let baseline = gate::measure(&program, &arguments.programs.options()).map_err(Failure::new)?;
    let unsteady = baseline.unsteady();
    let text = baseline.to_toml();
    match &arguments.write {
        Some(_) if !unsteady.is_empty() => {
            return said(format!(
                "{} differs from process to process, so a file cannot keep its counts: compare two programs, or have \
                 it do the same each time, or leave it out with --only",
                unsteady.join(", ")
            ));
        }
        Some(file) => {
            let target = Target::of(Some(file), true)?;
            target.write(text.as_bytes())?;
            target.say_written(text.len());
        }
        None if !arguments.json => output::print(&text)?,
        None => {}
    }
    if arguments.json {
        output::print_json(&baseline.to_json())?;
    }
    Ok(Status::Well)
}

fn toml(text: &str) -> Result<String, String> {
    match text.ends_with(".toml") {
        true => Ok(text.to_owned()),
        false => Err("the name must end with .toml, by which `check` knows a file".to_owned()),
    }
}
