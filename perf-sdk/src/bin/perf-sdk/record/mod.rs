//! `record`: a bundle of an endpoint, or of a program that is run.
//!
//! | file | job |
//! |---|---|
//! | `archive` | the files that are made of a snapshot |
//! | `child` | a program that is run, with the signals that it gets |
//! | `run` | its snapshot, and what becomes of it |

mod archive;
mod child;
mod run;

use std::ffi::OsString;
use std::thread;
use std::time::Duration;

use clap::Args;

use crate::endpoint::Asked;
use crate::failure::{Outcome, Status, said};
use crate::output::Target;
use crate::progress::Progress;
use crate::window;

/// Record what a program does into one .tar.gz: the last minute of an endpoint, or a whole run
#[derive(Args)]
#[command(after_help = "The last minute of a running service:   perf-sdk record\n\
                        The next 30 seconds:                    perf-sdk record --next 30s\n\
                        A run of a program that has perf-sdk:   perf-sdk record -o run.tar.gz -- ./program args\n\n\
                        Exit status: that of the program, if one is run (128 and the signal, if one ended it).")]
pub(crate) struct Arguments {
    #[command(flatten)]
    asked: Asked,
    /// How much of the past of the endpoint [default: what the endpoint takes, 60s]
    #[arg(long, value_name = "TIME", value_parser = window::duration, conflicts_with_all = ["next", "bundle", "program"])]
    last: Option<Duration>,
    /// Wait for so long, and record that
    #[arg(long, value_name = "TIME", value_parser = window::duration, conflicts_with_all = ["bundle", "program"])]
    next: Option<Duration>,
    /// A bundle that is kept there, as an alert names it
    #[arg(long, value_name = "NAME", conflicts_with = "program")]
    bundle: Option<String>,
    /// The file; - is stdout [default: as the bundle is called]
    #[arg(short, long, value_name = "FILE")]
    output: Option<String>,
    /// A program to run, and its arguments
    #[arg(last = true, value_name = "PROGRAM")]
    program: Vec<OsString>,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    if let [program, rest @ ..] = &arguments.program[..] {
        if arguments.asked.endpoint.is_some() || arguments.asked.access.token.is_some() {
            return said("an endpoint or a token is given beside a program; allowed: one of both");
        }
        return run::run(program, rest, arguments.output.as_deref());
    }
    let client = arguments.asked.client()?;
    if let Some(time) = arguments.next {
        // Whether somebody is there, before the wait.
        client.get("/healthz", &[])?;
        let _progress = Progress::of("recording", time);
        thread::sleep(time);
    }
    let answer = match &arguments.bundle {
        Some(name) if name.contains(['/', '?', '#', '%', ' ']) => {
            return said(format!("bundle is {name:?}; allowed: a name as /flight lists it"));
        }
        Some(name) => client.get(&format!("/api/v1/flight/{name}"), &[])?,
        None => {
            let last = arguments.next.or(arguments.last).map(|time| format!("{}s", time.as_secs().max(1)));
            let query: Vec<(&str, &str)> = last.iter().map(|last| ("last", last.as_str())).collect();
            let _progress = Progress::of("making the bundle", Duration::from_secs(2));
            client.get("/api/v1/flight", &query)?
        }
    };
    let usual = answer.file_name.clone().unwrap_or_else(|| "perf-sdk-bundle.tar.gz".to_owned());
    let target = Target::of(Some(arguments.output.as_deref().unwrap_or(&usual)), false)?;
    target.write(&answer.body)?;
    target.say_written(answer.body.len());
    Ok(Status::Well)
}
