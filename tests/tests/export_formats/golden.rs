//! Every text format, compared with a golden file. `PERF_TEST_BLESS=1` rewrites the files: review
//! the difference before you commit it.

use std::path::Path;

use perf_sdk::export::{self, Exposition, FlameDocument, Format, Weight};
use perf_sdk::snapshot::Snapshot;

use super::sample::{self, USER};

fn check(name: &str, got: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/export_formats/golden").join(name);
    if std::env::var_os("PERF_TEST_BLESS").is_some() {
        std::fs::write(&path, got).unwrap();
    }
    let expected = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if got != expected {
        let (got, expected) = (String::from_utf8_lossy(got), String::from_utf8_lossy(&expected));
        let differs = got.lines().zip(expected.lines()).position(|(a, b)| a != b);
        let at = differs.unwrap_or_else(|| got.lines().count().min(expected.lines().count()));
        panic!(
            "{name}, line {}:\n  got      {:?}\n  expected {:?}",
            at + 1,
            got.lines().nth(at),
            expected.lines().nth(at)
        );
    }
}

fn scrape(format: Format) -> Vec<u8> {
    let mut body = Vec::new();
    Exposition::new().write(format, &sample::snapshot(), Some(USER), &mut body).unwrap();
    body
}

#[test]
fn prometheus_text() {
    check("metrics.prom", &scrape(Format::Text));
}

#[test]
fn openmetrics() {
    check("metrics.openmetrics", &scrape(Format::OpenMetrics));
}

#[test]
fn protobuf() {
    check("metrics.pb", &scrape(Format::Protobuf));
}

#[test]
fn folded() {
    let mut all = Vec::new();
    for weight in Weight::ALL {
        all.extend(format!("# {weight}\n").bytes());
        export::folded::write(&sample::snapshot(), weight, None, &mut all).unwrap();
    }
    all.extend(b"# wall of parse\n");
    export::folded::write(&sample::snapshot(), Weight::Wall, Some("parse"), &mut all).unwrap();
    check("stacks.folded", &all);
}

#[test]
fn speedscope() {
    let mut file = Vec::new();
    export::speedscope::write(&sample::snapshot(), Weight::Bytes, None, &mut file).unwrap();
    check("profile.speedscope.json", &file);
}

#[test]
fn flame_json() {
    let mut file = Vec::new();
    let document = FlameDocument::of_calls(&sample::snapshot());
    document.clone().against(document.titled("before")).write_json(&mut file).unwrap();
    check("flame.json", &file);
}

#[test]
fn snapshot_json() {
    let mut file = Vec::new();
    export::json::write(&sample::snapshot(), &mut file).unwrap();
    check("snapshot.json", &file);
}

#[test]
fn table() {
    let mut text = Vec::new();
    export::table::write(&sample::snapshot(), &mut text).unwrap();
    check("report.txt", &text);
}

#[test]
fn figures_that_are_not_measured_are_absent() {
    let mut snapshot = sample::snapshot();
    snapshot.has_allocations = false;
    for function in &mut snapshot.functions {
        function.bytes = None;
        function.cpu = None;
        function.future = None;
    }
    snapshot.profiler.cpu_clock.clear();
    for format in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
        let mut body = Vec::new();
        Exposition::new().write(format, &snapshot, None, &mut body).unwrap();
        let text = String::from_utf8_lossy(&body);
        for name in [
            "function_cpu_seconds",
            "function_self_cpu_seconds",
            "function_allocat",
            "function_freed",
            "function_idle_seconds",
            "perf_cpu_clock",
            "cancelled",
        ] {
            assert!(!text.contains(name), "{format}: {name}");
        }
        assert!(text.contains("function_calls_duration_seconds"));
    }
}

#[test]
fn nothing_recorded_is_a_valid_document() {
    for (format, end) in [(Format::Text, "\n"), (Format::OpenMetrics, "# EOF\n")] {
        let mut body = Vec::new();
        Exposition::new().write(format, &Snapshot::default(), None, &mut body).unwrap();
        let text = String::from_utf8(body).unwrap();
        assert!(text.ends_with(end) && text.contains("perf_sites 0\n") && !text.contains("function_"), "{text}");
    }
    let mut table = Vec::new();
    export::table::write(&Snapshot::default(), &mut table).unwrap();
    assert_eq!(table, b"");
}
