//! The tools: each reads, and none changes anything.

use serde::Serialize;
use serde_json::{Map, Value};

use super::given::{Argument, Given, Kind};
use crate::client::Client;
use crate::facts::functions::{self, Request, Sort};
use crate::facts::{alerts, changes, findings, flame, history, memory, queries, slow, status, targets};
use crate::failure::Failure;
use crate::window::{self, Moment, Range};

/// What an agent can call.
pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) arguments: &'static [Argument],
    call: fn(&Client, &Given) -> Result<Value, String>,
}

const RANGE: &str =
    "a range of time: 10:00..10:05, -1h..-50m, or -10m until now; local time of this machine, or with a date";
const SORTS: &[&str] =
    &["self_cpu", "self", "total", "calls", "errors", "p50", "p95", "p99", "bytes", "self_bytes", "live", "name"];
const WEIGHTS: &[&str] = &[
    "cpu",
    "wall",
    "offcpu",
    "bytes",
    "allocations",
    "calls",
    "live",
    "live_objects",
    "retained_old",
    "live_growth",
    "cpu_samples",
    "wall_samples",
    "offcpu_samples",
];

const fn limit(most: u64) -> Argument {
    Argument { name: "limit", kind: Kind::Number(most), about: "entries at most" }
}

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "status",
        about: "Begin here. How the program is: CPU and memory against their limits, missed targets, alerts, advice, who costs \
                most CPU and memory.",
        arguments: &[],
        call: |client, _| value(status::ask(client)),
    },
    Tool {
        name: "functions",
        about: "Functions by what they cost in a time: calls, errors, p50 to p99 in seconds, CPU in seconds and cores, bytes. \
                Which function costs most CPU: no arguments.",
        arguments: &[
            Argument {
                name: "sort",
                kind: Kind::OneOf(SORTS),
                about: "the figure that is highest first; self_cpu by default",
            },
            limit(100),
            Argument { name: "filter", kind: Kind::Text, about: "a part of module::name, or a pattern with *" },
            Argument { name: "of", kind: Kind::Text, about: RANGE },
        ],
        call: |client, given| {
            let sort = given.text("sort").and_then(Sort::named).unwrap_or_default();
            let search = given.text("filter").unwrap_or_default().to_owned();
            let of = Some(given.of("of", 300)?);
            value(functions::ask(client, &Request { sort, search, limit: given.number("limit", 20), of }))
        },
    },
    Tool {
        name: "targets",
        about: "What figures ought to be, and whether they are: met, at risk, missed, and why.",
        arguments: &[],
        call: |client, _| value(targets::ask(client)),
    },
    Tool {
        name: "alerts",
        about: "What ought not to be so and is, since when, with the values; the latest changes; rules that cannot be judged.",
        arguments: &[],
        call: |client, _| value(alerts::ask(client)),
    },
    Tool {
        name: "findings",
        about: "What somebody should do, ranked by what could be won back, with evidence, the next step, and what would refute it.",
        arguments: &[],
        call: |client, _| value(findings::ask(client)),
    },
    Tool {
        name: "slowest_calls",
        about: "The slowest calls of roots, such as requests, of the last minutes: labels, and what took their time.",
        arguments: &[Argument { name: "function", kind: Kind::Text, about: "of this function only" }, limit(50)],
        call: |client, given| value(slow::ask(client, given.text("function"), given.number("limit", 5))),
    },
    Tool {
        name: "history",
        about: "A figure over time in steps; whether it is up or down, since when, from what to what, and how sure that is. \
                Since when is p99 up: no arguments.",
        arguments: &[
            Argument {
                name: "of",
                kind: Kind::Text,
                about: "p50, p95, p99, calls, errors, self_cpu, live (of functions), cpu, memory, or names of series with * \
                        and labels, such as queue_depth* or cache_*{cache=\"results\"}; p99 by default",
            },
            Argument { name: "function", kind: Kind::Text, about: "of this function only" },
            Argument { name: "range", kind: Kind::Text, about: RANGE },
            Argument { name: "steps", kind: Kind::Number(60), about: "values of each series; 30 by default" },
            limit(50),
        ],
        call: |client, given| {
            let names = history::names(given.text("of").unwrap_or("p99"), given.text("function"));
            let (steps, limit) = (given.number("steps", 30) as u64, given.number("limit", 10));
            value(history::ask(client, &names, given.of("range", 1_800)?, steps, limit))
        },
    },
    Tool {
        name: "flame",
        about: "The heaviest stacks and functions, since recording began or of the next time: CPU, waiting, memory. \
                cpu_samples has functions that nobody annotated too.",
        arguments: &[
            Argument {
                name: "weight",
                kind: Kind::OneOf(WEIGHTS),
                about: "what stacks are weighed by; cpu by default",
            },
            Argument { name: "function", kind: Kind::Text, about: "only below this function" },
            Argument {
                name: "next",
                kind: Kind::Text,
                about: "of the next time, such as 5s, which is waited for; at most 60s",
            },
            limit(100),
        ],
        call: |client, given| {
            const MOST_SECONDS: u64 = 60;
            let next = given.duration("next")?;
            if let Some(next) = next.filter(|next| next.as_secs_f64() > MOST_SECONDS as f64) {
                return Err(format!("next is {} s; allowed: up to {MOST_SECONDS}s", next.as_secs_f64()));
            }
            let weight = given.text("weight").unwrap_or("cpu");
            value(flame::ask(client, weight, given.text("function"), next, given.number("limit", 15)))
        },
    },
    Tool {
        name: "memory",
        about: "Who holds memory: live bytes by the function that allocated them, and what may be a leak.",
        arguments: &[limit(100)],
        call: |client, given| value(memory::ask(client, given.number("limit", 15))),
    },
    Tool {
        name: "queries",
        about: "Statements of databases by the time that they took, with N+1, duplicates and scans of whole tables.",
        arguments: &[limit(100)],
        call: |client, given| value(queries::ask(client, given.number("limit", 10))),
    },
    Tool {
        name: "changes",
        about: "What changed between two times, with 95 % intervals: by default the last five minutes against the five before. \
                With by: two values of a label at the same time.",
        arguments: &[
            Argument { name: "now", kind: Kind::Text, about: RANGE },
            Argument { name: "was", kind: Kind::Text, about: "the range before; by default the one right before now" },
            Argument { name: "by", kind: Kind::Text, about: "LABEL=A,B, such as cache=results,pages" },
            Argument { name: "names", kind: Kind::Text, about: "names of series with *; by default what matters most" },
            limit(100),
        ],
        call: changes,
    },
];

fn changes(client: &Client, given: &Given) -> Result<Value, String> {
    const USUAL_SECONDS: u64 = 300;
    let now = given.range("now")?.unwrap_or_else(|| {
        let to = window::now().0;
        Range { from: Moment(to.saturating_sub(USUAL_SECONDS)), to: Moment(to) }
    });
    let names = given.text("names");
    let found = match given.text("by") {
        Some(by) => {
            let parts = by.split_once('=').and_then(|(label, values)| Some((label, values.split_once(',')?)));
            let (label, (a, b)) = parts.ok_or_else(|| format!("by is {by:?}; allowed: LABEL=A,B"))?;
            changes::by_label(client, names.unwrap_or(changes::ALL_NAMES), label, [a, b], now)
        }
        None => {
            let before = Range { from: Moment(now.from.0.saturating_sub(now.seconds())), to: now.from };
            let was = given.range("was")?.unwrap_or(before);
            changes::between(client, names.unwrap_or(changes::USUAL_NAMES), was, now)
        }
    };
    let mut found = found.map_err(|failure| failure.to_string())?;
    let limit = given.number("limit", 15);
    found.changes.truncate(limit);
    found.only_in_a.truncate(limit);
    found.only_in_b.truncate(limit);
    value(Ok(found))
}

fn value(answer: Result<impl Serialize, Failure>) -> Result<Value, String> {
    let answer = answer.map_err(|failure| failure.to_string())?;
    serde_json::to_value(answer).map_err(|error| format!("cannot write JSON: {error}"))
}

impl Tool {
    /// An error says what to do.
    pub(super) fn call(&self, client: &Client, given: Map<String, Value>) -> Result<Value, String> {
        (self.call)(client, &Given::checked(given, self.arguments)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_arguments_are_those_that_are_read() {
        assert!(SORTS.iter().all(|name| Sort::named(name).is_some_and(|sort| sort.name() == *name)));
        assert_eq!(SORTS.len(), Sort::ALL.len());
        let mut names: Vec<&str> = TOOLS.iter().map(|tool| tool.name).collect();
        names.dedup();
        assert_eq!(names.len(), TOOLS.len());
    }
}
