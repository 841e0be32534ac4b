//! What a bundle says, in words.

use std::fmt::Write as _;

use super::contents::Contents;
use super::trigger::Trigger;
use crate::base::calendar::time_of;

/// What each file is, and what opens it.
const FILES: &[(&str, &str)] = &[
    ("cpu.pb.gz", "CPU time by stack: `go tool pprof -http=: cpu.pb.gz`, or any reader of pprof"),
    ("cpu.svg", "the same as a flamegraph: a browser"),
    (
        "flame.html",
        "the same to zoom, to search and to compare with the time before, with the time of each sample: a browser",
    ),
    ("cpu-difference.svg", "the same against the time before it: red takes more, blue takes less"),
    (
        "timeline.speedscope.json",
        "each CPU sample in its order, one profile a thread: https://www.speedscope.app, Time Order",
    ),
    ("wall.pb.gz", "what all threads did and waited for in a quarter of a second, just after it was asked for"),
    ("wall.svg", "the same as a flamegraph"),
    ("log.txt", "warnings and errors that the program logged through `tracing`"),
    ("heap.pb.gz", "who holds memory: `go tool pprof -sample_index=inuse_space heap.pb.gz`"),
    ("slow.txt", "the slowest calls of functions marked as roots, and those that failed, with what they did"),
    ("slow.json", "the same as JSON"),
    ("slow.pftrace", "the same as a trace: https://ui.perfetto.dev"),
    ("history.json", "readings and functions of that time, second by second, in columns"),
    ("snapshot.json", "everything that was recorded since the start: `perf_sdk::snapshot::Snapshot::read_json`"),
    ("functions.txt", "the functions of it, as a table"),
    ("findings.txt", "what somebody should do, ranked by what could be won back"),
    ("alerts.json", "what fires, and what fired"),
    ("targets.json", "what ought to be so, and whether it is"),
];

/// The text. `joined`: others that wanted a bundle meanwhile.
pub(super) fn write(name: &str, trigger: &Trigger, joined: &[Trigger], contents: &Contents) -> String {
    let mut text = format!("# {name}\n\n{}\n", sentence(trigger));
    if !joined.is_empty() {
        text.push_str("\nMeanwhile:\n\n");
        joined.iter().for_each(|other| {
            let _ = writeln!(text, "- {}", sentence(other));
        });
    }
    if !contents.summary.is_empty() {
        text.push_str("\n## In short\n\n");
        contents.summary.iter().for_each(|line| {
            let _ = writeln!(text, "- {line}");
        });
        for finding in contents.findings.findings.iter().take(3) {
            let _ = writeln!(text, "- {}: {}. Next: {}", finding.claim, finding.evidence, finding.next_step);
        }
    }
    text.push_str("\n## Files\n\n");
    let is_there = |name: &str| contents.files.iter().any(|(known, _)| *known == name);
    for (name, what) in FILES.iter().filter(|(name, _)| is_there(name)) {
        let _ = writeln!(text, "- `{name}`: {what}.");
    }
    if !contents.missing.is_empty() {
        text.push_str("\n## Missing\n\n");
        contents.missing.iter().for_each(|(name, why)| {
            let _ = writeln!(text, "- `{name}`: {why}.");
        });
    }
    text
}

/// When and why.
fn sentence(trigger: &Trigger) -> String {
    let Trigger { kind, what, evidence, at_unix_ns } = trigger;
    let mut text = format!("{} UTC, {kind}", time_of(*at_unix_ns));
    for part in [what, evidence].into_iter().filter(|part| !part.is_empty()) {
        let _ = write!(text, ": {}", part.replace('\n', " "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::TriggerKind;

    #[test]
    fn it_says_why_what_and_what_is_missing() {
        let trigger = |kind, what: &str, evidence: &str| Trigger {
            kind,
            what: what.to_owned(),
            evidence: evidence.to_owned(),
            at_unix_ns: 1_700_000_000_250_000_000,
        };
        let contents = Contents {
            files: vec![("cpu.pb.gz", Vec::new()), ("snapshot.json", Vec::new())],
            missing: vec![("heap.pb.gz", "the live heap is not sampled: off".to_owned())],
            summary: vec!["60 s of CPU samples.".to_owned()],
            ..Contents::default()
        };
        let joined = [trigger(TriggerKind::Panic, "index out of bounds\nat 3", "")];
        let text = write("shop-7", &trigger(TriggerKind::Alert, "cpu", "it is 97 %"), &joined, &contents);
        for part in [
            "# shop-7\n\n2023-11-14 22:13:20.250 UTC, alert: cpu: it is 97 %\n",
            "- 2023-11-14 22:13:20.250 UTC, panic: index out of bounds at 3\n",
            "- 60 s of CPU samples.\n",
            "- `cpu.pb.gz`: CPU time by stack",
            "## Missing\n\n- `heap.pb.gz`: the live heap is not sampled: off.\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("wall.svg"), "{text}");
    }
}
