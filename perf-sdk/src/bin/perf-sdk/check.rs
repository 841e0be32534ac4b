//! `check`: whether a version of a program costs more than another one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::failure::{Failure, Outcome, Status};
use crate::gate::{self, Instructions, Options, Program, Subject, Time};
use crate::output::{self, Target};
use crate::paint::Paint;
use crate::progress::Progress;

/// Compare two versions of a program with operations, and fail where one costs more
///
/// Both are programs that end in perf_sdk::bench::Bench::run, or tests that end in Bench::test. The
/// base may be a file that `perf-sdk bench --write` wrote.
///
/// Counts of calls, allocations and bytes must be the same or less. Instructions may grow by 1 %,
/// where valgrind is installed. Time is shown, and fails with --time fail.
#[derive(Args)]
#[command(after_help = "Exit status: 0 nothing costs more, 1 something does, 2 wrong arguments or a program that \
                        fails, 3 it cannot be said, with the smallest change that could have been seen.")]
pub(crate) struct Arguments {
    /// The version before: a program, or a baseline file whose name ends with .toml
    base: PathBuf,
    /// The version to judge: a program
    head: PathBuf,
    #[command(flatten)]
    programs: Programs,
    /// Time: off, show (a slower operation is shown), or fail (it fails the check)
    #[arg(long, value_name = "HOW", default_value = "show")]
    time: TimeHow,
    /// By how much of the base time may grow
    #[arg(long, value_name = "PERCENT", default_value = "5%", value_parser = percent)]
    tolerance: f64,
    /// For machines that many share: --tolerance 20% and half of the pairs
    #[arg(long, conflicts_with_all = ["tolerance", "pairs"])]
    coarse: bool,
    /// Pairs of processes that are timed, base and head in turns
    #[arg(long, value_name = "N", default_value = "31", value_parser = clap::value_parser!(u32).range(3..=1001))]
    pairs: u32,
    /// By how much of the base instructions may grow
    #[arg(long, value_name = "PERCENT", default_value = "1%", value_parser = percent)]
    instruction_tolerance: f64,
    /// Operations and functions that may cost more: a part of the name; may be given several times
    #[arg(long, value_name = "NAME")]
    accept: Vec<String>,
    /// Write the report as Markdown to this file; - is stdout
    #[arg(long, value_name = "FILE")]
    markdown: Option<String>,
    /// Write the report for a CI's page of tests to this file; - is stdout
    #[arg(long, value_name = "FILE")]
    junit: Option<String>,
    /// JSON on stdout
    #[arg(long)]
    json: bool,
}

/// How programs are run; `bench` has it too.
#[derive(Args)]
pub(crate) struct Programs {
    /// Only operations with this in their name; may be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Instructions: auto (where valgrind is installed), on, or off
    #[arg(long, value_name = "HOW", default_value = "auto")]
    instructions: InstructionsHow,
    /// How many seconds one process may take
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    /// Arguments of the programs: for a test, its name and --exact
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<OsString>,
}

#[derive(Clone, Copy, ValueEnum)]
enum TimeHow {
    Off,
    Show,
    Fail,
}

#[derive(Clone, Copy, ValueEnum)]
enum InstructionsHow {
    Auto,
    On,
    Off,
}

impl Programs {
    pub(crate) fn program(&self, path: &Path) -> Program {
        // A name without a folder would be looked for in PATH.
        let is_bare = path.parent().is_some_and(|folder| folder.as_os_str().is_empty());
        let path = if is_bare { Path::new(".").join(path) } else { path.to_owned() };
        Program { path, arguments: self.arguments.clone(), timeout: Duration::from_secs(self.timeout) }
    }

    pub(crate) fn options(&self) -> Options {
        let instructions = match self.instructions {
            InstructionsHow::Auto => Instructions::Auto,
            InstructionsHow::On => Instructions::Required,
            InstructionsHow::Off => Instructions::Off,
        };
        Options { only: self.only.clone(), instructions, ..Options::default() }
    }
}

impl Arguments {
    fn options(&self) -> Options {
        let time = match self.time {
            TimeHow::Off => Time::Off,
            TimeHow::Show => Time::Advisory,
            TimeHow::Fail => Time::Blocking,
        };
        let (tolerance, pairs) = if self.coarse { (0.2, 15) } else { (self.tolerance, self.pairs as usize) };
        Options {
            time,
            tolerance,
            pairs,
            instruction_tolerance: self.instruction_tolerance,
            accepted: self.accept.clone(),
            ..self.programs.options()
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let base = match arguments.base.extension() {
        Some(end) if end == "toml" => Subject::File(arguments.base.clone()),
        _ => Subject::Program(arguments.programs.program(&arguments.base)),
    };
    let head = arguments.programs.program(&arguments.head);
    let mut progress = None;
    let mut moved = |done: usize, all: usize| {
        progress.get_or_insert_with(|| Progress::of_steps("comparing", all as u64)).set(done as u64);
    };
    let report = gate::check(&base, &head, &arguments.options(), &mut moved).map_err(Failure::new)?;
    drop(progress);
    if let Some(file) = &arguments.markdown {
        Target::of(Some(file), true)?.write(gate::markdown(&report).as_bytes())?;
    }
    if let Some(file) = &arguments.junit {
        let text = gate::junit(&report).map_err(Failure::new)?;
        Target::of(Some(file), true)?.write(text.as_bytes())?;
    }
    if arguments.json {
        output::print_json(&report)?;
    } else {
        output::print(&gate::text(&report, Paint::of_stdout()))?;
    }
    Ok(match report.status() {
        0 => Status::Well,
        1 => Status::Unwell,
        _ => Status::Unknown,
    })
}

/// `5%` or `5`.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>().ok();
    let number = number.filter(|number| (0.0..=1_000.0).contains(number));
    number.map(|number| number / 100.0).ok_or_else(|| "allowed is a percentage from 0% to 1000%, such as 5%".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_parts() {
        assert_eq!(percent("5%"), Ok(0.05));
        assert_eq!(percent("0.5"), Ok(0.005));
        for wrong in ["", "%", "-1%", "1001%", "NaN", "x"] {
            assert!(percent(wrong).is_err(), "{wrong}");
        }
    }
}
