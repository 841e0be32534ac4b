//! Other crates, each used as its documentation recommends.

use std::hint::black_box;
use std::io;
use std::sync::OnceLock;
use std::time::Instant;

use fastrace::collector::{Config, SpanContext, SpanRecord};
use tracing_subscriber::layer::SubscriberExt as _;

/// Number of calls in one request, for crates that work by request or by frame.
const REQUEST: u64 = 1_000;

#[fastrace::trace]
#[inline(never)]
fn traced(n: u64) -> u64 {
    black_box(n)
}

#[autometrics::autometrics]
#[inline(never)]
pub fn autometered(n: u64) -> u64 {
    black_box(n)
}

#[tracing::instrument(skip_all)]
#[inline(never)]
fn instrumented(n: u64) -> u64 {
    black_box(n)
}

#[inline(never)]
fn puffed(n: u64) -> u64 {
    puffin::profile_function!();
    black_box(n)
}

#[inline(never)]
fn by_hand(n: u64) -> u64 {
    static HISTOGRAM: OnceLock<metrics::Histogram> = OnceLock::new();
    let start = Instant::now();
    let n = black_box(n);
    HISTOGRAM.get_or_init(|| metrics::histogram!("by_hand_seconds")).record(start.elapsed());
    n
}

struct Nowhere;

impl fastrace::collector::Reporter for Nowhere {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        black_box(spans);
    }
}

fn each(calls: u64, f: fn(u64) -> u64) {
    (0..calls).for_each(|n| _ = black_box(f(n)));
}

fn by_request(calls: u64, mut request: impl FnMut(u64)) {
    (0..calls / REQUEST).for_each(|_| request(REQUEST));
}

fn main() {
    match std::env::args().nth(1).unwrap_or_default().as_str() {
        "fastrace" => fastrace::set_reporter(Nowhere, Config::default()),
        "autometrics" => autometrics::prometheus_exporter::init(),
        "tracing + tracing-flame" => {
            let layer = tracing_flame::FlameLayer::new(io::sink());
            let registry = tracing_subscriber::registry().with(layer);
            tracing::subscriber::set_global_default(registry).expect("the only subscriber");
        }
        "puffin" => puffin::set_scopes_on(true),
        "Instant + metrics histogram" => {
            let bounds = [0.001, 0.01, 0.1, 1.0];
            let builder = metrics_exporter_prometheus::PrometheusBuilder::new().set_buckets(&bounds);
            std::mem::forget(builder.expect("bounds").install_recorder().expect("the only recorder"));
        }
        _ => {}
    }
    harness::serve(&[
        ("fastrace", |calls| {
            by_request(calls, |calls| {
                let root = fastrace::Span::root("request", SpanContext::random());
                let _guard = root.set_local_parent();
                each(calls, traced);
            });
        }),
        ("autometrics", |calls| each(calls, autometered)),
        ("tracing + tracing-flame", |calls| each(calls, instrumented)),
        ("puffin", |calls| {
            by_request(calls, |calls| {
                each(calls, puffed);
                puffin::GlobalProfiler::lock().new_frame();
            });
        }),
        ("Instant + metrics histogram", |calls| each(calls, by_hand)),
    ]);
}
