//! hotpath.

use std::hint::black_box;

#[hotpath::measure]
#[inline(never)]
fn measured(n: u64) -> u64 {
    black_box(n)
}

fn main() {
    // Its report would be printed among the answers.
    std::mem::forget(hotpath::HotpathGuardBuilder::new("peer").build());
    harness::serve(&[("hotpath with alloc", |calls| (0..calls).for_each(|n| _ = black_box(measured(n))))]);
}
