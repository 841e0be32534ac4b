//! `Counted` over dhat's exact allocator: both must see the same blocks and bytes.

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;

#[global_allocator]
static ALLOC: perf_sdk::Counted<dhat::Alloc> = perf_sdk::Counted::new(dhat::Alloc);

/// Deterministic work that allocates, grows, shrinks and frees blocks of many sizes.
fn work() {
    let mut state = 12345u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize
    };
    let mut kept: Vec<Vec<u8>> = Vec::new();
    let mut tree = BTreeMap::new();
    let mut words: HashMap<String, usize> = HashMap::new();
    for round in 0..5_000 {
        let mut block = vec![0u8; next() % 3_000];
        if round % 3 == 0 {
            block.extend_from_slice(&[1; 700]);
        }
        if round % 5 == 0 {
            block.truncate(10);
            block.shrink_to_fit();
        }
        if round % 7 == 0 {
            kept.push(block);
        }
        tree.insert(next() % 1_000, round);
        *words.entry(format!("word{}", next() % 400)).or_default() += 1;
    }
    black_box((kept, tree, words));
}

fn main() {
    // The first call enrols this thread; dhat must not see what that costs.
    perf_sdk::measure("warm", || ());
    let profiler = dhat::Profiler::builder().testing().build();
    let before = dhat::HeapStats::get();
    perf_sdk::measure("work", work);
    let after = dhat::HeapStats::get();
    drop(profiler);

    let seen = perf_sdk::snapshot();
    let figures = perf_sdk_tests::function(&seen, "work").inclusive;
    assert!(figures.reallocations > 100 && figures.allocations > 5_000, "{figures:?}");
    // dhat counts a realloc as a new block.
    let blocks = (figures.allocations + figures.reallocations) as u64;
    assert_eq!(blocks, after.total_blocks - before.total_blocks);
    assert_eq!(figures.allocated_bytes as u64, after.total_bytes - before.total_bytes);
    let live = figures.allocated_bytes - figures.freed_bytes;
    assert_eq!(live, after.curr_bytes as i64 - before.curr_bytes as i64);
}
