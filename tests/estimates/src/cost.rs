//! Compares the measured cost of recording the programs with the profiler's own account of it.
//!
//! In one process, recording is switched off and on in turn, so that both halves run the same code
//! at the same addresses. This comparison does not contain the start, the profiler's own threads,
//! samples of stacks and of the heap, and the effect of an annotation on the code of its function.
//! These are in the comparison of whole processes, with the profiler compiled in and without. The
//! uncertainty of that one is some percent, because the code layout of the two builds differs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use perf_sdk::Handle;

use crate::programs::{PROGRAMS, Program};
use crate::quantile;
use crate::truth::{only_work_for, process_cpu, work};

/// Duration of a run in which recording is switched off and on.
const SWITCHED: Duration = Duration::from_secs(33);
/// Before the first slice: the budget finds its rates.
const WARM_UP: Duration = Duration::from_secs(3);
const SLICE: Duration = Duration::from_millis(100);
/// Duration of a whole process. It also suffices for one with little work, which is then not
/// dominated by its start.
const WHOLE: Duration = Duration::from_secs(3);
const WHOLE_QUIET: Duration = Duration::from_secs(20);
/// The share of the pairs that is trimmed at either end: other load on the machine slows single
/// slices down.
const TRIMMED: f64 = 0.1;

/// The measurements of one slice.
struct Slice {
    /// CPU seconds of the process.
    cpu: f64,
    /// Units of work in this time.
    work: f64,
}

impl Slice {
    fn cpu_per_work(&self) -> f64 {
        self.cpu / self.work
    }
}

/// Switches recording while the program runs, and prints a comparison of the two halves.
pub fn switched(program: &Program) {
    only_work_for(SWITCHED);
    let handle = start();
    let is_over = AtomicBool::new(false);
    let (slices, account) = thread::scope(|scope| {
        let slices = scope.spawn(|| {
            thread::sleep(WARM_UP);
            let before = account(&handle);
            let mut slices: Vec<[Slice; 2]> = Vec::new();
            while !is_over.load(Relaxed) {
                // Off, on, on, off: a steady drift affects both equally.
                let [first, second] = if slices.len().is_multiple_of(2) { [false, true] } else { [true, false] };
                let [a, b] = [first, second].map(|on| slice(&handle, on));
                slices.push(if first { [b, a] } else { [a, b] });
            }
            // NOTE: the account is read over the whole run, not for each slice, because the cost of
            // a call is estimated anew from time to time, for all calls up to then.
            (slices, account(&handle) - before)
        });
        (program.run)(&handle);
        is_over.store(true, Relaxed);
        slices.join().expect("no panic")
    });
    // The last pair may contain the end of the program.
    let slices = &slices[..slices.len().saturating_sub(1)];
    let logarithms: Vec<f64> = slices
        .iter()
        .map(|[off, on]| (on.cpu_per_work() / off.cpu_per_work()).ln())
        .filter(|ratio| ratio.is_finite())
        .collect();
    let (mean, within) = trimmed(logarithms);
    let recorded: f64 = slices.iter().map(|[_, on]| on.cpu).sum();
    println!(
        "{}: recording takes {:+.2} % ± {:.2} % of the rest, by its account {:.2} %; {} pairs of slices",
        program.name,
        mean * 100.0,
        within * 100.0,
        account / (recorded - account) * 100.0,
        slices.len(),
    );
}

fn slice(handle: &Handle, on: bool) -> Slice {
    handle.set_recording(on);
    let (cpu, done) = (process_cpu(), work());
    thread::sleep(SLICE);
    Slice { cpu: process_cpu() - cpu, work: (work() - done) as f64 }
}

/// The cost of counting and measuring calls so far, by the profiler's account, in seconds.
fn account(handle: &Handle) -> f64 {
    let parts = handle.snapshot().profiler.overhead_parts;
    ["counting", "measuring"].iter().filter_map(|part| parts.get(*part)).sum::<u64>() as f64 / 1e9
}

/// The trimmed mean and half the width of its 95 % interval (Tukey and McLaughlin 1963).
fn trimmed(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let (n, cut) = (values.len(), (values.len() as f64 * TRIMMED) as usize);
    let kept = &values[cut..n - cut];
    let winsorised = |at: usize| values[at.clamp(cut, n - cut - 1)];
    let centre = (0..n).map(winsorised).sum::<f64>() / n as f64;
    let variance = (0..n).map(|at| (winsorised(at) - centre).powi(2)).sum::<f64>() / (n - 1) as f64;
    let error = variance.sqrt() / ((1.0 - 2.0 * TRIMMED) * (n as f64).sqrt());
    (kept.iter().sum::<f64>() / kept.len() as f64, 1.96 * error)
}

fn start() -> Handle {
    perf_sdk::builder().listen("off").report(false).start().expect("a start")
}

fn whole_time(program: &Program) -> Duration {
    if program.name == "quiet" { WHOLE_QUIET } else { WHOLE }
}

/// Runs a whole process. Prints its work, its CPU seconds, and the instrumentation overhead among
/// these by the profiler's account.
pub fn whole(program: &Program) {
    only_work_for(whole_time(program));
    let handle = start();
    (program.run)(&handle);
    let (cpu, done) = (process_cpu(), work());
    println!("{done}\t{cpu}\t{}", handle.snapshot().profiler.overhead_ns as f64 / 1e9);
}

/// Compares whole processes with the profiler compiled in and without, in turn.
pub fn compare(pairs: u32, chosen: &dyn Fn(&Program) -> bool) {
    let recorded = std::env::current_exe().expect("this program");
    let bare = build_bare();
    for program in PROGRAMS.iter().filter(|program| chosen(program)) {
        let (mut ratios, mut extra, mut account) = (Vec::new(), Vec::new(), Vec::new());
        for pair in 0..pairs {
            let [first, second] = if pair.is_multiple_of(2) { [&bare, &recorded] } else { [&recorded, &bare] };
            let [a, b] = [first, second].map(|executable| run_whole(executable, program));
            let (without, with) = if pair.is_multiple_of(2) { (a, b) } else { (b, a) };
            let [per_work, bare_per_work] = [with, without].map(|[done, cpu, _]| cpu / done);
            ratios.push(per_work / bare_per_work);
            extra.push((per_work - bare_per_work) * with[0] / whole_time(program).as_secs_f64());
            account.push(with[2] / (with[1] - with[2]));
        }
        let [ratio, extra, account] = [ratios, extra, account].map(|mut all| {
            let [low, middle, high] = [0.0, 0.5, 1.0].map(|at| quantile(&mut all, at));
            [low, middle, high]
        });
        println!(
            "{}: {:.3} × its bare CPU time in the median ({:.3} to {:.3} in {pairs} pairs), {:.2} % of a core more; by the account {:.3} ×",
            program.name,
            ratio[1],
            ratio[0],
            ratio[2],
            extra[1] * 100.0,
            1.0 + account[1],
        );
    }
}

fn run_whole(executable: &Path, program: &Program) -> [f64; 3] {
    let output = Command::new(executable).args([crate::WHOLE, program.name]).output().expect("the program runs");
    assert!(output.status.success(), "{}: {}", program.name, String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Vec<f64> = said.trim().split('\t').map(|number| number.parse().expect("a number")).collect();
    numbers.try_into().expect("three numbers")
}

/// Builds this program without the recorder.
fn build_bare() -> PathBuf {
    let this = std::env::current_exe().expect("this program");
    let target = this.parent().and_then(Path::parent).expect("a target folder").join("bare");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--no-default-features", "--manifest-path"])
        .arg(manifest)
        .env("CARGO_TARGET_DIR", &target)
        .status()
        .expect("cargo runs");
    assert!(built.success(), "the programs do not build without the recorder");
    target.join("release/perf-sdk-estimates")
}
