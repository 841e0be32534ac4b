//! Compares a snapshot with the ground truth, and checks it for contradictions.

use perf_sdk::snapshot::{ROOT, Snapshot};

use crate::truth::Truth;

/// A figure that exceeds its bound by more than this share is a violation.
const SLACK: f64 = 0.02;
/// Shorter sums are not checked, in seconds.
const LEAST: f64 = 0.000_1;
/// Functions with a smaller share of the time are not compared with the truth.
const LEAST_SHARE: f64 = 0.01;

/// Impossible figures: which one, and by how much.
pub fn violations(seen: &Snapshot, thread_seconds: f64) -> Vec<String> {
    let mut found = Vec::new();
    let mut at_most = |what: String, value: f64, most: f64| {
        if value > most * (1.0 + SLACK) + LEAST {
            found.push(format!("{what}: {value:.4} s of {most:.4} s"));
        }
    };
    let seconds = |ns: i64| ns as f64 / 1e9;
    let mut inside = vec![(0.0, 0.0); seen.tree.len()];
    for node in &seen.tree {
        if node.parent != ROOT {
            let sums = &mut inside[node.parent as usize];
            sums.0 += seconds(node.inclusive.wall_ns);
            sums.1 += seconds(node.inclusive.cpu_ns);
        }
    }
    for (node, (wall, cpu)) in seen.tree.iter().zip(inside) {
        let name = &seen.functions[node.function as usize].name;
        at_most(format!("wall time of the callees of {name}"), wall, seconds(node.inclusive.wall_ns));
        at_most(format!("CPU time of the callees of {name}"), cpu, seconds(node.inclusive.cpu_ns));
        at_most(format!("CPU time of {name}"), seconds(node.inclusive.cpu_ns), seconds(node.inclusive.wall_ns));
    }
    let own: f64 = seen.functions.iter().map(|function| function.exclusive.wall_ns.max(0) as f64 / 1e9).sum();
    at_most("exclusive time of all functions".to_owned(), own, thread_seconds);
    for function in &seen.functions {
        let negative = function.exclusive.wall_ns.min(function.exclusive.cpu_ns).min(0) as f64 / -1e9;
        at_most(format!("negative time in {}", function.name), negative, 0.0);
    }
    found
}

/// One estimate and its true value.
pub struct Compared {
    pub what: String,
    pub real: f64,
    pub seen: f64,
    pub samples: u64,
    /// The stated standard error, in seconds.
    pub error: f64,
}

/// The sums of functions with a relevant share of the time.
pub fn compared(seen: &Snapshot, truth: &Truth, cpu_seconds: f64) -> Vec<Compared> {
    let mut all = Vec::new();
    for (name, real) in truth {
        let Some(function) = seen.functions.iter().find(|function| function.name == *name) else { continue };
        let sums = [("wall", real.wall, function.inclusive.wall_ns), ("CPU", real.cpu, function.inclusive.cpu_ns)];
        for (which, real, seen) in sums {
            if let Some(real) = real.filter(|real| *real >= cpu_seconds * LEAST_SHARE) {
                let error = function.inclusive_error_ns as f64 / 1e9;
                let (what, seen) = (format!("{which} of {name}"), seen as f64 / 1e9);
                all.push(Compared { what, real, seen, samples: function.samples, error });
            }
        }
    }
    all
}

/// A quantile and its true value, in seconds.
pub struct ComparedQuantile {
    pub what: String,
    pub real: f64,
    pub seen: f64,
    /// The stated confidence interval.
    pub low: f64,
    pub high: f64,
}

/// Quantiles of functions whose calls the program also timed itself, if the snapshot has them.
pub fn compared_quantiles(seen: &Snapshot, truth: &Truth) -> Vec<ComparedQuantile> {
    let mut all = Vec::new();
    for (name, real) in truth.iter().filter(|(_, real)| !real.durations.is_empty()) {
        let Some(function) = seen.functions.iter().find(|function| function.name == *name) else { continue };
        for (called, q) in [("p50", 0.5), ("p99", 0.99)] {
            let Some(quantile) = function.quantile(q) else { continue };
            let rank = (real.durations.len() as f64 * q).ceil() as usize;
            all.push(ComparedQuantile {
                what: format!("{called} of {name}"),
                real: real.durations[rank.saturating_sub(1)],
                seen: quantile.ns / 1e9,
                low: quantile.low / 1e9,
                high: quantile.high / 1e9,
            });
        }
    }
    all
}
