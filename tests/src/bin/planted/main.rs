//! Programs in each of which one problem is planted, that one finding is about: the name of the
//! finding's rule is the first argument. With `corrected` as the second one, the problem is mended.
//!
//! A program prints the address of its endpoint and works until its standard input ends.
//!
//! | file | problems |
//! |---|---|
//! | `computing` | CPU time, allocations |
//! | `futures` | polls, cancelled calls, uneven workers |
//! | `locks` | contention, locks that are held over an await |
//! | `databases` | statements, caches |
//! | `connections` | pools of connections |
//! | `memory` | leaks, and memory that is not returned |
//! | `process` | the start, limits of the system, panics, the profiler itself |
//! | `common` | what all of them do besides |

mod common;
mod computing;
mod connections;
mod databases;
mod futures;
mod locks;
mod memory;
mod process;

use std::io::Read as _;
use std::process::ExitCode;
use std::thread;

use common::{Plant, Run};

#[global_allocator]
static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let families = [
        computing::PLANTS,
        connections::PLANTS,
        databases::PLANTS,
        futures::PLANTS,
        locks::PLANTS,
        memory::PLANTS,
        process::PLANTS,
    ];
    let named = |plant: &&Plant| arguments.first().is_some_and(|rule| rule == plant.rule);
    let is_corrected = match arguments.get(1).map(String::as_str) {
        None => Some(false),
        Some("corrected") => Some(true),
        Some(_) => None,
    };
    let (Some(plant), Some(is_corrected)) = (families.into_iter().flatten().find(named), is_corrected) else {
        eprintln!("the arguments are {arguments:?}; allowed: the name of a rule, and corrected behind it");
        return ExitCode::FAILURE;
    };
    let run = Run::new(is_corrected);
    let until_end = run.clone();
    thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        until_end.end();
    });
    (plant.works)(&run);
    ExitCode::SUCCESS
}
