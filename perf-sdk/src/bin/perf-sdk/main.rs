//! `perf-sdk`: asks the endpoint of a running program, from a terminal or a script.
//!
//! | file | job |
//! |---|---|
//! | `client` | requests to an endpoint, by TCP or a Unix socket |
//! | `address`, `process` | where an endpoint listens; the endpoint of a process, on Linux |
//! | `place`, `endpoint` | what names an endpoint; the arguments for it |
//! | `source` | what may be an endpoint or the file of a snapshot |
//! | `token` | which token is sent, and to whom |
//! | `failure` | exit statuses, and errors that say what to do |
//! | `signals` | those that are ignored |
//! | `output`, `grid`, `paint`, `progress` | files and stdout; tables; colours; progress bars |
//! | `units`, `window` | numbers for people; times in arguments |
//! | `statistics`, `versions` | what differs by more than chance: pure |
//! | `facts/` | what is asked, and its answer as data |
//! | `gate/` | two versions of a program, compared |
//! | `input` | endpoints, snapshots and bundles, for a report |
//! | all others | the subcommands, one file each |

#![forbid(unsafe_code)]

mod address;
mod advise;
mod bench;
mod check;
mod client;
mod completions;
mod diff;
mod endpoint;
mod facts;
mod failure;
mod flame;
mod functions;
mod gate;
mod grid;
mod history;
mod input;
#[cfg(feature = "mcp")]
mod mcp;
mod memory;
mod output;
mod paint;
mod place;
#[cfg_attr(not(target_os = "linux"), path = "no_process.rs")]
mod process;
mod progress;
mod record;
mod report;
mod signals;
mod snapshot;
mod source;
mod statistics;
mod status;
mod targets;
mod token;
mod top;
mod units;
mod versions;
mod window;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::{Failure, Outcome};

/// Asks a running program that has perf-sdk in it: what costs, since when, why, and what changed.
#[derive(Parser)]
#[command(
    name = "perf-sdk",
    bin_name = "perf-sdk",
    version,
    disable_help_subcommand = true,
    after_help = "Begin with `perf-sdk status`, or `perf-sdk top` to watch. Then:\n  \
                  which function costs most CPU     perf-sdk functions\n  \
                  since when is p99 up              perf-sdk history\n  \
                  who holds the memory              perf-sdk memory\n  \
                  what changed from 10:00 to 10:05  perf-sdk diff --now 10:00..10:05\n  \
                  what to do about it               perf-sdk advise\n\n\
                  Each takes an ENDPOINT: 127.0.0.1:9464 if it is left out; HOST:PORT, :PORT, unix:/path/to/socket, or \
                  a process id. `perf-sdk COMMAND --help` has examples.\n\n\
                  Exit status: 0 done, or well; 1 not as it ought to be; 2 wrong arguments, or no answer; 3 too little \
                  is known."
)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Status(status::Arguments),
    Top(top::Arguments),
    Functions(functions::Arguments),
    History(history::Arguments),
    Memory(memory::Arguments),
    Diff(diff::Arguments),
    Advise(advise::Arguments),
    Targets(targets::Arguments),
    Flame(flame::Arguments),
    Record(record::Arguments),
    Snapshot(snapshot::Arguments),
    Check(check::Arguments),
    Bench(bench::Arguments),
    Report(report::Arguments),
    #[cfg(feature = "mcp")]
    Mcp(mcp::Arguments),
    Completions(completions::Arguments),
}

impl Command {
    fn run(self) -> Outcome {
        match self {
            Self::Status(arguments) => status::run(&arguments),
            Self::Top(arguments) => top::run(&arguments),
            Self::Functions(arguments) => functions::run(&arguments),
            Self::History(arguments) => history::run(&arguments),
            Self::Memory(arguments) => memory::run(&arguments),
            Self::Diff(arguments) => diff::run(&arguments),
            Self::Advise(arguments) => advise::run(&arguments),
            Self::Targets(arguments) => targets::run(&arguments),
            Self::Flame(arguments) => flame::run(&arguments),
            Self::Record(arguments) => record::run(&arguments),
            Self::Snapshot(arguments) => snapshot::run(&arguments),
            Self::Check(arguments) => check::run(&arguments),
            Self::Bench(arguments) => bench::run(&arguments),
            Self::Report(arguments) => report::run(&arguments),
            #[cfg(feature = "mcp")]
            Self::Mcp(arguments) => mcp::run(&arguments),
            Self::Completions(arguments) => {
                completions::run(&arguments, &mut <Line as clap::CommandFactory>::command())
            }
        }
    }
}

fn main() -> ExitCode {
    // clap ends the process with 2 if the arguments are wrong.
    match Line::parse().command.run() {
        Ok(status) => status.into(),
        Err(Failure::Closed) => ExitCode::SUCCESS,
        Err(Failure::Said(text)) => {
            eprintln!("error: {text}");
            failure::Status::Failed.into()
        }
    }
}
