//! Names that a program made from foreign input: every format contains them, and its readers can
//! read the rest.

use std::collections::BTreeSet;

use perf_sdk::export::{self, Exposition, Format, Weight};
use perf_sdk::snapshot::{CallNode, Frame, Function, HeapPath, HeapProfile, ROOT, Snapshot};
use perf_sdk::{Histogram, Scale};

use super::tools::{accepts, has};

/// Each name is used once for a function below `outer`, and once for an outermost one.
pub(crate) const NAMES: &[&str] = &[
    "start\u{1}of",
    "null\0end",
    "escape\u{1b}]0;title\u{7}\u{1b}[2J",
    "c1\u{9b}31m\u{85}next",
    "none\u{fffe}\u{ffff}\u{1ffff}\u{fdd0}",
    "lines\u{2028}\u{2029}\u{b}\u{c}\u{1c}",
    "returns\r\nand\ttabs\n",
    "turned\u{202e}drow\u{2066}",
    "poll 7",
    "poll 7 8.5",
    "7",
    "# comment",
    "  leads and trails\u{3000} ",
    "semi;colon;;",
    "kernel_[k]",
    "\"quoted\\\" \\n \\u{1}",
    "start\\u{1}of",
    "<script>alert('1')</script>&amp;]]>",
    "a,b c{d}=\"e\" # {}",
    "%n%s${jndi}`id`",
    "\u{feff}marked",
    "",
    " ",
    "a very long name of no particular meaning that goes on and on and on and on and on and on and on and on and on and on",
];

fn function(name: &str) -> Function {
    let mut function = Function::default();
    (function.name, function.module, function.file) = (name.into(), name.into(), name.into());
    (function.calls.ok, function.samples, function.one_in, function.line) = (1, 1, 1, 1);
    let mut wall = Histogram::new(Scale::Seconds);
    wall.record(1_000_000, 1);
    function.wall = wall;
    function.last_error = Some(name.into());
    function.inclusive.wall_ns = 1_000_000;
    function.exclusive.wall_ns = 1_000_000;
    function
}

fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot::default();
    snapshot.window_ns = 1_000_000_000;
    snapshot.functions = std::iter::once("outer").chain(NAMES.iter().copied()).map(function).collect();
    let mut add = |function: usize, parent: u32| {
        let mut node = CallNode::default();
        (node.function, node.parent, node.calls, node.samples) = (function as u32, parent, 1, 1);
        (node.inclusive.wall_ns, node.exclusive.wall_ns) = (1_000_000, 1_000_000);
        snapshot.tree.push(node);
        snapshot.tree.len() as u32 - 1
    };
    let outer = add(0, ROOT);
    for at in 1..=NAMES.len() {
        add(at, outer);
        let outermost = add(at, ROOT);
        add(0, outermost);
    }
    snapshot
}

fn total_ms() -> usize {
    1 + 3 * NAMES.len()
}

/// Checks for characters that must not be in text for people.
fn assert_plain(what: &str, text: &str) {
    let bad = |c: char| {
        (c.is_control() && c != '\n') || matches!(c, '\u{2028}' | '\u{2029}') || u32::from(c) & 0xfffe == 0xfffe
    };
    assert!(!text.contains(bad), "{what}: {:?}", text.lines().find(|line| line.contains(bad)));
}

fn with_python(probe: &str, how: &str) -> bool {
    has("python3", &["-c", probe], how)
}

#[test]
fn a_flamegraph_is_valid_xml_with_all_names() {
    let mut svg = Vec::new();
    export::flamegraph::write(&snapshot(), Weight::Wall, None, &mut svg).unwrap();
    let svg = String::from_utf8(svg).unwrap();
    let total = format!("<title>all ({},000 µs, 100%)</title>", total_ms());
    assert!(svg.contains(&total), "{total}: {:?}", svg.lines().find(|line| line.contains("<title>all")));
    if with_python("", "install python3") {
        // Prints the titles of the frames.
        const XML: &str = "import sys, xml.etree.ElementTree as e\n\
                           for t in e.fromstring(sys.stdin.buffer.read()).iter('{http://www.w3.org/2000/svg}title'): print(ascii(t.text))";
        let titles = accepts("python3", &["-c", XML], svg.as_bytes());
        for part in ["start\\\\u{1}of", "\\\\u{1b}]0:title", "poll_7 (", "#_comment", "(unnamed)", "<script>alert"] {
            assert!(titles.contains(part), "{part}: {titles}");
        }
    }
    // The title of the flame graph contains a name too.
    for name in NAMES.iter().filter(|name| !name.is_empty()) {
        let mut svg = Vec::new();
        export::flamegraph::write(&snapshot(), Weight::Wall, Some(name), &mut svg).unwrap();
        assert_plain(name, &String::from_utf8(svg).unwrap().replace('\t', " "));
    }
}

#[test]
fn folded_stacks_are_parsed_as_they_were_written() {
    let mut folded = Vec::new();
    export::folded::write(&snapshot(), Weight::Wall, None, &mut folded).unwrap();
    let folded = String::from_utf8(folded).unwrap();
    assert_plain("folded", &folded);
    let mut sum = 0;
    for line in folded.lines() {
        let (stack, number) = line.rsplit_once(' ').unwrap();
        sum += number.parse::<usize>().unwrap();
        let frames: Vec<&str> = stack.split(';').collect();
        assert!(frames.len() <= 2 && frames.iter().all(|frame| !frame.trim().is_empty()), "{line}");
        assert!(frames.contains(&"outer::outer") || frames.len() == 1, "{line}");
        let last = stack.rsplit_once(' ').map(|(_, last)| last).unwrap_or_default();
        assert!(last.parse::<f64>().is_err(), "{line}: two numbers");
        assert!(!stack.starts_with("# "), "{line}: no comment");
    }
    assert_eq!((sum, folded.lines().count()), (total_ms() * 1_000_000, total_ms()));
}

#[test]
fn json_contains_every_name_unchanged() {
    if !with_python("", "install python3") {
        return;
    }
    let mut profile = HeapProfile::default();
    for name in NAMES {
        let mut frame = Frame::default();
        frame.name = (*name).into();
        let mut path = HeapPath::default();
        (path.frames, path.total_bytes, path.total_objects) = (vec![frame], 1, 1.0);
        profile.paths.push(path);
    }
    let (mut whole, mut speedscope, mut dhat) = (Vec::new(), Vec::new(), Vec::new());
    export::json::write(&snapshot(), &mut whole).unwrap();
    export::speedscope::write(&snapshot(), Weight::Wall, None, &mut speedscope).unwrap();
    export::dhat::write(&profile, &mut dhat).unwrap();
    let file = std::env::temp_dir().join(format!("perf-sdk-hostile-{}.json", std::process::id()));
    snapshot().write_to(&file).unwrap();
    let read_back = Snapshot::read_from(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(read_back.functions, snapshot().functions);
    for (document, names) in [
        (whole, "[f['name'] for f in d['functions']][1:]"),
        (speedscope, "[f['file'] for f in d['shared']['frames'][1:] if 'file' in f]"),
        (dhat, "d['ftbl'][1:]"),
    ] {
        let program = format!(
            "import json, sys\nd = json.load(sys.stdin.buffer)\nfor n in {names}: print(n.encode('utf-8').hex())"
        );
        let read = accepts("python3", &["-c", &program], &document);
        let hex = |name: &str| name.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
        let is_left_out = |name: &&&str| names.contains("file") && name.is_empty();
        let expected: Vec<String> = NAMES.iter().filter(|name| !is_left_out(name)).map(|name| hex(name)).collect();
        assert_eq!(read.lines().collect::<Vec<_>>(), expected, "{names}");
    }
}

/// Prints the labels of each sample of calls.
const CALLS: &str = r"
import sys
text = open(sys.argv[1], newline='').read()
for family in text_string_to_metric_families(text):
    for s in family.samples:
        if s.name == 'function_calls_total' and s.labels['result'] == 'ok':
            print(ascii(s.labels['function']))
        if s.name == 'orders_total':
            print('user', ascii(s.labels['who']))
";

#[test]
fn a_scrape_has_each_name_once_and_unchanged_in_all_formats() {
    let snapshot = snapshot();
    // Escapes like the recorder of the user's metrics.
    let escaped = |name: &str| name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let mut user = String::from("# HELP orders_total By\u{1b}[2J \0 whom\\n\u{85}.\n# TYPE orders_total counter\n");
    for name in NAMES {
        user += &format!("orders_total{{who=\"{}\"}} 1\n", escaped(name));
    }
    let mut seen = Vec::new();
    for (format, reader) in
        [(Format::Text, "prometheus_client.parser"), (Format::OpenMetrics, "prometheus_client.openmetrics.parser")]
    {
        let mut body = Vec::new();
        Exposition::new().write(format, &snapshot, Some(&user), &mut body).unwrap();
        assert_plain(&format.to_string(), &String::from_utf8(body.clone()).unwrap().replace('\t', " "));
        if with_python("import prometheus_client", "pip install prometheus_client") {
            let file = std::env::temp_dir().join(format!("perf-sdk-hostile-{}-{}", std::process::id(), seen.len()));
            std::fs::write(&file, &body).unwrap();
            let program = format!("from {reader} import text_string_to_metric_families\n{CALLS}");
            let read = accepts("python3", &["-c", &program, file.to_str().unwrap()], b"");
            std::fs::remove_file(&file).unwrap();
            let names: BTreeSet<String> = read.lines().map(str::to_owned).collect();
            assert_eq!(names.len(), 1 + 2 * NAMES.len(), "{read}");
            seen.push(names);
        }
        if format == Format::Text && has("promtool", &["--version"], "install Debian's prometheus") {
            let output = super::tools::run("promtool", &["check", "metrics"], &body);
            let complaints = String::from_utf8_lossy(&output.stderr);
            assert!(!complaints.contains("error while linting"), "{complaints}");
        }
    }
    assert!(seen.windows(2).all(|two| two[0] == two[1]));
    let mut body = Vec::new();
    Exposition::new().write(Format::Protobuf, &snapshot, Some(&user), &mut body).unwrap();
    for part in [
        "start\\u{1}of",
        "start\\u{5c}u{1}of",
        "null\\u{0}end",
        "returns\\u{d}\nand\ttabs\n",
        "By\\u{1b}[2J \\u{0} whom",
    ] {
        assert!(body.windows(part.len()).any(|bytes| bytes == part.as_bytes()), "{part:?}");
    }
}

#[test]
fn gos_pprof_shows_every_scope() {
    if !has("go", &["version"], "install Debian's golang-go") {
        return;
    }
    let folder = std::env::temp_dir().join(format!("perf-sdk-hostile-pprof-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("scopes.pb.gz");
    export::pprof::write_scopes(&snapshot(), &mut std::fs::File::create(&file).unwrap()).unwrap();
    let output = std::process::Command::new("go")
        .args(["tool", "pprof", "-top", "-nodecount=1000", "-sample_index=wall"])
        .arg(&file)
        .env("PPROF_TMPDIR", &folder)
        .env("HOME", &folder)
        .output()
        .unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    assert_plain("pprof", &said);
    for part in ["start\\u{1}of", "escape\\u{1b}]0;title", "poll 7", "outer"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let total = format!("{}ms total", total_ms());
    assert!(said.contains(&total), "{total}: {said}");
}

#[test]
fn a_histogram_log_has_one_histogram_for_each_name() {
    let mut log = Vec::new();
    export::hlog::write(&snapshot(), &mut log).unwrap();
    let log = String::from_utf8(log).unwrap();
    assert_plain("hlog", &log);
    let tags = log.lines().filter(|line| line.starts_with("Tag=") && line.split(',').count() == 5).count();
    assert_eq!(tags, 1 + NAMES.len(), "{log}");
    if !with_python("import hdrh", "pip install hdrhistogram") {
        return;
    }
    let file = std::env::temp_dir().join(format!("perf-sdk-hostile-{}.hlog", std::process::id()));
    std::fs::write(&file, &log).unwrap();
    const HDR: &str = "import sys\nfrom hdrh.log import HistogramLogReader\nfrom hdrh.histogram import HdrHistogram\n\
                       r = HistogramLogReader(sys.argv[1], HdrHistogram(1, 3600000000000, 3))\nn = 0\n\
                       while True:\n  h = r.get_next_interval_histogram()\n  if h is None: break\n  n += h.get_total_count()\nprint(n)";
    let read = accepts("python3", &["-c", HDR, file.to_str().unwrap()], b"");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(read.trim(), (1 + NAMES.len()).to_string());
}

#[test]
fn the_report_contains_no_control_characters() {
    let mut report = Vec::new();
    export::table::write(&snapshot(), &mut report).unwrap();
    let report = String::from_utf8(report).unwrap();
    assert_plain("report", &report);
    assert!(!report.contains(['\u{202e}', '\u{2066}']), "{report}");
    assert_eq!(report.lines().count(), 3 + 1 + NAMES.len(), "{report}");
}
