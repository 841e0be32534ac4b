//! Sets of user metrics whose names, kinds and labels resemble each other and ours. Readers must
//! read each document completely. A name must depend neither on the order in which the recorder
//! writes nor on the format.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use perf_sdk::export::{Exposition, Format};
use perf_sdk::snapshot::Snapshot;

use super::tools::{accepts, has, run};

/// `PERF_TEST_SETS` sets another number. The readers take a millisecond for each set.
const SETS: usize = 1_000;
/// The number of these sets that promtool reads, which starts one process for each set.
const SHOWN_TO_PROMTOOL: usize = 40;

const STEMS: [&str; 6] =
    ["x", "later", "pool_connections", "function_calls", "perf_memory_bytes", "function_self_seconds"];
const SUFFIXES: [&str; 8] = ["", "", "_total", "_count", "_sum", "_bucket", "_created", "_info"];
const KINDS: [&str; 5] = ["counter", "gauge", "histogram", "summary", "untyped"];
const LABELS: [&str; 7] = ["", "__name__", "le", "quantile", "a", "a", "job"];
const VALUES: [&str; 4] = ["1", "", "0.5", "é \\\\ \\\" \\n"];

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// Families in the recorder's format, each with another name or kind.
fn families(random: &mut Random) -> Vec<String> {
    let wanted: BTreeSet<(String, &str)> = (0..1 + random.below(8))
        .map(|_| (format!("{}{}", random.of(&STEMS), random.of(&SUFFIXES)), random.of(&KINDS)))
        .collect();
    wanted.into_iter().map(|(name, kind)| family(random, &name, kind)).collect()
}

fn family(random: &mut Random, name: &str, kind: &str) -> String {
    let mut text = format!("# HELP {name} Of {kind}.\n# TYPE {name} {kind}\n");
    let mut labels = String::new();
    for _ in 0..random.below(3) {
        let _ = write!(labels, "{}=\"{}\",", random.of(&LABELS), random.of(&VALUES));
    }
    // The recorder writes its own label last.
    let mut line = |suffix: &str, own: &str, value: u32| {
        let all = format!("{labels}{own}");
        let _ = writeln!(text, "{name}{suffix}{{{}}} {value}", all.trim_end_matches(','));
    };
    match kind {
        "histogram" => {
            line("_bucket", "le=\"0.5\"", 1);
            line("_bucket", "le=\"+Inf\"", 2);
            line("_sum", "", 3);
            line("_count", "", 2);
        }
        "summary" => {
            line("", "quantile=\"0.5\"", 1);
            line("_sum", "", 3);
            line("_count", "", 2);
        }
        _ => line("", "", 1),
    }
    text
}

fn scrape(exposition: &Exposition, format: Format, families: &[String]) -> String {
    let mut body = Vec::new();
    exposition.write(format, &Snapshot::default(), Some(&families.concat()), &mut body).unwrap();
    String::from_utf8(body).unwrap()
}

/// Names and labels of samples.
fn series(text: &str) -> Vec<String> {
    let samples = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    samples.map(|line| line.rsplit_once(' ').expect("a value").0.to_owned()).collect()
}

const READ: &str = "
import sys
for at, document in enumerate(open(sys.argv[1], newline='').read().split('\\x1e')):
    try:
        assert sum(len(f.samples) for f in text_string_to_metric_families(document)) > 0, 'nothing'
    except Exception as error:
        sys.exit(f'document {at}: {error!r}\\n{document}')
";

#[test]
fn any_set_is_read_completely_and_has_stable_names() {
    let sets = std::env::var("PERF_TEST_SETS").map_or(SETS, |sets| sets.parse().expect("a number"));
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut texts, mut open_metrics) = (Vec::new(), Vec::new());
    for set in 0..sets {
        let mut families = families(&mut random);
        let exposition = Exposition::new();
        let first = scrape(&exposition, Format::Text, &families);
        let all = series(&first);
        let unique: BTreeSet<&String> = all.iter().collect();
        assert_eq!(unique.len(), all.len(), "set {set}: a series appears twice\n{}\n{first}", families.concat());
        for _ in 0..5 {
            let by = random.below(families.len());
            families.rotate_left(by);
            for format in [Format::Text, Format::OpenMetrics] {
                let again = scrape(&exposition, format, &families);
                let now: BTreeSet<String> = series(&again).into_iter().collect();
                assert!(now.iter().eq(unique.iter().copied()), "set {set}, {format}\n{first}\n{again}");
            }
        }
        // In another process, the same set must have the same names.
        families.reverse();
        assert_eq!(series(&scrape(&Exposition::new(), Format::Text, &families)), all, "set {set}");
        open_metrics.push(scrape(&exposition, Format::OpenMetrics, &families));
        texts.push(first);
    }
    if has("python3", &["-c", "import prometheus_client"], "pip install prometheus_client") {
        for (parser, documents) in [("parser", &texts), ("openmetrics.parser", &open_metrics)] {
            let file = std::env::temp_dir().join(format!("perf-sdk-sets-{}-{parser}", std::process::id()));
            std::fs::write(&file, documents.join("\u{1e}")).unwrap();
            let program = format!("from prometheus_client.{parser} import text_string_to_metric_families\n{READ}");
            accepts("python3", &["-c", &program, file.to_str().unwrap()], b"");
            std::fs::remove_file(&file).unwrap();
        }
    }
    if has("promtool", &["--version"], "install Debian's prometheus") {
        for text in texts.iter().take(SHOWN_TO_PROMTOOL) {
            // Lint findings about the user's own names are accepted.
            let output = run("promtool", &["check", "metrics"], text.as_bytes());
            let complaints = String::from_utf8_lossy(&output.stderr);
            assert!(!complaints.contains("error while linting"), "{complaints}\n{text}");
        }
    }
}
