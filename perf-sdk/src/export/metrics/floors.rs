//! High-water marks below which a counter must not fall from one scrape to the next.

use std::collections::HashMap;
use std::ops::Range;

use crate::base::process_identity::Process;
use crate::histogram::Histogram;
use crate::snapshot::Function;

/// The high-water marks.
#[derive(Debug, Default)]
pub(super) struct Floors {
    /// The process in which they were recorded: a forked child begins at 0.
    process: Option<Process>,
    overhead_ns: u64,
    /// By module, then name: the place in `functions`.
    places: HashMap<String, HashMap<String, u32>>,
    functions: Vec<Floor>,
}

/// The high-water marks of one function, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Floor {
    pub(super) self_wall_ns: u64,
    pub(super) self_cpu_ns: u64,
    pub(super) wall_ns: u64,
    pub(super) cpu_ns: u64,
}

/// Where the high-water marks of a snapshot's functions are.
#[derive(Debug)]
pub(super) struct Places {
    process: Process,
    /// In the order of the snapshot's functions.
    functions: Vec<u32>,
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
    /// The places of functions with these modules and names.
    pub(super) fn places<'a>(&mut self, names: impl Iterator<Item = (&'a str, &'a str)>, process: Process) -> Places {
        self.turn_to(process);
        let functions = names.map(|(module, name)| {
            if let Some(place) = self.places.get(module).and_then(|names| names.get(name)) {
                return *place;
            }
            let place = self.functions.len() as u32;
            self.functions.push(Floor::default());
            self.places.entry(module.to_owned()).or_default().insert(name.to_owned(), place);
            place
        });
        Places { process, functions: functions.collect() }
    }

    /// Raises the high-water mark of what recording took.
    pub(super) fn raise_overhead(&mut self, overhead_ns: u64, process: Process) -> u64 {
        self.turn_to(process);
        self.overhead_ns = self.overhead_ns.max(overhead_ns);
        self.overhead_ns
    }

    /// Raises those of functions, which are the ones at `range` of the snapshot with these places.
    pub(super) fn raise(
        &mut self,
        places: &Places,
        range: Range<usize>,
        functions: &[Function],
        into: &mut Vec<Floor>,
    ) {
        into.clear();
        let are_here = self.process == Some(places.process);
        let places = places.functions.get(range).unwrap_or_default();
        into.extend(functions.iter().zip(places).map(|(function, place)| {
            let now = Floor::of(function);
            match self.functions.get_mut(*place as usize).filter(|_| are_here) {
                Some(highest) => {
                    highest.raise(&now);
                    *highest
                }
                None => now,
            }
        }));
    }

    fn turn_to(&mut self, process: Process) {
        if self.process != Some(process) {
            *self = Self { process: Some(process), ..Self::default() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(ns: u64) -> Function {
        let mut function = Function { name: "f".into(), module: "m".into(), ..Function::default() };
        function.exclusive.wall_ns = ns as i64;
        function
    }

    fn raised(floors: &mut Floors, ns: u64, process: Process) -> [u64; 2] {
        let (places, mut raised) = (floors.places([("m", "f")].into_iter(), process), Vec::new());
        floors.raise(&places, 0..1, &[function(ns)], &mut raised);
        [raised[0].self_wall_ns, floors.raise_overhead(ns, process)]
    }

    #[test]
    fn a_child_process_begins_at_zero() {
        let mut floors = Floors::default();
        assert_eq!(raised(&mut floors, 9, Process::other(1)), [9, 9]);
        assert_eq!(raised(&mut floors, 4, Process::other(1)), [9, 9]);
        assert_eq!(raised(&mut floors, 4, Process::other(2)), [4, 4]);
    }

    #[test]
    fn places_of_another_process_are_not_used() {
        let mut floors = Floors::default();
        let parents = floors.places([("m", "f")].into_iter(), Process::other(1));
        raised(&mut floors, 9, Process::other(2));
        let mut raised = Vec::new();
        floors.raise(&parents, 0..1, &[function(5)], &mut raised);
        assert_eq!(raised[0].self_wall_ns, 5);
    }
}
