//! A program with operations, for the gate. The name of its file says what is planted in it, so
//! that a link to it is another version.
//!
//! | part of the name | planted |
//! |---|---|
//! | `allocation` | one more allocation in each operation, in `describe` |
//! | `calls` | one more call of `price` in each operation |
//! | `instructions` | 5 % more instructions in an operation, in `find` |
//! | `time` | an operation takes 20 % more time, in `price` |
//! | `slow` | an operation takes six times as long, in `price` |
//! | `renamed` | the operation `lookup` is called `search` |
//! | `unsteady` | a number of allocations that differs from process to process |
//! | `failing` | it ends before it does anything |

use std::alloc::System;
use std::env;
use std::hash::{BuildHasher as _, RandomState};
use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;

use perf_sdk::bench::Bench;
use perf_sdk::{CountingAlloc, profiled};

#[global_allocator]
static ALLOC: CountingAlloc<System> = CountingAlloc::new(System);

/// Turns of the loop in one operation.
const TURNS: u64 = 4_000;

#[derive(Clone, Copy)]
struct Planted {
    allocations: u64,
    calls: u64,
    turns_to_find: u64,
    turns_to_price: u64,
}

impl Planted {
    fn of(name: &str) -> Self {
        let is = |part: &str| name.contains(part);
        let random = RandomState::new().hash_one(()) % 100_000;
        Self {
            allocations: if is("unsteady") { random } else { u64::from(is("allocation")) },
            calls: u64::from(is("calls")),
            // A turn of them takes as much as another one; calls and letters take the rest.
            turns_to_find: if is("instructions") { TURNS * 6 / 100 } else { 0 },
            turns_to_price: if is("slow") {
                TURNS * 5
            } else if is("time") {
                TURNS * 22 / 100
            } else {
                0
            },
        }
    }
}

#[inline(never)]
fn turn(turns: u64) -> u64 {
    (0..black_box(turns)).fold(1, |all, turn| black_box(all ^ turn.wrapping_mul(0x9E37_79B9)))
}

#[profiled]
#[inline(never)]
fn find(planted: Planted) -> u64 {
    // In this function itself, so that its own instructions are more.
    (0..black_box(TURNS / 2 + planted.turns_to_find))
        .fold(1, |all, turn| black_box(all ^ turn.wrapping_mul(0x9E37_79B9)))
}

#[profiled]
#[inline(never)]
fn price(turns: u64) -> u64 {
    turn(turns)
}

#[profiled]
#[inline(never)]
fn describe(planted: Planted) -> Vec<String> {
    (0..2 + planted.allocations.min(1)).map(|item| format!("item {item}")).collect()
}

#[profiled]
#[inline(never)]
fn order(planted: Planted) -> usize {
    let mut sum = find(planted);
    for _ in 0..4 {
        sum ^= price(TURNS / 8 + planted.turns_to_price / 4);
    }
    for _ in 0..planted.calls {
        sum ^= price(1);
    }
    // One after another: `describe` has at most one of them.
    for _ in 1..planted.allocations {
        black_box(Box::new(sum));
    }
    describe(planted).len() + black_box(sum) as usize
}

fn main() -> ExitCode {
    let program = env::args().next().unwrap_or_default();
    let name = Path::new(&program).file_name().unwrap_or_default().to_string_lossy().into_owned();
    if name.contains("failing") {
        eprintln!("this version fails");
        return ExitCode::FAILURE;
    }
    let planted = Planted::of(&name);
    let mut bench = Bench::new();
    let lookup = if name.contains("renamed") { "search" } else { "lookup" };
    bench.operation("order", || order(planted)).operation(lookup, || find(Planted::of("")));
    bench.run()
}
