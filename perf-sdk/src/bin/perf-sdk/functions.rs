//! `functions`: a table of functions, for pipes and scripts.

use std::time::Duration;

use clap::Args;

use crate::address::USUAL;
use crate::endpoint::Access;
use crate::facts::functions::{self, Function, Functions, Of, Request, Sort};
use crate::failure::{Outcome, Status, said};
use crate::grid::Grid;
use crate::output;
use crate::paint::Paint;
use crate::source::Source;
use crate::units::{bytes, count, digits, rate, time};
use crate::window::{self, Moment, Range};

/// Say which functions cost most: CPU, time, p99, errors, memory; of any time that is kept
#[derive(Args)]
#[command(after_help = "Which function costs most CPU:          perf-sdk functions\n\
                        Which is slowest for the slowest calls: perf-sdk functions --sort p99\n\
                        Of five minutes of this morning:        perf-sdk functions --of 10:00..10:05\n\
                        Of a snapshot, or a bundle of evidence: perf-sdk functions before.json")]
pub(crate) struct Arguments {
    /// HOST:PORT, :PORT on this machine, unix:/path/to/socket, or a process id [default:
    /// 127.0.0.1:9464]; or the file of a snapshot or a bundle of evidence
    #[arg(value_name = "ENDPOINT|FILE")]
    from: Option<String>,
    #[command(flatten)]
    access: Access,
    #[arg(long, value_enum, default_value_t)]
    sort: Sort,
    /// Rows at most, up to 500
    #[arg(short = 'n', long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// A part of module::name, or a pattern with *
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    filter: String,
    /// The last time, such as 30s or 1h [default: 5m]
    #[arg(long, value_name = "TIME", value_parser = window::duration)]
    last: Option<Duration>,
    /// Of a range such as 10:00..10:05 or -1h..-50m
    #[arg(long, value_name = "RANGE", value_parser = window::range, conflicts_with = "last", allow_hyphen_values = true)]
    of: Option<Range>,
    /// All since recording began
    #[arg(long, conflicts_with_all = ["last", "of"])]
    all: bool,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

/// The time that is looked at if none is given.
const USUAL_TIME: Duration = Duration::from_secs(300);

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let of = match arguments.of {
        _ if arguments.all => None,
        Some(range) => Some(Of::Range(range)),
        None => Some(Of::Last(arguments.last.unwrap_or(USUAL_TIME).as_secs().max(1))),
    };
    let request = Request { sort: arguments.sort, search: arguments.filter.clone(), limit: arguments.limit.into(), of };
    let from = arguments.from.as_deref().unwrap_or(USUAL);
    let found = match Source::of(from, &arguments.access)? {
        Source::Endpoint(client) => functions::ask(&client, &request)?,
        Source::File(_) if arguments.last.is_some() || arguments.of.is_some() => {
            return said(format!("{from} is of one time; allowed: --last and --of with an endpoint"));
        }
        Source::File(snapshot) => functions::of_snapshot(&snapshot, &request),
    };
    if arguments.json {
        output::print_json(&found)?;
    } else {
        output::print(&shown(&found, Paint::of_stdout()))?;
    }
    Ok(if found.rows.is_empty() { Status::Unknown } else { Status::Well })
}

fn shown(found: &Functions, paint: Paint) -> String {
    let mut grid = Grid::new(&HEAD, 1);
    let names = functions::titles(&found.rows);
    found.rows.iter().zip(names).for_each(|(row, name)| grid.row(cells(row, name)));
    if found.functions == 0 || (found.rows.is_empty() && found.from_unix_seconds == found.to_unix_seconds) {
        return "nothing is kept of this time; `perf-sdk history` says what is, and --all is all since recording began\n"
            .to_owned();
    }
    let of = match (found.from_unix_seconds, found.to_unix_seconds) {
        (Some(from), Some(to)) => format!("{} to {}", Moment(from).shown(), Moment(to).shown()),
        _ => "since recording began".to_owned(),
    };
    let less = if found.is_clamped { ", which is what is kept" } else { "" };
    let (rows, matching) = (found.rows.len(), found.matching);
    format!("{}{}\n", grid.shown(paint), paint.dim(&format!("{rows} of {matching} by {}; {of}{less}", found.sorted_by)))
}

const HEAD: [&str; 11] = [
    "function",
    "calls",
    "calls/s",
    "errors",
    "p50",
    "p99",
    "self CPU",
    "cores",
    "bytes/call",
    "self bytes/call",
    "live",
];

fn cells(row: &Function, name: String) -> [Option<String>; 11] {
    let in_time = |seconds: Option<f64>| seconds.map(|seconds| time(seconds * 1e9));
    [
        Some(name),
        row.calls.map(count),
        row.calls_per_second.map(rate),
        row.errors.filter(|errors| *errors > 0.0).map(count),
        in_time(row.p50_seconds),
        in_time(row.p99_seconds),
        in_time(row.self_cpu_seconds),
        row.self_cpu_cores.map(digits),
        row.bytes_per_call.map(bytes),
        row.self_bytes_per_call.map(bytes),
        row.live_bytes.filter(|live| *live > 0.0).map(bytes),
    ]
}
