//! The report as a document, and as one file.

use std::io::{self, Write};
use std::sync::LazyLock;

use serde::Serialize;

use super::chart::Chart;
use super::charts;
use super::comparison::{Comparison, TOLERANCE};
use super::row::Row;
use super::status::Status;
use super::summary::{self, Facts, Sentence};
use super::thinned::thinned;
use crate::export::{FlameDocument, VIEWER_FILE, VIEWER_STYLE, file, safe, viewer_script};
use crate::finding::{self, Findings};
use crate::snapshot::{HistoryColumns, Reading, Snapshot, write_json};

/// The name and the version of the format.
const FORMAT: &str = "perf-sdk report 1";
/// Functions in the table, at most: those with the longest time of their own.
const MOST_ROWS: usize = 1_000;
/// Paths in the flamegraph of calls, at most; smaller ones are one for each caller.
const MOST_PATHS: usize = 5_000;
/// Entries of the lists of targets, alerts, findings and leaks, at most.
const MOST_LISTED: usize = 100;
/// Readings, at most.
const MOST_READINGS: usize = 1_000;
/// Bytes of one flamegraph, at most.
const MOST_FLAME_BYTES: usize = 4 << 20;

const TEMPLATE: &str = include_str!("../../serve/assets/report/report.html");
const STYLE: &str =
    concat!(include_str!("../../serve/assets/dashboard.css"), include_str!("../../serve/assets/report/report.css"));

macro_rules! modules {
    ($($name:literal),* $(,)?) => {
        /// The modules of the page, each after those that it imports: those of the dashboard, and
        /// the report's own.
        const MODULES: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../serve/assets/", $name)))),*];
    };
}

modules! {
    "format.js",
    "html.js",
    "brush.js",
    "marks.js",
    "chart.js",
    "charts.js",
    "columns.js",
    "report/lists.js",
    "report/rows.js",
    "report/changes.js",
    "report/flames.js",
    "report/report.js",
}

/// How a program does, or what changed between two snapshots: one HTML file that opens from disk.
///
/// It has a summary in words, targets, alerts, findings, charts, the flamegraph viewer and tables.
/// It loads nothing, and is at most some 15 MiB.
///
/// ```
/// use perf_sdk::export::Report;
///
/// let before = perf_sdk::snapshot();
/// let after = perf_sdk::snapshot();
/// let mut page = Vec::new();
/// Report::of(&after).against(&before).titled("shop 1.3 against 1.2").write_html(&mut page)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Report<'a> {
    title: String,
    now: Side<'a>,
    before: Option<Side<'a>>,
    findings: Option<&'a Findings>,
    marks: Vec<(u32, String)>,
    flames: Vec<Flame>,
    missing: Vec<String>,
    tolerance: f64,
}

/// What is known of one of both.
#[derive(Clone, Debug)]
struct Side<'a> {
    name: String,
    snapshot: &'a Snapshot,
    history: Option<&'a HistoryColumns>,
}

/// A document of the viewer, as JSON.
#[derive(Clone, Debug)]
struct Flame {
    title: String,
    json: String,
}

/// What the page has, besides flamegraphs.
#[derive(Serialize)]
struct Document<'a> {
    format: &'static str,
    version: &'static str,
    title: &'a str,
    now: SideFacts<'a>,
    before: Option<SideFacts<'a>>,
    summary: Vec<Sentence>,
    comparison: Option<&'a Comparison>,
    status: Status,
    charts: Vec<Chart>,
    charts_before: Vec<Chart>,
    /// When, in seconds since 1970, and what was said.
    marks: &'a [(u32, String)],
    functions: Vec<Row>,
    /// Of those that are not in the table: how many, their calls and their own time.
    others: Others,
    readings: Vec<&'a Reading>,
    /// What could not be had, and why.
    missing: Vec<String>,
}

#[derive(Serialize)]
struct SideFacts<'a> {
    name: &'a str,
    taken_at_ms: u64,
    window_ns: u64,
    /// 0 if it is unknown.
    cpu_ns: u64,
    functions: usize,
}

#[derive(Default, Serialize)]
struct Others {
    functions: usize,
    calls: u64,
    self_ns: f64,
}

impl<'a> Side<'a> {
    fn of(name: &str, snapshot: &'a Snapshot) -> Self {
        Self { name: name.to_owned(), snapshot, history: None }
    }

    fn facts(&self) -> SideFacts<'_> {
        SideFacts {
            name: &self.name,
            taken_at_ms: self.snapshot.taken_at_unix_ns / 1_000_000,
            window_ns: self.snapshot.window_ns,
            cpu_ns: self.snapshot.cpu_ns,
            functions: self.snapshot.functions.len(),
        }
    }

    fn charts(&self) -> Vec<Chart> {
        let entries = summary::entries(self.snapshot);
        let labels: Vec<(&str, &str)> =
            entries.iter().map(|function| (function.module.as_str(), function.name.as_str())).collect();
        self.history.map_or_else(Vec::new, |history| charts::of(history, &labels))
    }
}

impl<'a> Report<'a> {
    /// The report on one snapshot: of all since the start, or of a window
    /// ([`Snapshot::subtract`]).
    #[must_use]
    pub fn of(snapshot: &'a Snapshot) -> Self {
        Self {
            title: "Report".to_owned(),
            now: Side::of("now", snapshot),
            before: None,
            findings: None,
            marks: Vec::new(),
            flames: Vec::new(),
            missing: Vec::new(),
            tolerance: TOLERANCE,
        }
    }

    /// With another title than `Report`.
    #[must_use]
    pub fn titled(mut self, title: &str) -> Self {
        self.title = safe::line(title).into_owned();
        self
    }

    /// Compared with `before`, such as the same of another time or of another version of the
    /// program: what got slower, by how much, and how sure that is.
    #[must_use]
    pub fn against(mut self, before: &'a Snapshot) -> Self {
        self.before = Some(Side::of("before", before));
        self
    }

    /// What both sides are called, instead of `now` and `before`.
    #[must_use]
    pub fn named(mut self, now: &str, before: &str) -> Self {
        self.now.name = safe::line(now).into_owned();
        if let Some(side) = &mut self.before {
            side.name = safe::line(before).into_owned();
        }
        self
    }

    /// The share of a change that does not matter: 0.05 by default.
    #[must_use]
    pub fn tolerance(mut self, share: f64) -> Self {
        self.tolerance = if share.is_finite() { share.max(0.0) } else { TOLERANCE };
        self
    }

    /// With these findings. Without, those of the snapshot alone ([`finding::of`]).
    #[must_use]
    pub fn with_findings(mut self, findings: &'a Findings) -> Self {
        self.findings = Some(findings);
        self
    }

    /// With charts, of the answer of [`Handle::history`](crate::Handle::history) to
    /// [`history_names`](Self::history_names).
    #[must_use]
    pub fn with_history(mut self, history: &'a HistoryColumns) -> Self {
        self.now.history = Some(history);
        self
    }

    /// The same of what it is compared with.
    #[must_use]
    pub fn with_history_before(mut self, history: &'a HistoryColumns) -> Self {
        if let Some(side) = &mut self.before {
            side.history = Some(history);
        }
        self
    }

    /// The names of the series that a report on this snapshot shows, for
    /// [`HistoryQuery::new`](crate::snapshot::HistoryQuery::new).
    #[must_use]
    pub fn history_names(snapshot: &Snapshot) -> String {
        let entries = summary::entries(snapshot);
        charts::names(&entries.iter().map(|function| function.name.as_str()).collect::<Vec<_>>())
    }

    /// With a flamegraph beside that of the calls, such as of sampled CPU time.
    ///
    /// # Errors
    /// Any error of the writer of JSON.
    pub fn with_flame(self, title: &str, document: &FlameDocument) -> io::Result<Self> {
        let mut json = Vec::new();
        document.write_json(&mut json)?;
        Ok(self.with_flame_json(title, &String::from_utf8_lossy(&json)))
    }

    /// The same, as [`FlameDocument::write_json`] wrote it. One of more than 4 MiB is left out, and
    /// the report says so.
    #[must_use]
    pub fn with_flame_json(mut self, title: &str, json: &str) -> Self {
        let (title, json) = (safe::line(title).into_owned(), file::escaped(json.trim()));
        if json.len() > MOST_FLAME_BYTES {
            let mib = json.len() as f64 / f64::from(1 << 20);
            return self.without(&format!("{title}: it has {mib:.1} MiB, and 4 MiB are allowed"));
        }
        self.flames.push(Flame { title, json });
        self
    }

    /// Says that something could not be had, and why.
    #[must_use]
    pub fn without(mut self, what: &str) -> Self {
        self.missing.push(safe::line(what).into_owned());
        self
    }

    /// With lines in the charts: when, in seconds since 1970, and what was said.
    #[must_use]
    pub fn with_marks(mut self, marks: Vec<(u32, String)>) -> Self {
        self.marks = marks;
        self
    }

    /// The summary, a sentence each.
    #[must_use]
    pub fn summary(&self) -> Vec<String> {
        let findings = self.found();
        let comparison = self.comparison();
        let facts = Facts { now: self.now.snapshot, findings: &findings, comparison: comparison.as_ref() };
        summary::summary(&facts).into_iter().map(|sentence| sentence.text).collect()
    }

    /// Writes the report as one HTML file, which opens from disk and loads nothing.
    ///
    /// # Errors
    /// Any error of the writer.
    pub fn write_html(&self, to: &mut impl Write) -> io::Result<()> {
        self.write_marked(&file::nonce(), to)
    }

    /// The same, and the number by which its scripts and styles are known.
    #[cfg(feature = "serve")]
    pub(crate) fn html(&self) -> io::Result<(Vec<u8>, String)> {
        let (mut page, nonce) = (Vec::new(), file::nonce());
        self.write_marked(&nonce, &mut page)?;
        Ok((page, nonce))
    }

    /// Writes what the page shows as JSON, without flamegraphs.
    ///
    /// # Errors
    /// Any error of the writer.
    pub fn write_json(&self, to: &mut impl Write) -> io::Result<()> {
        self.with_document(|document| write_json(document, to))
    }

    fn write_marked(&self, nonce: &str, to: &mut impl Write) -> io::Result<()> {
        let data = self.with_document(|document| file::data(document))?;
        let flames = self.flames()?;
        // Documents of the viewer are JSON already.
        let data = format!("{},\"flames\":[{flames}]}}", data.strip_suffix('}').unwrap_or(&data));
        let title = safe_title(&self.title);
        let parts = [
            ("@NONCE@", nonce),
            ("@TITLE@", title.as_str()),
            ("@STYLE@", STYLE),
            ("@VIEWER@", viewer()),
            ("@SCRIPT@", script()),
            ("@DATA@", data.as_str()),
        ];
        file::fill(TEMPLATE, &parts, to)
    }

    fn with_document<T>(&self, then: impl FnOnce(&Document<'_>) -> io::Result<T>) -> io::Result<T> {
        let snapshot = self.now.snapshot;
        let (findings, comparison) = (self.found(), self.comparison());
        let facts = Facts { now: snapshot, findings: &findings, comparison: comparison.as_ref() };
        let (functions, others) = rows(snapshot);
        let charts = self.now.charts();
        let mut missing = self.missing.clone();
        if self.now.history.is_some() && charts.is_empty() {
            missing.push("charts: the history has nothing of this time".to_owned());
        }
        let status = Status::of(snapshot, findings.findings.clone(), MOST_LISTED);
        then(&Document {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION"),
            title: &self.title,
            now: self.now.facts(),
            before: self.before.as_ref().map(Side::facts),
            summary: summary::summary(&facts),
            comparison: comparison.as_ref(),
            status,
            charts,
            charts_before: self.before.as_ref().map_or_else(Vec::new, Side::charts),
            marks: &self.marks,
            functions,
            others,
            readings: snapshot.readings.iter().take(MOST_READINGS).collect(),
            missing,
        })
    }

    fn found(&self) -> Findings {
        self.findings.cloned().unwrap_or_else(|| finding::of(self.now.snapshot))
    }

    fn comparison(&self) -> Option<Comparison> {
        let before = self.before.as_ref()?;
        Some(Comparison::of(before.snapshot, self.now.snapshot, self.tolerance))
    }

    /// The flamegraphs as items of a list.
    fn flames(&self) -> io::Result<String> {
        let of = |snapshot: &Snapshot| {
            let thin = thinned(snapshot, MOST_PATHS);
            let document = FlameDocument::of_calls(&thin);
            if thin.tree.len() == snapshot.tree.len() {
                return document;
            }
            document.saying(&format!("of {} paths, the {MOST_PATHS} largest; others are added up", snapshot.tree.len()))
        };
        let mut calls = of(self.now.snapshot);
        if let Some(before) = &self.before {
            calls = calls.against(of(before.snapshot).titled(&before.name));
        }
        let mut all = format!("{{\"title\":\"profiled calls\",\"document\":{}}}", file::data(&calls)?);
        for Flame { title, json } in &self.flames {
            all.push_str(&format!(",{{\"title\":{},\"document\":{json}}}", file::data(title)?));
        }
        Ok(all)
    }
}

/// Those with the longest time of their own, and what the others add up to.
fn rows(snapshot: &Snapshot) -> (Vec<Row>, Others) {
    let mut functions: Vec<_> = snapshot.functions.iter().collect();
    functions.sort_by_key(|function| std::cmp::Reverse(function.exclusive.wall_ns));
    let rest = functions.split_off(functions.len().min(MOST_ROWS));
    let others = Others {
        functions: rest.len(),
        calls: rest.iter().map(|function| function.calls.total()).sum(),
        self_ns: rest.iter().map(|function| function.exclusive.wall_ns.max(0) as f64).sum(),
    };
    let row = |function: &&crate::snapshot::Function| {
        let mut row = Row::of(function);
        row.name = safe::line(&row.name).into_owned();
        row
    };
    (functions.iter().map(row).collect(), others)
}

/// The scripts of the page as one.
fn script() -> &'static str {
    static SCRIPT: LazyLock<String> = LazyLock::new(|| file::bundled(MODULES));
    &SCRIPT
}

/// The parts of the flamegraph viewer, of which the page makes frames.
fn viewer() -> &'static str {
    static VIEWER: LazyLock<String> =
        LazyLock::new(|| file::data(&[VIEWER_FILE, VIEWER_STYLE, viewer_script()]).unwrap_or_default());
    &VIEWER
}

/// A text in an element's content.
fn safe_title(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{CallNode, Calls, Function, ROOT, Totals};

    fn snapshot(functions: usize) -> Snapshot {
        let function = |n: usize| {
            let mut function =
                Function { name: format!("function_number_{n}"), module: "shop::search".into(), ..Function::default() };
            function.wall.record(1_000 + n as u64, 50);
            (function.calls, function.samples) = (Calls { ok: 50, ..Calls::default() }, 50);
            function.exclusive.wall_ns = n as i64;
            function
        };
        let node = |n: usize| {
            let exclusive = Totals { wall_ns: n as i64, ..Totals::default() };
            CallNode { function: n as u32, parent: ROOT, calls: 50, exclusive, ..CallNode::default() }
        };
        let tree = (0..functions).map(node).collect();
        Snapshot {
            functions: (0..functions).map(function).collect(),
            tree,
            window_ns: 1_000_000_000,
            ..Snapshot::default()
        }
    }

    fn written(report: &Report<'_>) -> String {
        let mut file = Vec::new();
        report.write_html(&mut file).unwrap();
        String::from_utf8(file).unwrap()
    }

    #[test]
    fn a_name_does_not_end_the_data_and_nothing_is_loaded() {
        let mut now = snapshot(1);
        now.functions[0].name = "</script><script>alert(1)</script>@DATA@".into();
        let file =
            written(&Report::of(&now).titled("a <b> & c").with_flame_json("x</script>", "{\"a\":\"</script>\"}"));
        assert!(!file.contains("<script>alert") && file.contains("\\u003cscript>alert(1)"), "{file}");
        assert!(file.contains("<title>a &lt;b> &amp; c</title>"), "{file}");
        assert_eq!(file.matches("</script>").count(), 3, "the data, the viewer and the script");
        assert!(!file.contains("unsafe-inline") && !file.contains("src=") && !file.contains("=\"@NONCE@"), "{file}");
    }

    #[test]
    fn each_module_comes_after_those_that_it_imports() {
        let own = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
        for (at, (name, source)) in MODULES.iter().enumerate() {
            for import in source.lines().filter_map(|line| line.strip_prefix("import ")?.split('"').nth(1)) {
                let is_before = MODULES[..at].iter().any(|(earlier, _)| own(earlier) == own(import));
                assert!(is_before, "{name} imports {import}");
            }
        }
    }

    /// The file and its parts, if there are many functions.
    #[test]
    fn ten_thousand_functions_make_a_file_of_bounded_size() {
        let now = snapshot(10_000);
        let file = written(&Report::of(&now));
        println!("{} bytes", file.len());
        assert!(file.len() < 3 << 20, "{} bytes", file.len());
        assert!(file.contains("\"others\":{\"functions\":9000,\"calls\":450000,"));
        assert!(file.contains("of 10000 paths, the 5000 largest") && file.contains("(smaller calls)"));
        let both = written(&Report::of(&now).against(&now));
        println!("{} bytes with both", both.len());
        assert!(both.len() < 5 << 20, "{} bytes", both.len());
        let empty = written(&Report::of(&Snapshot::default()));
        println!("{} bytes without functions", empty.len());
        assert!(empty.len() < 200 << 10, "{} bytes", empty.len());
    }

    #[test]
    fn a_flamegraph_that_is_too_large_is_left_out_and_that_is_said() {
        let now = snapshot(1);
        let large = format!("\"{}\"", "x".repeat(MOST_FLAME_BYTES));
        let file = written(&Report::of(&now).with_flame_json("samples", &large));
        assert!(
            file.len() < 1 << 20 && file.contains("samples: it has 4.0 MiB, and 4 MiB are allowed"),
            "{}",
            file.len()
        );
    }

    #[test]
    fn what_the_page_shows_is_json_too() {
        let now = snapshot(3);
        let report = Report::of(&now).against(&now).named("1.3", "1.2").without("the weather: nobody looked");
        let mut json = Vec::new();
        report.write_json(&mut json).unwrap();
        let json = String::from_utf8(json).unwrap();
        for part in [FORMAT, "\"name\":\"1.3\"", "\"name\":\"1.2\"", "the weather: nobody looked", "\"tolerance\":0.05"]
        {
            assert!(json.contains(part), "{part}: {json}");
        }
        assert!(report.summary()[0].starts_with("0 functions are slower"), "{:?}", report.summary());
    }
}
