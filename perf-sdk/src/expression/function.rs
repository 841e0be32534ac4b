//! The table of metric functions: one entry each.

use super::unit::Dimension;

/// A metric function of targets and alerts.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct MetricFunction {
    /// The name in an expression.
    pub name: &'static str,
    /// What it is.
    pub meaning: &'static str,
    pub(crate) parameters: Parameters,
    /// Absent if it is that of the argument.
    pub(crate) dimension: Option<Dimension>,
    pub(crate) formula: Formula,
}

/// What a metric function is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parameters {
    /// Of the process.
    None,
    /// A profiled function.
    Function,
    /// A profiled function, or a counter.
    FunctionOrCounter,
    /// Something with this label on its readings.
    Thing(&'static str),
    /// The same; without an argument all of them together.
    ThingOrAll(&'static str),
    /// A reading, or a function that is one.
    Gauge,
    Counter,
    /// A part and a whole.
    Counters,
}

/// How a value is computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Formula {
    /// A figure of a function's calls.
    Calls(CallFigure),
    /// Calls of a function per second; of a counter its growth.
    Rate,
    /// The latest value.
    Gauge(&'static str),
    /// The growth of some counters ÷ that of others.
    Quotient { part: &'static [&'static str], whole: &'static [&'static str] },
    /// 1 − the growth of one counter ÷ that of the other.
    Saved { after: &'static str, before: &'static str },
    /// The mean of a gauge ÷ the latest value of another.
    Utilization { used: &'static str, limit: &'static str },
    /// The time until a gauge reaches another, if it goes on growing as it does.
    TimeTo { used: &'static str, limit: &'static str },
    /// The growth of a counter per second ÷ the latest value of a gauge.
    PerCapacity { used: &'static str, capacity: &'static str },
    /// Of the argument.
    Over(Aggregate),
    /// The growth of the first argument ÷ that of the second.
    OfCounters,
}

/// A figure of a function's calls in a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum CallFigure {
    /// A quantile of durations, in seconds.
    Quantile(f64),
    /// The share of calls that returned an error or panicked.
    ErrorRatio,
    /// The share of calls that took longer than this many seconds.
    SlowerThan(f64),
    /// Finished calls per second.
    Rate,
    /// Time in the function itself, in seconds per second.
    SelfTime,
    /// CPU time of the function itself, in seconds per second.
    SelfCpu,
    /// Bytes that the function and its callees allocated per second.
    Allocated,
    /// Live bytes that the function itself allocated.
    Live,
}

/// What is taken of a reading's values in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Latest,
    Mean,
    Peak,
    Lowest,
    /// By how much a counter grew. A counter that starts anew grows from 0.
    Growth,
    /// By how much a gauge grows in a second, beyond chance; else 0.
    Trend,
}

const HITS_AND_MISSES: &[&str] = &["cache_hits_total", "cache_misses_total"];

const fn function(
    name: &'static str,
    parameters: Parameters,
    dimension: Dimension,
    formula: Formula,
    meaning: &'static str,
) -> MetricFunction {
    MetricFunction { name, meaning, parameters, dimension: Some(dimension), formula }
}

const fn quantile(name: &'static str, share: f64, meaning: &'static str) -> MetricFunction {
    function(name, Parameters::Function, Dimension::Time, Formula::Calls(CallFigure::Quantile(share)), meaning)
}

const fn of_argument(
    name: &'static str,
    parameters: Parameters,
    formula: Formula,
    meaning: &'static str,
) -> MetricFunction {
    MetricFunction { name, meaning, parameters, dimension: None, formula }
}

/// All metric functions. Every reading is a metric by its own name besides.
pub static FUNCTIONS: &[MetricFunction] = &[
    quantile("p50", 0.5, "the time that half of a function's calls stay below"),
    quantile("p75", 0.75, "the time that 75 % of a function's calls stay below"),
    quantile("p90", 0.9, "the time that 90 % of a function's calls stay below"),
    quantile("p95", 0.95, "the time that 95 % of a function's calls stay below"),
    quantile("p99", 0.99, "the time that 99 % of a function's calls stay below"),
    quantile("p999", 0.999, "the time that 99.9 % of a function's calls stay below"),
    function(
        "error_ratio",
        Parameters::Function,
        Dimension::Ratio,
        Formula::Calls(CallFigure::ErrorRatio),
        "the share of a function's calls that returned an error or panicked",
    ),
    MetricFunction {
        name: "rate",
        meaning: "calls of a function, or what a counter counts, in a unit of time",
        parameters: Parameters::FunctionOrCounter,
        dimension: None,
        formula: Formula::Rate,
    },
    function(
        "self_time",
        Parameters::Function,
        Dimension::Ratio,
        Formula::Calls(CallFigure::SelfTime),
        "time in a function itself ÷ the time that passed: 100 % is one call at any time",
    ),
    function(
        "self_cpu",
        Parameters::Function,
        Dimension::Ratio,
        Formula::Calls(CallFigure::SelfCpu),
        "CPU time of a function itself ÷ the time that passed: 100 % is one core",
    ),
    function(
        "allocated",
        Parameters::Function,
        Dimension::ByteRate,
        Formula::Calls(CallFigure::Allocated),
        "what a function and those that it calls allocate in a unit of time",
    ),
    function(
        "live",
        Parameters::Function,
        Dimension::Bytes,
        Formula::Calls(CallFigure::Live),
        "live memory that a function itself allocated",
    ),
    function(
        "hit_ratio",
        Parameters::Thing("cache"),
        Dimension::Ratio,
        Formula::Quotient { part: &["cache_hits_total"], whole: HITS_AND_MISSES },
        "the share of a cache's lookups that found something",
    ),
    function(
        "eviction_ratio",
        Parameters::Thing("cache"),
        Dimension::Ratio,
        Formula::Quotient { part: &["cache_evictions_total"], whole: HITS_AND_MISSES },
        "evictions of a cache ÷ its lookups",
    ),
    function(
        "access_time",
        Parameters::Thing("cache"),
        Dimension::Time,
        Formula::Quotient { part: &["cache_access_seconds_total"], whole: &["cache_timed_lookups_total"] },
        "the mean time of a cache's lookups, of those that are timed",
    ),
    function(
        "prefetch_ratio",
        Parameters::Thing("cache"),
        Dimension::Ratio,
        Formula::Quotient { part: &["cache_prefetched_used_total"], whole: &["cache_prefetched_total"] },
        "the share of what a cache prefetched that was used",
    ),
    function(
        "pool_utilization",
        Parameters::Thing("pool"),
        Dimension::Ratio,
        Formula::Utilization { used: "connection_pool_in_use", limit: "connection_pool_size" },
        "the share of a pool's connections that is in use, on average",
    ),
    function(
        "compression_ratio",
        Parameters::ThingOrAll("route"),
        Dimension::Ratio,
        Formula::Saved {
            after: "http_response_compressed_bytes_total",
            before: "http_response_uncompressed_bytes_total",
        },
        "the share of compressed responses' bytes that compression saves",
    ),
    function(
        "not_modified_ratio",
        Parameters::ThingOrAll("route"),
        Dimension::Ratio,
        Formula::Quotient { part: &["http_not_modified_total"], whole: &["http_requests_total"] },
        "the share of requests that are answered with 304",
    ),
    function(
        "parallel_efficiency",
        Parameters::ThingOrAll("workers"),
        Dimension::Ratio,
        Formula::Gauge("workers_parallel_efficiency_ratio"),
        "CPU time of worker threads ÷ (time that passed × workers)",
    ),
    function(
        "resident",
        Parameters::None,
        Dimension::Bytes,
        Formula::Gauge("process_resident_memory_bytes"),
        "resident memory of the process",
    ),
    function(
        "cpu",
        Parameters::None,
        Dimension::Ratio,
        Formula::PerCapacity { used: "process_cpu_seconds_total", capacity: "process_cpus" },
        "CPU time of the process ÷ that of the cores that it may use",
    ),
    function(
        "descriptors",
        Parameters::None,
        Dimension::Ratio,
        Formula::Utilization { used: "process_open_fds", limit: "process_max_fds" },
        "the share of file descriptors that is open, on average",
    ),
    function(
        "memory",
        Parameters::None,
        Dimension::Ratio,
        Formula::Utilization { used: "container_memory_working_set_bytes", limit: "container_spec_memory_limit_bytes" },
        "the share of the control group's memory limit that is in use, on average",
    ),
    function(
        "memory_full_in",
        Parameters::None,
        Dimension::Time,
        Formula::TimeTo { used: "container_memory_working_set_bytes", limit: "container_spec_memory_limit_bytes" },
        "the time until the control group's memory limit is reached, if memory goes on growing; 30 days at most",
    ),
    function(
        "throttled",
        Parameters::None,
        Dimension::Ratio,
        Formula::Quotient {
            part: &["container_cpu_cfs_throttled_periods_total"],
            whole: &["container_cpu_cfs_periods_total"],
        },
        "the share of periods in which the control group was throttled",
    ),
    function(
        "startup",
        Parameters::None,
        Dimension::Time,
        Formula::Gauge("process_startup_seconds"),
        "from the start of the process until it was ready",
    ),
    of_argument("peak", Parameters::Gauge, Formula::Over(Aggregate::Peak), "the highest value of a reading"),
    of_argument("lowest", Parameters::Gauge, Formula::Over(Aggregate::Lowest), "the lowest value of a reading"),
    of_argument("mean", Parameters::Gauge, Formula::Over(Aggregate::Mean), "the average of a reading"),
    of_argument("growth", Parameters::Counter, Formula::Over(Aggregate::Growth), "by how much a counter grew"),
    of_argument(
        "trend",
        Parameters::Gauge,
        Formula::Over(Aggregate::Trend),
        "by how much a reading grows in a unit of time, beyond chance: Theil and Sen's slope",
    ),
    function(
        "share",
        Parameters::Counters,
        Dimension::Ratio,
        Formula::OfCounters,
        "the growth of one counter ÷ that of another",
    ),
];

impl MetricFunction {
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        FUNCTIONS.iter().find(|function| function.name == name)
    }

    /// An example of its use, without a limit.
    #[must_use]
    pub fn example(&self) -> String {
        let name = self.name;
        match self.parameters {
            Parameters::None => name.to_owned(),
            Parameters::Function => format!("{name}(\"search\")"),
            Parameters::FunctionOrCounter => format!("{name}(\"search\")"),
            Parameters::Thing(label) => format!("{name}(\"{}\")", thing(label)),
            Parameters::ThingOrAll(_) => name.to_owned(),
            Parameters::Gauge => format!("{name}(resident)"),
            Parameters::Counter => format!("{name}(slow_queries)"),
            Parameters::Counters => format!("{name}(slow_queries, queries)"),
        }
    }

    /// What its argument is: a phrase.
    #[must_use]
    pub fn argument(&self) -> String {
        match self.parameters {
            Parameters::None => "none".to_owned(),
            Parameters::Function => "the name of a function".to_owned(),
            Parameters::FunctionOrCounter => "the name of a function, or a counter".to_owned(),
            Parameters::Thing(label) => format!("the name of a {label}"),
            Parameters::ThingOrAll("workers") => "none, or the name of a pool of workers".to_owned(),
            Parameters::ThingOrAll(label) => format!("none, or the name of a {label}"),
            Parameters::Gauge => "a reading, or a function that is one, such as resident".to_owned(),
            Parameters::Counter => "a counter".to_owned(),
            Parameters::Counters => "two counters".to_owned(),
        }
    }

    /// The units of a limit: a phrase.
    #[must_use]
    pub fn units(&self) -> &'static str {
        match self.dimension {
            Some(dimension) => dimension.units(),
            None if self.formula == Formula::Rate => Dimension::Rate.units(),
            None if self.formula == Formula::Over(Aggregate::Trend) => "the argument's with /s, /min or /h",
            None => "as the argument's",
        }
    }

    /// The readings or the figures from which it is computed: a formula.
    #[must_use]
    pub fn computed_from(&self) -> String {
        let sum = |names: &[&str]| match names {
            [one] => format!("`{one}`"),
            _ => format!("({})", names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" + ")),
        };
        match self.formula {
            Formula::Calls(CallFigure::Quantile(_)) => "the histogram of durations".to_owned(),
            Formula::Calls(CallFigure::ErrorRatio) => "errors and panics ÷ finished calls".to_owned(),
            Formula::Calls(CallFigure::SlowerThan(_)) => "the histogram of durations".to_owned(),
            Formula::Calls(CallFigure::Rate) => "finished calls".to_owned(),
            Formula::Calls(CallFigure::SelfTime) => "exclusive time".to_owned(),
            Formula::Calls(CallFigure::SelfCpu) => "exclusive CPU time".to_owned(),
            Formula::Calls(CallFigure::Allocated) => "bytes allocated, callees included".to_owned(),
            Formula::Calls(CallFigure::Live) => "samples of the live heap".to_owned(),
            Formula::Rate => "finished calls, or the counter's growth".to_owned(),
            Formula::Gauge(name) => format!("`{name}`"),
            Formula::Quotient { part, whole } => format!("{} ÷ {}", sum(part), sum(whole)),
            Formula::Saved { after, before } => format!("1 − `{after}` ÷ `{before}`"),
            Formula::Utilization { used, limit } => format!("`{used}` ÷ `{limit}`"),
            Formula::TimeTo { used, limit } => format!("(`{limit}` − `{used}`) ÷ the growth of `{used}`"),
            Formula::PerCapacity { used, capacity } => {
                format!("`{used}` per second ÷ `{capacity}`, or the control group's quota")
            }
            Formula::Over(_) | Formula::OfCounters => "the argument".to_owned(),
        }
    }
}

/// The name of something in an example.
fn thing(label: &str) -> &'static str {
    match label {
        "pool" => "db",
        _ => "results",
    }
}
