//! Measures the errors of estimates under the default budget, and checks for impossible figures:
//! `perf-sdk-estimates [RUNS [PROGRAM...]]`, by default twenty runs of all programs.
//!
//! `perf-sdk-estimates switched [PROGRAM...]` compares the cost of recording, switched off and on
//! in one process, with the profiler's own account. `perf-sdk-estimates whole [PAIRS [PROGRAM...]]`
//! compares whole processes with the profiler compiled in and without, by default five pairs of
//! each.
//!
//! Each run is a separate process. Impossible figures are counted: a callee with more time than its
//! caller, more exclusive time than the threads had, more CPU time than wall time, negative time.
//! Sums are compared with what the program measured itself.

mod checks;
mod cost;
mod programs;
mod truth;

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};
use std::time::Instant;

use programs::{PROGRAMS, Program};

/// The argument for a process of one program: prints its figures, the cost of recording it, and its
/// whole CPU time.
const ONE: &str = "--one";
const SWITCHED: &str = "--switched";
const WHOLE: &str = "--whole";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mode @ (ONE | SWITCHED | WHOLE), name] = &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        let program = PROGRAMS.iter().find(|program| program.name == *name).expect("a program");
        match *mode {
            ONE => one(program),
            SWITCHED => cost::switched(program),
            _ => cost::whole(program),
        }
        return ExitCode::SUCCESS;
    }
    let (mode, rest) = match arguments.first().map(String::as_str) {
        Some(mode @ ("switched" | "whole")) => (mode, &arguments[1..]),
        _ => ("", &arguments[..]),
    };
    let times = rest.first().and_then(|times| times.parse::<u32>().ok());
    let names = &rest[usize::from(times.is_some())..];
    if let Some(name) = names.iter().find(|name| PROGRAMS.iter().all(|program| program.name != **name)) {
        let known: Vec<&str> = PROGRAMS.iter().map(|program| program.name).collect();
        eprintln!("{name:?} is none of the programs: {}", known.join(", "));
        return ExitCode::FAILURE;
    }
    let chosen = |program: &Program| names.is_empty() || names.iter().any(|name| name == program.name);
    match mode {
        "switched" => {
            for program in PROGRAMS.iter().filter(|program| chosen(program)) {
                let status = Command::new(std::env::current_exe().expect("this program"))
                    .args([SWITCHED, program.name])
                    .status()
                    .expect("this program runs");
                assert!(status.success(), "{}", program.name);
            }
            ExitCode::SUCCESS
        }
        "whole" => {
            cost::compare(times.unwrap_or(5), &chosen);
            ExitCode::SUCCESS
        }
        _ => {
            let mut bad = false;
            for program in PROGRAMS.iter().filter(|program| chosen(program)) {
                bad |= !all_runs(program, times.unwrap_or(20));
            }
            if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
    }
}

/// One run. Prints the results, one in a line, with fields separated by tabs.
fn one(program: &Program) {
    let handle = perf_sdk::builder().listen("off").report(false).start().expect("a start");
    let (start, cpu) = (Instant::now(), truth::process_cpu());
    let truth = (program.run)(&handle);
    let (time, cpu) = (start.elapsed().as_secs_f64(), truth::process_cpu() - cpu);
    let seen = handle.snapshot();
    let thread_seconds = time * program.threads as f64;
    for violation in checks::violations(&seen, thread_seconds) {
        println!("violation\t{violation}");
    }
    for compared in checks::compared(&seen, &truth, cpu) {
        let checks::Compared { what, real, seen, samples, error } = compared;
        println!("compared\t{what}\t{real}\t{seen}\t{samples}\t{error}");
    }
    for compared in checks::compared_quantiles(&seen, &truth) {
        let checks::ComparedQuantile { what, real, seen, low, high } = compared;
        println!("quantile\t{what}\t{real}\t{seen}\t{low}\t{high}");
    }
    let budget = seen.profiler.budget.unwrap_or_default();
    println!("cpu\t{}\t{}\t{}", cpu / time, budget.achieved, budget.allowed);
}

/// Returns whether all figures of all runs were possible.
fn all_runs(program: &Program, runs: u32) -> bool {
    let mut violations: Vec<String> = Vec::new();
    let mut runs_with = 0;
    let mut errors: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut samples: BTreeMap<String, u64> = BTreeMap::new();
    // How many were within 1.96 standard errors, and the mean standard error relative to the truth.
    let mut stated: BTreeMap<String, (u32, f64)> = BTreeMap::new();
    let mut quantiles: BTreeMap<String, Vec<[f64; 4]>> = BTreeMap::new();
    let mut shares = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..runs {
        let output = Command::new(std::env::current_exe().expect("this program"))
            .args([ONE, program.name])
            .output()
            .expect("this program runs");
        assert!(output.status.success(), "{}: {}", program.name, String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let before = violations.len();
        for line in said.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            let number = |at: usize| fields[at].parse::<f64>().expect("a number");
            match fields[0] {
                "violation" => violations.push(fields[1].to_owned()),
                "compared" => {
                    errors.entry(fields[1].to_owned()).or_default().push((number(3) - number(2)) / number(2));
                    let (within, relative) = stated.entry(fields[1].to_owned()).or_default();
                    *within += u32::from((number(3) - number(2)).abs() <= 1.96 * number(5));
                    *relative += number(5) / number(2) / f64::from(runs);
                    *samples.entry(fields[1].to_owned()).or_default() += number(4) as u64;
                }
                "quantile" => {
                    quantiles.entry(fields[1].to_owned()).or_default().push([2, 3, 4, 5].map(number));
                }
                _ => shares.iter_mut().zip(1..).for_each(|(all, at)| all.push(number(at))),
            }
        }
        runs_with += u32::from(violations.len() > before);
    }
    let [cpu, achieved, allowed] = shares.map(|mut all| quantile(&mut all, 0.5));
    println!(
        "{}: {cpu:.2} of a core, the profiler {:.2} % of a budget of {:.2} %; impossible figures in {runs_with} of {runs} runs",
        program.name,
        achieved * 100.0,
        allowed * 100.0,
    );
    for (what, errors) in &mut errors {
        let mut sizes: Vec<f64> = errors.iter().map(|error| error.abs()).collect();
        println!(
            "  {what}: error {:+.1} % in the median, at most {:.1} % in half of the runs, {:.1} % in 95 %; {:.1} % \
             stated, which held in {} runs; {} measured",
            quantile(errors, 0.5) * 100.0,
            quantile(&mut sizes, 0.5) * 100.0,
            quantile(&mut sizes, 0.95) * 100.0,
            stated[what].1 * 100.0,
            stated[what].0,
            samples[what] / u64::from(runs),
        );
    }
    for (what, told) in &quantiles {
        say_quantile(what, told);
    }
    violations.iter().take(5).for_each(|violation| println!("  impossible: {violation}"));
    violations.is_empty()
}

/// The documented relative error of histograms.
const RESOLUTION: f64 = 0.011;

/// For each run: the truth, the estimate, and the stated interval.
fn say_quantile(what: &str, told: &[[f64; 4]]) {
    let holds =
        |[real, _, low, high]: &&[f64; 4]| (low * (1.0 - RESOLUTION)..=high * (1.0 + RESOLUTION)).contains(real);
    let held = told.iter().filter(holds).count();
    let mut errors: Vec<f64> = told.iter().map(|[real, seen, ..]| (seen - real) / real).collect();
    let mut widths: Vec<f64> = told.iter().map(|[real, _, low, high]| (high - low) / real).collect();
    println!(
        "  {what}: error {:+.1} % in the median; stated interval {:.1} %, which held in {held} of the {} runs that stated it",
        quantile(&mut errors, 0.5) * 100.0,
        quantile(&mut widths, 0.5) * 100.0,
        told.len(),
    );
}

fn quantile(values: &mut [f64], at: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len().saturating_sub(1) as f64 * at).round() as usize;
    values.get(place).copied().unwrap_or(f64::NAN)
}
