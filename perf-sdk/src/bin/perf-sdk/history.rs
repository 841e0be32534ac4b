//! `history`: series over time, and since when they are as they are.

use std::time::Duration;

use clap::Args;

use crate::endpoint::Asked;
use crate::facts::functions::Of;
use crate::facts::history::{self, Series};
use crate::failure::{Outcome, Status};
use crate::grid::Grid;
use crate::output;
use crate::paint::Paint;
use crate::units::reading;
use crate::window::{self, Moment, Range};

/// Values of a line.
const WIDTH: u64 = 40;

/// Say since when something is as it is: p99, CPU, memory, any reading
#[derive(Args)]
#[command(after_help = "Since when is p99 up:       perf-sdk history\n\
                        Of one function, two hours: perf-sdk history --of p99 --function search --last 2h\n\
                        Any reading:                perf-sdk history --of 'queue_depth*'\n\
                        Which there are:            perf-sdk history --list")]
pub(crate) struct Arguments {
    #[command(flatten)]
    asked: Asked,
    /// p50, p95, p99, calls, errors, self_cpu, live; cpu, memory; or names of series such as
    /// 'cache_*{cache="results"}'
    #[arg(long = "of", value_name = "NAMES", default_value = "p99")]
    names: String,
    /// The function, if NAMES is one of functions
    #[arg(long, value_name = "NAME")]
    function: Option<String>,
    /// The last time, such as 15m or 2h
    #[arg(long, value_name = "TIME", value_parser = window::duration, default_value = "30m")]
    last: Duration,
    /// A range such as 10:00..10:30, instead of the last time
    #[arg(long, value_name = "RANGE", value_parser = window::range, conflicts_with = "last", allow_hyphen_values = true)]
    range: Option<Range>,
    /// Rows at most
    #[arg(short = 'n', long, default_value_t = 20)]
    limit: usize,
    /// Names of all series there are
    #[arg(long)]
    list: bool,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let client = arguments.asked.client()?;
    if arguments.list {
        let names: Vec<String> =
            history::list(&client)?.series.iter().map(|series| history::title(&series.name, &series.labels)).collect();
        if arguments.json {
            output::print_json(&names)?;
        } else {
            output::print(&names.iter().map(|name| crate::paint::safe(name) + "\n").collect::<String>())?;
        }
        return Ok(Status::Well);
    }
    let of = arguments.range.map_or(Of::Last(arguments.last.as_secs().max(1)), Of::Range);
    let names = history::names(&arguments.names, arguments.function.as_deref());
    let found = history::ask(&client, &names, of, WIDTH, arguments.limit)?;
    if arguments.json {
        output::print_json(&found)?;
    } else if found.series.is_empty() {
        eprintln!("nothing is known of {names} in this time; perf-sdk history --list has what there is");
    } else {
        let paint = Paint::of_stdout();
        let mut grid = Grid::new(&["series", "over time", "now", "lowest", "highest", "since", "before"], 2);
        found.series.iter().for_each(|series| grid.row(cells(series)));
        let from = Moment(found.from_unix_seconds).shown();
        let (rows, matching, step) = (found.series.len(), found.matching, found.step_seconds);
        let foot =
            format!("{rows} of {matching} series from {from} on, {step} s a step; what changed its level comes first");
        output::print(&format!("{}{}\n", grid.shown(paint), paint.dim(&foot)))?;
    }
    Ok(if found.series.is_empty() { Status::Unknown } else { Status::Well })
}

fn cells(series: &Series) -> [Option<String>; 7] {
    let shown = |value: f64| reading(value, &series.unit, series.is_rate);
    [
        Some(match (series.labels.len(), series.labels.get("function")) {
            (1, Some(function)) => function.clone(),
            _ => series.shown(),
        }),
        Some(spark(&series.values)),
        series.latest.map(shown),
        series.lowest.map(shown),
        series.highest.map(shown),
        series.since.map(|since| Moment(since.unix_seconds).shown()),
        series.since.map(|since| shown(since.before)),
    ]
}

/// A line of blocks from the lowest to the highest value; a space where nothing is known.
pub(crate) fn spark(values: &[Option<f64>]) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let known = || values.iter().flatten().copied();
    let (low, high) = (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
    let block = |value: f64| {
        let share = if high > low { (value - low) / (high - low) } else { 0.0 };
        BLOCKS[((share * 8.0) as usize).min(7)]
    };
    values.iter().map(|value| value.map_or(' ', block)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_from_the_lowest_to_the_highest() {
        assert_eq!(spark(&[Some(0.0), None, Some(4.0), Some(8.0)]), "▁ ▅█");
        assert_eq!(spark(&[Some(3.0); 3]), "▁▁▁");
        assert_eq!(spark(&[]), "");
    }
}
