//! The same rules for a Prometheus server.

use std::io::{self, Write};
use std::time::Duration;

use super::definition::{AlertRule, WINDOW};
use super::list::AlertRules;
use crate::expression::{
    Aggregate, Bound, CallFigure, Comparison, Condition, Event, Formula, LEAK_VERDICTS, Limit, Metric, Quantity,
};

impl AlertRules {
    /// Writes a file of rules for a Prometheus server that scrapes the program: the same
    /// conditions, with `for` and `keep_firing_for`, the severity as a label, and the summary as an
    /// annotation. What such a server cannot know (`anomaly`, `every`, `of baseline`) is a comment.
    ///
    /// ```
    /// let rules = perf_sdk::alert::AlertRules::parse("p99(search) > 250ms for 30s", "code").unwrap();
    /// let mut file = Vec::new();
    /// rules.write_prometheus(&mut file).unwrap();
    /// let file = String::from_utf8(file).unwrap();
    /// assert!(file.contains("histogram_quantile(0.99, sum by (instance, job, le)"));
    /// ```
    ///
    /// A quantile of the server's is read off classic buckets, and so less exact than the
    /// profiler's own.
    ///
    /// # Errors
    /// Any error of the writer.
    pub fn write_prometheus(&self, to: &mut impl Write) -> io::Result<()> {
        writeln!(to, "groups:\n  - name: perf-sdk\n    rules:")?;
        let mut is_empty = true;
        for rule in self.iter() {
            match condition(&rule.rule.condition) {
                Some(expression) => {
                    is_empty = false;
                    write_rule(rule, &expression, to)?;
                }
                None => writeln!(to, "      # {}: a Prometheus server cannot judge {rule}", rule.title())?,
            }
        }
        if is_empty { writeln!(to, "      []") } else { Ok(()) }
    }
}

fn write_rule(rule: &AlertRule, expression: &str, to: &mut impl Write) -> io::Result<()> {
    writeln!(to, "      - alert: {}", quoted(&rule.title()))?;
    writeln!(to, "        expr: {}", quoted(expression))?;
    let seconds = |duration: Duration| format!("{}ms", duration.as_millis());
    if !rule.hold().is_zero() {
        writeln!(to, "        for: {}", seconds(rule.hold()))?;
    }
    writeln!(to, "        keep_firing_for: {}", seconds(rule.keep()))?;
    writeln!(to, "        labels:\n          severity: {}", rule.severity)?;
    if !rule.summary.is_empty() {
        writeln!(to, "        annotations:\n          summary: {}", quoted(&rule.summary))?;
    }
    Ok(())
}

/// A text in double quotes, of YAML and of PromQL. Rules have no control characters.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// `None` for what a server cannot judge.
fn condition(condition: &Condition) -> Option<String> {
    let joined = |all: &[Condition], word: &str| -> Option<String> {
        let all: Option<Vec<String>> = all.iter().map(|one| Some(format!("({})", self::condition(one)?))).collect();
        Some(all?.join(word))
    };
    match condition {
        Condition::Comparison(comparison) => compared(comparison),
        Condition::Event(event) => happened(event),
        // Each side may have other labels.
        Condition::All(all) => joined(all, " and on (instance, job) "),
        Condition::Any(all) => joined(all, " or on (instance, job) "),
    }
}

fn happened(event: &Event) -> Option<String> {
    match event {
        Event::Burn { function, objective } => {
            let allowed = 1.0 - objective.value();
            let pair = |factor: f64, long: &str, short: &str| {
                let over = |window: &str| {
                    let share = error_share(function, window);
                    format!("{share} > {}", number(factor * allowed))
                };
                format!("(({}) and ({}))", over(long), over(short))
            };
            Some(
                [pair(14.4, "1h", "5m"), pair(6.0, "6h", "30m"), pair(3.0, "1d", "2h"), pair(1.0, "3d", "6h")]
                    .join(" or "),
            )
        }
        Event::ErrorBurst => {
            let share = |window: &str, offset: &str| {
                let calls = |more: &str| {
                    format!("sum by (instance, job, function) (rate(function_calls_total{more}[{window}]{offset}))")
                };
                format!("({} / {})", calls("{result=~\"error|panic\"}"), calls(""))
            };
            let (now, usual) = (share("1m", ""), share("1h", " offset 1m"));
            Some(format!("({now} > 4 * {usual}) and ({now} > 0.05 + {usual})"))
        }
        Event::Leak(verdict) => {
            let from = LEAK_VERDICTS.iter().position(|known| known == verdict)?;
            let verdicts = LEAK_VERDICTS[from..].join("|");
            Some(format!(
                "leak_suspect_objects{{verdict=~\"{verdicts}\"}} > 0 or leak_suspect_bytes{{verdict=~\"{verdicts}\"}} > 0"
            ))
        }
        Event::Target(status) => {
            let statuses = if status == "at_risk" { "at_risk|missed" } else { "missed" };
            Some(format!("target_status{{status=~\"{statuses}\"}} > 0"))
        }
        Event::Anomaly(_) | Event::Every(_) => None,
    }
}

fn compared(comparison: &Comparison) -> Option<String> {
    let window = comparison.window.and_then(Quantity::duration).unwrap_or(WINDOW);
    let mut expression = metric(&comparison.metric, &format!("{}ms", window.as_millis()))?;
    for (bound, sign) in [(comparison.above, ">"), (comparison.below, "<")] {
        let Some(Bound { limit, is_inclusive }) = bound else { continue };
        let Limit::Fixed(quantity) = limit else { return None };
        let equal = if is_inclusive { "=" } else { "" };
        expression = format!("{expression} {sign}{equal} {}", number(quantity.value()));
    }
    Some(expression)
}

/// As PromQL reads it.
fn number(value: f64) -> String {
    format!("{value}")
}

fn error_share(function: &str, window: &str) -> String {
    let calls = |more: &str| {
        format!("sum by (instance, job) (rate(function_calls_total{{function={}{more}}}[{window}]))", quoted(function))
    };
    format!("{} / {}", calls(", result=~\"error|panic\""), calls(""))
}

/// A metric over a window.
fn metric(metric: &Metric, window: &str) -> Option<String> {
    let labels = metric.reading_labels();
    let Some(function) = metric.function else { return Some(series(&metric.name, &labels)) };
    let subject = metric.subject().unwrap_or_default();
    let of_function = [("function".to_owned(), subject.to_owned())];
    let rate = |name: &str| format!("sum by (instance, job) (rate({}[{window}]))", series(name, &of_function));
    let grown = |name: &str| format!("sum by (instance, job) (increase({}[{window}]))", series(name, &labels));
    let sum = |names: &[&str]| {
        let all: Vec<String> = names.iter().map(|name| grown(name)).collect();
        format!("({})", all.join(" + "))
    };
    Some(match function.formula {
        Formula::Calls(CallFigure::Quantile(share)) => format!(
            "histogram_quantile({}, sum by (instance, job, le) (rate({}[{window}])))",
            number(share),
            series("function_calls_duration_seconds_bucket", &of_function)
        ),
        Formula::Calls(CallFigure::ErrorRatio) => error_share(subject, window),
        Formula::Calls(CallFigure::Rate) => rate("function_calls_total"),
        Formula::Calls(CallFigure::SelfTime) => rate("function_self_seconds_total"),
        Formula::Calls(CallFigure::SelfCpu) => rate("function_self_cpu_seconds_total"),
        Formula::Calls(CallFigure::Allocated) => rate("function_allocated_bytes_sum"),
        Formula::Calls(CallFigure::Live) => series("function_live_bytes", &of_function),
        Formula::Calls(CallFigure::SlowerThan(_)) => return None,
        Formula::Rate => match metric.argument(0) {
            Some(counter) => format!(
                "sum by (instance, job) (rate({}[{window}]))",
                series(&total(&counter.name), &counter.reading_labels())
            ),
            // It may be a function, or a counter.
            None => {
                let of_counter = || format!("sum by (instance, job) (rate({}[{window}]))", total(subject));
                match is_name(subject) {
                    true if subject.ends_with("_total") => of_counter(),
                    true => format!("({} or {})", rate("function_calls_total"), of_counter()),
                    false => rate("function_calls_total"),
                }
            }
        },
        Formula::Gauge(name) => series(name, &labels),
        Formula::Quotient { part, whole } => format!("{} / {}", sum(part), sum(whole)),
        Formula::Saved { after, before } => format!("1 - {} / {}", grown(after), grown(before)),
        Formula::Utilization { used, limit } => {
            format!("avg_over_time({}[{window}]) / {}", series(used, &labels), series(limit, &labels))
        }
        Formula::TimeTo { used, limit } => {
            let (used, limit) = (series(used, &labels), series(limit, &labels));
            format!("({limit} - {used}) / (deriv({used}[{window}]) > 0)")
        }
        Formula::PerCapacity { used, capacity } => {
            format!("rate({}[{window}]) / {}", series(used, &labels), series(capacity, &labels))
        }
        Formula::Over(aggregate) => {
            let (name, labels) = metric.read_from();
            let over = match aggregate {
                Aggregate::Latest => return Some(series(name, &labels)),
                Aggregate::Mean => "avg_over_time",
                Aggregate::Peak => "max_over_time",
                Aggregate::Lowest => "min_over_time",
                Aggregate::Trend => "deriv",
                Aggregate::Growth => {
                    let counter = series(&total(name), &labels);
                    return Some(format!("sum by (instance, job) (increase({counter}[{window}]))"));
                }
            };
            format!("{over}({}[{window}])", series(name, &labels))
        }
        Formula::OfCounters => {
            let grown = |at| {
                let counter: &Metric = metric.argument(at)?;
                let counter = series(&total(&counter.name), &counter.labels);
                Some(format!("sum by (instance, job) (increase({counter}[{window}]))"))
            };
            format!("{} / {}", grown(0)?, grown(1)?)
        }
    })
}

/// Whether a metric may have this name.
fn is_name(text: &str) -> bool {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':';
    text.bytes().all(is_fine) && !text.as_bytes().first().is_none_or(u8::is_ascii_digit)
}

/// A counter may be named without its `_total`.
fn total(name: &str) -> String {
    if name.ends_with("_total") { name.to_owned() } else { format!("{name}_total") }
}

fn series(name: &str, labels: &[(String, String)]) -> String {
    if labels.is_empty() {
        return name.to_owned();
    }
    let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={}", quoted(value))).collect();
    format!("{name}{{{}}}", labels.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rule: &str) -> Option<String> {
        condition(&AlertRule::new(rule).unwrap().rule.condition)
    }

    #[test]
    fn conditions_are_promql() {
        for (rule, expression) in [
            ("process_open_fds > 500", "process_open_fds > 500"),
            ("cpu > 95% over 5m", "rate(process_cpu_seconds_total[300000ms]) / process_cpus > 0.95"),
            (
                "error_ratio(\"GET /\") > 1% over 5m",
                "sum by (instance, job) (rate(function_calls_total{function=\"GET /\", result=~\"error|panic\"}[300000ms])) \
                 / sum by (instance, job) (rate(function_calls_total{function=\"GET /\"}[300000ms])) > 0.01",
            ),
            (
                "60% < memory < 80%",
                "avg_over_time(container_memory_working_set_bytes[60000ms]) / container_spec_memory_limit_bytes > 0.6 < 0.8",
            ),
            (
                "lowest(connection_pool_waiting{pool=db}) > 0",
                "min_over_time(connection_pool_waiting{pool=\"db\"}[60000ms]) > 0",
            ),
            (
                "rate(slow_queries_total) > 1/min",
                "sum by (instance, job) (rate(slow_queries_total[60000ms])) > 0.016666666666666666",
            ),
            (
                "leak(suspect)",
                "leak_suspect_objects{verdict=~\"suspect|confirmed\"} > 0 or leak_suspect_bytes{verdict=~\"suspect|confirmed\"} > 0",
            ),
            ("target(missed)", "target_status{status=~\"missed\"} > 0"),
            (
                "process_threads > 3 AND process_open_fds > 7",
                "(process_threads > 3) and on (instance, job) (process_open_fds > 7)",
            ),
        ] {
            assert_eq!(of(rule).as_deref(), Some(expression), "{rule}");
        }
        for rule in ["anomaly(cpu)", "every(5m)", "p99(a) > 150% of baseline", "cpu > 9% AND anomaly(cpu)"] {
            assert_eq!(of(rule), None, "{rule}");
        }
    }

    #[test]
    fn the_file_has_times_labels_and_annotations() {
        let mut rules = AlertRules::new();
        let rule = AlertRule::new("process_threads > 3 for 30s keep 2m").unwrap();
        rules.add(rule.name("many \"threads\"").summary("Look.")).unwrap();
        rules.add(AlertRule::new("every(5m)").unwrap()).unwrap();
        let mut file = Vec::new();
        rules.write_prometheus(&mut file).unwrap();
        let expected = concat!(
            "groups:\n  - name: perf-sdk\n    rules:\n",
            "      - alert: \"many \\\"threads\\\"\"\n        expr: \"process_threads > 3\"\n        for: 30000ms\n",
            "        keep_firing_for: 120000ms\n        labels:\n          severity: warning\n",
            "        annotations:\n          summary: \"Look.\"\n",
            "      # every(5m): a Prometheus server cannot judge every(5m)\n"
        );
        assert_eq!(String::from_utf8(file).unwrap(), expected);
        let mut none = Vec::new();
        AlertRules::new().write_prometheus(&mut none).unwrap();
        assert!(String::from_utf8(none).unwrap().ends_with("rules:\n      []\n"));
    }
}
