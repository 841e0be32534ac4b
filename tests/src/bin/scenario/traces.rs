//! Exemplars and spans.

use std::cell::Cell;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use perf_sdk::FutureExt as _;
use perf_sdk_tests::{eventually, function, node};

use super::common::{Gate, poll, recorder_ns, spin};

pub(crate) const SCENARIOS: &[(&str, fn())] = &[("exemplars", exemplars), ("tracing_layer", tracing_layer)];

fn exemplars() {
    thread_local! {
        static TRACE: Cell<u8> = const { Cell::new(0) };
    }
    fn current() -> Option<perf_sdk::TraceContext> {
        let n = TRACE.get();
        // A hook may itself be profiled.
        perf_sdk::measure("hook", || ());
        (n > 0).then_some(perf_sdk::TraceContext { trace_id: [n; 16], span_id: [n; 8] })
    }
    perf_sdk::measure("before", || ());
    perf_sdk::set_trace_hook(current);
    perf_sdk::measure("untraced", || ());
    TRACE.set(7);
    // Its duration must be far from that of the second call, also on a loaded machine.
    let traced = eventually(|| {
        static ATTEMPTS: AtomicU64 = AtomicU64::new(0);
        let name: &'static str = format!("traced {}", ATTEMPTS.fetch_add(1, Relaxed)).leak();
        let start = Instant::now();
        perf_sdk::measure(name, || spin(Duration::from_micros(20)));
        let took = start.elapsed();
        perf_sdk::measure(name, || spin(Duration::from_millis(3)));
        if took < Duration::from_millis(1) { Ok(name) } else { Err(format!("{took:?}")) }
    });
    let open = AtomicBool::new(true);
    assert!(poll(pin!(Gate { open: &open, spin: Duration::ZERO }.profiled("traced_future"))).is_ready());
    let seen = perf_sdk::snapshot();
    assert!(function(&seen, "before").exemplars.is_empty());
    assert!(function(&seen, "untraced").exemplars.is_empty());
    let kept = &function(&seen, traced).exemplars;
    assert_eq!(kept.len(), 2, "one for each bucket: {kept:?}");
    assert!(kept.iter().all(|e| e.trace_id == "07".repeat(16) && e.span_id == "07".repeat(8)));
    assert!(kept[0].value_ns >= 20_000 && kept[1].value_ns >= 3_000_000);
    assert_eq!(function(&seen, "traced_future").exemplars.len(), 1);
}

fn tracing_layer() {
    use tracing_subscriber::layer::SubscriberExt as _;

    let subscriber = tracing_subscriber::registry().with(perf_sdk::tracing_layer());
    let most = 3 * recorder_ns();
    tracing::subscriber::with_default(subscriber, || {
        let spans = || {
            for _ in 0..3 {
                let outer = tracing::info_span!("outer_span");
                let _entered = outer.enter();
                tracing::info_span!("inner_span").in_scope(|| spin(Duration::from_millis(2)));
            }
        };
        spans();
        let mut before = perf_sdk::snapshot();
        assert_eq!(function(&before, "outer_span").calls.ok, 3);
        assert_eq!(function(&before, "inner_span").calls.ok, 3);
        // The difference is the cost of recording, and other load on the machine.
        eventually(|| {
            spans();
            let now = perf_sdk::snapshot();
            let seen = now.subtract(&before);
            before = now;
            let (outer, inner) = (function(&seen, "outer_span"), function(&seen, "inner_span"));
            assert!(inner.inclusive.wall_ns >= 6_000_000);
            let between = outer.inclusive.wall_ns - outer.exclusive.wall_ns - inner.inclusive.wall_ns;
            if between < most { Ok(()) } else { Err(format!("{between} ns of at most {most}")) }
        });
        let open = AtomicBool::new(false);
        let gate = Gate { open: &open, spin: Duration::from_millis(1) };
        let mut future = pin!(tracing::Instrument::instrument(gate, tracing::info_span!("future_span")));
        assert!(poll(future.as_mut()).is_pending());
        thread::sleep(Duration::from_millis(10));
        open.store(true, Relaxed);
        assert!(poll(future.as_mut()).is_ready());
    });
    let seen = perf_sdk::snapshot();
    assert_eq!(function(&seen, "outer_span").module, module_path!());
    assert!(node(&seen, &["outer_span", "inner_span"]).is_some());
    let future = function(&seen, "future_span").future.unwrap_or_default();
    assert!(future.busy_ns >= 2_000_000 && future.idle_ns >= 10_000_000, "{future:?}");
}
