//! Threads that meet in a file of the library's: all orders of their steps, and all that they may
//! see of each other.
//!
//! The files are the library's own, each at its place. What they import is one of these too, or a
//! few lines that stand in its place; the atomics are loom's. The models of a file stand beside it.

#![allow(dead_code)]

mod base;
mod clock;
mod histogram;
mod memory;
mod record;
mod scope;
mod stacks;

#[path = "../../../perf-sdk/src/outcome.rs"]
mod outcome;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// Threads that meet.
struct Model {
    name: &'static str,
    /// How often a thread that could go on is stopped for another one; `None`: any number of times.
    preemptions: Option<usize>,
    run: fn(),
}

fn main() {
    base::orders::both_are_tried();
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let models = [
        record::store::owner_models::MODELS,
        record::store::ring_models::MODELS,
        record::store::shared_models::MODELS,
        record::locks::models::MODELS,
        record::slowest::models::MODELS,
        stacks::ring_models::MODELS,
        stacks::linux::gate_models::MODELS,
        stacks::linux::slot_models::MODELS,
        memory::live::models::MODELS,
    ];
    let models = models.into_iter().flatten();
    for model in models.filter(|model| model.name.contains(&wanted)) {
        model.check();
    }
}

impl Model {
    fn check(&self) {
        static RUNS: AtomicU64 = AtomicU64::new(0);
        RUNS.store(0, Relaxed);
        let start = Instant::now();
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = self.preemptions;
        builder.max_branches = 10_000;
        let run = self.run;
        builder.check(move || {
            RUNS.fetch_add(1, Relaxed);
            base::run::begin();
            run();
        });
        let bound = self.preemptions.map_or(String::new(), |most| format!(" of at most {most} preemptions"));
        println!("{}: every order{bound} holds, {} runs, {:.1?}", self.name, RUNS.load(Relaxed), start.elapsed());
    }
}
