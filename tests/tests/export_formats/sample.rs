//! A snapshot with every kind of data, the same on every run.

use perf_sdk::snapshot::{
    AbsentReading, Allocator, ArenaUse, Budget, CallNode, Exemplar, Frame, Function, FutureTotals, Heap, Live,
    LockContention, ROOT, Reading, ReadingKind, ReadingUnit, Snapshot, Totals,
};
use perf_sdk::{Histogram, Scale};

/// The output of a `metrics-exporter-prometheus` recorder.
pub(crate) const USER: &str = r#"# HELP orders_total Orders "placed".
# TYPE orders_total counter
orders_total{shop="Käse & Co",path="C:\\a\"b"} 17

# TYPE requests counter
requests 3

# HELP function_calls_total Not ours.
# TYPE function_calls_total counter
function_calls_total{kind="mine"} 5

# TYPE queue_depth gauge
queue_depth{queue="in"} -2.5
queue_depth{queue="out"} NaN

# TYPE upload_size histogram
upload_size_bucket{le="1000000"} 4
upload_size_bucket{le="1000000000"} 6
upload_size_bucket{le="+Inf"} 7
upload_size_sum 12345678901.5
upload_size_count 7

# TYPE wait_seconds summary
wait_seconds{quantile="0.5"} 0.25
wait_seconds{quantile="1"} 2
wait_seconds_sum 3.5
wait_seconds_count 9
"#;

/// Three functions that call each other. One of them is a future.
fn live(bytes: u64, objects: u64) -> Live {
    let mut live = Live::default();
    live.bytes = bytes;
    live.objects = objects;
    live.allocated_bytes = 4 * bytes;
    live.allocated_objects = 4 * objects;
    live.old_bytes = bytes / 4;
    live.grown_bytes = bytes as i64 / 2;
    live
}

fn allocator() -> Allocator {
    let mut allocator = Allocator::default();
    allocator.allocated_bytes = 3_000_000;
    allocator.active_bytes = 4_000_000;
    allocator.resident_bytes = 9_000_000;
    allocator.mapped_bytes = 12_000_000;
    allocator.retained_bytes = 20_000_000;
    allocator.metadata_bytes = 1_500_000;
    let mut arena = ArenaUse::default();
    arena.index = 2;
    arena.allocated_bytes = 2_900_000;
    arena.active_bytes = 3_800_000;
    allocator.arenas = vec![arena];
    allocator
}

pub(crate) fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot::default();
    snapshot.taken_at_unix_ns = 1_700_000_060_000_000_000;
    snapshot.window_ns = 60_000_000_000;
    snapshot.has_allocations = true;
    snapshot.allocator = Some(allocator());
    let mut heap = Heap::default();
    heap.sample_bytes = 524_288;
    heap.unowned = live(1_000_000, 300);
    snapshot.heap = Some(heap);
    snapshot.functions = vec![handle(), parse(), awkward()];
    snapshot.tree = vec![
        node(0, ROOT, 4, totals(9_000_000, 4_000_000, 10_000, 30), totals(5_000_000, 2_500_000, 4_000, 10)),
        node(1, 0, 1_000, totals(3_000_000, 1_500_000, 6_000, 20), totals(3_000_000, 1_500_000, 6_000, 20)),
        node(2, 0, 2, totals(1_000_000, 0, 0, 0), totals(1_000_000, 0, 0, 0)),
        // An estimate that is slightly negative.
        node(1, ROOT, 7, totals(40_000, 40_000, 64, 1), totals(-1_500, 40_000, 64, 1)),
    ];
    snapshot.tree[1].live = live(5_242_880, 80);
    snapshot.tree[3].live = live(524_800, 1);
    snapshot.functions[1].live = Some(live(5_767_680, 81));
    snapshot.locks.waiters = vec![contention("parse", 5, 2_500_000)];
    snapshot.locks.holders = vec![contention("Server::handle", 5, 2_500_000)];
    snapshot.readings = readings();
    let mut absent = AbsentReading::default();
    (absent.what, absent.why) = ("node_pressure".into(), "the kernel does not account it".into());
    snapshot.absent_readings = vec![absent];
    let profiler = &mut snapshot.profiler;
    profiler.heap = "on".parse().unwrap();
    profiler.sites = 3;
    profiler.threads = 2;
    profiler.memory_bytes = 131_072;
    profiler.cpu_clock = "perf-seq".into();
    profiler.overhead_ns = 25_000;
    profiler.overhead_parts = [("counting".to_owned(), 10_000), ("measuring".to_owned(), 15_000)].into();
    let mut budget = Budget::default();
    (budget.allowed, budget.achieved, budget.floor) = (0.01, 0.0075, 0.0025);
    (budget.allowed_cores, budget.achieved_cores, budget.window_ns) = (0.02, 0.015, 58_000_000_000);
    profiler.budget = Some(budget);
    profiler.budget_parts = [("counting".to_owned(), 290_000_000), ("measuring".to_owned(), 580_000_000)].into();
    profiler.dropped = [("clock".to_owned(), 0), ("depth".to_owned(), 3)].into();
    snapshot
}

fn readings() -> Vec<Reading> {
    let one = |name: &'static str, help: &'static str, unit, kind, value| {
        let mut reading = Reading::default();
        (reading.name, reading.help) = (name.into(), help.into());
        (reading.unit, reading.kind, reading.value) = (unit, kind, value);
        reading
    };
    let received = |device: &str, value| {
        let help = "Bytes received, by interface.";
        let name = "node_network_receive_bytes_total";
        let mut reading = one(name, help, ReadingUnit::Bytes, ReadingKind::Counter, value);
        reading.labels.insert("device".into(), device.into());
        reading
    };
    vec![
        one("node_load1", "Load, averaged over 1 minute.", ReadingUnit::Count, ReadingKind::Gauge, 0.25),
        received("eth0", 9_007_199_254_740_993.0),
        received("the \"other\"", 0.0),
        one("process_cpu_seconds_total", "CPU time.", ReadingUnit::Seconds, ReadingKind::Counter, 1.5),
    ]
}

fn contention(scope: &str, contentions: u64, delay_ns: u64) -> LockContention {
    let mut contention = LockContention::default();
    let mut frame = Frame::default();
    (frame.name, frame.module, frame.file, frame.line) = (scope.into(), "shop::http".into(), "src/http.rs".into(), 12);
    contention.scope = vec![frame];
    contention.lock = "Mutex".into();
    (contention.file, contention.line) = ("src/store.rs".into(), 40);
    (contention.contentions, contention.delay_ns) = (contentions, delay_ns);
    contention
}

fn handle() -> Function {
    let mut function = named("Server::handle", "shop::http");
    function.calls.ok = 3;
    function.calls.error = 1;
    function.running = 1;
    (function.samples, function.one_in) = (4, 1);
    function.wall = times(&[(900_000, 1), (1_000_000, 1), (1_000_001, 1), (14_000_000_000, 1)]);
    function.cpu = Some(times(&[(0, 1), (700_000, 3)]));
    function.bytes = Some(sizes(&[(1_000, 3), (7_000, 1)]));
    function.inclusive = totals(9_000_000, 4_000_000, 10_000, 30);
    function.exclusive = totals(5_000_000, 2_500_000, 4_000, 10);
    let mut future = FutureTotals::default();
    (future.polls, future.busy_ns, future.idle_ns, future.longest_poll_ns) = (11, 9_000_000, 14_000_000_000, 800_000);
    function.future = Some(future);
    function.last_error = Some("out of cheese".into());
    function.exemplars = vec![exemplar(900_000, "00f067aa0ba902b7"), exemplar(14_000_000_000, "")];
    function
}

fn parse() -> Function {
    let mut function = named("parse", "shop::http");
    function.calls.ok = 1_006;
    function.calls.panic = 1;
    (function.samples, function.one_in) = (101, 10);
    function.wall = times(&[(60, 7), (2_500, 900), (5_000, 100)]);
    function.cpu = Some(times(&[(60, 7), (2_500, 1_000)]));
    function.bytes = Some(sizes(&[(0, 1_000), (6_064, 1), (1, 6)]));
    function.inclusive = totals(3_040_000, 1_540_000, 6_064, 21);
    function.exclusive = totals(2_998_500, 1_540_000, 6_064, 21);
    (function.lock_contentions, function.lock_wait_ns) = (5, 2_500_000);
    function
}

/// A function whose name every format must escape. It is measured with
/// `cpu = false, alloc = false`.
fn awkward() -> Function {
    let mut function = named("<&'a [T; 2] as \"Quoted\\Trait\">::f;g, h\n", "shop::öl");
    function.line = 0;
    function.calls.ok = 2;
    (function.samples, function.one_in) = (2, 1);
    function.wall = times(&[(500_000, 2)]);
    function.inclusive.wall_ns = 1_000_000;
    function.exclusive.wall_ns = 1_000_000;
    function
}

fn named(name: &str, module: &str) -> Function {
    let mut function = Function::default();
    function.name = name.into();
    function.module = module.into();
    function.file = "src/http.rs".into();
    function.line = 12;
    function
}

fn times(values: &[(u64, u64)]) -> Histogram {
    recorded(Scale::Seconds, values)
}

fn sizes(values: &[(u64, u64)]) -> Histogram {
    recorded(Scale::Bytes, values)
}

fn recorded(scale: Scale, values: &[(u64, u64)]) -> Histogram {
    let mut histogram = Histogram::new(scale);
    values.iter().for_each(|(value, times)| histogram.record(*value, *times));
    histogram
}

fn totals(wall_ns: i64, cpu_ns: i64, allocated_bytes: i64, allocations: i64) -> Totals {
    let mut totals = Totals::default();
    totals.wall_ns = wall_ns;
    totals.cpu_ns = cpu_ns;
    totals.allocated_bytes = allocated_bytes;
    totals.allocations = allocations;
    totals.freed_bytes = allocated_bytes / 2;
    totals.reallocations = allocations / 10;
    totals
}

fn node(function: u32, parent: u32, calls: u64, inclusive: Totals, exclusive: Totals) -> CallNode {
    let mut node = CallNode::default();
    (node.function, node.parent, node.calls, node.samples) = (function, parent, calls, calls);
    (node.inclusive, node.exclusive) = (inclusive, exclusive);
    node
}

fn exemplar(value_ns: u64, span_id: &str) -> Exemplar {
    let mut exemplar = Exemplar::default();
    exemplar.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736".into();
    exemplar.span_id = span_id.into();
    exemplar.value_ns = value_ns;
    exemplar.at_unix_ns = 1_700_000_059_250_000_000;
    exemplar
}
