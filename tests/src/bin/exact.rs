//! The exact count of blocks and bytes by dhat.

#[global_allocator]
static ALLOC: dhat::Alloc = dhat::Alloc;

fn main() {
    let profiler = dhat::Profiler::builder().testing().build();
    let before = dhat::HeapStats::get();
    perf_sdk_tests::allocating_work();
    let after = dhat::HeapStats::get();
    drop(profiler);
    println!("{} blocks, {} bytes", after.total_blocks - before.total_blocks, after.total_bytes - before.total_bytes);
}
