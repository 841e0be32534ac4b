//! Which readings of the process stand together in a chart, and in which order.

use super::chart::{Chart, Line, Role};

/// Lines of a chart, at most: those that are highest on average.
const MOST_LINES: usize = 8;

/// Labels of a series.
pub(crate) type Labels = Vec<(String, String)>;

/// A series, or several with the same steps.
pub(crate) struct Steps<T> {
    pub(crate) labels: Labels,
    /// When the first step begins, in seconds since 1970, and the seconds of each.
    pub(crate) from: u32,
    pub(crate) step: u32,
    pub(crate) values: Vec<T>,
}

/// Where the values are: the history of this process, or an answer that was kept.
pub(crate) trait Readings {
    /// All series of a name, those without any value left out.
    fn series(&self, name: &str) -> Vec<Steps<Option<f64>>>;
    /// The same, and beside each value that of the second name with the same labels. Where the
    /// second has nothing, it is 0.
    fn pairs(&self, name: &str, second: &str) -> Vec<Steps<Option<(f64, f64)>>>;
}

/// A chart of readings.
pub(crate) struct Panel {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// `count_per_second`, `seconds`, `cores`, `bytes`, `ratio` or `count`.
    pub(crate) unit: &'static str,
    pub(crate) hint: &'static str,
    pub(crate) sources: &'static [Source],
}

/// Where lines come from: all series of a name, which are told apart by their labels.
pub(crate) enum Source {
    /// Of a gauge its mean, of a counter its growth per second; and what it is called beside
    /// others.
    Values(&'static str, &'static str),
    /// The same of what the process is a part of.
    Whole(&'static str, &'static str),
    /// The same as a limit.
    Limit(&'static str, &'static str),
    /// One as a share of both, such as hits of hits and misses.
    Share(&'static str, &'static str, &'static str),
    /// One divided by the other, as a limit.
    LimitRatio(&'static str, &'static str, &'static str),
}

use Source::{Limit, LimitRatio, Share, Values, Whole};

pub(crate) const PANELS: &[Panel] = &[
    Panel {
        id: "cpu",
        title: "CPU",
        unit: "cores",
        hint: "CPU time per second; the limit is that of the control group, and of the processors",
        sources: &[
            Values("process_cpu_seconds_total", "process"),
            Values("container_cpu_cfs_throttled_seconds_total", "throttled"),
            LimitRatio("container_spec_cpu_quota", "container_spec_cpu_period", "limit"),
            Limit("process_cpus", "processors"),
        ],
    },
    Panel {
        id: "memory",
        title: "Memory",
        unit: "bytes",
        hint: "physical memory of the process, what jemalloc gave out of it, and of the control group",
        sources: &[
            Values("process_resident_memory_bytes", "resident"),
            Values("allocator_allocated_bytes", "allocated"),
            Whole("container_memory_working_set_bytes", "control group"),
            Limit("container_spec_memory_limit_bytes", "limit"),
            Limit("node_memory_MemTotal_bytes", "machine"),
        ],
    },
    Panel {
        id: "runtime",
        title: "Runtime, busy",
        unit: "ratio",
        hint: "share of the time for which workers are busy",
        sources: &[Values("tokio_busy_ratio", "tokio"), Values("workers_parallel_efficiency_ratio", "workers")],
    },
    Panel {
        id: "tasks",
        title: "Tasks and requests in flight",
        unit: "count",
        hint: "tasks of runtimes, tasks that workers run, requests without a response",
        sources: &[
            Values("tokio_alive_tasks", "tasks"),
            Values("workers_active", "workers"),
            Values("http_requests_in_flight", "requests"),
        ],
    },
    Panel {
        id: "queues",
        title: "Queues",
        unit: "count",
        hint: "what waits: items, tasks",
        sources: &[
            Values("queue_depth", "queue"),
            Values("tokio_global_queue_depth", "tokio"),
            Values("workers_queued", "workers"),
        ],
    },
    Panel {
        id: "locks",
        title: "Waits for locks",
        unit: "seconds_per_second",
        hint: "time that threads wait for locks of perf_sdk::sync, in a second",
        sources: &[Values("lock_wait_seconds_total", "all locks")],
    },
    Panel {
        id: "pools",
        title: "Connections in use",
        unit: "count",
        hint: "connections of pools that are in use, and how many there may be",
        sources: &[
            Values("connection_pool_in_use", "in use"),
            Values("connection_pool_waiting", "callers that wait"),
            Limit("connection_pool_size", "size"),
        ],
    },
    Panel {
        id: "pool_waits",
        title: "Waits for connections",
        unit: "seconds_per_second",
        hint: "time that callers wait for a connection, in a second",
        sources: &[Values("connection_pool_wait_seconds_total", "pool")],
    },
    Panel {
        id: "caches",
        title: "Cache hits",
        unit: "ratio",
        hint: "share of the lookups that find something",
        sources: &[Share("cache_hits_total", "cache_misses_total", "cache")],
    },
    Panel {
        id: "queries",
        title: "Queries",
        unit: "count_per_second",
        hint: "statements a second, and those that are slow",
        sources: &[Values("queries_total", "all"), Values("slow_queries_total", "slow")],
    },
];

/// The names of all series.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    PANELS
        .iter()
        .flat_map(|panel| panel.sources)
        .flat_map(|source| match *source {
            Values(name, _) | Whole(name, _) | Limit(name, _) => [Some(name), None],
            Share(name, second, _) | LimitRatio(name, second, _) => [Some(name), Some(second)],
        })
        .flatten()
}

impl Panel {
    /// `None` if no line has a value.
    pub(crate) fn chart(&self, readings: &dyn Readings) -> Option<Chart> {
        let mut lines: Vec<Line> = self.sources.iter().flat_map(|source| self.of(source, readings)).collect();
        // A limit alone says nothing.
        if lines.iter().all(|line| line.role != Role::Line) {
            return None;
        }
        let more = cut(&mut lines);
        Some(Chart { id: self.id, title: self.title, unit: self.unit, hint: self.hint, lines, more })
    }

    fn of(&self, source: &Source, readings: &dyn Readings) -> Vec<Line> {
        match *source {
            Values(name, called) => self.lines(name, called, Role::Line, readings.series(name)),
            Whole(name, called) => self.lines(name, called, Role::Whole, readings.series(name)),
            Limit(name, called) => self.lines(name, called, Role::Limit, readings.series(name)),
            Share(part, other, called) => {
                let share = |(part, rest): (f64, f64)| (part + rest > 0.0).then(|| part / (part + rest));
                self.lines(part, called, Role::Line, with(readings.pairs(part, other), share))
            }
            LimitRatio(upper, lower, called) => {
                let ratio = |(upper, lower): (f64, f64)| (lower > 0.0).then(|| upper / lower);
                self.lines(upper, called, Role::Limit, with(readings.pairs(upper, lower), ratio))
            }
        }
    }

    fn lines(&self, name: &str, called: &str, role: Role, all: Vec<Steps<Option<f64>>>) -> Vec<Line> {
        let line = |Steps { labels, from, step, values }: Steps<Option<f64>>| {
            let id = labels.iter().fold(name.to_owned(), |id, (label, value)| format!("{id}|{label}={value}"));
            Line { name: self.named(called, &labels), id, role, from, step, values }
        };
        all.into_iter().map(line).collect()
    }

    /// What it is called, and which one of several.
    fn named(&self, called: &str, labels: &Labels) -> String {
        let which = labels.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" ");
        match (which.is_empty(), self.sources.len()) {
            (true, _) => called.to_owned(),
            (false, 1) => which,
            (false, _) => format!("{called} {which}"),
        }
    }
}

/// Those that have a value.
fn with(pairs: Vec<Steps<Option<(f64, f64)>>>, of: impl Fn((f64, f64)) -> Option<f64>) -> Vec<Steps<Option<f64>>> {
    let one = |Steps { labels, from, step, values }: Steps<Option<(f64, f64)>>| {
        let of = |pair: Option<(f64, f64)>| pair.and_then(&of).map(super::chart::rounded);
        Steps { labels, from, step, values: values.into_iter().map(of).collect() }
    };
    pairs.into_iter().map(one).filter(|steps: &Steps<Option<f64>>| steps.values.iter().any(Option::is_some)).collect()
}

/// Leaves the highest lines, and returns the number of the others.
fn cut(lines: &mut Vec<Line>) -> usize {
    let mean = |line: &Line| {
        let known = line.values.iter().flatten();
        known.clone().sum::<f64>() / known.count().max(1) as f64
    };
    let more = lines.len().saturating_sub(MOST_LINES);
    if more > 0 {
        let mut ranks: Vec<(Role, f64)> = lines.iter().map(|line| (line.role, mean(line))).collect();
        ranks.sort_by(|a, b| (b.0 == Role::Limit).cmp(&(a.0 == Role::Limit)).then(b.1.total_cmp(&a.1)));
        let least = ranks[MOST_LINES - 1].1;
        let mut left = MOST_LINES;
        lines.retain(|line| {
            let stays = left > 0 && (line.role == Role::Limit || mean(line) >= least);
            left -= usize::from(stays);
            stays
        });
    }
    more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_have_names_of_their_own() {
        let mut ids: Vec<&str> = PANELS.iter().map(|panel| panel.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), PANELS.len());
    }

    #[test]
    fn a_line_without_values_is_no_line() {
        let steps = |values: Vec<Option<(f64, f64)>>| Steps { labels: Vec::new(), from: 0, step: 1, values };
        let share = |(part, rest): (f64, f64)| (part + rest > 0.0).then(|| part / (part + rest));
        assert!(with(vec![steps(vec![Some((0.0, 0.0)), None])], share).is_empty());
        let values = with(vec![steps(vec![Some((3.0, 1.0)), None, Some((0.0, 0.0))])], share).remove(0).values;
        assert_eq!(values, [Some(0.75), None, None]);
    }
}
