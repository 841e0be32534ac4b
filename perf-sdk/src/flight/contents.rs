//! The files of a bundle.

use std::io::Write;
use std::time::Duration;

use super::archive::File;
#[cfg(feature = "stacks")]
use super::changes;
#[cfg(feature = "tracing")]
use super::log::{self, LogLine};
#[cfg(feature = "tracing")]
use crate::base::calendar::time_of;
use crate::base::units::time;
use crate::collect;
use crate::export;
#[cfg(feature = "tracing")]
use crate::export::safe;
use crate::finding::Findings;
use crate::history;
use crate::snapshot::{HistoryQuery, Snapshot};

#[cfg(feature = "stacks")]
use crate::collect::{Recorded, WallWindow};

/// The number of steps of the history, for all of its series.
const STEPS: u64 = 300;
/// How long wall time is sampled, of all threads: what they wait for just then.
#[cfg(feature = "stacks")]
const WALL: Duration = Duration::from_millis(250);
#[cfg(feature = "stacks")]
const WALL_HZ: u32 = 99;

/// The files, and what could not be had.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) files: Vec<File>,
    /// The name of a file and the reason.
    pub(super) missing: Vec<(&'static str, String)>,
    /// What the files say, in short.
    pub(super) summary: Vec<String>,
    pub(super) findings: Findings,
}

impl Contents {
    /// Everything that is known of the last minutes.
    ///
    /// **Cost.** Some hundred milliseconds of CPU time, most of it for the names of new addresses.
    pub(super) fn gather(last: Duration) -> Self {
        let mut contents = Self::default();
        #[cfg(feature = "stacks")]
        let wall = WallWindow::open(WALL_HZ, "*").map(|window| (window, std::time::Instant::now()));
        let snapshot = collect::take();
        let step = Duration::from_secs(last.as_secs().div_ceil(STEPS).max(1));
        contents.add("history.json", |to| match history::answer(&HistoryQuery::new("*").last(last).step(step)) {
            Some(Ok(columns)) => export::json::write(&columns, to).map_err(|error| error.to_string()),
            Some(Err(error)) => Err(error.to_string()),
            None => Err("PERF_HISTORY is false".to_owned()),
        });
        #[cfg(feature = "stacks")]
        {
            if let Some((_, began)) = &wall {
                std::thread::sleep(WALL.saturating_sub(began.elapsed()));
            }
            collect::look_up_names(wall.as_ref().map(|(window, _)| window));
            contents.waits(wall.map(|(window, _)| window));
        }
        contents.recorded(last);
        contents.heap(&snapshot);
        #[cfg(feature = "tracing")]
        contents.log(last);
        contents.snapshot(&snapshot);
        contents.slowest();
        contents
    }

    /// Adds the file, or why there is none.
    fn add(&mut self, name: &'static str, write: impl FnOnce(&mut Vec<u8>) -> Result<(), String>) {
        let mut body = Vec::new();
        match write(&mut body) {
            Ok(()) => self.files.push((name, body)),
            Err(why) => self.missing.push((name, why)),
        }
    }

    /// What ran.
    #[cfg(feature = "stacks")]
    fn recorded(&mut self, last: Duration) {
        let Some(recorded) = collect::recorded(last) else {
            let why = format!("stacks are not sampled one by one: {}", crate::stacks::state());
            self.missing.push(("cpu.pb.gz", why));
            return;
        };
        let Recorded { last, before, timeline, is_incomplete } = &recorded;
        self.summary.push(format!(
            "{:.0} s of CPU samples: {}, which stand for {:.2} s of CPU time, {:.0} % of the process's.",
            last.window_ns as f64 / 1e9,
            last.samples,
            last.sampled_ns as f64 / 1e9,
            last.coverage() * 100.0,
        ));
        if *is_incomplete {
            self.summary.push("The oldest of them are missing, because memory had no room (PERF_MEMORY).".to_owned());
        }
        self.summary.extend(changes::lines(last, before.as_ref()));
        self.add("cpu.pb.gz", |to| export::pprof::write_cpu(last, to).map_err(|error| error.to_string()));
        self.add("timeline.speedscope.json", |to| {
            export::speedscope::write_timeline(last, timeline, to).map_err(|error| error.to_string())
        });
        self.add("flame.html", |to| {
            let document = export::FlameDocument::of_cpu(last).with_times(timeline);
            let document = match before {
                Some(before) => document.against(export::FlameDocument::of_cpu(before).titled("the time before")),
                None => document,
            };
            document.write_html(to).map_err(|error| error.to_string())
        });
        #[cfg(feature = "svg")]
        {
            self.add("cpu.svg", |to| export::flamegraph::write_cpu(last, None, to).map_err(|error| error.to_string()));
            self.add("cpu-difference.svg", |to| match before {
                Some(before) => {
                    export::flamegraph::write_difference(before, last, to).map_err(|error| error.to_string())
                }
                None => Err("nothing is kept of the time before".to_owned()),
            });
        }
    }

    #[cfg(not(feature = "stacks"))]
    fn recorded(&mut self, _: Duration) {
        self.missing.push(("cpu.pb.gz", "the program is built without the feature stacks".to_owned()));
    }

    /// What threads wait for.
    #[cfg(feature = "stacks")]
    fn waits(&mut self, window: Option<WallWindow>) {
        let Some(window) = window else {
            self.missing.push(("wall.pb.gz", format!("wall time is not sampled: {}", crate::stacks::state())));
            return;
        };
        let Some(profile) = window.close(collect::Names::LookedUp) else {
            self.missing.push(("wall.pb.gz", "sampling ended meanwhile".to_owned()));
            return;
        };
        self.add("wall.pb.gz", |to| export::pprof::write_wall(&profile, to).map_err(|error| error.to_string()));
        #[cfg(feature = "svg")]
        self.add("wall.svg", |to| {
            export::flamegraph::write_wall(&profile, export::WallWeight::Wall, None, to)
                .map_err(|error| error.to_string())
        });
    }

    /// What the program said. Absent if it said nothing.
    #[cfg(feature = "tracing")]
    fn log(&mut self, last: Duration) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let lines = log::since(now.saturating_sub(last).as_nanos() as u64);
        if lines.is_empty() {
            return;
        }
        let errors = lines.iter().filter(|line| line.level == "ERROR").count();
        self.summary.push(format!("The program logged {errors} errors and {} warnings.", lines.len() - errors));
        let mut text = Vec::new();
        for LogLine { at_unix_ns, level, target, thread, scope, text: said } in lines {
            let (at, said) = (time_of(at_unix_ns), safe::line(&said).into_owned());
            // Writing to memory does not fail.
            let _ = writeln!(text, "{at} {level} {target} [{thread}] {scope}: {said}");
        }
        self.files.push(("log.txt", text));
    }

    /// Who holds memory.
    #[cfg(feature = "heap")]
    fn heap(&mut self, snapshot: &Snapshot) {
        use crate::export::pprof::{self, Opens};

        if snapshot.heap.is_none() {
            self.missing.push(("heap.pb.gz", format!("the live heap is not sampled: {}", snapshot.profiler.heap)));
            return;
        }
        #[cfg(feature = "stacks")]
        if let Some(stacks) = collect::HeapStacksNow::take() {
            let stacks = stacks.resolve(collect::Names::LookedUp);
            self.add("heap.pb.gz", |to| {
                pprof::write_heap_stacks((snapshot, &stacks), None, Opens::InUse, to).map_err(|error| error.to_string())
            });
            return;
        }
        self.add("heap.pb.gz", |to| {
            pprof::write_heap(snapshot, None, Opens::InUse, to).map_err(|error| error.to_string())
        });
    }

    #[cfg(not(feature = "heap"))]
    fn heap(&mut self, _: &Snapshot) {
        self.missing.push(("heap.pb.gz", "the program is built without the feature heap".to_owned()));
    }

    /// The slowest calls. Absent if there are no roots.
    fn slowest(&mut self) {
        let calls = collect::slow_calls();
        if calls.functions.is_empty() {
            return;
        }
        let slowest = calls.functions.iter().filter_map(|of| Some((of, of.slowest.first()?)));
        if let Some((function, call)) = slowest.max_by_key(|(_, call)| call.duration_ns) {
            let (name, took) = (function.full_name(), time(call.duration_ns as f64));
            self.summary.push(format!("The slowest call of the last minutes was one of {name}, of {took}."));
        }
        self.add("slow.txt", |to| export::slow::write_text(&calls, to).map_err(|error| error.to_string()));
        self.add("slow.json", |to| export::json::write(&calls, to).map_err(|error| error.to_string()));
        self.add("slow.pftrace", |to| export::slow::write_perfetto(&calls, to).map_err(|error| error.to_string()));
    }

    /// What was recorded since the start, and how it was judged.
    fn snapshot(&mut self, snapshot: &Snapshot) {
        self.add("snapshot.json", |to| export::json::write(snapshot, to).map_err(|error| error.to_string()));
        self.add("functions.txt", |to| export::table::write(snapshot, to).map_err(|error| error.to_string()));
        self.findings = collect::findings(snapshot);
        let findings = &self.findings;
        let mut text = Vec::new();
        // Writing to memory does not fail.
        let _ = findings.write_text(&mut text);
        if text.is_empty() {
            let _ = writeln!(text, "Nothing that somebody should do.");
        }
        self.files.push(("findings.txt", text));
        if let Some(report) = collect::alerts_report() {
            self.add("alerts.json", |to| export::json::write(&report, to).map_err(|error| error.to_string()));
        }
        if let Some(judgement) = collect::targets() {
            self.add("targets.json", |to| export::json::write(&judgement, to).map_err(|error| error.to_string()));
        }
    }
}
