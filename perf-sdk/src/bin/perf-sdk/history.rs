//! `history`: series over time, and since when they are as they are.

use std::time::Duration;

use clap::Args;

use crate::address::USUAL;
use crate::endpoint::Access;
use crate::facts::functions::Of;
use crate::facts::history::{self, History, Series, Since};
use crate::failure::{Failure, Outcome, Status, said};
use crate::grid::Grid;
use crate::output;
use crate::paint::{Paint, safe};
use crate::units::{reading, time};
use crate::window::{self, Moment, Range};

/// Values of a line.
const WIDTH: u64 = 40;

/// Say what went up or down, since when, from what to what: p99, CPU, memory, any reading
#[derive(Args)]
#[command(after_help = "Since when is p99 up:       perf-sdk history\n\
                        Of one function, two hours: perf-sdk history search --last 2h\n\
                        Any reading:                perf-sdk history --of 'queue_depth*'\n\
                        Which there are:            perf-sdk history --list")]
pub(crate) struct Arguments {
    /// HOST:PORT, :PORT on this machine, unix:/path/to/socket, or a process id [default:
    /// 127.0.0.1:9464]; and a function, or a part of its name
    #[arg(value_name = "ENDPOINT|FUNCTION", num_args = 0..=2)]
    of: Vec<String>,
    #[command(flatten)]
    access: Access,
    /// p50, p95, p99, calls, errors, self, self_cpu, allocated, live; cpu, memory; or names of
    /// series such as 'cache_*{cache="results"}'
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
    let (endpoint, function) = arguments.places()?;
    let client = arguments.access.client(endpoint)?;
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
    let names = history::names(&arguments.names, function);
    let mut found = history::ask(&client, &names, of, WIDTH, arguments.limit)?;
    if let Some(part) = function.filter(|name| found.series.is_empty() && !name.contains('*')) {
        let names = history::names(&arguments.names, Some(&format!("*{part}*")));
        found = history::ask(&client, &names, of, WIDTH, arguments.limit)?;
    }
    if arguments.json {
        output::print_json(&found)?;
    } else if found.series.is_empty() {
        eprintln!("nothing is known of {names} in this time; perf-sdk history --list has what there is");
    } else {
        output::print(&shown(&found, Paint::of_stdout()))?;
    }
    Ok(if found.series.is_empty() { Status::Unknown } else { Status::Well })
}

impl Arguments {
    /// The endpoint, and the function that is given beside it or as an option.
    fn places(&self) -> Result<(&str, Option<&str>), Failure> {
        let is_endpoint = |text: &&String| is_endpoint(text);
        let endpoints: Vec<&String> = self.of.iter().filter(is_endpoint).collect();
        let functions: Vec<&String> = self.of.iter().filter(|text| !is_endpoint(text)).chain(&self.function).collect();
        match (&endpoints[..], &functions[..]) {
            ([_, _, ..], _) => said(format!("{} and {} are two endpoints; allowed: one", endpoints[0], endpoints[1])),
            (_, [_, _, ..]) => said(format!("{} and {} are two functions; allowed: one", functions[0], functions[1])),
            _ => {
                Ok((endpoints.first().map_or(USUAL, |text| text.as_str()), functions.first().map(|text| text.as_str())))
            }
        }
    }
}

/// Whether it can be no function: these have neither a port nor a slash at the beginning.
fn is_endpoint(text: &str) -> bool {
    let has_port = text.rsplit_once(':').is_some_and(|(_, port)| {
        let port = port.split('/').next().unwrap_or_default();
        !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
    });
    let is_process = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_process || has_port || text.starts_with('/') || text.starts_with("unix:") || text.contains("://")
}

fn shown(found: &History, paint: Paint) -> String {
    let titles = history::short_titles(found.series.iter().map(|series| (series.name.as_str(), &series.labels)));
    let mut grid = Grid::new(&["series", "over time", "", "now", "lowest", "highest", "since", "before"], 3);
    found.series.iter().zip(&titles).for_each(|(series, title)| grid.row(cells(series, title)));
    let (rows, matching, step) = (found.series.len(), found.matching, found.step_seconds);
    let foot = format!("{rows} of {matching} series, {step} s a step; what changed its level comes first");
    format!("{}\n\n{}{}\n", safe(&headline(found, &titles)), grid.shown(paint), paint.dim(&foot))
}

/// The answer in a sentence.
fn headline(found: &History, titles: &[String]) -> String {
    let from = Moment(found.from_unix_seconds).shown();
    let changed: Vec<(&Series, &String, Since)> =
        found.series.iter().zip(titles).filter_map(|(series, title)| Some((series, title, series.since?))).collect();
    let Some((series, title, since)) = changed.first() else {
        return match titles {
            [only] if found.matching == 1 => format!("{only} has no clear change of its level since {from}"),
            _ => format!("none of {} series has a clear change of its level since {from}", found.matching),
        };
    };
    let value = |value: f64| reading(value, &series.unit, series.is_rate);
    let (low, high) = (value(since.low.abs().min(since.high.abs())), value(since.low.abs().max(since.high.abs())));
    let sure = match since.is_sure {
        true => format!("sure: by {low} to {high}"),
        false => "not sure".to_owned(),
    };
    let more = match changed.len() - 1 {
        0 => String::new(),
        more => format!("; {more} more of {} series changed", found.matching),
    };
    format!(
        "{title} is {} since {} ({} ago, within {} s): {} before, {} since; {sure}{more}",
        since.direction,
        Moment(since.unix_seconds).shown(),
        time(since.age_seconds as f64 * 1e9),
        since.within_seconds,
        value(since.before),
        value(since.after)
    )
}

fn cells(series: &Series, title: &str) -> [Option<String>; 8] {
    let shown = |value: f64| reading(value, &series.unit, series.is_rate);
    [
        Some(title.to_owned()),
        Some(spark(&series.values)),
        Some(series.since.map_or("", |since| if since.direction == "up" { "↑" } else { "↓" }).to_owned()),
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
    fn the_first_line_is_the_answer() {
        let since = Since {
            unix_seconds: 1_796_040_000,
            within_seconds: 1,
            age_seconds: 192,
            direction: "up",
            before: 0.012,
            after: 0.048,
            low: 0.035,
            high: 0.037,
            is_sure: true,
        };
        let series = |since| Series { name: "x".into(), unit: "seconds".into(), since, ..Series::default() };
        let of = |all: Vec<Series>| {
            let titles: Vec<String> = (0..all.len()).map(|at| format!("p99 of f{at}")).collect();
            headline(&History { matching: all.len(), series: all, ..History::default() }, &titles)
        };
        let said = of(vec![series(Some(since)), series(Some(since)), series(None)]);
        let at = Moment(since.unix_seconds).shown();
        let expected = format!(
            "p99 of f0 is up since {at} (192 s ago, within 1 s): 12.0 ms before, 48.0 ms since; sure: by 35.0 ms to \
             37.0 ms; 1 more of 3 series changed"
        );
        assert_eq!(said, expected);
        let unsure = of(vec![series(Some(Since { is_sure: false, direction: "down", ..since }))]);
        assert!(unsure.contains("is down since") && unsure.ends_with("; not sure"), "{unsure}");
        assert!(of(vec![series(None)]).starts_with("p99 of f0 has no clear change of its level since "));
        assert!(
            of(vec![series(None), series(None)]).starts_with("none of 2 series has a clear change of its level since ")
        );
    }

    #[test]
    fn a_function_is_told_from_an_endpoint() {
        for text in
            [":9464", "web-1:9464", "[::1]:9464", "http://web/perf", "unix:/run/a", "/run/a", "1234", "web:9464/perf"]
        {
            assert!(is_endpoint(text), "{text}");
        }
        for text in ["search", "Store::find", "<A as B>::c", "GET /", "shop::*", "a:b"] {
            assert!(!is_endpoint(text), "{text}");
        }
    }

    #[test]
    fn a_line_goes_from_the_lowest_to_the_highest() {
        assert_eq!(spark(&[Some(0.0), None, Some(4.0), Some(8.0)]), "▁ ▅█");
        assert_eq!(spark(&[Some(3.0); 3]), "▁▁▁");
        assert_eq!(spark(&[]), "");
    }
}
