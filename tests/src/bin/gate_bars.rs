//! How often the gate is wrong on this machine, beside other load: equal versions that fail, and
//! planted changes that are not found.
//!
//! `cargo build -p perf-sdk-tests --bins && target/debug/gate_bars 100 20`: 100 checks of a version
//! with itself, and 20 of each planted change. With these numbers it takes a quarter of an hour on
//! two processors. `target/debug/gate_bars 10 2` is a short one.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use serde_json::Value;

/// What fails of checks of a version with itself.
const EXACT_FAILURES: usize = 0;
/// In a hundred.
const TIME_FAILURES: usize = 1;

struct Programs {
    command_line: PathBuf,
    folder: PathBuf,
}

impl Programs {
    fn here() -> Self {
        let here = env::current_exe().expect("the path of this program");
        let beside = here.parent().expect("a folder");
        let folder = env::temp_dir().join(format!("perf-sdk-gate-bars-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        for planted in ["base", "same", "allocation", "instructions", "time"] {
            // A copy, as another build is one.
            fs::copy(beside.join("gate_subject"), folder.join(planted))
                .expect("the program gate_subject beside this one");
        }
        Self { command_line: beside.join("command-line"), folder }
    }

    /// The report on a version, and whether the check took place.
    fn check(&self, head: &str, options: &[&str]) -> Value {
        let path = |name: &str| self.folder.join(name);
        let output = Command::new(&self.command_line)
            .arg("check")
            .args([path("base"), path(head)])
            .args(["--json", "--only", "order"])
            .args(options)
            .output()
            .expect("the program command-line beside this one");
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{head}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// The worst verdict of a tier; `skipped` if it was.
fn verdict(report: &Value, tier: &str) -> String {
    let tiers = report["tiers"].as_array().expect("tiers");
    let tier = tiers.iter().find(|one| one["name"] == tier).expect("the tier");
    if !tier["skipped"].is_null() {
        return "skipped".to_owned();
    }
    let has = |verdict: &str| {
        tier["comparisons"].as_array().expect("comparisons").iter().any(|one| one["verdict"] == verdict)
    };
    ["regression", "inconclusive", "improved"].into_iter().find(|one| has(one)).unwrap_or("pass").to_owned()
}

/// The functions that a tier names as slower, or as doing more.
fn named(report: &Value, tier: &str) -> String {
    let tiers = report["tiers"].as_array().expect("tiers");
    let comparisons = tiers.iter().filter(|one| one["name"] == tier).flat_map(|one| one["comparisons"].as_array());
    let found = comparisons.flatten().filter(|one| one["verdict"] == "regression");
    found.filter_map(|one| one["function"].as_str()).collect::<Vec<_>>().join(", ")
}

/// Takes processors as other work on a machine does: for a while, and then not.
fn load(is_over: &AtomicBool, seed: u64) {
    let mut state = seed;
    while !is_over.load(Relaxed) {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let busy = Duration::from_millis(5 + (state >> 33) % 200);
        let start = Instant::now();
        while start.elapsed() < busy && !is_over.load(Relaxed) {
            black_box((0..1_000_u64).fold(state, |all, turn| black_box(all ^ turn)));
        }
        thread::sleep(Duration::from_millis((state >> 40) % 200));
    }
}

fn bars(programs: &Programs, equal: usize, planted: usize) -> bool {
    let mut counts = [0_usize; 6];
    for run in 0..equal {
        let report = programs.check("same", &["--time", "fail"]);
        let seen = ["counts", "instructions", "time"].map(|tier| verdict(&report, tier));
        let is = |tier: usize, what: &str| usize::from(seen[tier] == what);
        let found = [
            is(0, "regression") + is(0, "inconclusive"),
            is(1, "regression") + is(1, "inconclusive"),
            is(2, "regression"),
            is(2, "inconclusive"),
            is(2, "improved"),
            is(1, "skipped"),
        ];
        counts.iter_mut().zip(found).for_each(|(all, found)| *all += found);
        println!("equal {} of {equal}: counts {}, instructions {}, time {}", run + 1, seen[0], seen[1], seen[2]);
    }
    let [exact, instructions, slower, unclear, faster, skipped] = counts;
    println!(
        "{equal} checks of a version with itself: failed by counts {exact}, by instructions {instructions} \
         ({skipped} without valgrind), by time {slower}; time inconclusive {unclear}, improved {faster}"
    );
    let mut is_good = exact == EXACT_FAILURES && instructions == EXACT_FAILURES;
    is_good &= slower * 100 <= TIME_FAILURES * equal.max(100);
    for (head, tier, options) in [
        ("allocation", "counts", ["--time=off", "--instructions=off"]),
        ("instructions", "instructions", ["--time=off", "--instructions=auto"]),
        ("time", "time", ["--time=fail", "--instructions=off"]),
    ] {
        let reports: Vec<Value> = (0..planted).map(|_| programs.check(head, &options)).collect();
        let seen: Vec<String> = reports.iter().map(|report| verdict(report, tier)).collect();
        let found = seen.iter().filter(|verdict| *verdict == "regression").count();
        let names: BTreeSet<String> = reports.iter().map(|report| named(report, tier)).collect();
        println!("planted {head}: found {found} of {planted}: {}", seen.join(" "));
        names.iter().for_each(|names| println!("    named: {names}"));
        is_good &= found == planted || seen.iter().all(|verdict| verdict == "skipped");
    }
    is_good
}

fn main() -> ExitCode {
    let number = |at: usize| env::args().nth(at).and_then(|text| text.parse().ok());
    let (Some(equal), Some(planted)) = (number(1), number(2)) else {
        eprintln!("gate_bars EQUAL PLANTED: how many checks of a version with itself, and of each planted change");
        return ExitCode::from(2);
    };
    let programs = Programs::here();
    let is_over = AtomicBool::new(false);
    let is_good = thread::scope(|scope| {
        for seed in 0..thread::available_parallelism().map_or(2, usize::from) as u64 {
            let is_over = &is_over;
            scope.spawn(move || load(is_over, seed));
        }
        let start = Instant::now();
        let is_good = bars(&programs, equal, planted);
        println!("{} after {} s", if is_good { "met" } else { "MISSED" }, start.elapsed().as_secs());
        is_over.store(true, Relaxed);
        is_good
    });
    remove(&programs.folder);
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn remove(folder: &Path) {
    // What is left in the temporary folder hurts nobody.
    let _ = fs::remove_dir_all(folder);
}
