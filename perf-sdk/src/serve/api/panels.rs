//! Which readings of the process stand together in a chart, and in which order.

use super::line::{Copied, Line, Role, copied, id, rounded, shown, values};
use super::range::Range;
use crate::history::{self, Point};

/// Lines of a chart, at most: those that are highest on average.
const MOST_LINES: usize = 8;

/// A chart of readings.
pub(super) struct Panel {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// `count_per_second`, `seconds`, `cores`, `bytes`, `ratio` or `count`.
    pub(super) unit: &'static str,
    pub(super) hint: &'static str,
    pub(super) sources: &'static [Source],
}

/// Where lines come from: all series of a name, which are told apart by their labels.
pub(super) enum Source {
    /// Of a gauge its mean, of a counter its growth per second; and what it is called beside
    /// others.
    Values(&'static str, &'static str),
    /// The same as a limit.
    Limit(&'static str, &'static str),
    /// One as a share of both, such as hits of hits and misses.
    Share(&'static str, &'static str, &'static str),
    /// One divided by the other, as a limit.
    LimitRatio(&'static str, &'static str, &'static str),
}

use Source::{Limit, LimitRatio, Share, Values};

pub(super) const PANELS: &[Panel] = &[
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
            Values("container_memory_working_set_bytes", "control group"),
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

impl Panel {
    /// The lines that have a value in the range, and the number of those that are left out.
    pub(super) fn lines(&self, range: Range) -> (Vec<Line>, usize) {
        let mut lines: Vec<Line> = self.sources.iter().flat_map(|source| self.of(source, range)).collect();
        // A limit alone says nothing.
        if lines.iter().all(|line| line.role == Role::Limit) {
            return (Vec::new(), 0);
        }
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
        (lines, more)
    }

    fn of(&self, source: &Source, range: Range) -> Vec<Line> {
        let (name, called, role) = match *source {
            Values(name, called) => (name, called, Role::Line),
            Limit(name, called) => (name, called, Role::Limit),
            Share(part, other, called) => return self.shares((part, other), called, range),
            LimitRatio(upper, lower, called) => return limit((upper, lower), called, range).into_iter().collect(),
        };
        let all = copied(name, range).into_iter();
        all.filter_map(|Copied { labels, points }| {
            let (from, step, values) = values(&points, range)?;
            Some(Line { name: self.named(called, &labels), id: id(name, &labels), role, from, step, values })
        })
        .collect()
    }

    /// What it is called, and which one of several.
    fn named(&self, called: &str, labels: &[(String, String)]) -> String {
        let which = shown(labels);
        match (which.is_empty(), self.sources.len()) {
            (true, _) => called.to_owned(),
            (false, 1) => which,
            (false, _) => format!("{called} {which}"),
        }
    }

    fn shares(&self, (part, other): (&str, &str), called: &str, range: Range) -> Vec<Line> {
        let others = copied(other, range);
        let of = |Copied { labels, points }: Copied| {
            let rest = others.iter().find(|other| other.labels == labels);
            let rest = rest.map_or(&[][..], |other| &other.points);
            let (from, step, values) = combined(&points, rest, range, |part, rest| {
                let whole = part + rest;
                (whole > 0.0).then(|| part / whole)
            })?;
            Some(Line {
                name: self.named(called, &labels),
                id: id(part, &labels),
                role: Role::Line,
                from,
                step,
                values,
            })
        };
        copied(part, range).into_iter().filter_map(of).collect()
    }
}

fn limit((upper, lower): (&str, &str), called: &str, range: Range) -> Option<Line> {
    let [upper_points, lower_points] = [upper, lower].map(|name| copied(name, range).into_iter().next());
    let (upper_points, lower_points) = (upper_points?.points, lower_points?.points);
    let (from, step, values) =
        combined(&upper_points, &lower_points, range, |upper, lower| (lower > 0.0).then(|| upper / lower))?;
    Some(Line { name: called.to_owned(), id: upper.to_owned(), role: Role::Limit, from, step, values })
}

/// Two series at the same steps. Where the second has nothing, it is 0.
fn combined(
    one: &[Point],
    other: &[Point],
    range: Range,
    with: impl Fn(f64, f64) -> Option<f64>,
) -> Option<(u32, u32, Vec<Option<f64>>)> {
    let window = (range.from, range.to);
    let mut step = range.step;
    let (one, other) = loop {
        let of = |points| history::columns(points, window, step);
        let (one, other) = (of(one), of(other));
        let longest = one.step.max(other.step);
        if one.step == other.step {
            break (one, other);
        }
        step = longest;
    };
    let both = one.mean.iter().enumerate().map(|(at, value)| {
        let second = other.mean.get(at).copied().flatten().unwrap_or(0.0);
        with((*value)?, second).map(rounded)
    });
    let values: Vec<Option<f64>> = both.collect();
    values.iter().any(Option::is_some).then_some((one.from, one.step, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(of: impl Iterator<Item = (u32, f64)>) -> Vec<Point> {
        of.map(|(from, mean)| Point { from, seconds: 1, covered: 1, mean, peak: mean }).collect()
    }

    #[test]
    fn a_share_is_that_of_each_step_and_absent_without_lookups() {
        let hits = points((100..110).map(|at| (at, if at < 105 { 3.0 } else { 0.0 })));
        let misses = points((100..105).map(|at| (at, 1.0)));
        let range = Range { from: 100, to: 110, step: 5, is_clamped: false };
        let share = |part: f64, rest: f64| (part + rest > 0.0).then(|| part / (part + rest));
        assert_eq!(combined(&hits, &misses, range, share), Some((100, 5, vec![Some(0.75), None])));
        assert_eq!(combined(&[], &[], range, share), None, "a line without values is no line");
    }

    #[test]
    fn panels_have_names_of_their_own() {
        let mut ids: Vec<&str> = PANELS.iter().map(|panel| panel.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), PANELS.len());
    }
}
