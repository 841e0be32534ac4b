//! `perf-sdk`: asks the endpoint of a running program, from a terminal or a script.
//!
//! | file | job |
//! |---|---|
//! | `client` | requests to an endpoint, by TCP or a Unix socket |
//! | `address`, `process` | where an endpoint listens; the endpoint of a process |
//! | `place`, `endpoint` | what names an endpoint; the arguments for it |
//! | `token` | which token is sent, and to whom |
//! | `failure` | exit statuses, and errors that say what to do |
//! | `output`, `paint`, `progress` | files and stdout; colours; progress bars |
//! | `units`, `window` | numbers for people; times in arguments |
//! | `completions`, `snapshot` | the subcommands, one file each |

#![forbid(unsafe_code)]

mod address;
mod client;
mod completions;
mod endpoint;
mod failure;
mod output;
mod paint;
mod place;
mod process;
mod progress;
mod snapshot;
mod token;
mod units;
mod window;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::{Failure, Outcome};

/// Asks a program that has perf-sdk in it what it does.
#[derive(Parser)]
#[command(
    name = "perf-sdk",
    bin_name = "perf-sdk",
    version,
    disable_help_subcommand = true,
    after_help = "ENDPOINT is 127.0.0.1:9464 if it is left out. Others: HOST:PORT, :PORT, \
                  unix:/path/to/socket, or a process id.\n\n\
                  Exit status: 0 it is so, 1 it is not as it ought to be, 2 wrong arguments or no answer, \
                  3 too little is known."
)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Snapshot(snapshot::Arguments),
    Completions(completions::Arguments),
}

impl Command {
    fn run(self) -> Outcome {
        match self {
            Self::Snapshot(arguments) => snapshot::run(&arguments),
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
