//! `diff`: what changed, or differs.

use clap::Args;
use perf_sdk::snapshot::Snapshot;
use std::time::Duration;

use crate::address::USUAL;
use crate::client::Client;
use crate::endpoint::Access;
use crate::facts::changes::{self, Change, Changes};
use crate::failure::{Failure, Outcome, Status, said};
use crate::grid::Grid;
use crate::output;
use crate::paint::{Paint, safe};
use crate::source::Source;
use crate::units::{count, digits, percent, reading};
use crate::versions::{self, Compared, Figure, Versions};
use crate::window::{self, Moment, Range};

/// Say what changed: between two times, two snapshots or processes, or two values of a label
#[derive(Args)]
#[command(after_help = "What changed between 10:00 and 10:05 (against the five minutes before):\n  \
                        perf-sdk diff --now 10:00..10:05\n\
                        Against the same time yesterday:\n  \
                        perf-sdk diff --now -10m --was -1450m..-1440m\n\
                        What happened between two snapshots of one process; or two versions, by snapshots or by \
                        running processes:\n  \
                        perf-sdk diff before.json after.json\n  \
                        perf-sdk diff web-1:9464 web-2:9464\n\
                        Two tenants, whose series have a label:\n  \
                        perf-sdk diff --by tenant=acme,zeta\n\n\
                        Exit status: 0 compared; 2 no answer; 3 too little is known to compare anything.")]
pub(crate) struct Arguments {
    /// One endpoint, for times and labels; or two of endpoints and files of snapshots
    #[arg(value_name = "ENDPOINT|FILE", num_args = 0..=2)]
    of: Vec<String>,
    #[command(flatten)]
    access: Access,
    /// The time before, such as 09:55..10:00; without it the time right before --now
    #[arg(long, value_name = "RANGE", value_parser = window::range, allow_hyphen_values = true, conflicts_with = "by")]
    was: Option<Range>,
    /// The time that is looked at, such as 10:00..10:05 [default: the last five minutes]
    #[arg(long, value_name = "RANGE", value_parser = window::range, allow_hyphen_values = true)]
    now: Option<Range>,
    /// Two values of a label of series at the same time; LABEL alone if it has just two
    #[arg(long, value_name = "LABEL=A,B")]
    by: Option<String>,
    /// Which series are compared: patterns with *, and labels such as 'cache_*{cache="results"}'
    #[arg(long, value_name = "NAMES")]
    names: Option<String>,
    /// Of the next time of two endpoints, such as 30s; without it since recording began
    #[arg(long, value_name = "TIME", value_parser = window::duration)]
    next: Option<Duration>,
    /// Rows at most
    #[arg(short = 'n', long, default_value_t = 20)]
    limit: usize,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

/// Seconds of a range that is not given.
const USUAL_SECONDS: u64 = 300;

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    if let [a, b] = &arguments.of[..] {
        if arguments.was.or(arguments.now).is_some() || arguments.by.is_some() || arguments.names.is_some() {
            return said(
                "two things are compared as they are; allowed: --was, --now, --by and --names with one endpoint",
            );
        }
        return two(arguments, a, b);
    }
    if arguments.next.is_some() {
        return said("--next is given with one endpoint; allowed: with two, or --now -30s for its last seconds");
    }
    let one = arguments.of.first().map_or(USUAL, String::as_str);
    let client = match Source::of(one, &arguments.access)? {
        Source::Endpoint(client) => client,
        Source::File(_) => return said(format!("{one} is one snapshot; allowed: two of them, or an endpoint")),
    };
    let now = arguments.now.unwrap_or_else(|| {
        let to = window::now().0;
        Range { from: Moment(to.saturating_sub(USUAL_SECONDS)), to: Moment(to) }
    });
    let changes = match &arguments.by {
        Some(by) => by_label(&client, by, arguments, now)?,
        None => {
            let before = Range { from: Moment(now.from.0.saturating_sub(now.seconds())), to: now.from };
            let names = arguments.names.as_deref().unwrap_or(changes::USUAL_NAMES);
            changes::between(&client, names, arguments.was.unwrap_or(before), now)?
        }
    };
    if arguments.json {
        output::print_json(&Changes { changes: first(&changes.changes, arguments.limit), ..changes.clone() })?;
    } else {
        output::print(&changes_shown(&changes, arguments.limit, Paint::of_stdout()))?;
    }
    Ok(if changes.compared == 0 { Status::Unknown } else { Status::Well })
}

fn first<T: Clone>(all: &[T], limit: usize) -> Vec<T> {
    all.iter().take(limit).cloned().collect()
}

fn by_label(client: &Client, by: &str, arguments: &Arguments, now: Range) -> Result<Changes, Failure> {
    let (label, values) = by.split_once('=').unwrap_or((by, ""));
    let known = changes::values_of(client, label)?;
    let named: Vec<String> =
        if values.is_empty() { known.clone() } else { values.split(',').map(str::to_owned).collect() };
    if known.is_empty() {
        let labels = changes::labels_of(client)?;
        return said(format!("no series has a label {label:?}; there are: {}", safe(&labels.join(", "))));
    }
    let [a, b] = &named[..] else {
        return said(format!("--by is {by:?}; allowed: {label}=A,B with two of {}", safe(&known.join(", "))));
    };
    if let Some(unknown) = [a, b].into_iter().find(|value| !known.contains(value)) {
        return said(format!("no series has {label}={unknown:?}; there are: {}", safe(&known.join(", "))));
    }
    let names = arguments.names.as_deref().unwrap_or(changes::ALL_NAMES);
    changes::by_label(client, names, label, [a, b], now)
}

fn two(arguments: &Arguments, a: &str, b: &str) -> Outcome {
    let [first_source, second] = [a, b].map(|one| Source::of(one, &arguments.access));
    let (first_source, second) = (first_source?, second?);
    // Of the same time, if both are running.
    let (a, b) = std::thread::scope(|scope| {
        let first = scope.spawn(|| first_source.snapshot(arguments.next));
        let b = second.snapshot(arguments.next);
        let a = first.join().unwrap_or_else(|_| said("a thread panicked"));
        (a, b)
    });
    let (mut a, mut b): (Snapshot, Snapshot) = (a?, b?);
    let parts = if arguments.next.is_none() { versions::apart(&a, &b) } else { None };
    let is_one_process = parts.is_some();
    if let Some(parts) = parts {
        (a, b) = parts;
    }
    let mut found = Versions { is_one_process, ..versions::compare(&a, &b) };
    let compared = found.compared;
    found.functions.truncate(arguments.limit);
    if arguments.json {
        output::print_json(&found)?;
    } else {
        let mut text = String::new();
        if is_one_process {
            text += &format!(
                "both are of one process, so the later side is what happened between them\nA: {}\nB: {}\n",
                time_of(&a),
                time_of(&b)
            );
        }
        output::print(&(text + &versions_shown(&found, Paint::of_stdout())))?;
    }
    Ok(if compared == 0 { Status::Unknown } else { Status::Well })
}

/// When a snapshot begins and ends.
fn time_of(snapshot: &Snapshot) -> String {
    let to = snapshot.taken_at_unix_ns / 1_000_000_000;
    let from = snapshot.taken_at_unix_ns.saturating_sub(snapshot.window_ns) / 1_000_000_000;
    Range { from: Moment(from), to: Moment(to) }.to_string()
}

fn changes_shown(changes: &Changes, limit: usize, paint: Paint) -> String {
    let mut text = format!("A: {}\nB: {}\n", safe(&changes.a), safe(&changes.b));
    if changes.compared == 0 && changes.too_few_steps == 0 {
        let none =
            [("A", &changes.only_in_b), ("B", &changes.only_in_a)].into_iter().filter(|(_, other)| !other.is_empty());
        let sides: Vec<&str> = none.map(|(side, _)| side).collect();
        let sides = if sides.is_empty() { "A and B".to_owned() } else { sides.join(" and ") };
        return text
            + &format!(
                "nothing can be compared: nothing is known of {sides}, which may be before recording began or longer ago \
                 than what is kept; --was and --now choose other times\n"
            );
    }
    if changes.compared == 0 {
        return text
            + &format!(
                "nothing can be compared: {} series have fewer than {} known steps of {} s on one side; ask for {} s or more \
                 on each, or wait\n",
                changes.too_few_steps,
                changes.least_steps,
                changes.step_seconds,
                changes.least_steps as u64 * changes.step_seconds
            );
    }
    let mut grid = Grid::new(&["series", "", "A", "B", "B − A", "95 % interval", "change"], 2);
    let cells = |change: &Change| {
        let value = |value: f64| reading(value, &change.unit, change.is_rate);
        let share = (change.a != 0.0).then(|| percent(change.difference / change.a.abs()));
        [
            Some(change.shown.clone()),
            Some(sign(change.is_sure, change.difference).to_owned()),
            Some(value(change.a)),
            Some(value(change.b)),
            Some(value(change.difference)),
            Some(format!("{} to {}", value(change.low), value(change.high))),
            share,
        ]
    };
    changes.changes.iter().take(limit).for_each(|change| grid.row(cells(change)));
    text += &grid.shown(paint);
    text += &paint.dim(&format!(
        "{} of {} series differ by more than chance (↑ ↓), with regard to how many are compared; steps of {} s",
        changes.sure, changes.compared, changes.step_seconds
    ));
    text.push('\n');
    if changes.too_few_steps > 0 {
        let (number, least) = (changes.too_few_steps, changes.least_steps);
        text += &format!("{number} series have fewer than {least} known steps on one side and are not compared\n");
    }
    text + &only(&changes.only_in_a, &changes.only_in_b, limit)
}

fn only(a: &[String], b: &[String], limit: usize) -> String {
    let line = |side: &str, names: &[String]| {
        if names.is_empty() {
            return String::new();
        }
        let more = names.len().saturating_sub(limit);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("only in {side}: {}{more}\n", safe(&names[..names.len().min(limit)].join(", ")))
    };
    line("A", a) + &line("B", b)
}

fn sign(is_sure: bool, difference: f64) -> &'static str {
    match is_sure {
        false => " ",
        true if difference > 0.0 => "↑",
        true => "↓",
    }
}

fn versions_shown(found: &Versions, paint: Paint) -> String {
    let mut text = String::new();
    if found.compared == 0 {
        text += &format!("nothing can be compared: no function has {} calls on both sides\n", found.least_calls);
    } else {
        let mut grid = Grid::new(
            &["function", "figure", "", "A", "B", "95 % interval of B − A", "calls A", "calls B", "cores A", "cores B"],
            3,
        );
        for (one, name) in found.functions.iter().zip(versions::titles(&found.functions)) {
            // Those that differ; else what costs.
            let sure: Vec<&Figure> = one.figures.iter().filter(|figure| figure.is_sure).collect();
            let shown: Vec<&Figure> = if sure.is_empty() { one.figures.iter().take(1).collect() } else { sure };
            shown.into_iter().for_each(|figure| grid.row(version_cells(one, &name, figure)));
        }
        text += &grid.shown(paint);
        let foot = format!(
            "{} functions compared; A is {} s, B {} s; ↑ ↓ differ by more than chance, if calls are independent; numbers of calls \
             are not judged",
            found.compared,
            digits(found.a_seconds),
            digits(found.b_seconds)
        );
        text += &format!("{}\n", paint.dim(&foot));
    }
    if found.too_few_calls > 0 {
        text += &format!("{} functions have fewer than {} calls on one side\n", found.too_few_calls, found.least_calls);
    }
    const NAMED: usize = 20;
    text + &only(&found.only_in_a, &found.only_in_b, NAMED)
}

fn version_cells(one: &Compared, name: &str, figure: &Figure) -> [Option<String>; 10] {
    let value = |value: f64| reading(value, figure.unit, false);
    [
        Some(name.to_owned()),
        Some(figure.name.replace('_', " ")),
        Some(sign(figure.is_sure, figure.difference).to_owned()),
        Some(value(figure.a)),
        Some(value(figure.b)),
        Some(format!("{} to {}", value(figure.low), value(figure.high))),
        Some(count(one.calls_a as f64)),
        Some(count(one.calls_b as f64)),
        Some(digits(one.self_cpu_cores_a)),
        Some(digits(one.self_cpu_cores_b)),
    ]
}
