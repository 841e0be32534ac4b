//! `flame`: a flamegraph, as SVG or as folded stacks.

use std::time::Duration;

use clap::{Args, ValueEnum};
use perf_sdk::export::{self, Weight};
use perf_sdk::snapshot::Snapshot;

use crate::address::USUAL;
use crate::client::Client;
use crate::endpoint::Access;
use crate::failure::{Failure, Outcome, Status, said};
use crate::output::Target;
use crate::progress::Progress;
use crate::source::Source;
use crate::window;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// a picture for a browser
    Svg,
    /// a line for each stack: outer;inner weight
    Folded,
}

/// Write a flamegraph of an endpoint or of a snapshot's file
#[derive(Args)]
#[command(
    after_help = "Weights: wall, cpu, offcpu, bytes, allocations, calls, live, live_objects, retained_old, live_growth;\n\
                        of an endpoint also cpu_samples, wall_samples, offcpu_samples: whole stacks, unannotated\n\
                        functions too.\n\n\
                        perf-sdk flame -o cpu.svg --weight cpu_samples\n\
                        perf-sdk flame --weight live --format folded | sort -k2 -nr -t' ' | head"
)]
pub(crate) struct Arguments {
    /// An endpoint, or the file of a snapshot [default: 127.0.0.1:9464]
    #[arg(value_name = "ENDPOINT|FILE")]
    of: Option<String>,
    #[command(flatten)]
    access: Access,
    /// The width of frames
    #[arg(long, default_value = "cpu")]
    weight: String,
    /// Only below this function
    #[arg(long, value_name = "NAME")]
    function: Option<String>,
    /// Of the next time of an endpoint, such as 10s; without it since recording began
    #[arg(long, value_name = "TIME", value_parser = window::duration)]
    next: Option<Duration>,
    /// svg or folded; without it as the name of the file says, else svg
    #[arg(long)]
    format: Option<Format>,
    /// The file; - is stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let is_folded_name = |name: &str| [".folded", ".txt"].iter().any(|end| name.ends_with(end));
    let named = arguments.output.as_deref().is_some_and(is_folded_name);
    let format = arguments.format.unwrap_or(if named { Format::Folded } else { Format::Svg });
    let target = Target::of(arguments.output.as_deref(), format == Format::Folded)?;
    let bytes = match Source::of(arguments.of.as_deref().unwrap_or(USUAL), &arguments.access)? {
        Source::Endpoint(client) => of_endpoint(&client, arguments, format)?,
        Source::File(_) if arguments.next.is_some() => {
            return said("--next is given with a file, which has no next time; allowed: with an endpoint");
        }
        Source::File(snapshot) => of_snapshot(&snapshot, &arguments.weight, arguments.function.as_deref(), format)?,
    };
    if format == Format::Folded && bytes.is_empty() {
        eprintln!("no stack has this weight");
        return Ok(Status::Unknown);
    }
    target.write(&bytes)?;
    target.say_written(bytes.len());
    Ok(Status::Well)
}

fn of_endpoint(client: &Client, arguments: &Arguments, format: Format) -> Result<Vec<u8>, Failure> {
    /// What stacks of wall time take without a time.
    const USUAL_TIME: Duration = Duration::from_secs(30);
    let route = if format == Format::Svg { "/flamegraph" } else { "/folded" };
    let is_of_wall = ["wall_samples", "offcpu_samples"].contains(&arguments.weight.as_str());
    let next = arguments.next.or(is_of_wall.then_some(USUAL_TIME));
    let seconds = next.map(|time| time.as_secs_f64().to_string());
    let mut query = vec![("weight", arguments.weight.as_str())];
    query.extend(arguments.function.as_deref().map(|function| ("function", function)));
    query.extend(seconds.as_deref().map(|seconds| ("seconds", seconds)));
    let _progress = next.map(|time| Progress::of("recording", time));
    Ok(client.get_after(next.unwrap_or_default(), route, &query)?.body.to_vec())
}

fn of_snapshot(snapshot: &Snapshot, weight: &str, function: Option<&str>, format: Format) -> Result<Vec<u8>, Failure> {
    let weight: Weight =
        weight.parse().map_err(|error| Failure::new(format!("{error}; samples are with an endpoint only")))?;
    if weight.needs_allocations() && !snapshot.has_allocations {
        return said(format!(
            "the snapshot has no {weight}: the program's allocator does not count; allowed: wall, cpu, offcpu, calls"
        ));
    }
    if weight.needs_heap() && snapshot.heap.is_none() {
        return said(format!("the snapshot has no {weight}: sampling of the live heap: {}", snapshot.profiler.heap));
    }
    if let Some(function) = function
        && !export::has_function(snapshot, function)
    {
        let names: Vec<&str> = snapshot.functions.iter().take(20).map(|function| function.name.as_str()).collect();
        return said(format!("function {function:?} is not in the snapshot; there are: {}", names.join(", ")));
    }
    let mut bytes = Vec::new();
    let written = match format {
        Format::Svg => export::flamegraph::write(snapshot, weight, function, &mut bytes),
        Format::Folded => export::folded::write(snapshot, weight, function, &mut bytes),
    };
    written.map_err(|error| Failure::new(format!("there is no flamegraph of {weight}: {error}")))?;
    Ok(bytes)
}
