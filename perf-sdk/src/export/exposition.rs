//! A scrape: our metrics and the user's, in the format that was asked for.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use super::families::{Encoding, ROWS, Source};
use super::negotiate::Format;
use super::openmetrics::OpenMetrics;
use super::prometheus::Prometheus;
use super::protobuf::Protobuf;
use super::user;
use crate::histogram::Histogram;
use crate::snapshot::{Function, Snapshot};

/// Writes scrapes, and remembers from one to the next what a counter may not fall below.
///
/// An exclusive figure is a difference of two estimates, and the time of a function that does nothing is one of two readings: both
/// may shrink for a moment, which Prometheus would take for a restart. So the highest value so far is written; the snapshot keeps the signed estimate. Use one exposition for
/// all scrapes of a process.
#[derive(Debug, Default)]
pub struct Exposition {
    floors: Mutex<Floors>,
}

impl Exposition {
    /// One that has not written anything yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes all metrics of `snapshot`, and those in `user`, the text of a `metrics-exporter-prometheus` recorder.
    ///
    /// A user's metric that has the name of one of ours is renamed to `user_…`, and its help says so.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(
        &self,
        format: Format,
        snapshot: &Snapshot,
        user: Option<&str>,
        to: &mut impl Write,
    ) -> io::Result<()> {
        // The lock is not held while writing: a reader may be slow.
        let floors = {
            let mut floors = self.floors.lock().unwrap_or_else(PoisonError::into_inner);
            floors.raise(snapshot, std::process::id())
        };
        let source = Source { snapshot, floors: &floors };
        let to: &mut dyn Write = to;
        match format {
            Format::Text => encode(&mut Prometheus::new(to), source, user),
            Format::OpenMetrics => encode(&mut OpenMetrics::new(to), source, user),
            Format::Protobuf => encode(&mut Protobuf::new(to), source, user),
        }
    }
}

fn encode(encoding: &mut impl Encoding, source: Source<'_>, user: Option<&str>) -> io::Result<()> {
    for row in ROWS {
        let mut metrics = (row.metrics)(source).peekable();
        if metrics.peek().is_some() {
            encoding.family(&row.head(), &mut metrics)?;
        }
    }
    for family in user.map(user::parse).unwrap_or_default() {
        encoding.family(&family.head, &mut family.metrics.iter().cloned())?;
    }
    encoding.end()
}

/// The highest figures so far.
#[derive(Debug, Default)]
struct Floors {
    /// A forked child counts from 0 again.
    pid: u32,
    overhead_ns: u64,
    /// By module, then name.
    by_function: HashMap<String, HashMap<String, Floor>>,
}

/// The highest figures of one function, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Floor {
    pub(super) self_wall_ns: u64,
    pub(super) self_cpu_ns: u64,
    pub(super) wall_ns: u64,
    pub(super) cpu_ns: u64,
}

/// Those of one snapshot.
#[derive(Debug)]
pub(super) struct Raised {
    pub(super) overhead_ns: u64,
    /// In the order of its functions.
    pub(super) functions: Vec<Floor>,
}

impl Floor {
    fn of(function: &Function) -> Self {
        let clamped = |ns: i64| ns.max(0) as u64;
        Self {
            self_wall_ns: clamped(function.exclusive.wall_ns),
            self_cpu_ns: clamped(function.exclusive.cpu_ns),
            wall_ns: function.wall.sum(),
            cpu_ns: function.cpu.as_ref().map_or(0, Histogram::sum),
        }
    }

    fn raise(&mut self, now: &Self) {
        self.self_wall_ns = self.self_wall_ns.max(now.self_wall_ns);
        self.self_cpu_ns = self.self_cpu_ns.max(now.self_cpu_ns);
        self.wall_ns = self.wall_ns.max(now.wall_ns);
        self.cpu_ns = self.cpu_ns.max(now.cpu_ns);
    }
}

impl Floors {
    fn raise(&mut self, snapshot: &Snapshot, pid: u32) -> Raised {
        if self.pid != pid {
            *self = Self { pid, ..Self::default() };
        }
        self.overhead_ns = self.overhead_ns.max(snapshot.profiler.overhead_ns);
        let functions = snapshot.functions.iter().map(|function| {
            let now = Floor::of(function);
            match self.by_function.get_mut(&function.module).and_then(|names| names.get_mut(&function.name)) {
                Some(highest) => {
                    highest.raise(&now);
                    *highest
                }
                None => {
                    self.by_function.entry(function.module.clone()).or_default().insert(function.name.clone(), now);
                    now
                }
            }
        });
        let functions = functions.collect();
        Raised { overhead_ns: self.overhead_ns, functions }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(self_wall_ns: i64, overhead_ns: u64) -> Snapshot {
        let mut function = Function { name: "f".into(), module: "m".into(), ..Function::default() };
        function.exclusive.wall_ns = self_wall_ns;
        let mut snapshot = Snapshot { functions: vec![function], ..Snapshot::default() };
        snapshot.profiler.overhead_ns = overhead_ns;
        snapshot
    }

    fn scrape(exposition: &Exposition, snapshot: &Snapshot) -> Vec<String> {
        let mut text = Vec::new();
        exposition.write(Format::Text, snapshot, None, &mut text).unwrap();
        let wanted = |line: &&str| line.starts_with("function_self_seconds_total") || line.starts_with("perf_overhead");
        let text = String::from_utf8(text).unwrap();
        text.lines().filter(wanted).map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_counter_never_shrinks() {
        let exposition = Exposition::new();
        assert_eq!(scrape(&exposition, &snapshot(-5, 0)), ["0", "0"]);
        assert_eq!(scrape(&exposition, &snapshot(3_000_000_000, 500_000_000)), ["3", "0.5"]);
        assert_eq!(scrape(&exposition, &snapshot(2_000_000_000, 250_000_000)), ["3", "0.5"]);
        assert_eq!(scrape(&exposition, &snapshot(4_000_000_000, 750_000_000)), ["4", "0.75"]);
        assert_eq!(scrape(&Exposition::new(), &snapshot(2_000_000_000, 0)), ["2", "0"]);
    }

    #[test]
    fn a_child_process_starts_again() {
        let mut floors = Floors::default();
        floors.raise(&snapshot(9, 9), 1);
        let raised = floors.raise(&snapshot(4, 4), 2);
        assert_eq!((raised.functions[0].self_wall_ns, raised.overhead_ns), (4, 4));
    }
}
