//! The names under which the user's families are exported. They are decided once, because a series
//! whose name changes becomes two series.

use std::collections::{HashMap, HashSet};

use super::families;
use super::family::{Family, Head, Kind};

use crate::base::sort;

/// The prefix for a name that is already used.
const RENAMED: &str = "user_";

/// Suffixes that some format appends to the samples of some kind. One of the profiler's names
/// reserves itself with each of these.
const SUFFIXES: [&str; 7] = ["", "_total", "_created", "_bucket", "_count", "_sum", "_info"];

/// The maximum number of remembered names. A program has few; further ones are decided anew in each
/// scrape.
const MOST: usize = 20_000;

/// The decisions so far.
#[derive(Debug, Default)]
pub(super) struct Names {
    given: HashMap<(String, Kind), String>,
    /// The names of families, and of their samples, that were assigned.
    claimed: HashSet<String>,
    /// The same for the profiler's own families, which take precedence: rows, and readings of all
    /// scrapes so far.
    ours: HashSet<String>,
    /// The names of those readings.
    readings: HashSet<String>,
}

impl Names {
    /// Gives each family a name that differs, in every format, from those of all other families and
    /// of their samples. If it differs from the user's, the help text says so. Families of the same
    /// name and kind are merged.
    ///
    /// If two new families want the same name, the one whose kind comes first in [`Kind`] gets it.
    /// An assigned name is kept, unless it is that of a reading which was not there before.
    ///
    /// Of `readings`, those whose name a row has are left out.
    pub(super) fn give(&mut self, readings: &mut Vec<Family<'_>>, families: &mut Vec<Family<'_>>) {
        self.begin();
        self.reserve(readings);
        sort::sort_by(families, |a, b| (&a.head.name, a.head.kind).cmp(&(&b.head.name, b.head.kind)));
        families.dedup_by(|next, first| {
            let is_same = (&next.head.name, next.head.kind) == (&first.head.name, first.head.kind);
            if is_same {
                first.metrics.append(&mut next.metrics);
            }
            is_same
        });
        // Names of this scrape that are not remembered.
        let mut passing = HashSet::new();
        for family in families.iter_mut() {
            let key = (family.head.name.to_string(), family.head.kind);
            if let Some(name) = self.given.get(&key) {
                rename(&mut family.head, name);
                continue;
            }
            let name = self.free_name(&key.0, key.1, &passing);
            rename(&mut family.head, &name);
            let claims = claims(&name, key.1);
            if self.given.len() < MOST {
                self.claimed.extend(claims);
                self.given.insert(key, name);
            } else {
                passing.extend(claims);
            }
        }
        find_stems(families);
    }

    /// Reserves the names of readings.
    fn reserve(&mut self, readings: &mut Vec<Family<'_>>) {
        let is_known = |known: &HashSet<String>, family: &Family<'_>| known.contains(&*family.head.name);
        readings.retain(|family| is_known(&self.readings, family) || !is_known(&self.ours, family));
        self.reserve_names(readings.iter().map(|family| &*family.head.name));
        find_stems(readings);
    }

    /// Reserves the names of readings that may appear later, so that no other series takes one and
    /// is renamed then.
    #[cfg(any(feature = "otlp", feature = "serve", test))]
    pub(super) fn expect<'n>(&mut self, names: impl Iterator<Item = &'n str>) {
        self.begin();
        let of_no_row: Vec<&str> =
            names.filter(|name| self.readings.contains(*name) || !self.ours.contains(*name)).collect();
        self.reserve_names(of_no_row.into_iter());
    }

    fn begin(&mut self) {
        if self.ours.is_empty() {
            self.ours = families::rows().flat_map(|row| reserved(row.name)).collect();
        }
    }

    fn reserve_names<'n>(&mut self, names: impl Iterator<Item = &'n str>) {
        let new: Vec<String> =
            names.filter(|name| !self.readings.contains(*name)).take(MOST).map(str::to_owned).collect();
        if !new.is_empty() {
            self.ours.extend(new.iter().flat_map(|name| reserved(name)));
            self.readings.extend(new);
            let Self { given, claimed, ours, .. } = self;
            given.retain(|(_, kind), name| claims(name, *kind).all(|claim| !ours.contains(&claim)));
            claimed.retain(|claim| !ours.contains(claim));
        }
    }

    fn free_name(&self, name: &str, kind: Kind, passing: &HashSet<String>) -> String {
        let is_ours = |name: &str| claims(name, kind).any(|claim| self.ours.contains(&claim));
        let is_theirs =
            |name: &str| claims(name, kind).any(|claim| self.claimed.contains(&claim) || passing.contains(&claim));
        let first = if is_ours(name) { format!("{RENAMED}{name}") } else { name.to_owned() };
        let by_kind = |at: u32| match at {
            1 => format!("{RENAMED}{}_{name}", kind.name()),
            _ => format!("{RENAMED}{}_{at}_{name}", kind.name()),
        };
        let mut names = std::iter::once(first).chain((1..).map(by_kind));
        names.find(|name| !is_ours(name) && !is_theirs(name)).unwrap_or_default()
    }
}

fn rename(head: &mut Head<'_>, name: &str) {
    if head.name != name {
        let space = if head.help.is_empty() { "" } else { " " };
        let note = format!("{space}(Renamed from {}, which is taken.)", head.name);
        head.help.to_mut().push_str(&note);
        head.name = name.to_owned().into();
    }
}

/// The names that one of the profiler's families reserves.
fn reserved(name: &str) -> [String; 7] {
    let stem = name.strip_suffix("_total").or_else(|| name.strip_suffix("_info")).unwrap_or(name);
    SUFFIXES.map(|suffix| format!("{stem}{suffix}"))
}

/// The names of a family and of its samples.
fn claims(name: &str, kind: Kind) -> impl Iterator<Item = String> {
    let suffixes: &[&str] = match kind {
        Kind::Histogram => &["", "_bucket", "_count", "_sum", "_created"],
        Kind::Summary => &["", "_count", "_sum", "_created"],
        _ => &[""],
    };
    suffixes.iter().map(move |suffix| format!("{name}{suffix}"))
}

/// Determines which counters can be named without `_total`, as OpenMetrics names families of
/// counters: those for which that name is unused.
fn find_stems(families: &mut [Family<'_>]) {
    let mut taken: HashSet<String> =
        families.iter().flat_map(|family| claims(&family.head.name, family.head.kind)).collect();
    for head in families.iter_mut().map(|family| &mut family.head).filter(|head| head.kind == Kind::Counter) {
        let Some(stem) = head.name.strip_suffix("_total") else { continue };
        let besides = [stem.to_owned(), format!("{stem}_created")];
        head.has_stem = besides.iter().all(|name| !taken.contains(name));
        if head.has_stem {
            taken.extend(besides);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::user::parse;
    use super::*;

    /// The assigned names, in the order of the text.
    fn names(names: &mut Names, wanted: &[(&str, &str)]) -> Vec<String> {
        let line = |(name, kind): &(&str, &str)| match *kind {
            "histogram" | "summary" => format!("# TYPE {name} {kind}\n{name}_count 1\n"),
            _ => format!("# TYPE {name} {kind}\n{name} 1\n"),
        };
        let text: String = wanted.iter().map(line).collect();
        let mut families = parse(&text);
        let before: Vec<(String, Kind)> =
            families.iter().map(|family| (family.head.name.to_string(), family.head.kind)).collect();
        names.give(&mut Vec::new(), &mut families);
        let place = |(name, kind): &(String, Kind)| {
            let is_it = |family: &&Family<'_>| {
                family.head.kind == *kind
                    && (family.head.name == *name || family.head.help.contains(&format!("{name},")))
            };
            families.iter().find(is_it).expect("none is lost").head.name.to_string()
        };
        before.iter().map(place).collect()
    }

    #[test]
    fn similar_names_without_a_conflict_are_kept() {
        for pair in [["pool_connections", "pool_connections_total"], ["app", "app_info"], ["later", "later_sum"]] {
            let wanted = pair.map(|name| (name, "gauge"));
            for wanted in [wanted, [wanted[1], wanted[0]]] {
                let mut of_process = Names::default();
                for _ in 0..3 {
                    assert_eq!(names(&mut of_process, &wanted), wanted.map(|(name, _)| name));
                }
            }
        }
        let mut of_process = Names::default();
        assert_eq!(
            names(&mut of_process, &[("requests", "gauge"), ("requests_total", "counter")]),
            ["requests", "requests_total"]
        );
    }

    #[test]
    fn an_assigned_name_is_kept() {
        let mut of_process = Names::default();
        assert_eq!(names(&mut of_process, &[("later", "histogram")]), ["later"]);
        let both = [("later_count", "gauge"), ("later", "histogram")];
        for _ in 0..2 {
            assert_eq!(names(&mut of_process, &both), ["user_gauge_later_count", "later"]);
        }
        let mut of_process = Names::default();
        assert_eq!(names(&mut of_process, &[("later_count", "gauge")]), ["later_count"]);
        assert_eq!(names(&mut of_process, &both), ["later_count", "user_histogram_later"]);
    }

    #[test]
    fn kinds_that_share_a_name_get_different_names_in_any_order() {
        let mut wanted = vec![("x", "gauge"), ("x", "counter"), ("x", "histogram"), ("x", "summary"), ("x", "untyped")];
        let given = ["user_gauge_x", "x", "user_histogram_x", "user_summary_x", "user_unknown_x"];
        let mut given: Vec<_> = wanted.iter().zip(given).map(|(wanted, name)| (*wanted, name)).collect();
        for _ in 0..wanted.len() {
            let expected: Vec<&str> = given.iter().map(|(_, name)| *name).collect();
            assert_eq!(names(&mut Names::default(), &wanted), expected);
            wanted.rotate_left(1);
            given.rotate_left(1);
        }
        let mut of_process = Names::default();
        let taken = [("user_gauge_x", "counter"), ("x", "counter")];
        assert_eq!(names(&mut of_process, &taken), ["user_gauge_x", "x"]);
        assert_eq!(names(&mut of_process, &[("x", "gauge")]), ["user_gauge_2_x"]);
    }

    #[test]
    fn a_name_of_ours_is_replaced_and_the_help_says_so() {
        for (name, kind) in [
            ("function_calls_total", "counter"),
            ("function_calls", "gauge"),
            ("function_cpu_seconds", "histogram"),
            ("function_cpu_seconds_count", "gauge"),
            ("perf_cpu_clock", "gauge"),
            ("function_self_seconds", "summary"),
        ] {
            let sample =
                if matches!(kind, "histogram" | "summary") { format!("{name}_count") } else { name.to_owned() };
            let text = format!("# HELP {name} Mine.\n# TYPE {name} {kind}\n{sample} 1\n");
            let mut families = parse(&text);
            Names::default().give(&mut Vec::new(), &mut families);
            assert_eq!(families[0].head.name, format!("user_{name}"));
            assert_eq!(families[0].head.help, format!("Mine. (Renamed from {name}, which is taken.)"));
        }
        for name in ["function_calls_ok", "perf_site", "function", "user_function_calls"] {
            assert_eq!(names(&mut Names::default(), &[(name, "gauge")]), [name]);
        }
    }

    #[test]
    fn a_name_of_a_reading_is_replaced_from_then_on() {
        let reading = |name: &'static str| Family {
            head: Head { name: name.into(), help: "".into(), unit: "", kind: Kind::Gauge, has_stem: true },
            metrics: Vec::new(),
        };
        let mut of_process = Names::default();
        let wanted = [("process_threads", "gauge"), ("process_open_fds", "gauge")];
        assert_eq!(names(&mut of_process, &wanted), ["process_threads", "process_open_fds"]);
        let mut readings = vec![reading("process_threads"), reading("perf_sites")];
        of_process.give(&mut readings, &mut Vec::new());
        assert_eq!(readings.len(), 1, "a row has the name of the other one");
        for _ in 0..2 {
            assert_eq!(names(&mut of_process, &wanted), ["user_process_threads", "process_open_fds"]);
            of_process.give(&mut readings, &mut Vec::new());
            assert_eq!(readings.len(), 1, "it keeps its name");
        }
    }

    #[test]
    fn a_name_of_a_reading_that_is_expected_is_replaced_from_the_start() {
        let mut of_process = Names::default();
        // Rows have the names of some readings.
        of_process.expect(["process_startup_seconds", "perf_sites"].into_iter());
        let wanted = [("process_startup_seconds", "gauge"), ("process_open_fds", "gauge")];
        assert_eq!(names(&mut of_process, &wanted), ["user_process_startup_seconds", "process_open_fds"]);
        let head = |name: &'static str| Head {
            name: name.into(),
            help: "".into(),
            unit: "",
            kind: Kind::Gauge,
            has_stem: true,
        };
        let family = |name| Family { head: head(name), metrics: Vec::new() };
        let mut readings = vec![family("process_startup_seconds"), family("perf_sites")];
        of_process.give(&mut readings, &mut Vec::new());
        let left: Vec<&str> = readings.iter().map(|family| &*family.head.name).collect();
        assert_eq!(left, ["process_startup_seconds"]);
    }

    #[test]
    fn names_beyond_the_limit_are_unique_too() {
        let mut of_process = Names::default();
        let many: Vec<String> = (0..MOST).map(|n| format!("m{n}")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "gauge")).collect();
        names(&mut of_process, &many);
        for _ in 0..2 {
            assert_eq!(names(&mut of_process, &[("x", "gauge"), ("x", "counter")]), ["user_gauge_x", "x"]);
        }
        assert_eq!((of_process.given.len(), of_process.claimed.len()), (MOST, MOST));
    }

    #[test]
    fn a_counter_loses_its_suffix_only_if_the_name_is_unused() {
        let stems = |text: &str| -> Vec<bool> {
            let mut families = parse(text);
            Names::default().give(&mut Vec::new(), &mut families);
            families
                .iter()
                .filter(|family| family.head.kind == Kind::Counter)
                .map(|family| family.head.has_stem)
                .collect()
        };
        assert_eq!(stems("# TYPE x_total counter\nx_total 1\n"), [true]);
        assert_eq!(stems("# TYPE x_total counter\nx_total 1\n# TYPE x gauge\nx 1\n"), [false]);
        assert_eq!(stems("# TYPE x_total counter\nx_total 1\n# TYPE x_created gauge\nx_created 1\n"), [false]);
        assert_eq!(
            stems("# TYPE x_total counter\nx_total 1\n# TYPE x_total_total counter\nx_total_total 1\n"),
            [true, false]
        );
    }
}
