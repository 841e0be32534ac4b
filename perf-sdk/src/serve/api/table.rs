//! Functions that are searched, sorted and counted.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::overview::milliseconds;
use super::past;
use super::range::{Asked, Kept, kept};
use super::trend;
use crate::base::pattern;
use crate::collect;
use crate::export::{Row, self_bytes_per_call};
use crate::history::FunctionId;
use crate::snapshot::Function;

/// Seconds of the small chart in a row.
const RECENT: u32 = 900;

/// A column by which rows are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::serve) enum Column {
    Name,
    Calls,
    Errors,
    Running,
    P50,
    P95,
    P99,
    Total,
    #[default]
    Own,
    Cpu,
    OwnCpu,
    Bytes,
    OwnBytes,
    Live,
}

impl Column {
    pub(in crate::serve) const ALL: [(&'static str, Self); 14] = [
        ("name", Self::Name),
        ("calls", Self::Calls),
        ("errors", Self::Errors),
        ("running", Self::Running),
        ("p50", Self::P50),
        ("p95", Self::P95),
        ("p99", Self::P99),
        ("total", Self::Total),
        ("self", Self::Own),
        ("cpu", Self::Cpu),
        ("self_cpu", Self::OwnCpu),
        ("bytes", Self::Bytes),
        ("self_bytes", Self::OwnBytes),
        ("live", Self::Live),
    ];

    /// What does not exist comes last, whichever the order.
    fn value(self, row: &Row) -> Option<f64> {
        match self {
            Self::Name => None,
            Self::Calls => row.calls,
            Self::Errors => row.errors,
            Self::Running => row.running.map(|running| running as f64),
            Self::P50 => row.p50_ns,
            Self::P95 => row.p95_ns,
            Self::P99 => row.p99_ns,
            Self::Total => row.total_ns,
            Self::Own => row.self_ns,
            Self::Cpu => row.cpu_ns,
            Self::OwnCpu => row.self_cpu_ns,
            Self::Bytes => row.bytes_per_call,
            Self::OwnBytes => row.self_bytes_per_call,
            Self::Live => row.live_bytes,
        }
    }

    /// The same without making a row: there may be 10,000 functions, of which 50 are shown.
    fn of(self, function: &Function) -> Option<f64> {
        let quantile = |q: f64| function.quantile(q).map(|quantile| quantile.ns);
        let has_cpu = function.cpu.is_some();
        match self {
            Self::Name => None,
            Self::Calls => Some(function.calls.total() as f64),
            Self::Errors => Some((function.calls.error + function.calls.panic) as f64),
            Self::Running => Some(function.running as f64),
            Self::P50 => quantile(0.5),
            Self::P95 => quantile(0.95),
            Self::P99 => quantile(0.99),
            Self::Total => Some(function.inclusive.wall_ns as f64),
            Self::Own => Some(function.exclusive.wall_ns as f64),
            Self::Cpu => has_cpu.then_some(function.inclusive.cpu_ns as f64),
            Self::OwnCpu => has_cpu.then_some(function.exclusive.cpu_ns as f64),
            Self::Bytes => function.bytes.as_ref().and_then(|bytes| bytes.mean()),
            Self::OwnBytes => self_bytes_per_call(function),
            Self::Live => function.live.map(|live| live.bytes as f64),
        }
    }
}

/// What is asked of the table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::serve) struct Request {
    /// A part of `module::name`, or a pattern with `*` for all of it.
    pub(in crate::serve) search: String,
    pub(in crate::serve) sort: Column,
    pub(in crate::serve) is_ascending: bool,
    pub(in crate::serve) limit: usize,
    pub(in crate::serve) offset: usize,
    /// Of this window; without a time, since recording began.
    pub(in crate::serve) window: Asked,
}

/// Some rows of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(in crate::serve) struct Table {
    now_unix_ms: u64,
    /// The seconds that the figures are of. Absent since recording began.
    from: Option<u32>,
    to: Option<u32>,
    /// Whether less is kept than was asked for.
    is_clamped: bool,
    /// All functions of the program.
    functions: usize,
    /// Those that match.
    matching: usize,
    /// The seconds of which the history has points.
    kept: Option<Kept>,
    rows: Vec<Row>,
    took_ms: f64,
}

/// # Errors
/// The window ends before it begins.
pub(in crate::serve) fn table(request: &Request) -> Result<Table, String> {
    let start = Instant::now();
    let kept = kept();
    let is_of_window = request.window.from.is_some() || request.window.to.is_some();
    let mut table = match kept {
        Some(kept) if is_of_window => of_window(request, kept)?,
        None if is_of_window => Table { is_clamped: true, ..Table::default() },
        kept => since_the_start(request, kept),
    };
    table.kept = kept;
    table.now_unix_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    table.took_ms = milliseconds(start);
    Ok(table)
}

fn since_the_start(request: &Request, kept: Option<Kept>) -> Table {
    let snapshot = collect::take();
    let functions = &snapshot.functions;
    let keys = functions.iter().map(|function| {
        let is_match = request.matches(&function.module, &function.name);
        is_match.then(|| request.sort.of(function))
    });
    let order = request.order(keys, |at| (functions[at].name.as_str(), functions[at].module.as_str()));
    let row = |at: &usize| {
        let function = &functions[*at];
        let mut row = Row::of(function);
        if let Some(kept) = kept {
            let id = FunctionId { name: &function.name, module: &function.module };
            row.recent = trend::recent(id, kept, RECENT);
            row.change = trend::change(id, kept);
        }
        row
    };
    let rows = request.part(&order).iter().map(row).collect();
    Table { functions: functions.len(), matching: order.len(), rows, ..Table::default() }
}

fn of_window(request: &Request, kept: Kept) -> Result<Table, String> {
    let range = request.window.within(kept)?;
    let functions = collect::function_labels().len();
    let is_clamped = range.is_clamped;
    if range.from >= range.to {
        return Ok(Table { from: Some(range.from), to: Some(range.to), is_clamped, functions, ..Table::default() });
    }
    let (mut all, (from, to)) = past::rows(range);
    let keys = all.iter().map(|row| {
        let is_match = request.matches(row.module.as_deref().unwrap_or_default(), &row.name);
        is_match.then(|| request.sort.value(row))
    });
    let order = request.order(keys, |at| (all[at].name.as_str(), all[at].module.as_deref().unwrap_or_default()));
    let rows = request.part(&order).iter().map(|at| std::mem::take(&mut all[*at])).collect();
    Ok(Table { from: Some(from), to: Some(to), is_clamped, functions, matching: order.len(), rows, ..Table::default() })
}

impl Request {
    fn matches(&self, module: &str, name: &str) -> bool {
        if self.search.is_empty() {
            return true;
        }
        let full = format!("{module}::{name}").to_lowercase();
        let search = self.search.to_lowercase();
        match search.contains('*') {
            true => pattern::matches(&search, &full) || pattern::matches(&search, &name.to_lowercase()),
            false => full.contains(&search),
        }
    }

    /// The places of what matches, in order. The outer `None` matches not; the inner one has no
    /// value.
    fn order<'a>(
        &self,
        keys: impl Iterator<Item = Option<Option<f64>>>,
        names: impl Fn(usize) -> (&'a str, &'a str),
    ) -> Vec<usize> {
        let mut found: Vec<(usize, Option<f64>)> = keys.enumerate().filter_map(|(at, key)| Some((at, key?))).collect();
        let sign = |order: std::cmp::Ordering| if self.is_ascending { order } else { order.reverse() };
        found.sort_by(|(a, x), (b, y)| {
            let by_name = || names(*a).cmp(&names(*b));
            match (self.sort, x, y) {
                (Column::Name, ..) => sign(by_name()),
                (_, Some(x), Some(y)) => sign(x.total_cmp(y)).then_with(by_name),
                (_, x, y) => y.is_some().cmp(&x.is_some()).then_with(by_name),
            }
        });
        found.into_iter().map(|(at, _)| at).collect()
    }

    fn part<'a>(&self, order: &'a [usize]) -> &'a [usize] {
        let rest = order.get(self.offset..).unwrap_or_default();
        &rest[..rest.len().min(self.limit)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(search: &str, sort: Column, is_ascending: bool) -> Request {
        Request { search: search.to_owned(), sort, is_ascending, limit: 2, ..Request::default() }
    }

    #[test]
    fn a_search_is_a_part_of_the_name_or_a_pattern_for_all_of_it() {
        for (search, is_match) in [
            ("", true),
            ("shop::Cart", true),
            ("CART", true),
            ("cart::add*", true),
            ("*::cart::add", true),
            ("cart", true),
            ("add*", false),
            ("cart::*x", false),
        ] {
            let asked = request(search, Column::Own, false);
            assert_eq!(asked.matches("shop", "Cart::add"), is_match, "{search}");
        }
    }

    #[test]
    fn what_has_no_value_comes_last_and_equal_ones_by_name() {
        let names = ["d", "c", "b", "a"];
        let keys = [Some(Some(1.0)), Some(None), Some(Some(3.0)), Some(Some(1.0))];
        let order = |sort, is_ascending| {
            let asked = request("", sort, is_ascending);
            asked.order(keys.into_iter(), |at| (names[at], ""))
        };
        assert_eq!(order(Column::P99, false), [2, 3, 0, 1]);
        assert_eq!(order(Column::P99, true), [3, 0, 2, 1]);
        assert_eq!(order(Column::Name, true), [3, 2, 1, 0]);
        let some = request("", Column::Name, true);
        assert_eq!((some.part(&[5, 6, 7]), some.part(&[])), (&[5, 6][..], &[][..]));
        assert_eq!(Request { offset: 9, ..some }.part(&[5, 6, 7]), &[] as &[usize]);
    }
}
