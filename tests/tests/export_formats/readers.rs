//! Third-party readers open the exported formats, and find the same figures.

use std::collections::BTreeMap;
use std::process::Command;

use perf_sdk::alert::{AlertRule, AlertRules};
use perf_sdk::export::{self, Exposition, Format, Weight};
use perf_sdk::snapshot::{Frame, HeapPath, HeapProfile};
use perf_sdk::{Histogram, Scale};

use super::sample::{self, USER};
use super::tools::{accepts, has, run};

fn scrape(format: Format, user: Option<&str>) -> Vec<u8> {
    let mut body = Vec::new();
    Exposition::new().write(format, &sample::snapshot(), user, &mut body).unwrap();
    body
}

#[test]
fn promtool_accepts_our_metrics() {
    if has("promtool", &["--version"], "install Debian's prometheus") {
        accepts("promtool", &["check", "metrics"], &scrape(Format::Text, None));
    }
}

/// Rules with all metric functions and events, and those that are shipped.
#[test]
fn promtool_accepts_our_rules() {
    if !has("promtool", &["--version"], "install Debian's prometheus") {
        return;
    }
    let limits = ["1", "1ms", "1KiB", "1%", "1/s", "1KiB/s"];
    let of_functions = perf_sdk::target::FUNCTIONS.iter().map(|function| {
        let rule = |limit: &&str| AlertRule::new(&format!("{} > {limit} over 2m", function.example())).ok();
        limits.iter().find_map(rule).unwrap_or_else(|| panic!("no limit fits {}", function.name))
    });
    let others = [
        "burn(\"a \\\"b\\\"\", 99.9%)",
        "leak(suspect)",
        "errors(burst)",
        "target(at_risk)",
        "cpu > 1% AND (memory > 2% OR every(5m))",
    ];
    let others = others.iter().map(|rule| AlertRule::new(rule).expect("a rule"));
    let mut all = AlertRules::shipped();
    of_functions.chain(others).for_each(|rule| all.add(rule).expect("a name of its own"));
    let mut file = Vec::new();
    all.write_prometheus(&mut file).expect("a file in memory");
    let path = std::env::temp_dir().join(format!("perf-sdk-rules-{}.yml", std::process::id()));
    std::fs::write(&path, &file).expect("a file");
    let output = Command::new("promtool").args(["check", "rules"]).arg(&path).output().expect("promtool runs");
    std::fs::remove_file(&path).expect("the file");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&file));
    let number = all.iter().count() - 1;
    assert!(said.contains(&format!("{number} rules found")), "{said}");
}

/// Lint findings of promtool about the user's own metric names are accepted, but the document must
/// parse.
#[test]
fn promtool_reads_the_users_metrics() {
    if has("promtool", &["--version"], "install Debian's prometheus") {
        let output = run("promtool", &["check", "metrics"], &scrape(Format::Text, Some(USER)));
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(!complaints.contains("error while linting"), "{complaints}");
        for complaint in complaints.lines() {
            assert!(!complaint.starts_with("function_") && !complaint.starts_with("perf_"), "{complaints}");
        }
    }
}

/// Prints every sample as `name|labels|value|exemplar`.
const OPENMETRICS: &str = r"
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.read()):
    for s in family.samples:
        labels = ','.join(f'{k}={v!r}' for k, v in s.labels.items())
        exemplar = f'{s.exemplar.labels} {float(s.exemplar.value)} {float(s.exemplar.timestamp)}' if s.exemplar else ''
        print(f'{family.type}|{s.name}|{labels}|{float(s.value)}|{exemplar}')
";

/// The same for the old text format.
const TEXT: &str = r"
import sys
from prometheus_client.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.read()):
    for s in family.samples:
        labels = ','.join(f'{k}={v!r}' for k, v in s.labels.items())
        print(f'{family.type}|{s.name}|{labels}|{float(s.value)}|')
";

fn has_prometheus_client() -> bool {
    has("python3", &["-c", "import prometheus_client"], "pip install prometheus_client")
}

#[test]
fn the_python_client_reads_openmetrics_with_exemplars() {
    if !has_prometheus_client() {
        return;
    }
    let read = accepts("python3", &["-c", OPENMETRICS], &scrape(Format::OpenMetrics, Some(USER)));
    for line in [
        "counter|function_calls_total|function='Server::handle',module='shop::http',result='error'|1.0|",
        "counter|function_calls_total|function='parse',module='shop::http',result='panic'|1.0|",
        "histogram|function_calls_duration_seconds_bucket|function='Server::handle',module='shop::http',le='0.001'|2.0|{'trace_id': '4bf92f3577b34da6a3ce929d0e0e4736', 'span_id': '00f067aa0ba902b7'} 0.0009 1700000059.25",
        "histogram|function_calls_duration_seconds_bucket|function='Server::handle',module='shop::http',le='+Inf'|4.0|{'trace_id': '4bf92f3577b34da6a3ce929d0e0e4736'} 14.0 1700000059.25",
        r#"gauge|function_calls_concurrent|function='<&\'a [T; 2] as "Quoted\\Trait">::f;g, h\n',module='shop::öl'|0.0|"#,
        "info|perf_cpu_clock_info|engine='perf-seq'|1.0|",
        r#"counter|orders_total|shop='Käse & Co',path='C:\\a"b'|17.0|"#,
        "unknown|requests||3.0|",
        "counter|user_function_calls_total|kind='mine'|5.0|",
        "histogram|upload_size_bucket|le='1e+06'|4.0|",
        "summary|wait_seconds|quantile='1.0'|2.0|",
    ] {
        assert!(read.lines().any(|got| got == line), "{line}\nis not in\n{read}");
    }
}

/// Both formats have the same series with the same values, because a server may change the format
/// between two scrapes.
#[test]
fn both_text_formats_hold_the_same_series() {
    if !has_prometheus_client() {
        return;
    }
    let series = |script: &str, format: Format| -> BTreeMap<String, String> {
        accepts("python3", &["-c", script], &scrape(format, Some(USER)))
            .lines()
            .map(|line| {
                let mut fields = line.split('|').skip(1);
                let name = format!("{}|{}", fields.next().unwrap(), fields.next().unwrap());
                // For a counter that the user named without `_total`, the reader of the old format
                // adds this suffix itself.
                let name = if name == "requests_total|" { "requests|".to_owned() } else { name };
                (name, fields.next().unwrap().to_owned())
            })
            .collect()
    };
    let (text, openmetrics) = (series(TEXT, Format::Text), series(OPENMETRICS, Format::OpenMetrics));
    let only_in = |a: &BTreeMap<String, String>, b: &BTreeMap<String, String>| -> Vec<String> {
        a.iter()
            .filter(|(name, value)| b.get(*name) != Some(value))
            .map(|(name, value)| format!("{name} {value}"))
            .collect()
    };
    assert_eq!((only_in(&text, &openmetrics), only_in(&openmetrics, &text)), (vec![], vec![]));
}

const HDR: &str = r"
import sys
from hdrh.log import HistogramLogReader
from hdrh.histogram import HdrHistogram
reader = HistogramLogReader(sys.argv[1], HdrHistogram(1, 2**62, 3))
while True:
    histogram = reader.get_next_interval_histogram()
    if histogram is None:
        break
    quantiles = ' '.join(str(histogram.get_value_at_percentile(p)) for p in (50, 95, 99, 100))
    print(histogram.get_tag(), histogram.get_total_count(), quantiles)
";

#[test]
fn hdr_histograms_own_reader_finds_the_same_quantiles() {
    if !has("python3", &["-c", "import hdrh"], "pip install hdrhistogram") {
        return;
    }
    let mut snapshot = sample::snapshot();
    let mut spread = Histogram::new(Scale::Seconds);
    let mut sorted: Vec<u64> = (0..20_000_u64).map(|i| 300 + i * i * i % 90_000_017).collect();
    sorted.sort_unstable();
    sorted.iter().for_each(|value| spread.record(*value, 1));
    snapshot.functions[1].wall = spread;
    let path = std::env::temp_dir().join(format!("perf-sdk-{}.hlog", std::process::id()));
    export::hlog::write(&snapshot, &mut std::fs::File::create(&path).unwrap()).unwrap();
    let read = accepts("python3", &["-c", HDR, path.to_str().unwrap()], b"");
    std::fs::remove_file(&path).unwrap();

    let lines: Vec<Vec<&str>> = read.lines().map(|line| line.split(' ').collect()).collect();
    assert_eq!(lines.len(), 3, "one interval for each function:\n{read}");
    assert_eq!(&lines[0][..2], ["shop::http::Server::handle", "4"]);
    assert_eq!(&lines[1][..2], ["shop::http::parse", "20000"]);
    for (q, value) in [(0.5, lines[1][2]), (0.95, lines[1][3]), (0.99, lines[1][4]), (1.0, lines[1][5])] {
        let exact = sorted[(q * 20_000.0) as usize - 1] as f64;
        let got: f64 = value.parse().unwrap();
        assert!((got - exact).abs() <= exact * 0.012, "{q}: {got} instead of {exact}");
    }
}

/// The requirements of speedscope's own schema for a sampled profile.
const SPEEDSCOPE: &str = r"
import json, sys
file = json.load(sys.stdin)
assert file['$schema'] == 'https://www.speedscope.app/file-format-schema.json'
frames = file['shared']['frames']
assert all(isinstance(f['name'], str) for f in frames)
assert all(isinstance(f.get('line', 1), int) and isinstance(f.get('file', ''), str) for f in frames)
[profile] = file['profiles']
assert profile['type'] == 'sampled'
assert profile['unit'] in ('none', 'nanoseconds', 'microseconds', 'milliseconds', 'seconds', 'bytes')
assert len(profile['samples']) == len(profile['weights']) > 0
assert all(0 <= i < len(frames) for stack in profile['samples'] for i in stack)
assert profile['startValue'] == 0 and profile['endValue'] == sum(profile['weights'])
print(profile['endValue'])
";

#[test]
fn totals_of_all_viewers_are_those_of_the_snapshot() {
    let has_python = has("python3", &["--version"], "install python3");
    let snapshot = sample::snapshot();
    for weight in Weight::ALL {
        let total: i64 = snapshot
            .tree
            .iter()
            .map(|node| match weight {
                Weight::Wall => node.exclusive.wall_ns,
                Weight::Cpu => node.exclusive.cpu_ns,
                Weight::OffCpu => node.exclusive.wall_ns - node.exclusive.cpu_ns,
                Weight::Bytes => node.exclusive.allocated_bytes,
                Weight::Allocations => node.exclusive.allocations + node.exclusive.reallocations,
                Weight::Calls => node.calls as i64,
                Weight::Live => node.live.bytes as i64,
                Weight::LiveObjects => node.live.objects as i64,
                Weight::RetainedOld => node.live.old_bytes as i64,
                Weight::LiveGrowth => node.live.grown_bytes,
                other => panic!("no test of {other}"),
            })
            .map(|own| own.max(0))
            .sum();
        let mut folded = Vec::new();
        export::folded::write(&snapshot, weight, None, &mut folded).unwrap();
        let folded = String::from_utf8(folded).unwrap();
        let sum: i64 = folded.lines().map(|line| line.rsplit(' ').next().unwrap().parse::<i64>().unwrap()).sum();
        assert_eq!(sum, total, "{weight}");
        if has_python {
            let mut file = Vec::new();
            export::speedscope::write(&snapshot, weight, None, &mut file).unwrap();
            assert_eq!(accepts("python3", &["-c", SPEEDSCOPE], &file).trim(), total.to_string(), "{weight}");
        }
        let mut svg = Vec::new();
        export::flamegraph::write(&snapshot, weight, None, &mut svg).unwrap();
        assert_eq!(drawn_total(&String::from_utf8(svg).unwrap(), weight), total, "{weight}");
    }
}

/// The number in the title of the root frame, in the unit of the weight.
fn drawn_total(svg: &str, weight: Weight) -> i64 {
    let (_, title) = svg.split_once("<title>all (").expect("a frame of all");
    let number: String = title.split(' ').next().unwrap_or_default().replace(',', "");
    let number: f64 = number.parse().unwrap_or_else(|_| panic!("{number}"));
    let ns_per_shown = match weight {
        Weight::Wall | Weight::Cpu | Weight::OffCpu => 1_000.0,
        _ => 1.0,
    };
    (number * ns_per_shown).round() as i64
}

#[test]
fn a_browser_draws_the_flamegraph() {
    if !has("chromium", &["--version"], "install Debian's chromium") {
        return;
    }
    let folder = std::env::temp_dir().join(format!("perf-sdk-svg-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (svg, profile) = (folder.join("graph.svg"), folder.join("profile"));
    export::flamegraph::write(&sample::snapshot(), Weight::Wall, None, &mut std::fs::File::create(&svg).unwrap())
        .unwrap();
    let output = run(
        "chromium",
        &[
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            &format!("--user-data-dir={}", profile.display()),
            "--dump-dom",
            &format!("file://{}", svg.display()),
        ],
        b"",
    );
    let drawn = String::from_utf8_lossy(&output.stdout).into_owned();
    std::fs::remove_dir_all(&folder).unwrap();
    // The script of the flame graph ran: it fits texts into their frames and finds the root frame.
    assert!(
        drawn.contains("Server::handle") && drawn.contains("Reset Zoom") && !drawn.contains("parsererror"),
        "{drawn}"
    );
    assert!(drawn.matches("<rect").count() >= 5, "{drawn}");
}

/// Go's own reader finds the bytes of each scope, in the four values, and the scopes as a tag.
#[test]
fn gos_pprof_reads_the_heap() {
    if !has("go", &["version"], "install Debian's golang-go") {
        return;
    }
    let folder = std::env::temp_dir().join(format!("perf-sdk-pprof-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("heap.pb.gz");
    let opens = export::pprof::Opens::InUse;
    export::pprof::write_heap(&sample::snapshot(), None, opens, &mut std::fs::File::create(&file).unwrap()).unwrap();
    let read = |arguments: &[&str]| {
        let output = std::process::Command::new("go")
            .args(["tool", "pprof"])
            .args(arguments)
            .arg(&file)
            .env("PPROF_TMPDIR", &folder)
            .env("HOME", &folder)
            .output()
            .unwrap();
        let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {said}\n{complained}");
        said.into_owned()
    };
    let top = read(&["-top", "-unit=bytes"]);
    assert!(top.contains("Type: inuse_space"), "{top}");
    assert!(top.lines().any(|line| line.contains("5767680B") && line.contains("parse")), "{top}");
    let allocated = read(&["-top", "-unit=bytes", "-sample_index=alloc_space"]);
    assert!(allocated.lines().any(|line| line.contains("23070720B") && line.contains("parse")), "{allocated}");
    let tags = read(&["-tags", "-unit=bytes"]);
    assert!(tags.contains("scope:") && tags.contains("(no profiled scope)"), "{tags}");
    let raw = read(&["-raw"]);
    assert!(raw.contains("PeriodType: space bytes") && raw.contains("Period: 524288"), "{raw}");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// DHAT's own viewer accepts the document, computes the sums and draws the tree.
#[test]
fn dhats_viewer_draws_the_heap() {
    const VIEWER: &str = "/usr/libexec/valgrind/dh_view.html";
    let script = VIEWER.replace(".html", ".js");
    if !has("chromium", &["--version"], "install Debian's chromium")
        || !has("cat", &[VIEWER], "install Debian's valgrind")
    {
        return;
    }
    let frame = |name: &str, line| {
        let mut frame = Frame::default();
        (frame.name, frame.module, frame.file, frame.line) =
            (name.into(), "shop::cart".into(), "src/cart.rs".into(), line);
        frame
    };
    let path = |frames, total_bytes, live_bytes| {
        let mut path = HeapPath::default();
        (path.frames, path.total_bytes, path.live_bytes, path.live_objects) = (frames, total_bytes, live_bytes, 5.0);
        (path.total_objects, path.lifetime_s, path.max_bytes, path.max_objects) = (100.4, 2.5, live_bytes * 2, 9.6);
        (path.peak_bytes, path.peak_objects) = (live_bytes, 5.2);
        path
    };
    let mut profile = HeapProfile::default();
    (profile.window_ns, profile.peak_at_ns) = (60_000_000_000, 45_000_000_000);
    profile.paths = vec![
        path(vec![frame("handle", 10), frame("add", 20)], 1_000_000, 30_000),
        path(vec![frame("handle", 10), frame("price", 30)], 500_000, 0),
        path(vec![], 2_000, 2_000),
    ];
    let mut json = Vec::new();
    export::dhat::write(&profile, &mut json).unwrap();
    let folder = std::env::temp_dir().join(format!("perf-sdk-dhat-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    // Simulates the choice of a file: the viewer reads the document with the same calls.
    let document = String::from_utf8(json).unwrap().replace('<', "\\u003c");
    let viewer = std::fs::read_to_string(VIEWER).unwrap().replace("dh_view.js", &format!("file://{script}"));
    let load = format!(
        "<script>window.addEventListener('load', () => setTimeout(() => {{ gData = {document}; buildTree(); displayTree(0, 0, 0); }}))</script></head>"
    );
    let page = folder.join("view.html");
    std::fs::write(&page, viewer.replace("</head>", &load)).unwrap();
    let output = run(
        "chromium",
        &[
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--allow-file-access-from-files",
            "--virtual-time-budget=5000",
            &format!("--user-data-dir={}", folder.join("profile").display()),
            "--dump-dom",
            &format!("file://{}", page.display()),
        ],
        b"",
    );
    let drawn = String::from_utf8_lossy(&output.stdout).into_owned();
    std::fs::remove_dir_all(&folder).unwrap();
    for part in
        ["1,502,000 bytes", "shop::cart::add (src/cart.rs:20)", "shop::cart::price", "no profiled scope", "At t-gmax"]
    {
        assert!(drawn.contains(part), "{part}\n{drawn}");
    }
    assert!(!drawn.contains("error"), "{drawn}");
}
