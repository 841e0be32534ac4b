//! The first lines of a report: what is so, in sentences.

use serde::Serialize;

use super::comparison::{Comparison, Pair, resident};
use super::interval::{Change, Verdict};
use crate::alert::AlertPhase;
use crate::base::units::{bytes, count, counted, time};
use crate::export::safe;
use crate::finding::Findings;
use crate::snapshot::{Function, ROOT, Shown, Snapshot, Verdict as LeakVerdict, telling_names};
use crate::target::Status;

/// Functions that nobody calls, at most: requests, jobs.
pub(super) const ENTRIES: usize = 6;
/// Of these, those that are in the summary.
const SAID: usize = 3;
/// Functions that became slower, or faster, at most.
const CHANGED: usize = 5;
/// Names of a list, at most.
const NAMED: usize = 5;

/// How a sentence is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Tone {
    #[default]
    Plain,
    Good,
    Warning,
    Bad,
}

/// One sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Sentence {
    pub(super) tone: Tone,
    pub(super) text: String,
}

/// Functions without a profiled caller, those with the longest time first.
pub(super) fn entries(snapshot: &Snapshot) -> Vec<&Function> {
    let mut times: Vec<i64> = vec![0; snapshot.functions.len()];
    let mut is_entry = vec![false; snapshot.functions.len()];
    for node in snapshot.tree.iter().filter(|node| node.parent == ROOT) {
        times[node.function as usize] += node.inclusive.wall_ns;
        is_entry[node.function as usize] = true;
    }
    let mut entries: Vec<usize> = (0..times.len()).filter(|at| is_entry[*at]).collect();
    entries.sort_by(|a, b| times[*b].cmp(&times[*a]).then(a.cmp(b)));
    entries.into_iter().take(ENTRIES).map(|at| &snapshot.functions[at]).collect()
}

/// What the summary is made of.
pub(super) struct Facts<'a> {
    pub(super) now: &'a Snapshot,
    pub(super) findings: &'a Findings,
    pub(super) comparison: Option<&'a Comparison>,
}

pub(super) fn summary(facts: &Facts<'_>) -> Vec<Sentence> {
    let mut said = Said { all: Vec::new(), names: Names::of(facts.now) };
    if facts.now.functions.is_empty() {
        said.say(Tone::Warning, "No profiled function was called in the recorded time.".to_owned());
    }
    if let Some(comparison) = facts.comparison {
        said.changes(comparison);
    }
    said.entries(facts);
    said.cpu(facts.now);
    said.allocations(facts.now);
    said.memory(facts.now);
    said.targets(facts.now);
    said.alerts(facts.now);
    said.leaks(facts.now);
    said.findings(facts.findings);
    said.measurement(facts.now);
    said.all
}

/// Names that tell functions apart.
struct Names<'a> {
    of: Vec<(&'a Function, String)>,
}

impl<'a> Names<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        let names = telling_names(&snapshot.functions).into_iter().map(|name| safe::line(&name).into_owned());
        Self { of: snapshot.functions.iter().zip(names).collect() }
    }

    fn get(&self, function: &Function) -> &str {
        let found = self.of.iter().find(|(known, _)| std::ptr::eq(*known, function));
        found.map_or("", |(_, name)| name.as_str())
    }

    /// The function that has most of something, and how much.
    fn most(&self, of: impl Fn(&Function) -> f64) -> Option<(&'a Function, f64)> {
        let all = self.of.iter().map(|(function, _)| (*function, of(function)));
        all.max_by(|a, b| a.1.total_cmp(&b.1)).filter(|(_, most)| *most > 0.0)
    }
}

/// A figure of a function on both sides.
type Of<'a> = &'a dyn Fn(&Pair) -> Option<Change>;

struct Said<'a> {
    all: Vec<Sentence>,
    names: Names<'a>,
}

impl Said<'_> {
    fn say(&mut self, tone: Tone, text: String) {
        self.all.push(Sentence { tone, text });
    }

    /// What is slower, faster, and otherwise different.
    fn changes(&mut self, comparison: &Comparison) {
        let of = |verdict| comparison.functions.iter().filter(move |pair| pair.is(verdict));
        let (slower, faster) = (of(Verdict::More).count(), of(Verdict::Less).count());
        let tolerance = percent(comparison.tolerance);
        let tested = comparison.both - comparison.untested;
        self.say(
            if slower > 0 { Tone::Bad } else { Tone::Plain },
            format!(
                "{} slower and {faster} faster than before, of {tested} that were called often enough on both sides; \
                 beyond chance (95 %, corrected for {}) and by more than {tolerance}.",
                functions(slower, "is", "are"),
                counted(comparison.tests, "test"),
            ),
        );
        for pair in of(Verdict::More).take(CHANGED) {
            self.say(Tone::Bad, took(pair, "up"));
        }
        for pair in of(Verdict::Less).take(CHANGED) {
            self.say(Tone::Good, took(pair, "down"));
        }
        let bytes_of = |pair: &Pair| pair.bytes;
        let live_of = |pair: &Pair| pair.live;
        let figures: [(Of<'_>, &str, &str); 2] =
            [(&bytes_of, "allocates", " a call"), (&live_of, "holds", " of live memory, estimated")];
        for (of, does, what) in figures {
            let changed = comparison.functions.iter().filter_map(|pair| Some((pair, of(pair)?)));
            let changed = changed.filter(|(_, change)| matches!(change.verdict, Verdict::More | Verdict::Less));
            for (pair, change) in changed.take(SAID) {
                let is_more = change.verdict == Verdict::More;
                let tone = if is_more { Tone::Warning } else { Tone::Good };
                let (way, name) = (if is_more { "up" } else { "down" }, &pair.name);
                let (now, before) = (bytes(change.now), bytes(change.before));
                let text = format!(
                    "{name} {does} {now}{what}, {way} from {before}: {}{}.",
                    by(&change),
                    of_calls(pair.calls_before, pair.calls)
                );
                self.say(tone, text);
            }
        }
        for (alone, side) in [(&comparison.only_now, "new"), (&comparison.only_before, "gone")] {
            if alone.all > 0 {
                let named: Vec<String> =
                    alone.first.iter().take(NAMED).map(|(name, n)| format!("{name} ({})", calls(*n))).collect();
                let more = alone.all.saturating_sub(NAMED);
                let more = if more > 0 { format!(", and {more} more") } else { String::new() };
                let text = format!("{} {side}: {}{more}.", functions(alone.all, "is", "are"), named.join(", "));
                self.say(Tone::Plain, text);
            }
        }
    }

    /// Requests, jobs: what nobody calls.
    fn entries(&mut self, facts: &Facts<'_>) {
        for function in entries(facts.now).into_iter().take(SAID) {
            let quantile = |q: f64| Shown::quantile(function, q).map(shown);
            let (Some(p50), Some(p99)) = (quantile(0.5), quantile(0.99)) else { continue };
            let failed = function.calls.error + function.calls.panic;
            let errors = match failed {
                0 => String::new(),
                failed => {
                    let share = failed as f64 / function.calls.total().max(1) as f64;
                    format!("; {} failed ({})", calls(failed), percent(share))
                }
            };
            let name = self.names.get(function).to_owned();
            let text = format!("{name} takes {p50} at p50 and {p99} at p99; {}{errors}.", basis(function));
            self.say(if failed > 0 { Tone::Warning } else { Tone::Plain }, text);
        }
    }

    fn cpu(&mut self, now: &Snapshot) {
        let cpu = |function: &Function| function.exclusive.cpu_ns.max(0) as f64;
        let Some((function, ns)) = self.names.most(cpu) else { return };
        let share = if now.cpu_ns > 0 {
            let all = now.cpu_ns as f64;
            format!("{} of the process's CPU time ({} of {})", percent(ns / all), time(ns), time(all))
        } else {
            format!("{} of CPU time", time(ns))
        };
        let text = format!("Most CPU: {} itself takes {share}; {}.", self.names.get(function), basis(function));
        self.say(Tone::Plain, text);
    }

    fn allocations(&mut self, now: &Snapshot) {
        if !now.has_allocations {
            return;
        }
        let own = |function: &Function| function.exclusive.allocated_bytes.max(0) as f64;
        let Some((function, most)) = self.names.most(own) else { return };
        let each = most / function.calls.total().max(1) as f64;
        let text = format!(
            "Most allocations: {} itself allocated {}, {} a call; {}.",
            self.names.get(function),
            bytes(most),
            bytes(each),
            basis(function)
        );
        self.say(Tone::Plain, text);
    }

    fn memory(&mut self, now: &Snapshot) {
        let live = |function: &Function| function.live.map_or(0.0, |live| live.bytes as f64);
        let resident = resident(now).map(|resident| format!("the process has {} of physical memory", bytes(resident)));
        let held = now.heap.and_then(|heap| {
            let (function, most) = self.names.most(live)?;
            let samples = (most / heap.sample_bytes.max(1) as f64).ceil();
            Some(format!(
                "{} holds {}, estimated from some {} sampled allocations",
                self.names.get(function),
                bytes(most),
                count(samples)
            ))
        });
        let parts: Vec<String> = held.into_iter().chain(resident).collect();
        if !parts.is_empty() {
            self.say(Tone::Plain, format!("Memory: {}.", parts.join("; ")));
        }
    }

    fn targets(&mut self, now: &Snapshot) {
        let Some(targets) = now.targets.as_ref().filter(|targets| !targets.targets.is_empty()) else { return };
        let tone = match () {
            () if targets.targets.iter().any(|target| target.status == Status::Missed) => Tone::Bad,
            () if targets.targets.iter().any(|target| target.status == Status::AtRisk) => Tone::Warning,
            () if targets.targets.iter().all(|target| target.status == Status::Met) => Tone::Good,
            () => Tone::Plain,
        };
        let missed = targets.targets.iter().filter(|target| target.status == Status::Missed);
        let named: Vec<String> = missed
            .take(NAMED)
            .map(|target| {
                let (name, shown, limit) = (safe::line(&target.name), &target.shown, &target.target);
                format!("{name} ({shown}, to be {limit}, of {} events)", count(target.events as f64))
            })
            .collect();
        let named = if named.is_empty() { String::new() } else { format!("; missed: {}", named.join(", ")) };
        self.say(tone, format!("Targets: {}{named}.", targets.summary()));
    }

    fn alerts(&mut self, now: &Snapshot) {
        let rules = now.alerts.iter().flat_map(|alerts| &alerts.rules);
        let firing: Vec<String> = rules
            .flat_map(|rule| rule.alerts.iter().map(move |alert| (rule, alert)))
            .filter(|(_, alert)| alert.phase == AlertPhase::Firing && alert.explained_by.is_empty())
            .map(|(rule, alert)| {
                let subject = if alert.subject.is_empty() { String::new() } else { format!(" ({})", alert.subject) };
                safe::line(&format!("{}{subject}", rule.name)).into_owned()
            })
            .collect();
        if !firing.is_empty() {
            let text = format!("{} fire{}: {}.", counted(firing.len(), "alert"), s(firing.len()), listed(&firing));
            self.say(Tone::Bad, text);
        }
    }

    fn leaks(&mut self, now: &Snapshot) {
        let all = now.leaks.iter().flat_map(|leaks| &leaks.findings);
        let confirmed: Vec<String> = all
            .filter(|leak| leak.verdict == LeakVerdict::Confirmed)
            .map(|leak| {
                let who = if leak.function.is_empty() {
                    leak.watched.name().replace('_', " ")
                } else {
                    leak.function.clone()
                };
                safe::line(&format!("{who} ({})", leak.evidence)).into_owned()
            })
            .collect();
        if !confirmed.is_empty() {
            self.say(Tone::Bad, format!("{}: {}.", counted(confirmed.len(), "confirmed leak"), listed(&confirmed)));
        }
    }

    fn findings(&mut self, findings: &Findings) {
        let Some(first) = findings.findings.first() else {
            return self.say(Tone::Good, "Nothing was found that somebody should do.".to_owned());
        };
        let text = format!(
            "{}; the first: {} (confidence {}).",
            counted(findings.findings.len(), "finding"),
            safe::line(&first.claim),
            first.confidence
        );
        self.say(Tone::Warning, text);
    }

    fn measurement(&mut self, now: &Snapshot) {
        if let Some(said) = now.profiler.over_budget() {
            self.say(Tone::Warning, format!("The measurement: {said}."));
        }
        let dropped: Vec<String> = now
            .profiler
            .dropped
            .iter()
            .filter(|(_, number)| **number > 0)
            .map(|(reason, number)| format!("{} {}", count(*number as f64), safe::line(reason)))
            .collect();
        if !dropped.is_empty() {
            self.say(Tone::Warning, format!("Not everything was recorded: {}.", dropped.join(", ")));
        }
    }
}

/// How the times of a function changed: by the p99 if it did, else by the mean.
fn took(pair: &Pair, way: &str) -> String {
    let is_changed = |change: &Change| matches!(change.verdict, Verdict::More | Verdict::Less);
    let of_p99 = pair.p99.filter(is_changed).map(|change| ("p99", change));
    let of_mean = pair.mean.filter(is_changed).map(|change| ("mean", change));
    let said = |(what, change): (&str, Change)| {
        let (now, before) = (time(change.now), time(change.before));
        format!("{what} {now}, {way} from {before}: {}", by(&change))
    };
    let both: Vec<String> = of_p99.into_iter().chain(of_mean).map(said).collect();
    format!("{}: {}{}.", pair.name, both.join("; "), of_calls(pair.samples_before, pair.samples))
}

/// A change as a percentage, with its interval.
fn by(change: &Change) -> String {
    let [ratio, low, high] = [change.ratio, change.low, change.high].map(change_of);
    if low == high { ratio } else { format!("{ratio} ({low} to {high})") }
}

/// `+12 %`, `−3.4 %` or `× 12`.
pub(super) fn change_of(ratio: f64) -> String {
    if ratio >= 10.0 {
        return format!("× {}", count(ratio));
    }
    let share = (ratio - 1.0) * 100.0;
    let digits = usize::from(share.abs() < 10.0);
    format!("{}{:.digits$} %", if share < 0.0 { "−" } else { "+" }, share.abs())
}

fn of_calls(before: u64, now: u64) -> String {
    format!("; of {} before and {} now", calls(before), count(now as f64))
}

/// On how many calls the figures of a function rest.
fn basis(function: &Function) -> String {
    let all = function.calls.total();
    if function.samples < all {
        return format!("of {}, {} of them measured", calls(all), count(function.samples as f64));
    }
    format!("of {}", calls(all))
}

fn shown(figure: Shown) -> String {
    format!("{}{}", if figure.is_weak { "~" } else { "" }, time(figure.ns))
}

fn calls(number: u64) -> String {
    counted(number as usize, "call")
}

fn functions(number: usize, one: &str, several: &str) -> String {
    format!("{} {}", counted(number, "function"), if number == 1 { one } else { several })
}

/// The end of a verb.
fn s(number: usize) -> &'static str {
    if number == 1 { "s" } else { "" }
}

fn listed(all: &[String]) -> String {
    let more = all.len().saturating_sub(NAMED);
    let named = all[..all.len() - more].join(", ");
    if more > 0 { format!("{named}, and {more} more") } else { named }
}

fn percent(share: f64) -> String {
    let value = share * 100.0;
    let decimals = match value.abs() {
        size if size == size.round() || size >= 10.0 => 0,
        size if size >= 0.1 => 1,
        _ => 3,
    };
    format!("{value:.decimals$} %")
}

#[cfg(test)]
mod tests {
    use super::super::comparison::TOLERANCE;
    use super::*;
    use crate::finding::Finding;
    use crate::histogram::Histogram;
    use crate::snapshot::{CallNode, Calls, Heap, Live, Reading, Totals};
    use crate::target::{Judgement, TargetState};

    fn function(name: &str, calls: u64, us: u64) -> Function {
        let mut wall = Histogram::default();
        (0..calls).for_each(|n| wall.record(us * 1_000 + us * 1_000 * n / calls, 1));
        let counted = Calls { ok: calls, ..Calls::default() };
        Function {
            name: name.into(),
            module: "shop".into(),
            calls: counted,
            samples: calls,
            wall,
            ..Function::default()
        }
    }

    fn snapshot(functions: Vec<Function>) -> Snapshot {
        let node = |at: u32| {
            let inclusive = Totals { wall_ns: 1_000 - i64::from(at), ..Totals::default() };
            CallNode { function: at, parent: ROOT, inclusive, ..CallNode::default() }
        };
        let tree = (0..functions.len() as u32).map(node).collect();
        Snapshot { functions, tree, window_ns: 10_000_000_000, cpu_ns: 4_000_000_000, ..Snapshot::default() }
    }

    fn texts(now: &Snapshot, findings: &Findings, comparison: Option<&Comparison>) -> Vec<String> {
        summary(&Facts { now, findings, comparison }).into_iter().map(|sentence| sentence.text).collect()
    }

    #[test]
    fn each_figure_has_its_unit_and_the_calls_it_rests_on() {
        let mut search = function("search", 1_200, 1_000);
        search.calls.error = 12;
        search.samples = 1_212;
        search.exclusive = Totals { cpu_ns: 1_240_000_000, allocated_bytes: 12 << 20, ..Totals::default() };
        search.live = Some(Live { bytes: 40 << 20, ..Live::default() });
        let mut now = snapshot(vec![search]);
        now.has_allocations = true;
        now.heap = Some(Heap { sample_bytes: 1 << 20, ..Heap::default() });
        now.readings.push(Reading { name: "process_resident_memory_bytes".into(), value: 2e8, ..Reading::default() });
        let target = TargetState {
            name: "fast".into(),
            status: Status::Missed,
            shown: "2.00 ms".into(),
            target: "< 1ms".into(),
            events: 1_212,
            ..TargetState::default()
        };
        now.targets = Some(Judgement { targets: vec![target], ..Judgement::default() });
        let finding = Finding { claim: "it waits".into(), ..Finding::default() };
        let findings = Findings { findings: vec![finding], ..Findings::default() };
        let thin = "\u{202f}";
        assert_eq!(
            texts(&now, &findings, None),
            [
                format!("search takes 1.49 ms at p50 and 1.97 ms at p99; of 1{thin}212 calls; 12 calls failed (1.0 %)."),
                format!("Most CPU: search itself takes 31 % of the process's CPU time (1.24 s of 4.00 s); of 1{thin}212 calls."),
                format!("Most allocations: search itself allocated 12.0 MiB, 10.1 KiB a call; of 1{thin}212 calls."),
                "Memory: search holds 40.0 MiB, estimated from some 40 sampled allocations; the process has 190.7 MiB of physical memory.".to_owned(),
                format!("Targets: 1 missed; missed: fast (2.00 ms, to be < 1ms, of 1{thin}212 events)."),
                "1 finding; the first: it waits (confidence low).".to_owned(),
            ]
        );
    }

    #[test]
    fn what_changed_is_said_with_its_interval() {
        let before = snapshot(vec![function("gone", 50, 10), function("search", 1_200, 1_000)]);
        let now = snapshot(vec![function("new", 60, 10), function("search", 1_500, 1_500)]);
        let comparison = Comparison::of(&before, &now, TOLERANCE);
        let said = texts(&now, &Findings::default(), Some(&comparison));
        assert_eq!(
            said[0],
            "1 function is slower and 0 faster than before, of 1 that were called often enough on both sides; \
             beyond chance (95 %, corrected for 2 tests) and by more than 5 %."
        );
        let slower = said[1].replace('\u{202f}', "");
        assert!(slower.starts_with("search: p99 2.98 ms, up from 1.97 ms: +51 % (+49 %"), "{slower}");
        assert!(slower.contains("; mean 2.25 ms, up from 1.50 ms: +50 % (+4"), "{slower}");
        assert!(slower.ends_with("; of 1200 calls before and 1500 now."), "{slower}");
        assert_eq!(said[2], "1 function is new: shop::new (60 calls).");
        assert_eq!(said[3], "1 function is gone: shop::gone (50 calls).");
        let same = Comparison::of(&before, &before, TOLERANCE);
        let said = texts(&before, &Findings::default(), Some(&same));
        assert!(said[0].starts_with("0 functions are slower and 0 faster"), "{said:?}");
        assert!(!said.iter().any(|said| said.contains("up from") || said.contains("is new")), "{said:?}");
    }

    #[test]
    fn an_empty_program_says_so() {
        let said = texts(&Snapshot::default(), &Findings::default(), None);
        assert_eq!(
            said,
            ["No profiled function was called in the recorded time.", "Nothing was found that somebody should do."]
        );
    }

    #[test]
    fn changes_are_percentages_or_factors() {
        for (ratio, text) in [
            (1.0, "+0.0 %"),
            (1.5, "+50 %"),
            (0.966, "−3.4 %"),
            (0.5, "−50 %"),
            (12.3, "× 12"),
            (1_234.0, "× 1\u{202f}234"),
        ] {
            assert_eq!(change_of(ratio), text);
        }
    }
}
