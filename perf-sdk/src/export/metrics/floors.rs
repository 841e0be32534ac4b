//! High-water marks below which a counter must not fall from one scrape to the next.

use std::collections::HashMap;

use crate::base::process_identity::Process;
use crate::histogram::Histogram;
use crate::snapshot::{Function, Snapshot};

/// The high-water marks.
#[derive(Debug, Default)]
pub(super) struct Floors {
    /// The process in which they were recorded: a forked child begins at 0.
    process: Option<Process>,
    overhead_ns: u64,
    /// By module, then name.
    by_function: HashMap<String, HashMap<String, Floor>>,
}

/// The high-water marks of one function, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Floor {
    pub(super) self_wall_ns: u64,
    pub(super) self_cpu_ns: u64,
    pub(super) wall_ns: u64,
    pub(super) cpu_ns: u64,
}

/// The high-water marks at one snapshot.
#[derive(Debug)]
pub(super) struct Raised {
    pub(super) overhead_ns: u64,
    /// In the order of the snapshot's functions.
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
    pub(super) fn raise(&mut self, snapshot: &Snapshot, process: Process) -> Raised {
        if self.process != Some(process) {
            *self = Self { process: Some(process), ..Self::default() };
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

    fn snapshot(ns: u64) -> Snapshot {
        let mut function = Function { name: "f".into(), module: "m".into(), ..Function::default() };
        function.exclusive.wall_ns = ns as i64;
        let mut snapshot = Snapshot { functions: vec![function], ..Snapshot::default() };
        snapshot.profiler.overhead_ns = ns;
        snapshot
    }

    #[test]
    fn a_child_process_begins_at_zero() {
        let mut floors = Floors::default();
        floors.raise(&snapshot(9), Process::other(1));
        let raised = floors.raise(&snapshot(4), Process::other(2));
        assert_eq!((raised.functions[0].self_wall_ns, raised.overhead_ns), (4, 4));
    }
}
