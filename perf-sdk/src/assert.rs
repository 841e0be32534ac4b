//! Assertions on what code allocates, for tests.

use std::fmt::Write as _;

use crate::base::sort;
use crate::collect::{self, ScopeTotals};
use crate::memory::{self, Tallies};
use crate::snapshot::Totals;

/// The maximum number of scopes in a message.
const SCOPES: usize = 10;

/// Runs `f`, and panics unless it makes exactly `expected` allocations on this thread.
/// Reallocations do not count.
///
/// Every allocation is counted, independent of sampling. The message lists the profiled scopes with
/// their own allocations, excluding callees.
///
/// ```
/// # #[global_allocator]
/// # static ALLOC: perf_sdk::CountingAlloc<std::alloc::System> = perf_sdk::CountingAlloc::new(std::alloc::System);
/// # fn main() {
/// let text = perf_sdk::assert_allocations(1, || "one".to_owned());
/// # assert_eq!(text, "one");
/// # }
/// ```
///
/// **Blind spots.** Allocations that other threads make for `f` are not counted. Where recording is
/// sampled, the figures by scope are estimates; the total is exact.
///
/// # Panics
/// If the number differs, or if the program's global allocator is not one of this crate's, because
/// no other one counts.
#[track_caller]
pub fn assert_allocations<R>(expected: u64, f: impl FnOnce() -> R) -> R {
    let (result, seen) = Seen::of(f, "assert_allocations");
    let tallies = &seen.total;
    assert!(
        tallies.allocations == expected,
        "expected {expected} allocations, counted {} ({} bytes) on this thread{}",
        tallies.allocations,
        tallies.allocated_bytes,
        seen.by_scope(|totals| (totals.allocations, totals.allocated_bytes), "allocations")
    );
    result
}

/// Runs `f`, drops its result, and panics if this thread freed less than it allocated meanwhile.
///
/// Memory that is allocated once and kept, such as a cache's first fill or a lazy static, counts as
/// kept: run the code once before. The message lists the profiled scopes that kept memory,
/// excluding callees: allocated there, and not freed there.
///
/// ```
/// # #[global_allocator]
/// # static ALLOC: perf_sdk::CountingAlloc<std::alloc::System> = perf_sdk::CountingAlloc::new(std::alloc::System);
/// # fn main() {
/// perf_sdk::assert_no_leak(|| vec![1, 2, 3]);
/// # }
/// ```
///
/// **Blind spots.** Memory that `f` passes to other threads counts as kept. Memory of other threads
/// that it frees is subtracted. Where recording is sampled, the figures by scope are estimates; the
/// total is exact.
///
/// # Panics
/// If memory was kept, or if the program's global allocator is not one of this crate's, because no
/// other one counts.
#[track_caller]
pub fn assert_no_leak<R>(f: impl FnOnce() -> R) {
    let ((), seen) = Seen::of(|| drop(f()), "assert_no_leak");
    let tallies = &seen.total;
    let kept = |all: u64, freed: u64| all.wrapping_sub(freed) as i64;
    let blocks = kept(tallies.allocations, tallies.frees);
    let bytes = kept(tallies.allocated_bytes, tallies.freed_bytes);
    assert!(
        blocks <= 0 && bytes <= 0,
        "kept {bytes} bytes in {blocks} blocks on this thread: allocated {} bytes in {}, freed {} in {}{}",
        tallies.allocated_bytes,
        tallies.allocations,
        tallies.freed_bytes,
        tallies.frees,
        seen.by_scope(
            |totals| (totals.allocations - totals.frees, totals.allocated_bytes - totals.freed_bytes),
            "blocks kept"
        )
    );
}

/// The allocations of a closure on its thread.
struct Seen {
    total: Tallies,
    before: Vec<ScopeTotals>,
}

impl Seen {
    #[track_caller]
    fn of<R>(f: impl FnOnce() -> R, caller: &str) -> (R, Self) {
        assert!(
            memory::is_counting(),
            "{caller} needs an allocator that counts: #[global_allocator] static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new(); \
             or perf_sdk::CountingAlloc over another one"
        );
        let before = memory::uncounted(collect::own_scopes);
        let start = Tallies::now();
        let result = f();
        let total = Tallies::now().since(&start);
        (result, Self { total, before })
    }

    /// The scopes' own allocations, the largest first. `figure` returns blocks and bytes.
    fn by_scope(&self, figure: impl Fn(&Totals) -> (i64, i64), what: &str) -> String {
        let mut parts: Vec<(String, i64, i64)> = collect::own_scopes()
            .into_iter()
            .map(|scope| {
                let was = self.before.iter().find(|was| was.node == scope.node).map(|was| was.own).unwrap_or_default();
                let (blocks, bytes) = figure(&(scope.own - was));
                (scope.path, blocks, bytes)
            })
            .filter(|(_, blocks, bytes)| *blocks > 0 || *bytes > 0)
            .collect();
        sort::sort_by_key(&mut parts, |(_, blocks, bytes)| std::cmp::Reverse((*bytes, *blocks)));
        let (all_blocks, all_bytes) = figure(&totals(&self.total));
        let sum = |part: fn(&(String, i64, i64)) -> i64| parts.iter().map(part).sum::<i64>();
        let (blocks, bytes) = (all_blocks - sum(|part| part.1), all_bytes - sum(|part| part.2));
        let mut text = String::new();
        for (path, blocks, bytes) in parts.iter().take(SCOPES) {
            let _ = write!(text, "\n  {path}: {blocks} {what}, {bytes} bytes");
        }
        if parts.len() > SCOPES {
            let _ = write!(text, "\n  and {} more scopes", parts.len() - SCOPES);
        }
        if blocks > 0 || bytes > 0 {
            let _ = write!(text, "\n  outside of profiled scopes: {blocks} {what}, {bytes} bytes");
        }
        text
    }
}

fn totals(tallies: &Tallies) -> Totals {
    Totals {
        allocated_bytes: tallies.allocated_bytes as i64,
        allocations: tallies.allocations as i64,
        freed_bytes: tallies.freed_bytes as i64,
        frees: tallies.frees as i64,
        reallocations: tallies.reallocations as i64,
        ..Totals::default()
    }
}
