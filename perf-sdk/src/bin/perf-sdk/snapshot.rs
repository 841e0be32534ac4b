//! `snapshot`: everything that is recorded, as a file.

use std::time::Duration;

use clap::Args;

use crate::endpoint::Asked;
use crate::failure::{Outcome, Status};
use crate::output::Target;
use crate::progress::Progress;
use crate::window;

/// Write all that is recorded to a file, for `diff`, `flame`, `advise` and a look later
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    asked: Asked,
    /// The file; - is stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<String>,
    /// Of the next seconds only, such as 10s or 2m; without it since recording began
    #[arg(long, value_name = "TIME", value_parser = window::duration)]
    next: Option<Duration>,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let target = Target::of(arguments.output.as_deref(), false)?;
    let client = arguments.asked.client()?;
    let answer = match arguments.next {
        None => client.get("/snapshot", &[])?,
        Some(time) => {
            let _progress = Progress::of("recording", time);
            client.get_after(time, "/snapshot", &[("seconds", &time.as_secs_f64().to_string())])?
        }
    };
    target.write(&answer.body)?;
    target.say_written(answer.body.len());
    Ok(Status::Well)
}
