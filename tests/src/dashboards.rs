//! The dashboards for Grafana: what their panels ask Prometheus for. `docs/grafana` is made of
//! them, and a Prometheus is asked each of the questions.

use serde_json::{Value, json};

/// A dashboard, one file of `docs/grafana`.
#[derive(Debug)]
pub struct Dashboard {
    /// The name of its file, without `.json`.
    pub file: &'static str,
    /// Its title.
    pub title: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Whether functions are chosen.
    pub of_functions: bool,
    /// Its panels, from the left to the right and downwards.
    pub panels: &'static [Panel],
}

/// A panel.
#[derive(Debug)]
pub struct Panel {
    /// Its title.
    pub title: &'static str,
    /// What it looks like.
    pub shape: Shape,
    /// The unit, as Grafana calls it.
    pub unit: &'static str,
    /// PromQL, and the text of the legend.
    pub queries: &'static [(&'static str, &'static str)],
}

/// What a panel looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One number, a sixth of the width.
    Number,
    /// Lines over time, half of the width.
    Lines,
    /// Lines over time, the whole width.
    Wide,
    /// The latest values as rows, the whole width.
    Table,
}

const COLUMNS: u64 = 24;
const SCHEMA: u64 = 39;

impl Shape {
    fn size(self) -> [u64; 2] {
        match self {
            Self::Number => [4, 4],
            Self::Lines => [12, 8],
            Self::Wide | Self::Table => [COLUMNS, 9],
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Number => "stat",
            Self::Lines | Self::Wide => "timeseries",
            Self::Table => "table",
        }
    }

    fn options(self) -> Value {
        match self {
            Self::Number => json!({
                "colorMode": "value", "graphMode": "area", "justifyMode": "auto", "textMode": "auto",
                "orientation": "auto", "percentChangeColorMode": "standard", "showPercentChange": false,
                "wideLayout": true, "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
            }),
            Self::Lines | Self::Wide => json!({
                "legend": {"calcs": ["lastNotNull"], "displayMode": "list", "placement": "bottom", "showLegend": true},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }),
            Self::Table => {
                json!({"cellHeight": "sm", "frameIndex": 0, "showHeader": true, "sortBy": [{"desc": true, "displayName": "Value"}]})
            }
        }
    }
}

fn panel(panel: &Panel, id: u64, at: [u64; 2], about: &dyn Fn(&str) -> Vec<String>) -> Value {
    let [w, h] = panel.shape.size();
    let mut lines: Vec<String> = Vec::new();
    for line in panel.queries.iter().flat_map(|(query, _)| about(query)) {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let datasource = json!({"type": "prometheus", "uid": "${datasource}"});
    let is_table = panel.shape == Shape::Table;
    let targets: Vec<Value> = panel
        .queries
        .iter()
        .zip('A'..)
        .map(|((query, legend), letter)| {
            json!({
                "datasource": datasource, "expr": query, "legendFormat": legend, "refId": letter.to_string(),
                "editorMode": "code", "range": !is_table, "instant": is_table,
                "format": if is_table { "table" } else { "time_series" },
            })
        })
        .collect();
    let custom = match panel.shape {
        Shape::Lines | Shape::Wide => {
            json!({"drawStyle": "line", "lineWidth": 1, "fillOpacity": 8, "showPoints": "never", "spanNulls": false})
        }
        Shape::Number | Shape::Table => json!({}),
    };
    let mut whole = json!({
        "id": id,
        "type": panel.shape.kind(),
        "title": panel.title,
        "description": lines.join("\n\n"),
        "datasource": datasource,
        "gridPos": {"x": at[0], "y": at[1], "w": w, "h": h},
        "targets": targets,
        "options": panel.shape.options(),
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, "custom": custom}, "overrides": []},
    });
    if is_table {
        whole["transformations"] =
            json!([{"id": "organize", "options": {"excludeByName": {"Time": true, "__name__": true}}}]);
    }
    whole
}

fn choice(name: &str, label: &str, query: &str) -> Value {
    json!({
        "name": name, "label": label, "type": "query", "query": query, "refresh": 2, "sort": 1,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "includeAll": true, "multi": true, "allValue": ".*", "current": {"text": ["All"], "value": ["$__all"]},
    })
}

/// The file of a dashboard. `about` says what the metrics of a query are.
#[must_use]
pub fn json(dashboard: &Dashboard, about: &dyn Fn(&str) -> Vec<String>) -> Value {
    let [mut x, mut y, mut tallest] = [0, 0, 0];
    let mut panels = Vec::new();
    for (each, id) in dashboard.panels.iter().zip(1..) {
        let [w, h] = each.shape.size();
        if x + w > COLUMNS {
            [x, y, tallest] = [0, y + tallest, 0];
        }
        panels.push(panel(each, id, [x, y], about));
        [x, tallest] = [x + w, tallest.max(h)];
    }
    let mut choices = vec![
        json!({"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}),
        choice("job", "job", "label_values(perf_sites, job)"),
        choice("instance", "instance", "label_values(perf_sites{job=~\"$job\"}, instance)"),
    ];
    if dashboard.of_functions {
        let query = "label_values(function_calls_total{job=~\"$job\",instance=~\"$instance\"}, function)";
        choices.push(choice("function", "function", query));
    }
    json!({
        "uid": format!("perf-sdk-{}", dashboard.file),
        "title": dashboard.title,
        "description": dashboard.about,
        "tags": ["perf-sdk"],
        "schemaVersion": SCHEMA,
        "editable": true,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "links": [{
            "title": "perf-sdk", "type": "dashboards", "tags": ["perf-sdk"], "asDropdown": true, "icon": "external link",
            "includeVars": true, "keepTime": true, "targetBlank": false, "tooltip": "",
        }],
        "templating": {"list": choices},
        "panels": panels,
    })
}

const fn number(title: &'static str, unit: &'static str, queries: &'static [(&'static str, &'static str)]) -> Panel {
    Panel { title, shape: Shape::Number, unit, queries }
}

const fn lines(title: &'static str, unit: &'static str, queries: &'static [(&'static str, &'static str)]) -> Panel {
    Panel { title, shape: Shape::Lines, unit, queries }
}

const fn wide(title: &'static str, unit: &'static str, queries: &'static [(&'static str, &'static str)]) -> Panel {
    Panel { title, shape: Shape::Wide, unit, queries }
}

const fn table(title: &'static str, unit: &'static str, queries: &'static [(&'static str, &'static str)]) -> Panel {
    Panel { title, shape: Shape::Table, unit, queries }
}

/// What is shown of the chosen processes.
macro_rules! of {
    ($metric:literal) => {
        concat!($metric, "{job=~\"$job\",instance=~\"$instance\"}")
    };
    ($metric:literal, $($more:literal),+) => {
        concat!($metric, "{job=~\"$job\",instance=~\"$instance\",", $($more),+, "}")
    };
}

/// By how much a counter rises a second.
macro_rules! rate {
    ($($of:literal),+) => {
        concat!("rate(", of!($($of),+), "[$__rate_interval])")
    };
}

/// A quantile of a histogram, by labels: of its classic buckets, or of the native histogram, which
/// takes their place in a Prometheus that reads these.
macro_rules! quantile {
    ($q:literal, $by:literal, $metric:literal $(, $more:literal)*) => {
        concat!(
            "histogram_quantile(", $q, ", sum by (le, ", $by, ") (rate(", $metric,
            "_bucket{job=~\"$job\",instance=~\"$instance\"", $(",", $more,)* "}[$__rate_interval]))) or histogram_quantile(",
            $q, ", sum by (", $by, ") (rate(", $metric,
            "{job=~\"$job\",instance=~\"$instance\"", $(",", $more,)* "}[$__rate_interval])))"
        )
    };
}

/// A query of the functions that were chosen, the ten highest.
macro_rules! top {
    ($($query:expr),+) => {
        concat!("topk(10, sum by (function, module) (", $($query),+, "))")
    };
}

/// All of them.
pub const DASHBOARDS: &[Dashboard] = &[
    Dashboard {
        file: "overview",
        title: "perf-sdk / Overview",
        about: "Rate, errors and durations of requests, CPU and memory against their limits, and what the profiler takes.",
        of_functions: false,
        panels: &[
            number("Health", "percentunit", &[(of!("perf_health_ratio", "of=\"all\""), "{{instance}}")]),
            number("Requests", "reqps", &[(concat!("sum(", rate!("http_requests_total"), ")"), "requests")]),
            number(
                "Errors",
                "percentunit",
                &[(
                    concat!(
                        "sum(",
                        rate!("http_requests_total", "status=~\"5xx|failed\""),
                        " or 0 * ",
                        rate!("http_requests_total"),
                        ") / sum(",
                        rate!("http_requests_total"),
                        ")"
                    ),
                    "of all requests",
                )],
            ),
            number("Cores", "none", &[(concat!("sum(", rate!("process_cpu_seconds_total"), ")"), "used")]),
            number("Memory", "bytes", &[(concat!("sum(", of!("memory_used_bytes"), ")"), "used")]),
            number("Profiler", "percentunit", &[(concat!("max(", of!("perf_overhead_ratio"), ")"), "of the CPU time")]),
            lines(
                "Requests by route",
                "reqps",
                &[(concat!("sum by (server, route) (", rate!("http_requests_total"), ")"), "{{route}}")],
            ),
            lines(
                "Requests by status",
                "reqps",
                &[(concat!("sum by (status) (", rate!("http_requests_total"), ")"), "{{status}}")],
            ),
            lines(
                "Duration of requests",
                "s",
                &[
                    (quantile!("0.5", "route", "http_request_duration_seconds"), "p50 {{route}}"),
                    (quantile!("0.99", "route", "http_request_duration_seconds"), "p99 {{route}}"),
                ],
            ),
            lines(
                "Requests in flight",
                "none",
                &[(concat!("sum by (route) (", of!("http_requests_in_flight"), ")"), "{{route}}")],
            ),
            lines(
                "CPU",
                "none",
                &[
                    (rate!("process_cpu_seconds_total"), "cores, {{instance}}"),
                    (of!("process_cpus"), "limit, {{instance}}"),
                ],
            ),
            lines(
                "Memory against its limit",
                "bytes",
                &[(of!("memory_used_bytes"), "used, {{instance}}"), (of!("memory_limit_bytes"), "limit, {{instance}}")],
            ),
            lines(
                "Functions that compute most",
                "none",
                &[(top!(rate!("function_self_cpu_seconds_total")), "{{function}}")],
            ),
            lines(
                "What the profiler does",
                "none",
                &[(concat!("sum by (part) (", rate!("perf_overhead_seconds_total"), ")"), "{{part}}")],
            ),
        ],
    },
    Dashboard {
        file: "functions",
        title: "perf-sdk / Functions",
        about: "Calls, errors, durations, CPU time, allocations and waits of annotated functions.",
        of_functions: true,
        panels: &[
            wide("Calls", "cps", &[(top!(rate!("function_calls_total", "function=~\"$function\"")), "{{function}}")]),
            lines(
                "p50",
                "s",
                &[(
                    quantile!("0.5", "function, module", "function_calls_duration_seconds", "function=~\"$function\""),
                    "{{function}}",
                )],
            ),
            lines(
                "p99",
                "s",
                &[(
                    quantile!("0.99", "function, module", "function_calls_duration_seconds", "function=~\"$function\""),
                    "{{function}}",
                )],
            ),
            lines(
                "CPU time without callees",
                "none",
                &[(top!(rate!("function_self_cpu_seconds_total", "function=~\"$function\"")), "{{function}}")],
            ),
            lines(
                "Time without callees",
                "none",
                &[(top!(rate!("function_self_seconds_total", "function=~\"$function\"")), "{{function}}")],
            ),
            lines(
                "Errors",
                "cps",
                &[(top!(rate!("function_calls_total", "function=~\"$function\",result!=\"ok\"")), "{{function}}")],
            ),
            lines(
                "Running calls",
                "none",
                &[(top!(of!("function_calls_concurrent", "function=~\"$function\"")), "{{function}}")],
            ),
            lines(
                "Allocated bytes",
                "Bps",
                &[(top!(rate!("function_allocated_bytes_sum", "function=~\"$function\"")), "{{function}}")],
            ),
            lines(
                "Live bytes",
                "bytes",
                &[(top!(of!("function_live_bytes", "function=~\"$function\"")), "{{function}}")],
            ),
            lines(
                "Waits for locks",
                "none",
                &[(top!(rate!("function_lock_wait_seconds_total", "function=~\"$function\"")), "{{function}}")],
            ),
            lines(
                "Waits for caches, pools and queues",
                "none",
                &[(top!(rate!("function_instrument_wait_seconds_total", "function=~\"$function\"")), "{{function}}")],
            ),
            table(
                "Measured share of the calls",
                "percentunit",
                &[(of!("function_sample_ratio", "function=~\"$function\""), "")],
            ),
        ],
    },
    Dashboard {
        file: "memory",
        title: "perf-sdk / Memory",
        about: "What holds memory, leaks, jemalloc, arenas and pools.",
        of_functions: false,
        panels: &[
            number("Used", "bytes", &[(concat!("sum(", of!("memory_used_bytes"), ")"), "used")]),
            number("Resident", "bytes", &[(concat!("sum(", of!("process_resident_memory_bytes"), ")"), "resident")]),
            number("Allocated", "bytes", &[(concat!("sum(", of!("allocator_allocated_bytes"), ")"), "allocated")]),
            number(
                "Fragmentation",
                "percentunit",
                &[(concat!("max(", of!("allocator_fragmentation_ratio"), ")"), "of the active pages")],
            ),
            number("Pressure", "none", &[(concat!("max(", of!("memory_pressure_level"), ")"), "level")]),
            number("Leak detector", "none", &[(concat!("sum(", of!("leak_windows_total"), ")"), "evaluations")]),
            wide(
                "Live bytes by function",
                "bytes",
                &[
                    (top!(of!("function_live_bytes")), "{{function}}"),
                    (of!("perf_heap_unowned_bytes"), "outside of functions, {{instance}}"),
                ],
            ),
            lines(
                "The allocator's view",
                "bytes",
                &[
                    (of!("allocator_allocated_bytes"), "allocated, {{instance}}"),
                    (of!("allocator_active_bytes"), "active, {{instance}}"),
                    (of!("allocator_resident_bytes"), "resident, {{instance}}"),
                    (of!("allocator_retained_bytes"), "retained, {{instance}}"),
                ],
            ),
            lines("Allocations", "cps", &[(top!(rate!("function_allocations_total")), "{{function}}")]),
            lines("Arenas", "bytes", &[(of!("arena_allocated_bytes"), "{{arena}}, {{instance}}")]),
            lines("Objects of pools in use", "none", &[(of!("pool_outstanding"), "{{pool}}, {{instance}}")]),
            lines(
                "Page faults",
                "cps",
                &[(concat!("sum by (type) (", rate!("process_page_faults_total"), ")"), "{{type}}")],
            ),
            lines("Memory relief", "cps", &[(rate!("memory_reliefs_total"), "{{instance}}")]),
        ],
    },
    Dashboard {
        file: "runtime",
        title: "perf-sdk / Runtime",
        about: "Runtimes, workers, queues, locks, pools of connections, caches and statements.",
        of_functions: false,
        panels: &[
            lines("Busy workers of tokio", "percentunit", &[(of!("tokio_busy_ratio"), "{{runtime}}, {{instance}}")]),
            lines(
                "Tasks and queued tasks",
                "none",
                &[
                    (of!("tokio_alive_tasks"), "tasks, {{runtime}}"),
                    (of!("tokio_global_queue_depth"), "queued, {{runtime}}"),
                ],
            ),
            lines(
                "Active workers",
                "none",
                &[(of!("workers_active"), "{{workers}}, {{instance}}"), (of!("workers_queued"), "queued, {{workers}}")],
            ),
            lines("Depth of queues", "none", &[(of!("queue_depth"), "{{queue}}, {{instance}}")]),
            lines(
                "p99 of the wait in queues",
                "s",
                &[(quantile!("0.99", "queue", "queue_wait_duration_seconds"), "{{queue}}")],
            ),
            lines(
                "Waits for locks",
                "none",
                &[(concat!("sum by (instance) (", rate!("lock_wait_seconds_total"), ")"), "{{instance}}")],
            ),
            lines(
                "Connections in use",
                "none",
                &[
                    (of!("connection_pool_in_use"), "{{pool}}, {{instance}}"),
                    (of!("connection_pool_size"), "of, {{pool}}"),
                ],
            ),
            lines(
                "p99 of the wait for a connection",
                "s",
                &[(quantile!("0.99", "pool", "connection_pool_wait_duration_seconds"), "{{pool}}")],
            ),
            lines(
                "Hits of caches",
                "percentunit",
                &[(
                    concat!(
                        "sum by (cache) (",
                        rate!("cache_hits_total"),
                        ") / (sum by (cache) (",
                        rate!("cache_hits_total"),
                        ") + sum by (cache) (",
                        rate!("cache_misses_total"),
                        "))"
                    ),
                    "{{cache}}",
                )],
            ),
            lines(
                "Evictions of caches",
                "cps",
                &[(concat!("sum by (cache) (", rate!("cache_evictions_total"), ")"), "{{cache}}")],
            ),
            lines("Statements", "cps", &[(concat!("sum by (db) (", rate!("queries_total"), ")"), "{{db}}")]),
            lines(
                "p99 of statements",
                "s",
                &[(
                    concat!("topk(10, ", quantile!("0.99", "db, statement", "query_duration_seconds"), ")"),
                    "{{statement}}",
                )],
            ),
            lines(
                "Problems of statements",
                "cps",
                &[
                    (concat!("sum by (db) (", rate!("slow_queries_total"), ")"), "slow, {{db}}"),
                    (concat!("sum by (db) (", rate!("query_n_plus_one_total"), ")"), "N+1, {{db}}"),
                    (concat!("sum by (db) (", rate!("query_full_scans_total"), ")"), "full scans, {{db}}"),
                    (concat!("sum by (db) (", rate!("query_errors_total"), ")"), "errors, {{db}}"),
                ],
            ),
            lines(
                "Threads and descriptors",
                "none",
                &[
                    (of!("process_threads"), "threads, {{instance}}"),
                    (of!("process_open_fds"), "descriptors, {{instance}}"),
                ],
            ),
            lines(
                "Context switches",
                "cps",
                &[(concat!("sum by (type) (", rate!("process_context_switches_total"), ")"), "{{type}}")],
            ),
            lines(
                "Throttled by the control group",
                "none",
                &[(rate!("container_cpu_cfs_throttled_seconds_total"), "{{instance}}")],
            ),
        ],
    },
    Dashboard {
        file: "alerts",
        title: "perf-sdk / Targets and alerts",
        about: "Targets with their error budgets, alerts and what was done, evidence, and the quality of the measurement.",
        of_functions: false,
        panels: &[
            number("Health", "percentunit", &[(of!("perf_health_ratio", "of=\"all\""), "{{instance}}")]),
            number("Targets met", "none", &[(concat!("sum(", of!("target_status", "status=\"met\""), ")"), "met")]),
            number(
                "Targets missed",
                "none",
                &[(concat!("sum(", of!("target_status", "status=\"missed\""), ")"), "missed")],
            ),
            number("Alerts", "none", &[(concat!("sum(", of!("alerts"), ") or vector(0)"), "pending or firing")]),
            number(
                "Bundles of evidence",
                "none",
                &[(concat!("sum(", of!("evidence_bundles_total", "outcome=\"made\""), ")"), "made")],
            ),
            number("Dropped", "none", &[(concat!("sum(", of!("perf_dropped_total"), ")"), "in all")]),
            wide("Targets against their limits", "percentunit", &[(of!("target_ratio"), "{{target}} ({{bound}})")]),
            table("Status of targets", "none", &[(concat!(of!("target_status"), " == 1"), "")]),
            wide("Health by what it is of", "percentunit", &[(of!("perf_health_ratio"), "{{of}}, {{instance}}")]),
            lines(
                "Overhead against its budget",
                "percentunit",
                &[
                    (of!("perf_overhead_ratio"), "taken, {{instance}}"),
                    (of!("perf_overhead_budget_ratio"), "budget, {{instance}}"),
                ],
            ),
            lines(
                "What could not be recorded",
                "cps",
                &[(concat!("sum by (reason) (", rate!("perf_dropped_total"), ")"), "{{reason}}")],
            ),
            lines("Coverage of stack samples", "percentunit", &[(of!("stack_coverage_ratio"), "{{instance}}")]),
            lines(
                "Memory of the recorder",
                "bytes",
                &[
                    (of!("perf_memory_bytes"), "held, {{instance}}"),
                    (of!("perf_memory_limit_bytes"), "limit, {{instance}}"),
                ],
            ),
        ],
    },
];
