//! A workload that allocates the same blocks each time.

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;

/// Deterministic work that allocates, grows, shrinks and frees blocks of many sizes.
pub fn allocating_work() {
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
